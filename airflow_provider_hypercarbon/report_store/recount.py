"""The sums counted anew from the reports themselves, by the database, as they should stand in the tables of sums."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from airflow_provider_hypercarbon.report_store.group_sums import BILLION, LEAST_ENERGY_KWH, MOST, group_id
from airflow_provider_hypercarbon.report_store.sum_tables import BOUNDS, KEPT, Kept
from airflow_provider_hypercarbon.report_store.table import reports

_BATCH = 1000
_EXTENT = sa.select(
    sa.select(sa.func.min(reports.c.started_at)).scalar_subquery(),
    sa.select(sa.func.max(reports.c.started_at)).scalar_subquery(),
)


def count_sums_anew(connection: sa.Connection) -> None:
    """Fill the tables of sums from the reports, in one transaction that no report is saved beside."""
    for kept in KEPT:
        connection.execute(kept.table.delete())
        # A month at a time: no more than its groups have to be in memory.
        for month in _months(connection):
            found = connection.execute(counted_anew(connection.dialect.name, kept, month)).mappings()
            while rows := found.fetchmany(_BATCH):
                groups = [{**row, "group_id": group_id([row[name] for name in kept.keys])} for row in rows]
                whole = [{n: v or 0 if n in kept.counted else v for n, v in group.items()} for group in groups]
                connection.execute(kept.table.insert(), whole)


def _months(connection: sa.Connection) -> Iterator[str]:
    """Yield every month from the first report to the last, such as ``2026-03``."""
    first, last = connection.execute(_EXTENT).one()
    month = first[:7] if first else ""
    while month and month <= last[:7]:
        yield month
        month = month_after(month)


def month_after(month: str) -> str:
    """Return the next month."""
    year, number = divmod(int(month[:4]) * 12 + int(month[5:]), 12)
    return f"{year:04}-{number + 1:02}"


def counted_anew(dialect: str, kept: Kept, month: str) -> sa.Select[Any]:
    """Return the query for the rows that a table of sums should have for a month."""
    keys = [beginning(kept.length) if name == kept.period else reports.c[name] for name in kept.keys]
    named = [key.label(name) for name, key in zip(kept.keys, keys, strict=True)]
    started = reports.c.started_at
    query = sa.select(*named, *counts(dialect, kept)).where(started >= month, started < month_after(month))
    return query.group_by(*keys)


@lru_cache
def counts(dialect: str, kept: Kept) -> tuple[sa.ColumnElement[int], ...]:
    """Return the counted columns of a table of sums, for a query that groups reports."""
    found: list[sa.ColumnElement[int]] = [sa.func.count().label("operations")]
    if "provisional_operations" in kept.counted:
        found.append(sa.func.sum(sa.case((reports.c.provisional, 1), else_=0)).label("provisional_operations"))
    found += [sa.func.sum(in_billionths(figure(name), dialect)).label(name) for name in kept.figures]
    found += [sa.func.count(figure(name)).label(f"{name}_known") for name in kept.figures]
    return tuple(found)


def beginning(length: int) -> sa.ColumnElement[str]:
    """Return the beginning of the text of a report's start: its month, day or hour."""
    # Numbers in the words of the query: as parameters, they would make two different expressions of it.
    return sa.func.substr(reports.c.started_at, sa.literal_column("1"), sa.literal_column(str(length)))


def figure(name: str) -> sa.ColumnElement[float]:
    """Return a figure of a report, computed where there is no column for it, as ``group_sums`` computes it."""
    if name not in BOUNDS:
        return reports.c[name]
    central = sa.case((reports.c.energy_kwh >= sa.literal(LEAST_ENERGY_KWH, sa.Double), reports.c.energy_kwh))
    value = reports.c.difference_to_scheduled_kgco2eq * (reports.c[BOUNDS[name]] / central)
    return sa.case((sa.func.abs(value) <= sa.literal(MOST, sa.Double), value))


def in_billionths(value: sa.ColumnElement[float], dialect: str) -> sa.ColumnElement[int]:
    """Round a figure to a whole number of billionths, as ``group_sums`` rounds it."""
    scaled = value * sa.literal(BILLION, sa.Double) + sa.literal(0.5, sa.Double)
    if dialect != "sqlite":
        return sa.cast(sa.func.floor(scaled), sa.BigInteger)
    # Not every SQLite has floor(); its cast cuts towards zero.
    whole = sa.cast(scaled, sa.BigInteger)
    return whole - sa.cast(scaled < whole, sa.BigInteger)
