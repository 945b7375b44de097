from __future__ import annotations

import csv
from datetime import timedelta

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from airflow_provider_hypercarbon.carbon.intensity import Signal
from airflow_provider_hypercarbon.plugin import sums as plugin_sums
from airflow_provider_hypercarbon.plugin.guard import DagAccess, readable_dags
from airflow_provider_hypercarbon.report_store import CarbonReportStore, ResultsDatabase
from tests.carbon.grid import HOUR, series
from tests.plugin.conftest import NOW
from tests.report_store.test_store import CONTEXT, report

pytestmark = pytest.mark.airflow
COUNT = 24


@pytest.fixture
def results(results: ResultsDatabase) -> ResultsDatabase:
    """Twenty-four reports, one every six hours: three DAGs, two zones, one made up, one of unknown size."""
    store = CarbonReportStore(results)
    for number in range(COUNT):
        start = NOW - timedelta(hours=6 * (COUNT - number))
        zone = ("DE", "GB")[number % 2]
        made = report(
            f"job-{number:02}",
            zone=zone,
            started_at=start,
            ended_at=start + HOUR,
            scheduled_at=None,
            series=series([100.0 + number], start).model_copy(update={"zone": zone}),
            data_gb=None if number == 5 else 500,
            synthetic="mock" if number == 7 else None,
        )
        vm_path = "=cmd|' /C calc'!A0" if number == 0 else f"/vm/{number % 4}"
        context = CONTEXT.model_copy(update={"dag_id": f"dag-{number % 3}", "vm_path": vm_path})
        store.save(made, context, now=NOW)
    return results


def see(app: FastAPI, *dag_ids: str) -> None:
    app.dependency_overrides[readable_dags] = lambda: DagAccess(frozenset(dag_ids))


class TestPages:
    def test_all_pages_together_are_all_reports(self, api: TestClient):
        """Walking the cursor shows each real report once, the latest first; the made-up one is left out."""
        found, cursor = [], None
        while True:
            page = api.get("reports", params={"limit": 7, **({"cursor": cursor} if cursor else {})}).json()
            found += [row["report"]["operation_id"] for row in page["reports"]]
            if (cursor := page["next_cursor"]) is None:
                break
        assert found == [f"job-{number:02}" for number in reversed(range(COUNT)) if number != 7]

    def test_filters(self, api: TestClient):
        """Zone, DAG, VM, time and kind of data narrow the list."""

        def names(**query: str) -> set[str]:
            rows = api.get("reports", params={"limit": 200, **query}).json()["reports"]
            return {row["report"]["operation_id"] for row in rows}

        assert names(data="mock") == {"job-07"}
        assert names(zone="GB", dag_id="dag-1") == {"job-01", "job-13", "job-19"}
        assert names(vm_path="/vm/2") == {f"job-{n:02}" for n in range(2, COUNT, 4)}
        assert len(names(since=(NOW - timedelta(hours=24)).isoformat())) == 4
        assert names(until=(NOW - timedelta(hours=6 * 23)).isoformat()) == {"job-00"}

    @pytest.mark.parametrize(
        "query", [{"cursor": "nonsense"}, {"limit": "0"}, {"limit": "201"}, {"since": "2026-01-01"}, {"sort": "vm"}]
    )
    def test_what_is_wrong_is_named(self, api: TestClient, query: dict[str, str]):
        """A wrong filter is refused by its name."""
        answer = api.get("reports", params=query)
        assert answer.status_code == 422
        assert answer.json()["field"] == next(iter(query))


class TestSums:
    def test_parts_are_the_whole(self, api: TestClient):
        """Whatever the grouping, the groups add up to the total; made-up rows are in none."""
        for by in ("day", "zone", "vm", "dag", "reason"):
            found = api.get("reports/sums", params={"by": by}).json()
            assert found["total"]["reports"] == COUNT - 1
            assert found["total"]["unknown"] == 1
            for name in ("reports", "emissions_kgco2eq", "energy_kwh", "differences"):
                assert sum(group[name] for group in found["groups"]) == pytest.approx(found["total"][name])
            assert found["includes_synthetic"] is False

    def test_more_groups_than_a_chart_holds(self, api: TestClient, monkeypatch: pytest.MonkeyPatch):
        """The largest are shown, of days the last; the others are one sum, and nothing is lost."""
        every = {by: api.get("reports/sums", params={"by": by}).json()["groups"] for by in ("day", "vm", "dag")}
        monkeypatch.setattr(plugin_sums, "MOST_GROUPS", 2)
        for by, groups in every.items():
            found = api.get("reports/sums", params={"by": by}).json()
            assert found["groups"] == (groups[-2:] if by == "day" else groups[:2])
            parts = [*found["groups"], found["others"]]
            assert found["others"]["key"] is None
            assert sum(part["reports"] for part in parts) == found["total"]["reports"] == COUNT - 1
            assert sum(part["unknown"] for part in parts) == 1
            assert sum(part["energy_kwh"] for part in parts) == pytest.approx(found["total"]["energy_kwh"])

    def test_days_are_those_of_the_readers_clock(self, api: TestClient):
        """A start at 18:20 UTC is the next day in Tokyo, and in Kathmandu, whose offset ends in 45 minutes."""
        utc = api.get("reports/sums", params={"by": "day"}).json()["groups"]
        for zone in ("Asia/Tokyo", "Asia/Kathmandu"):
            local = api.get("reports/sums", params={"by": "day", "tz": zone}).json()["groups"]
            assert local[-1]["key"] == "2026-11-23"
            assert utc[-1]["key"] == "2026-11-23"
            assert [day["reports"] for day in local] != [day["reports"] for day in utc]

    def test_an_unknown_time_zone(self, api: TestClient):
        """A time zone that does not exist, or a path in its place, is refused."""
        for name in ("Mars/Phobos", "../../etc/passwd", "/etc/passwd", ""):
            answer = api.get("reports/sums", params={"tz": name})
            assert (answer.status_code, answer.json()["field"]) == (422, "tz")

    def test_two_signals_are_never_summed(self, api: TestClient, results: ResultsDatabase):
        """Reports of another signal are counted beside the sum."""
        other = series([50.0], NOW).model_copy(update={"signal": Signal(factors="direct")})
        CarbonReportStore(results).save(
            report("direct", started_at=NOW, ended_at=NOW + HOUR, scheduled_at=None, series=other, data_gb=1),
            CONTEXT,
            now=NOW,
        )
        found = api.get("reports/sums").json()
        assert found["total"]["reports"] == COUNT - 1
        assert found["signal"] == {"kind": "average", "factors": "lifecycle"}
        assert found["left_out"] == [{"signal": {"kind": "average", "factors": "direct"}, "reports": 1}]


class TestCsv:
    def test_every_row_is_there_once(self, api: TestClient):
        """The file holds what the filter holds, and no formula that a spreadsheet would run."""
        answer = api.get("reports/export.csv")
        rows = list(csv.DictReader(answer.text.splitlines()))
        assert [row["operation_id"] for row in rows] == [f"job-{n:02}" for n in range(COUNT) if n != 7]
        assert rows[0]["vm_path"] == "'=cmd|' /C calc'!A0"
        assert rows[5]["emissions_kgco2eq"] == ""
        assert "attachment" in answer.headers["content-disposition"]


class TestAccess:
    def test_a_reader_of_one_dag_sees_no_other(self, app: FastAPI, api: TestClient):
        """Lists, sums, files and single reports leave the other DAGs out, without a count."""
        see(app, "dag-1")
        rows = api.get("reports", params={"limit": 200}).json()["reports"]
        assert {row["context"]["dag_id"] for row in rows} == {"dag-1"}
        assert {group["key"] for group in api.get("reports/sums", params={"by": "dag"}).json()["groups"]} == {"dag-1"}
        assert "dag-0" not in api.get("reports/export.csv").text
        assert api.get("reports", params={"dag_id": "dag-0"}).json()["reports"] == []
        assert api.get("reports/job-00").status_code == 404
        assert api.get("reports/job-01").status_code == 200

    def test_a_hidden_report_looks_like_none(self, app: FastAPI, api: TestClient):
        """The answer does not tell whether a report exists."""
        see(app, "dag-1")
        hidden, absent = api.get("reports/job-00"), api.get("reports/job-99")
        assert hidden.json()["message"].replace("job-00", "") == absent.json()["message"].replace("job-99", "")

    def test_who_reads_no_dag_sees_nothing(self, app: FastAPI, api: TestClient):
        """An empty set of DAGs is no filter that lets everything through."""
        see(app)
        assert api.get("reports").json()["reports"] == []
        assert api.get("reports/sums").json()["total"]["reports"] == 0
