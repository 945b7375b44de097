"""Databases for the tests of the results table: a fresh one each, on SQLite and on what the environment names."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

SERVERS = {"postgres": "HYPERCARBON_TEST_POSTGRES", "mysql": "HYPERCARBON_TEST_MYSQL"}
KINDS = ["sqlite", *(pytest.param(kind, marks=pytest.mark.database) for kind in SERVERS)]


def fresh_database(kind: str, folder: Path) -> Iterator[str]:
    """Yield the URL of an empty database, and drop it; skip when its server is not there."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'results.db'}"
        return
    server = server_url(kind)
    name = f"hypercarbon_{uuid.uuid4().hex[:12]}"
    run_as_owner(server, f"CREATE DATABASE {name}")
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        run_as_owner(server, f"DROP DATABASE {name}{' WITH (FORCE)' if kind == 'postgres' else ''}")


def server_url(kind: str) -> sa.URL:
    url = os.environ.get(SERVERS[kind])
    if not url:
        pytest.skip(f"{SERVERS[kind]} names no server; .ci/databases.sh starts one")
    return sa.make_url(url)


def run_as_owner(url: sa.URL | str, *statements: str) -> None:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def airflow_uri(url: str) -> str:
    """Write an SQLAlchemy URL as an Airflow connection."""
    return url.replace("+psycopg", "").replace("+mysqldb", "")
