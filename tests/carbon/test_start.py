from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_hypercarbon.carbon.curve import believe
from airflow_provider_hypercarbon.carbon.decision import StartDecision, StartReason
from airflow_provider_hypercarbon.carbon.policy import StartPolicy
from airflow_provider_hypercarbon.carbon.start import candidates, decide_start
from airflow_provider_hypercarbon.exceptions import NoDataError
from tests.carbon.grid import HOUR, NOW, PLAIN, outlook, reading, series, window

TWO_H = timedelta(hours=2)


def decide(forecast: list[float], policy: StartPolicy = PLAIN, hours: float = 4, **more: object) -> StartDecision:
    return decide_start(outlook(forecast), policy, window(hours), now=NOW, **more)  # type: ignore[arg-type]


class TestCleanest:
    def test_the_lowest_window_mean_wins_not_the_lowest_slot(self):
        """A single clean hour between dirty ones loses against two fair ones."""
        decision = decide([500, 50, 900, 300, 300, 900, 900])
        assert decision.start_at == NOW
        decision = decide([500, 500, 50, 900, 200, 200, 900])
        assert decision.start_at == NOW + 4 * HOUR

    def test_now_wins_a_tie(self):
        """A flat grid waits for nothing."""
        decision = decide([300] * 7)
        assert decision.due
        assert decision.reason is StartReason.NO_BETTER_START

    def test_starts_between_slots_are_considered(self):
        """A 90-minute job ends with the clean hours rather than beginning with them."""
        policy = PLAIN.model_copy(update={"duration": timedelta(minutes=90)})
        decision = decide([400, 300, 100, 500, 500, 500], policy)
        assert decision.start_at == NOW + timedelta(minutes=90)

    def test_a_wait_must_be_worth_beginning(self):
        """Under min_saving a wait does not begin."""
        policy = StartPolicy(min_saving=0.05)
        assert decide([300, 300, 290, 290, 300, 300, 300], policy).reason is StartReason.NO_BETTER_START
        assert not decide([300, 300, 200, 200, 300, 300, 300], policy).due

    def test_a_wait_that_was_begun_is_not_ended_by_min_saving(self):
        """The margin is asked once, on entry."""
        policy = StartPolicy(min_saving=0.05, wait_cost_per_hour=0)
        begun = decide([300, 300, 200, 200, 300, 300, 300], policy)
        assert not decide([300, 300, 290, 290, 300, 300, 300], policy, last_plan=begun).due

    def test_waiting_costs(self):
        """A later start must make up for the hours it costs."""
        policy = StartPolicy(min_saving=0, wait_cost_per_hour=0.01)
        forecast = [300.0, 300, 299, 299, 300, 300, 300]
        assert decide(forecast).start_at == NOW + 2 * HOUR
        assert decide(forecast, policy).due

    def test_the_deadline_itself_is_a_candidate(self):
        """The latest start is chosen when it is the best."""
        decision = decide([400, 400, 400, 400, 300, 200, 100], hours=4.5)
        assert decision.start_at == NOW + 4.5 * HOUR

    def test_at_the_deadline_no_data_are_needed(self):
        """Whatever the grid does, the deadline starts the job."""
        decision = decide_start(outlook(), PLAIN, window(), now=NOW + 4 * HOUR)
        assert decision.due
        assert decision.reason is StartReason.DEADLINE

    def test_late_wake_up_is_said(self):
        """A worker that was down starts the job and says how late."""
        decision = decide_start(outlook(), PLAIN, window(), now=NOW + 6 * HOUR)
        assert "2 h ago" in decision.sentence

    def test_the_planned_moment_is_called_cleanest(self):
        """The start at the end of a wait is told from one that never waited."""
        begun = decide([300, 300, 200, 200, 300, 300, 300])
        then = NOW + 2 * HOUR
        decision = decide_start(
            outlook([300, 300, 200, 200, 300, 300, 300]), PLAIN, window(), now=then, last_plan=begun
        )
        assert decision.reason is StartReason.CLEANEST

    def test_it_looks_again_within_the_replan_interval(self):
        """A plan four hours away is looked at again after an hour; a nearer one at its start."""
        assert decide([500, 500, 500, 500, 100, 100, 100]).check_again_at == NOW + HOUR
        policy = PLAIN.model_copy(update={"replan_interval": 4 * HOUR})
        assert decide([500, 500, 100, 100, 500, 500, 500], policy).check_again_at == NOW + 2 * HOUR

    def test_nobody_looks_shortly_before_the_planned_start(self):
        """At the planned start it is decided again anyhow: a plan 5 h away needs no look after 4 h."""
        policy = PLAIN.model_copy(update={"replan_interval": 4 * HOUR})
        dirty_then_clean = [500.0] * 5 + [100.0] * 9
        assert decide(dirty_then_clean, policy, hours=12).check_again_at == NOW + 5 * HOUR
        later = [500.0] * 7 + [100.0] * 7
        assert decide(later, policy, hours=12).check_again_at == NOW + 4 * HOUR


class TestCleanEnough:
    def test_due_as_soon_as_the_mean_is_at_the_limit(self):
        """Exactly at max_intensity is clean enough, though later is cleaner."""
        policy = StartPolicy(max_intensity=250)
        decision = decide([300, 200, 100, 100, 100, 100, 100], policy)
        assert decision.due
        assert decision.reason is StartReason.CLEAN_ENOUGH

    def test_otherwise_the_first_clean_enough_start_is_the_plan(self):
        """The first start under the limit, not the lowest."""
        policy = StartPolicy(max_intensity=250, min_saving=0)
        decision = decide([400, 400, 240, 240, 100, 100, 100], policy)
        assert decision.start_at == NOW + 2 * HOUR
        assert "First clean enough" in decision.sentence

    def test_nothing_under_the_limit_falls_back_to_the_cleanest(self):
        """A limit that no hour meets does not end the search."""
        policy = StartPolicy(max_intensity=50, min_saving=0)
        decision = decide([400, 400, 240, 240, 400, 400, 400], policy)
        assert decision.start_at == NOW + 2 * HOUR
        assert "Cleanest" in decision.sentence


class TestThreshold:
    policy = StartPolicy(strategy="threshold", max_intensity=200)

    def test_wakes_when_the_forecast_says_so(self):
        """Holding until the first start whose mean is at or under the limit."""
        decision = decide([400, 400, 400, 190, 190, 100, 100], self.policy)
        assert decision.reason is StartReason.CLEANER_LATER
        assert decision.start_at == NOW + 3 * HOUR

    def test_holds_when_nothing_is_in_sight(self):
        """A dirty window is held to the deadline, looking again by the check interval."""
        decision = decide([400] * 7, self.policy)
        assert decision.reason is StartReason.TOO_DIRTY
        assert decision.start_at == decision.deadline
        assert decision.check_again_at == NOW + timedelta(minutes=15)
        assert "nothing at or under 200 is in sight" in decision.sentence

    def test_holds_even_for_a_small_improvement(self):
        """min_saving never lets a threshold job start above its limit."""
        policy = self.policy.model_copy(update={"min_saving": 0.5})
        assert not decide([201, 201, 200, 200, 200, 200, 200], policy).due

    def test_the_newest_measurement_alone_is_enough(self):
        """Without forecast and history a limit can still be compared with the present."""
        clean = decide_start(outlook(current=150), self.policy, window(), now=NOW)
        dirty = decide_start(outlook(current=250), self.policy, window(), now=NOW)
        assert clean.reason is StartReason.CLEAN_ENOUGH
        assert dirty.reason is StartReason.TOO_DIRTY

    def test_a_stale_measurement_is_not_the_present(self):
        """A clean value of seven hours ago starts nothing."""
        old = outlook().model_copy(update={"current": reading(50, NOW - 7 * HOUR)})
        with pytest.raises(NoDataError):
            decide_start(old, self.policy, window(), now=NOW)


class TestNoData:
    def test_nothing_known_is_an_error_for_the_caller(self):
        """The core does not guess; planning decides what no data mean."""
        with pytest.raises(NoDataError):
            decide_start(outlook(), PLAIN, window(), now=NOW)

    def test_a_forecast_that_ends_before_the_job_does_is_not_enough(self):
        """The mean of starting now must be known to compare anything with it."""
        with pytest.raises(NoDataError):
            decide([300])


class TestRecord:
    def test_the_sentence_reads_as_promised(self):
        """The line for the person who reads the task log at night."""
        known = outlook([412, 400, 118, 118, 400, 400, 400]).model_copy(update={"current": reading(412)})
        decision = decide_start(known, PLAIN, window(), now=NOW)
        assert decision.sentence == (
            "Grid DE at 412 gCO2eq/kWh. Cleanest 2 h start 20:00 UTC (mean 118, 71 % lower). Deadline 22:00 UTC."
        )

    def test_made_up_data_are_said_to_be(self):
        """A decision on mock data carries the mark in its field and its sentence."""
        known = outlook(current=300).model_copy(update={"forecast": series([300] * 7, synthetic="mock")})
        decision = decide_start(known, PLAIN, window(), now=NOW)
        assert decision.synthetic == "mock"
        assert "mock data" in decision.sentence

    def test_it_is_plain_json_and_comes_back_the_same(self):
        """A decision goes through XCom, trigger and REST unchanged."""
        decision = decide([500, 500, 100, 100, 500, 500, 500])
        assert StartDecision.model_validate(decision.model_dump(mode="json")) == decision


GRIDS = st.lists(st.floats(1, 1500), min_size=40, max_size=40)


class TestProperties:
    @settings(max_examples=60)
    @given(GRIDS, st.floats(0, 3), st.floats(0.25, 6), st.floats(0, 30))
    def test_the_start_lies_in_the_window_and_is_not_worse_by_the_curve(
        self, values: list[float], late: float, duration: float, delay: float
    ):
        """Never before now, never after the deadline, never dirtier than now by the curve itself."""
        policy = PLAIN.model_copy(update={"duration": duration * HOUR})
        now = NOW + late * HOUR
        open_window = window(delay)
        decision = decide_start(outlook(values), policy, open_window, now=now)
        assert now <= decision.start_at <= max(now, open_window.deadline)
        if decision.reason is not StartReason.DEADLINE:
            assert decision.mean_at_start_gco2eq_per_kwh <= decision.mean_now_gco2eq_per_kwh + 1e-6
        if not decision.due:
            assert now < decision.check_again_at <= open_window.deadline

    @settings(max_examples=30)
    @given(GRIDS, st.integers(-4000, 4000), st.floats(0.1, 1.0))
    def test_shifting_and_scaling(self, values: list[float], days: int, scale: float):
        """All times shifted: the start shifts along. All intensities scaled: the start stays."""
        shift = timedelta(days=days)
        base = decide_start(outlook(values), StartPolicy(), window(12), now=NOW)
        moved = outlook().model_copy(update={"forecast": series(values, NOW + shift)})
        shifted = decide_start(moved, StartPolicy(), window(12, NOW + shift), now=NOW + shift)
        scaled = decide_start(outlook([v * scale for v in values]), StartPolicy(), window(12), now=NOW)
        assert shifted.start_at - shift == base.start_at
        assert scaled.start_at == base.start_at

    @settings(max_examples=30)
    @given(GRIDS, st.floats(0.25, 5))
    def test_no_start_between_the_candidates_is_better(self, values: list[float], duration: float):
        """A fine grid of starts finds nothing lower than the candidates do."""
        curve = believe(None, series(values), now=NOW, until=NOW + 30 * HOUR)
        span = duration * HOUR
        ours = curve.means(candidates(curve, NOW, NOW + 12 * HOUR, span), span)
        fine = curve.means([NOW + timedelta(minutes=7 * i) for i in range(103)], span)
        assert min(v for v in ours if v is not None) <= min(v for v in fine if v is not None) + 1e-6
