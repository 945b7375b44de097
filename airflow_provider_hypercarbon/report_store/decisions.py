"""The decisions of sensors, kept beside the reports and read again later."""

from __future__ import annotations

import json
import uuid
from typing import Any

import sqlalchemy as sa

from airflow_provider_hypercarbon.carbon.decision import StartDecision
from airflow_provider_hypercarbon.carbon.intensity import Frozen
from airflow_provider_hypercarbon.carbon.record import DecisionRecord
from airflow_provider_hypercarbon.exceptions import ReportStoreError
from airflow_provider_hypercarbon.report_store.columns import instant_text
from airflow_provider_hypercarbon.report_store.database import ResultsDatabase
from airflow_provider_hypercarbon.report_store.row import RunContext
from airflow_provider_hypercarbon.report_store.wait_tables import decisions


class KeptDecision(Frozen):
    """A decision, and the task instance that made it."""

    context: RunContext
    record: DecisionRecord


_COLUMNS_READ = [
    decisions.c[name] for name in ("decision_id", "dag_id", "run_id", "task_id", "map_index", "document")
]


class DecisionLog:
    """Reads and writes the table ``hypercarbon_decisions``.

    :param database: the user's database.
    """

    def __init__(self, database: ResultsDatabase) -> None:
        self.database = database

    def save(self, record: DecisionRecord, context: RunContext) -> None:
        """Keep a record; the same decision saved twice, by a retry, is one row.

        :raises ReportStoreError: the database is out of reach, or does not allow it.
        """
        decision = record.decision
        where = [context.dag_id, context.run_id, context.task_id, context.map_index]
        decided_at = instant_text(decision.decided_at)
        self.database.write(
            decisions,
            {
                "decision_id": str(uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([*where, decided_at]))),
                "dag_id": context.dag_id,
                "run_id": context.run_id,
                "task_id": context.task_id,
                "map_index": context.map_index,
                "decided_at": decided_at,
                "zone": decision.zone,
                "reason": decision.reason.value,
                "due": decision.due,
                "document": json.dumps(record.model_dump(mode="json"), ensure_ascii=False, allow_nan=False),
            },
        )

    def of_run(
        self, dag_id: str, run_id: str, task_id: str | None = None, map_index: int = -1
    ) -> list[DecisionRecord]:
        """Return the records of a run in the order of time, of all its sensors or of one."""
        return [kept.record for kept in self.kept(dag_id, run_id, task_id, map_index)]

    def kept(
        self, dag_id: str, run_id: str, task_id: str | None = None, map_index: int = -1, *, newest: int | None = None
    ) -> list[KeptDecision]:
        """Return the same with the task instance that decided.

        :param newest: only so many, the last ones.
        """
        query = sa.select(*_COLUMNS_READ).where(decisions.c.dag_id == dag_id, decisions.c.run_id == run_id)
        if task_id is not None:
            query = query.where(decisions.c.task_id == task_id, decisions.c.map_index == map_index)
        query = query.order_by(decisions.c.decided_at.desc(), decisions.c.decision_id).limit(newest)
        return [_kept(row) for row in reversed(self.database.read(query))]

    def starts(self, dag_id: str, *, limit: int) -> list[KeptDecision]:
        """Return the decisions that started something in the last runs of a DAG, the latest first."""
        query = sa.select(*_COLUMNS_READ).where(decisions.c.dag_id == dag_id, decisions.c.due.is_(True))
        query = query.order_by(decisions.c.decided_at.desc(), decisions.c.decision_id).limit(limit)
        return [_kept(row) for row in self.database.read(query)]


def _kept(row: sa.RowMapping) -> KeptDecision:
    where = RunContext.model_validate({name: row[name] for name in ("dag_id", "run_id", "task_id", "map_index")})
    return KeptDecision(context=where, record=_record(row))


def _record(row: sa.RowMapping) -> DecisionRecord:
    try:
        return DecisionRecord.model_validate(_known(json.loads(row["document"])))
    except ValueError as error:
        raise ReportStoreError(f"The decision {row['decision_id']} is damaged. Delete its row.") from error


def _known(document: dict[str, Any]) -> dict[str, Any]:
    """Leave out what a later release added."""
    record = {name: value for name, value in document.items() if name in DecisionRecord.model_fields}
    decision = {name: value for name, value in record["decision"].items() if name in StartDecision.model_fields}
    return {**record, "decision": decision}
