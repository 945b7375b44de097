"""Airflow's API server in this process, with our application in it, and people who ask."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from airflow_provider_hypercarbon.plugin import URL_PREFIX

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


def token_of(role: str) -> str:
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    return get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=role, role=role.upper() or None))
