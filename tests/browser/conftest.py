"""One scene and one browser for all tests; without Chromium they are skipped."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from tests.browser.scene import Place, Scene, scene

#: A scene that is up already, as ``python -m tests.browser.scene`` prints it, to develop the page on.
UP_ALREADY = os.environ.get("HYPERCARBON_BROWSER_SCENE", "")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if not _can_look():
                item.add_marker(pytest.mark.skip(reason="needs Chromium, and the dependency group browser"))


def _can_look() -> bool:
    try:
        from tests.browser.chromium import CHROMIUM
    except ImportError:
        return False
    # Bringing a scene up takes minutes: only for those who ask for it.
    return bool(CHROMIUM) and bool(UP_ALREADY or os.environ.get("HYPERCARBON_BROWSER"))


@pytest.fixture(scope="session")
def running() -> Iterator[Scene | None]:
    if UP_ALREADY:
        yield None
        return
    with scene(days=15) as made:
        yield made


@pytest.fixture(scope="session")
def place(running: Scene | None) -> Place:
    return running.place if running else Place(**json.loads(UP_ALREADY))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    from tests.browser.chromium import chromium

    with chromium() as started:
        yield started


@pytest.fixture
def window(place: Place, browser: Any) -> Iterator[Callable[..., Any]]:
    with windows(browser, place.url) as opened:
        yield opened


@contextmanager
def windows(browser: Any, url: str) -> Iterator[Callable[..., Any]]:
    """Open windows; a request to anywhere but the scene's host, or an error in a script, fails the test."""
    from tests.browser.chromium import signed_in

    contexts, wrong = [], []
    home = urlsplit(url)

    def look(request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("data", "blob", "about"):
            return
        if parts.hostname != home.hostname or not parts.path.startswith(home.path):
            wrong.append(f"asked {request.url}")

    def opened(view: str = "", *, address: str = "", **more: Any) -> Any:
        context = signed_in(browser, url, **more)
        contexts.append(context)
        context.on("request", look)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(f"script: {error}"))
        page.on("console", lambda line: wrong.append(line.text) if "Content Security Policy" in line.text else None)
        page.goto(url + (address or f"/hypercarbon/page{view}"))
        if not address and more.get("java_script_enabled", True):
            # A new browser's first page comes in UTC, and at once again in the reader's time zone.
            here = page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
            page.locator(f"body[data-zone='{here}']").wait_for()
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture(scope="session")
def run_view(place: Place) -> Callable[[str, str], str]:
    """Return the address of a run's view."""

    def address(dag_id: str, run: str) -> str:
        return "?" + urlencode({"view": "run", "dag_id": dag_id, "run_id": place.runs[run]})

    return address
