"""What goes on: waits, exports, a run's decisions, and when a DAG's runs started."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from airflow_provider_hypercarbon.plugin.backends import Now, Results
from airflow_provider_hypercarbon.plugin.exports import running_exports
from airflow_provider_hypercarbon.plugin.guard import READS_DAG, ReadableDags
from airflow_provider_hypercarbon.plugin.routes.grid import curve_points
from airflow_provider_hypercarbon.plugin.running import exports_in_all, waits_in_all, waits_in_progress
from airflow_provider_hypercarbon.plugin.schemas.runs import (
    Decided,
    DecisionsAnswer,
    ExportsAnswer,
    Start,
    StartsAnswer,
    WaitsAnswer,
)
from airflow_provider_hypercarbon.report_store import DecisionLog, KeptDecision

router = APIRouter(tags=["runs"])
DagId = Annotated[str, Path(min_length=1, max_length=250, examples=["nightly_backup"])]
RunId = Annotated[str, Path(min_length=1, max_length=250, examples=["scheduled__2026-11-23T19:00:00+00:00"])]
OfDag = Annotated[str | None, Query(max_length=250, description="Only of this DAG.", examples=["nightly_backup"])]
_MOST_DECISIONS = 200


@router.get("/waits")
def waits(dags: ReadableDags, now: Now, dag_id: OfDag = None) -> WaitsAnswer:
    """List the sensors that hold a job now, by next start."""
    found = waits_in_progress(dags.only(dag_id))
    return WaitsAnswer(waits=found, total=waits_in_all(len(found), dags.only(dag_id)), asked_at=now)


@router.get("/exports")
def exports(dags: ReadableDags, now: Now, dag_id: OfDag = None) -> ExportsAnswer:
    """List the exports that run now, with their progress."""
    found = running_exports(dags.only(dag_id), now=now)
    return ExportsAnswer(exports=found, total=exports_in_all(len(found), dags.only(dag_id)), asked_at=now)


@router.get("/dags/{dag_id}/runs/{run_id}/decisions", dependencies=[READS_DAG])
def decisions(
    dag_id: DagId,
    run_id: RunId,
    results: Results,
    task_id: Annotated[str | None, Query(max_length=250, examples=["wait"])] = None,
    map_index: Annotated[int, Query(ge=-1, le=2**31 - 1)] = -1,
) -> DecisionsAnswer:
    """List a run's decisions in the order of time, each with the curve as it was believed then."""
    found = DecisionLog(results).kept(dag_id, run_id, task_id, map_index, newest=_MOST_DECISIONS)
    return DecisionsAnswer(
        dag_id=dag_id,
        run_id=run_id,
        decisions=[
            Decided(
                task_id=kept.context.task_id,
                map_index=kept.context.map_index,
                record=kept.record,
                curve=curve_points(kept.record),
            )
            for kept in found
        ],
    )


@router.get("/dags/{dag_id}/starts", dependencies=[READS_DAG])
def starts(dag_id: DagId, results: Results, limit: Annotated[int, Query(ge=1, le=200)] = 30) -> StartsAnswer:
    """List when the last runs of a DAG started, against when they could have."""
    return StartsAnswer(starts=[_start(kept) for kept in DecisionLog(results).starts(dag_id, limit=limit)])


def _start(kept: KeptDecision) -> Start:
    decision, where = kept.record.decision, kept.context
    return Start(
        dag_id=where.dag_id,
        run_id=where.run_id,
        task_id=where.task_id,
        map_index=where.map_index,
        ready_at=decision.ready_at,
        started_at=decision.start_at,
        deadline=decision.deadline,
        reason=decision.reason.value,
        zone=decision.zone,
    )
