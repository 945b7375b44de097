"""What a wait changed: the scheduled start against the actual one, as expected and as reported."""

from __future__ import annotations

from types import SimpleNamespace
from typing import NamedTuple

from airflow_provider_hypercarbon.carbon.decision import StartDecision
from airflow_provider_hypercarbon.plugin.page.ledger_view import marks_of
from airflow_provider_hypercarbon.plugin.page.words import DASH, Mass, MassUnit, intensity, kwh, number
from airflow_provider_hypercarbon.plugin.schemas.ledger import ReportRow


class DifferenceLine(NamedTuple):
    """A row of the comparison."""

    words: str
    intensity: str
    emissions: Mass


def difference(decision: StartDecision, reports: list[ReportRow]) -> SimpleNamespace:
    """Put the scheduled start against the actual one: from the reports once they are there, else as expected."""
    known = [row for row in reports if row.report.difference_to_scheduled_kgco2eq is not None]
    return _reported(known, len(reports)) if known else _expected(decision, len(reports))


def _expected(decision: StartDecision, reports: int) -> SimpleNamespace:
    now, planned = decision.mean_now_gco2eq_per_kwh, decision.mean_at_start_gco2eq_per_kwh
    unknown = Mass(DASH, "")
    change = None if now is None or planned is None else round(planned) - round(now)
    lines = [
        DifferenceLine("When last looked at, start at once", _per_kwh(now), unknown),
        DifferenceLine("Started" if decision.due else "Planned start", _per_kwh(planned), unknown),
        DifferenceLine("Difference", DASH if change is None else f"{number(change, signed=True)} g/kWh", unknown),
    ]
    energy = "The energy is not known before the export has ended"
    note = f"{energy}, so neither are the emissions. This is an expectation; the report after the run replaces it."
    if reports:
        note = "The reports of this run know no difference: " + "the source had no intensity for the scheduled start."
    return SimpleNamespace(lines=lines, mark="forecast", note=note)


def _reported(rows: list[ReportRow], reports: int) -> SimpleNamespace:
    """Add up a run's reports: the same energy at both starts, the difference of the shown figures."""
    found = [row.report for row in rows]
    energy = sum(one.energy_kwh or 0 for one in found)
    low, high = sum(one.energy_low_kwh or 0 for one in found), sum(one.energy_high_kwh or 0 for one in found)
    emitted = sum(one.emissions_kgco2eq or 0 for one in found)
    change = sum(one.difference_to_scheduled_kgco2eq or 0 for one in found)
    unit = MassUnit.of(emitted - change)
    mean = emitted / energy * 1000 if energy else 0.0
    mean_scheduled = (emitted - change) / energy * 1000 if energy else 0.0
    shown = unit.shown(emitted) - unit.shown(emitted - change)
    bounds = sorted(change * bound / energy for bound in (low, high)) if energy else []
    span_words = f"{unit.text(bounds[0], signed=True)} to {unit.text(bounds[1], signed=True)}" if bounds else ""
    lines = [
        DifferenceLine("Scheduled start", _per_kwh(mean_scheduled), Mass(unit.text(emitted - change), "")),
        DifferenceLine("Actual start", _per_kwh(mean), Mass(unit.text(emitted), "")),
        DifferenceLine(
            "Difference",
            f"{number(round(mean) - round(mean_scheduled), signed=True)} g/kWh",
            Mass(unit.text(shown, signed=True), span_words),
        ),
    ]
    of_all = "" if len(found) == reports else f" {len(found)} of {reports} reports know their difference."
    how = "measured" if all(one.energy_measured for one in found) else "modelled"
    exports = "1 export" if len(found) == 1 else f"{len(found)} exports"
    note = f"Both rows use {kwh(energy)}\u202fkWh ({how}, {kwh(low)} to {kwh(high)}) for {exports}.{of_all}"
    marks = [mark for row in rows for mark in marks_of(row)]
    worst = next((word for word in ("mock", "sandbox", "provisional", "estimated data") if word in marks), "final")
    return SimpleNamespace(lines=lines, mark=worst, note=note)


def _per_kwh(value: float | None) -> str:
    return DASH if value is None else f"{intensity(value)} g/kWh"
