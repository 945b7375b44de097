"""Insert or change rows by the database's own means, in one statement that is compiled once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

#: From the column as it is and as it comes to the column as it shall be; None to leave it.
Merge = Callable[[sa.Column[Any], sa.ColumnElement[Any]], "sa.ColumnElement[Any] | None"]


def upsert(connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows with the same columns, or replace those with the same primary key."""
    if (statement := merging(connection.dialect.name, table, tuple(rows[0]), _replace)) is not None:
        connection.execute(statement, rows)
    else:
        put_by_steps(connection, table, rows, _replace)


def _replace(_: sa.Column[Any], new: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return new


@lru_cache(maxsize=256)
def merging(
    dialect: str, table: sa.Table, names: tuple[str, ...], merge: Merge, prefix: str | None = None
) -> Any | None:
    """Return the statement that inserts a row or merges it into the one with the same primary key.

    None for a database whose way is unknown.

    :param prefix: of the names of its parameters, to be put beside other statements; else those of the columns.
    """
    keys = [key.name for key in table.primary_key.columns]
    changed = [name for name in names if name not in keys]
    values: dict[str, Any] = {} if prefix is None else {name: sa.bindparam(f"{prefix}{name}") for name in names}
    if dialect in ("mysql", "mariadb"):
        into_mysql = _with(mysql.insert(table), values)
        return into_mysql.on_duplicate_key_update(_merged(table, into_mysql.inserted, changed, merge))
    if dialect == "postgresql":
        into_postgres = _with(postgresql.insert(table), values)
        new = _merged(table, into_postgres.excluded, changed, merge)
        return into_postgres.on_conflict_do_update(index_elements=keys, set_=new)
    if dialect == "sqlite":
        into_sqlite = _with(sqlite.insert(table), values)
        new = _merged(table, into_sqlite.excluded, changed, merge)
        return into_sqlite.on_conflict_do_update(index_elements=keys, set_=new)
    return None


def put_by_steps(connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]], merge: Merge) -> None:
    """Do the same where the database's way is unknown: change the row that is there, or else insert it."""
    for row in rows:
        there = [key == row[key.name] for key in table.primary_key.columns]
        new = {name: sa.literal(value, table.c[name].type) for name, value in row.items()}
        done = connection.execute(table.update().where(*there).values(_merged(table, new, list(row), merge)))
        if not done.rowcount:
            connection.execute(table.insert(), row)


def _with(insert: Any, values: dict[str, Any]) -> Any:
    return insert.values(values) if values else insert


def _merged(table: sa.Table, new: Any, names: Sequence[str], merge: Merge) -> dict[str, sa.ColumnElement[Any]]:
    merged = {name: merge(table.c[name], new[name]) for name in names}
    return {name: value for name, value in merged.items() if value is not None}
