"""What people and programs send that is not what the routes are for."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient

from airflow_provider_hypercarbon.plugin import backends
from airflow_provider_hypercarbon.plugin.schemas.mission import EstimateRequest, ReportRequest, StatusRequest
from airflow_provider_hypercarbon.report_store import ResultsDatabase
from airflow_provider_hypercarbon.sources.mock import MockSource
from tests.plugin import test_mission as mission
from tests.plugin.test_mission import Grid, given

pytestmark = pytest.mark.airflow
#: Every way in which a filter or a name reaches a database.
ASKED = (
    "reports?dag_id={}",
    "reports?vm_path={}",
    "reports?run_id={}",
    "reports/{}",
    "reports/sums?by=day&vm_path={}",
    "reports/export.csv?run_id={}",
    "dags/{}/starts",
    "dags/a/runs/{}/decisions",
    "dags/a/runs/b/decisions?task_id={}",
    "waits?dag_id={}",
    "exports?dag_id={}",
)


def cursor(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


class TestStrangeRequests:
    @pytest.mark.parametrize(
        "query",
        [
            "since=0001-01-01T00:00:00%2B14:00",
            "until=9999-12-31T23:59:59-14:00",
        ],
    )
    @pytest.mark.parametrize("route", ["reports", "reports/sums", "reports/export.csv"])
    def test_an_instant_outside_of_time(self, api: TestClient, route: str, query: str):
        """It has an offset that leads out of the years 1 to 9999 in UTC: the field is named."""
        answer = api.get(f"{route}?{query}")
        assert answer.status_code == 422, answer.text
        assert answer.json()["field"] == query.partition("=")[0]

    @pytest.mark.parametrize("asked", ASKED)
    def test_a_nul_character_is_refused_before_a_database_sees_it(self, api: TestClient, asked: str):
        """PostgreSQL fails on it."""
        answer = api.get(asked.format("a%00b"))
        assert (answer.status_code, answer.json()["type"]) == (422, "invalid"), answer.text
        assert "NUL" in answer.json()["message"]

    @pytest.mark.parametrize(
        "word", [cursor("\0", "a"), cursor("2026", "\ud800"), cursor(1, 2), cursor("a"), "é", "%"]
    )
    def test_a_forged_cursor(self, api: TestClient, word: str):
        """It is never part of a query."""
        answer = api.get("reports", params={"cursor": word})
        assert (answer.status_code, answer.json()["field"]) == (422, "cursor"), answer.text

    @pytest.mark.parametrize("route", ["reports", "reports/sums", "reports/export.csv", "forecast", "carbon/zones"])
    def test_a_typing_error_in_a_filters_name(self, api: TestClient, route: str):
        """It would show everything; the ones that there are, are named."""
        answer = api.get(f"{route}?zone=DE&dagid=nightly" if route != "carbon/zones" else f"{route}?dagid=nightly")
        assert (answer.status_code, answer.json()["field"]) == (422, "dagid")
        assert "There are: " in answer.json()["message"] or "There is none." in answer.json()["message"]

    @pytest.mark.parametrize("threshold", ["200", True, [200], None])
    def test_a_number_is_a_number(self, api: TestClient, threshold: object):
        """As the OpenAPI document says: neither a text, nor true for 1."""
        answer = api.post("carbon/status", json={"zone": "DE", "threshold": threshold})
        assert (answer.status_code, answer.json()["field"]) == (422, "threshold")

    @pytest.mark.parametrize(
        ("body", "kind", "words"),
        [
            ('{"zone": "DE"}', "text/plain", "Content-Type: application/json"),
            ("[]", "application/json", "a JSON object"),
            ("null", "application/json", "a JSON object"),
            ("", "application/json", "a JSON object"),
            ('{"zone": DE}', "application/json", "no JSON: expecting value at character 9"),
        ],
    )
    def test_a_body_that_is_none(self, api: TestClient, body: str, kind: str, words: str):
        """The sentence says how to send one; no field is wrong."""
        answer = api.post("carbon/status", content=body, headers={"Content-Type": kind})
        assert answer.status_code == 422
        assert answer.json()["field"] is None
        assert words in answer.json()["message"]

    @pytest.mark.parametrize("zone", ["de", "Germany", "EU-DE"])
    def test_a_zone_by_any_of_its_names(self, api: TestClient, zone: str):
        """Also in filters."""
        assert api.post("carbon/status", json={"zone": zone}).json()["zone"] == "DE"
        assert api.get("forecast", params={"zone": zone}).json()["zone"] == "DE"
        assert api.get("reports", params={"zone": zone}).status_code == 200
        assert api.get("reports", params={"zone": "Atlantis"}).json()["type"] == "unknown_zone"


class TestDocument:
    def test_examples_everywhere(self, app: FastAPI):
        """For each parameter without a default, for each body, and for the answers of the four routes."""
        document = app.openapi()
        for path, methods in document["paths"].items():
            for operation in methods.values():
                for asked in operation.get("parameters", ()):
                    said = {**asked, **asked["schema"]}
                    known = said.keys() & {"examples", "example", "enum"} or said.get("default") is not None
                    assert known, (path, asked["name"])
        schemas = document["components"]["schemas"]
        for name in ("StatusRequest", "ReportRequest", "EstimateRequest"):
            assert schemas[name]["examples"]
        for name in ("StatusAnswer", "ReportAnswer", "ZoneAnswer", "EstimateAnswer"):
            assert schemas[name]["examples"], name

    def test_the_examples_are_what_the_routes_answer(self, app: FastAPI, api: TestClient):
        """By our formulas: for the intensities of the HyperSDK documents, rounded."""
        grid = {"status": Grid(145.2, [132.1, 118.6, 105.2, 142.8]), "report": Grid(145.2, [])}
        grid["estimate"] = Grid(350, [350, 350, 120, 120, 350, 350], no_history=True)
        asked = {"status": StatusRequest, "report": ReportRequest, "estimate": EstimateRequest}
        schemas = app.openapi()["components"]["schemas"]
        for route, source in grid.items():
            source.name = "electricity_maps"
            given(app, source)
            body = mission.TestReport.BODY if route == "report" else schemas[asked[route].__name__]["examples"][0]
            (example,) = schemas[asked[route].__name__.replace("Request", "Answer")]["examples"]
            answer = _rounded(api.post(f"carbon/{route}", json=body).json())
            # FastAPI leaves nulls out of a document.
            assert {name: value for name, value in answer.items() if value is not None} == example
        given(app, MockSource())
        assert api.get("carbon/zones").json()["zones"][0] == schemas["ZoneAnswer"]["examples"][0]


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return round(value, 7) if isinstance(value, float) else value


@pytest.mark.database
@pytest.mark.parametrize("variable", ["HYPERCARBON_TEST_POSTGRES", "HYPERCARBON_TEST_MYSQL"])
def test_nothing_strange_is_an_error_of_the_database(app: FastAPI, api: TestClient, variable: str):
    """Letters beyond the basic plane, wildcards, quotes, backslashes: an empty list, and no 5xx."""
    if variable not in os.environ:
        pytest.skip(f"{variable} names no server")
    engine = sa.create_engine(os.environ[variable])
    app.dependency_overrides[backends.results_database] = lambda: ResultsDatabase(engine)
    try:
        for word in ("%F0%9F%99%82", "%25", "_", "'%20OR%20''%3D'", "%5C", "%ED%A0%80", "%FF", "a%00b"):
            for asked in ASKED:
                answer = api.get(asked.format(word))
                assert answer.status_code in (200, 404, 422), (asked, word, answer.text)
    finally:
        engine.dispose()
