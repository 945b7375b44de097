from __future__ import annotations

import json

import pytest

from airflow_provider_hypercarbon.hypersdk.models import ExportJob
from airflow_provider_hypercarbon.hypersdk.owner import TaskKey, mark_in, owner_in, owner_metadata, task_in
from tests.hypersdk.fake_daemon import job_json

TASK = TaskKey("nightly", "scheduled__2026/02", "export", 3)


def test_what_is_written_is_read_again():
    """Through the daemon and through a trigger's event, all JSON."""
    metadata = json.loads(json.dumps(owner_metadata(**TASK._asdict(), mark="m")))
    job = ExportJob.from_daemon(job_json(definition={"metadata": metadata}))
    again = ExportJob.model_validate(json.loads(json.dumps(job.model_dump(mode="json"))))
    assert (again.task, again.mark, again.owner) == (TASK, "m", "nightly/scheduled__2026/02/export/3")
    assert again == job


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"airflow_dag_id": "d"},
        owner_metadata(**TASK._asdict()) | {"airflow_dag_id": ""},
        owner_metadata(**TASK._asdict()) | {"airflow_run_id": 5},
        owner_metadata(**TASK._asdict()) | {"airflow_map_index": "3"},
        owner_metadata(**TASK._asdict()) | {"airflow_map_index": True},
    ],
)
def test_what_somebody_else_wrote_is_no_task(metadata: dict):
    """Nobody is asked about it."""
    assert task_in(metadata) is None
    assert mark_in(metadata | {"airflow_mark": 5}) == ""


def test_a_job_of_nobody_has_no_owner():
    """Somebody outside Airflow has submitted it."""
    assert owner_in({"airflow_dag_id": "d"}) == "" == ExportJob.from_daemon(job_json()).owner
