"""The exact monthly sums that are kept beside the reports: a summary of millions reads thousands of rows.

Whole numbers can be added and taken away again for ever without an error, which floating-point numbers cannot.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from airflow_provider_hypercarbon.report_store.table import SUMMED, sums
from airflow_provider_hypercarbon.report_store.upsert import merging

BILLION = 1e9
_COUNTED = ("operations", *SUMMED, *(f"{name}_known" for name in SUMMED))
#: What the rows of ``hypercarbon_sums`` tell apart.
KEPT_APART = tuple(column.name for column in sums.c if column.name not in ("group_id", *_COUNTED))


def billionths(value: float) -> int:
    """Return a figure as a whole number of billionths, exactly as the databases round it."""
    return math.floor(value * BILLION + 0.5)


def group_id(key: Sequence[Any]) -> str:
    """Return the primary key of a row, from its values of ``KEPT_APART``."""
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()


def add_to_sums(connection: sa.Connection, changes: Iterable[tuple[Mapping[str, Any], int]]) -> None:
    """Add reports to the sums, or take them away.

    :param changes: rows of ``hypercarbon_reports``, each with 1 or -1.
    """
    groups: dict[str, dict[str, Any]] = {}
    for row, sign in changes:
        key = [row["started_at"][:7] if name == "month" else row[name] for name in KEPT_APART]
        name_of_group = group_id(key)
        group = groups.setdefault(
            name_of_group,
            {"group_id": name_of_group, **dict(zip(KEPT_APART, key, strict=True)), **dict.fromkeys(_COUNTED, 0)},
        )
        group["operations"] += sign
        for name in SUMMED:
            if (value := row[name]) is not None:
                group[name] += sign * billionths(value)
                group[f"{name}_known"] += sign
    # Most figures of most reports are unknown: only what changes is sent, the rest begins at zero by itself.
    names = [name for name in _COUNTED if any(group[name] for group in groups.values())]
    if not names:
        return
    columns = ("group_id", *KEPT_APART, *dict.fromkeys(("operations", *names)))
    changed = [{name: group[name] for name in columns} for group in groups.values()]
    statement = merging(connection.dialect.name, sums, columns, _merge)
    if statement is not None:
        connection.execute(statement, changed)
        return
    for group in changed:
        _add_plainly(connection, group)


def _merge(old: sa.Column[Any], new: sa.ColumnElement[Any]) -> sa.ColumnElement[Any] | None:
    return old + new if old.name in _COUNTED else None


def _add_plainly(connection: sa.Connection, group: dict[str, Any]) -> None:
    more = {sums.c[name]: sums.c[name] + group[name] for name in _COUNTED if name in group}
    done = connection.execute(sums.update().where(sums.c.group_id == group["group_id"]).values(more))
    if not done.rowcount:
        connection.execute(sums.insert(), group)
