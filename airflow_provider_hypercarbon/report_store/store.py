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
from airflow_provider_hypercarbon.report_store.filters import Place, ReportFilters, in_order
from airflow_provider_hypercarbon.report_store.row import COLUMNS_READ, RunContext, StoredReport, from_row, to_row
from airflow_provider_hypercarbon.report_store.sums import Dimension, ReportSums, from_sums_row, sums_query
from airflow_provider_hypercarbon.report_store.table import reports

#: How many of a VM's last exports tell how long the next will take.
_LAST_EXPORTS = 10
_BATCH = 1000


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

    def save(self, report: CarbonReport, context: RunContext, *, now: datetime) -> None:
        """Write the report in one transaction; it replaces the one of the same ``operation_id``.

        :raises ReportStoreError: out of reach, not allowed, or a value that no database keeps as it is.
        """
        self.database.write(reports, to_row(report, context, now))

    def get(self, operation_id: str) -> StoredReport | None:
        """Return the report of an operation; None when there is none."""
        found = self._read(sa.select(*COLUMNS_READ).where(reports.c.operation_id == operation_id))
        # MySQL and MariaDB take 'x' and 'x ' for the same.
        return next((stored for stored in found if stored.report.operation_id == operation_id), None)

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
        newest_first: bool = True,
    ) -> ReportPage:
        """Return a page of reports in the order of their start.

        However far the reader goes, a page costs the same; a report that is added meanwhile moves nothing.

        :param after: the ``next`` of the page before.
        :raises ConfigurationError: ``after`` is no such thing.
        """
        query = sa.select(*COLUMNS_READ, reports.c.started_at).where(*filters.conditions()).limit(limit + 1)
        if after is not None:
            query = query.where(Place.decode(after).beyond(newest_first=newest_first))
        found = self.database.read(in_order(query, newest_first=newest_first))
        shown = found[:limit]
        last = Place(shown[-1]["started_at"], shown[-1]["operation_id"]) if len(found) > limit and shown else None
        return ReportPage(reports=tuple(map(from_row, shown)), next=last.encode() if last else None)

    def stream(self, filters: ReportFilters = ALL, *, newest_first: bool = False) -> Iterator[StoredReport]:
        """Yield all reports of a filter in the order of their start, however many, a thousand in memory."""
        after: str | None = None
        while True:
            page = self.page(filters, after=after, limit=_BATCH, newest_first=newest_first)
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

    def _read(self, query: sa.Select[Any]) -> list[StoredReport]:
        return [from_row(row) for row in self.database.read(query)]


def _frozen(names: Collection[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)
