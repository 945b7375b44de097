"""Exact sums of reports for plots, over any span of time: by day of a time zone, grid, VM, DAG or reason.

A long question costs about as much as a short one. Whatever is asked together is asked of one state of the database.
"""

from __future__ import annotations

from datetime import datetime
from operator import add, neg, sub
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from airflow_provider_hypercarbon.report_store.database import ResultsDatabase
from airflow_provider_hypercarbon.report_store.filters import ReportFilters
from airflow_provider_hypercarbon.report_store.plot_parts import COUNTS, Grouping, PlotGroup
from airflow_provider_hypercarbon.report_store.plot_question import Question
from airflow_provider_hypercarbon.report_store.table import reports

#: What is counted of a group, in the order of ``COUNTS``.
Counts = tuple[int, ...]


def plot_sums(
    database: ResultsDatabase, filters: ReportFilters, by: Grouping | None, zone: ZoneInfo, most: int | None = None
) -> dict[PlotGroup, Counts]:
    """Return what is counted of the reports of a filter, exactly, for each group.

    :param zone: whose days.
    :param most: of other groups than days, how many keys at most, those that emit most; the others are together one.
    """
    newest = database.read(_EXTENT)
    if not newest or newest[0]["first"] is None:
        return {}
    first, last = (datetime.fromisoformat(newest[0][name]) for name in ("first", "last"))
    parts = Question(database.engine.dialect.name, filters, by, zone, first, last).parts(most)
    groups: dict[PlotGroup, Counts] = {}
    for part, rows in zip(parts, database.read_together([part.query for part in parts]), strict=True):
        for row in rows:
            counted = tuple(int(count or 0) for count in row[: len(COUNTS)])
            for group, sign in part.places(row):
                if group in groups:
                    groups[group] = added(groups[group], counted, sign)
                else:
                    groups[group] = counted if sign == 1 else tuple(map(neg, counted))
    return {group: found for group, found in groups.items() if found[0]}


def added(old: Counts, new: Counts, sign: int = 1) -> Counts:
    """Add counts to others, or take them away."""
    return tuple(map(add if sign == 1 else sub, old, new))


_EXTENT = sa.select(
    sa.select(sa.func.min(reports.c.started_at)).scalar_subquery().label("first"),
    sa.select(sa.func.max(reports.c.started_at)).scalar_subquery().label("last"),
)
