"""Sums over reports, made by the database, exact: the sum of any parts is the sum of the whole.

Floating-point sums depend on the order of the rows. Each figure is therefore rounded once to a billionth of its unit
(a millionth of a gram or of a watt-hour) and summed as a whole number.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal, NamedTuple, get_args

import sqlalchemy as sa

from airflow_provider_hypercarbon.carbon.intensity import Frozen
from airflow_provider_hypercarbon.exceptions import ConfigurationError
from airflow_provider_hypercarbon.report_store.filters import ReportFilters
from airflow_provider_hypercarbon.report_store.group_sums import BILLION, KEPT_APART, group_id
from airflow_provider_hypercarbon.report_store.table import SUMMED, reports, sums

#: What figures can be told apart by. ``month`` is that of the start, in UTC.
Dimension = Literal[
    "month",
    "dag_id",
    "vm_path",
    "zone",
    "source",
    "energy_model",
    "energy_measured",
    "energy_tier",
    "provisional",
    "start_reason",
    "synthetic",
]
#: Two different signals are never summed, so every sum is of one.
_BATCH = 1000
SIGNAL = ("signal_kind", "signal_factors")


class Total(NamedTuple):
    """A sum, and of how many reports the figure was known.

    :param billionths: the exact sum, in billionths of the unit.
    """

    billionths: int = 0
    known: int = 0

    @property
    def value(self) -> float | None:
        """The sum in its unit; None when no report knows the figure."""
        return self.billionths / 10**9 if self.known else None

    def __add__(self, other: object) -> Total:
        """Add as sums are added, not as tuples are."""
        if not isinstance(other, Total):
            return NotImplemented
        return Total(self.billionths + other.billionths, self.known + other.known)


class ReportSums(Frozen):
    """The sums of a group of reports.

    :param group: the value of each dimension that was asked for.
    :param signal_kind: ``average`` or ``marginal``; None for reports without an intensity.
    :param signal_factors: ``lifecycle``, ``direct`` or ``operational``.
    :param operations: how many reports.
    :param totals: a total for each name in ``SUMMED``.
    """

    group: dict[str, str | bool | None]
    signal_kind: str | None
    signal_factors: str | None
    operations: int
    totals: dict[str, Total]


def sums_query(
    dialect: str, group_by: Collection[Dimension], filters: ReportFilters, *, from_rows: bool = False
) -> sa.Select[Any]:
    """Return the query for the sums of the reports of a filter, one row a group.

    It reads the sums that are kept, where they tell apart what is asked for, and else every report of the filter.

    :param from_rows: read every report in any case.
    :raises ConfigurationError: reports cannot be grouped by that.
    """
    for name in group_by:
        if name not in get_args(Dimension):
            raise ConfigurationError(
                f"Reports cannot be grouped by {name!r}. Choose among {', '.join(get_args(Dimension))}."
            )
    names = [*group_by, *SIGNAL]
    keys: list[sa.ColumnElement[Any]]
    columns: list[sa.ColumnElement[Any]]
    if not from_rows and set(group_by) <= set(KEPT_APART) and filters.by_month():
        keys = [sums.c[name] for name in names]
        operations = sa.func.sum(sums.c.operations)
        columns = [sa.func.sum(sums.c[name]).label(name) for name in ("operations", *SUMMED)]
        columns += [sa.func.sum(sums.c[f"{name}_known"]).label(f"{name}_known") for name in SUMMED]
        query = sa.select(*keys, *columns).where(*filters.conditions(sums)).having(operations > 0)
    else:
        keys = [_MONTH if name == "month" else reports.c[name] for name in names]
        columns = [sa.func.sum(_in_billionths(reports.c[name], dialect)).label(name) for name in SUMMED]
        columns += [sa.func.count(reports.c[name]).label(f"{name}_known") for name in SUMMED]
        query = sa.select(*keys, sa.func.count().label("operations"), *columns).where(*filters.conditions())
    return query.group_by(*keys).order_by(*keys)


def from_sums_row(row: sa.RowMapping, group_by: Collection[Dimension]) -> ReportSums:
    """Read a row of :func:`sums_query`."""
    totals = {name: Total(billionths=int(row[name] or 0), known=int(row[f"{name}_known"] or 0)) for name in SUMMED}
    # Thousands of rows of numbers that the database has just made: nothing there needs to be validated.
    return ReportSums.model_construct(
        group={name: row[name] for name in group_by},
        signal_kind=row["signal_kind"],
        signal_factors=row["signal_factors"],
        operations=int(row["operations"]),
        totals=totals,
    )


def count_sums_anew(connection: sa.Connection) -> None:
    """Fill ``hypercarbon_sums`` from the reports, in one transaction that no report is saved beside."""
    names = [name for name in KEPT_APART if name not in SIGNAL]
    query = sums_query(connection.dialect.name, names, ReportFilters(), from_rows=True)  # type: ignore[arg-type]
    connection.execute(sums.delete())
    found = connection.execute(query).mappings()
    while rows := found.fetchmany(_BATCH):
        groups = [{**row, "group_id": group_id([row[name] for name in KEPT_APART])} for row in rows]
        connection.execute(sums.insert(), [{n: v or 0 if n in SUMMED else v for n, v in g.items()} for g in groups])


# Numbers in the words of the query: as parameters, they would make two different expressions of it.
_MONTH = sa.func.substr(reports.c.started_at, sa.literal_column("1"), sa.literal_column("7")).label("month")


def _in_billionths(column: sa.Column[float], dialect: str) -> sa.ColumnElement[int]:
    scaled = column * sa.literal(BILLION, sa.Double) + sa.literal(0.5, sa.Double)
    if dialect != "sqlite":
        return sa.cast(sa.func.floor(scaled), sa.BigInteger)
    # Not every SQLite has floor(); its cast cuts towards zero.
    whole = sa.cast(scaled, sa.BigInteger)
    return whole - sa.cast(scaled < whole, sa.BigInteger)
