from __future__ import annotations

import csv
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from structlog.testing import capture_logs

from airflow_provider_hypercarbon.operators.carbon_summary import CarbonSummaryOperator
from airflow_provider_hypercarbon.report_store import ResultsDatabase
from tests.summaries.table import fill

SEPTEMBER = datetime(2026, 9, 5, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four nights from the 29th of August on."""
    path = tmp_path_factory.mktemp("summary") / "results.db"
    engine = sa.create_engine(f"sqlite:///{path}")
    fill(ResultsDatabase(engine), days=4, first_day=28)
    engine.dispose()
    return path


@pytest.fixture(autouse=True)
def results(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_RESULTS", f"sqlite://{table}")


def run(logical_date: datetime | None = SEPTEMBER, **arguments: Any) -> dict[str, Any]:
    operator = CarbonSummaryOperator(task_id="summary", **{"results_conn_id": "results", **arguments})
    context = {"dag_run": SimpleNamespace(logical_date=logical_date, run_after=SEPTEMBER)}
    found = operator.execute(context)  # type: ignore[arg-type]
    return json.loads(json.dumps(found, allow_nan=False))


class TestSummary:
    def test_the_month_before_the_run(self, tmp_path: Path):
        """In September it is August's; the totals are the XCom, the rows are in the files."""
        found = run(outputs=[str(tmp_path / "a.csv"), str(tmp_path / "a.html")], by=["vm"])
        assert (found["since"], found["until"]) == ("2026-08-01T00:00:00Z", "2026-09-01T00:00:00Z")
        assert found["outputs"] == [str(tmp_path / "a.csv"), str(tmp_path / "a.html")]
        lines = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
        assert len(lines) == found["groups"] == 5
        assert "rows" not in found
        (known,) = found["totals"]
        total = sum(float(line["emissions_kgco2eq"] or 0) for line in lines)
        assert known["sums"]["emissions_kgco2eq"] == pytest.approx(total)
        assert "August 2026" in (tmp_path / "a.html").read_text()

    def test_a_run_without_a_date_is_of_the_day_it_was_started(self):
        """Triggered by hand in Airflow 3."""
        assert run(None)["since"] == "2026-08-01T00:00:00Z"

    def test_a_retry_writes_the_same_files_again(self, tmp_path: Path):
        """Byte for byte, but for the moment it was made, which a CSV does not hold."""
        path = tmp_path / "a.csv"
        run(outputs=str(path), month="2026-08")
        first = path.read_bytes()
        run(outputs=str(path), month="2026-08")
        assert path.read_bytes() == first
        assert list(tmp_path.iterdir()) == [path]

    def test_what_templates_make_of_arguments(self, tmp_path: Path):
        """Lists as text with commas; nothing as empty text."""
        found = run(
            outputs=f"{tmp_path}/a.csv, {tmp_path}/b.json", by="zone, month", month="", zone="None", vm_path=""
        )
        assert found["by"] == ["zone", "month"]
        assert len(found["outputs"]) == 2

    @pytest.mark.parametrize(
        ("arguments", "operations"),
        [({"zone": "germany"}, 9), ({"dag_id_summarised": "nightly-fr"}, 6), ({"vm_path": "/DC0/vm/mail"}, 3)],
    )
    def test_filters(self, arguments: dict[str, str], operations: int):
        """By zone in any spelling, by DAG, by VM."""
        assert sum(total["operations"] for total in run(**arguments)["totals"]) == pytest.approx(operations, abs=2)

    def test_a_month_without_reports(self, tmp_path: Path):
        """The files are there and say so; the task succeeds."""
        found = run(month="2020-01", outputs=[str(tmp_path / "a.csv")])
        assert (found["groups"], found["totals"]) == (0, [])
        assert (tmp_path / "a.csv").exists()

    def test_the_log_has_a_line_for_people(self, tmp_path: Path):
        """What was written, and what it says."""
        with capture_logs() as log:
            run(outputs=[str(tmp_path / "a.csv")])
        events = [str(entry["event"]) for entry in log]
        assert any("August 2026: " in event and "kgCO2eq" in event for event in events)

    def test_an_object_store(self, tmp_path: Path):
        """Any that Airflow knows, by its address."""
        run(outputs=[f"file://{tmp_path}/a.json"])
        assert json.loads((tmp_path / "a.json").read_text())["by"] == ["zone"]


class TestFailures:
    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            ({"outputs": ["a.docx"]}, "must end in"),
            ({"outputs": ["/no/such/folder/a.csv"]}, "cannot be written"),
            ({"outputs": ["nothing://x/a.csv"]}, "cannot be written"),
            ({"by": ["colour"]}, "Choose among month"),
            ({"month": "August"}, "is no month"),
            ({"zone": "no such zone!"}, "Unknown zone"),
            ({"results_conn_id": "hypercarbon_elsewhere"}, "AIRFLOW_CONN_HYPERCARBON_ELSEWHERE"),
        ],
    )
    def test_wrong_use_burns_no_retries(self, arguments: dict[str, Any], why: str):
        """The sentence says what to give."""
        with pytest.raises(AirflowFailException, match=why):
            run(**arguments)

    def test_a_database_that_is_down_is_left_to_a_retry(self, monkeypatch: pytest.MonkeyPatch):
        """It may be up again."""
        monkeypatch.setenv("AIRFLOW_CONN_RESULTS", "postgresql://hyper:word@127.0.0.1:1/results")
        with pytest.raises(AirflowException) as raised:
            run()
        assert not isinstance(raised.value, AirflowFailException)


class TestAirflow:
    def test_every_argument_can_be_templated(self):
        """Each template field is an argument that is kept as given."""
        fields = {"outputs", "by", "month", "zone", "dag_id_summarised", "vm_path", "results_conn_id"}
        assert set(CarbonSummaryOperator.template_fields) == fields
        operator = CarbonSummaryOperator(task_id="summary", **dict.fromkeys(fields, "{{ x }}"))
        assert {getattr(operator, name) for name in fields} == {"{{ x }}"}

    def test_parsing_a_dag_loads_nothing_heavy(self):
        """Neither the database nor the template engine nor plots; Airflow's own are not ours."""
        code = (
            "import sys, airflow.sdk, airflow.sdk.exceptions; before = set(sys.modules);"
            "import airflow_provider_hypercarbon.operators.carbon_summary;"
            "new = set(sys.modules) - before;"
            "print([m for m in ('sqlalchemy', 'weasyprint', 'pyarrow', 'airflow_provider_hypercarbon.summaries')"
            " if m in new])"
        )
        found = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
        )
        assert found.stdout.strip().splitlines()[-1] == "[]"
