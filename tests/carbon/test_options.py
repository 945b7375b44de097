from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_hypercarbon.carbon.curve import Curve
from airflow_provider_hypercarbon.carbon.decision import StartReason
from airflow_provider_hypercarbon.carbon.options import Choice, Options
from airflow_provider_hypercarbon.carbon.policy import StartPolicy
from tests.carbon.grid import HOUR, NOW, PLAIN

H = 3600.0
ONE_H = PLAIN.model_copy(update={"duration": HOUR})


def choose(
    values: list[float | None],
    policy: StartPolicy = ONE_H,
    deadline: float = 4,
    now: float = 0,
    *,
    entering: bool = True,
    latest: float | None = None,
) -> Choice | None:
    """Choose on an hourly curve; times are hours after its begin."""
    options = Options(Curve(NOW, HOUR, values), policy, now=now * H, latest=(latest or deadline) * H)
    return options.choose(deadline * H, entering=entering)


def with_limit(limit: float, strategy: str = "cleanest") -> StartPolicy:
    return StartPolicy.model_validate({**ONE_H.model_dump(), "max_intensity": limit, "strategy": strategy})


class TestCleanest:
    def test_the_cleanest_start_is_waited_for(self):
        """The lowest of all, with its mean and that of now."""
        assert choose([300, 200, 100, 150, 300]) == (StartReason.CLEANER_LATER, 2 * H, 300, 100)

    def test_not_after_the_deadline(self):
        """What is cleaner later than a job may start is no option for it, though it is for another."""
        values: list[float | None] = [300, 200, 250, 100, 90, 300]
        assert choose(values, deadline=2, latest=4) == (StartReason.CLEANER_LATER, H, 300, 200)
        assert choose(values, deadline=4, latest=4) == (StartReason.CLEANER_LATER, 4 * H, 300, 90)

    def test_the_deadline_itself_is_an_option(self):
        """Off the slot edges, where only this job's deadline makes it a start worth comparing."""
        found = choose([300, 300, 100, 100], deadline=1.5, latest=3)
        assert found == (StartReason.CLEANER_LATER, 1.5 * H, 300, 200)

    def test_a_deadline_that_is_no_better_is_not_chosen(self):
        """Half-way into the dirty hour is worse than the clean one before."""
        found = choose([300, 100, 500, 500], deadline=1.5, latest=2)
        assert found == (StartReason.CLEANER_LATER, H, 300, 100)

    def test_a_deadline_in_a_gap_is_no_option(self):
        """Nothing is known there."""
        found = choose([300, 200, None, None, 50], deadline=2.5, latest=4)
        assert found == (StartReason.CLEANER_LATER, H, 300, 200)

    def test_the_earlier_of_equals(self):
        """Who waits gets something for it."""
        assert choose([300, 100, 100, 100], deadline=2) == (StartReason.CLEANER_LATER, H, 300, 100)

    def test_nothing_is_cleaner(self):
        """Start now: at the first look because nothing is better, at a later one because this is the best."""
        assert choose([100, 200, 300, 300, 300]) == (StartReason.NO_BETTER_START, 0, 100, 100)
        assert choose([100, 200, 300, 300, 300], entering=False) == (StartReason.CLEANEST, 0, 100, 100)

    def test_now_is_unknown(self):
        """With no mean to compare with there is no choice."""
        assert choose([None, 200, 100, 100, 100]) is None

    def test_within_a_slot(self):
        """Half past: the mean of now is of the rest of this hour and half of the next."""
        found = choose([300, 200, 100, 100, 100], now=0.5)
        assert found == (StartReason.CLEANER_LATER, 2 * H, 250, 100)

    def test_the_last_moment(self):
        """A window that ends now has one start."""
        assert choose([300, 200], deadline=0, latest=0) == (StartReason.NO_BETTER_START, 0, 300, 300)

    @given(
        st.lists(st.floats(1, 900), min_size=8, max_size=8),
        st.floats(0, 0.99),
        st.lists(st.integers(0, 5 * 60), min_size=1, max_size=4),
        st.sampled_from([15, 60, 90, 120]),
    )
    def test_sharing_options_changes_nothing(
        self, values: list[float], now: float, minutes: list[int], duration: int
    ):
        """Each job of several that wait now is served as if it waited alone."""
        policy = StartPolicy(duration=timedelta(minutes=duration))
        curve = Curve(NOW, HOUR, values)
        deadlines = [now * H + 60 * each for each in minutes]
        shared = Options(curve, policy, now=now * H, latest=max(deadlines))
        for deadline in deadlines:
            alone = Options(curve, policy, now=now * H, latest=deadline).choose(deadline, entering=True)
            found = shared.choose(deadline, entering=True)
            assert found is not None
            assert alone is not None
            assert found[0] is alone[0]
            assert found[1:] == pytest.approx(alone[1:])


class TestCostOfWaiting:
    def test_hours_cost(self):
        """An hour must save more than a hundredth of now."""
        policy = ONE_H.model_copy(update={"wait_cost_per_hour": 0.01})
        assert choose([300, 298, 300, 300, 300], policy) == (StartReason.NO_BETTER_START, 0, 300, 300)
        assert choose([300, 296, 300, 300, 300], policy) == (StartReason.CLEANER_LATER, H, 300, 296)

    def test_the_deadline_costs_as_well(self):
        """A deadline off the edges is chosen only when it makes up for the way to it."""
        policy = ONE_H.model_copy(update={"wait_cost_per_hour": 0.01})
        assert choose([300, 300, 290, 290], policy, deadline=1.5, latest=2) == (
            StartReason.CLEANER_LATER,
            1.5 * H,
            300,
            295,
        )
        assert choose([300, 300, 292, 292], policy, deadline=1.5, latest=2) == (
            StartReason.NO_BETTER_START,
            0,
            300,
            300,
        )

    def test_min_saving_is_asked_on_entry(self):
        """A wait that is worth 2 % does not begin at 5 %, and is not ended by it."""
        policy = ONE_H.model_copy(update={"min_saving": 0.05})
        values: list[float | None] = [300, 294, 300, 300, 300]
        assert choose(values, policy) == (StartReason.NO_BETTER_START, 0, 300, 300)
        assert choose(values, policy, entering=False) == (StartReason.CLEANER_LATER, H, 300, 294)

    def test_a_saving_of_exactly_the_minimum_is_enough(self):
        """At the margin the wait begins."""
        policy = ONE_H.model_copy(update={"min_saving": 0.5})
        assert choose([300, 150, 300, 300, 300], policy) == (StartReason.CLEANER_LATER, H, 300, 150)

    def test_the_deadline_may_be_what_makes_it_worth(self):
        """The saving is that of the start chosen, also off the edges."""
        policy = ONE_H.model_copy(update={"min_saving": 0.3})
        found = choose([300, 290, 100, 100], policy, deadline=1.5, latest=3)
        assert found == (StartReason.CLEANER_LATER, 1.5 * H, 300, 195)


class TestLimit:
    @pytest.mark.parametrize("strategy", ["cleanest", "threshold"])
    @pytest.mark.parametrize("now", [200, 150])
    def test_now_is_clean_enough(self, strategy: str, now: float):
        """At or under the limit the job starts, though later were cleaner."""
        found = choose([now, 100, 50, 50, 50], with_limit(200, strategy))
        assert found == (StartReason.CLEAN_ENOUGH, 0, now, now)

    @pytest.mark.parametrize("strategy", ["cleanest", "threshold"])
    def test_the_first_clean_enough_start_is_waited_for(self, strategy: str):
        """Not the cleanest one: the limit says what is good enough."""
        found = choose([300, 250, 200, 100, 300], with_limit(200, strategy))
        assert found == (StartReason.CLEANER_LATER, 2 * H, 300, 200)

    def test_a_gap_is_not_clean(self):
        """The first known mean under the limit counts."""
        found = choose([300, None, None, 100, 100], with_limit(200), deadline=3)
        assert found == (StartReason.CLEANER_LATER, 3 * H, 300, 100)

    def test_the_deadline_is_clean_enough(self):
        """Only the deadline, off the slot edges, reaches the limit."""
        found = choose([300, 300, 90, 90], with_limit(200), deadline=1.5, latest=3)
        assert found == (StartReason.CLEANER_LATER, 1.5 * H, 300, 195)

    @pytest.mark.parametrize("values", [[300, 290, 280, 270, 260], [300, 290, None, None, None]])
    def test_threshold_holds_until_the_deadline(self, values: list[float | None]):
        """Nothing under the limit is in sight: nothing is planned but the deadline."""
        found = choose(values, with_limit(200, "threshold"))
        assert found == (StartReason.TOO_DIRTY, 4 * H, 300, None)

    def test_threshold_does_not_take_a_dirty_deadline(self):
        """A deadline off the edges that is known to be too dirty is no clean start."""
        found = choose([300, 290, 280, 270], with_limit(200, "threshold"), deadline=1.5, latest=2)
        assert found == (StartReason.TOO_DIRTY, 1.5 * H, 300, None)

    def test_cleanest_falls_back_to_the_cleanest(self):
        """A limit that nothing reaches is no reason to start dirty."""
        found = choose([300, 290, 220, 270, 260], with_limit(200))
        assert found == (StartReason.CLEANER_LATER, 2 * H, 300, 220)
