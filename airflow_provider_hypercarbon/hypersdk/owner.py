"""Whose a job is: what we write into its metadata, and read there again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pydantic import JsonValue


class TaskKey(NamedTuple):
    """An Airflow task instance over all its tries; ``map_index`` is -1 where it is not mapped."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1


def owner_metadata(*, dag_id: str, run_id: str, task_id: str, map_index: int, mark: str = "") -> dict[str, JsonValue]:
    """Return the metadata by which a job tells whose it is.

    :param mark: tells the task from one of the same name in another Airflow.
    """
    return {
        "airflow_mark": mark,
        "airflow_dag_id": dag_id,
        "airflow_run_id": run_id,
        "airflow_task_id": task_id,
        "airflow_map_index": map_index,
    }


def owner_of(dag_id: object, run_id: object, task_id: object, map_index: object) -> str:
    """Return the name of a task instance as jobs carry it."""
    return f"{dag_id}/{run_id}/{task_id}/{map_index}"


def owner_in(metadata: Mapping[str, object]) -> str:
    """Return the name of the task that submitted the job; empty when somebody else did."""
    parts = [metadata.get(f"airflow_{key}") for key in TaskKey._fields]
    return "" if None in parts else owner_of(*parts)


def task_in(metadata: Mapping[str, object]) -> TaskKey | None:
    """Return the same in its parts, when each is what it should be."""
    dag_id, run_id, task_id, map_index = (metadata.get(f"airflow_{key}") for key in TaskKey._fields)
    if not (isinstance(dag_id, str) and isinstance(run_id, str) and isinstance(task_id, str)):
        return None
    if not (dag_id and run_id and task_id) or type(map_index) is not int:
        return None
    return TaskKey(dag_id, run_id, task_id, map_index)


def mark_in(metadata: Mapping[str, object]) -> str:
    """Return the task's mark; empty when there is none."""
    mark = metadata.get("airflow_mark")
    return mark if isinstance(mark, str) else ""
