"""Airflow's API server in this process, with our application in it, and people who ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient

from airflow_provider_hypercarbon.plugin import URL_PREFIX, backends
from airflow_provider_hypercarbon.plugin.app import create_app
from airflow_provider_hypercarbon.report_store import ResultsDatabase
from airflow_provider_hypercarbon.sources.mock import MockSource

#: A Monday evening on which the mock's Germany is dirty now and cleaner later.
NOW = datetime(2026, 11, 23, 18, 20, tzinfo=UTC)

Client = Callable[..., TestClient]


@pytest.fixture(scope="session")
def api_server(airflow_db: None) -> FastAPI:
    """Airflow's whole API server, with the simple auth manager."""
    from airflow.api_fastapi.app import create_app

    return create_app()


@pytest.fixture
def client(api_server: FastAPI) -> Client:
    """Return a client for a role of the simple auth manager; without one, nobody is signed in."""

    def signed_in(role: str | None = None, *, token: str | None = None, cookie: bool = False) -> TestClient:
        made = TestClient(api_server, base_url=f"http://testserver{URL_PREFIX}/", raise_server_exceptions=False)
        if role is not None:
            token = token_of(role)
        if token and cookie:
            made.cookies.set("_token", token)
        elif token:
            made.headers["Authorization"] = f"Bearer {token}"
        return made

    return signed_in


@pytest.fixture
def app(api_server: FastAPI, results: ResultsDatabase) -> FastAPI:
    """Our application alone, behind its guard, at a fixed present, on the mock grid and a results database."""
    made = create_app()
    made.dependency_overrides[backends.present] = lambda: NOW
    made.dependency_overrides[backends.carbon_source] = MockSource
    made.dependency_overrides[backends.results_database] = lambda: results
    return made


@pytest.fixture
def results(tmp_path: Path) -> Iterator[ResultsDatabase]:
    """A results database of its own."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'results.db'}")
    yield ResultsDatabase(engine)
    engine.dispose()


@pytest.fixture
def api(app: FastAPI) -> TestClient:
    """Somebody who may read every DAG, at our routes."""
    made = TestClient(app, base_url="http://testserver/api/v1/", raise_server_exceptions=False)
    made.headers["Authorization"] = f"Bearer {token_of('viewer')}"
    return made


def token_of(role: str) -> str:
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    return get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=role, role=role.upper() or None))
