"""A real Airflow on PostgreSQL with its four processes and the development daemon."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from airflow_provider_hypercarbon.demo.local_airflow import LocalAirflow
from airflow_provider_hypercarbon.demo.show import SECONDS_PER_DAY, DevelopmentDaemon
from tests.system.provider import LoopbackProvider

POSTGRES = os.environ.get("HYPERCARBON_TEST_POSTGRES", "")
DAGS = Path(__file__).parent / "dags"
#: Credentials that must turn up nowhere but in the daemon's memory; test_secrets.py looks for them everywhere.
VCENTER_CANARY = "vcenter/c4n@ry word"
TOKEN_CANARY = "token-c4n4ry-4711"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.system)
            if not POSTGRES:
                item.add_marker(pytest.mark.skip(reason="needs HYPERCARBON_TEST_POSTGRES, see .ci/databases.sh"))


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hypercarbon-system-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def daemon(home: Path) -> Iterator[DevelopmentDaemon]:
    with DevelopmentDaemon(home) as running:
        yield running


@pytest.fixture(scope="session")
def databases() -> Iterator[dict[str, str]]:
    """Two databases of their own: Airflow's, and the one for results."""
    server = sa.create_engine(POSTGRES, isolation_level="AUTOCOMMIT")
    names = ("system_airflow", "system_results")
    with server.connect() as connection:
        for name in names:
            connection.execute(sa.text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
    place = urlsplit(POSTGRES)
    yield {name: f"{place.netloc}/{name}" for name in names}
    with server.connect() as connection:
        for name in names:
            connection.execute(sa.text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    server.dispose()


@pytest.fixture(scope="session")
def metadata(databases: dict[str, str]) -> Iterator[sa.Engine]:
    engine = sa.create_engine(f"postgresql+psycopg://{databases['system_airflow']}")
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def results(databases: dict[str, str]) -> Iterator[sa.Engine]:
    engine = sa.create_engine(f"postgresql+psycopg://{databases['system_results']}")
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def provider() -> Iterator[LoopbackProvider]:
    """Electricity Maps on loopback, which counts its requests."""
    with LoopbackProvider() as running:
        yield running


@pytest.fixture(scope="session")
def airflow(
    home: Path, daemon: DevelopmentDaemon, databases: dict[str, str], provider: LoopbackProvider
) -> Iterator[LocalAirflow]:
    connections = {
        "HYPERCARBON_PROVIDER": {
            "conn_type": "hypercarbon",
            "host": provider.url,
            "password": "token",
            "extra": {"source": "electricity_maps", "readings_log": True},
        },
        "HYPERCARBON_DEFAULT": {
            "conn_type": "hypercarbon",
            "extra": {"source": "mock", "seconds_per_day": SECONDS_PER_DAY},
        },
        "HYPERSDK_DEFAULT": {
            "conn_type": "hypersdk",
            "host": "127.0.0.1",
            "port": daemon.port,
            "password": TOKEN_CANARY,
        },
        "VCENTER_DEFAULT": {
            "conn_type": "generic",
            "host": "vc.example.com",
            "login": "svc",
            "password": VCENTER_CANARY,
        },
    }
    settings = {f"AIRFLOW_CONN_{name}": json.dumps(fields) for name, fields in connections.items()}
    settings |= {
        "AIRFLOW_CONN_HYPERCARBON_RESULTS": f"postgresql://{databases['system_results']}",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{databases['system_airflow']}",
        "AIRFLOW__HYPERCARBON__CHECK_INTERVAL": "60s",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
        "PYTHONWARNINGS": "ignore",
    }
    with LocalAirflow(home / "airflow", DAGS, settings, say=print) as running:
        yield running
