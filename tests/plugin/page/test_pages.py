from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError

from airflow_provider_hypercarbon.carbon.footprint import make_report
from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow
from airflow_provider_hypercarbon.exceptions import ReportStoreError
from airflow_provider_hypercarbon.plugin.guard import DagAccess, readable_dags
from airflow_provider_hypercarbon.plugin.page import dag, zone
from airflow_provider_hypercarbon.plugin.page.reader import Backends, backends
from airflow_provider_hypercarbon.plugin.page.rendering import STATIC
from airflow_provider_hypercarbon.plugin.page.words import Clock
from airflow_provider_hypercarbon.plugin.routes.grid import forecast
from airflow_provider_hypercarbon.plugin.schemas.grid import ForecastAnswer
from airflow_provider_hypercarbon.plugin.schemas.runs import WaitRow
from airflow_provider_hypercarbon.report_store import CarbonReportStore, DecisionLog, ResultsDatabase, RunContext
from airflow_provider_hypercarbon.sources.electricity_maps import ElectricityMapsSource
from airflow_provider_hypercarbon.sources.mock import MockSource
from airflow_provider_hypercarbon.sources.planning import plan_with_record
from tests.plugin.conftest import NOW, token_of
from tests.plugin.page.waits import decision, wait

HOUR = timedelta(hours=1)
OWN_FILES = [path for path in STATIC.rglob("*") if path.is_file() and "vendor" not in path.parts]
TEMPLATES = sorted((STATIC.parent / "templates").glob("*.html"))


def put(results: ResultsDatabase, name: str, dag_id: str, started_at: datetime, *, mock: bool = False) -> None:
    """Save a report of a run that waited three hours."""
    scheduled_at = started_at - 3 * HOUR
    series = MockSource().history("DE", scheduled_at, started_at + 2 * HOUR, now=NOW)
    real = series.model_copy(update={"synthetic": None})
    report = make_report(
        operation_id=name, zone="DE", started_at=started_at, ended_at=started_at + HOUR, data_gb=500,
        series=series if mock else real, scheduled_at=scheduled_at, start_reason="cleanest",
    )  # fmt: skip
    context = RunContext(dag_id=dag_id, run_id=f"run of {name}", task_id="report", vm_path=f"/DC0/vm/{name}")
    CarbonReportStore(results).save(report, context, now=NOW)


@pytest.fixture
def results(results: ResultsDatabase) -> ResultsDatabase:
    """Six reports of two DAGs, and a mock one; a wait's decision."""
    for day in range(1, 4):
        put(results, f"erp-{day}", "nightly", NOW - timedelta(days=day))
        put(results, f"secret-{day}", "hidden", NOW - timedelta(days=day))
    put(results, "toy", "nightly", NOW - HOUR * 5, mock=True)
    begin = NOW - HOUR
    window = StartWindow.opening(begin, 9 * HOUR)
    plan = plan_with_record(MockSource(), "DE", StartPolicy(max_delay=9 * HOUR), window, now=begin)
    where = RunContext(dag_id="nightly", run_id="r1", task_id="wait_for_clean_grid")
    DecisionLog(results).save(plan.record, where)
    return results


@pytest.fixture
def page(app: FastAPI, results: ResultsDatabase) -> Iterator[TestClient]:
    app.dependency_overrides[backends] = lambda: Backends(results=lambda: results)
    made = TestClient(app, base_url="http://testserver/", raise_server_exceptions=False)
    made.headers["Authorization"] = f"Bearer {token_of('viewer')}"
    made.cookies.set("hypercarbon_timezone", "Europe%2FBerlin")
    return made


def see(app: FastAPI, *dag_ids: str) -> None:
    app.dependency_overrides[readable_dags] = lambda: DagAccess(frozenset(dag_ids))


class _Parts(HTMLParser):
    """Finds charts, tables and times that stand in no part."""

    def __init__(self) -> None:
        super().__init__()
        self.within: list[bool] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        if (tag in ("table", "time") or "data-chart" in names) and not any(self.within):
            self.outside.append(f"{tag} {names}")
        if tag not in ("meta", "link", "input", "br"):
            self.within.append("data-part" in names)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        self.within.pop()


class TestViews:
    @pytest.mark.parametrize(
        ("view", "words"),
        [
            ("", ["No backup is held", "No export runs", "erp-1", "Asking the mock source for DE"]),
            ("?view=ledger", ["Emissions per day", "erp-1", "By VM", "Download CSV (6 rows)"]),
            ("?view=ledger&data=mock", ["These figures are mock data", "toy"]),
            ("?view=run&dag_id=nightly&run_id=r1", ["The curve it decided on", "What happened", "First plan"]),
            ("?view=run&dag_id=nightly&run_id=nothing", ["No decision of this run is kept"]),
            ("?view=dag&dag_id=nightly", ["Nothing waits in this DAG", "Emissions per day"]),
            ("?view=zone&zone=DE", ["Germany", "As a table", "mock"]),
            ("?view=zone&zone=nowhere%21", ["Unknown zone"]),
        ],
    )
    def test_every_view_has_its_content(self, page: TestClient, view: str, words: list[str]):
        """Tables and sentences are in the document, before any script."""
        answer = page.get(f"/page{view}")
        assert answer.status_code == 200
        text = answer.text.replace("\u202f", " ")
        assert [word for word in words if word not in text] == []

    @pytest.mark.parametrize(
        "view",
        ["", "?view=ledger", "?view=run&dag_id=nightly&run_id=r1", "?view=dag&dag_id=nightly", "?view=zone&zone=DE"],
    )
    def test_whatever_changes_stands_in_a_part(self, page: TestClient, view: str):
        """Charts, tables and times come anew with the page's refresh, which knows parts only."""
        parts = _Parts()
        parts.feed(page.get(f"/page{view}").text)
        assert parts.outside == []

    def test_times_are_the_readers(self, page: TestClient):
        """The cookie's zone, else the parameter's, else UTC; nonsense counts as nothing said."""
        assert "Mon 23 Nov 2026, 19:20</time> · Europe/Berlin (CET)" in page.get("/page").text
        assert "Asia/Tokyo (JST)" in page.get("/page?tz=Asia/Tokyo").text
        page.cookies.clear()
        for nonsense in ("../../etc/passwd", "x" * 60, "Nowhere/At_all"):
            assert "18:20</time> · UTC" in page.get("/page", params={"tz": nonsense}).text

    def test_whatever_stands_in_the_address(self, page: TestClient):
        """Filters that cannot be read count as not said, and nothing of them becomes markup."""
        evil = '"><script>alert(1)</script>'
        for name in ("from", "to", "zone", "vm", "dag_id", "data", "sort", "view", "find"):
            answer = page.get("/page", params={"view": "ledger", name: evil[: 9 if name in ("from", "to") else 20]})
            assert answer.status_code in (200, 422), name
            assert "<script>a" not in answer.text

    def test_sums_leave_mock_data_out(self, page: TestClient):
        """Six real exports; the invented one shows only when it is asked for."""
        assert "toy" not in page.get("/page?view=ledger").text


class TestFailingAlone:
    def test_without_a_results_database(self, app: FastAPI, page: TestClient):
        """The ledger's card says so; waits and grids are there."""

        def broken() -> ResultsDatabase:
            raise ReportStoreError("postgres.internal:5432 refused the password of svc_carbon.")

        app.dependency_overrides[backends] = lambda: Backends(results=broken)
        answer = page.get("/page")
        assert "The ledger cannot be read" in answer.text
        assert "No backup is held" in answer.text  # and not: none has waited yet, which nobody can know now
        assert answer.text.count('data-problem="The ledger cannot be read"') == 3
        assert "svc_carbon" not in answer.text
        assert 'role="alert"' in answer.text

    def test_airflows_database_on_the_tab_of_a_dag(self, page: TestClient, monkeypatch: pytest.MonkeyPatch):
        """What waits cannot be said; what started and what was emitted is there."""

        def broken(*_: object) -> list[WaitRow]:
            raise OperationalError("SELECT", {}, Exception("server closed the connection"))

        monkeypatch.setattr(dag, "waits_in_progress", broken)
        answer = page.get("/page?view=dag&dag_id=nightly")
        assert answer.status_code == 200
        assert "What waits cannot be read" in answer.text
        assert "Emissions per day" in answer.text

    def test_a_zone_that_fails_says_so_to_the_script(self, page: TestClient):
        """So that a curve which is drawn already stays."""
        assert page.get("/page/zone?zone=DE").headers.get("x-hypercarbon-problem") is None
        assert page.get("/page/zone?zone=nowhere!").headers["x-hypercarbon-problem"] == "true"

    def test_a_source_that_does_not_answer(self, app: FastAPI, results: ResultsDatabase):
        """The card says what it answered and when, and when those who wait try again."""

        def limited(request: httpx.Request) -> httpx.Response:
            return httpx.Response(429, json={"error": "Too many requests"})

        source = ElectricityMapsSource("a-token", transport=httpx.MockTransport(limited))
        answer = ForecastAnswer.model_validate(forecast("DE", source, NOW, hours=48, hours_back=4))
        made = decision(check_again_at=NOW + HOUR / 4, decided_at=NOW, deadline=NOW + 9 * HOUR)
        problem = zone._problem(answer, [wait(made)], Clock(NOW, ZoneInfo("Europe/Berlin")))
        assert problem is not None
        assert problem.title == "No forecast for DE"
        assert "429, too many requests. That was at 19:20. Waiting runs keep their last plan" in problem.text
        assert problem.text.endswith("They try again at 19:35.")


class TestAccess:
    def test_a_reader_of_one_dag_sees_no_others_name(self, app: FastAPI, page: TestClient):
        """Not in lists, filters, sums or counts; the other DAG's views say only that they may not be read."""
        see(app, "nightly")
        for view in ("", "?view=ledger", "?view=ledger&dag_id=hidden", "?view=dag&dag_id=nightly"):
            text = page.get(f"/page{view}").text
            assert "secret" not in text
            assert "hidden" not in text.replace("hidden>", "").replace("mock hidden", "").replace(
                'aria-hidden="true"', ""
            ).replace('type="hidden"', "").replace("dag_id=hidden", "").replace("<option selected>hidden", "")
        assert "(3 rows)" in page.get("/page?view=ledger").text

    @pytest.mark.parametrize("view", ["?view=dag&dag_id=hidden", "?view=run&dag_id=hidden&run_id=r1"])
    def test_another_dag_is_refused(self, app: FastAPI, page: TestClient, view: str):
        """With 403, whether it exists or not."""
        see(app, "nightly")
        answer = page.get(f"/page{view}")
        assert answer.status_code == 403
        assert "You may not read this DAG" in answer.text

    @pytest.mark.parametrize("path", ["page", "page/zone?zone=DE", "static/page.js", "static/page.css"])
    def test_nobody_is_nobody(self, page: TestClient, path: str):
        """Not signed in: 401, for files too."""
        page.headers.pop("Authorization")
        assert page.get(f"/{path}").status_code == 401


class TestFiles:
    def test_the_policy(self, page: TestClient):
        """Nothing inline, nothing from elsewhere, no other site's frame."""
        policy = page.get("/page").headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "frame-ancestors 'self'" in policy
        assert "default-src 'none'" in policy

    @pytest.mark.parametrize("path", ["../routes.py", "..%2Froutes.py", "%2e%2e/templates/base.html", "nothing.js"])
    def test_only_static_files(self, page: TestClient, path: str):
        """No way out of the folder."""
        assert page.get(f"/static/{path}").status_code == 404

    def test_a_page_of_its_own_machine(self):
        """No file names another host: the page works offline."""
        for file in [*OWN_FILES, *TEMPLATES]:
            assert not re.search(r"(https?:)?//[a-z0-9-]+\.[a-z]", file.read_text()), file.name

    def test_addresses_are_relative(self):
        """Below a reverse proxy's sub-path a leading slash would be wrong."""
        for file in TEMPLATES:
            assert not re.search(r'(href|src|action)="/', file.read_text()), file.name

    def test_own_weight(self):
        """Scripts, style sheet and templates together stay under 60 kB, gzipped."""
        import gzip

        packed = sum(len(gzip.compress(file.read_bytes())) for file in [*OWN_FILES, *TEMPLATES])
        assert packed < 60_000

    def test_dark_is_said_twice_the_same(self):
        """Without scripts the system's wish decides, with the same colours."""
        text = (STATIC / "page.css").read_text()
        by_class = re.search(r":root\.dark \{(.*?)\n\}", text, re.DOTALL)
        by_system = re.search(r":root:not\(\.light, \.dark\) \{(.*?)\n  \}", text, re.DOTALL)
        assert by_class
        assert by_system
        assert by_class[1].split() == by_system[1].split()

    def test_without_a_build_the_page_says_what_to_do(self, page: TestClient, monkeypatch: pytest.MonkeyPatch):
        """A checkout has tables and names the command."""
        from airflow_provider_hypercarbon.plugin.page import rendering

        monkeypatch.setattr(rendering, "STATIC", Path("/nowhere"))
        assert "make page" in page.get("/page").text


def test_a_day_of_the_reader_has_its_reports(page: TestClient):
    """A run at 23:30 UTC belongs to the next day in Berlin."""
    assert datetime(2026, 11, 22, 23, 30, tzinfo=UTC) < NOW
    text = page.get("/page?view=ledger&from=2026-11-20&to=2026-11-22").text
    assert "Fri 20 Nov" in text


def test_an_unknown_figure_has_its_reason_on_focus(page: TestClient, results: ResultsDatabase):
    """A dash is a stop of the keyboard, and its reason is read out."""
    series = MockSource().history("DE", NOW - 9 * HOUR, NOW, now=NOW).model_copy(update={"synthetic": None})
    report = make_report(
        operation_id="unplanned", zone="DE", started_at=NOW - 3 * HOUR, ended_at=NOW - 2 * HOUR, series=series,
        data_gb=500,
    )  # fmt: skip
    CarbonReportStore(results).save(report, RunContext(dag_id="nightly", run_id="r", task_id="report"), now=NOW)
    text = page.get("/page?view=ledger&operation_id=unplanned").text
    why = "The scheduled start is not known."
    assert f'<span class="why" tabindex="0" title="{why}">–<span class="heard"> {why}</span></span>' in text


def test_the_link_of_a_report_shows_its_row(app: FastAPI, page: TestClient):
    """Whenever it was and whatever it rests on; for those who may read its DAG."""
    assert "1 to 1 of 1" in page.get("/page?view=ledger&operation_id=toy").text
    see(app, "nightly")
    assert "No exports match these filters" in page.get("/page?view=ledger&operation_id=secret-1").text


def test_the_filters_offer_what_else_there_is(app: FastAPI, page: TestClient, results: ResultsDatabase):
    """With one DAG chosen, the others of these days stand beside it; those that may not be read do not."""
    put(results, "weekly-1", "weekly", NOW - timedelta(days=2))

    def offered(address: str) -> set[str]:
        form = page.get(f"/page?view=ledger{address}").text.split('<select name="dag_id">')[1].split("</select>")[0]
        return set(re.findall(r"<option(?: selected)?>([^<]+)", form))

    assert offered("&dag_id=weekly") == offered("") == {"nightly", "hidden", "weekly"}
    assert offered("&zone=GB") == set()
    see(app, "nightly", "weekly")
    assert offered("&dag_id=weekly") == {"nightly", "weekly"}
    assert offered("&vm=/DC0/vm/weekly-1") == {"weekly"}


@pytest.mark.parametrize("header", ["energy", "emitted", "difference"])
def test_rows_are_sorted_by_their_headers(page: TestClient, results: ResultsDatabase, header: str):
    """The largest first, at a second time the smallest; the header says so, and leads to the other order."""
    for number, hours in enumerate((5, 2, 9), start=1):
        put(results, f"size-{number}", "sizes", NOW - hours * HOUR)

    def rows(sort: str) -> tuple[list[str], str]:
        text = page.get(f"/page?view=ledger&dag_id=sizes&sort={sort}").text
        return re.findall(r"size-(\d)", text.split('data-part="rows"')[1].split("<tbody>")[1]), text

    down, text = rows(f"-{header}")
    up, turned = rows(header)
    assert list(dict.fromkeys(down)) == list(dict.fromkeys(up))[::-1]
    assert f'aria-sort="descending"><a href="page?view=ledger&amp;dag_id=sizes&amp;sort={header}"' in text
    assert f'aria-sort="ascending"><a href="page?view=ledger&amp;dag_id=sizes&amp;sort=-{header}"' in turned
    assert "largest" in text
    assert "smallest" in turned
