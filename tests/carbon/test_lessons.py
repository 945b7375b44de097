from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from random import Random

import pytest

from airflow_provider_hypercarbon.carbon.blend import EPOCH
from airflow_provider_hypercarbon.carbon.hours import Hours
from airflow_provider_hypercarbon.carbon.lessons import Lessons, prior
from airflow_provider_hypercarbon.carbon.readings import IssuedForecast
from tests.carbon.grid import HOUR

DAY_0 = 20_000
FIRST = 24 * DAY_0


def wandering(days: int, seed: int = 7) -> dict[int, float]:
    """Return hours of a grid that goes up and down by the day and by chance."""
    random, level, found = Random(seed), 300.0, {}
    for hour in range(FIRST, FIRST + 24 * days):
        level = 300 + 0.9 * (level - 300) + random.gauss(0, 15)
        found[hour] = level + 60 * math.sin(hour / 24 * math.tau)
    return found


def known(measured: dict[int, float], told: Callable[[int], float] | None, until: int | None = None) -> Hours:
    """Return hours with a forecast of 48 h issued every six, which says what it is told to say."""
    issues = []
    if told is not None:
        for at in range(FIRST, (until or max(measured)) + 1, 6):
            begin = EPOCH + HOUR * at
            values = tuple(told(hour) for hour in range(at, at + 48))
            issues.append(IssuedForecast(start_at=begin, issued_at=begin, values=values))
    return Hours(measured, issues, timedelta(hours=48))


class TestPrior:
    def test_with_a_forecast_by_hand(self):
        """Half of each rise, an error that fades by 5 % and 2 % an hour, some habit, some momentum."""
        assert prior(1, with_forecast=True) == pytest.approx((0.5, -0.5 * 0.05, 0.5, -0.5 * 0.02, 0.4, 0.1))
        assert prior(2, with_forecast=True) == pytest.approx((0.5, -0.5 * 0.0975, 0.5, -0.5 * 0.0396, 0.4, 0.1))

    def test_without_one_by_hand(self):
        """The usual day comes true in full, and today's difference from it fades."""
        assert prior(1, with_forecast=False) == pytest.approx((1, -0.02, 0.1))
        assert prior(24, with_forecast=False) == pytest.approx((1, -(1 - 0.98**24), 0.1))


class TestChanges:
    def test_a_new_log_predicts_by_the_prior(self):
        """A day and an hour were measured: the factors of nobody's experience, lead by lead."""
        measured = {FIRST + i: 200.0 + 10 * (i % 24) for i in range(24)} | {FIRST + 24: 240.0}
        hours = known(measured, None)
        found = list(Lessons(hours).changes(hours.row(FIRST + 24), range(1, 4), DAY_0 + 1))
        momentum = 240 - 430
        expected = [10 * lead - (1 - 0.98**lead) * 40 + 0.1 * momentum for lead in (1, 2, 3)]
        assert [change for change, _ in found] == pytest.approx(expected)
        assert not any(by_forecast for _, by_forecast in found)

    def test_with_a_forecast_by_the_prior(self):
        """All six numbers have their say."""
        measured = {FIRST + i: 200.0 + 10 * (i % 24) for i in range(24)} | {FIRST + 24: 240.0}
        begin = EPOCH + HOUR * (FIRST + 24)
        one = IssuedForecast(start_at=begin, issued_at=begin, values=(230.0, 260.0))
        hours = Hours(measured, [one], timedelta(hours=48))
        (change, by_forecast), (_, beyond) = Lessons(hours).changes(hours.row(FIRST + 24), range(1, 3), DAY_0 + 1)
        assert by_forecast
        assert change == pytest.approx(0.5 * 30 - 0.025 * 10 + 0.5 * 10 - 0.01 * 40 + 0.4 * 0 + 0.1 * -190)
        assert not beyond  # where the forecast ends, history goes on alone

    def test_the_usual_day_repeats(self):
        """Lead 25 is the hour of lead 1, a day later."""
        measured = {FIRST + i: 200.0 + 10 * (i % 24) for i in range(25)}
        hours = known(measured, None)
        row = hours.row(FIRST + 24)
        (at_1, _), (at_25, _) = (next(Lessons(hours).changes(row, range(k, k + 1), DAY_0 + 1)) for k in (1, 25))
        assert at_25 == pytest.approx(at_1)

    def test_less_than_a_day_is_unknown(self):
        """Without yesterday nobody knows how the day goes on, forecast or not."""
        measured = {FIRST + i: 200.0 for i in range(5)}
        for told in (None, lambda _: 100.0):
            hours = known(measured, told)
            changes = list(Lessons(hours).changes(hours.row(FIRST + 4), range(1, 3), DAY_0))
            assert all(math.isnan(change) and not by_forecast for change, by_forecast in changes)


class TestLearning:
    def test_the_days_before_the_first_teach_nothing(self):
        """On the first day of a log the prior is all there is."""
        hours = known(wandering(3), lambda _: 300.0)
        for with_forecast in (True, False):
            found = Lessons(hours).coefficients(3, DAY_0, with_forecast=with_forecast)
            assert found == prior(3, with_forecast=with_forecast)

    def test_a_day_before_the_log_is_no_mistake(self):
        """Asked for a day on which nothing was measured yet, and later for one on which much was."""
        hours = known(wandering(20), None)
        lessons = Lessons(hours)
        assert lessons.coefficients(3, DAY_0 - 9, with_forecast=False) == prior(3, with_forecast=False)
        assert lessons.coefficients(3, DAY_0 + 20, with_forecast=False) == Lessons(hours).coefficients(
            3, DAY_0 + 20, with_forecast=False
        )

    def test_a_forecast_that_comes_true_is_believed_more(self):
        """Its share rises over that of the prior, and the usual day's falls."""
        measured = wandering(33)
        hours = known(
            {h: v for h, v in measured.items() if h < FIRST + 24 * 30}, measured.__getitem__, FIRST + 24 * 31
        )
        rise, _, usual, *_ = Lessons(hours).coefficients(6, DAY_0 + 30, with_forecast=True)
        assert rise > 0.7
        assert usual < 0.4

    def test_a_forecast_of_chance_is_believed_less(self):
        """What never comes true loses its share."""
        random = Random(3)
        hours = known(wandering(30), lambda _: random.uniform(100, 500))
        assert Lessons(hours).coefficients(6, DAY_0 + 30, with_forecast=True)[0] < 0.2

    def test_the_same_rows_in_any_order_of_asking(self):
        """Leads and days asked for in another order, or none before, give the same factors to the last bit."""
        hours = known(wandering(20), lambda hour: 300 + 60 * math.sin(hour / 24 * math.tau))
        at_once, by_day = Lessons(hours), Lessons(hours)
        leads = [1, 2, 7, 24, 30]
        for day in (DAY_0 + 2, DAY_0 + 9, DAY_0 + 15):
            for lead in leads[:: -1 if day % 2 else 1]:
                by_day.coefficients(lead, day, with_forecast=day % 3 == 0)
        for with_forecast in (True, False):
            for lead in leads:
                last = by_day.coefficients(lead, DAY_0 + 20, with_forecast=with_forecast)
                assert last == at_once.coefficients(lead, DAY_0 + 20, with_forecast=with_forecast)

    def test_what_comes_after_the_day_teaches_nothing(self):
        """Targets measured on the day itself, and later, are not known at its begin."""
        whole = wandering(20)
        other = {hour: value if hour < FIRST + 24 * 15 else 999.0 for hour, value in whole.items()}
        for with_forecast in (True, False):
            found = [
                Lessons(known(each, lambda hour: 300.0 + hour % 24)).coefficients(
                    5, DAY_0 + 15, with_forecast=with_forecast
                )
                for each in (whole, other)
            ]
            assert found[0] == found[1]

    def test_gaps_are_left_out(self):
        """A target or a row that was not measured is no row of the regression."""
        measured = wandering(10)
        whole = Lessons(known(measured, None)).ridge(1, DAY_0 + 10, with_forecast=False)
        holes = Lessons(known({h: v for h, v in measured.items() if h != FIRST + 9 * 24 + 12}, None))
        left = holes.ridge(1, DAY_0 + 10, with_forecast=False)
        assert whole.rows - left.rows == pytest.approx(2)  # as a row, and as a target
