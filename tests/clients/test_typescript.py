from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_hypercarbon.demo.local_airflow import LocalAirflow

CLIENT = Path(__file__).resolve().parent.parent.parent / "clients" / "typescript"
pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not (CLIENT / "dist" / "index.js").exists(), reason="clients/typescript is not built"),
    pytest.mark.skipif(shutil.which("node") is None, reason="needs node"),
]


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAirflow]:
    home = tmp_path_factory.mktemp("airflow")
    connections = {
        "AIRFLOW_CONN_HYPERCARBON_DEFAULT": '{"conn_type": "hypercarbon", "extra": {"source": "mock"}}',
        "AIRFLOW_CONN_HYPERCARBON_RESULTS": f"sqlite://{home / 'results.db'}",
    }
    dags = home / "dags"
    dags.mkdir()
    with LocalAirflow(home, dags, connections) as running:
        yield running


class TestTypeScript:
    def test_every_example_runs(self, airflow: LocalAirflow):
        """The client, generated from the document, gets the mission's four answers from a real API server."""
        airflow.api("GET", "/version")
        token = airflow._client.headers["Authorization"].removeprefix("Bearer ")
        done = subprocess.run(
            ["node", "--test", "test/"],
            cwd=CLIENT,
            env={**os.environ, "AIRFLOW_URL": airflow.url, "AIRFLOW_TOKEN": token},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
