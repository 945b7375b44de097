from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from airflow.sdk.execution_time.xcom import XCom

from airflow_provider_hypercarbon.hooks.task_ends import CLAIM_KEY, MOST_RUNS, OVER, AirflowTasks, task_state
from airflow_provider_hypercarbon.hypersdk.owner import TaskKey
from airflow_provider_hypercarbon.hypersdk.sweep import Claim

ONE = TaskKey("d", "r1", "export")


class Airflow:
    """Answers for the states of task instances as Airflow's own route does."""

    def __init__(self, states: dict[TaskKey, str | None]):
        self.states = states
        self.asked: list[dict[str, Any]] = []

    def get_task_states(
        self, *, dag_id: str, run_ids: list[str], task_ids: list[str], map_index: int | None
    ) -> dict[str, dict[str, str | None]]:
        self.asked.append({"dag_id": dag_id, "run_ids": run_ids, "task_ids": task_ids, "map_index": map_index})
        found: dict[str, dict[str, str | None]] = {}
        for task, state in self.states.items():
            fits = task.dag_id == dag_id and task.run_id in run_ids and task.task_id in task_ids
            if fits and map_index in (None, task.map_index):
                name = task.task_id if task.map_index < 0 else f"{task.task_id}_{task.map_index}"
                found.setdefault(task.run_id, {})[name] = state
        return found


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch):
    def put(states: dict[TaskKey, str | None]) -> Airflow:
        there = Airflow(states)
        monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", there.get_task_states)
        return there

    return put


class TestStates:
    def test_one_question_for_many(self, airflow):
        """Runs and mapped tasks of a DAG together; one that Airflow does not know has not ended."""
        tasks = {TaskKey("d", f"r{run}", "export", index) for run in range(3) for index in range(4)}
        gone = TaskKey("d", "r9", "export", 0)
        there = airflow({task: "failed" if task.map_index == 2 else "deferred" for task in tasks})
        assert AirflowTasks().ended({*tasks, gone}) == {task for task in tasks if task.map_index == 2}
        assert len(there.asked) == 1

    def test_very_many_take_some_questions(self, airflow):
        """They stand in the address of a request."""
        tasks = {TaskKey("d", f"r{run}", "export") for run in range(2 * MOST_RUNS + 1)}
        there = airflow(dict.fromkeys(tasks, "failed"))
        assert AirflowTasks().ended(tasks) == tasks
        assert [len(asked["run_ids"]) for asked in there.asked] == [MOST_RUNS, MOST_RUNS, 1]

    def test_another_dag_s_run_of_the_same_name(self, airflow):
        """Scheduled runs have the same names in all DAGs."""
        airflow({ONE: "failed", ONE._replace(dag_id="e"): "running"})
        assert AirflowTasks().ended({ONE, ONE._replace(dag_id="e")}) == {ONE}

    def test_names_that_mean_two_things_are_told_apart(self, airflow):
        """Airflow calls the mapped task export[1] export_1, as another task may be called."""
        mapped, plain = TaskKey("d", "r1", "export", 1), TaskKey("d", "r1", "export_1")
        airflow({mapped: "running", plain: "failed"})
        assert not AirflowTasks().has_ended(mapped)
        assert AirflowTasks().has_ended(plain)

    @pytest.mark.parametrize(
        "state",
        [
            "deferred",
            "running",
            "queued",
            "scheduled",
            "up_for_retry",
            "up_for_reschedule",
            "restarting",
            None,
            "new",
        ],
    )
    def test_a_task_that_lives_has_not_ended(self, airflow, state: str | None):
        """A state of a later Airflow neither."""
        airflow({ONE: state})
        assert AirflowTasks().ended({ONE}) == set()
        assert not AirflowTasks().has_ended(ONE)

    @pytest.mark.parametrize("state", sorted(OVER))
    def test_an_end(self, airflow, state: str):
        airflow({ONE: state})
        assert AirflowTasks().ended({ONE}) == {ONE}
        assert task_state(SimpleNamespace(dag_id="d", run_id="r1", task_id="export", map_index=None)) == state


class TestClaim:
    @pytest.mark.parametrize(
        ("left", "claim"),
        [
            ({"mark": "m", "on_partial": "remove"}, Claim("m", "remove")),
            ({"mark": "m", "on_partial": "burn"}, Claim("m", "keep")),
            ({"mark": "m"}, Claim("m", "keep")),
            ({"mark": ""}, None),
            ({"mark": 5}, None),
            ("m", None),
            (None, None),
            (TypeError("no XCom"), None),
            (AirflowRuntimeError(SimpleNamespace(error=ErrorType.GENERIC_ERROR, detail={})), None),
        ],
    )
    def test_what_a_task_has_left(self, monkeypatch: pytest.MonkeyPatch, left: object, claim: Claim | None):
        """Anything that is not ours, or cannot be read, is no claim."""
        asked = []

        def get_one(**query: object) -> object:
            asked.append(query)
            if isinstance(left, Exception):
                raise left
            return left

        monkeypatch.setattr(XCom, "get_one", get_one)
        assert AirflowTasks().claim(ONE) == claim
        assert AirflowTasks().claim(ONE._replace(map_index=3)) == claim
        where = {"key": CLAIM_KEY, "dag_id": "d", "run_id": "r1", "task_id": "export"}
        assert asked == [{**where, "map_index": None}, {**where, "map_index": 3}]
