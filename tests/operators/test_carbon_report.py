from __future__ import annotations

import json
import subprocess
import sys
import traceback
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from structlog.testing import capture_logs

from airflow_provider_hypercarbon.carbon.intensity import IntensitySeries, Signal
from airflow_provider_hypercarbon.carbon.report_json import read_report_json, report_json
from airflow_provider_hypercarbon.carbon.zones import zone_key
from airflow_provider_hypercarbon.exceptions import (
    AccessDeniedError,
    AuthenticationError,
    BadAnswerError,
    BadDataError,
    HyperCarbonError,
    NoDataError,
    RateLimitedError,
    RequestRefusedError,
    UnavailableError,
    UnknownZoneError,
)
from airflow_provider_hypercarbon.hooks import results as hooks_results
from airflow_provider_hypercarbon.hooks.results import open_results
from airflow_provider_hypercarbon.operators.carbon_report import CarbonReportOperator
from airflow_provider_hypercarbon.report_store import CarbonReportStore, StoredReport
from tests.carbon.grid import HOUR, NOW, series
from tests.hypersdk.fake_daemon import UNSEEN_DIR
from tests.report_store.databases import KINDS, airflow_uri, fresh_database

EXPORT = {
    "job_id": "backup-job-7",
    "vm_path": "/DC/vm/web",
    "vm_name": "web",
    "status": "completed",
    "started_at": "2026-03-02T20:00:00Z",
    "ended_at": "2026-03-02T22:00:00Z",
    "duration_hours": 2.0,
    "data_bytes": 500_000_000_000,
    "data_gb": 500.0,
    "data_bytes_from": "daemon",
    "files": ["web.ova"],
    "output_dir": UNSEEN_DIR,
    "format": "ova",
    "export_method": "govc",
    "zone": "FR",
    "synthetic": None,
}
DECISION = {
    "due": True,
    "zone": "DE",
    "ready_at": "2026-03-02T18:00:00Z",
    "reason": "cleanest",
    "synthetic": None,
    "sentence": "Starting now.",
}
#: Two hours at 400 after the scheduled start, two hours at 100 while the run went on.
GRID = series([400, 400, 100, 100])


class FakeSource:
    """A source that gives one series, or fails; it remembers what it was asked."""

    name = "test"

    def __init__(self, answer: IntensitySeries | HyperCarbonError = GRID) -> None:
        self.answer = answer
        self.asked: list[tuple[str, datetime, datetime]] = []

    def history(self, zone: str, start: datetime, end: datetime, *, now: datetime) -> IntensitySeries:
        assert now.tzinfo is not None
        self.asked.append((zone, start, end))
        if isinstance(self.answer, HyperCarbonError):
            raise self.answer
        return self.answer.model_copy(update={"zone": zone_key(zone)})


def operator_of(
    source: FakeSource, counterpart: FakeSource | None = None, marginal: FakeSource | None = None, **arguments: object
) -> CarbonReportOperator:
    """An operator whose hook leads to the fake source."""

    class Operator(CarbonReportOperator):
        @property
        def hook(self):
            return SimpleNamespace(get_conn=lambda: source, default_zone="GB", counterpart=counterpart)

        @property
        def marginal_hook(self):
            return SimpleNamespace(get_conn=lambda: marginal) if marginal else None

    return Operator(task_id="report", **arguments)


def context_of(*, try_number: int = 1, map_index: int | None = -1, run_id: str = "manual__1") -> dict[str, object]:
    ti = SimpleNamespace(dag_id="backup", run_id=run_id, task_id="report", map_index=map_index, try_number=try_number)
    return {"ti": ti}


def run(
    source: FakeSource | None = None, context: dict[str, object] | None = None, **arguments: object
) -> dict[str, object]:
    arguments = {"export": EXPORT, "results_conn_id": None, "energy": {"model": "hypersdk"}, **arguments}
    found = operator_of(source or FakeSource(), **arguments).execute(context or context_of())  # type: ignore[arg-type]
    return json.loads(json.dumps(found, allow_nan=False))


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An Airflow connection to an empty SQLite file; what is called returns its rows."""
    monkeypatch.setenv("AIRFLOW_CONN_RESULTS", f"sqlite://{tmp_path / 'results.db'}")
    return stored


def stored() -> list[StoredReport]:
    with open_results("results") as database:
        return CarbonReportStore(database).recent()


class TestReport:
    def test_export_and_decision_make_a_report(self):
        """500 GB in two hours at 100 g, scheduled two hours earlier at 400 g."""
        found = run(decision=DECISION)
        assert found["operation_id"] == "backup-job-7"
        assert found["zone"] == "DE"
        assert found["started_at"] == "2026-03-02T20:00:00Z"
        assert found["scheduled_at"] == "2026-03-02T18:00:00Z"
        assert found["energy_kwh"] == pytest.approx(0.25)
        assert found["mean_gco2eq_per_kwh"] == pytest.approx(100)
        assert found["emissions_kgco2eq"] == pytest.approx(0.025)
        assert found["difference_to_scheduled_kgco2eq"] == pytest.approx(-0.075)
        assert found["start_reason"] == "cleanest"
        assert found["missing"] == []
        assert read_report_json(found).emissions_kgco2eq == pytest.approx(0.025)

    def test_history_is_asked_over_the_run_and_the_schedule(self):
        """Never the value at the time of the report: from the scheduled start to the end of the run."""
        source = FakeSource()
        run(source, decision=DECISION)
        assert source.asked == [("DE", NOW, NOW + 4 * HOUR)]

    def test_without_a_decision_the_run_alone_is_asked_for(self):
        """The zone is the export's then, and there is nothing to compare with."""
        source = FakeSource()
        found = run(source)
        assert source.asked == [("FR", NOW + 2 * HOUR, NOW + 4 * HOUR)]
        assert (found["zone"], found["scheduled_at"]) == ("FR", None)
        assert found["difference_to_scheduled_kgco2eq"] is None

    def test_arguments_win_over_the_export(self):
        """Whatever is said explicitly counts."""
        found = run(
            decision=DECISION,
            started_at="2026-03-02T19:00:00+00:00",
            ended_at=NOW + 2 * HOUR,
            data_gb="1000",
            zone="germany",
            operation_id="mine",
        )
        assert found["operation_id"] == "mine"
        assert found["zone"] == "DE"
        assert found["duration_hours"] == 1
        assert found["data_gb"] == 1000
        assert found["mean_gco2eq_per_kwh"] == pytest.approx(400)

    def test_the_place_reaches_the_source_as_written(self):
        """Two places share China's zone: the source may tell them apart, the report carries the key."""
        source = FakeSource()
        assert run(source, zone="shanghai")["zone"] == "CN"
        assert source.asked[0][0] == "shanghai"

    @pytest.mark.parametrize(
        ("arguments", "zone"),
        [
            ({"zone": "SE", "decision": DECISION}, "SE"),
            ({"zone": "", "decision": DECISION}, "DE"),
            ({"zone": "None"}, "FR"),
            ({"export": {**EXPORT, "zone": None}}, "GB"),
        ],
    )
    def test_the_zone_is_the_argument_s_then_the_decision_s_the_export_s_the_default(self, arguments, zone):
        """An empty template sets nothing."""
        assert run(**arguments)["zone"] == zone

    @pytest.mark.parametrize(
        ("decision", "export", "mark"),
        [("sandbox", None, "sandbox"), (None, "mock", "mock"), (None, None, None)],
    )
    def test_made_up_data_before_the_run_mark_the_report(self, decision, export, mark):
        """A start that was planned on invented data cannot give a real report."""
        found = run(decision={**DECISION, "synthetic": decision}, export={**EXPORT, "synthetic": export})
        assert found["synthetic"] == mark

    def test_work_that_was_no_export(self):
        """Times and size are enough; the id is made from the task instance and stays over retries."""
        times = {"export": None, "started_at": "2026-03-02T18:00:00Z", "ended_at": "2026-03-02T20:00:00Z"}
        first, again = (run(data_gb=500, context=context_of(try_number=n), **times) for n in (1, 2))
        assert first["operation_id"] == again["operation_id"]
        assert first["zone"] == "GB"
        others = {
            run(data_gb=500, context=context_of(map_index=index, run_id=run_id), **times)["operation_id"]
            for index, run_id in ((0, "manual__1"), (1, "manual__1"), (-1, "manual__2"))
        }
        assert len(others | {first["operation_id"]}) == 4

    @pytest.mark.parametrize("write", [json.dumps, str])
    def test_an_output_that_a_template_made_text_of(self, write):
        """``{{ ti.xcom_pull('export') }}`` renders a dictionary as text, with or without ``tojson``."""
        assert run(export=write(EXPORT), decision=write(DECISION)) == run(decision=DECISION)

    def test_a_decision_after_the_start_is_compared_all_the_same(self):
        """A clock that was set between two machines does no harm."""
        source = FakeSource(series([100] * 8))
        found = run(source, decision={**DECISION, "ready_at": "2026-03-02T21:00:00Z"})
        assert source.asked == [("DE", NOW + 2 * HOUR, NOW + 5 * HOUR)]
        assert found["difference_to_scheduled_kgco2eq"] == 0


class TestBeside:
    def test_how_the_energy_is_known(self):
        """A meter, a task's output, or nothing: modelled by default then."""
        assert run(energy={"model": "measured", "kwh": 2, "by": "a meter"})["energy_kwh"] == 2
        text = json.dumps({"model": "instance", "vcpus": 4, "pue": 1.2, "network": None})
        assert run(energy=text)["energy_tier"] == "instance"
        for nothing in (None, "", "None"):
            found = run(energy=nothing)
            assert (found["energy_tier"], found["energy_kwh"]) == ("default", pytest.approx(0.092198))

    def test_disks_and_machine(self):
        """The target's zone is asked for the day before the end of the run."""
        source = FakeSource(series([50] * 48, NOW - 24 * HOUR))
        found = run(
            source, retention={"days": 30, "zone": "sweden"}, embodied={"kgco2eq": 1300, "share": 0.0625, "by": "x"}
        )
        assert source.asked[-1] == ("SE", NOW - 20 * HOUR, NOW + 4 * HOUR)
        assert (found["retention_zone"], found["retention_kgco2eq"]) == ("SE", pytest.approx(0.36504 * 0.05))
        assert found["sci_gco2eq_per_gb"] > found["gco2eq_per_gb"]

    def test_scopes_are_split_when_asked(self):
        """One call more, to the same source with the other factors."""
        direct = FakeSource(series([80] * 4, signal=Signal(factors="direct")))
        found = run(counterpart=direct, split_scopes=True)
        assert found["scope2_location_kgco2eq"] == pytest.approx(0.02)
        assert found["scope3_upstream_kgco2eq"] == pytest.approx(0.005)
        assert run(counterpart=direct)["scope2_location_kgco2eq"] is None
        assert len(direct.asked) == 1
        assert run(split_scopes=True)["scope2_location_kgco2eq"] is None

    def test_a_marginal_source_stands_beside(self):
        """Its figures are its own; when it has nothing, the footprint is the same."""
        marginal = FakeSource(series([700, 700, 300, 300], signal=Signal(kind="marginal")))
        found = run(marginal=marginal, decision=DECISION)
        assert (found["marginal_source"], found["marginal_mean_gco2eq_per_kwh"]) == ("test", pytest.approx(300))
        assert found["marginal_difference_to_scheduled_kgco2eq"] == pytest.approx(-0.1)
        assert found["emissions_kgco2eq"] == pytest.approx(0.025)
        silent = run(marginal=FakeSource(NoDataError("Nothing.")), decision=DECISION)
        assert (silent["marginal_mean_gco2eq_per_kwh"], silent["missing"]) == (None, [])

    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            ({"energy": {"model": "guess"}}, "Task report cannot report. .*guess"),
            ({"energy": {"model": "instance"}}, "instance.vcpus: Field required"),
            ({"energy": "much"}, "energy is not the output of a task"),
            ({"retention": {"days": 0}}, "days: Input should be greater than 0"),
            ({"embodied": {"kgco2eq": 1, "share": 2, "by": "x"}}, "share: Input should be less than or equal to 1"),
        ],
    )
    def test_a_wrong_field_says_which(self, arguments, why):
        """And burns no retries."""
        with pytest.raises(AirflowFailException, match=why):
            run(**arguments)


class TestNoData:
    @pytest.mark.parametrize(
        "error",
        [
            NoDataError("Nothing there."),
            BadDataError("The intensity of DE is null.", problem="null"),
            AccessDeniedError("The plan does not include DE.", status=403),
        ],
    )
    def test_the_report_is_made_with_null_figures(self, error, results):
        """The backup is done and its report succeeds: figures are null, the reason is in report and table."""
        found = run(FakeSource(error), decision=DECISION, results_conn_id="results")
        assert found["emissions_kgco2eq"] is None
        assert found["difference_to_scheduled_kgco2eq"] is None
        assert found["energy_kwh"] == pytest.approx(0.25)
        assert found["missing"] == [f"No intensity for the time of the run: {error}"]
        assert results()[0].report.missing == tuple(found["missing"])

    def test_an_unknown_size(self):
        """The daemon did not say how much it moved: the intensity stays, the emissions are null."""
        found = run(export={**EXPORT, "data_gb": None, "data_bytes": None})
        assert found["emissions_kgco2eq"] is None
        assert found["mean_gco2eq_per_kwh"] == pytest.approx(100)
        assert found["missing"] == ["The size of the data is unknown, so the energy is."]

    def test_an_empty_answer(self):
        """A source that has no slot for the run."""
        assert "no intensity for the time of the run" in run(FakeSource(series([])))["missing"][0]


class TestFailures:
    @pytest.mark.parametrize(
        "error", [UnavailableError("Down.", status=503), RateLimitedError("Slow."), BadAnswerError("HTML.")]
    )
    def test_what_may_pass_is_left_to_a_retry(self, error):
        """A source that is down now may answer the next try."""
        with pytest.raises(AirflowException) as raised:
            run(FakeSource(error))
        assert not isinstance(raised.value, AirflowFailException)

    @pytest.mark.parametrize(
        "error",
        [AuthenticationError("Refused.", status=401), UnknownZoneError("No XX."), RequestRefusedError("Bad.")],
    )
    def test_what_cannot_pass_burns_no_retries(self, error):
        """A refused credential and an unknown zone fail at once."""
        with pytest.raises(AirflowFailException, match=str(error)):
            run(FakeSource(error))

    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            ({"export": None}, "started_at is unknown"),
            ({"export": {**EXPORT, "ended_at": None}}, "ended_at is unknown"),
            ({"started_at": "yesterday"}, "started_at: Invalid isoformat"),
            ({"started_at": "2026-03-02T20:00:00"}, "has no time zone"),
            ({"ended_at": "2026-03-02T19:00:00Z"}, "before it starts"),
            ({"data_gb": "many"}, "data_gb is 'many', not a number"),
            ({"data_gb": -1}, "impossible"),
            ({"data_gb": "nan"}, "impossible"),
            ({"zone": "no such zone!"}, "Unknown zone"),
            ({"export": "the export"}, "export is not the output of a task"),
            ({"decision": ["DE"]}, "decision is not the output of a task"),
            ({"decision": {**DECISION, "synthetic": "dream"}}, "Task report cannot report. synthetic: "),
        ],
    )
    def test_a_wrong_argument_says_which(self, arguments, why):
        """The sentence names the argument and what to give."""
        with pytest.raises(AirflowFailException, match=why):
            run(**arguments)

    def test_a_missing_results_connection_shows_how_to_define_it(self):
        """No default connections exist in Airflow 3."""
        with pytest.raises(AirflowFailException, match="AIRFLOW_CONN_HYPERCARBON_ELSEWHERE='sqlite:///"):
            run(results_conn_id="hypercarbon_elsewhere")

    def test_a_database_that_is_down_is_left_to_a_retry_and_keeps_its_password(self, monkeypatch, capfd):
        """The error names host and database; the password is in no log and no traceback."""
        monkeypatch.setenv("AIRFLOW_CONN_RESULTS", "postgresql://hyper:top-secret-word@127.0.0.1:1/results")
        with capture_logs() as log, pytest.raises(AirflowException, match=r"127\.0\.0\.1:1") as raised:
            run(results_conn_id="results")
        assert not isinstance(raised.value, AirflowFailException)
        assert "top-secret-word" not in "".join(traceback.format_exception(raised.value))
        assert "top-secret-word" not in str(log) + "".join(capfd.readouterr())

    def test_a_table_that_may_not_be_made_shows_its_sql(self, tmp_path, monkeypatch):
        """An administrator can run what the log shows."""
        path = tmp_path / "results.db"
        path.touch()
        extra = {"mode": "ro", "uri": "true"}
        monkeypatch.setenv(
            "AIRFLOW_CONN_RESULTS", json.dumps({"conn_type": "sqlite", "host": f"file:{path}", "extra": extra})
        )
        monkeypatch.setattr(hooks_results, "_refuse_a_passing_file", lambda *_: None)
        with pytest.raises(AirflowFailException, match=r"(?s)Grant.*CREATE TABLE hypercarbon_reports"):
            run(results_conn_id="results")


class TestResultsTable:
    @pytest.mark.parametrize("kind", KINDS)
    def test_a_retry_leaves_one_row(self, kind, tmp_path, monkeypatch):
        """The task died after writing: the next try finds the same report there, on every database."""
        for url in fresh_database(kind, tmp_path):
            monkeypatch.setenv("AIRFLOW_CONN_RESULTS", airflow_uri(url))
            run(decision=DECISION, results_conn_id="results")
            found = run(decision=DECISION, results_conn_id="results", context=context_of(try_number=2))
            (row,) = stored()
            assert report_json(row.report) == found
            assert (row.revision, row.context.try_number, row.context.vm_path) == (1, 1, "/DC/vm/web")
            assert (row.context.dag_id, row.context.run_id, row.context.task_id) == ("backup", "manual__1", "report")

    def test_mapped_tasks_have_a_row_each(self, results):
        """The map index goes with the row; a task that is not mapped has -1."""
        for index, job in ((0, "a"), (1, "b"), (None, "c")):
            context = context_of(map_index=index)
            run(export={**EXPORT, "job_id": job}, results_conn_id="results", context=context)
        assert sorted(row.context.map_index for row in results()) == [-1, 0, 1]

    @pytest.mark.parametrize("conn_id", [None, "", "None"])
    def test_without_a_connection_the_report_is_the_xcom_only(self, conn_id, results):
        """None, also from a template, opens no database."""
        assert run(results_conn_id=conn_id)["operation_id"] == "backup-job-7"
        assert results() == []


class TestLog:
    def test_one_line_for_the_night(self):
        """Energy, intensity, kg with range and unit, difference, source; no claim of anything saved."""
        with capture_logs() as log:
            run(decision=DECISION)
        (line,) = [entry for entry in log if "kgCO2eq" in entry["event"]]
        assert line["log_level"] == "info"
        assert line["event"] == (
            "backup-job-7 in DE, 2 h: 0.25 kWh (hypersdk-v1), mean 100 gCO2eq/kWh, 0.025 kgCO2eq (0.0125 to 0.05). "
            "Difference to the scheduled start 2026-03-02 18:00 UTC: -0.075 kgCO2eq (attributional). "
            "Source test (average, lifecycle)."
        )

    def test_what_is_missing_is_a_warning(self):
        """A null figure stands out in the log."""
        with capture_logs() as log:
            run(FakeSource(NoDataError("Nothing there.")))
        assert any(entry["log_level"] == "warning" and "Nothing there." in entry["event"] for entry in log)


class TestAirflow:
    def test_every_argument_can_be_templated(self):
        """Each template field is an argument that is kept as given."""
        fields = {"export", "started_at", "ended_at", "data_gb", "zone", "operation_id", "decision"}
        fields |= {"energy", "retention", "embodied", "marginal_conn_id"}
        assert set(CarbonReportOperator.template_fields) == fields | {"carbon_conn_id", "results_conn_id"}
        operator = CarbonReportOperator(task_id="report", **dict.fromkeys(fields, "{{ x }}"))
        assert {getattr(operator, name) for name in fields} == {"{{ x }}"}
        assert (operator.carbon_conn_id, operator.results_conn_id) == ("hypercarbon_default", "hypercarbon_results")

    def test_it_reports_from_the_mock_through_the_real_hook(self, monkeypatch, results):
        """Without an account: connection, hook, source, report, row."""
        monkeypatch.setenv(
            "AIRFLOW_CONN_GRID", json.dumps({"conn_type": "hypercarbon", "extra": {"source": "mock", "zone": "DE"}})
        )
        ended_at = datetime.now(NOW.tzinfo) - HOUR
        operator = CarbonReportOperator(
            task_id="report",
            started_at=ended_at - 2 * HOUR,
            ended_at=ended_at,
            data_gb=500,
            carbon_conn_id="grid",
            results_conn_id="results",
        )
        found = operator.execute(context_of())
        assert (found["synthetic"], found["zone"], found["intensity_coverage"]) == ("mock", "DE", 1)
        assert found["emissions_kgco2eq"] > 0
        assert report_json(results()[0].report) == found

    def test_parsing_a_dag_loads_nothing_heavy(self):
        """Importing the operator brings in neither the database nor the HTTP client; Airflow's own are not ours."""
        code = (
            "import sys, airflow.sdk, airflow.sdk.exceptions; before = set(sys.modules);"
            "import airflow_provider_hypercarbon.operators.carbon_report;"
            "new = set(sys.modules) - before;"
            "print([m for m in ('sqlalchemy', 'httpx', 'airflow_provider_hypercarbon.report_store') if m in new])"
        )
        found = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
        )
        assert found.stdout.strip().splitlines()[-1] == "[]"


def test_a_run_without_length(results):
    """An export of nothing: zero energy at a known intensity, and the source is asked for more than nothing."""
    source = FakeSource()
    found = run(source, ended_at=EXPORT["started_at"], results_conn_id="results")
    assert (found["emissions_kgco2eq"], found["mean_gco2eq_per_kwh"]) == (0, 100)
    assert source.asked[0][2] - source.asked[0][1] == timedelta(seconds=1)
