"""Reads and writes the results table, patiently and from many processes at once."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, NoReturn, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from airflow_provider_hypercarbon.carbon.footprint import CarbonReport
from airflow_provider_hypercarbon.exceptions import ReportStoreError
from airflow_provider_hypercarbon.report_store.row import (
    COLUMNS_READ,
    RunContext,
    StoredReport,
    from_row,
    to_row,
    upsert,
)
from airflow_provider_hypercarbon.report_store.table import (
    create_statements,
    found_version,
    instant_text,
    migrate,
    reports,
)

_TRIES = 6
_FIRST_PAUSE_SECONDS = 0.02
#: What databases call "this login, or this database, is not for you": PostgreSQL, MySQL and MariaDB, SQLite.
_LOGIN_REFUSED = {"28P01", "28000", "3D000", 1044, 1045, 1049, 1698, "SQLITE_CANTOPEN"}
#: What they call "you may not do this here".
_DENIED = {"42501", 1142, 1143, 1227, "SQLITE_READONLY", "SQLITE_READONLY_DIRECTORY", "SQLITE_READONLY_DBMOVED"}


T = TypeVar("T")


class CarbonReportStore:
    """Reads and writes the results table ``hypercarbon_reports``; safe for many processes at once.

    :param engine: of PostgreSQL, MySQL, MariaDB or SQLite; another database works, for one writer at a time.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._ready = False

    def ensure(self) -> None:
        """Create the table, or bring it to the present version; does nothing when it is there.

        :raises ReportStoreError: out of reach, not allowed, or newer than this code.
        """
        if not self._ready:
            self._patiently(migrate, passing=DBAPIError)
            self._ready = True

    def save(self, report: CarbonReport, context: RunContext, *, now: datetime) -> None:
        """Write the report in one transaction; it replaces the one of the same ``operation_id``.

        :raises ReportStoreError: out of reach, not allowed, or a value that no database keeps as it is.
        """
        row = to_row(report, context, now)
        self.ensure()
        self._patiently(lambda connection: upsert(connection, row), passing=(OperationalError, IntegrityError))

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

    def create_statements(self) -> str:
        """Return the SQL that makes the table in this database, for an administrator who runs it by hand."""
        return create_statements(self.engine.dialect)

    def _read(self, query: sa.Select[Any]) -> list[StoredReport]:
        # A reader never creates: it may have no right to, and no table holds no reports.
        def work(connection: sa.Connection) -> Sequence[sa.RowMapping]:
            if not self._ready and not found_version(connection):
                return []
            self._ready = True
            return connection.execute(query).mappings().all()

        return [from_row(row) for row in self._patiently(work, passing=OperationalError)]

    def _patiently(
        self,
        work: Callable[[sa.Connection], T],
        *,
        passing: type[DBAPIError] | tuple[type[DBAPIError], ...],
    ) -> T:
        """Do ``work`` in a transaction, a few times when another writer was in the way."""
        failed = 0
        while True:
            try:
                return self._once(work)
            except DBAPIError as error:
                failed += 1
                if failed == _TRIES or not isinstance(error, passing) or _code(error) in _DENIED:
                    self._refuse(error)
            # Writers that met once must not meet again.
            time.sleep(random.uniform(0, _FIRST_PAUSE_SECONDS * 2**failed))  # noqa: S311  (no secret)

    def _once(self, work: Callable[[sa.Connection], T]) -> T:
        try:
            connection = self.engine.connect()
        except DBAPIError as error:
            self._out_of_reach(error)
        with connection, connection.begin():
            return work(connection)

    def _out_of_reach(self, error: DBAPIError) -> NoReturn:
        refused = ReportStoreError(
            f"The results database {self._place()} cannot be reached: {_words(error)} Check that it runs, and "
            "the host, login and database of the Airflow connection to it."
        )
        refused.retryable = _code(error) not in _LOGIN_REFUSED
        raise refused from error.orig

    def _refuse(self, error: DBAPIError) -> NoReturn:
        if _code(error) not in _DENIED:
            busy = ReportStoreError(
                f"The results database {self._place()} did not take the report: {_words(error)} "
                "Look into the log of the database; a later try may work."
            )
            busy.retryable = isinstance(error, OperationalError | IntegrityError)
            raise busy from error.orig
        denied = ReportStoreError(
            f"The results database {self._place()} does not allow what the report needs: {_words(error)} Grant the "
            f"login SELECT, INSERT and UPDATE on {reports.name} and hypercarbon_schema, and CREATE once; or let "
            "an administrator create them by the statements below."
        )
        denied.add_note(self.create_statements())
        raise denied from error.orig

    def _place(self) -> str:
        url = self.engine.url
        host = f"{url.host}:{url.port}/" if url.port else f"{url.host}/" if url.host else ""
        return f"{host}{url.database or ''}"


def _code(error: DBAPIError) -> object:
    """Return the database's own code for an error; its words are in the language of the server."""
    orig = error.orig
    for name in ("sqlstate", "pgcode", "sqlite_errorname"):
        if code := getattr(orig, name, None):
            return code
    args = getattr(orig, "args", ())
    return args[0] if args and isinstance(args[0], int) else None


def _words(error: DBAPIError) -> str:
    text = " ".join(str(error.orig).split())[:300]
    return text if text.endswith((".", "?", "!")) else f"{text}."
