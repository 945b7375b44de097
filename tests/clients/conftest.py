"""One Airflow for all clients, below a path where nginx is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from airflow_provider_hypercarbon.demo.local_airflow import LocalAirflow, free_port
from tests.nginx import NGINX, PATH, nginx


class Server(NamedTuple):
    """Where it is, and a token for it."""

    url: str
    token: str


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("airflow")
    settings = {
        "AIRFLOW_CONN_HYPERCARBON_DEFAULT": '{"conn_type": "hypercarbon", "extra": {"source": "mock"}}',
        "AIRFLOW_CONN_HYPERCARBON_RESULTS": f"sqlite://{home / 'results.db'}",
    }
    port = free_port()
    if NGINX:
        settings["AIRFLOW__API__BASE_URL"] = f"http://127.0.0.1:{port}{PATH}"
    dags = home / "dags"
    dags.mkdir()
    with LocalAirflow(home, dags, settings) as running, ExitStack() as more:
        url = more.enter_context(nginx(port, running.port, home / "nginx")) if NGINX else running.url
        running.api("GET", "/version")
        yield Server(url, running._client.headers["Authorization"].removeprefix("Bearer "))
