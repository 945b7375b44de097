"""The ledger's figures, plots and rows in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from airflow_provider_hypercarbon.plugin.page.words import (
    DASH,
    Clock,
    Mass,
    MassUnit,
    intensity,
    kwh,
    mass,
    span,
    started_by,
    vm_name,
)
from airflow_provider_hypercarbon.plugin.schemas.ledger import ReportRow, Sums

#: Steps of an axis that people read easily.
_STEPS = (1, 2, 2.5, 5, 10)


class Bar(NamedTuple):
    """A bar with its whisker, in per cent of the longest."""

    label: str
    full: str
    value: Mass
    percent: float
    low: float
    high: float


def bars(groups: Sequence[Sums], *, vm: bool = False) -> list[Bar]:
    """Turn sums by zone or VM into bars; the column has the unit of its largest."""
    longest = max((g.emissions_high_kgco2eq for g in groups), default=0.0)
    if not longest:
        return []
    unit = MassUnit.of_column(max(g.emissions_kgco2eq for g in groups))
    found = []
    for group in groups:
        low, high = group.emissions_low_kgco2eq, group.emissions_high_kgco2eq
        spread = "" if low == high else f"{unit.text(low)} to {unit.text(high)}"
        name = group.key or "unknown"
        found.append(
            Bar(
                vm_name(name) if vm else name, name, Mass(unit.text(group.emissions_kgco2eq), spread),
                100 * group.emissions_kgco2eq / longest, 100 * low / longest, 100 * high / longest,
            )
        )  # fmt: skip
    return found


class Day(NamedTuple):
    """A day's sums in words."""

    day: date
    sums: Sums
    emitted: Mass
    difference: Mass


def days_of(groups: Sequence[Sums]) -> list[Day]:
    """Read sums by day."""
    found = []
    for group in groups:
        some = group.reports > group.unknown
        emitted = mass(group.emissions_kgco2eq, group.emissions_low_kgco2eq, group.emissions_high_kgco2eq)
        difference = mass(
            group.difference_kgco2eq, group.difference_low_kgco2eq, group.difference_high_kgco2eq, signed=True
        )
        found.append(
            Day(
                date.fromisoformat(group.key or ""),
                group,
                emitted if some else Mass(DASH, ""),
                difference if group.differences else Mass(DASH, ""),
            )
        )
    return found


def emissions_chart(days: Sequence[Day], clock: Clock) -> dict[str, Any]:
    """Return bars with whiskers, one a day."""
    unit = MassUnit.of(max((d.sums.emissions_high_kgco2eq for d in days), default=0.0))
    rows = []
    for day in days:
        sums = day.sums
        triple = (sums.emissions_kgco2eq, sums.emissions_low_kgco2eq, sums.emissions_high_kgco2eq)
        rows.append(_mark(day, day.emitted, triple if sums.reports > sums.unknown else None, unit, clock))
    return {"kind": "bars", **_daily(rows, unit, clock, days)}


def difference_chart(days: Sequence[Day], clock: Clock) -> dict[str, Any]:
    """Return dots with lines, one a day."""
    widest = max(
        (abs(v) for d in days for v in (d.sums.difference_low_kgco2eq, d.sums.difference_high_kgco2eq)), default=0.0
    )
    unit = MassUnit.of(widest)
    rows = []
    for day in days:
        sums = day.sums
        triple = (sums.difference_kgco2eq, sums.difference_low_kgco2eq, sums.difference_high_kgco2eq)
        rows.append(_mark(day, day.difference, triple if sums.differences else None, unit, clock))
    return {"kind": "dots", **_daily(rows, unit, clock, days)}


def _mark(
    day: Day, said: Mass, triple: tuple[float, float, float] | None, unit: MassUnit, clock: Clock
) -> dict[str, Any]:
    span_words = f", {said.span}" if said.span else ""
    provisional = bool(day.sums.provisional)
    words = f"{day.day:%a} {clock.day(day.day)}: {said.value}{span_words}"
    values = None if triple is None else [round(v * unit.per_kg, 4) for v in (triple[0], *sorted(triple[1:]))]
    return {"v": values, "p": provisional, "t": f"{words}, provisional" if provisional else words}


def _daily(rows: list[dict[str, Any]], unit: MassUnit, clock: Clock, days: Sequence[Day]) -> dict[str, Any]:
    return {"rows": rows, "unit": unit.name, "labels": [clock.day(day.day) for day in days]}


class Row(NamedTuple):
    """A report as a row of the table."""

    operation_id: str
    started_at: datetime
    started: str
    vm: str
    vm_path: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    zone: str
    waited: str
    started_by: str
    energy: str
    measured: str
    intensity: str
    emitted: Mass
    difference: Mass
    missing: str
    marks: tuple[str, ...]


def row_of(stored: ReportRow, clock: Clock) -> Row:
    """Write a report as a row; a figure that is unknown is a dash, with the reason in ``missing``."""
    report, context = stored.report, stored.context
    change = None
    if report.mean_gco2eq_per_kwh is not None and report.scheduled_mean_gco2eq_per_kwh is not None:
        change = (report.mean_gco2eq_per_kwh - report.scheduled_mean_gco2eq_per_kwh) / 1000
    low, high = (
        None if change is None or energy is None else energy * change
        for energy in (report.energy_low_kwh, report.energy_high_kwh)
    )
    waited = None if report.scheduled_at is None else report.started_at - report.scheduled_at
    return Row(
        operation_id=report.operation_id,
        started_at=report.started_at,
        started=clock.time(report.started_at),
        vm=vm_name(context.vm_path),
        vm_path=context.vm_path or "",
        dag_id=context.dag_id,
        run_id=context.run_id,
        task_id=context.task_id,
        map_index=context.map_index,
        zone=report.zone,
        waited=DASH if waited is None else span(waited),
        started_by=started_by(report.start_reason),
        energy=kwh(report.energy_kwh),
        measured="" if report.energy_kwh is None else "measured" if report.energy_measured else "modelled",
        intensity=intensity(report.mean_gco2eq_per_kwh),
        emitted=mass(report.emissions_kgco2eq, report.emissions_low_kgco2eq, report.emissions_high_kgco2eq),
        difference=mass(report.difference_to_scheduled_kgco2eq, low, high, signed=True),
        missing=" ".join(report.missing)
        or ("The scheduled start is not known." if report.scheduled_at is None else ""),
        marks=marks_of(stored),
    )


def marks_of(stored: ReportRow) -> tuple[str, ...]:
    """Say what a figure rests on: ``mock`` or ``sandbox``, ``provisional``, ``estimated data``, else ``final``."""
    report = stored.report
    marks = [report.synthetic] if report.synthetic else []
    if report.intensity_coverage < 1:
        marks.append("provisional")
    elif report.provisional:
        marks.append("estimated data")
    return tuple(marks) or ("final",)
