"""What goes on in runs: waits, exports, the decisions of one run, and when a DAG's runs started."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from airflow_provider_hypercarbon.carbon.decision import StartDecision
from airflow_provider_hypercarbon.carbon.record import DecisionRecord
from airflow_provider_hypercarbon.plugin.schemas.grid import GridPoint


class TaskAddress(BaseModel):
    """One task instance."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = Field(description="-1 when the task is not mapped.")


class WaitRow(TaskAddress):
    """A sensor that holds a job now."""

    state: str = Field(description="Airflow's word: up_for_reschedule, deferred, running, queued, ...")
    zone: str | None = Field(description="Null before the first decision.")
    vm_paths: list[str] = Field(description="The VMs that the wait is for, where the sensor names them.")
    ready_at: datetime
    deadline: datetime
    decision: StartDecision | None = Field(description="The newest that is known; null before the first.")


class WaitsAnswer(BaseModel):
    waits: list[WaitRow] = Field(description="By next start.")
    total: int = Field(description="Of all; the list is cut at 500.")
    asked_at: datetime


class ExportRow(TaskAddress):
    """An export that runs now, as the daemon tells it."""

    state: str = Field(description="Airflow's word for the task.")
    job_id: str
    hypersdk_conn_id: str | None
    status: str | None = Field(description="The daemon's word; null when it did not answer.")
    vm_path: str | None
    phase: str | None
    percent: float | None = Field(description="Null when the export method does not report it.")
    bytes_done: int | None
    bytes_total: int | None
    started_at: datetime | None
    seconds_left: float | None = Field(description="At the present speed; null when it is unknown.")
    problem: str | None = Field(description="Why there is no progress to show.")


class ExportsAnswer(BaseModel):
    exports: list[ExportRow]
    total: int = Field(description="Of all; the list is cut at 200.")
    asked_at: datetime


class Decided(BaseModel):
    """One decision of a run, with the curve as it was believed then."""

    task_id: str
    map_index: int
    record: DecisionRecord
    curve: list[GridPoint] = Field(description="The same curve as points; empty when it was not kept.")


class DecisionsAnswer(BaseModel):
    """A run's decisions in the order of time, and the run's measured intensities when they are known."""

    dag_id: str
    run_id: str
    decisions: list[Decided] = Field(description="The newest 200.")


class Start(TaskAddress):
    """When a run started, against when it could have."""

    ready_at: datetime
    started_at: datetime
    deadline: datetime
    reason: str
    zone: str


class StartsAnswer(BaseModel):
    starts: list[Start] = Field(description="The latest first.")
