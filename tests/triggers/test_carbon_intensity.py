from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
import time_machine
from airflow.sdk.module_loading import import_string

from airflow_provider_hypercarbon.carbon.decision import StartDecision
from airflow_provider_hypercarbon.carbon.policy import StartPolicy
from airflow_provider_hypercarbon.carbon.start import decide_start
from airflow_provider_hypercarbon.exceptions import AuthenticationError, UnavailableError
from airflow_provider_hypercarbon.hooks.results import open_results
from airflow_provider_hypercarbon.report_store import ReadingsStore
from airflow_provider_hypercarbon.triggers import carbon_intensity
from airflow_provider_hypercarbon.triggers.carbon_intensity import CarbonIntensityTrigger
from tests.carbon.grid import HOUR, NOW, outlook, series_of, solar_day, window
from tests.sensors.test_carbon_intensity import DIRTY_THEN_CLEAN, FakeSource


class FakeHook:
    """Stands in for CarbonHook: always the same source, or a fault while it is fetched."""

    source: FakeSource
    faults: ClassVar[list[Exception]] = []

    def __init__(self, carbon_conn_id: str) -> None:
        self.carbon_conn_id = carbon_conn_id

    async def aload(self) -> FakeHook:
        if self.faults:
            raise self.faults.pop()
        return self

    def get_conn(self) -> FakeSource:
        return self.source


@pytest.fixture
def grid(monkeypatch: pytest.MonkeyPatch) -> FakeSource:
    from airflow_provider_hypercarbon.hooks import carbon

    FakeHook.source = FakeSource(DIRTY_THEN_CLEAN)
    FakeHook.faults = []
    monkeypatch.setattr(carbon, "CarbonHook", FakeHook)
    return FakeHook.source


def trigger(**policy: Any) -> CarbonIntensityTrigger:
    chosen = StartPolicy.model_validate({"min_saving": 0, **policy})
    plan = decide_start(outlook(DIRTY_THEN_CLEAN), chosen, window(), now=NOW)
    return CarbonIntensityTrigger(
        carbon_conn_id="hypercarbon_default",
        zone="DE",
        policy=chosen.model_dump(mode="json"),
        window=window().model_dump(mode="json"),
        last_plan=plan.model_dump(mode="json"),
    )


def run(waiting: CarbonIntensityTrigger, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Any], datetime]:
    """Run a trigger to its event, with a clock that jumps over every sleep; return events and the end."""
    with time_machine.travel(NOW, tick=False) as clock:

        async def sleep(seconds: float) -> None:
            clock.shift(seconds)

        monkeypatch.setattr(carbon_intensity.asyncio, "sleep", sleep)

        async def collect() -> list[Any]:
            return [event async for event in waiting.run()]

        events = asyncio.run(collect())
        json.dumps([event.payload for event in events], allow_nan=False)
        return events, datetime.now(tz=NOW.tzinfo)


class TestSerialisation:
    def test_it_is_rebuilt_from_what_is_stored(self):
        """Class path and JSON arguments make the same trigger again, in another process."""
        path, arguments = trigger().serialize()
        again = import_string(path)(**json.loads(json.dumps(arguments, allow_nan=False)))
        assert again.serialize() == (path, arguments)


class TestLog:
    def test_a_deferred_wait_learns_as_a_rescheduled_one_does(
        self, grid: FakeSource, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ):
        """With the log of readings in the results database the curve is the learned one, read in a thread."""
        results = json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "results.db")})
        monkeypatch.setenv("AIRFLOW_CONN_HYPERCARBON_RESULTS", results)
        with open_results("hypercarbon_results") as database:
            store = ReadingsStore(database)
            store.save_measured(series_of(solar_day, NOW - timedelta(days=20), NOW))
        waiting = trigger()
        waiting.results_conn_id = "hypercarbon_results"
        waiting.last_plan["check_again_at"] = NOW.isoformat()
        events, _ = run(waiting, monkeypatch)
        curves = [record["decision"]["curve"] for record in events[0].payload["records"]]
        assert curves[0] in ("learned", "learned_history")

    @pytest.mark.parametrize("conn_id", [None, "nowhere"])
    def test_without_a_results_database_it_is_the_fixed_curve(
        self, grid: FakeSource, monkeypatch: pytest.MonkeyPatch, conn_id: str | None
    ):
        """A connection that nobody defined is a choice; a trigger stored by an earlier release names none."""
        waiting = trigger()
        waiting.results_conn_id = conn_id
        events, end = run(waiting, monkeypatch)
        assert events[0].payload["decision"]["due"]
        assert end == NOW + 2 * HOUR


class TestRun:
    def test_its_requests_come_with_the_event(self, grid: FakeSource, monkeypatch: pytest.MonkeyPatch):
        """All that its looks have sent, for the task to count."""
        monkeypatch.setattr(FakeSource, "requests", property(lambda source: 2), raising=False)
        waiting = trigger()
        waiting.last_plan["check_again_at"] = NOW.isoformat()
        events, _ = run(waiting, monkeypatch)
        looks = len(events[0].payload["records"])
        assert looks > 1
        assert events[0].payload["requests"] == {"fake": 2 * looks}

    def test_it_fires_at_the_planned_moment(self, grid: FakeSource, monkeypatch: pytest.MonkeyPatch):
        """The clean hours begin at 20:00, and so does the job."""
        events, end = run(trigger(), monkeypatch)
        decision = StartDecision.model_validate(events[0].payload["decision"])
        assert len(events) == 1
        assert decision.due
        assert decision.reason == "cleanest"
        assert end == NOW + 2 * HOUR

    def test_it_fires_at_the_deadline_when_the_grid_stays_dirty(
        self, grid: FakeSource, monkeypatch: pytest.MonkeyPatch
    ):
        """A threshold that is never met ends at the deadline."""
        grid.forecast_values = [500.0] * 9
        events, end = run(trigger(strategy="threshold", max_intensity=50), monkeypatch)
        assert events[0].payload["decision"]["reason"] == "deadline"
        assert end == NOW + 4 * HOUR

    def test_a_restarted_triggerer_fires_what_is_overdue_at_once(
        self, grid: FakeSource, monkeypatch: pytest.MonkeyPatch
    ):
        """Started again after the deadline, it does not wait again."""
        late = trigger()
        late.window = window(4, NOW - 6 * HOUR).model_dump(mode="json")
        late.last_plan["check_again_at"] = (NOW - HOUR).isoformat()
        events, end = run(late, monkeypatch)
        assert events[0].payload["decision"]["reason"] == "deadline"
        assert end == NOW

    def test_a_source_that_is_down_keeps_the_plan(self, grid: FakeSource, monkeypatch: pytest.MonkeyPatch):
        """The start stays at 20:00."""
        grid.fault = UnavailableError("The grid is down.")
        events, end = run(trigger(), monkeypatch)
        assert events[0].payload["decision"]["reason"] == "plan_kept"
        assert end == NOW + 2 * HOUR

    def test_a_policy_that_fails_is_an_error_event(self, grid: FakeSource, monkeypatch: pytest.MonkeyPatch):
        """Without a plan and without data, on_no_data="fail" sends its sentence."""
        grid.fault = AuthenticationError("The token was refused.")
        waiting = trigger(on_no_data="fail")
        waiting.last_plan |= {"mean_now_gco2eq_per_kwh": None, "mean_at_start_gco2eq_per_kwh": None}
        events, _ = run(waiting, monkeypatch)
        assert "token was refused" in events[0].payload["error"]
        assert events[0].payload["retryable"] is False

    def test_the_unforeseen_is_tried_again_and_never_outlives_the_deadline(
        self, grid: FakeSource, monkeypatch: pytest.MonkeyPatch
    ):
        """An API server that is away for a while delays a look by minutes; away for good, the deadline counts."""
        FakeHook.faults = [RuntimeError("api server away")] * 3
        events, end = run(trigger(), monkeypatch)
        assert events[0].payload["decision"]["reason"] == "cleanest"
        assert end == NOW + 2 * HOUR

        FakeHook.faults = [RuntimeError("api server away")] * 1000
        events, end = run(trigger(), monkeypatch)
        assert events[0].payload["decision"]["reason"] == "deadline"
        assert NOW + 4 * HOUR <= end <= NOW + 4 * HOUR + timedelta(seconds=1)
