"""The reports in the results table: saved, found again, and asked about a VM's past."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from statistics import median
from typing import Any

import sqlalchemy as sa

from airflow_provider_hypercarbon.carbon.footprint import CarbonReport
from airflow_provider_hypercarbon.report_store.database import ResultsDatabase
from airflow_provider_hypercarbon.report_store.row import COLUMNS_READ, RunContext, StoredReport, from_row, to_row
from airflow_provider_hypercarbon.report_store.table import instant_text, reports

#: How many of a VM's last exports tell how long the next will take.
_LAST_EXPORTS = 10


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
        query = sa.select(*COLUMNS_READ).order_by(reports.c.started_at.desc(), reports.c.operation_id).limit(limit)
        if zone is not None:
            query = query.where(reports.c.zone == zone)
        if dag_id is not None:
            query = query.where(reports.c.dag_id == dag_id)
        if dag_ids is not None:
            query = query.where(reports.c.dag_id.in_(dag_ids))
        if since is not None:
            query = query.where(reports.c.started_at >= instant_text(since))
        return self._read(query)

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
