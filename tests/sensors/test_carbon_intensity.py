from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    TaskDeferralError,
    TaskDeferralTimeout,
    TaskDeferred,
)

from airflow_provider_hypercarbon.carbon.decision import StartDecision
from airflow_provider_hypercarbon.carbon.policy import RunOverrides
from airflow_provider_hypercarbon.exceptions import AuthenticationError, UnavailableError, UnknownZoneError
from airflow_provider_hypercarbon.sensors import carbon_intensity
from airflow_provider_hypercarbon.sensors.arguments import asked_policy
from airflow_provider_hypercarbon.sensors.carbon_intensity import CarbonIntensitySensor
from airflow_provider_hypercarbon.sensors.wait import WAIT_KEY
from tests.carbon.grid import HOUR, NOW, reading, series
from tests.task_context import FakeStateStore, task_context

DIRTY_THEN_CLEAN = [500.0, 500, 100, 100, 500, 500, 500, 500]


class FakeSource:
    """A grid known by heart; ``fault`` makes every question fail."""

    name = "fake"

    def __init__(self, forecast: list[float], fault: Exception | None = None) -> None:
        self.forecast_values, self.fault, self.calls = forecast, fault, 0

    def latest(self, zone: str, *, now: datetime) -> Any:
        self._answer()
        index = int((now - NOW) / HOUR)
        return reading(self.forecast_values[index], NOW + index * HOUR, zone=zone)

    def forecast(self, zone: str, until: datetime, *, now: datetime) -> Any:
        self._answer()
        return series(self.forecast_values, zone=zone)

    def history(self, zone: str, start: datetime, end: datetime, *, now: datetime) -> Any:
        self._answer()
        return series([], zone=zone)

    def zones(self) -> tuple[()]:
        return ()

    def _answer(self) -> None:
        self.calls += 1
        if self.fault:
            raise self.fault


@pytest.fixture
def clock() -> Iterator[time_machine.Coordinates]:
    with time_machine.travel(NOW, tick=False) as moved:
        yield moved


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> FakeSource:
    fake = FakeSource(DIRTY_THEN_CLEAN)
    from airflow_provider_hypercarbon.hooks.carbon import CarbonHook

    monkeypatch.setattr(CarbonHook, "get_conn", lambda _: fake)
    return fake


def sensor(**more: Any) -> CarbonIntensitySensor:
    return CarbonIntensitySensor(**{"task_id": "wait", "zone": "DE", "max_delay": "4h", **more})


def reschedule_date(task: CarbonIntensitySensor, context: dict[str, Any]) -> datetime:
    with pytest.raises(AirflowRescheduleException) as again:
        task.execute(context)
    return again.value.reschedule_date


@pytest.mark.usefixtures("clock")
class TestRescheduleMode:
    def test_it_comes_back_at_the_planned_moment(self, source: FakeSource, clock: time_machine.Coordinates):
        """Not blindly: the plan is 20:00, an hourly look in between, and the last one is at 20:00 sharp."""
        context = task_context()
        assert reschedule_date(sensor(), context) == NOW + HOUR
        clock.move_to(NOW + HOUR)
        assert reschedule_date(sensor(), context) == NOW + 2 * HOUR
        clock.move_to(NOW + 2 * HOUR)
        decision = sensor().execute(context)
        assert decision["reason"] == "cleanest"
        assert decision["ready_at"] == "2026-03-02T18:00:00Z"

    def test_the_xcom_is_plain_json(self, source: FakeSource, clock: time_machine.Coordinates):
        """What is pushed needs no class of ours to be read."""
        clock.move_to(NOW + 2 * HOUR)
        source.forecast_values = [100.0] * 9
        pushed = json.loads(json.dumps(sensor().execute(task_context()), allow_nan=False))
        assert StartDecision.model_validate(pushed).due

    def test_a_retry_hours_later_keeps_the_deadline(self, source: FakeSource, clock: time_machine.Coordinates):
        """The deadline is an instant, fixed at the first poke; at 21:20 it is still 22:00."""
        store = FakeStateStore()
        source.forecast_values = [500, 400, 300, 200, 100, 50, 25, 12]
        reschedule_date(sensor(), task_context(store=store))
        clock.move_to(NOW + timedelta(hours=3, minutes=20))
        assert reschedule_date(sensor(), task_context(store=store)) == NOW + 4 * HOUR
        clock.move_to(NOW + 4 * HOUR)
        assert sensor().execute(task_context(store=store))["reason"] == "deadline"

    def test_a_clear_keeps_the_deadline_too(self, source: FakeSource, clock: time_machine.Coordinates):
        """Cleared the next day, the deadline has passed: the backup starts at once and says how late."""
        store = FakeStateStore()
        reschedule_date(sensor(), task_context(store=store))
        clock.move_to(NOW + timedelta(days=1))
        context = task_context(store=store)
        context["ti"].max_tries = 5
        decision = sensor().execute(context)
        assert decision["reason"] == "deadline"
        assert "20 h ago" in decision["sentence"]

    def test_a_grid_that_stays_dirty_is_waited_out_to_the_deadline(
        self, source: FakeSource, clock: time_machine.Coordinates
    ):
        """A threshold that is never met ends in a start at the deadline, not in a failure."""
        source.forecast_values = [500.0] * 9
        store = FakeStateStore()
        moment = NOW
        for _ in range(100):
            try:
                decision = sensor(strategy="threshold").execute(task_context(store=store))
                break
            except AirflowRescheduleException as again:
                moment = again.reschedule_date
                clock.move_to(moment)
        assert decision["reason"] == "deadline"
        assert moment == NOW + 4 * HOUR

    def test_seconds_before_the_start_it_rests_on_the_worker(
        self, source: FakeSource, clock: time_machine.Coordinates, monkeypatch: pytest.MonkeyPatch
    ):
        """Airflow may fail a task that comes back within seconds, so those are slept through here."""
        rests: list[float] = []

        def rest(seconds: float) -> None:
            rests.append(seconds)
            clock.shift(seconds)

        monkeypatch.setattr(carbon_intensity.time, "sleep", rest)
        source.forecast_values = [500, 500, 500, 500, 100, 100, 100]
        store = FakeStateStore()
        reschedule_date(sensor(), task_context(store=store))
        clock.move_to(NOW + 4 * HOUR - timedelta(seconds=12))
        decision = sensor().execute(task_context(store=store))
        assert decision["reason"] == "deadline"
        assert rests == [pytest.approx(12)]

    def test_airflows_own_timeout_stays_a_failure(self, source: FakeSource, clock: time_machine.Coordinates):
        """max_delay ends in a start; timeout is Airflow's and fails."""
        context = task_context()
        context["ti"].get_first_reschedule_date = lambda _: NOW - 2 * HOUR
        with pytest.raises(AirflowSensorTimeout):
            sensor(timeout=3600).execute(context)


@pytest.mark.usefixtures("clock")
class TestDeferrableMode:
    def test_due_now_never_defers(self, source: FakeSource):
        """The condition is looked at on the worker first."""
        source.forecast_values = [100.0] * 9
        assert sensor(deferrable=True).execute(task_context())["due"]

    def test_it_defers_with_all_that_the_trigger_needs(self, source: FakeSource):
        """The trigger gets the zone, policy, window and plan as JSON, and a time-out behind the deadline."""
        with pytest.raises(TaskDeferred) as deferred:
            sensor(deferrable=True, zone="EU-DE").execute(task_context())
        path, arguments = deferred.value.trigger.serialize()
        assert path.endswith("CarbonIntensityTrigger")
        json.dumps(arguments, allow_nan=False)
        assert arguments["window"]["deadline"] == "2026-03-02T22:00:00Z"
        assert deferred.value.timeout == timedelta(hours=4, minutes=1)

    def test_the_triggers_decision_is_the_result(self, source: FakeSource, clock: time_machine.Coordinates):
        """execute_complete returns what the trigger decided, the same shape as in reschedule mode."""
        source.forecast_values = [100.0] * 9
        decision = sensor().execute(task_context())
        assert sensor(deferrable=True).execute_complete(task_context(), {"decision": decision}) == decision

    @pytest.mark.parametrize("event", [None, {}, [], "due", {"status": "ok"}])
    def test_an_event_without_a_decision_is_an_error(self, event: Any):
        """An empty event never ends green."""
        with pytest.raises(AirflowException, match="no decision"):
            sensor().execute_complete(task_context(), event)

    def test_a_decision_that_is_not_due_is_an_error(self, source: FakeSource):
        """Only a due decision ends the wait."""
        with pytest.raises(TaskDeferred) as deferred:
            sensor(deferrable=True).execute(task_context())
        held = deferred.value.trigger.last_plan
        with pytest.raises(AirflowException, match="before the start was due"):
            sensor().execute_complete(task_context(), {"decision": held})

    @pytest.mark.parametrize(("retryable", "kind"), [(True, AirflowException), (False, AirflowFailException)])
    def test_an_error_event_fails_with_its_sentence(self, retryable: bool, kind: type[Exception]):
        """What cannot be mended by a retry does not burn one."""
        with pytest.raises(kind, match="wrong token"):
            sensor().execute_complete(task_context(), {"error": "wrong token", "retryable": retryable})

    def test_a_dead_triggerer_does_not_cost_the_backup(
        self, source: FakeSource, clock: time_machine.Coordinates, monkeypatch: pytest.MonkeyPatch
    ):
        """Nothing came from the triggerer until after the deadline: the worker starts the job."""
        store = FakeStateStore()
        with pytest.raises(TaskDeferred):
            sensor(deferrable=True).execute(task_context(store=store))
        clock.move_to(NOW + timedelta(hours=4, minutes=1))
        decision = self._resume(monkeypatch, TaskDeferralTimeout("timed out"), task_context(store=store))
        assert decision["reason"] == "deadline"

    def test_a_crashed_trigger_is_decided_on_the_worker(
        self, source: FakeSource, clock: time_machine.Coordinates, monkeypatch: pytest.MonkeyPatch
    ):
        """A trigger that broke before the deadline is replaced by a new one."""
        store = FakeStateStore()
        with pytest.raises(TaskDeferred):
            sensor(deferrable=True).execute(task_context(store=store))
        with pytest.raises(TaskDeferred):
            self._resume(monkeypatch, TaskDeferralError("broke"), task_context(store=store))

    def test_the_users_timeout_fails_the_task(
        self, source: FakeSource, clock: time_machine.Coordinates, monkeypatch: pytest.MonkeyPatch
    ):
        """A time-out before the deadline is the user's own and fails."""
        store = FakeStateStore()
        with pytest.raises(TaskDeferred) as deferred:
            sensor(deferrable=True, timeout=600).execute(task_context(store=store))
        assert deferred.value.timeout == timedelta(minutes=10)
        clock.move_to(NOW + timedelta(minutes=10))
        with pytest.raises(AirflowSensorTimeout):
            self._resume(monkeypatch, TaskDeferralTimeout("timed out"), task_context(store=store))

    @staticmethod
    def _resume(monkeypatch: pytest.MonkeyPatch, error: Exception, context: dict[str, Any]) -> Any:
        from airflow.sdk import BaseOperator

        def broken(*_: Any, **__: Any) -> None:
            raise error

        monkeypatch.setattr(BaseOperator, "resume_execution", broken)
        return sensor(deferrable=True).resume_execution("__fail__", {}, context)


@pytest.mark.usefixtures("clock")
class TestOverridesOfARun:
    def test_carbon_aware_false_starts_at_once(self, source: FakeSource):
        """No source is asked; the reason says that somebody switched waiting off."""
        decision = sensor().execute(task_context({"carbon_aware": False}))
        assert decision["reason"] == "not_carbon_aware"
        assert source.calls == 0

    def test_the_configuration_switches_all_waiting_off(self, source: FakeSource, monkeypatch: pytest.MonkeyPatch):
        """[hypercarbon] enabled False is the same for every sensor."""
        monkeypatch.setenv("AIRFLOW__HYPERCARBON__ENABLED", "False")
        assert sensor().execute(task_context())["reason"] == "not_carbon_aware"

    def test_limit_delay_and_zone(self, source: FakeSource):
        """Each override replaces the task's value for this run."""
        context = task_context({"carbon_max_intensity": 600, "carbon_max_delay": "1h", "carbon_zone": "SE"})
        decision = sensor().execute(context)
        assert decision["reason"] == "clean_enough"
        assert decision["zone"] == "SE"
        assert decision["deadline"] == "2026-03-02T19:00:00Z"

    def test_a_mistake_fails_without_burning_retries(self, source: FakeSource):
        """A misspelt key is named and never silently ignored."""
        with pytest.raises(AirflowFailException, match="carbon_max_dealy"):
            sensor().execute(task_context({"carbon_max_dealy": "1h"}))


@pytest.mark.usefixtures("clock")
class TestFaults:
    def test_a_source_that_is_down_is_asked_again_and_then_the_job_starts(
        self, source: FakeSource, clock: time_machine.Coordinates
    ):
        """Three more asks, five minutes apart, then a start without data: the backup is not lost."""
        source.fault = UnavailableError("The grid is down.")
        store = FakeStateStore()
        for minutes in (5, 10, 15):
            moment = reschedule_date(sensor(), task_context(store=store))
            assert moment == NOW + timedelta(minutes=minutes)
            clock.move_to(moment)
        decision = sensor().execute(task_context(store=store))
        assert decision["reason"] == "no_data"
        assert "The grid is down" in decision["sentence"]

    def test_a_refused_credential_starts_at_once_and_says_so(self, source: FakeSource):
        """Asking again cannot mend a wrong token; a backup is still not lost to it."""
        source.fault = AuthenticationError("The token was refused.")
        decision = sensor().execute(task_context())
        assert decision["reason"] == "no_data"
        assert any("token was refused" in problem for problem in decision["problems"])

    def test_or_fails_where_the_user_wants_that(self, source: FakeSource, clock: time_machine.Coordinates):
        """on_no_data="fail" fails, without burning retries on what they cannot mend."""
        source.fault = AuthenticationError("The token was refused.")
        with pytest.raises(AirflowFailException, match="token was refused"):
            sensor(on_no_data="fail").execute(task_context())

    def test_a_failure_that_may_pass_can_be_retried(self, source: FakeSource, clock: time_machine.Coordinates):
        """A source that is only down fails in a way that Airflow retries."""
        source.fault = UnavailableError("The grid is down.")
        store = FakeStateStore()
        for _ in range(3):
            clock.move_to(reschedule_date(sensor(on_no_data="fail"), task_context(store=store)))
        with pytest.raises(AirflowException) as failed:
            sensor(on_no_data="fail").execute(task_context(store=store))
        assert not isinstance(failed.value, AirflowFailException)

    def test_strict_configuration_fails_as_well(self, source: FakeSource, monkeypatch: pytest.MonkeyPatch):
        """fallback_on_error False is the same for tasks that say nothing."""
        monkeypatch.setenv("AIRFLOW__HYPERCARBON__FALLBACK_ON_ERROR", "False")
        source.fault = AuthenticationError("The token was refused.")
        with pytest.raises(AirflowException):
            sensor().execute(task_context())

    def test_a_plan_is_kept_when_a_call_fails(self, source: FakeSource, clock: time_machine.Coordinates):
        """One failed look at 19:00 does not move the start planned for 20:00."""
        store = FakeStateStore()
        reschedule_date(sensor(), task_context(store=store))
        source.fault = UnavailableError("The grid is down.")
        clock.move_to(NOW + HOUR)
        assert reschedule_date(sensor(), task_context(store=store)) == NOW + 2 * HOUR
        clock.move_to(NOW + 2 * HOUR)
        assert sensor().execute(task_context(store=store))["reason"] == "plan_kept"

    def test_a_missing_connection_shows_how_to_define_it(self):
        """Never a silent fall to the mock."""
        with pytest.raises(AirflowFailException, match="AIRFLOW_CONN_NOWHERE"):
            sensor(carbon_conn_id="nowhere").execute(task_context())


class TestConstruction:
    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"poke_interval": 30}, "at least 60 s"),
            ({"exponential_backoff": True}, "exponential_backoff"),
            ({"max_delay": "soon"}, "max_delay"),
            ({"max_intensity": -5}, "max_intensity"),
            ({"strategy": "greenest"}, "strategy"),
        ],
    )
    def test_what_cannot_work_is_refused_when_the_dag_is_read(self, wrong: dict[str, Any], said: str):
        """A mistake shows as an import error of the DAG, not at night."""
        with pytest.raises(Exception, match=said):
            sensor(**wrong)

    def test_a_typing_error_in_the_zone_is_found_beside_templates(self):
        """Other arguments may be templates; a zone that is one itself is known when the task runs."""
        with pytest.raises(UnknownZoneError, match="Did you mean SE-SE3"):
            sensor(zone="SE-SE33", max_delay="{{ params.max_delay }}")
        assert sensor(zone="{{ params.zone }}").zone == "{{ params.zone }}"

    def test_modelled_zones_are_not_waited_on_unless_asked(self):
        """The task's argument reaches the policy."""
        policies = [
            asked_policy(sensor(zone="CN", **more), RunOverrides()) for more in ({}, {"wait_on_modelled": True})
        ]
        assert [policy.wait_on_modelled for policy in policies] == [False, True]

    def test_an_impossible_zone_is_refused_with_a_suggestion(self):
        """The list of known zones is one command away."""
        with pytest.raises(UnknownZoneError, match=r'mean DE \(Germany\)\? "hypercarbon zones"'):
            sensor(zone="Germnay")

    def test_templates_are_left_for_the_run(self):
        """A templated value is checked when it is rendered."""
        task = sensor(zone="{{ params.zone }}", max_delay="{{ params.delay }}")
        assert task.zone == "{{ params.zone }}"

    def test_poke_interval_comes_from_the_configuration(self):
        """15 minutes, the check_interval of the configuration."""
        assert sensor().poke_interval == 900
        assert sensor().mode == "reschedule"

    def test_the_wait_is_kept_under_one_key(self, source: FakeSource, clock: time_machine.Coordinates):
        """Its shape is what an upgrade must be able to read."""
        context = task_context()
        reschedule_date(sensor(), context)
        kept = context["task_state_store"].get(WAIT_KEY)
        assert set(kept) == {"window", "last_plan", "duration"}
        assert kept["window"] == {
            "ready_at": "2026-03-02T18:00:00Z",
            "deadline": "2026-03-02T22:00:00Z",
            "bound_by": "max_delay",
        }
        assert kept["duration"] == {"duration": "PT2H", "duration_from": "default"}

    def test_the_window_is_kept_before_anything_can_fail(self, source: FakeSource, clock: time_machine.Coordinates):
        """A first try that fails fixes the deadline as well: the retry does not begin a new wait."""
        store = FakeStateStore()
        source.fault = AuthenticationError("The token was refused.")
        with pytest.raises(AirflowFailException):
            sensor(on_no_data="fail").execute(task_context(store=store))
        clock.move_to(NOW + 3 * HOUR)
        source.fault = None
        source.forecast_values = [500.0] * 9
        assert reschedule_date(sensor(strategy="threshold"), task_context(store=store)) <= NOW + 4 * HOUR
        assert store.get(WAIT_KEY)["window"]["deadline"] == "2026-03-02T22:00:00Z"
