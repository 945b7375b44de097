"""Writes of single rows to several tables: on PostgreSQL in one statement, elsewhere one after another.

A writer holds the lock that all others wait for, so each of its round trips to the database is paid by all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from airflow_provider_hypercarbon.report_store.upsert import merging, put_by_steps

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
    dialect = connection.dialect.name
    if dialect == "postgresql" and len(writes) <= _FEW:
        values = {f"p{n}_{name}": value for n, write in enumerate(writes) for name, value in write.row.items()}
        connection.execute(_as_one(dialect, tuple(write.shape for write in writes)), values)
        return
    for shape, alike in groupby(writes, key=lambda write: write.shape):
        rows = [{f"p_{name}": value for name, value in write.row.items()} for write in alike]
        if (statement := _statement(dialect, shape, "p_")) is not None:
            connection.execute(statement, rows)
        else:
            put_by_steps(connection, shape.table, [{name[2:]: row[name] for name in row} for row in rows], _added)


@lru_cache(maxsize=256)
def _as_one(dialect: str, shapes: tuple[_Shape, ...]) -> sa.Executable:
    """Return the last write with all others as its common table expressions."""
    *before, last = (_statement(dialect, shape, f"p{n}_") for n, shape in enumerate(shapes))
    statement: sa.Executable = last.add_cte(*(write.cte(f"write_{n}") for n, write in enumerate(before)))
    return statement


@lru_cache(maxsize=256)
def _statement(dialect: str, shape: _Shape, prefix: str) -> Any:
    """Return the statement of a write; None where it takes several."""
    table = shape.table
    values: dict[str, Any] = {name: sa.bindparam(f"{prefix}{name}") for name in shape.names}
    if shape.how == "insert":
        return table.insert().values(values)
    if shape.how == "update":
        keys = table.primary_key.columns
        return table.update().where(*(key == values[key.name] for key in keys)).values(values)
    return merging(dialect, table, shape.names, _added, prefix)


def _added(old: sa.Column[Any], new: sa.ColumnElement[Any]) -> sa.ColumnElement[Any] | None:
    return old + new if isinstance(old.type, sa.BigInteger) else None
