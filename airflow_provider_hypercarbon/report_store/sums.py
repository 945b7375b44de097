"""Sums over reports, made by the database, exact: the sum of any parts is the sum of the whole.

Floating-point sums depend on the order of the rows. Each figure is therefore rounded once to a billionth of its unit
(a millionth of a gram or of a watt-hour) and summed as a whole number.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any, Literal

import sqlalchemy as sa

from airflow_provider_hypercarbon.carbon.intensity import Frozen
from airflow_provider_hypercarbon.exceptions import ConfigurationError
from airflow_provider_hypercarbon.report_store.filters import ReportFilters
from airflow_provider_hypercarbon.report_store.table import reports

_BILLION = 1e9

#: The figures that add up.
SUMMED = (
    "duration_hours",
    "data_gb",
    "energy_kwh",
    "energy_low_kwh",
    "energy_high_kwh",
    "emissions_kgco2eq",
    "emissions_low_kgco2eq",
    "emissions_high_kgco2eq",
    "difference_to_scheduled_kgco2eq",
    "savings_vs_worst_kgco2eq",
)
#: What figures can be told apart by. ``month`` is that of the start, in UTC.
Dimension = Literal[
    "month",
    "dag_id",
    "vm_path",
    "zone",
    "source",
    "energy_model",
    "energy_measured",
    "provisional",
    "start_reason",
    "synthetic",
]
#: Two different signals are never summed, so every sum is of one.
SIGNAL = ("signal_kind", "signal_factors")


class Total(Frozen):
    """A sum, and of how many reports the figure was known.

    :param billionths: the exact sum, in billionths of the unit.
    """

    billionths: int = 0
    known: int = 0

    @property
    def value(self) -> float | None:
        """The sum in its unit; None when no report knows the figure."""
        return self.billionths / 10**9 if self.known else None

    def __add__(self, other: Total) -> Total:
        return Total(billionths=self.billionths + other.billionths, known=self.known + other.known)


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


def billionths(value: float) -> int:
    """Return a figure as a whole number of billionths, exactly as the databases round it."""
    return math.floor(value * _BILLION + 0.5)


def sums_query(dialect: str, group_by: Collection[Dimension], filters: ReportFilters) -> sa.Select[Any]:
    """Return the query for the sums of the reports of a filter, one row a group.

    :raises ConfigurationError: reports cannot be grouped by that.
    """
    keys = [_dimension(name) for name in group_by]
    keys += [reports.c[name] for name in SIGNAL]
    columns: list[sa.ColumnElement[Any]] = [sa.func.count().label("operations")]
    for name in SUMMED:
        columns.append(sa.func.sum(_in_billionths(reports.c[name], dialect)).label(name))
        columns.append(sa.func.count(reports.c[name]).label(f"{name}_known"))
    return sa.select(*keys, *columns).where(*filters.conditions()).group_by(*keys).order_by(*keys)


def from_sums_row(row: sa.RowMapping, group_by: Collection[Dimension]) -> ReportSums:
    """Read a row of :func:`sums_query`."""
    totals = {name: Total(billionths=int(row[name] or 0), known=row[f"{name}_known"]) for name in SUMMED}
    return ReportSums(
        group={name: row[name] for name in group_by},
        signal_kind=row["signal_kind"],
        signal_factors=row["signal_factors"],
        operations=row["operations"],
        totals=totals,
    )


def _dimension(name: str) -> sa.ColumnElement[Any]:
    if name == "month":
        return sa.func.substr(reports.c.started_at, sa.literal_column("1"), sa.literal_column("7")).label("month")
    if name not in Dimension.__args__:  # type: ignore[attr-defined]
        raise ConfigurationError(
            f"Reports cannot be grouped by {name!r}. Choose among {', '.join(Dimension.__args__)}."  # type: ignore[attr-defined]
        )
    return reports.c[name]


def _in_billionths(column: sa.Column[float], dialect: str) -> sa.ColumnElement[int]:
    scaled = column * sa.literal(_BILLION, sa.Double) + sa.literal(0.5, sa.Double)
    if dialect != "sqlite":
        return sa.cast(sa.func.floor(scaled), sa.BigInteger)
    # Not every SQLite has floor(); its cast cuts towards zero.
    whole = sa.cast(scaled, sa.BigInteger)
    return whole - sa.cast(scaled < whole, sa.BigInteger)
