from __future__ import annotations

import json

import httpx
import pytest
from airflow.sdk.exceptions import AirflowException

from airflow_provider_hypercarbon.hooks import task_ends
from airflow_provider_hypercarbon.operators.export_sweep import ExportSweepOperator
from tests.hypersdk.fake_daemon import answering, client_of
from tests.hypersdk.test_sweep import Daemon, Tasks
from tests.task_context import task_context


def operator_of(handler) -> ExportSweepOperator:
    class Hook:
        def get_conn(self):
            return client_of(handler)

    class Operator(ExportSweepOperator):
        hook = Hook()

    return Operator(task_id="sweep")


def test_it_tells_what_it_did(monkeypatch: pytest.MonkeyPatch):
    """Plain JSON: how many exports there are, and which of them were cancelled for whom."""
    monkeypatch.setattr(task_ends, "AirflowTasks", Tasks)
    daemon = Daemon()
    told = operator_of(daemon).execute(task_context())
    assert json.loads(json.dumps(told)) == {
        "active": 1,
        "cancelled": [{"job_id": "job-1", "vm_path": "/DC0/vm/db-prod", "task": "nightly/run/1/export/3"}],
    }
    assert daemon.cancelled == ["job-1"]


def test_a_daemon_that_does_not_answer_is_seen():
    """Whoever relies on the sweep hears that there was none; a retry may help."""
    with pytest.raises(AirflowException, match="HyperSDK daemon"):
        operator_of(answering(httpx.ConnectError("refused"))).execute(task_context())
