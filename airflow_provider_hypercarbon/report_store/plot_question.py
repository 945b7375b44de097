"""The queries of a plot: most of a span is read from the sums that are kept, and only its edges from the reports."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from airflow_provider_hypercarbon.report_store.columns import instant_text
from airflow_provider_hypercarbon.report_store.filters import ReportFilters
from airflow_provider_hypercarbon.report_store.local_days import LocalDays
from airflow_provider_hypercarbon.report_store.plot_parts import (
    COUNTS,
    SIGNAL,
    Days,
    Grouping,
    Part,
    Piece,
    part_by_key,
    parts_by_day,
)
from airflow_provider_hypercarbon.report_store.recount import counts
from airflow_provider_hypercarbon.report_store.spans import Cover, Moved, Span, Window, by_date, cover, moved
from airflow_provider_hypercarbon.report_store.sum_tables import DAYS, HOURS, MONTHS, Kept, hour_sums
from airflow_provider_hypercarbon.report_store.table import reports

_COLUMNS = {"zone": "zone", "vm": "vm_path", "dag": "dag_id", "reason": "start_reason"}
_MARGIN = timedelta(days=2)
_NO_MOVES = Moved([], {})
#: So many spans of time are asked for in one query, and so many altogether; beyond, all reports are read.
_SPANS_A_QUERY, _MOST_SPANS = 400, 1500


class Question:
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

    def parts(self, most: int | None) -> list[Part]:
        """Return the queries.

        :param most: of other groups than days, how many at most; the rest together is one more. None for all.
        """
        pieces = list(self._pieces())
        if self._by == "day":
            return parts_by_day(pieces)
        return [part_by_key(pieces, most if self._by else None)] if pieces else []

    def _pieces(self) -> Iterator[Piece]:
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

    def _kept(self, kept: Kept, span: Span, moves: Moved, filters: ReportFilters) -> Piece:
        """Return the piece that is read from a table of sums."""
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
            *filters.at_any_time().conditions(kept.table),
            period >= begin,
            period < end,
        )
        if self._by != "day":
            return self._by_column(query, kept.table, 1)
        if kept is HOURS:
            return self._by_day(query, kept.table, period, 1)

        def days(row: sa.Row[Any]) -> Days:
            day = row.group_key
            return [(moves.owners.get(day) or self._days.at(datetime.fromisoformat(day).replace(tzinfo=UTC)), 1)]

        return Piece(_grouped(query, kept.table, period), days=days)

    def _rows(self, spans: list[Span], filters: ReportFilters, sign: int = 1) -> Piece:
        """Return the piece that is read from the reports themselves."""
        query = self._started_in(spans, filters)
        if self._by != "day":
            return self._by_column(query, reports, sign)
        return self._by_day(query, reports, reports.c.started_at, sign)

    def _moved(self, windows: dict[str, Window], filters: ReportFilters) -> Piece:
        """Return the piece that counts what is in some windows for its own day, no more for that of its period.

        :param windows: by their dates in UTC.
        """

        def days(row: sa.Row[Any]) -> Days:
            window = windows[row.group_date]
            return [(window.day, 1), (window.counted_for, -1)]

        spans = [window.span for window in windows.values()]
        if self._dialect == "postgresql":
            # It plans hundreds of spans as one condition for longer than it takes to look them up one by one.
            return Piece(self._one_by_one(spans, filters), days=days)
        date = _date(reports.c.started_at)
        query = self._started_in(spans, filters).add_columns(date, *_signal(reports))
        return Piece(query.group_by(sa.literal_column(date.name), *_signal(reports)), days=days)

    def _started_in(self, spans: list[Span], filters: ReportFilters) -> sa.Select[Any]:
        """Return the query for what is counted of the reports of a filter that started in some spans."""
        return sa.select(*self._counts()).where(*filters.at_any_time().conditions(), _in_one_of(spans))

    def _one_by_one(self, spans: list[Span], filters: ReportFilters) -> sa.Select[Any]:
        """Return a query for the same of each span, with its date; no two may be of a date."""
        texts = ([instant_text(instant) for instant in ends] for ends in zip(*spans, strict=True))
        asked = sa.func.unnest(*(sa.cast(ends, ARRAY(sa.Text)) for ends in texts)).table_valued("begin", "stop")
        span, started = asked.render_derived(name="span"), reports.c.started_at
        inside = (
            sa.select(*self._counts(), *_signal(reports))
            .where(*filters.at_any_time().conditions(), started >= span.c.begin, started < span.c.stop)
            .group_by(*_signal(reports))
            .lateral("inside")
        )
        found: list[sa.ColumnElement[Any]] = [*(inside.c[name] for name in COUNTS), _date(span.c.begin)]
        found += [inside.c[name] for name in SIGNAL]
        return sa.select(*found).join_from(span, inside, sa.true())

    def _counts(self) -> list[sa.ColumnElement[Any]]:
        named = {column.name: column for column in counts(self._dialect, HOURS)}
        return [named[name] for name in COUNTS]

    def _by_column(self, query: sa.Select[Any], table: sa.Table, sign: int) -> Piece:
        key = table.c[_COLUMNS[self._by]] if self._by else None
        return Piece(_grouped(query, table, key), sign)

    def _by_day(self, query: sa.Select[Any], table: sa.Table, text: sa.Column[str], sign: int) -> Piece:
        date, side = _date(text), self._days.side(text, hours=table is hour_sums).label("group_side")
        names: list[sa.ColumnElement[Any]] = [sa.literal_column(column.name) for column in (date, side)]
        query = query.add_columns(date, side, *_signal(table)).group_by(*names, *_signal(table))
        return Piece(query, sign, lambda row: [(self._days.day(row.group_date, row.group_side), 1)])


def _date(text: sa.ColumnElement[str]) -> sa.Label[str]:
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
    return [table.c[name] for name in SIGNAL]
