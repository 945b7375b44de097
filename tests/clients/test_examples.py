"""The examples of the HyperSDK documents' four endpoints, with their bodies as written, from three languages."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.clients.conftest import Server

CLIENT = Path(__file__).resolve().parent.parent.parent / "clients" / "typescript"
GUIDE = Path(__file__).resolve().parent.parent.parent / "docs" / "guides" / "clients.md"
ZONE = "US-CAL-CISO"
RUN = {"job_id": "job-123", "start_time": "2026-02-04T10:00:00Z", "end_time": "2026-02-04T12:00:00Z"}
RUN |= {"data_size_gb": 500.0, "zone": ZONE}
LATER = {"job_id": "job-789", "start_time": "2026-02-04T12:00:00Z", "end_time": "2026-02-04T14:30:00Z"}
LATER |= {"data_size_gb": 750, "zone": ZONE}
#: Route and body of each; no body is a GET.
EXAMPLES: list[tuple[str, dict[str, Any] | None]] = [
    ("carbon/status", {"zone": ZONE, "threshold": 200}),
    ("carbon/report", RUN),
    ("carbon/report", LATER),
    ("carbon/zones", None),
    ("carbon/estimate", {"zone": ZONE, "data_size_gb": 500, "duration_hours": 2}),
    ("carbon/estimate", {"zone": ZONE, "data_size_gb": 1000, "duration_hours": 4}),
]
#: The fields that the documents show in each answer.
FIELDS = {
    "carbon/status": "zone current_intensity renewable_percent optimal_for_backup next_optimal_time forecast_next_4h "
    "reasoning quality timestamp",
    "carbon/report": "operation_id start_time end_time duration_hours data_size_gb energy_kwh "
    "carbon_intensity_gco2_kwh carbon_emissions_kg_co2 savings_vs_worst_kg_co2 renewable_percent equivalent",
    "carbon/zones": "zones total",
    "carbon/estimate": "current_intensity_gco2_kwh current_emissions_kg_co2 best_intensity_gco2_kwh "
    "best_emissions_kg_co2 best_time savings_kg_co2 savings_percent delay_minutes "
    "recommendation forecast",
}
pytestmark = [
    pytest.mark.system,
    # Who has built the client wants to see a real Airflow answer it; everybody else does not wait for one.
    pytest.mark.skipif(not (CLIENT / "dist" / "index.js").exists(), reason="clients/typescript is not built"),
    pytest.mark.skipif(shutil.which("node") is None or shutil.which("curl") is None, reason="needs node and curl"),
]


def by_curl(server: Server, route: str, body: dict[str, Any] | None) -> Any:
    """As the documents write it: no header names the kind of the body."""
    words = ["curl", "--silent", "--fail-with-body", "-H", f"Authorization: Bearer {server.token}"]
    words += ["-X", "POST", "-d", json.dumps(body)] if body else []
    done = subprocess.run([*words, f"{server.url}/hypercarbon/api/v1/{route}"], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout
    return json.loads(done.stdout)


def by_python(server: Server, route: str, body: dict[str, Any] | None) -> Any:
    headers = {"Authorization": f"Bearer {server.token}"}
    url = f"{server.url}/hypercarbon/api/v1/{route}"
    answer = httpx.post(url, json=body, headers=headers) if body else httpx.get(url, headers=headers)
    return answer.raise_for_status().json()


def by_typescript(server: Server, route: str, body: dict[str, Any] | None) -> Any:
    call = (
        f'client.POST("/api/v1/{route}", {{ body: {json.dumps(body)} }})'
        if body
        else f'client.GET("/api/v1/{route}")'
    )
    program = f"""
        import {{ hypercarbon }} from "./dist/index.js";
        const client = hypercarbon({{ airflow: process.env.AIRFLOW_URL, token: process.env.AIRFLOW_TOKEN }});
        const {{ data }} = await {call};
        console.log(JSON.stringify(data));
    """
    done = subprocess.run(
        ["node", "--input-type=module", "--eval", program],
        cwd=CLIENT,
        env={**os.environ, "AIRFLOW_URL": server.url, "AIRFLOW_TOKEN": server.token},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(("route", "body"), EXAMPLES, ids=[f"{n}-{route}" for n, (route, _) in enumerate(EXAMPLES)])
class TestExamples:
    def test_three_languages_get_the_same(self, server: Server, route: str, body: dict[str, Any] | None):
        """Each example is answered with at least the documents' fields, and alike from each language."""
        curl, python, typescript = (ask(server, route, body) for ask in (by_curl, by_python, by_typescript))
        assert set(FIELDS[route].split()) <= set(curl)
        print(json.dumps(curl)[:600])
        for other in (python, typescript):
            # A minute may turn between two questions; a finished run, and the list of zones, do not change.
            assert set(other) == set(curl)
            if route in ("carbon/report", "carbon/zones"):
                assert other == curl


class TestGuide:
    def test_the_shell_of_the_guide_runs_as_written(self, server: Server):
        """Only the address is another."""
        (shell,) = re.findall(r"```bash\n(.*?)```", GUIDE.read_text(), re.DOTALL)
        assert "AIRFLOW=http://localhost:8080" in shell
        shell = shell.replace("AIRFLOW=http://localhost:8080", f"AIRFLOW={server.url}")
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", shell], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        answers = _documents(done.stdout)
        assert [set(answer) & {"reasoning", "zones", "recommendation", "operation_id"} for answer in answers] == [
            {"reasoning"},
            {"zones"},
            {"recommendation"},
            {"operation_id"},
        ]


def _documents(text: str) -> list[Any]:
    found, decoder = [], json.JSONDecoder()
    while text.strip():
        document, end = decoder.raw_decode(text.strip())
        found.append(document)
        text = text.strip()[end:]
    return found
