"""A report as a row of the results table and a document of the ledger, and back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from airflow_provider_hypercarbon.carbon.footprint import CarbonReport
from airflow_provider_hypercarbon.carbon.intensity import Frozen, UtcDatetime
from airflow_provider_hypercarbon.exceptions import ReportStoreError
from airflow_provider_hypercarbon.report_store.columns import instant_text
from airflow_provider_hypercarbon.report_store.group_sums import MOST
from airflow_provider_hypercarbon.report_store.ledger import Why, canonical
from airflow_provider_hypercarbon.report_store.sum_tables import SUMMED
from airflow_provider_hypercarbon.report_store.table import ledger, reports

#: The columns of the results table but for those about the ledger.
COLUMNS_OF_A_REPORT = [column.name for column in reports.c if column.name not in ("ledger_position", "revision")]


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
    """A revision of a report, as the ledger keeps it.

    :param position: its place in the ledger's chain.
    :param revision: 1 for the first report of an operation.
    :param why: why this revision was made.
    """

    report: CarbonReport
    context: RunContext
    saved_at: UtcDatetime
    position: int
    revision: int
    why: Why
    prev_hash: str
    hash: str


#: What reading needs; the columns of the results table say the same again, for people who query.
COLUMNS_READ = list(ledger.c)


def to_row(report: CarbonReport, content: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Flatten a report into the columns, and refuse what a database would change or refuse.

    :param content: the report's, by :func:`to_content`.
    """
    row = columns_of(content["report"], content["context"], instant_text(now))
    for name, value in row.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ReportStoreError(f"{name} is {value}, which is no number to keep. Check the size of the data.")
        if name in SUMMED and value is not None and abs(value) > MOST:
            raise ReportStoreError(f"{name} is {value:g}, more than any run can have. Check the size of the data.")
        length = getattr(reports.c[name].type, "length", None)
        if isinstance(value, str) and length and len(value) > length:
            raise ReportStoreError(f"{name} has {len(value)} characters; at most {length} are kept. Shorten it.")
    if not report.operation_id or report.operation_id != report.operation_id.strip():
        raise ReportStoreError(
            f"The operation_id {report.operation_id!r} is empty or has spaces at an end, which databases compare "
            "differently. Give one without."
        )
    return row


def columns_of(report: Mapping[str, Any], context: Mapping[str, Any], saved_at: str) -> dict[str, Any]:
    """Return the columns of a document's report and context; null where they do not say a thing.

    :raises KeyError: a report without a run; likewise TypeError and ValueError.
    """
    signal = report.get("signal") or {}
    return {
        **{name: report.get(name) for name in COLUMNS_OF_A_REPORT},
        **{name: context.get(name) for name in RunContext.model_fields},
        "started_at": _text_of(report["started_at"]),
        "ended_at": _text_of(report["ended_at"]),
        "scheduled_at": _text_of(report["scheduled_at"]) if report.get("scheduled_at") else None,
        "saved_at": saved_at,
        "signal_kind": signal.get("kind"),
        "signal_factors": signal.get("factors"),
    }


def to_content(report: CarbonReport, context: RunContext) -> dict[str, Any]:
    """Return the part of the ledger's document that is about the run."""
    return {"context": context.model_dump(mode="json"), "report": report.model_dump(mode="json")}


def says_the_same(document: str, content: Mapping[str, Any]) -> bool:
    """Whether a document of the ledger holds this content; the number of the try tells nothing about the run."""
    try:
        found = json.loads(document)
        kept = {name: {**found[name], "try_number": None} for name in content}
    except (ValueError, KeyError, TypeError):
        return False
    return canonical(kept) == canonical({name: {**content[name], "try_number": None} for name in content})


def from_row(row: sa.RowMapping) -> StoredReport:
    """Read a row of the ledger back. A field that a later release added to the document is left out."""
    try:
        document = json.loads(row["document"])
        report, context = document["report"], document["context"]
        return StoredReport(
            report=CarbonReport.model_validate(_known(report, CarbonReport)),
            context=RunContext.model_validate(_known(context, RunContext)),
            saved_at=row["saved_at"],
            position=row["position"],
            revision=row["revision"],
            why=row["why"],
            prev_hash=row["prev_hash"],
            hash=row["hash"],
        )
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise ReportStoreError(
            f"The report {row['operation_id']!r} at position {row['position']} of {ledger.name} is damaged. "
            '"hypercarbon verify" says since when; the task that wrote the report makes it anew when it is cleared.'
        ) from error


def _known(document: dict[str, Any], model: type[Frozen]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name in model.model_fields}


def _text_of(instant: str) -> str:
    return instant_text(datetime.fromisoformat(instant))
