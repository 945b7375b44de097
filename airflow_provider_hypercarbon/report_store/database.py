"""The user's database, used patiently and from many processes at once."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, NoReturn, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from airflow_provider_hypercarbon.exceptions import ReportStoreError
from airflow_provider_hypercarbon.report_store.migrations import (
    create_statements,
    found_version,
    migrate,
    newest_version,
)
from airflow_provider_hypercarbon.report_store.upsert import upsert

_TRIES = 6
_FIRST_PAUSE_SECONDS = 0.02
#: What databases call "this login, or this database, is not for you": PostgreSQL, MySQL and MariaDB, SQLite.
_LOGIN_REFUSED = {"28P01", "28000", "3D000", 1044, 1045, 1049, 1698, "SQLITE_CANTOPEN"}
#: What they call "you may not do this here".
_DENIED = {"42501", 1142, 1143, 1227, "SQLITE_READONLY", "SQLITE_READONLY_DIRECTORY", "SQLITE_READONLY_DBMOVED"}

#: A plan for any DAGs and spans of time, or one compiled for once, costs many times what the right plan does. Sums
#: need no order, and sorting for them, of more rows than expected, takes longer than hashing.
_PLANNED_FOR_WHAT_IS_ASKED = sa.select(
    *(
        sa.func.set_config(name, value, sa.true())
        for name, value in {"plan_cache_mode": "force_custom_plan", "jit": "off", "enable_sort": "off"}.items()
    )
)

T = TypeVar("T")
IsolationLevel = Literal["READ COMMITTED", "REPEATABLE READ"]


class ResultsDatabase:
    """The tables of this package in a database of the user.

    :param engine: of PostgreSQL, MySQL, MariaDB or SQLite; another database works, for one writer at a time.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._ready = False

    def ensure(self) -> None:
        """Create the tables, or bring them to the present version; does nothing when they are there.

        :raises ReportStoreError: out of reach, not allowed, or newer than this code.
        """
        if not self._ready:
            if self._patiently(found_version, passing=OperationalError) < newest_version():
                self._patiently(migrate, passing=DBAPIError)
            self._ready = True

    def write(self, table: sa.Table, row: dict[str, Any]) -> None:
        """Write a row in one transaction; it replaces the one with the same primary key.

        :raises ReportStoreError: out of reach, or not allowed.
        """
        self.change(lambda connection: upsert(connection, table, [row]))

    def write_all(self, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
        """Write rows with the same columns in one transaction, as :meth:`write` does one.

        :raises ReportStoreError: out of reach, or not allowed.
        """
        if rows:
            self.change(lambda connection: upsert(connection, table, rows))

    def change(self, work: Callable[[sa.Connection], T]) -> T:
        """Do ``work`` in one transaction, again when another writer was in the way, and return what it returns.

        :raises ReportStoreError: out of reach, or not allowed.
        """
        self.ensure()
        return self._patiently(work, passing=(OperationalError, IntegrityError))

    def read(self, query: sa.Select[Any]) -> Sequence[sa.RowMapping]:
        """Return the rows of a query; none when the tables were never made: a reader creates nothing.

        Tables of an earlier release are brought to the present version first.
        """
        if not self._has_tables():
            return []

        def work(connection: sa.Connection) -> Sequence[sa.RowMapping]:
            return connection.execute(query).mappings().all()

        return self._patiently(work, passing=OperationalError)

    def read_together(self, queries: Sequence[sa.Select[Any]]) -> list[Sequence[sa.Row[Any]]]:
        """Return the rows of several queries, all of the same instant: what others write meanwhile is not seen."""
        if not self._has_tables():
            return [[] for _ in queries]

        def work(connection: sa.Connection) -> list[Sequence[sa.Row[Any]]]:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN")
            elif connection.dialect.name == "postgresql":
                connection.execute(_PLANNED_FOR_WHAT_IS_ASKED)
            return [connection.execute(query).all() for query in queries]

        return self._patiently(work, passing=OperationalError, isolation_level="REPEATABLE READ")

    def create_statements(self) -> str:
        """Return the SQL that makes the tables in this database, for an administrator who runs it by hand."""
        return create_statements(self.engine.dialect)

    def _has_tables(self) -> bool:
        if not self._ready and self._patiently(found_version, passing=OperationalError):
            self.ensure()
        return self._ready

    def _patiently(
        self,
        work: Callable[[sa.Connection], T],
        *,
        passing: type[DBAPIError] | tuple[type[DBAPIError], ...],
        isolation_level: IsolationLevel = "READ COMMITTED",
    ) -> T:
        """Do ``work`` in a transaction, a few times when another writer was in the way."""
        failed = 0
        while True:
            try:
                return self._once(work, isolation_level)
            except DBAPIError as error:
                failed += 1
                if failed == _TRIES or not isinstance(error, passing) or _code(error) in _DENIED:
                    self._refuse(error)
            # Writers that met once must not meet again.
            time.sleep(random.uniform(0, _FIRST_PAUSE_SECONDS * 2**failed))  # noqa: S311  (no secret)

    def _once(self, work: Callable[[sa.Connection], T], isolation_level: IsolationLevel) -> T:
        try:
            connection = self.engine.connect()
        except DBAPIError as error:
            self._out_of_reach(error)
        sqlite = connection.dialect.name == "sqlite"
        if connection.dialect.name == "postgresql" or (isolation_level == "REPEATABLE READ" and not sqlite):
            # Stricter levels refuse a writer that waited for another one; MySQL does not, whatever its default.
            connection = connection.execution_options(isolation_level=isolation_level)
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
                f"The results database {self._place()} did not do what was asked: {_words(error)} "
                "Look into the log of the database; a later try may work."
            )
            busy.retryable = isinstance(error, OperationalError | IntegrityError)
            raise busy from error.orig
        denied = ReportStoreError(
            f"The results database {self._place()} does not allow what is needed: {_words(error)} Grant the "
            f"login SELECT, INSERT and UPDATE on the tables hypercarbon_*, and CREATE once; or let "
            'an administrator run "hypercarbon migrate", or create them by the statements below.'
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
