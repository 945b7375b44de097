from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowRescheduleException

from airflow_provider_hypercarbon import metrics
from airflow_provider_hypercarbon.carbon.footprint import make_report
from airflow_provider_hypercarbon.hooks.results import open_results
from airflow_provider_hypercarbon.report_store import CarbonReportStore, DecisionLog, RunContext
from airflow_provider_hypercarbon.sensors.wait import own_share
from tests.carbon.grid import HOUR, NOW
from tests.sensors.test_carbon_intensity import FakeSource, clock, reschedule_date, sensor, source
from tests.task_context import FakeStateStore, task_context

__all__ = ["clock", "source"]  # fixtures of the sensor's tests
pytestmark = pytest.mark.usefixtures("clock")
DIRTY = {"strategy": "threshold", "max_intensity": 1}


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A results database of its own, with exports of a VM that began so many hours before now."""
    connection = {"conn_type": "sqlite", "host": str(tmp_path / "results.db")}
    monkeypatch.setenv("AIRFLOW_CONN_HYPERCARBON_RESULTS", json.dumps(connection))

    def add(vm_path: str, hours_ago: float, duration: float) -> None:
        start = NOW - hours_ago * HOUR
        report = make_report(
            operation_id=f"{vm_path}-{hours_ago}",
            zone="DE",
            started_at=start,
            ended_at=start + duration * HOUR,
            series=None,
        )
        run = RunContext(dag_id="dag", run_id=f"{hours_ago}", task_id="report", vm_path=vm_path)
        with open_results("hypercarbon_results") as database:
            CarbonReportStore(database).save(report, run, now=NOW)

    return add


def window_of(context: dict[str, Any]) -> dict[str, Any]:
    return dict(context["task_state_store"].get("hypercarbon_wait")["window"])


def poke(task: Any, context: dict[str, Any]) -> dict[str, Any] | None:
    """Poke once and return the decision that was remembered."""
    with suppress(AirflowRescheduleException):
        task.execute(context)
    return dict(context["task_state_store"].get("hypercarbon_wait")["last_plan"])


class TestFinishBy:
    def test_the_deadline_is_a_duration_before_it(self, source: FakeSource):
        """Finished by 06:00 in the DAG's own time zone: 05:00 UTC in winter, less the three hours it takes."""
        context = task_context()
        context["dag"] = type("Dag", (), {"timezone": ZoneInfo("Europe/Berlin")})()
        source.forecast_values = [500.0] * 20
        decision = poke(sensor(finish_by="06:00", duration="3h", max_delay=None, **DIRTY), context)
        assert window_of(context)["deadline"] == "2026-03-03T02:00:00Z"
        assert window_of(context)["bound_by"] == "finish_by"
        assert decision is not None
        assert "Deadline Tue 02:00 UTC, to finish by Tue 05:00 UTC." in decision["sentence"]

    def test_max_delay_bounds_it_further(self, source: FakeSource):
        """Both are given: the nearer one counts."""
        context = task_context()
        poke(sensor(finish_by="06:00", max_delay="1h", **DIRTY), context)
        assert window_of(context)["bound_by"] == "max_delay"

    def test_a_wrong_time_fails_with_a_sentence(self, source: FakeSource):
        """Without burning retries."""
        with pytest.raises(AirflowFailException, match="finish_by"):
            sensor(finish_by="late").execute(task_context())


class TestMaxBackupAge:
    def test_the_job_starts_before_the_last_good_backup_is_too_old(self, source: FakeSource, results: Any):
        """Its recovery point is 20 h old; with 24 h allowed and 2 h to run, 2 h are left."""
        results("/DC0/vm/db", 20, 1)
        context = task_context()
        decision = poke(sensor(vm_path="/DC0/vm/db", max_backup_age="24h", duration="2h", **DIRTY), context)
        assert window_of(context) == {
            "ready_at": "2026-03-02T18:00:00Z",
            "deadline": "2026-03-02T20:00:00Z",
            "bound_by": "max_backup_age",
        }
        assert decision is not None
        assert "before the last good backup is too old" in decision["sentence"]

    def test_a_fleet_is_as_old_as_its_oldest(self, source: FakeSource, results: Any):
        """Three VMs, one wait."""
        for name, age in (("a", 3), ("b", 21), ("c", 10)):
            results(name, age, 1)
        context = task_context()
        poke(sensor(vm_path=["a", "b", "c"], max_backup_age="24h", duration="2h", **DIRTY), context)
        assert window_of(context)["deadline"] == "2026-03-02T19:00:00Z"

    def test_without_a_known_good_backup_it_starts_at_once(self, source: FakeSource, results: Any):
        """The first backup of a VM waits for nothing."""
        results("a", 3, 1)
        decision = sensor(vm_path=["a", "new"], max_backup_age="24h").execute(task_context())
        assert decision["reason"] == "deadline"
        assert decision["bound_by"] == "max_backup_age"

    def test_nor_does_it_wait_when_the_table_cannot_be_read(self, source: FakeSource):
        """An age that nobody knows is too old."""
        task = sensor(vm_path="a", max_backup_age="24h", results_conn_id="nowhere")
        assert task.execute(task_context())["reason"] == "deadline"

    def test_it_needs_to_know_whose_backup(self):
        """Refused when the DAG is read."""
        with pytest.raises(ValueError, match="needs vm_path"):
            sensor(max_backup_age="24h")


class TestDuration:
    def test_the_median_of_the_last_exports(self, source: FakeSource, results: Any):
        """One slow night does not count; the decision says where the duration comes from."""
        for hours_ago, duration in ((24, 1), (48, 1.5), (72, 9)):
            results("a", hours_ago, duration)
        decision = poke(sensor(vm_path="a"), task_context())
        assert decision is not None
        assert (decision["duration"], decision["duration_from"]) == ("PT1H30M", "history")

    def test_given_wins_and_two_hours_are_the_last_resort(self, source: FakeSource, results: Any):
        """Given, else history, else the default."""
        results("a", 24, 1)
        given = poke(sensor(vm_path="a", duration="3h"), task_context())
        unknown = poke(sensor(vm_path="b"), task_context())
        assert given is not None
        assert unknown is not None
        assert (given["duration"], given["duration_from"]) == ("PT3H", "given")
        assert (unknown["duration"], unknown["duration_from"]) == ("PT2H", "default")

    def test_it_is_fixed_at_the_first_poke(self, source: FakeSource, results: Any, clock: time_machine.Coordinates):
        """An export that ends meanwhile does not change what this wait reckons with."""
        results("a", 24, 1)
        store = FakeStateStore()
        poke(sensor(vm_path="a", **DIRTY), task_context(store=store))
        results("a", 0.5, 9)
        clock.move_to(NOW + HOUR)
        decision = poke(sensor(vm_path="a", **DIRTY), task_context(store=store))
        assert decision is not None
        assert decision["duration"] == "PT1H"


class TestRecords:
    def test_every_decision_is_kept_and_can_be_read(
        self, source: FakeSource, results: Any, clock: time_machine.Coordinates
    ):
        """The curve that was believed at each look, and the start at the end."""
        store = FakeStateStore()
        moment = reschedule_date(sensor(), task_context(store=store))
        clock.move_to(moment)
        moment = reschedule_date(sensor(), task_context(store=store))
        clock.move_to(moment)
        sensor().execute(task_context(store=store))
        with open_results("hypercarbon_results") as database:
            records = DecisionLog(database).of_run("dag", "manual__2026-03-02")
        assert [record.decision.due for record in records] == [False, False, True]
        assert [record.decision.decided_at for record in records] == [NOW, NOW + HOUR, NOW + 2 * HOUR]
        assert records[0].curve_gco2eq_per_kwh[0] == 500

    def test_those_of_the_trigger_come_with_its_event(self, source: FakeSource, results: Any):
        """The triggerer has no database; the worker keeps what it is told."""
        source.forecast_values = [100.0] * 9
        decision = sensor(results_conn_id=None).execute(task_context())
        event = {"decision": decision, "records": [{"decision": decision}]}
        sensor(deferrable=True).execute_complete(task_context(), event)
        with open_results("hypercarbon_results") as database:
            assert len(DecisionLog(database).of_run("dag", "manual__2026-03-02")) == 1

    def test_so_do_its_requests(self, source: FakeSource, monkeypatch: pytest.MonkeyPatch):
        """Airflow's metrics do not reach out of a trigger; one of an earlier release sends none."""
        found: list[tuple[str, int]] = []
        monkeypatch.setattr(metrics, "count", lambda name, number=1, **_: found.append((name, number)))
        source.forecast_values = [100.0] * 9
        decision = sensor().execute(task_context())
        for event in ({"decision": decision, "requests": {"neso": 3}}, {"decision": decision}):
            sensor(deferrable=True).execute_complete(task_context(), event)
        with pytest.raises(AirflowException, match="away"):
            sensor(deferrable=True).execute_complete(
                task_context(), {"error": "It is away.", "retryable": True, "requests": {"neso": 1}}
            )
        assert [number for name, number in found if name == "requests"] == [3, 1]

    def test_a_database_that_is_away_costs_no_backup(self, source: FakeSource, monkeypatch: pytest.MonkeyPatch):
        """The decision stands; only its record is missing."""
        monkeypatch.setenv(
            "AIRFLOW_CONN_HYPERCARBON_RESULTS", json.dumps({"conn_type": "sqlite", "host": "/no/such"})
        )
        source.forecast_values = [100.0] * 9
        assert sensor().execute(task_context())["due"]


class TestJitter:
    def test_a_fleet_is_spread_evenly_and_always_alike(self):
        """Each mapped task has its own share of ten minutes, the same at each try."""

        def share(map_index: int) -> timedelta:
            context = task_context()
            context["ti"].map_index = map_index
            return own_share(context, timedelta(minutes=10))

        shares = [share(index) for index in range(200)]
        assert shares == [share(index) for index in range(200)]
        assert min(shares) < timedelta(minutes=1)
        assert max(shares) > timedelta(minutes=9)
        assert max(shares) < timedelta(minutes=10)

    def test_the_sensor_holds_for_its_share_and_then_starts(
        self, source: FakeSource, clock: time_machine.Coordinates
    ):
        """Chosen at 18:00, started a little later, even if the grid is dirtier by then."""
        source.forecast_values = [100.0] * 9
        store = FakeStateStore()
        moment = reschedule_date(sensor(max_start_jitter="1h"), task_context(store=store))
        assert datetime.fromisoformat("2026-03-02T18:00:00+00:00") < moment < NOW + HOUR
        source.forecast_values = [900.0] * 9
        clock.move_to(moment)
        decision = sensor(max_start_jitter="1h").execute(task_context(store=store))
        assert decision["reason"] == "no_better_start"


class TestObserve:
    def test_it_starts_at_once_and_says_what_waiting_would_bring(self, source: FakeSource):
        """For those who want to see before they trust."""
        decision = sensor(strategy="observe").execute(task_context())
        assert decision["reason"] == "observed"
        assert decision["observed_start_at"] == "2026-03-02T20:00:00Z"
