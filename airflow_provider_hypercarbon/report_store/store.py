"""The reports in the results table: saved, found again, and asked about a VM's past."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from statistics import median
from typing import Any

import sqlalchemy as sa

from airflow_provider_hypercarbon.carbon.footprint import CarbonReport
from airflow_provider_hypercarbon.carbon.intensity import Frozen
from airflow_provider_hypercarbon.report_store.database import ResultsDatabase
from airflow_provider_hypercarbon.report_store.filters import ReportFilters
from airflow_provider_hypercarbon.report_store.ledger import Draft, Head, Why, append, lock_head
from airflow_provider_hypercarbon.report_store.places import NEWEST_FIRST, Order
from airflow_provider_hypercarbon.report_store.row import (
    COLUMNS_READ,
    RunContext,
    StoredReport,
    from_row,
    says_the_same,
    to_content,
    to_row,
)
from airflow_provider_hypercarbon.report_store.sums import Dimension, ReportSums, from_sums_row, sums_query
from airflow_provider_hypercarbon.report_store.table import ledger, ledger_head, reports

#: How many of a VM's last exports tell how long the next will take.
_LAST_EXPORTS = 10
_BATCH = 1000


class SavedReport(Frozen):
    """Where a report stands in the ledger.

    :param is_new: False when it said the same as the current one, and nothing was added.
    """

    position: int
    revision: int
    why: Why
    hash: str
    is_new: bool


#: No filter.
ALL = ReportFilters()


class ReportPage(Frozen):
    """Some reports, and where the next ones begin.

    :param next: pass it as ``after`` for the next page; None when this is the last.
    """

    reports: tuple[StoredReport, ...]
    next: str | None


class CarbonReportStore:
    """Reads and writes the results table ``hypercarbon_reports``; safe for many processes at once.

    :param database: the user's database.
    """

    def __init__(self, database: ResultsDatabase | sa.Engine) -> None:
        self.database = database if isinstance(database, ResultsDatabase) else ResultsDatabase(database)

    def save(self, report: CarbonReport, context: RunContext, *, now: datetime) -> SavedReport:
        """Append the report to the ledger and make it the current one of its ``operation_id``, in one transaction.

        A report that says the same as the current one adds nothing.

        :raises ReportStoreError: out of reach, not allowed, or a value that no database keeps as it is.
        """
        content = to_content(report, context)
        columns = to_row(report, content, now)

        def work(connection: sa.Connection) -> SavedReport:
            head = lock_head(connection)
            current = self._current(connection, report.operation_id)
            if current is not None and says_the_same(current["document"], content):
                return _saved(current, is_new=False)
            return _append(connection, head, current, Draft(_why(current, context), columns, content))

        return self.database.change(work)

    def reconcile(self, stored: StoredReport, report: CarbonReport, *, now: datetime) -> SavedReport | None:
        """Append a revision of a stored report, made of the same run with the provider's later values.

        None when somebody else revised the report meanwhile, or when the revision says the same.

        :raises ReportStoreError: as :meth:`save`.
        """
        content = to_content(report, stored.context)
        columns = to_row(report, content, now)

        def work(connection: sa.Connection) -> SavedReport | None:
            head = lock_head(connection)
            current = self._current(connection, report.operation_id)
            if current is None or current["revision"] != stored.revision:
                return None
            if says_the_same(current["document"], content):
                return None
            return _append(connection, head, current, Draft(Why.RECONCILIATION, columns, content))

        return self.database.change(work)

    def get(self, operation_id: str) -> StoredReport | None:
        """Return the current report of an operation; None when there is none."""
        found = self._read(_current_ones().where(reports.c.operation_id == operation_id))
        # MySQL and MariaDB take 'x' and 'x ' for the same.
        return next((stored for stored in found if stored.report.operation_id == operation_id), None)

    def trail(self, operation_id: str) -> list[StoredReport]:
        """Return every revision of an operation's report, the first one first; none when there is none."""
        query = sa.select(*COLUMNS_READ).where(ledger.c.operation_id == operation_id).order_by(ledger.c.revision)
        return [stored for stored in self._read(query) if stored.report.operation_id == operation_id]

    def head(self) -> Head | None:
        """Return the end of the ledger's chain, to be noted down elsewhere; None when nothing was ever written."""
        row = next(iter(self.database.read(sa.select(ledger_head.c.position, ledger_head.c.hash))), None)
        return Head(row["position"], row["hash"]) if row else None

    def recent(
        self,
        limit: int = 50,
        *,
        zone: str | None = None,
        dag_id: str | None = None,
        dag_ids: Collection[str] | None = None,
        since: datetime | None = None,
    ) -> list[StoredReport]:
        """Return reports, the latest start first.

        :param dag_ids: only those of these DAGs: the ones a person may see; none when it is empty.
        :param since: only runs that started at this instant or later.
        """
        filters = ReportFilters(zone=zone, dag_id=dag_id, dag_ids=_frozen(dag_ids), since=since)
        return list(self.page(filters, limit=limit).reports)

    def page(
        self,
        filters: ReportFilters = ALL,
        *,
        after: str | None = None,
        limit: int = 50,
        order: Order = NEWEST_FIRST,
    ) -> ReportPage:
        """Return a page of reports.

        By their start, a page costs the same however far the reader goes; a report that is added meanwhile moves
        nothing.

        :param after: the ``next`` of the page before, in the same order.
        :raises ConfigurationError: ``after`` is no such thing.
        """
        column, operation_id = reports.c[order.by], reports.c.operation_id
        places = sa.select(reports.c.ledger_position, operation_id, column.label("sorted_by")).where(
            *filters.conditions()
        )
        if after is not None:
            places = places.where(order.beyond(order.read(after)))
        # Whole rows are read of the page alone.
        page = order.apply(places, column, operation_id).limit(limit + 1).subquery("page")
        query = sa.select(*COLUMNS_READ, page.c.sorted_by).join_from(
            page, ledger, ledger.c.position == page.c.ledger_position
        )
        found = self.database.read(order.apply(query, page.c.sorted_by, page.c.operation_id))
        shown = found[:limit]
        last = order.place_of(shown[-1]) if len(found) > limit and shown else None
        return ReportPage(reports=tuple(map(from_row, shown)), next=last.encode() if last else None)

    def stream(self, filters: ReportFilters = ALL, *, newest_first: bool = False) -> Iterator[StoredReport]:
        """Yield all reports of a filter in the order of their start, however many, a thousand in memory."""
        after: str | None = None
        order = Order(descending=newest_first)
        while True:
            page = self.page(filters, after=after, limit=_BATCH, order=order)
            yield from page.reports
            if (after := page.next) is None:
                return

    def sums(self, group_by: Collection[Dimension] = (), filters: ReportFilters = ALL) -> list[ReportSums]:
        """Return exact sums, a row for each group and signal, in the order of the groups.

        Made-up reports (``synthetic``) are left out unless the filter asks for them: they are not for any sum.

        :param group_by: such as ``("month", "zone")``; the month is that of the start, in UTC.
        :raises ConfigurationError: reports cannot be grouped by that.
        """
        if filters.synthetic is None:
            filters = filters.model_copy(update={"synthetic": False})
        query = sums_query(self.database.engine.dialect.name, group_by, filters)
        return [from_sums_row(row, group_by) for row in self.database.read(query)]

    def last_good_export(self, vm_path: str) -> datetime | None:
        """Return the start of the last finished export of a VM: the point in time it can be restored to."""
        query = sa.select(sa.func.max(reports.c.started_at).label("newest")).where(reports.c.vm_path == vm_path)
        newest = next((row["newest"] for row in self.database.read(query)), None)
        return datetime.fromisoformat(newest) if newest else None

    def usual_duration(self, vm_path: str) -> timedelta | None:
        """Return the median duration of a VM's last ten exports; None when it has none."""
        columns = reports.c.duration_hours, reports.c.started_at
        query = sa.select(*columns).where(reports.c.vm_path == vm_path).order_by(reports.c.started_at.desc())
        hours = [row["duration_hours"] for row in self.database.read(query.limit(_LAST_EXPORTS))]
        return timedelta(hours=median(hours)) if hours else None

    @staticmethod
    def _current(connection: sa.Connection, operation_id: str) -> dict[str, Any] | None:
        """Return what tells whether a report is new: where the current one stands, and what it says."""
        found = connection.execute(_CURRENT, {"operation": operation_id}).mappings().one_or_none()
        return dict(found) if found else None

    def _read(self, query: sa.Select[Any]) -> list[StoredReport]:
        return [from_row(row) for row in self.database.read(query)]


_CURRENT = (
    sa.select(
        *(reports.c[name] for name in ("ledger_position", "revision", *RunContext.model_fields)),
        *(ledger.c.document, ledger.c.hash, ledger.c.why),
    )
    .select_from(reports.join(ledger, ledger.c.position == reports.c.ledger_position))
    .where(reports.c.operation_id == sa.bindparam("operation"))
)


def _current_ones(*columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
    joined = reports.join(ledger, ledger.c.position == reports.c.ledger_position)
    return sa.select(*COLUMNS_READ, *columns).select_from(joined)


def _append(connection: sa.Connection, head: Head, current: dict[str, Any] | None, draft: Draft) -> SavedReport:
    revision = 1
    if current is not None:  # only now is its whole row needed: most saves find none
        row = sa.select(reports).where(reports.c.ledger_position == current["ledger_position"])
        draft = draft._replace(replaced=dict(connection.execute(row).mappings().one()))
        revision = current["revision"] + 1
    head = append(connection, head, [draft])
    return SavedReport(position=head.position, revision=revision, why=draft.why, hash=head.hash, is_new=True)


def _saved(current: dict[str, Any], *, is_new: bool) -> SavedReport:
    return SavedReport(
        position=current["ledger_position"],
        revision=current["revision"],
        why=current["why"],
        hash=current["hash"],
        is_new=is_new,
    )


def _why(current: dict[str, Any] | None, context: RunContext) -> Why:
    if current is None:
        return Why.FIRST_REPORT
    same_task = all(current[name] == getattr(context, name) for name in ("dag_id", "run_id", "task_id", "map_index"))
    return Why.RETRY if same_task and context.try_number > current["try_number"] else Why.RE_REPORT


def _frozen(names: Collection[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)
