from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clients.conftest import Server

CLIENT = Path(__file__).resolve().parent.parent.parent / "clients" / "typescript"
pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not (CLIENT / "dist" / "index.js").exists(), reason="clients/typescript is not built"),
    pytest.mark.skipif(shutil.which("node") is None, reason="needs node"),
]


class TestTypeScript:
    def test_every_example_runs(self, server: Server):
        """The client, generated from the document, gets the mission's four answers from a real API server."""
        done = subprocess.run(
            ["node", "--test", "test/"],
            cwd=CLIENT,
            env={**os.environ, "AIRFLOW_URL": server.url, "AIRFLOW_TOKEN": server.token},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
