"""What the chaos test needs: a PostgreSQL server, and for Celery its provider and a Redis server."""

from __future__ import annotations

import importlib.util
import os
import shutil

import pytest

POSTGRES = os.environ.get("HYPERCARBON_TEST_POSTGRES", "")


def missing_for(executor: str) -> str:
    """Say what this machine lacks for an executor; empty when nothing."""
    if not POSTGRES:
        return "needs HYPERCARBON_TEST_POSTGRES, see .ci/databases.sh"
    if executor == "CeleryExecutor":
        if shutil.which("redis-server") is None:
            return "needs redis-server"
        if importlib.util.find_spec("airflow.providers.celery") is None:
            return "needs the dependency group chaos"
    return ""


@pytest.fixture(params=["LocalExecutor", "CeleryExecutor"])
def executor(request: pytest.FixtureRequest) -> str:
    if why := missing_for(request.param):
        pytest.skip(why)
    return str(request.param)
