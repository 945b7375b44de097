from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_hypercarbon.carbon.decision import StartDecision, StartReason
from airflow_provider_hypercarbon.carbon.policy import StartPolicy
from airflow_provider_hypercarbon.carbon.start import decide_start
from airflow_provider_hypercarbon.carbon.variants import end_of_spread, observed, spread
from tests.carbon.grid import HOUR, NOW, outlook, window

CLEANER_LATER = [500.0, 500, 100, 100, 500, 500, 500]
FLAT = [300.0] * 7


def decide(forecast: list[float], **policy: object) -> StartDecision:
    chosen = StartPolicy.model_validate({"min_saving": 0, **policy})
    return decide_start(outlook(forecast), chosen, window(), now=NOW)


class TestObserved:
    def test_it_starts_now_and_records_the_better_start(self):
        """What waiting would have brought stands in the decision."""
        decision = observed(decide(CLEANER_LATER, strategy="observe"))
        assert decision.due
        assert decision.reason is StartReason.OBSERVED
        assert decision.start_at == NOW
        assert decision.observed_start_at == NOW + 2 * HOUR
        assert decision.observed_mean_gco2eq_per_kwh == pytest.approx(100)
        assert "Only observed: starting now, not at 20:00 UTC." in decision.sentence

    def test_nothing_better_is_an_ordinary_start(self):
        """A start that would have been made anyway keeps its reason."""
        assert observed(decide(FLAT, strategy="observe")).reason is StartReason.NO_BETTER_START

    def test_without_data_it_starts_too(self):
        """Nobody asked to wait for data."""
        asking = decide(CLEANER_LATER).model_copy(
            update={"reason": StartReason.ASK_AGAIN, "mean_at_start_gco2eq_per_kwh": None}
        )
        decision = observed(asking)
        assert decision.due
        assert decision.reason is StartReason.NO_DATA
        assert decision.observed_start_at is None


class TestSpread:
    policy = StartPolicy(start_jitter=timedelta(minutes=7))

    def test_a_start_is_held_by_its_own_share(self):
        """Seven minutes after the chosen moment; the reason stays that of the start."""
        held = spread(decide(FLAT), self.policy, window(), now=NOW)
        assert not held.due
        assert held.reason is StartReason.NO_BETTER_START
        assert held.start_at == held.check_again_at == NOW + timedelta(minutes=7)
        assert "Spread by 7 min: starting 18:07 UTC." in held.sentence

    def test_at_its_end_the_job_starts_whatever_the_grid_does(self):
        """The moment was chosen; looking again would move it for ever."""
        held = spread(decide(FLAT), self.policy, window(), now=NOW)
        assert end_of_spread(held, now=NOW + timedelta(minutes=5)) == held
        due = end_of_spread(held, now=NOW + timedelta(minutes=7))
        assert due is not None
        assert due.due
        assert due.reason is StartReason.NO_BETTER_START
        assert end_of_spread(due, now=NOW + timedelta(minutes=8)) is None

    def test_never_past_the_deadline(self):
        """Two minutes before the deadline the share is cut to two minutes."""
        now = NOW + timedelta(hours=3, minutes=58)
        late = decide_start(outlook(FLAT), StartPolicy(), window(), now=now)
        assert spread(late, self.policy, window(), now=now).start_at == NOW + 4 * HOUR

    @pytest.mark.parametrize("reason", [StartReason.DEADLINE, StartReason.NO_DATA, StartReason.NOT_CARBON_AWARE])
    def test_a_start_that_carbon_did_not_choose_is_not_held(self, reason: StartReason):
        """The deadline is the deadline, and nobody waits for a grid that nobody sees."""
        due = decide(FLAT).model_copy(update={"reason": reason})
        assert spread(due, self.policy, window(), now=NOW) == due

    def test_a_hold_and_no_jitter_are_left_alone(self):
        """Only a start is spread."""
        holding = decide(CLEANER_LATER)
        assert spread(holding, self.policy, window(), now=NOW) == holding
        assert spread(decide(FLAT), StartPolicy(), window(), now=NOW).due
        assert end_of_spread(holding, now=NOW) is None
        assert end_of_spread(None, now=NOW) is None
