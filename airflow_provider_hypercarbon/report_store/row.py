"""A report as a row of the results table, and back."""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from airflow_provider_hypercarbon.carbon.footprint import CarbonReport
from airflow_provider_hypercarbon.carbon.intensity import Frozen, UtcDatetime
from airflow_provider_hypercarbon.exceptions import ReportStoreError
from airflow_provider_hypercarbon.report_store.table import instant_text, reports


class RunContext(Frozen):
    """Which task instance reported, and about which VM."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1
    try_number: int = 1
    vm_path: str | None = None

    @classmethod
    def of_task(cls, ti: Any, *, vm_path: str | None = None) -> RunContext:
        """Return the context of an Airflow task instance."""
        return cls(
            dag_id=ti.dag_id,
            run_id=ti.run_id,
            task_id=ti.task_id,
            map_index=-1 if ti.map_index is None else ti.map_index,
            try_number=ti.try_number,
            vm_path=vm_path,
        )


class StoredReport(Frozen):
    """A report as it was saved."""

    report: CarbonReport
    context: RunContext
    saved_at: UtcDatetime


#: What reading needs; the other columns say the same again, for people who query.
COLUMNS_READ = [reports.c[name] for name in ("operation_id", "document", "saved_at", *RunContext.model_fields)]


def to_row(report: CarbonReport, context: RunContext, now: datetime) -> dict[str, Any]:
    """Flatten a report into the columns, and refuse what a database would change or refuse."""
    signal = report.signal
    row: dict[str, Any] = {
        **report.model_dump(include=set(reports.c.keys())),
        **context.model_dump(),
        "started_at": instant_text(report.started_at),
        "ended_at": instant_text(report.ended_at),
        "scheduled_at": instant_text(report.scheduled_at) if report.scheduled_at else None,
        "saved_at": instant_text(now),
        "signal_kind": signal.kind if signal else None,
        "signal_factors": signal.factors if signal else None,
    }
    for name, value in row.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ReportStoreError(f"{name} is {value}, which is no number to keep. Check the size of the data.")
        length = getattr(reports.c[name].type, "length", None)
        if isinstance(value, str) and length and len(value) > length:
            raise ReportStoreError(f"{name} has {len(value)} characters; at most {length} are kept. Shorten it.")
    if not report.operation_id or report.operation_id != report.operation_id.strip():
        raise ReportStoreError(
            f"The operation_id {report.operation_id!r} is empty or has spaces at an end, which databases compare "
            "differently. Give one without."
        )
    row["document"] = json.dumps(report.model_dump(mode="json"), ensure_ascii=False, allow_nan=False)
    return row


def from_row(row: sa.RowMapping) -> StoredReport:
    """Read a row back. A field that a later release added to the document is left out."""
    try:
        document = json.loads(row["document"])
        known = {name: value for name, value in document.items() if name in CarbonReport.model_fields}
        return StoredReport(
            report=CarbonReport.model_validate(known),
            context=RunContext.model_validate({name: row[name] for name in RunContext.model_fields}),
            saved_at=row["saved_at"],
        )
    except (ValueError, AttributeError) as error:
        raise ReportStoreError(
            f"The report {row['operation_id']!r} in {reports.name} is damaged. Delete its row; the task that wrote "
            "it makes it anew when it is cleared."
        ) from error
