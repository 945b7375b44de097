from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from airflow_provider_hypercarbon.carbon.intensity import CarbonIntensity, IntensitySeries, Slot
from airflow_provider_hypercarbon.carbon.zones import ZONES
from airflow_provider_hypercarbon.exceptions import (
    AuthenticationError,
    ConfigurationError,
    NoDataError,
    RateLimitedError,
    UnavailableError,
)
from airflow_provider_hypercarbon.plugin import backends
from airflow_provider_hypercarbon.sources.mock import MockSource
from tests.plugin.conftest import NOW, Client

pytestmark = pytest.mark.airflow
HOUR = timedelta(hours=1)


class Grid:
    """A source with the intensities of the documents' examples."""

    name = "grid"

    def __init__(
        self, current: float, ahead: list[float], error: Exception | None = None, *, no_history: bool = False
    ) -> None:
        self.current, self.ahead, self.error, self.no_history = current, ahead, error, no_history
        self.begin = NOW.replace(minute=0)

    def latest(self, zone: str, *, now: datetime) -> CarbonIntensity:
        if self.error:
            raise self.error
        return self._series(zone, [self.current]).readings()[0]

    def history(self, zone: str, start: datetime, end: datetime, *, now: datetime) -> IntensitySeries:
        if self.no_history:
            raise NoDataError("No history.")
        return self._series(zone, [self.current] * 24, since=self.begin - 23 * HOUR)

    def forecast(self, zone: str, until: datetime, *, now: datetime) -> IntensitySeries:
        return self._series(zone, [self.current, *self.ahead])

    def zones(self) -> tuple[()]:
        return ()

    def _series(self, zone: str, values: list[float], since: datetime | None = None) -> IntensitySeries:
        slots = tuple(Slot((since or self.begin) + i * HOUR, v, estimated=False) for i, v in enumerate(values))
        return IntensitySeries(zone=zone, source=self.name, slots=slots, issued_at=NOW)


def given(app: FastAPI, source: object) -> None:
    app.dependency_overrides[backends.carbon_source] = lambda: source


class TestBodies:
    def test_a_body_as_curl_sends_it(self, app: FastAPI, api: TestClient):
        """``curl -d`` calls its body a form; with a token it is read as the JSON that it is."""
        given(app, Grid(145.2, [132.1]))
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert api.post("carbon/status", content='{"zone": "US-CAL-CISO"}', headers=form).status_code == 200
        assert api.post("carbon/status", content="zone=US-CAL-CISO", headers=form).status_code == 422

    def test_a_form_of_another_site_stays_one(self, app: FastAPI, client: Client):
        """A browser's cookie goes along with it, and no token."""
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = client("viewer", cookie=True).post("api/v1/carbon/status", content='{"zone": "DE"}', headers=form)
        assert answer.status_code == 422


class TestStatus:
    def test_the_documents_example(self, app: FastAPI, api: TestClient):
        """145.2 under a threshold of 200 is good and optimal; 105.2 is good, not excellent as the document has it."""
        given(app, Grid(145.2, [132.1, 118.6, 105.2, 142.8]))
        answer = api.post("carbon/status", json={"zone": "US-CAL-CISO", "threshold": 200.0})
        assert answer.status_code == 200
        found = answer.json()
        assert found["zone"] == "US-CAL-CISO"
        assert found["current_intensity"] == 145.2
        assert (found["quality"], found["optimal_for_backup"], found["next_optimal_time"]) == ("good", True, None)
        assert found["renewable_percent"] is None
        assert [point["intensity"] for point in found["forecast_next_4h"]] == [145.2, 132.1, 118.6, 105.2, 142.8]
        assert [point["quality"] for point in found["forecast_next_4h"]] == ["good"] * 5
        assert set(found["forecast_next_4h"][0]) == {"time", "intensity", "quality"}
        assert found["reasoning"] == "Grid US-CAL-CISO at 145 gCO2eq/kWh, good: at or under 200."
        assert found["timestamp"] == "2026-11-23T18:00:00Z"

    def test_the_next_optimal_time(self, app: FastAPI, api: TestClient):
        """Above the threshold the first slot at or under it is named."""
        given(app, Grid(350, [320, 200, 120]))
        found = api.post("carbon/status", json={"zone": "DE"}).json()
        assert found["next_optimal_time"] == "2026-11-23T20:00:00Z"
        assert found["optimal_for_backup"] is False

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "zone"),
            ({"zone": ""}, "zone"),
            ({"zone": "DE", "threshold": -1}, "threshold"),
            ({"zone": "DE", "threshold": 5000}, "threshold"),
            ({"zone": "DE", "threshold": "NaN"}, "threshold"),
            ({"zone": "DE", "treshold": 1}, "treshold"),
            ({"zone": "XX-NOWHERE"}, "zone"),
            ({"zone": "not a zone"}, "zone"),
        ],
    )
    def test_what_is_wrong_is_named(self, api: TestClient, body: dict[str, object], field: str):
        """A wrong request is answered with the field and a sentence."""
        answer = api.post("carbon/status", json=body)
        assert answer.status_code == 422
        assert answer.json()["field"] == field
        assert answer.json()["message"].endswith(".")

    @pytest.mark.parametrize(
        ("error", "status", "kind"),
        [
            (AuthenticationError("Token refused.", status=401), 502, "source_refused"),
            (RateLimitedError("Too many requests.", retry_after=120), 503, "source_limited"),
            (UnavailableError("Down.", status=500), 503, "source_unavailable"),
            (NoDataError("Nothing there."), 503, "no_data"),
            (ConfigurationError("There is no Airflow connection 'hypercarbon_default'."), 409, "not_set_up"),
        ],
    )
    def test_a_source_that_fails(self, app: FastAPI, api: TestClient, error: Exception, status: int, kind: str):
        """Each way to fail has a type, and the error's own sentence."""
        given(app, Grid(1, [], error))
        answer = api.post("carbon/status", json={"zone": "DE"})
        assert (answer.status_code, answer.json()["type"], answer.json()["message"]) == (status, kind, str(error))
        assert answer.headers.get("retry-after") == ("120" if kind == "source_limited" else None)

    def test_a_bug_says_nothing_about_the_inside(self, app: FastAPI, api: TestClient):
        """An error that nobody foresaw is 500 with a sentence, without its text."""
        given(app, Grid(1, [], RuntimeError("token=abc")))
        answer = api.post("carbon/status", json={"zone": "DE"})
        assert answer.status_code == 500
        assert "abc" not in answer.text


class TestReport:
    BODY = {  # noqa: RUF012
        "job_id": "job-123",
        "start_time": "2026-11-23T14:00:00Z",
        "end_time": "2026-11-23T16:00:00Z",
        "data_size_gb": 500.0,
        "zone": "US-CAL-CISO",
    }

    def test_the_documents_example(self, app: FastAPI, api: TestClient):
        """500 GB in 2 h are 0.25 kWh by HyperSDK's formula; at 145.2 g/kWh 0.0363 kg, 0.2137 less than by coal."""
        given(app, Grid(145.2, []))
        found = api.post("carbon/report", json={**self.BODY, "energy_model": "hypersdk"}).json()
        assert found["energy_kwh"] == pytest.approx(0.25)
        assert found["carbon_emissions_kg_co2"] == pytest.approx(0.0363)
        assert found["savings_vs_worst_kg_co2"] == pytest.approx(0.2137)
        assert found["carbon_intensity_gco2_kwh"] == pytest.approx(145.2)
        assert found["equivalent"] == "150 m of driving an average car"
        assert (found["operation_id"], found["duration_hours"], found["data_size_gb"]) == ("job-123", 2.0, 500.0)
        assert (found["start_time"], found["end_time"]) == (self.BODY["start_time"], self.BODY["end_time"])
        assert found["renewable_percent"] is None
        assert found["provisional"] is False

    def test_the_default_model(self, app: FastAPI, api: TestClient):
        """Unless HyperSDK's formula is asked for, energy comes from cited coefficients, as in every report."""
        given(app, Grid(145.2, []))
        found = api.post("carbon/report", json=self.BODY).json()
        assert found["energy_kwh"] == pytest.approx(0.092198)
        assert found["carbon_emissions_kg_co2"] == pytest.approx(0.092198 * 0.1452)
        assert found["energy_model"] != "hypersdk-v1"

    def test_a_time_nobody_measured(self, api: TestClient):
        """In the future nothing is measured: null with the reason, never zero."""
        found = api.post(
            "carbon/report",
            json={**self.BODY, "start_time": "2027-01-01T00:00:00Z", "end_time": "2027-01-01T02:00:00Z"},
        ).json()
        assert found["carbon_emissions_kg_co2"] is None
        assert found["energy_kwh"] is not None
        assert found["missing"]

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"end_time": "2026-11-23T13:00:00Z"}, "end_time"),
            ({"end_time": "2027-11-23T13:00:00Z"}, "14 days"),
            ({"start_time": "2026-11-23T14:00:00"}, "start_time"),
            ({"data_size_gb": 0}, "data_size_gb"),
            ({"data_size_gb": 1e12}, "data_size_gb"),
            ({"job_id": ""}, "job_id"),
            ({"scheduled_time": "2026-11-23T15:00:00Z"}, "scheduled_time"),
        ],
    )
    def test_what_is_wrong_is_named(self, api: TestClient, change: dict[str, object], words: str):
        """Reversed, naive and impossible values are refused by name."""
        answer = api.post("carbon/report", json={**self.BODY, **change})
        assert answer.status_code == 422
        assert words in answer.json()["message"]


class TestZones:
    def test_the_catalogue(self, api: TestClient):
        """Every zone of the source, with the documents' field names."""
        found = api.get("carbon/zones").json()
        assert found["total"] == len(found["zones"]) == len(MockSource().zones()) >= len(ZONES)
        assert set(found["zones"][0]) >= {"id", "name", "region", "description", "typical_intensity"}


class TestEstimate:
    def test_the_documents_example(self, app: FastAPI, api: TestClient):
        """350 now and 120 later: 0.0875 kg against 0.03 kg, 0.0575 kg and 65.7 % less by our formulas."""
        given(app, Grid(350, [350, 350, 120, 120, 350, 350], no_history=True))
        found = api.post(
            "carbon/estimate",
            json={"zone": "US-CAL-CISO", "data_size_gb": 500.0, "duration_hours": 2.0, "energy_model": "hypersdk"},
        ).json()
        assert found["current_intensity_gco2_kwh"] == pytest.approx(350)
        assert found["best_intensity_gco2_kwh"] == pytest.approx(120)
        assert (found["best_time"], found["delay_minutes"]) == ("2026-11-23T21:00:00Z", pytest.approx(160))
        assert found["energy_kwh"] == pytest.approx(0.25)
        assert found["current_emissions_kg_co2"] == pytest.approx(0.0875)
        assert found["best_emissions_kg_co2"] == pytest.approx(0.03)
        assert found["savings_kg_co2"] == pytest.approx(0.0575)
        assert found["savings_percent"] == pytest.approx(65.714, abs=0.001)
        assert found["recommendation"] == "Delay 160 minutes to emit 0.058 kgCO2eq less (66 % of the run)."
        assert set(found["forecast"][0]) == {"time", "intensity", "quality"}

    def test_now_is_best(self, app: FastAPI, api: TestClient):
        """When no later start has a lower mean, nothing is recommended and no time is named."""
        given(app, Grid(100, [200] * 8))
        found = api.post("carbon/estimate", json={"zone": "DE", "data_size_gb": 500, "duration_hours": 2}).json()
        assert (found["best_time"], found["delay_minutes"], found["savings_kg_co2"]) == (None, None, 0)
        assert found["recommendation"].startswith("Start now")


class TestForecast:
    def test_the_page_gets_past_present_and_future(self, api: TestClient):
        """Slots up to now are measured ones, those ahead the forecast, with a range that grows."""
        found = api.get("forecast", params={"zone": "DE", "hours": 48, "hours_back": 12}).json()
        assert len(found["measured"]) == 13
        assert len(found["forecast"]) == 49
        assert found["forecast"][0]["time"] == "2026-11-23T18:00:00Z"
        last = found["forecast"][-1]
        assert last["low"] < last["intensity"] < last["high"]
        assert found["plan"] is None
        assert found["synthetic"] == "mock"
        assert found["basis"] == "average, location-based, lifecycle factors"

    def test_a_plan_for_a_job(self, api: TestClient):
        """With a duration it says when such a job would start, and compares starts."""
        found = api.get("forecast", params={"zone": "DE", "duration": "90min", "max_delay": "12h"}).json()
        decision = found["plan"]["decision"]
        assert decision["duration"] == "PT1H30M"
        assert decision["deadline"] == "2026-11-24T06:20:00Z"
        assert decision["start_at"] in [one["start_at"] for one in found["plan"]["candidates"]]
        assert 2 <= len(found["plan"]["candidates"]) <= 48
        assert found["plan"]["curve"]

    @pytest.mark.parametrize(
        "query", [{"duration": "2x"}, {"duration": "100h"}, {"max_delay": "-1h"}, {"hours": "0"}, {"hours": "9999"}]
    )
    def test_work_is_bounded(self, api: TestClient, query: dict[str, str]):
        """Spans that cannot be read, or that are too long, are refused by name."""
        answer = api.get("forecast", params={"zone": "DE", **query})
        assert answer.status_code == 422
        assert answer.json()["field"] == next(iter(query))


class TestBacktest:
    def test_our_policy_stands_beside_perfect_foresight(self, api: TestClient):
        """The summary has a row a policy."""
        found = api.get("backtest", params={"zone": "DE", "days": 14}).json()
        policies = {row["policy"] for row in found["rows"]}
        assert {"run_now", "perfect"} <= policies or len(policies) > 3
        assert "attributional" in found["note"]
