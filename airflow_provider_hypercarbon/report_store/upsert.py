"""Insert or change rows by the database's own means, in one statement that is compiled once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

#: From the column as it is and as it comes to the column as it shall be; None to leave it.
Merge = Callable[[sa.Column[Any], sa.ColumnElement[Any]], "sa.ColumnElement[Any] | None"]
_INSERTS: dict[str, Callable[[sa.Table], Any]] = {
    "mysql": mysql.insert,
    "mariadb": mysql.insert,
    "postgresql": postgresql.insert,
    "sqlite": sqlite.insert,
}


def upsert(connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows with the same columns, or replace those with the same primary key."""
    if (statement := merging(connection.dialect.name, table, tuple(rows[0]), _replace)) is not None:
        connection.execute(statement, rows)
    else:
        put_by_steps(connection, table, rows, _replace)


def _replace(_: sa.Column[Any], new: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return new


@lru_cache(maxsize=256)
def merging(dialect: str, table: sa.Table, names: tuple[str, ...], merge: Merge) -> Any | None:
    """Return the statement that inserts a row or merges it into the one with the same primary key.

    None for a database whose way is unknown.
    """
    own = _INSERTS.get(dialect)
    return merged_into(own(table), table, names, merge) if own else None


def merged_into(insert: Any, table: sa.Table, names: Sequence[str], merge: Merge) -> Any:
    """Let an insert by a database's own means merge its row into the one with the same primary key."""
    keys = [key.name for key in table.primary_key.columns]
    changed = [name for name in names if name not in keys]
    if isinstance(insert, mysql.Insert):
        return insert.on_duplicate_key_update(_merged(table, insert.inserted, changed, merge))
    return insert.on_conflict_do_update(index_elements=keys, set_=_merged(table, insert.excluded, changed, merge))


def put_by_steps(connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]], merge: Merge) -> None:
    """Do the same where the database's way is unknown: change the row that is there, or else insert it."""
    for row in rows:
        there = [key == row[key.name] for key in table.primary_key.columns]
        new = {name: sa.literal(value, table.c[name].type) for name, value in row.items()}
        done = connection.execute(table.update().where(*there).values(_merged(table, new, list(row), merge)))
        if not done.rowcount:
            connection.execute(table.insert(), row)


def _merged(table: sa.Table, new: Any, names: Sequence[str], merge: Merge) -> dict[str, sa.ColumnElement[Any]]:
    merged = {name: merge(table.c[name], new[name]) for name in names}
    return {name: value for name, value in merged.items() if value is not None}
