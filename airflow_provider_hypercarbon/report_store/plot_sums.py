"""Exact sums of reports for plots, over any span of time: by day of a time zone, grid, VM, DAG or reason.

Most of a span is read from the sums that are kept, and only its edges from the reports: a long question costs about
as much as a short one. Whatever is asked together is asked of one state of the database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from airflow_provider_hypercarbon.report_store.columns import instant_text
from airflow_provider_hypercarbon.report_store.database import ResultsDatabase
from airflow_provider_hypercarbon.report_store.filters import ReportFilters
from airflow_provider_hypercarbon.report_store.local_days import LocalDays
from airflow_provider_hypercarbon.report_store.recount import counts
from airflow_provider_hypercarbon.report_store.spans import Cover, Moved, Span, Window, by_date, cover, moved
from airflow_provider_hypercarbon.report_store.sum_tables import DAYS, HOURS, MONTHS, PLOTTED, Kept, hour_sums
from airflow_provider_hypercarbon.report_store.table import reports

Grouping = Literal["day", "zone", "vm", "dag", "reason"]
_COLUMNS = {"zone": "zone", "vm": "vm_path", "dag": "dag_id", "reason": "start_reason"}
_SIGNAL = ("signal_kind", "signal_factors")
#: What is counted of each group; figures in billionths of their unit.
COUNTS = (
    "operations",
    "provisional_operations",
    *PLOTTED,
    "emissions_kgco2eq_known",
    "difference_to_scheduled_kgco2eq_known",
)
_MARGIN = timedelta(days=2)
_NO_MOVES = Moved([], {})
_Places = Iterable[tuple[str | None, int]]
#: So many spans of time are asked for in one query, and so many altogether; beyond, all reports are read.
_SPANS_A_QUERY, _MOST_SPANS = 400, 1500


class PlotGroup(NamedTuple):
    """What a sum is about.

    :param key: the day, zone, VM, DAG or reason; None where it is unknown, or nothing was told apart.
    """

    key: str | None
    signal_kind: str | None
    signal_factors: str | None


class _Part(NamedTuple):
    """A query whose rows are added to the groups, or taken away from them.

    :param places: the groups' keys that a row counts for, each with 1 or -1.
    """

    query: sa.Select[Any]
    places: Callable[[sa.RowMapping], _Places]


def plot_sums(
    database: ResultsDatabase, filters: ReportFilters, by: Grouping | None, zone: ZoneInfo
) -> dict[PlotGroup, dict[str, int]]:
    """Return what is counted of the reports of a filter (``COUNTS``), exactly, for each group.

    :param zone: whose days.
    """
    newest = database.read(_EXTENT)
    if not newest or newest[0]["first"] is None:
        return {}
    first, last = (datetime.fromisoformat(newest[0][name]) for name in ("first", "last"))
    asked = _Question(database.engine.dialect.name, filters, by, zone, first, last)
    parts = list(asked.parts())
    nothing = [0] * len(COUNTS)
    groups: dict[PlotGroup, list[int]] = {}
    for part, rows in zip(parts, database.read_together([part.query for part in parts]), strict=True):
        for row in rows:
            counted = [int(row[name] or 0) for name in COUNTS]
            for key, sign in part.places(row):
                group = PlotGroup(key, row["signal_kind"], row["signal_factors"])
                groups[group] = [
                    old + sign * new for old, new in zip(groups.get(group, nothing), counted, strict=True)
                ]
    named = {group: dict(zip(COUNTS, found, strict=True)) for group, found in groups.items()}
    return {group: found for group, found in named.items() if found["operations"]}


_EXTENT = sa.select(
    sa.select(sa.func.min(reports.c.started_at)).scalar_subquery().label("first"),
    sa.select(sa.func.max(reports.c.started_at)).scalar_subquery().label("last"),
)


class _Question:
    """The queries of one question.

    :param first: the earliest start of any report.
    :param last: the latest.
    """

    def __init__(
        self,
        dialect: str,
        filters: ReportFilters,
        by: Grouping | None,
        zone: ZoneInfo,
        first: datetime,
        last: datetime,
    ) -> None:
        self._dialect, self._filters, self._by = dialect, filters, by
        since, until = filters.since, filters.until
        self._cuts_begin, self._cuts_end = since is not None and since > first, until is not None and until <= last
        self._span = Span(
            since if since and self._cuts_begin else first,
            until if until and self._cuts_end else last + timedelta(microseconds=1),
        )
        self._days = LocalDays(zone, self._span.begin - _MARGIN, self._span.end + _MARGIN)

    def parts(self) -> Iterator[_Part]:
        """Yield the queries."""
        if self._span.begin >= self._span.end:
            return
        kept = self._table()
        covered = cover(self._span, kept.period, begin=self._cuts_begin, end=self._cuts_end) if kept else None
        moves = self._moves(kept, covered) if kept and covered else _NO_MOVES
        if kept is None or covered is None or len(moves.windows) > _MOST_SPANS:
            yield self._rows([self._span], self._filters)
            return
        everything = self._filters.model_copy(update={"provisional": None})
        yield self._kept(kept, covered.kept, moves, everything)
        for sign, spans in ((1, covered.added), (-1, covered.taken)):
            if spans:
                yield self._rows(spans, everything, sign)
        for windows in by_date(moves.windows, _SPANS_A_QUERY):
            yield self._moved(windows, everything)
        if self._filters.provisional is False:
            # Final ones are all others. There is an index for those that may change, which are few.
            yield self._rows([self._span], self._filters.model_copy(update={"provisional": True}), -1)

    def _table(self) -> Kept | None:
        """Return the table that tells apart what is asked for; None when only the reports do."""
        filters, by = self._filters, self._by
        finer = filters.run_id is not None or filters.operation_id is not None or bool(filters.provisional)
        if finer or by == "reason" or (by == "day" and filters.vm_path is not None):
            return None
        if by == "vm" or filters.vm_path is not None:
            return MONTHS
        return DAYS if by == "dag" or filters.dag_id is not None or filters.dag_ids is not None else HOURS

    def _moves(self, kept: Kept, covered: Cover) -> Moved:
        """Return which parts of the table's periods belong to another local day than is said of the whole."""
        if self._by != "day":
            return _NO_MOVES
        midnights = (m for m in self._days.midnights() if covered.kept.begin < m < covered.kept.end)
        return moved(midnights, kept.period, self._days.at)

    def _kept(self, kept: Kept, span: Span, moves: Moved, filters: ReportFilters) -> _Part:
        """Return the part that is read from a table of sums."""
        c = kept.table.c
        period = c[kept.period]
        provisional = (
            c.provisional_operations
            if "provisional_operations" in c
            else sa.case((c.provisional, c.operations), else_=0)
        )
        columns: list[Any] = [
            sa.func.sum(provisional if name == "provisional_operations" else c[name]).label(name) for name in COUNTS
        ]
        begin, end = (instant_text(instant)[: kept.length] for instant in span)
        query = sa.select(*columns).where(
            *filters.model_copy(update={"since": None, "until": None}).conditions(kept.table),
            period >= begin,
            period < end,
        )
        if self._by != "day":
            return self._by_column(query, kept.table, 1)
        if kept is HOURS:
            return self._by_day(query, kept.table, period, 1)

        def place(row: sa.RowMapping) -> _Places:
            day = row["group_key"]
            yield moves.owners.get(day) or self._days.at(datetime.fromisoformat(day).replace(tzinfo=UTC)), 1

        return _Part(_grouped(query, kept.table, period), place)

    def _rows(self, spans: list[Span], filters: ReportFilters, sign: int = 1) -> _Part:
        """Return a part that is read from the reports themselves."""
        query = self._started_in(spans, filters)
        if self._by != "day":
            return self._by_column(query, reports, sign)
        return self._by_day(query, reports, reports.c.started_at, sign)

    def _moved(self, windows: dict[str, Window], filters: ReportFilters) -> _Part:
        """Return the part that counts what is in some windows for its own day, no more for that of its period.

        :param windows: by their dates in UTC.
        """
        query = self._started_in([window.span for window in windows.values()], filters)
        date = _date(reports.c.started_at)

        def place(row: sa.RowMapping) -> _Places:
            window = windows[row["group_date"]]
            return [(window.day, 1), (window.counted_for, -1)]

        query = query.add_columns(date, *_signal(reports))
        return _Part(query.group_by(sa.literal_column(date.name), *_signal(reports)), place)

    def _started_in(self, spans: list[Span], filters: ReportFilters) -> sa.Select[Any]:
        """Return the query for what is counted of the reports of a filter that started in some spans."""
        columns: list[Any] = [column for column in counts(self._dialect, HOURS) if column.name in COUNTS]
        unbounded = filters.model_copy(update={"since": None, "until": None})
        conditions: list[sa.ColumnElement[bool]] = [_in_one_of(spans)]
        if filters.dag_ids is not None and len(filters.dag_ids) > 1 and len(spans) > 1:
            # Short times are found by the start. PostgreSQL would look up every DAG for each of them, were it not
            # for an expression that no index is about.
            unbounded = unbounded.model_copy(update={"dag_ids": None})
            conditions.append(sa.func.coalesce(reports.c.dag_id.in_(sorted(filters.dag_ids)), sa.false()))
        return sa.select(*columns).where(*unbounded.conditions(), *conditions)

    def _by_column(self, query: sa.Select[Any], table: sa.Table, sign: int) -> _Part:
        key = table.c[_COLUMNS[self._by]] if self._by else None
        return _Part(_grouped(query, table, key), lambda row: [(row["group_key"], sign)])

    def _by_day(self, query: sa.Select[Any], table: sa.Table, text: sa.Column[str], sign: int) -> _Part:
        date, side = _date(text), self._days.side(text, hours=table is hour_sums).label("group_side")
        names: list[sa.ColumnElement[Any]] = [sa.literal_column(column.name) for column in (date, side)]
        query = query.add_columns(date, side, *_signal(table)).group_by(*names, *_signal(table))
        return _Part(query, lambda row: [(self._days.day(row["group_date"], row["group_side"]), sign)])


def _date(text: sa.Column[str]) -> sa.Label[str]:
    """Return the date in UTC of an instant's text."""
    return sa.func.substr(text, sa.literal_column("1"), sa.literal_column("10")).label("group_date")


def _in_one_of(spans: list[Span]) -> sa.ColumnElement[bool]:
    """Return the condition that a report started in one of some spans, as words: hundreds of parameters take long."""
    started = f"{reports.name}.{reports.c.started_at.name}"
    each = (
        f"({started} >= '{instant_text(span.begin)}' AND {started} < '{instant_text(span.end)}')" for span in spans
    )
    return sa.literal_column(f"({' OR '.join(each)})", sa.Boolean)


def _grouped(query: sa.Select[Any], table: sa.Table, key: sa.Column[str] | None) -> sa.Select[Any]:
    if key is None:
        return query.add_columns(sa.null().label("group_key"), *_signal(table)).group_by(*_signal(table))
    return query.add_columns(key.label("group_key"), *_signal(table)).group_by(key, *_signal(table))


def _signal(table: sa.Table) -> list[sa.Column[str]]:
    return [table.c[name] for name in _SIGNAL]
