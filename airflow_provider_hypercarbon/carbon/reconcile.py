"""A provisional report and the provider's later values: which are needed, and what the report says with them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from airflow_provider_hypercarbon.carbon.figures import GridData, retention_history_needed
from airflow_provider_hypercarbon.carbon.footprint import history_needed, revise_report
from airflow_provider_hypercarbon.carbon.intensity import IntensitySeries
from airflow_provider_hypercarbon.carbon.report import METHOD, CarbonReport


class Asked(NamedTuple):
    """A stretch of measured intensities.

    :param other_factors: of the emission factors that the source does not give by itself.
    """

    zone: str
    start: datetime
    end: datetime
    other_factors: bool = False


#: Returns what is asked for; None when nobody has it.
Ask = Callable[[Asked], IntensitySeries | None]


class NotComparableError(ValueError):
    """The values at hand are not those that the report was made with."""


def reconciled(report: CarbonReport, ask: Ask) -> CarbonReport | None:
    """Return the report by the values that are known now: same energy, times, source, signal and method.

    None when they say nothing new, or less than what was known before.

    :raises NotComparableError: they come from another source, or count something else.
    """
    start, end = history_needed(report.started_at, report.ended_at, report.scheduled_at, report.latest_start_at)
    own_disks = report.retention_days is not None and report.retention_zone == report.zone
    day = retention_history_needed(report.ended_at)
    series = ask(Asked(report.zone, min(start, day[0]) if own_disks else start, end))
    if series is None:
        return None
    _refuse_another(report, series)
    data = GridData(
        series=series,
        counterpart=ask(Asked(report.zone, start, end, other_factors=True)) if _has_both_scopes(report) else None,
        retention=ask(Asked(report.retention_zone, *day)) if report.retention_zone and not own_disks else None,
    )
    revised = revise_report(report, data)
    if _knows_less(revised, report) or _figures(revised) == _figures(report):
        return None
    return revised


def _refuse_another(report: CarbonReport, series: IntensitySeries) -> None:
    if report.method != METHOD:
        raise NotComparableError(f"{report.operation_id} was computed by another method ({report.method}).")
    if report.source is None or report.signal is None:
        return  # there were no values at all; any for accounting will do
    if series.source != report.source or series.signal != report.signal:
        raise NotComparableError(
            f"{report.operation_id} was reported by {report.source} ({report.signal}); the connection now gives "
            f"{series.source} ({series.signal})."
        )


def _has_both_scopes(report: CarbonReport) -> bool:
    return report.scope2_location_kgco2eq is not None and report.scope3_upstream_kgco2eq is not None


def _knows_less(revised: CarbonReport, report: CarbonReport) -> bool:
    """Whether a figure would be lost: a provider that forgets does not make us forget."""
    lost = any(
        getattr(revised, name) is None and getattr(report, name) is not None
        for name in CarbonReport.model_fields
        if name != "synthetic"
    )
    return lost or _known_seconds(revised) < _known_seconds(report)


def _known_seconds(report: CarbonReport) -> float:
    series = report.intensities
    return len(series.slots) * series.slot_length.total_seconds() if series else 0.0


def _figures(report: CarbonReport) -> CarbonReport:
    """Return what is compared: a newer software with the same figures is no news, nor is when a value was issued or
    what stood in the way of a newer one.
    """
    series = report.intensities
    same = series.model_copy(update={"issued_at": None, "problems": ()}) if series else None
    return report.model_copy(update={"software_version": "", "method": "", "missing": (), "intensities": same})
