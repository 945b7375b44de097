"""The exact sums that are kept beside the reports, by month, by day and by hour, and what they sum.

A question about millions of reports is answered from thousands of rows of them. The three tell apart what people ask
for over so long a time: VMs by month, DAGs by day, grids by hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import sqlalchemy as sa

from airflow_provider_hypercarbon.report_store.columns import (
    EXACT,
    PATH_LENGTH,
    hashed,
    ident,
    metadata,
    text,
    truth,
    word,
)

#: The figures of a report that add up.
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
    "shiftable_energy_kwh",
    "network_energy_kwh",
    "difference_to_window_mean_kgco2eq",
    "difference_to_worst_start_kgco2eq",
    "scope2_location_kgco2eq",
    "scope3_upstream_kgco2eq",
    "retention_energy_kwh",
    "retention_energy_low_kwh",
    "retention_energy_high_kwh",
    "retention_kgco2eq",
    "embodied_kgco2eq",
    "embodied_low_kgco2eq",
    "embodied_high_kgco2eq",
)
#: Figures that a report has no column for: the difference by the low and by the high bound of the energy.
BOUNDS = {
    "difference_to_scheduled_low_kgco2eq": "energy_low_kwh",
    "difference_to_scheduled_high_kgco2eq": "energy_high_kwh",
}
FIGURES = (*SUMMED, *BOUNDS)
#: What the sums by day and by hour hold: the figures of plots.
PLOTTED = (
    "energy_kwh",
    "emissions_kgco2eq",
    "emissions_low_kgco2eq",
    "emissions_high_kgco2eq",
    "difference_to_scheduled_kgco2eq",
    *BOUNDS,
)


@dataclass(frozen=True, eq=False)
class Kept:
    """A table of sums.

    :param period: the column that says when the reports started, the beginning of the instant's text.
    :param length: how much of that text.
    :param figures: what is summed.
    """

    table: sa.Table
    period: str
    length: int
    figures: tuple[str, ...]

    @cached_property
    def counted(self) -> tuple[str, ...]:
        """The columns that are added up."""
        known = (f"{name}_known" for name in self.figures)
        provisional = () if "provisional" in self.table.c else ("provisional_operations",)
        return ("operations", *provisional, *self.figures, *known)

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The columns that its rows are told apart by, the period among them."""
        return tuple(c.name for c in self.table.c if c.name not in ("group_id", *self.counted))


def _operations() -> sa.Column[int]:
    return sa.Column("operations", sa.BigInteger, nullable=False, doc="how many operations")


def _provisional_operations() -> sa.Column[int]:
    words = "how many of them may still change"
    return sa.Column("provisional_operations", sa.BigInteger, nullable=False, doc=words)


def _group_id() -> sa.Column[str]:
    return hashed("group_id", "SHA-256 of what the row is about", primary_key=True)


def _signal() -> tuple[sa.Column[str], sa.Column[str]]:
    return word("signal_kind", "two different signals are never summed"), word("signal_factors", "likewise")


def _synthetic() -> sa.Column[str]:
    return word("synthetic", "null for real data; sum only those")


def _sums_of(figures: tuple[str, ...]) -> Iterator[sa.Column[int]]:
    for name in figures:
        words = f"sum of `{name}`, in billionths of its unit"
        yield sa.Column(name, sa.BigInteger, nullable=False, server_default="0", doc=words)
        words = f"how many operations know `{name}`"
        yield sa.Column(f"{name}_known", sa.BigInteger, nullable=False, server_default="0", doc=words)


month_sums = sa.Table(
    "hypercarbon_month_sums",
    metadata,
    _group_id(),
    sa.Column("month", text(7), nullable=False, doc="month of the start in UTC, such as `2026-03`"),
    ident("dag_id", "DAG that reported"),
    sa.Column("vm_path", sa.String(PATH_LENGTH), doc="VM"),
    word("zone", "zone key of the grid", nullable=False),
    word("source", "where the intensities came from"),
    *_signal(),
    word("energy_model", "name and version of the energy model", nullable=False),
    truth("energy_measured", "the host's energy was measured, not modelled"),
    word("energy_tier", "`measured`, `instance`, `default` or `comparison`"),
    truth("provisional", "some value may still change"),
    _synthetic(),
    _operations(),
    *_sums_of(FIGURES),
    sa.Index("ix_hypercarbon_month_sums_month", "month"),
    **EXACT,
)

day_sums = sa.Table(
    "hypercarbon_day_sums",
    metadata,
    _group_id(),
    sa.Column("day", text(10), nullable=False, doc="day of the start in UTC, such as `2026-03-02`"),
    ident("dag_id", "DAG that reported"),
    word("zone", "zone key of the grid", nullable=False),
    *_signal(),
    _synthetic(),
    _operations(),
    _provisional_operations(),
    *_sums_of(PLOTTED),
    sa.Index("ix_hypercarbon_day_sums_day", "day"),
    sa.Index("ix_hypercarbon_day_sums_dag_day", "dag_id", "day"),
    **EXACT,
)

hour_sums = sa.Table(
    "hypercarbon_hour_sums",
    metadata,
    _group_id(),
    sa.Column("hour", text(13), nullable=False, doc="hour of the start in UTC, such as `2026-03-02T18`"),
    word("zone", "zone key of the grid", nullable=False),
    *_signal(),
    _synthetic(),
    _operations(),
    _provisional_operations(),
    *_sums_of(PLOTTED),
    sa.Index("ix_hypercarbon_hour_sums_hour", "hour"),
    **EXACT,
)

MONTHS = Kept(month_sums, "month", 7, FIGURES)
DAYS = Kept(day_sums, "day", 10, PLOTTED)
HOURS = Kept(hour_sums, "hour", 13, PLOTTED)
#: All of them.
KEPT = (MONTHS, DAYS, HOURS)
