"""The figures of a report that rest on intensities: means, emissions, differences, scopes, projections."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from airflow_provider_hypercarbon.carbon.equivalents import equivalent
from airflow_provider_hypercarbon.carbon.instants import as_utc
from airflow_provider_hypercarbon.carbon.intensity import IntensitySeries
from airflow_provider_hypercarbon.carbon.means import NO_MEAN, SeriesMean, WindowMeans, series_mean, window_means
from airflow_provider_hypercarbon.carbon.report import SCHEDULED_START, CarbonReport

#: HyperSDK's fixed comparison, electricity from coal alone; not a counterfactual of anything.
WORST_GCO2EQ_PER_KWH = 1000.0
_DAY = timedelta(days=1)
#: A day that is known less than this stands for no other time.
_LEAST_OF_A_DAY = 0.75


class GridData(NamedTuple):
    """All intensities that a report can use. The first is enough; each other adds fields of its own.

    :param series: measured slots of the run's zone, over :func:`history_needed`.
    :param counterpart: the same with the other emission factors, direct beside life-cycle: splits the scopes.
    :param marginal: of a marginal signal.
    :param retention: of the target's zone, over :func:`retention_history_needed`.
    """

    series: IntensitySeries | None
    counterpart: IntensitySeries | None = None
    marginal: IntensitySeries | None = None
    retention: IntensitySeries | None = None

    @property
    def average(self) -> IntensitySeries | None:
        """The series, if it is one for accounting."""
        return self.series if self.series and self.series.signal.kind == "average" else None


def grid_figures(report: CarbonReport, data: GridData, needed: tuple[datetime, datetime]) -> dict[str, Any]:
    """Return all fields of a report that rest on intensities.

    :param needed: the time whose slots are recorded with the report.
    """
    average = data.average
    run, scheduled = _means(report, average)
    window = _window(report, average)
    awaited = report.scheduled_at is not None and report.latest_start_at is not None
    return {
        **_run_figures(report, run),
        **_differences(report, run, scheduled, window),
        **_scopes(report, run, average, data.counterpart),
        **_marginal_figures(report, data.marginal or data.series),
        **_retention_figures(report, average, data.retention),
        "intensities": _recorded(average, *needed),
        "source": average.source if average else None,
        "signal": average.signal if average else None,
        "provisional": (
            run.provisional
            or (report.scheduled_at is not None and scheduled.provisional)
            or (awaited and (window is None or window.estimated))
        ),
    }


def grid_gaps(report: CarbonReport, data: GridData, figures: dict[str, Any]) -> list[str]:
    """Say why figures of the run are null."""
    if data.series and data.average is None:
        return ["The source counts marginal emissions, which are no footprint: the average ones are unknown."]
    gaps = []
    if figures["mean_gco2eq_per_kwh"] is None:
        gaps.append("The source has no intensity for the time of the run.")
    if report.scheduled_at and figures["scheduled_mean_gco2eq_per_kwh"] is None:
        gaps.append("The source has no intensity for the scheduled start, so the difference to it is unknown.")
    return gaps


def retention_history_needed(ended_at: datetime) -> tuple[datetime, datetime]:
    """Return the day whose mean stands in for the time of the retention: a whole one, so that no hour weighs more."""
    return as_utc(ended_at) - _DAY, as_utc(ended_at)


def _means(report: CarbonReport, series: IntensitySeries | None) -> tuple[SeriesMean, SeriesMean]:
    """Return the means over the run and over a run of the same length at the scheduled start."""
    run = series_mean(series, report.started_at, report.ended_at)
    if report.scheduled_at is None:
        return run, NO_MEAN
    return run, series_mean(series, report.scheduled_at, report.scheduled_at + (report.ended_at - report.started_at))


def _window(report: CarbonReport, series: IntensitySeries | None) -> WindowMeans | None:
    if report.scheduled_at is None or report.latest_start_at is None:
        return None
    return window_means(series, report.scheduled_at, report.latest_start_at, report.ended_at - report.started_at)


def _run_figures(report: CarbonReport, run: SeriesMean) -> dict[str, Any]:
    emissions = _kg(report.energy_kwh, run.mean)
    against_coal = None if run.mean is None else WORST_GCO2EQ_PER_KWH - run.mean
    return {
        "mean_gco2eq_per_kwh": run.mean,
        "intensity_coverage": run.coverage,
        "emissions_kgco2eq": emissions,
        "emissions_low_kgco2eq": _kg(report.energy_low_kwh, run.mean),
        "emissions_high_kgco2eq": _kg(report.energy_high_kwh, run.mean),
        "gco2eq_per_gb": _per_gb(emissions, report.data_gb),
        "sci_gco2eq_per_gb": _per_gb(_sum(emissions, report.embodied_kgco2eq), report.data_gb),
        "savings_vs_worst_kgco2eq": _kg(report.energy_kwh, against_coal),
        "equivalent": None if emissions is None else equivalent(emissions),
    }


def _differences(
    report: CarbonReport, run: SeriesMean, scheduled: SeriesMean, window: WindowMeans | None
) -> dict[str, Any]:
    """Return the run against other starts, over the energy that moves with the start."""
    moved = report.shiftable_energy_kwh
    return {
        "baseline": SCHEDULED_START if report.scheduled_at else None,
        "scheduled_mean_gco2eq_per_kwh": scheduled.mean,
        "difference_to_scheduled_kgco2eq": _kg(moved, _less(run.mean, scheduled.mean)),
        "window_mean_gco2eq_per_kwh": window.mean if window else None,
        "difference_to_window_mean_kgco2eq": _kg(moved, _less(run.mean, window.mean if window else None)),
        "worst_start_at": window.worst_start_at if window else None,
        "worst_start_gco2eq_per_kwh": window.worst if window else None,
        "difference_to_worst_start_kgco2eq": _kg(moved, _less(run.mean, window.worst if window else None)),
    }


def _scopes(
    report: CarbonReport, run: SeriesMean, series: IntensitySeries | None, counterpart: IntensitySeries | None
) -> dict[str, Any]:
    """Split the emissions: direct factors are Scope 2, what life-cycle factors add is Scope 3 category 3."""
    means = {series.signal.factors: run.mean} if series else {}
    if counterpart and counterpart.signal.kind == "average":
        # Two means over different parts of a run have no difference.
        other = series_mean(counterpart, report.started_at, report.ended_at)
        means.setdefault(counterpart.signal.factors, other.mean if other.coverage == run.coverage else None)
    direct, whole = means.get("direct"), means.get("lifecycle")
    return {
        "direct_mean_gco2eq_per_kwh": direct,
        "scope2_location_kgco2eq": _kg(report.energy_kwh, direct),
        "scope3_upstream_kgco2eq": _kg(report.energy_kwh, _less(whole, direct)),
    }


def _marginal_figures(report: CarbonReport, series: IntensitySeries | None) -> dict[str, Any]:
    if series is None or series.signal.kind != "marginal":
        return {}  # nobody asked anew: what was known stays
    run, scheduled = _means(report, series)
    difference = _kg(report.shiftable_energy_kwh, _less(run.mean, scheduled.mean))
    return {
        "marginal_mean_gco2eq_per_kwh": run.mean,
        "marginal_source": series.source,
        "marginal_difference_to_scheduled_kgco2eq": difference,
    }


def _retention_figures(
    report: CarbonReport, series: IntensitySeries | None, own: IntensitySeries | None
) -> dict[str, Any]:
    """Project the emissions of the retention: by the target's zone, never by that of the run if it is another."""
    if report.retention_days is None:
        return {}
    if own is None and report.retention_zone == report.zone:
        own = series
    day = series_mean(own, *retention_history_needed(report.ended_at))
    mean = day.mean
    if mean is None or day.coverage < _LEAST_OF_A_DAY:
        return {}  # what was known stays
    return {
        "retention_mean_gco2eq_per_kwh": mean,
        "retention_kgco2eq": _kg(report.retention_energy_kwh, mean),
    }


def _recorded(series: IntensitySeries | None, start: datetime, end: datetime) -> IntensitySeries | None:
    """Return the slots that the means rest on: with them, anybody can compute the report again."""
    if series is None:
        return None
    touched = [slot for slot in series.slots if start < slot.start_at + series.slot_length and slot.start_at < end]
    return series.model_copy(update={"slots": tuple(touched), "estimation_method": None})


def _kg(kwh: float | None, gco2eq_per_kwh: float | None) -> float | None:
    return None if kwh is None or gco2eq_per_kwh is None else kwh * gco2eq_per_kwh / 1000


def _less(value: float | None, other: float | None) -> float | None:
    return None if value is None or other is None else value - other


def _sum(value: float | None, other: float | None) -> float | None:
    return None if value is None or other is None else value + other


def _per_gb(kg: float | None, data_gb: float | None) -> float | None:
    """Return g/GB; of nothing exported there is none."""
    if kg is None or not data_gb:
        return None
    found = kg * 1000 / data_gb
    return found if math.isfinite(found) else None
