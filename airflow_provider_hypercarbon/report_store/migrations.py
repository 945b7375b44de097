"""How the tables come to their present version, from nothing and from every version before."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from airflow_provider_hypercarbon.exceptions import ReportStoreError
from airflow_provider_hypercarbon.report_store.group_sums import MOST
from airflow_provider_hypercarbon.report_store.ledger import Draft, Why, append, lock_head
from airflow_provider_hypercarbon.report_store.recount import count_sums_anew
from airflow_provider_hypercarbon.report_store.row import COLUMNS_OF_A_REPORT, RunContext, columns_of
from airflow_provider_hypercarbon.report_store.schema import create_statements_of, first_rows, metadata, schema
from airflow_provider_hypercarbon.report_store.sum_tables import SUMMED
from airflow_provider_hypercarbon.report_store.table import CHAIN, ledger_head, reports
from airflow_provider_hypercarbon.report_store.wait_tables import answers, turns

Step = Callable[[sa.Connection], None]

_OLD_REPORTS = "hypercarbon_reports_version_2"
_SUMS_OF_VERSION_3 = "hypercarbon_sums"
_OLD_SUMS = "hypercarbon_sums_version_3"
_BATCH = 500
_PATIENCE_SECONDS = 600
#: Any number that no other software is likely to lock by.
_LOCK_NUMBER = 7_220_861_530_113


def _create_answers(connection: sa.Connection) -> None:
    metadata.create_all(connection, tables=[answers, turns], checkfirst=True)


def _keep_a_ledger(connection: sa.Connection) -> None:
    """Make each report of versions 1 and 2 the first revision of a ledger.

    The old table is put aside first: a task of the release before, still running, cannot write past the ledger. It
    fails, and says what it is missing.
    """
    if _has_column(connection, reports.name, "document"):
        connection.exec_driver_sql(f"ALTER TABLE {reports.name} RENAME TO {_OLD_REPORTS}")
    _create(connection)
    if not sa.inspect(connection).has_table(_OLD_REPORTS):
        return
    names = [column["name"] for column in sa.inspect(connection).get_columns(_OLD_REPORTS)]
    columns = [sa.column(name, reports.c[name].type if name in reports.c else sa.Text()) for name in names]
    old = sa.table(_OLD_REPORTS, *columns)
    head = lock_head(connection)
    query = sa.select(old).order_by(old.c.started_at, old.c.operation_id).limit(_BATCH)
    rows = connection.execute(query).mappings().all()
    while rows:
        head = append(connection, head, [_imported(row) for row in rows])
        started_at, operation_id = rows[-1]["started_at"], rows[-1]["operation_id"]
        # Said twice, so that the index on started_at is used.
        after = (old.c.started_at > started_at) | (old.c.operation_id > operation_id)
        rows = connection.execute(query.where(old.c.started_at >= started_at, after)).mappings().all()
    # Where dropping a table commits what came before it, a stop in between must leave nothing to import again.
    connection.execute(sa.delete(old))
    connection.exec_driver_sql(f"DROP TABLE {_OLD_REPORTS}")


def _keep_sums_by_day_and_hour(connection: sa.Connection) -> None:
    """Count the sums anew, into tables by month, day and hour.

    The table of version 3 is put aside first: a task of the release before, still running, cannot write past the new
    ones. It fails, and says what it is missing.
    """
    inspector = sa.inspect(connection)
    old = inspector.has_table(_SUMS_OF_VERSION_3)
    if old:
        lock_head(connection)  # in the order of writers, who must not wait for each other in a ring
        connection.exec_driver_sql(f"ALTER TABLE {_SUMS_OF_VERSION_3} RENAME TO {_OLD_SUMS}")
    _create(connection)
    if not old and not inspector.has_table(_OLD_SUMS):
        return
    lock_head(connection)  # where changing a table commits, the lock is gone
    count_sums_anew(connection)
    connection.exec_driver_sql(f"DROP TABLE {_OLD_SUMS}")


#: The steps from version 1 to 2, from 2 to 3 and so on; only ever appended to. MySQL commits each statement that
#: changes a table, so a step that was stopped is done again: it looks before it changes. It may find the tables that
#: it makes, or columns of later steps, because the tables are always made in their present form.
MIGRATIONS: tuple[Step, ...] = (_create_answers, _keep_a_ledger, _keep_sums_by_day_and_hour)


def newest_version(migrations: Sequence[Step] = MIGRATIONS) -> int:
    """Return the version of the tables that this code knows."""
    return 1 + len(migrations)


def migrate(connection: sa.Connection, migrations: Sequence[Step] = MIGRATIONS) -> None:
    """Bring the tables to the present version, one process at a time; call it first in a transaction.

    :raises ReportStoreError: they are newer than this code, or another process takes too long.
    """
    newest = newest_version(migrations)
    with _alone(connection):
        found = found_version(connection, newest=newest)
        if found == newest:
            return
        if not found and _has_column(connection, reports.name, "document"):
            found = 1  # its maker was stopped before it wrote the version down
        if found:
            for step in migrations[found - 1 :]:
                step(connection)
        else:
            _create(connection)
        done = connection.execute(schema.update().where(schema.c.component == CHAIN).values(version=newest))
        if not done.rowcount and not found_version(connection, newest=newest):
            connection.execute(schema.insert(), {"component": CHAIN, "version": newest})


def found_version(connection: sa.Connection, *, newest: int | None = None) -> int:
    """Return the version of the tables; 0 when there are none.

    :raises ReportStoreError: they are newer than this code.
    """
    newest = newest or newest_version()
    if not sa.inspect(connection).has_table(schema.name):
        return 0
    query = sa.select(schema.c.version).where(schema.c.component == CHAIN)
    version = connection.execute(query).scalar() or 0
    if version > newest:
        raise ReportStoreError(
            f"The results table has version {version}, this software knows {newest}. Upgrade "
            "airflow-provider-hypercarbon on every worker and API server to the release that wrote it."
        )
    return version


def create_statements(dialect: sa.Dialect) -> str:
    """Return the SQL that makes the tables in their present form, for an administrator who runs it by hand."""
    return create_statements_of(dialect, newest_version())


def _create(connection: sa.Connection) -> None:
    metadata.create_all(connection, checkfirst=True)
    # Another process may have made a table and been stopped before its indexes and rows.
    for table in metadata.tables.values():
        for index in table.indexes:
            index.create(connection, checkfirst=True)
    ((_, row),) = [(table, row) for table, row in first_rows(0) if table is ledger_head]
    if not connection.execute(sa.select(ledger_head.c.chain)).first():
        connection.execute(ledger_head.insert(), row)


def _imported(row: sa.RowMapping) -> Draft:
    context = {name: row[name] for name in RunContext.model_fields}
    columns = {name: row.get(name) for name in COLUMNS_OF_A_REPORT}
    report: Any
    try:
        report = json.loads(row["document"])
        # What a version lacked a column for is in its document.
        columns |= columns_of(report, context, row["saved_at"]) | {"operation_id": row["operation_id"]}
    except (ValueError, KeyError, TypeError, AttributeError):
        report = row["document"]  # damaged: kept as it is, beside the columns
    for name in SUMMED:
        if (value := columns[name]) is not None and abs(value) > MOST:
            columns[name] = None  # no sum could hold it; the document does
    return Draft(Why.IMPORTED, columns, {"context": context, "report": report})


def _has_column(connection: sa.Connection, table: str, column: str) -> bool:
    inspector = sa.inspect(connection)
    return inspector.has_table(table) and column in {found["name"] for found in inspector.get_columns(table)}


@contextmanager
def _alone(connection: sa.Connection) -> Iterator[None]:
    """Keep other processes from migrating at the same time."""
    dialect = connection.dialect.name
    if dialect == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK_NUMBER)))
        yield
    elif dialect == "sqlite":
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {_PATIENCE_SECONDS * 1000}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield
    elif dialect in ("mysql", "mariadb"):
        name = sa.func.concat("hypercarbon ", sa.func.md5(sa.func.database()))
        if not connection.execute(sa.select(sa.func.get_lock(name, _PATIENCE_SECONDS))).scalar():
            busy = ReportStoreError(
                "Another process has been migrating the results tables for ten minutes. Try later."
            )
            busy.retryable = True
            raise busy
        try:
            yield
        finally:
            connection.execute(sa.select(sa.func.release_lock(name)))
    else:
        yield
