"""What a task instance brings to the submit protocol: its name, its note, and whether it still has a say."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowRuntimeError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_hypercarbon.hypersdk.note import ExportNote

#: Key of the note in Airflow's task state store, which keeps it over retry, clear and restart.
JOB_KEY = "hypercarbon_export"
#: Key of the task's mark in the same store.
MARK_KEY = "hypercarbon_mark"


class TaskNotes:
    """The note of a task instance in Airflow's task state store."""

    def __init__(self, context: Context) -> None:
        self._store = context["task_state_store"]
        self._ti = context["ti"]

    def load(self) -> ExportNote | None:
        """Return what an earlier try noted, if there was one."""
        from airflow_provider_hypercarbon.hypersdk.note import ExportNote

        return ExportNote.from_store(self._store.get(JOB_KEY))

    def save(self, note: ExportNote) -> None:
        """Keep a note."""
        self._store.set(JOB_KEY, note.model_dump(mode="json"))

    def claim(self, on_partial: str) -> str:
        """Return the mark that this task's jobs carry, the same in every try, and leave it where a sweep finds it.

        It tells this task instance from one of the same name in another Airflow. The store is the task's alone; an
        XCom can be read by whoever looks after exports that nobody waits for.
        """
        from airflow_provider_hypercarbon.hooks.task_ends import CLAIM_KEY

        mark = self._store.get(MARK_KEY)
        if not isinstance(mark, str) or not mark:
            mark = uuid.uuid4().hex
            self._store.set(MARK_KEY, mark)
        self._ti.xcom_push(key=CLAIM_KEY, value={"mark": mark, "on_partial": on_partial})
        return mark

    def still_hold(self, note: ExportNote | None) -> bool:
        """Ask Airflow whether the note is still ours, or a later try has written one.

        A task process outlives a killed worker; without its supervisor this call ends the process.
        """
        try:
            there = self.load()
        except AirflowRuntimeError:  # Airflow's API is away for a moment, which is no reason to stop.
            return True
        return note is None or there is None or there.try_number <= note.try_number


def task_name(ti: Any) -> dict[str, Any]:
    """Return what names a task instance over all its tries."""
    return {
        "dag_id": ti.dag_id,
        "run_id": ti.run_id,
        "task_id": ti.task_id,
        "map_index": -1 if ti.map_index is None else ti.map_index,
    }
