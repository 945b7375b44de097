"""The requirements on planning: what is asked of a source, and what follows when it has no answer."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from airflow_provider_hypercarbon.carbon.decision import StartDecision, StartReason
from airflow_provider_hypercarbon.carbon.intensity import CarbonIntensity, IntensitySeries, Signal, Slot
from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow
from airflow_provider_hypercarbon.carbon.zones import ZONES, Zone
from airflow_provider_hypercarbon.exceptions import (
    AccessDeniedError,
    AuthenticationError,
    BadAnswerError,
    BadDataError,
    HyperCarbonError,
    NoDataError,
    NotAskedError,
    RateLimitedError,
    RequestRefusedError,
    UnavailableError,
    UnknownZoneError,
)
from airflow_provider_hypercarbon.sources.planning import (
    estimate_waiting,
    fetch_outlook,
    look_at_grid,
    plan_start,
)
from tests.carbon.grid import HOUR, NOW, PLAIN, series

DOWN = UnavailableError("The grid's service answered 500. It may work later.")
WINDOW = StartWindow.opening(NOW, 4 * HOUR)
DAY = timedelta(days=1)


class Source:
    """A source that gives what it is made of; an error is raised. It keeps what it was asked."""

    name = "test"

    def __init__(self, forecast: object = DOWN, latest: object = DOWN, history: object = DOWN) -> None:
        self.answers = {"forecast": forecast, "latest": latest, "history": history}
        self.asked: list[str] = []

    def _answer(self, what: str) -> object:
        self.asked.append(what)
        answer = self.answers[what]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def latest(self, zone: str, *, now: object) -> CarbonIntensity:
        return self._answer("latest")  # type: ignore[return-value]

    def forecast(self, zone: str, until: object, *, now: object) -> IntensitySeries:
        self.until = until
        return self._answer("forecast")  # type: ignore[return-value]

    def history(self, zone: str, start: object, end: object, *, now: object) -> IntensitySeries:
        self.past = (start, end)
        return self._answer("history")  # type: ignore[return-value]

    def zones(self) -> tuple[Zone, ...]:
        return ZONES


def present(value: float, **more: object) -> CarbonIntensity:
    given = {"zone": "DE", "start_at": NOW, "end_at": NOW + HOUR, "gco2eq_per_kwh": value, "source": "test", **more}
    return CarbonIntensity.model_validate(given)


def plan(
    source: Source, policy: StartPolicy = PLAIN, last: StartDecision | None = None, hours: float = 0
) -> StartDecision:
    decision = plan_start(source, "DE", policy, WINDOW, now=NOW + hours * HOUR, last_plan=last)
    assert decision.start_at <= max(WINDOW.deadline, decision.decided_at)
    assert decision.check_again_at is None or decision.check_again_at <= WINDOW.deadline
    assert StartDecision.model_validate(json.loads(json.dumps(decision.model_dump(mode="json")))) == decision
    return decision


DIP = series([400, 400, 100, 100, 400, 400, 400])


class TestWithData:
    def test_a_source_is_asked_for_all_a_decision_uses(self):
        """A forecast to the end of the latest job, the present value, and a week of measured hours."""
        source = Source(DIP, present(400), series([400] * 24, NOW - DAY))
        decision = plan(source)
        assert source.asked == ["forecast", "history", "latest"]
        assert source.until == WINDOW.deadline + PLAIN.duration
        assert source.past == (NOW - 7 * DAY, NOW)
        assert (decision.reason, decision.start_at) == (StartReason.CLEANER_LATER, NOW + 2 * HOUR)
        assert decision.problems == ()

    def test_a_forecast_alone_is_enough(self):
        """What could not be had stands in the decision."""
        decision = plan(Source(DIP, NoDataError("Nothing yet."), AccessDeniedError("Not in this plan.")))
        assert (decision.reason, decision.start_at) == (StartReason.CLEANER_LATER, NOW + 2 * HOUR)
        assert decision.problems == ("No history: Not in this plan.", "No present value: Nothing yet.")

    def test_the_present_value_stands_at_the_end_of_the_history(self):
        """The provider's history often stops an hour before it."""
        measured = series([300] * 24, NOW - DAY)
        outlook = fetch_outlook(Source(DIP, present(400), measured), "DE", PLAIN, WINDOW, now=NOW)
        assert outlook.measured is not None
        assert outlook.measured.slots == (*measured.slots, Slot(NOW, 400.0, None))

    def test_the_present_value_alone_is_a_history_of_one(self):
        """With its provenance."""
        refused = NoDataError("Nothing.")
        source = Source(refused, present(400, synthetic="mock"), refused)
        outlook = fetch_outlook(source, "DE", PLAIN, WINDOW, now=NOW)
        assert outlook.measured is not None
        assert [slot.gco2eq_per_kwh for slot in outlook.measured.slots] == [400]
        assert outlook.synthetic == "mock"

    @pytest.mark.parametrize("newest", [NOW, NOW + HOUR])
    def test_a_history_that_has_the_present_stays_as_it_is(self, newest: object):
        """No hour stands in it twice."""
        measured = IntensitySeries(zone="DE", source="test", slots=(Slot(newest, 1.0),))  # type: ignore[arg-type]
        outlook = fetch_outlook(Source(DIP, present(400), measured), "DE", PLAIN, WINDOW, now=NOW)
        assert outlook.measured == measured

    @pytest.mark.parametrize(
        ("other", "words"),
        [({"signal": Signal(factors="direct")}, "not compared"), ({"zone": "FR"}, "cannot be compared")],
    )
    def test_two_signals_or_zones_are_never_mixed(self, other: dict[str, object], words: str):
        """Average and marginal, life-cycle and direct, here and there: their difference means nothing."""
        measured = series([10] * 24, NOW - DAY, **other)
        for current in (NoDataError("Nothing."), present(10, **other)):
            decision = plan(Source(DIP, current, measured))
            assert decision.reason is StartReason.ASK_AGAIN
            assert words in decision.sentence
            assert words in decision.problems[0]


class TestDeadline:
    def test_at_the_deadline_nothing_is_asked(self):
        """A source that hangs cannot hold a backup that is due."""
        source = Source()
        decision = plan(source, hours=4)
        assert (decision.due, decision.reason, source.asked) == (True, StartReason.DEADLINE, [])
        assert "has come" in decision.sentence

    def test_a_zone_that_cannot_be_is_refused_even_then(self):
        """A misspelt setting is told the author, whatever the time."""
        with pytest.raises(UnknownZoneError):
            plan_start(Source(), "Atlantis", PLAIN, WINDOW, now=WINDOW.deadline)


class TestGivingUp:
    @pytest.mark.parametrize(
        "error",
        [
            DOWN,
            RateLimitedError("Too many requests."),
            AuthenticationError("The credential was refused."),
            UnknownZoneError("Unknown zone 'XX'."),
        ],
        ids=["down", "limited", "bad token", "unknown zone"],
    )
    def test_a_source_that_will_fail_again_is_not_asked_for_the_rest(self, error: HyperCarbonError):
        """Three time-outs are three times the wait."""
        source = Source(forecast=error)
        assert plan(source).problems == (f"No forecast: {error}",)
        assert source.asked == ["forecast"]

    @pytest.mark.parametrize(
        "error",
        [
            AccessDeniedError("Not in this plan."),
            RequestRefusedError("400."),
            NoDataError("Nothing."),
            BadDataError("A null.", problem="null"),
        ],
        ids=["plan", "refused", "no data", "bad data"],
    )
    def test_one_thing_that_fails_does_not_stop_the_rest(self, error: HyperCarbonError):
        """A plan without forecasts still has the present and the past."""
        source = Source(error, present(400), series([400] * 24, NOW - DAY))
        assert plan(source).problems == (f"No forecast: {error}",)
        assert source.asked == ["forecast", "history", "latest"]


class TestWithoutData:
    def test_it_is_asked_again_a_few_times(self):
        """Every five minutes, three times, and the sentence says so; then the policy applies."""
        last: StartDecision | None = None
        for failed in (1, 2, 3):
            last = plan(Source(), last=last, hours=failed / 12)
            assert (last.due, last.reason, last.failed_checks) == (False, StartReason.ASK_AGAIN, failed)
            assert last.check_again_at == last.decided_at + timedelta(minutes=5)
            assert last.start_at == WINDOW.deadline
            assert "answered 500" in last.sentence
            assert "Asking again in 5 min. Deadline 22:00 UTC." in last.sentence
        final = plan(Source(), last=last, hours=0.4)
        assert (final.due, final.reason, final.failed_checks) == (True, StartReason.NO_DATA, 4)
        assert "without knowing the grid" in final.sentence
        assert final.current_gco2eq_per_kwh is None

    def test_an_answer_ends_the_count(self):
        """Failures in a row are what counts."""
        last = plan(Source())
        assert plan(Source(DIP), last=last).failed_checks == 0

    def test_the_policy_may_be_to_wait(self):
        """Then it is asked now and again, and starts at the deadline."""
        policy = PLAIN.model_copy(update={"on_no_data": "wait", "no_data_retries": 0})
        last = plan(Source(), policy)
        assert (last.due, last.reason, last.start_at) == (False, StartReason.ASK_AGAIN, WINDOW.deadline)
        assert last.check_again_at == NOW + policy.check_interval
        last = plan(Source(), policy, last, hours=3.9)
        assert last.check_again_at == WINDOW.deadline
        assert plan(Source(), policy, last, hours=4).reason is StartReason.DEADLINE

    @pytest.mark.parametrize(
        ("error", "retryable"), [(DOWN, True), (AuthenticationError("The credential was refused."), False)]
    )
    def test_the_policy_may_be_to_fail(self, error: HyperCarbonError, retryable: bool):
        """With what was wrong, and whether a retry of the task can help."""
        policy = PLAIN.model_copy(update={"on_no_data": "fail", "no_data_retries": 0})
        with pytest.raises(NoDataError, match=r"policy for this \(\w+\) is to fail") as caught:
            plan(Source(error), policy)
        assert str(error) in str(caught.value)
        assert caught.value.retryable is retryable

    @pytest.mark.parametrize(
        "error",
        [AuthenticationError("Refused."), AccessDeniedError("Not in this plan."), UnknownZoneError("Unknown.")],
    )
    def test_a_problem_that_stays_is_not_asked_about_again(self, error: HyperCarbonError):
        """A wrong token does not get right in five minutes: the backup starts at once."""
        decision = plan(Source(error, error, error))
        assert (decision.due, decision.reason) == (True, StartReason.NO_DATA)

    def test_one_problem_that_may_pass_is_worth_another_ask(self):
        """Only when all of them stay is it no use."""
        decision = plan(Source(AccessDeniedError("Not in this plan."), DOWN))
        assert decision.reason is StartReason.ASK_AGAIN

    def test_the_last_ask_is_not_after_the_deadline(self):
        """The retry interval gives way."""
        decision = plan(Source(), hours=3.95)
        assert decision.check_again_at == WINDOW.deadline


class TestSpikes:
    def test_a_false_value_that_is_the_newest_no_more_is_a_gap(self):
        """An hour ago 45 was the newest; now the next value shows it to be alone."""
        measured = series([400] * 23 + [45], NOW - DAY)
        source = Source(NoDataError("Nothing."), present(400), measured)
        found = fetch_outlook(source, "DE", PLAIN, WINDOW, now=NOW).measured
        assert found is not None
        assert {slot.gco2eq_per_kwh for slot in found.slots} == {400}
        assert len(found.slots) == 24


class TestPolicyByKind:
    KINDS = (
        (AuthenticationError("The credential was refused."), "denied"),
        (AccessDeniedError("Not in the plan."), "denied"),
        (RateLimitedError("Too many requests."), "limited"),
        (NotAskedError("Enough for this hour.", retry_after=60), "limited"),
        (DOWN, "unavailable"),
        (BadAnswerError("Not in JSON."), "unavailable"),
        (BadDataError("Null.", problem="null"), "bad_data"),
        (NoDataError("Nothing yet."), "no_data"),
    )

    @pytest.mark.parametrize(("error", "kind"), KINDS, ids=lambda part: str(part)[:20])
    def test_each_kind_of_failure_has_its_action(self, error: HyperCarbonError, kind: str):
        """Those left out start; the plan before is asked first, and the retries."""
        source = Source(error, error, error)
        policy = PLAIN.model_copy(update={"no_data_retries": 0})
        for action, reason in (("start", "no_data"), ("wait", "ask_again")):
            chosen = StartPolicy.model_validate({**policy.model_dump(), "on_no_data": {kind: action}})
            assert plan(source, chosen).reason == reason
        fails = StartPolicy.model_validate({**policy.model_dump(), "on_no_data": {kind: "fail"}})
        with pytest.raises(NoDataError, match=rf"policy for this \({kind}\) is to fail"):
            plan(source, fails)
        others = {other: "fail" for _, other in self.KINDS if other != kind}
        assert plan(source, StartPolicy.model_validate({**policy.model_dump(), "on_no_data": others})).due

    def test_of_several_the_one_that_is_over_first_counts(self):
        """A plan without forecasts and a source that is down: it may be up again soon."""
        source = Source(AccessDeniedError("Not in the plan."), DOWN, DOWN)
        chosen = StartPolicy.model_validate(
            {**PLAIN.model_dump(), "no_data_retries": 0, "on_no_data": {"unavailable": "wait", "denied": "fail"}}
        )
        assert plan(source, chosen).reason == "ask_again"

    def test_a_policy_survives_the_way_to_the_triggerer(self):
        """As JSON and back; a kind that does not exist is refused."""
        chosen = StartPolicy.model_validate({"on_no_data": {"limited": "wait"}})
        assert StartPolicy.model_validate(json.loads(json.dumps(chosen.model_dump(mode="json")))) == chosen
        with pytest.raises(ValueError, match="on_no_data"):
            StartPolicy.model_validate({"on_no_data": {"rained": "wait"}})

    @pytest.mark.parametrize(("seconds", "minutes"), [(20, 5), (1200, 20), (7 * 86400, 240)])
    def test_nobody_asks_before_the_source_wants(self, seconds: float, minutes: float):
        """A long Retry-After reschedules, to the deadline at the latest."""
        limited = RateLimitedError("Too many requests.", retry_after=seconds)
        decision = plan(Source(limited, limited, limited))
        assert decision.check_again_at == NOW + timedelta(minutes=minutes)
        planned = plan(Source(DIP, present(400), NoDataError("Nothing.")))
        kept = plan(Source(limited, limited, limited), last=planned)
        assert kept.reason == "plan_kept"
        assert kept.start_at == planned.start_at
        assert kept.check_again_at <= kept.start_at


class TestFalseBegin:
    def test_a_forecast_whose_first_value_stands_alone_is_no_clean_moment(self):
        """45 now, between 400 measured and 400 forecast, is an error of the source; the rest of it is used."""
        lie = series([45, 400, 400, 100, 100, 400, 400])
        decision = plan(Source(lie, NoDataError("Nothing."), series([400] * 24, NOW - DAY)))
        assert decision.start_at == NOW + 3 * HOUR
        assert "begins with 45" in " ".join(decision.problems)
        real = series([150, 120, 100, 100, 100, 400, 400])
        decision = plan(Source(real, NoDataError("Nothing."), series([400] * 24, NOW - DAY)))
        assert "begins with" not in " ".join(decision.problems)


class TestKeptPlan:
    def test_a_plan_made_with_data_is_kept(self):
        """An outage after the plan was made changes nothing, however long; nothing is due before."""
        last = plan(Source(DIP, present(400)))
        for step in range(1, 8):
            last = plan(Source(), last=last, hours=step / 4)
            assert (last.due, last.reason, last.start_at) == (False, StartReason.PLAN_KEPT, NOW + 2 * HOUR)
            assert last.check_again_at is not None
            assert last.check_again_at <= NOW + 2 * HOUR
        assert "plan to start at 20:00 UTC is kept" in last.sentence
        due = plan(Source(), last=last, hours=2)
        assert (due.due, due.reason) == (True, StartReason.PLAN_KEPT)
        assert "as planned before" in due.sentence

    def test_it_is_kept_also_when_the_policy_is_to_fail_or_the_problem_stays(self):
        """What was decided on data needs no data."""
        last = plan(Source(DIP, present(400)))
        policy = PLAIN.model_copy(update={"on_no_data": "fail", "no_data_retries": 0})
        refused = AuthenticationError("The credential was refused.")
        assert plan(Source(refused), policy, last, hours=1).reason is StartReason.PLAN_KEPT

    def test_a_hold_to_the_deadline_is_a_plan_too(self):
        """Held because all was too dirty: silence afterwards is no reason to start before the deadline."""
        policy = StartPolicy(strategy="threshold", max_intensity=50, no_data_retries=0)
        last = plan(Source(DIP, present(400)), policy)
        assert last.reason is StartReason.TOO_DIRTY
        kept = plan(Source(), policy, last, hours=1)
        assert kept.reason is StartReason.PLAN_KEPT
        assert kept.start_at == kept.deadline
        assert kept.check_again_at == kept.decided_at + policy.check_interval


class TestOtherQuestions:
    def test_a_look_at_the_grid_needs_the_present(self):
        """Without a forecast the status says so; without the present there is none."""
        assert look_at_grid(Source(DIP, present(400)), "DE", 200, 6, now=NOW).current.gco2eq_per_kwh == 400
        assert look_at_grid(Source(DOWN, present(400)), "DE", 200, 6, now=NOW).current.gco2eq_per_kwh == 400
        with pytest.raises(UnavailableError):
            look_at_grid(Source(DIP), "DE", 200, 6, now=NOW)

    def test_an_estimate_uses_the_curve_of_a_decision(self):
        """Or says what could not be had."""
        estimate = estimate_waiting(Source(DIP, present(400)), "DE", 500, 2 * HOUR, 4 * HOUR, now=NOW)
        assert estimate is not None
        with pytest.raises(NoDataError, match="answered 500"):
            estimate_waiting(Source(), "DE", 500, 2 * HOUR, 4 * HOUR, now=NOW)
