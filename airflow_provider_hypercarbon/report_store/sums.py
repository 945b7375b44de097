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
from airflow_provider_hypercarbon.report_store.recount import beginning, counts
from airflow_provider_hypercarbon.report_store.sum_tables import FIGURES, MONTHS, month_sums
from airflow_provider_hypercarbon.report_store.table import reports

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
    :param totals: a total for each figure.
    """

    group: dict[str, str | bool | None]
    signal_kind: str | None
    signal_factors: str | None
    operations: int
    totals: dict[str, Total]


def sums_query(dialect: str, group_by: Collection[Dimension], filters: ReportFilters) -> sa.Select[Any]:
    """Return the query for the sums of the reports of a filter, one row a group.

    It reads the sums that are kept by month, where they tell apart what is asked for, and else every report of the
    filter.

    :raises ConfigurationError: reports cannot be grouped by that.
    """
    for name in group_by:
        if name not in get_args(Dimension):
            raise ConfigurationError(
                f"Reports cannot be grouped by {name!r}. Choose among {', '.join(get_args(Dimension))}."
            )
    names = [*group_by, *SIGNAL]
    keys: list[sa.ColumnElement[Any]]
    if set(group_by) <= set(MONTHS.keys) and filters.by_month():
        keys = [month_sums.c[name] for name in names]
        columns = [sa.func.sum(month_sums.c[name]).label(name) for name in MONTHS.counted]
        query = sa.select(*keys, *columns).where(*filters.conditions(month_sums))
        query = query.having(sa.func.sum(month_sums.c.operations) > 0)
        return query.group_by(*keys).order_by(*keys)
    keys = [beginning(MONTHS.length).label(name) if name == MONTHS.period else reports.c[name] for name in names]
    query = sa.select(*keys, *counts(dialect, MONTHS)).where(*filters.conditions())
    return query.group_by(*keys).order_by(*keys)


def from_sums_row(row: sa.RowMapping, group_by: Collection[Dimension]) -> ReportSums:
    """Read a row of :func:`sums_query`."""
    totals = {name: Total(billionths=int(row[name] or 0), known=int(row[f"{name}_known"] or 0)) for name in FIGURES}
    # Thousands of rows of numbers that the database has just made: nothing there needs to be validated.
    return ReportSums.model_construct(
        group={name: row[name] for name in group_by},
        signal_kind=row["signal_kind"],
        signal_factors=row["signal_factors"],
        operations=int(row["operations"]),
        totals=totals,
    )
