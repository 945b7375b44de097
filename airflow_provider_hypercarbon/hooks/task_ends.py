"""What Airflow knows about the task instances behind exports: how they stand, and the marks that they have left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowRuntimeError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from airflow_provider_hypercarbon.hypersdk.owner import TaskKey
    from airflow_provider_hypercarbon.hypersdk.sweep import Claim

#: States in which nobody waits for the export any more.
OVER = frozenset({"failed", "success", "skipped", "upstream_failed", "removed"})
#: Key of the XCom by which a task's jobs are known to be its own: triggers and other tasks can read an XCom.
CLAIM_KEY = "hypercarbon_claim"
#: One question names so many runs at most: they stand in its address.
MOST_RUNS = 40


def task_state(ti: Any) -> str | None:
    """Return a task's state in Airflow's database; a clear leaves None until the task is scheduled again.

    :param ti: whatever has ``dag_id``, ``run_id``, ``task_id`` and ``map_index``.
    """
    map_index = -1 if ti.map_index is None else ti.map_index
    states = _states(ti.dag_id, [ti.run_id], [ti.task_id], map_index)
    return states.get(ti.run_id, {}).get(_name(ti.task_id, map_index))


class AirflowTasks:
    """The task instances of this Airflow, as a sweep of exports asks for them; from tasks and triggers alike."""

    def ended(self, tasks: Collection[TaskKey]) -> set[TaskKey]:
        """Return those of them that have ended.

        One question for many: names of mapped tasks are not unique then, so that :meth:`has_ended` has the last word.
        """
        found: set[TaskKey] = set()
        for dag_id in {task.dag_id for task in tasks}:
            own = [task for task in tasks if task.dag_id == dag_id]
            names = sorted({task.task_id for task in own})
            for runs in _some(sorted({task.run_id for task in own})):
                states = _states(dag_id, runs, names)
                found |= {
                    task
                    for task in own
                    if states.get(task.run_id, {}).get(_name(task.task_id, task.map_index)) in OVER
                }
        return found

    def has_ended(self, task: TaskKey) -> bool:
        """Ask about one task instance alone."""
        return task_state(task) in OVER

    def claim(self, task: TaskKey) -> Claim | None:
        """Return what the task's last try has left, if anything."""
        from airflow.sdk.execution_time.xcom import XCom

        from airflow_provider_hypercarbon.hypersdk.sweep import Claim

        try:
            left = XCom.get_one(
                key=CLAIM_KEY,
                dag_id=task.dag_id,
                run_id=task.run_id,
                task_id=task.task_id,
                map_index=task.map_index if task.map_index >= 0 else None,
            )
        except (AirflowRuntimeError, TypeError):  # Not ours to read, or an answer that is no XCom.
            return None
        mark, on_partial = (
            (left.get(key) for key in ("mark", "on_partial")) if isinstance(left, dict) else (None, None)
        )
        if not isinstance(mark, str) or not mark:
            return None
        return Claim(mark, on_partial if on_partial in ("quarantine", "remove") else "keep")


def _states(
    dag_id: str, run_ids: list[str], task_ids: list[str], map_index: int | None = None
) -> dict[str, dict[str, str | None]]:
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    return RuntimeTaskInstance.get_task_states(dag_id=dag_id, task_ids=task_ids, run_ids=run_ids, map_index=map_index)


def _name(task_id: str, map_index: int) -> str:
    """Return the name under which Airflow tells of a task instance."""
    return task_id if map_index < 0 else f"{task_id}_{map_index}"


def _some(runs: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(runs), MOST_RUNS):
        yield runs[start : start + MOST_RUNS]
