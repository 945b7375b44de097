"""The system's Chromium, headless, signed in to a scene's Airflow."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome") or ""
#: It runs as root in CI, without a GPU, and talks to nobody.
_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser."""
    # Milliseconds; patient with a busy machine, and short of the minute after which the page asks by itself.
    expect.set_options(timeout=20_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        yield browser
        browser.close()


def signed_in(browser: Browser, url: str, *, width: int = 1368, height: int = 900, **more: Any) -> BrowserContext:
    """Return a window of somebody who is signed in, in Berlin."""
    given = {"timezone_id": "Europe/Berlin", "locale": "en-GB", "viewport": {"width": width, "height": height}}
    context = browser.new_context(**{**given, **more})
    context.set_default_timeout(60_000)
    token = httpx.get(f"{url}/auth/token", timeout=60).raise_for_status().json()["access_token"]
    context.add_cookies([{"name": "_token", "value": token, "url": url}])
    return context
