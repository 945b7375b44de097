from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_hypercarbon.hypersdk.note import ExportNote, job_id

WHOSE = {"dag_id": "nightly", "run_id": "r1", "task_id": "export", "map_index": -1, "generation": 1, "attempt": 1}


@pytest.mark.parametrize(
    "change",
    [{"dag_id": "x"}, {"run_id": "r2"}, {"task_id": "x"}, {"map_index": 0}, {"generation": 2}, {"attempt": 2}],
)
def test_ids_differ_where_exports_differ(change):
    """Each of run, task, map index, generation and attempt has its own job; the same one has the same id."""
    assert job_id(**WHOSE) == job_id(**WHOSE)
    assert job_id(**(WHOSE | change)) != job_id(**WHOSE)


def test_ids_are_readable():
    """A person sees the DAG and the task in the daemon's list."""
    assert re.fullmatch(r"nightly-export-3-[0-9a-f]{12}", job_id(**(WHOSE | {"map_index": 3})))


@given(dag_id=st.text(), run_id=st.text(), task_id=st.text())
def test_ids_are_safe_in_a_path(dag_id, run_id, task_id):
    """The daemon cuts an id at the last slash; a file system and a URL have their own ideas."""
    made = job_id(dag_id=dag_id, run_id=run_id, task_id=task_id, map_index=-1, generation=0, attempt=1)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,120}", made)


@pytest.mark.parametrize("value", [None, "old", [], {"job_id": ""}, {"job_id": "x", "generation": 1}])
def test_a_foreign_note_counts_as_nothing(value):
    """What somebody else left in the store does not stop a backup."""
    assert ExportNote.from_store(value) is None


def test_a_note_survives_json():
    """The note goes into Airflow's store as plain JSON."""
    note = ExportNote(job_id="x", generation=1, attempt=2, submitted_at="2026-02-04T02:00:00Z", result={"a": [1]})
    assert ExportNote.from_store(note.model_dump(mode="json")) == note
