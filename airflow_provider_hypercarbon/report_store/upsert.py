"""Insert or change rows by the database's own means, in one statement that is compiled once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

#: From the column as it is and as it comes to the column as it shall be; None to leave it.
Merge = Callable[[sa.Column[Any], sa.ColumnElement[Any]], sa.ColumnElement[Any] | None]


def upsert(connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows with the same columns, or replace those with the same primary key."""
    dialect = connection.dialect.name
    names = tuple(rows[0])
    if (statement := merging(dialect, table, names, _replace)) is not None:
        connection.execute(statement, rows)
        return
    for row in rows:
        connection.execute(table.delete().where(*(key == row[key.name] for key in table.primary_key.columns)))
    connection.execute(table.insert(), rows)


def _replace(_: sa.Column[Any], new: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return new


@lru_cache(maxsize=64)
def merging(dialect: str, table: sa.Table, names: tuple[str, ...], merge: Merge) -> sa.Executable | None:
    """Return the statement that inserts a row or merges it into the one with the same primary key.

    None for a database whose way is unknown.
    """
    keys = [key.name for key in table.primary_key.columns]
    changed = [name for name in names if name not in keys]
    if dialect in ("mysql", "mariadb"):
        into_mysql = mysql.insert(table)
        new = _merged(table, into_mysql.inserted, changed, merge)
        return into_mysql.on_duplicate_key_update(new)
    if dialect == "postgresql":
        into_postgres = postgresql.insert(table)
        new = _merged(table, into_postgres.excluded, changed, merge)
        return into_postgres.on_conflict_do_update(index_elements=keys, set_=new)
    if dialect == "sqlite":
        into_sqlite = sqlite.insert(table)
        new = _merged(table, into_sqlite.excluded, changed, merge)
        return into_sqlite.on_conflict_do_update(index_elements=keys, set_=new)
    return None


def _merged(table: sa.Table, new: Any, names: Sequence[str], merge: Merge) -> dict[str, sa.ColumnElement[Any]]:
    merged = {name: merge(table.c[name], new[name]) for name in names}
    return {name: value for name, value in merged.items() if value is not None}
