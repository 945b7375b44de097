from __future__ import annotations

import json
import os
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from airflow_provider_hypercarbon.carbon.decision import StartDecision
from airflow_provider_hypercarbon.carbon.report import CarbonReport
from airflow_provider_hypercarbon.carbon.report_json import report_json
from airflow_provider_hypercarbon.demo.local_airflow import LocalAirflow
from airflow_provider_hypercarbon.sensors.wait import WAIT_KEY

#: Runs in a row in each mode.
RUNS = int(os.environ.get("HYPERCARBON_SYSTEM_RUNS", "20"))
#: What the scheduler and two busy cores may add to a planned moment.
LATENESS = timedelta(seconds=45)


def wait_for_task(airflow: LocalAirflow, dag_id: str, run_id: str, states: tuple[str, ...], seconds: float) -> Any:
    """Wait until the only task of a run is in one of the states, and return it."""
    end = time.monotonic() + seconds
    while True:
        (task,) = airflow.tasks(dag_id, run_id)
        if task["state"] in states:
            return task
        assert time.monotonic() < end, f"{dag_id} is {task['state']}, not one of {states}"
        time.sleep(0.5)


def decision_of(airflow: LocalAirflow, dag_id: str, run_id: str) -> StartDecision:
    return StartDecision.model_validate(airflow.xcom(dag_id, run_id, "wait"))


def kept_wait(metadata: sa.Engine, run_id: str) -> dict[str, Any]:
    with metadata.connect() as connection:
        statement = sa.text("SELECT value FROM task_state_store WHERE run_id = :run AND key = :key")
        value = connection.execute(statement, {"run": run_id, "key": WAIT_KEY}).scalar_one()
    return json.loads(value) if isinstance(value, str) else value


def move_time(metadata: sa.Engine, run_id: str, by: timedelta) -> None:
    """Make ``by`` of the wait pass: every instant that is kept lies that much further back."""
    kept = kept_wait(metadata, run_id)
    for part in kept.values():
        for field, value in (part or {}).items():
            if field.endswith("_at") or field == "deadline":
                part[field] = value and (datetime.fromisoformat(value) - by).isoformat()
    with metadata.begin() as connection:
        connection.execute(
            sa.text("UPDATE task_state_store SET value = :value WHERE run_id = :run AND key = :key"),
            {"value": json.dumps(kept), "run": run_id, "key": WAIT_KEY},
        )


def saved_reports(connection: sa.Connection, dag_id: str, run_id: str) -> list[dict[str, Any]]:
    """Return the current reports of a run as the ledger keeps them, in the shape of the XCom."""
    statement = sa.text(
        "SELECT l.document FROM hypercarbon_reports r JOIN hypercarbon_ledger l ON l.position = r.ledger_position "
        "WHERE r.run_id = :run AND r.dag_id = :dag"
    )
    documents = connection.execute(statement, {"run": run_id, "dag": dag_id}).scalars().all()
    return [report_json(CarbonReport.model_validate(json.loads(document)["report"])) for document in documents]


class TestMainJob:
    @pytest.mark.parametrize("dag_id", ["in_reschedule_mode", "in_deferrable_mode"])
    def test_it_runs_green_many_times_in_a_row(
        self, airflow: LocalAirflow, results: sa.Engine, home: Any, dag_id: str
    ):
        """No run of the pipeline fails, without any retry; each leaves one row that equals its XCom."""
        conf = {"output_dir": str(home / "exports")}
        began = time.monotonic()
        runs = [airflow.trigger(dag_id, conf) for _ in range(RUNS)]
        states = [airflow.wait_for_run(dag_id, run_id, 180 + 30 * RUNS) for run_id in runs]
        tasks = [task for run_id in runs for task in airflow.tasks(dag_id, run_id)]
        print(f"{dag_id}: {states.count('success')} of {RUNS} green in {time.monotonic() - began:.0f} s")
        assert states == ["success"] * RUNS
        assert {task["try_number"] for task in tasks} == {1}
        with results.connect() as connection:
            for run_id in runs:
                decision = decision_of(airflow, dag_id, run_id)
                assert decision.due
                assert decision.decided_at <= decision.deadline + LATENESS
                report = airflow.xcom(dag_id, run_id, "report")
                assert saved_reports(connection, dag_id, run_id) == [report]
                assert report["synthetic"] == "mock"
                assert report["emissions_kgco2eq"] > 0

    def test_a_retry_of_the_report_leaves_one_row(self, airflow: LocalAirflow, results: sa.Engine, home: Any):
        """A worker died after saving: the second try finds the same report there, and XCom says it."""
        run_id = airflow.trigger("reported_twice", {"output_dir": str(home / "exports"), "max_delay": "1s"})
        assert airflow.wait_for_run("reported_twice", run_id, 180) == "success"
        report = airflow.xcom("reported_twice", run_id, "report")
        with results.connect() as connection:
            assert saved_reports(connection, "reported_twice", run_id) == [report]


class TestWaiting:
    @pytest.mark.parametrize("dag_id", ["dirty_rescheduled", "dirty_deferred"])
    def test_a_dirty_grid_holds_until_the_deadline(self, airflow: LocalAirflow, dag_id: str):
        """Held all the way, then started, soon after the deadline and not before it."""
        run_id = airflow.trigger(dag_id)
        held = wait_for_task(airflow, dag_id, run_id, ("up_for_reschedule", "deferred"), 60)
        assert held["state"] == ("deferred" if dag_id == "dirty_deferred" else "up_for_reschedule")
        assert airflow.wait_for_run(dag_id, run_id, 240) == "success"
        decision = decision_of(airflow, dag_id, run_id)
        assert decision.reason == "deadline"
        assert decision.deadline == decision.ready_at + timedelta(seconds=75)
        assert decision.deadline <= decision.decided_at <= decision.deadline + LATENESS

    @pytest.mark.parametrize("dag_id", ["in_reschedule_mode", "in_deferrable_mode"])
    def test_it_moves_to_its_planned_time(self, airflow: LocalAirflow, metadata: sa.Engine, home: Any, dag_id: str):
        """What the first look planned is when the job starts."""
        for zone in ("DE", "US-CAL-CISO", "AU-NSW", "IN-NO", "GB", "JP-TK"):
            run_id = airflow.trigger(dag_id, {"zone": zone, "output_dir": str(home / "exports")})
            end = time.monotonic() + 60
            while not (tasks := {t["task_id"]: t["state"] for t in airflow.tasks(dag_id, run_id)}).get("wait"):
                assert time.monotonic() < end
                time.sleep(0.5)
            while tasks["wait"] in ("scheduled", "queued", "running", None):
                tasks = {t["task_id"]: t["state"] for t in airflow.tasks(dag_id, run_id)}
                time.sleep(0.5)
            if tasks["wait"] in ("up_for_reschedule", "deferred"):
                plan = StartDecision.model_validate(kept_wait(metadata, run_id)["last_plan"])
                assert plan.reason == "cleaner_later"
                assert airflow.wait_for_run(dag_id, run_id, 240) == "success"
                decision = decision_of(airflow, dag_id, run_id)
                assert plan.start_at <= decision.decided_at <= plan.start_at + LATENESS
                assert decision.ready_at == plan.ready_at
                return
            airflow.wait_for_run(dag_id, run_id, 240)
        pytest.fail("No zone of the mock had anything to wait for.")

    def test_a_retry_three_hours_later_keeps_the_deadline(self, airflow: LocalAirflow, metadata: sa.Engine):
        """A failed try costs time, not the promise: four hours after the first poke the job starts."""
        dag_id = "fails_then_retries"
        run_id = airflow.trigger(dag_id)
        wait_for_task(airflow, dag_id, run_id, ("up_for_retry",), 120)
        first = kept_wait(metadata, run_id)
        move_time(metadata, run_id, timedelta(hours=3))
        wait_for_task(airflow, dag_id, run_id, ("up_for_reschedule",), 120)
        second = kept_wait(metadata, run_id)
        moved = datetime.fromisoformat(first["window"]["deadline"]) - timedelta(hours=3)
        assert datetime.fromisoformat(second["window"]["deadline"]) == moved
        move_time(metadata, run_id, timedelta(hours=1))
        assert airflow.wait_for_run(dag_id, run_id, 180) == "success"
        assert decision_of(airflow, dag_id, run_id).reason == "deadline"

    def test_a_killed_triggerer_that_comes_back(self, airflow: LocalAirflow):
        """The wait goes on in the next triggerer, to the same deadline."""
        run_id = airflow.trigger("dirty_deferred")
        wait_for_task(airflow, "dirty_deferred", run_id, ("deferred",), 60)
        airflow.kill("triggerer")
        time.sleep(15)
        airflow.start("triggerer")
        assert airflow.wait_for_run("dirty_deferred", run_id, 240) == "success"
        decision = decision_of(airflow, "dirty_deferred", run_id)
        assert decision.reason == "deadline"
        assert decision.deadline == decision.ready_at + timedelta(seconds=75)

    def test_a_triggerer_that_never_comes_back(self, airflow: LocalAirflow):
        """A minute after the deadline the scheduler wakes the task, and the worker starts the job."""
        run_id = airflow.trigger("dirty_deferred")
        wait_for_task(airflow, "dirty_deferred", run_id, ("deferred",), 60)
        airflow.kill("triggerer")
        try:
            assert airflow.wait_for_run("dirty_deferred", run_id, 300) == "success"
        finally:
            airflow.start("triggerer")
        decision = decision_of(airflow, "dirty_deferred", run_id)
        assert decision.reason == "deadline"
        assert decision.decided_at <= decision.deadline + timedelta(minutes=1) + LATENESS
