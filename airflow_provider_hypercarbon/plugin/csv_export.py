"""Reports as CSV, however many: a few thousand in memory at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from airflow_provider_hypercarbon.report_store import ReportFilters, ResultsDatabase
from airflow_provider_hypercarbon.report_store.table import reports

_BATCH = 2000
#: Documents and columns about the keeping of the row are left out.
_LEFT_OUT = ("document", "try_number", "ledger_position", "revision", "prev_hash", "hash")
COLUMNS = tuple(column.name for column in reports.columns if column.name not in _LEFT_OUT)
#: A spreadsheet would run what begins with one of these.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_lines(database: ResultsDatabase, filters: ReportFilters) -> Iterator[str]:
    """Yield the header, then the reports of a filter in the order of their start, in parts of some kilobytes."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for rows in _batches(database, filters):
        writer.writerows([_cell(row[name]) for name in COLUMNS] for row in rows)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _batches(database: ResultsDatabase, filters: ReportFilters) -> Iterator[list[sa.RowMapping]]:
    started_at, operation_id = reports.c.started_at, reports.c.operation_id
    query = sa.select(*(reports.c[name] for name in COLUMNS)).where(*filters.conditions())
    query = query.order_by(started_at, operation_id).limit(_BATCH)
    beyond: sa.ColumnElement[bool] = sa.true()
    while rows := list(database.read(query.where(beyond))):
        yield rows
        if len(rows) < _BATCH:
            return
        last = rows[-1]
        beyond = (started_at >= last["started_at"]) & (
            (started_at > last["started_at"]) | (operation_id > last["operation_id"])
        )


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
