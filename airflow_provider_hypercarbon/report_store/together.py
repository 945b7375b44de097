"""Writes of single rows to several tables: on PostgreSQL in one statement, elsewhere one after another.

A writer holds the lock that all others wait for, so each of its round trips to the database is paid by all of them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from airflow_provider_hypercarbon.report_store.upsert import merged_into, merging, put_by_steps

#: Insert a row, change the one with its primary key, or add its numbers to those that are there.
How = Literal["insert", "update", "add"]
#: More than these at once would make a statement that is never seen again.
_FEW = 8


class Write(NamedTuple):
    """A row to write.

    :param how: what to do with it.
    """

    how: How
    table: sa.Table
    row: dict[str, Any]

    @property
    def shape(self) -> _Shape:
        return _Shape(self.how, self.table, tuple(self.row))


class _Shape(NamedTuple):
    """What the statement of a write depends on."""

    how: How
    table: sa.Table
    names: tuple[str, ...]


def write_together(connection: sa.Connection, writes: Sequence[Write]) -> None:
    """Do the writes, each of another row; in their order where the database does them one by one."""
    if connection.dialect.name == "postgresql" and len(writes) <= _FEW:
        records = {f"row_{n}": json.dumps(write.row, ensure_ascii=False) for n, write in enumerate(writes)}
        connection.execute(_as_one(tuple(write.shape for write in writes)), records)
        return
    for shape, alike in groupby(writes, key=lambda write: write.shape):
        _write_alike(connection, shape, [write.row for write in alike])


def _write_alike(connection: sa.Connection, shape: _Shape, rows: list[dict[str, Any]]) -> None:
    table = shape.table
    if shape.how == "insert":
        connection.execute(table.insert(), rows)
    elif shape.how == "update":
        keys = [key.name for key in table.primary_key.columns]
        there = (table.c[key] == sa.bindparam(f"its_{key}") for key in keys)
        # A parameter with the name of a column is its new value.
        named = [{**row, **{f"its_{key}": row[key] for key in keys}} for row in rows]
        connection.execute(table.update().where(*there), named)
    elif (merge := merging(connection.dialect.name, table, shape.names, _added)) is not None:
        connection.execute(merge, rows)
    else:
        put_by_steps(connection, table, rows, _added)


@lru_cache(maxsize=256)
def _as_one(shapes: tuple[_Shape, ...]) -> sa.Executable:
    """Return PostgreSQL's statement of several writes: the last, with all others as its common table expressions."""
    *before, last = (_from_record(shape, f"row_{n}") for n, shape in enumerate(shapes))
    statement: sa.Executable = last.add_cte(*(write.cte(f"write_{n}") for n, write in enumerate(before)))
    return statement


def _from_record(shape: _Shape, parameter: str) -> Any:
    """Return PostgreSQL's statement of a write whose row is one parameter, in JSON.

    With a parameter for each value there are hundreds, and a driver is longer about them than the database about all
    the rest.
    """
    table, names = shape.table, shape.names
    text = sa.cast(sa.bindparam(parameter, type_=sa.Text), sa.JSON)
    columns = (sa.column(name, table.c[name].type) for name in names)
    like: sa.ColumnElement[Any] = sa.literal_column(f"NULL::{table.name}")
    record = sa.func.json_populate_record(like, text).table_valued(*columns, name=parameter)
    if shape.how == "update":
        keys = [key.name for key in table.primary_key.columns]
        values = {name: record.c[name] for name in names if name not in keys}
        return table.update().where(*(table.c[key] == record.c[key] for key in keys)).values(values)
    insert = postgresql.insert(table).from_select(names, sa.select(*record.c))
    return insert if shape.how == "insert" else merged_into(insert, table, names, _added)


def _added(old: sa.Column[Any], new: sa.ColumnElement[Any]) -> sa.ColumnElement[Any] | None:
    return old + new if isinstance(old.type, sa.BigInteger) else None
