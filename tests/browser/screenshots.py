"""Take the pictures of the documentation: ``python -m tests.browser.screenshots docs/images``.

With ``--all``, every view at 1368, 1064 and 390 pixels in both themes, to look at.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.browser.chromium import chromium, signed_in
from tests.browser.conftest import UP_ALREADY
from tests.browser.scene import Place, scene

#: What the pages show: view, name of the file, width, theme, height that is cut off below.
DOCS = (
    ("airflow", "page-overview", 1440, "light", 1000),
    ("overview", "page-overview-dark", 1368, "dark", 1500),
    ("ledger", "page-ledger", 1368, "light", 1180),
    ("run", "page-run", 1368, "dark", 1250),
    ("dag", "page-dag", 1064, "light", 900),
    ("overview", "page-narrow", 390, "light", 1700),
)


def main() -> int:
    """Read the command line and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--all", action="store_true")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    if UP_ALREADY:
        take(Place(**json.loads(UP_ALREADY)), asked.folder, every=asked.all)
    else:
        with scene() as running:
            running.export_a_part()
            take(running.place, asked.folder, every=asked.all)
    return 0


def take(place: Place, folder: Path, *, every: bool) -> None:
    """Take all pictures."""
    wanted = list(DOCS)
    if every:
        views = ("overview", "ledger", "run", "dag")
        sizes = [(view, width, theme) for view in views for width in (1368, 1064, 390) for theme in ("light", "dark")]
        wanted = [(view, f"{view}-{width}-{theme}", width, theme, 6000) for view, width, theme in sizes]
    with chromium() as browser:
        for view, name, width, theme, height in wanted:
            context = signed_in(browser, place.url, width=width, height=900, color_scheme=theme)
            page = context.new_page()
            page.goto(place.url + _address(place, view))
            if view == "airflow":
                page.set_viewport_size({"width": width, "height": height})
            _settle(page)
            file = folder / f"{name}.png"
            whole = page.evaluate("document.documentElement.scrollHeight")
            clip = {"x": 0, "y": 0, "width": width, "height": min(height, max(whole, 400))}
            page.screenshot(path=file, full_page=view != "airflow", clip=clip)
            print(f"{file} {file.stat().st_size / 1000:.0f} kB")
            context.close()


def _address(place: Place, view: str) -> str:
    if view == "airflow":
        return "/plugin/hypercarbon"
    more = {"dag": {"dag_id": "nightly_vm_export"}}.get(view, {})
    if view == "run":
        more = {"dag_id": "nightly_vm_export", "run_id": place.runs["nightly_vm_export"]}
    return "/hypercarbon/page?" + urlencode({"view": view, **more})


def _settle(page: Any) -> None:
    """Bring every part into sight once, and wait for the drawings."""
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1500)
    for name in [part.get_attribute("data-part") for part in page.locator("[data-src]").all()]:
        page.locator(f"[data-part='{name}']").scroll_into_view_if_needed()
        page.locator(f"[data-part='{name}'][data-filled]").wait_for(state="attached")
    page.wait_for_timeout(1500)
    page.evaluate("window.scrollTo(0, 0)")
    page.wait_for_timeout(500)


if __name__ == "__main__":
    sys.exit(main())
