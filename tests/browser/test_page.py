"""What holds for the page in a real browser, on a real Airflow."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.scene import Place

playwright = pytest.importorskip("playwright.sync_api")
expect = getattr(playwright, "expect", None)

AXE = Path(__file__).resolve().parents[2] / "frontend/node_modules/axe-core/axe.min.js"
VIEWS = {"overview": "", "ledger": "?view=ledger", "dag": "?view=dag&dag_id=nightly_vm_export"}
Window = Callable[..., Any]


def frame_of(page: Any) -> Any:
    page.wait_for_selector("iframe")
    frame = page.frame_locator("iframe")
    frame.locator("h1").wait_for()
    return frame


class TestInsideAirflow:
    def test_it_follows_theme_and_time_zone_while_open(self, window: Window):
        """Airflow's class on <html>, and its time zone in localStorage, are followed without a reload."""
        page = window(address="/plugin/hypercarbon")
        frame = frame_of(page)
        expect(frame.locator("html")).to_have_class("light")
        page.evaluate("document.documentElement.classList.replace('light', 'dark')")
        expect(frame.locator("html")).to_have_class("dark")
        expect(frame.locator(".zone-of-time")).to_contain_text("Europe/Berlin")
        page.evaluate("localStorage.setItem('timezone', JSON.stringify('Asia/Tokyo'))")
        expect(frame.locator(".zone-of-time")).to_contain_text("Asia/Tokyo (JST)", timeout=60_000)

    def test_links_land_in_airflow(self, window: Window):
        """A DAG opens in Airflow itself, without a reload, and Back returns to the page."""
        page = window(address="/plugin/hypercarbon")
        frame = frame_of(page)
        page.evaluate("window.stillThere = true")
        frame.locator(".wait a").first.click()
        frame.locator(".crumbs a[data-airflow]").first.click()
        page.wait_for_url("**/dags/*")
        assert page.evaluate("window.stillThere")
        page.go_back()
        page.wait_for_url("**/plugin/hypercarbon**")

    def test_tab_of_a_dag(self, window: Window):
        """The tab shows that DAG, and no Overview or Ledger of its own."""
        page = window(address="/dags/nightly_vm_export/plugin/hypercarbon_dag")
        frame = frame_of(page)
        expect(frame.locator("#h-starts")).to_be_visible()
        expect(frame.locator("nav.tabs")).to_have_count(0)

    def test_tab_of_a_run(self, window: Window, place: Place):
        """The tab shows the wait of that run, with the curve of its decision."""
        run_id = place.runs["nightly_vm_export"]
        page = window(address=f"/dags/nightly_vm_export/runs/{run_id}/plugin/hypercarbon_run")
        frame = frame_of(page)
        expect(frame.locator("#h-curve")).to_be_visible()
        expect(frame.locator("[data-chart] svg").first).to_be_attached(timeout=60_000)

    @pytest.mark.parametrize(
        ("task", "button", "shown"),
        [
            ("wait_for_clean_grid", "Carbon plan", "#h-curve"),
            ("export_vm", "Carbon export", ".export"),
            ("report_footprint", "Carbon report", "table.big tbody tr"),
        ],
    )
    def test_a_task_leads_to_its_place(self, window: Window, place: Place, task: str, button: str, shown: str):
        """The button on a task instance opens its plan, the exports, its row of the ledger, inside Airflow."""
        page = window(address=f"/dags/file_archive/runs/{place.runs['finished']}/tasks/{task}/details")
        link = page.get_by_role("link", name=button)
        link.wait_for()
        link.click()
        frame = frame_of(page)
        expect(frame.locator(shown).first).to_be_visible()
        if button == "Carbon report":
            expect(frame.locator(shown)).to_have_count(1)


class TestOverview:
    def test_what_is_there(self, window: Window):
        """Waits with reason and countdown, the export with progress, a drawn curve for each zone."""
        page = window()
        expect(page.locator(".wait")).to_have_count(4)
        expect(page.locator(".wait p").first).to_contain_text("Deadline")
        expect(page.locator(".countdown").first).to_have_text(re.compile(r"\d\s(h|min)"))
        expect(page.locator("[role=progressbar]").first).to_be_attached()
        for zone in ("DE", "GB", "PL", "FR"):
            card = page.locator(f"[data-part=zone-{zone}]")
            card.scroll_into_view_if_needed()
            expect(card.locator("svg path, svg polyline").first).to_be_attached(timeout=60_000)

    def test_countdowns_count(self, window: Window):
        """A minute later a countdown says a minute less."""
        page = window(address="/auth/token")
        page.clock.install()
        page.goto(page.url.replace("/auth/token", "/hypercarbon/page"))
        first = page.locator(".countdown").first
        before = first.inner_text()
        page.clock.fast_forward(75_000)
        expect(first).not_to_have_text(before)

    def test_keyboard(self, window: Window):
        """On a focused chart the arrow keys read values aloud, Escape ends it; that the chart comes anew does not."""
        page = window()
        chart = page.locator("[data-part=zone-DE] .canvas")
        chart.wait_for()
        page.wait_for_selector("[data-part=zone-DE] svg")
        chart.focus()
        page.keyboard.press("ArrowRight")
        expect(page.locator("#said")).to_contain_text("g/kWh")
        said = page.locator("#said").inner_text()
        part = "document.querySelector('[data-part=zone-DE]')"
        page.evaluate(f"import('./static/parts.js').then((module) => module.fill({part}))")
        expect(page.locator("[data-part=zone-DE] .reading")).to_have_text(said)
        page.keyboard.press("ArrowRight")
        expect(page.locator("#said")).not_to_have_text(said)
        page.keyboard.press("End")
        expect(page.locator("#said")).to_contain_text("expected")
        page.keyboard.press("Escape")
        expect(page.locator("[data-part=zone-DE] .reading")).to_have_text("")

    def test_without_scripts(self, window: Window):
        """Waits, exports and figures are there, and each zone has its table."""
        page = window(java_script_enabled=False)
        expect(page.locator(".wait")).to_have_count(4)
        page.locator("[data-part=zone-DE] a").click()
        assert page.locator("table tbody tr").count() >= 20

    def test_weight_of_the_first_view(self, window: Window):
        """Under 200 kB beyond the chart library, as it crosses the wire."""
        sizes: dict[str, int] = {}

        def weigh(response: Any) -> None:
            body = response.body()
            packed = response.headers.get("content-encoding") == "gzip"
            sizes[response.url] = len(gzip.compress(body)) if packed else len(body)

        page = window(address="/auth/token")
        page.on("response", weigh)
        page.goto(page.url.replace("/auth/token", "/hypercarbon/page"))
        page.wait_for_selector("[data-part=zone-DE] svg")
        page.wait_for_timeout(1000)
        library = {url for url in sizes if url.endswith("chart-library.js")}
        ours = sum(size for url, size in sizes.items() if url not in library)
        packed = sum(sizes[url] for url in library)
        print(f"first view: {ours / 1000:.1f} kB, and {packed / 1000:.1f} kB of chart library")
        assert len(library) == 1
        assert ours < 200_000


class TestLedger:
    def test_filters_stand_in_the_address(self, window: Window):
        """A filter is a URL, which opens the same view again."""
        page = window("?view=ledger")
        page.select_option("select[name=zone]", "DE")
        page.get_by_role("button", name="Apply").click()
        page.wait_for_url("**zone=DE**")
        assert set(page.locator("table.big tbody td:nth-child(3)").all_inner_texts()) == {"DE"}

    def test_a_refresh_keeps_what_was_chosen(self, window: Window):
        """Between the choice and "Apply" the page asks for itself again."""
        page = window("?view=ledger")
        page.select_option("select[name=zone]", "DE")
        page.fill("input[name=vm]", "db-")
        page.locator("h1").click()
        page.evaluate("import('./static/refresh.js').then((module) => module.refresh())")
        assert page.locator("select[name=zone]").input_value() == "DE"
        assert page.locator("input[name=vm]").input_value() == "db-"

    def test_no_match(self, window: Window):
        """Filters that match nothing say so, and can be cleared."""
        page = window("?view=ledger&vm=no-such-vm")
        expect(page.get_by_role("heading", name="No exports match these filters")).to_be_visible()
        page.get_by_role("link", name="Clear filters").click()
        expect(page.locator("table.big")).to_be_visible()

    def test_csv(self, window: Window):
        """The file has a line for each row that the button names."""
        page = window("?view=ledger")
        button = page.get_by_role("link", name="Download CSV")
        with page.expect_download() as download:
            button.click()
        rows = list(csv.reader(Path(download.value.path()).read_text().splitlines()))
        assert f"({len(rows) - 1} rows)" in button.inner_text().replace("\u202f", "")

    def test_plots(self, window: Window):
        """Emissions and differences are drawn, zones and VMs have their bars."""
        page = window("?view=ledger")
        expect(page.locator("[data-part=emissions] svg")).to_be_attached(timeout=60_000)
        expect(page.locator("[data-part=differences] svg")).to_be_attached()
        assert page.locator("[data-part=zones] td.bar i").count() >= 4


class TestEverywhere:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("view", [*VIEWS, "run"])
    def test_axe_finds_nothing(self, window: Window, run_view: Callable[[str, str], str], view: str, scheme: str):
        """No finding of axe's in either theme."""
        address = VIEWS.get(view) if view in VIEWS else run_view("nightly_vm_export", "nightly_vm_export")
        page = window(address, color_scheme=scheme, bypass_csp=True)
        expect(page.locator("html")).to_have_class(scheme)
        page.wait_for_timeout(2000)
        page.add_script_tag(path=str(AXE))
        found = page.evaluate(
            "axe.run().then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html.slice(0, 160))]))"
        )
        assert found == []

    @pytest.mark.parametrize("width", [390, 320])
    @pytest.mark.parametrize("view", [*VIEWS, "run"])
    def test_narrow(self, window: Window, run_view: Callable[[str, str], str], view: str, width: int):
        """Nothing makes the page scroll sideways; wide tables scroll in their own box."""
        address = VIEWS.get(view) if view in VIEWS else run_view("nightly_vm_export", "nightly_vm_export")
        page = window(address, width=width)
        page.wait_for_timeout(1500)
        assert page.evaluate("document.documentElement.scrollWidth") <= width

    def test_alone(self, window: Window):
        """Opened by itself the page follows the system's theme, and a link to Airflow is a link."""
        page = window(color_scheme="dark")
        expect(page.locator("html")).to_have_class("dark")
        page.locator(".export a").first.click()
        page.wait_for_url("**/dags/file_archive/**")
