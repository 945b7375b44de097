"""The names that reports bear: what a filter may offer."""

from __future__ import annotations

import sqlalchemy as sa

from airflow_provider_hypercarbon.report_store.columns import instant_text
from airflow_provider_hypercarbon.report_store.database import ResultsDatabase
from airflow_provider_hypercarbon.report_store.filters import ReportFilters
from airflow_provider_hypercarbon.report_store.sum_tables import DAYS, day_sums
from airflow_provider_hypercarbon.report_store.table import reports


def dags_and_zones(database: ResultsDatabase, filters: ReportFilters) -> set[tuple[str, str]]:
    """Return which DAGs reported for which zones, among the reports of a filter.

    Where the filter asks for nothing finer than DAGs and zones, whole days in UTC are looked at: a name of the hours
    before or after the span may be among them.
    """
    finer = (filters.operation_id, filters.run_id, filters.vm_path)
    if any(name is not None for name in finer):
        found, table = filters.conditions(), reports
    else:
        found, table = _of_days(filters), day_sums
    query = sa.select(table.c.dag_id, table.c.zone).where(*found).distinct()
    (rows,) = database.read_together([query])
    return {(row.dag_id, row.zone) for row in rows}


def _of_days(filters: ReportFilters) -> list[sa.ColumnElement[bool]]:
    c = day_sums.c
    unknown = filters.at_any_time().model_copy(update={"provisional": None})
    # What all reports have left stays, as zeros.
    found = [*unknown.conditions(day_sums), c.operations > 0]
    if filters.since is not None:
        found.append(c.day >= instant_text(filters.since)[: DAYS.length])
    if filters.until is not None:
        found.append(c.day <= instant_text(filters.until)[: DAYS.length])
    if filters.provisional is not None:
        found.append(c.provisional_operations > 0 if filters.provisional else c.operations > c.provisional_operations)
    return found
