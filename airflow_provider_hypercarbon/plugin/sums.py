"""Sums of reports for plots: by day of a time zone, zone, VM, DAG or reason, in one question to the database."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from airflow_provider_hypercarbon.carbon.intensity import Signal
from airflow_provider_hypercarbon.plugin.schemas.ledger import Grouping, LeftOut, Sums, SumsAnswer
from airflow_provider_hypercarbon.report_store import ReportFilters, ResultsDatabase
from airflow_provider_hypercarbon.report_store.table import reports

#: A chart holds no more marks.
MOST_GROUPS = 400
_COLUMNS = {
    "zone": reports.c.zone,
    "vm": reports.c.vm_path,
    "dag": reports.c.dag_id,
    "reason": reports.c.start_reason,
}
_ADDED = [name for name, field in Sums.model_fields.items() if name != "key" and field.annotation in (int, float)]


def sum_up(database: ResultsDatabase, filters: ReportFilters, by: Grouping | None, zone: ZoneInfo) -> SumsAnswer:
    """Return sums over the reports of a filter.

    Two different signals are never summed: the sums are of the one that most reports have, the others are counted.
    """
    rows = database.read(_query(filters, by, zone))
    signal, left_out = _signals(rows)
    kept = [row for row in rows if row["signal_kind"] is None or _signal(row) == signal]
    name: Callable[[str], str] = (lambda key: _local_day(key, zone)) if by == "day" else str
    groups: dict[str | None, Sums] = {}
    for row in kept:
        key = None if row["group_key"] is None else name(row["group_key"])
        groups[key] = _added([groups.get(key), _of(row)], key)
    total = _added(groups.values(), None)
    in_order = sorted(
        groups.values() if by else (),
        key=(lambda one: one.key or "") if by == "day" else (lambda one: (-one.emissions_kgco2eq, one.key or "")),
    )
    # Of days the last ones are shown, of others the largest.
    shown = in_order[-MOST_GROUPS:] if by == "day" else in_order[:MOST_GROUPS]
    rest = in_order[:-MOST_GROUPS] if by == "day" else in_order[MOST_GROUPS:]
    return SumsAnswer(
        total=total,
        by=by,
        groups=shown,
        others=_added(rest, None) if rest else None,
        signal=signal,
        left_out=left_out,
        includes_synthetic=bool(filters.synthetic),
        tz=zone.key,
    )


def _query(filters: ReportFilters, by: Grouping | None, zone: ZoneInfo) -> sa.Select[Any]:
    c = reports.c
    share_low, share_high = (
        column / sa.func.nullif(c.energy_kwh, 0.0) for column in (c.energy_low_kwh, c.energy_high_kwh)
    )
    difference = c.difference_to_scheduled_kgco2eq
    key = _time_key(zone, filters) if by == "day" else _COLUMNS[by] if by else sa.null()
    figures = {
        "reports": sa.func.count(),
        "provisional": sa.func.sum(sa.case((c.provisional, 1), else_=0)),
        "unknown": sa.func.count() - sa.func.count(c.emissions_kgco2eq),
        "energy_kwh": sa.func.sum(c.energy_kwh),
        "emissions_kgco2eq": sa.func.sum(c.emissions_kgco2eq),
        "emissions_low_kgco2eq": sa.func.sum(c.emissions_low_kgco2eq),
        "emissions_high_kgco2eq": sa.func.sum(c.emissions_high_kgco2eq),
        "differences": sa.func.count(difference),
        "difference_kgco2eq": sa.func.sum(difference),
        "difference_low_kgco2eq": sa.func.sum(difference * share_low),
        "difference_high_kgco2eq": sa.func.sum(difference * share_high),
    }
    keys = [key.label("group_key"), c.signal_kind, c.signal_factors]
    columns = [*keys, *(figure.label(name) for name, figure in figures.items())]
    return (
        sa.select(*columns)
        .where(*filters.conditions())
        .group_by(*([] if by is None else [sa.text("group_key")]), *keys[1:])
    )


def _time_key(zone: ZoneInfo, filters: ReportFilters) -> sa.ColumnElement[str]:
    """Return the part of a start's text that tells local days apart: the hour, or less where offsets are odd."""
    probes = [datetime(year, month, 1, tzinfo=UTC) for year in range(2015, 2041, 5) for month in (1, 7)]
    odd = any((zone.utcoffset(probe) or probe - probe).seconds % 3600 for probe in probes)
    length = len("2026-03-01T04:30" if odd else "2026-03-01T04")
    return sa.func.substr(reports.c.started_at, sa.literal_column("1"), sa.literal_column(str(length)))


def _local_day(key: str, zone: ZoneInfo) -> str:
    return datetime.fromisoformat(key).replace(tzinfo=UTC).astimezone(zone).date().isoformat()


def _signal(row: sa.RowMapping) -> Signal:
    return Signal(kind=row["signal_kind"], factors=row["signal_factors"])


def _signals(rows: Iterable[sa.RowMapping]) -> tuple[Signal | None, list[LeftOut]]:
    counted: dict[Signal, int] = {}
    for row in rows:
        if row["signal_kind"] is not None:
            counted[_signal(row)] = counted.get(_signal(row), 0) + row["reports"]
    if not counted:
        return None, []
    most = max(counted, key=lambda one: (counted[one], str(one)))
    return most, [LeftOut(signal=one, reports=count) for one, count in counted.items() if one != most]


def _of(row: sa.RowMapping) -> Sums:
    return Sums(key=None, **{name: row[name] or 0 for name in _ADDED})


def _added(parts: Iterable[Sums | None], key: str | None) -> Sums:
    given = [part for part in parts if part is not None]
    return Sums(key=key, **{name: sum(getattr(part, name) for part in given) for name in _ADDED})
