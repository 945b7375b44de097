"""What a run emitted, against what the same energy would have emitted at the scheduled start."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow_provider_hypercarbon import __version__
from airflow_provider_hypercarbon.carbon.energy import EnergyEstimate, EnergyModel
from airflow_provider_hypercarbon.carbon.energy_models import DEFAULT_ENERGY_MODEL
from airflow_provider_hypercarbon.carbon.figures import (
    GridData,
    grid_figures,
    grid_gaps,
    retention_history_needed,
)
from airflow_provider_hypercarbon.carbon.instants import as_utc
from airflow_provider_hypercarbon.carbon.intensity import IntensitySeries, Synthetic
from airflow_provider_hypercarbon.carbon.lifetime import EmbodiedShare, Retention
from airflow_provider_hypercarbon.carbon.report import METHOD, CarbonReport
from airflow_provider_hypercarbon.exceptions import BadDataError

__all__ = ["CarbonReport", "GridData", "history_needed", "make_report", "retention_history_needed", "revise_report"]

_HOUR = timedelta(hours=1)


def make_report(
    *,
    operation_id: str,
    zone: str,
    started_at: datetime,
    ended_at: datetime,
    series: IntensitySeries | None,
    data_gb: float | None = None,
    scheduled_at: datetime | None = None,
    latest_start_at: datetime | None = None,
    start_reason: str | None = None,
    synthetic: Synthetic | None = None,
    missing: tuple[str, ...] = (),
    energy_model: EnergyModel = DEFAULT_ENERGY_MODEL,
    retention: Retention | None = None,
    embodied: EmbodiedShare | None = None,
    counterpart: IntensitySeries | None = None,
    marginal: IntensitySeries | None = None,
    retention_series: IntensitySeries | None = None,
) -> CarbonReport:
    """Compute the footprint of a run from the intensities that were measured over it.

    :param zone: zone key.
    :param series: measured slots over the run and, for the differences, from ``scheduled_at`` on; None when the
        source had none.
    :param synthetic: the mark of what came before (the decision, say), kept even when the series carries none.
    :param missing: sentences about what could not be had.
    :param counterpart: see :class:`GridData`, as for ``marginal`` and ``retention_series``.
    :raises ValueError: the run ends before it starts, or a size is negative.
    :raises BadDataError: a series is of another zone.
    """
    started_at, ended_at = as_utc(started_at), as_utc(ended_at)
    duration = ended_at - started_at
    if duration < timedelta(0):
        raise ValueError(f"The run ends at {ended_at.isoformat()}, before it starts at {started_at.isoformat()}.")
    energy = energy_model.estimate(duration, data_gb, started_at=started_at)
    bare = CarbonReport(
        operation_id=operation_id,
        zone=zone,
        started_at=started_at,
        ended_at=ended_at,
        scheduled_at=as_utc(scheduled_at) if scheduled_at else None,
        latest_start_at=as_utc(latest_start_at) if latest_start_at else None,
        duration_hours=duration / _HOUR,
        data_gb=data_gb,
        start_reason=start_reason,
        synthetic=synthetic,
        **_energy_fields(energy),
        **_lifetime_fields(retention, embodied, zone, duration, data_gb),
    )
    data = GridData(series, counterpart, marginal, retention_series)
    return revise_report(bare, data, missing=missing)


def revise_report(report: CarbonReport, data: GridData, *, missing: tuple[str, ...] = ()) -> CarbonReport:
    """Return the report with every figure that rests on intensities computed anew from other ones.

    Times, energy, retention and embodied share stay as they are: when a provider's final values arrive, only the grid
    was seen wrongly. A mark of made-up data is never taken away.

    :raises BadDataError: a series is of another zone.
    """
    for series in (data.series, data.counterpart, data.marginal):
        _refuse_zone(series, report.zone)
    _refuse_zone(data.retention, report.retention_zone)
    figures = grid_figures(report, data, history_needed(*_times(report)))
    gaps = [part.missing for part in report.energy_components if part.missing] + list(missing)
    # Who knows why there are no data says it; it is not said twice.
    gaps += [] if missing else grid_gaps(report, data, figures)
    marks = (series.synthetic for series in data if series and series.synthetic)
    return report.model_copy(
        update={
            **figures,
            "synthetic": next(marks, None) or report.synthetic,
            "missing": tuple(gaps),
            "method": METHOD,
            "software_version": __version__,
        }
    )


def history_needed(
    started_at: datetime,
    ended_at: datetime,
    scheduled_at: datetime | None = None,
    latest_start_at: datetime | None = None,
) -> tuple[datetime, datetime]:
    """Return the time ``[start, end)`` whose intensities :func:`make_report` uses; never empty.

    With a window of starts it may reach into the future; a source returns what there is.
    """
    started_at, ended_at = as_utc(started_at), as_utc(ended_at)
    duration = ended_at - started_at
    scheduled_at = as_utc(scheduled_at) if scheduled_at else started_at
    latest = max(scheduled_at, as_utc(latest_start_at)) if latest_start_at else scheduled_at
    start = min(started_at, scheduled_at)
    return start, max(ended_at, latest + duration, start + timedelta(seconds=1))


def _times(report: CarbonReport) -> tuple[datetime, datetime, datetime | None, datetime | None]:
    return report.started_at, report.ended_at, report.scheduled_at, report.latest_start_at


def _energy_fields(energy: EnergyEstimate) -> dict[str, Any]:
    network = next((part.energy_kwh for part in energy.components if part.name == "network"), None)
    return {
        "energy_kwh": energy.energy_kwh,
        "energy_low_kwh": energy.energy_low_kwh,
        "energy_high_kwh": energy.energy_high_kwh,
        "shiftable_energy_kwh": energy.shiftable_kwh,
        "network_energy_kwh": network,
        "energy_model": energy.model,
        "energy_tier": energy.tier,
        "energy_measured": energy.tier == "measured" and energy.shiftable_kwh is not None,
        "energy_components": energy.components,
        "coefficients_version": energy.coefficients_version,
    }


def _lifetime_fields(
    retention: Retention | None,
    embodied: EmbodiedShare | None,
    zone: str,
    duration: timedelta,
    data_gb: float | None,
) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if retention:
        kept = retention.estimate(data_gb)
        fields |= {
            "retention_days": retention.days,
            "retention_zone": retention.zone or zone,
            "retention_energy_kwh": kept.energy_kwh,
            "retention_energy_low_kwh": kept.energy_low_kwh,
            "retention_energy_high_kwh": kept.energy_high_kwh,
        }
    if embodied:
        made = embodied.over(duration)
        fields |= {
            "embodied_kgco2eq": made.central,
            "embodied_low_kgco2eq": made.low,
            "embodied_high_kgco2eq": made.high,
            "embodied_source": embodied.by,
        }
    return fields


def _refuse_zone(series: IntensitySeries | None, zone: str | None) -> None:
    if series is not None and zone is not None and series.zone != zone:
        raise BadDataError(
            f"The intensities are of {series.zone}, the run is of {zone}; no footprint comes of that.",
            problem="wrong_zone",
        )
