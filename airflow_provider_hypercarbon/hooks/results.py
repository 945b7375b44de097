"""From an Airflow connection of any SQL database to the results table."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException

from airflow_provider_hypercarbon.exceptions import ConfigurationError
from airflow_provider_hypercarbon.hooks.connections import fetch_connection

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from sqlalchemy import Engine

    from airflow_provider_hypercarbon.report_store import ResultsDatabase

#: Defines results in a file, for one machine; a server of several needs PostgreSQL, MySQL or MariaDB.
EXAMPLE_CONNECTION = "sqlite:///srv/airflow/hypercarbon.db"

#: A database host that swallows packets must not hold a backup for minutes. All drivers of these take the argument.
_CONNECT_ARGUMENTS = {"connect_timeout": 5}
_TAKE_CONNECT_TIMEOUT = ("postgres", "mysql")


@contextmanager
def open_results(results_conn_id: str) -> Iterator[ResultsDatabase]:
    """Open the results database behind an Airflow connection, and close its database connections at the end.

    :raises ConfigurationError: no such connection, or not of an SQL database.
    """
    from airflow_provider_hypercarbon.report_store import ResultsDatabase

    engine = _engine(fetch_connection(results_conn_id, example=EXAMPLE_CONNECTION), {})
    try:
        yield ResultsDatabase(engine)
    finally:
        engine.dispose()


def shared_results(connection: Connection) -> ResultsDatabase:
    """Return the results database behind a connection that was fetched; open once in a process, for all its threads.

    :raises ConfigurationError: not of an SQL database.
    """
    from airflow_provider_hypercarbon.report_store import ResultsDatabase

    said = f"{os.getpid()} {connection.get_uri()}"  # a forked process cannot use its parent's
    key = hashlib.sha256(said.encode()).hexdigest()
    with _opening:
        if key not in _opened:
            pooled = connection.conn_type in _TAKE_CONNECT_TIMEOUT
            _opened[key] = ResultsDatabase(_engine(connection, _POOL if pooled else {}))
        return _opened[key]


_opened: dict[str, ResultsDatabase] = {}
_opening = threading.Lock()
#: A triggerer asks from some threads, for days; what lay idle may have been closed by the server.
_POOL = {"pool_size": 2, "max_overflow": 10, "pool_recycle": 600, "pool_pre_ping": True}


def _engine(connection: Connection, options: dict[str, Any]) -> Engine:
    from airflow.providers.common.sql.hooks.sql import DbApiHook
    from sqlalchemy.exc import ArgumentError

    conn_id = connection.conn_id
    try:
        hook = connection.get_hook()
        if not isinstance(hook, DbApiHook):
            raise ConfigurationError(
                f"Connection {conn_id!r} has the type {connection.conn_type!r}, which is no SQL database. Reports "
                "are kept in sqlite, postgres or mysql; results_conn_id=None keeps them in the XCom only."
            )
        # What we have need not be fetched again, least of all in a trigger.
        hook.get_connection = lambda _: connection
        bounded = connection.conn_type in _TAKE_CONNECT_TIMEOUT
        engine = hook.get_sqlalchemy_engine({**options, "connect_args": _CONNECT_ARGUMENTS} if bounded else options)
    except (AirflowException, ImportError, ArgumentError) as error:
        raise ConfigurationError(
            f"Connection {conn_id!r} of type {connection.conn_type!r} cannot be opened: {error}. Install the "
            "database's Airflow provider on the workers and the API server, for PostgreSQL and MySQL as "
            "airflow-provider-hypercarbon[postgres] or [mysql]."
        ) from error
    _refuse_a_passing_file(conn_id, engine)
    return engine


def _refuse_a_passing_file(conn_id: str, engine: Engine) -> None:
    """Refuse SQLite in memory or in whatever folder a worker happens to run in: each task would have its own."""
    if engine.dialect.name != "sqlite":
        return
    path = PurePath(engine.url.database or "")
    if not path.is_absolute() or path.name == ":memory:":
        raise ConfigurationError(
            f"Connection {conn_id!r} names the SQLite file {str(path)!r}, not a whole path. Write "
            f"{EXAMPLE_CONNECTION} for the file {EXAMPLE_CONNECTION.removeprefix('sqlite://')}."
        )
