from __future__ import annotations

import os
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings

from tests.plugin.conftest import token_of

schemathesis = pytest.importorskip("schemathesis")
openapi_checks = pytest.importorskip("schemathesis.specs.openapi.checks")
CONFORMS = [
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
]
pytestmark = pytest.mark.airflow
#: For each route; HYPERCARBON_FUZZ_CASES=400 makes some 5,000 in all.
CASES = int(os.environ.get("HYPERCARBON_FUZZ_CASES", "15"))
#: Random words are hardly ever a zone; every second request asks about one that there is.
ZONES = ("DE", "GB", "EU-DE", "US-CAL-CISO", "beijing")


class TestFuzz:
    def test_nothing_that_is_sent_breaks_the_server(self, app: FastAPI, capsys: pytest.CaptureFixture[str]):
        """Whatever the document allows, and much that it forbids: never 5xx, and as the document says."""
        schema = schemathesis.openapi.from_dict(app.openapi())
        schema.app = app
        headers = {"Authorization": f"Bearer {token_of('viewer')}"}
        counted: dict[int, int] = {}
        for found in schema.get_all_operations():
            _fuzz(found.ok(), headers, counted)
        with capsys.disabled():
            print(f"\n{sum(counted.values())} requests: {dict(sorted(counted.items()))}")
        assert counted[200] > sum(counted.values()) / 10


def _fuzz(operation: Any, headers: dict[str, str], counted: dict[int, int]) -> None:
    for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):
        try:
            cases = operation.as_strategy(generation_mode=mode)
        except Exception:  # noqa: BLE001 - a route without parameters has nothing to get wrong
            continue

        @settings(
            max_examples=CASES,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        )
        @given(case=cases)
        def ask(case: Any) -> None:
            number = sum(counted.values())
            for part in (case.body, case.query):
                if isinstance(part, dict) and "zone" in part and number % 2:
                    part["zone"] = ZONES[number % len(ZONES)]
            answer = case.call(headers=headers)
            counted[answer.status_code] = counted.get(answer.status_code, 0) + 1
            assert answer.status_code < 500, (case.as_curl_command(), answer.text)
            case.validate_response(answer, checks=CONFORMS)

        try:
            ask()
        except schemathesis.errors.InvalidSchema:
            continue
        except Exception as error:
            if "Unsatisfiable" in type(error).__name__ or "SkipTest" in type(error).__name__:
                continue
            raise
