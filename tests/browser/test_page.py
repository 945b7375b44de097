"""What holds for the page in a real browser, on a real Airflow."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.browser.scene import Place

playwright = pytest.importorskip("playwright.sync_api")
expect = getattr(playwright, "expect", None)

AXE = Path(__file__).resolve().parents[2] / "frontend/node_modules/axe-core/axe.min.js"
VIEWS = {
    "overview": "",
    "ledger": "?view=ledger",
    "dag": "?view=dag&dag_id=nightly_vm_export",
    "zone": "?view=zone&zone=DE",
}
Window = Callable[..., Any]


def frame_of(page: Any) -> Any:
    page.wait_for_selector("iframe")
    frame = page.frame_locator("iframe")
    frame.locator("h1").wait_for()
    return frame


def refresh(page: Any) -> None:
    """Let the page ask for itself, as it does each minute."""
    page.evaluate("import('./static/refresh.js').then((module) => module.refresh())")


def answered(page: Any, change: Callable[[str], str]) -> None:
    """From now on the server's page arrives changed."""

    def answer(route: Any) -> None:
        found = route.fetch()
        route.fulfill(response=found, body=change(found.text()))

    page.route(lambda url: urlsplit(url).path.endswith("/page"), answer)


def without_a_ledger(text: str) -> str:
    """Return the page as it is when the results database does not answer."""
    form, _, rest = text.partition("</form>")
    problem = '<div class="state error" role="alert"><h3>The ledger cannot be read</h3><p>Why.</p></div>'
    return f'{form}</form><section class="card" data-part="sums">{problem}</section>{rest[rest.index("<footer") :]}'


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

    @pytest.mark.parametrize(("view", "times"), [("?view=zone&zone=DE", "time"), ("?view=ledger", "table.big time")])
    def test_every_time_is_in_the_new_zone(self, window: Window, view: str, times: str):
        """Without a reload, also on the page that opens for the first time."""
        page = window(view, timezone_id="Asia/Kolkata")
        expect(page.locator(".zone-of-time")).to_contain_text("IST")
        expect(page.locator("main").locator(times).first).to_have_attribute("datetime", re.compile(r"\+05:30$"))
        assert page.locator("main time:not([datetime$='+05:30'])").count() == 0

    def test_signed_out_while_it_is_open(self, window: Window):
        """The page says so and keeps what it showed."""
        page = window()
        page.locator(".wait").first.wait_for()
        page.wait_for_load_state("networkidle")
        # The scene signs in whoever comes, so the answer is put in its place.
        page.route(
            lambda url: urlsplit(url).path.endswith("/page"), lambda route: route.fulfill(status=401, body="{}")
        )
        refresh(page)
        expect(page.locator("#away")).to_have_text("You are signed out of Airflow. Reload this page to sign in.")
        expect(page.locator(".wait")).to_have_count(4)

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


def assert_names(canvas: Any, wanted: tuple[str, ...]) -> None:
    """Each name is drawn inside the chart, and apart from the others."""
    canvas.locator("svg path").first.wait_for(state="attached")
    found = canvas.evaluate("""(canvas) => {
      const whole = canvas.getBoundingClientRect();
      return [...canvas.querySelectorAll("svg text")].map((text) => {
        const box = text.getBoundingClientRect();
        return [text.textContent, box.left - whole.left, box.top, box.right - whole.left, box.bottom, whole.width];
      });
    }""")
    boxes = {" ".join(text.split()): box for text, *box in found if {*wanted} & {*text.split()}}
    named = [word for text in boxes for word in text.split() if word in wanted]
    assert sorted(named) == sorted(wanted), found
    for text in boxes:
        # Only a start that is planned for the deadline shares a name with it.
        assert len({*wanted} & {*text.split()}) == 1 or "start at deadline" in text, found
    for text, (left, _, right, _, whole) in boxes.items():
        assert left >= 0, text
        assert right <= whole, text
    for one, other in combinations(boxes.values(), 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1], boxes


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

    def test_another_time_zone_is_no_news(self, window: Window):
        """The page comes again in the reader's time zone: every plan is written otherwise, none has moved."""
        page = window()
        expect(page.locator(".wait")).to_have_count(4)
        assert page.locator("#said").inner_text() == ""

    def test_keyboard(self, window: Window):
        """On a focused chart the arrow keys read values aloud, Escape ends it; that the chart comes anew does not."""
        page = window()
        chart = page.locator("[data-part=zone-DE] .canvas")
        chart.locator("svg path").first.wait_for(state="attached")  # before, no key is heard
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

    def test_a_curve_that_did_not_come_is_asked_for_again(self, window: Window):
        """A minute later, as the card says; one that is there stays when it cannot be had anew."""
        page = window(address="/auth/token")
        page.route("**/page/zone?zone=DE", lambda route: route.abort())
        page.goto(page.url.replace("/auth/token", "/hypercarbon/page"))
        card = page.locator("[data-part=zone-DE]")
        card.scroll_into_view_if_needed()
        expect(card).to_contain_text("The next try is in a minute.")
        page.unroute_all()
        refresh(page)
        expect(card.locator("svg path").first).to_be_attached()
        page.route("**/page/zone?zone=DE", lambda route: route.abort())
        refresh(page)
        expect(card.locator(".old-note")).to_have_text(re.compile(r"It did not answer. This is from \d\d:\d\d\."))
        expect(card.locator("svg path").first).to_be_attached()

    def test_a_new_zone_leaves_the_others_drawn(self, window: Window):
        """When the page gets another part, curves do not go and come again."""
        page = window()
        card = page.locator("[data-part=zone-GB]")
        card.scroll_into_view_if_needed()
        card.locator("svg path").first.wait_for(state="attached")
        refresh(page)
        page.route("**/page/zone**", lambda route: route.abort())
        part = '<section class="card zone" data-part="zone-XX"></section>'
        answered(page, lambda text: text.replace('<div class="zones">', f'<div class="zones">{part}'))
        refresh(page)
        expect(page.locator("[data-part=zone-XX]")).to_be_attached()
        expect(card.locator("svg path").first).to_be_attached()
        expect(card.locator(".skeleton")).to_have_count(0)

    @pytest.mark.parametrize("width", [1368, 1064, 390])
    def test_lines_have_their_names(self, window: Window, run_view: Callable[[str, str], str], width: int):
        """Planned start and deadline are named in each curve, within it, and no name lies on another."""
        page = window(width=width)
        for zone in ("DE", "GB", "FR"):
            card = page.locator(f"[data-part=zone-{zone}]")
            card.scroll_into_view_if_needed()
            assert_names(card.locator(".canvas"), ("start", "deadline", "now"))
        page.goto(page.url.partition("?")[0] + run_view("nightly_vm_export", "nightly_vm_export"))
        assert_names(page.locator("[data-part=curve] .canvas"), ("start", "deadline", "decided"))

    def test_focus_shows_what_pointing_shows(self, window: Window):
        """The whole instant of a time: on its own focus, and in a table on that of its row's link."""
        page = window()
        page.wait_for_load_state("networkidle")
        page.keyboard.press("Tab")
        shown = "(place) => getComputedStyle(place, '::after').content"
        time = page.locator(".latest time").first
        assert time.evaluate(shown) == "none"
        time.focus()
        assert time.get_attribute("datetime") in time.evaluate(shown)
        page.goto(page.url.partition("?")[0] + "?view=ledger")
        page.wait_for_load_state("networkidle")
        page.keyboard.press("Tab")
        row = page.locator("table.big tbody tr").first
        row.locator("a").focus()
        assert row.locator("time").get_attribute("datetime") in row.locator("time").evaluate(shown)

    def test_without_scripts(self, window: Window):
        """Waits, exports and figures are there, and each zone has its table; nothing pretends to come."""
        page = window(java_script_enabled=False)
        expect(page.locator(".wait")).to_have_count(4)
        expect(page.get_by_text("Asking").first).to_be_hidden()
        expect(page.locator(".skeleton").first).to_be_hidden()
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
        page.locator("[data-part=zone-DE] .canvas svg path").first.wait_for(state="attached")
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
        """Between the choice and "Apply" the page asks for itself again, and the form comes anew."""
        page = window("?view=ledger")
        refresh(page)
        page.select_option("select[name=zone]", "DE")
        page.fill("input[name=vm]", "db-")
        page.evaluate("document.activeElement.blur()")
        answered(
            page, lambda text: text.replace('<option value="">all', '<option value="">all</option><option>a-new-one')
        )
        refresh(page)
        expect(page.locator("select[name=zone] option", has_text="a-new-one")).to_have_count(1)
        assert page.locator("select[name=zone]").input_value() == "DE"
        assert page.locator("input[name=vm]").input_value() == "db-"
        assert page.locator("select[name=dag_id]").input_value() == ""

    def test_an_error_takes_nothing_away(self, window: Window):
        """Figures and charts stay, with their time and a mark, and what is wrong is said; later all is current."""
        page = window("?view=ledger")
        chart = page.locator("[data-part=emissions] svg path").first
        chart.wait_for(state="attached")
        refresh(page)
        chart.wait_for(state="attached")
        figure = page.locator("[data-part=figures] b").first.inner_text()
        answered(page, without_a_ledger)
        refresh(page)
        expect(page.locator("#away")).to_contain_text("The ledger cannot be read.")
        expect(chart).to_be_attached()
        assert page.locator("[data-part=figures] b").first.inner_text() == figure
        expect(page.locator("[data-part=emissions] .old-note")).to_have_text(re.compile(r"This is from \d\d:\d\d\."))
        page.unroute_all()
        refresh(page)
        expect(page.locator("#away")).to_be_hidden()
        expect(page.locator(".old-note")).to_have_count(0)
        expect(chart).to_be_attached()

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
