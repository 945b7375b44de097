"""A home of its own for Airflow, made before anything imports Airflow."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is no reason to fail: what takes long is measured by the benchmarks.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

REPOSITORY = Path(__file__).resolve().parent.parent
AIRFLOW_HOME = Path(tempfile.mkdtemp(prefix="hypercarbon-tests-"))

# The DAG files live inside the home: Airflow only runs what lies in its DAG folder.
shutil.copytree(REPOSITORY / "example_dags", AIRFLOW_HOME / "dags", ignore=shutil.ignore_patterns("__pycache__"))
os.environ.update(
    {
        "AIRFLOW_HOME": str(AIRFLOW_HOME),
        "AIRFLOW__CORE__DAGS_FOLDER": str(AIRFLOW_HOME / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{AIRFLOW_HOME / 'airflow.db'}",
        "AIRFLOW_CONN_HYPERCARBON_DEFAULT": json.dumps({"conn_type": "hypercarbon", "extra": {"source": "mock"}}),
        "AIRFLOW_CONN_HYPERCARBON_RESULTS": json.dumps(
            {"conn_type": "sqlite", "host": str(AIRFLOW_HOME / "results.db")}
        ),
        "AIRFLOW_CONN_VCENTER_DEFAULT": json.dumps(
            {"conn_type": "generic", "host": "vc.example.com", "login": "svc-backup", "password": "not-a-secret"}
        ),
    }
)


def pytest_unconfigure() -> None:
    shutil.rmtree(AIRFLOW_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def airflow_db() -> None:
    """An initialised metadata database."""
    from airflow.utils import db

    db.initdb()
