"""The page below a path of another server: nginx at /airflow/, and a second API server on the scene's database."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from airflow_provider_hypercarbon.demo.local_airflow import START_SECONDS, free_port
from tests.browser.conftest import windows
from tests.browser.scene import Scene
from tests.browser.test_page import expect, frame_of
from tests.nginx import NGINX, PATH, nginx

pytestmark = pytest.mark.skipif(NGINX is None, reason="needs nginx")


@pytest.fixture(scope="module")
def below_a_path(running: Scene | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if running is None:
        pytest.skip("a scene that is up already has no second API server")
    port, own = free_port(), free_port()
    folder = tmp_path_factory.mktemp("nginx")
    environment = {**running.airflow.environment, "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}{PATH}"}
    with (folder / "api-server.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "airflow", "api-server", "--port", str(own)],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        with nginx(port, own, folder / "nginx") as url:
            _wait_until_healthy(url)
            yield url
    finally:
        server.terminate()
        server.wait(30)


def _wait_until_healthy(url: str) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        try:
            if httpx.get(f"{url}/api/v2/monitor/health", timeout=5).is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(1)
    raise TimeoutError("The API server behind nginx does not answer.")


@pytest.fixture
def window(below_a_path: str, browser: Any) -> Iterator[Callable[..., Any]]:
    """Windows that fail the test when anything asks outside the path."""
    with windows(browser, below_a_path) as opened:
        yield opened


class TestBelowAPath:
    def test_the_page_in_airflow(self, window: Callable[..., Any]):
        """The menu's entry shows the page with its charts, and a link opens a DAG, all below the path."""
        page = window(address="/plugin/hypercarbon")
        frame = frame_of(page)
        expect(frame.locator(".wait")).to_have_count(4)
        card = frame.locator("[data-part=zone-DE]")
        card.scroll_into_view_if_needed()
        expect(card.locator("svg path, svg polyline").first).to_be_attached(timeout=60_000)
        frame.locator(".wait a").first.click()
        frame.locator(".crumbs a[data-airflow]").first.click()
        page.wait_for_url(f"**{PATH}/dags/*")

    def test_the_tab_of_a_dag(self, window: Callable[..., Any]):
        """So does the tab."""
        frame = frame_of(window(address="/dags/nightly_vm_export/plugin/hypercarbon_dag"))
        expect(frame.locator("#h-starts")).to_be_visible()

    def test_alone(self, window: Callable[..., Any]):
        """Opened by itself, and its file of rows."""
        page = window("?view=ledger")
        with page.expect_download() as download:
            page.get_by_role("link", name="Download CSV").click()
        assert len(Path(download.value.path()).read_text().splitlines()) > 1
