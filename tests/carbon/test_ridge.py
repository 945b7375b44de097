from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_hypercarbon.carbon.ridge import GUARD_DAYS, HALF_LIFE_DAYS, PRIOR_ROWS, Ridge

NAN = math.nan


def taught(prior: list[float], columns: list[list[float]], changes: list[float]) -> Ridge:
    """Return a regression that saw one day, whose first row was made at midnight."""
    ridge = Ridge(prior)
    ridge.learn(0, columns, changes, 0)
    return ridge


class TestCoefficients:
    def test_no_row_is_the_prior(self):
        """Who learned nothing knows the prior."""
        assert Ridge([0.5, -0.1]).coefficients(100) == (0.5, -0.1)

    def test_one_feature_by_hand(self):
        """Squares of 30 and products of 60 say 2; four rows move the prior of 1 a twenty-sixth of the way."""
        ridge = taught([1.0], [[1, 2, 3, 4]], [2, 4, 6, 8])
        assert ridge.coefficients(1) == pytest.approx((1 + 30 / (30 + 30 * PRIOR_ROWS / 4),))

    def test_two_features_by_hand(self):
        """The two equations, solved by Cramer's rule."""
        first, second, changes = [1.0, 0, 2, 1], [0.0, 1, 1, 3], [3.0, 1, 2, 0]
        aa, ab, bb = 6.0, 5.0, 11.0
        p, q = 0.5, -1.0
        right_a, right_b = 7 - aa * p - ab * q, 3 - ab * p - bb * q
        more = 1 + PRIOR_ROWS / 4
        det = aa * more * bb * more - ab * ab
        expected = (
            p + (right_a * bb * more - ab * right_b) / det,
            q + (aa * more * right_b - ab * right_a) / det,
        )
        assert taught([p, q], [first, second], changes).coefficients(1) == pytest.approx(expected, rel=1e-6)

    def test_as_many_rows_as_the_prior_weighs_meet_it_half_way(self):
        """A hundred rows and the prior weigh alike."""
        ridge = taught([0.0], [[1.0] * PRIOR_ROWS], [1.0] * PRIOR_ROWS)
        assert ridge.coefficients(1)[0] == pytest.approx(0.5, rel=1e-6)

    def test_a_feature_that_never_moves_keeps_its_prior(self):
        """What is always zero teaches nothing, and divides nothing by zero."""
        found = taught([0.3, 0.7], [[1, 2, 3, 4], [0, 0, 0, 0]], [1, 2, 3, 4]).coefficients(1)
        assert found[1] == 0.7
        assert found[0] > 0.3

    def test_many_rows_overcome_the_prior(self):
        """After a month of a plain rule the rule is known to some per cent."""
        ridge = Ridge([0.0, 0.0])
        for day in range(60):
            first = [math.sin(day + hour) for hour in range(24)]
            second = [math.cos(3 * day + 5 * hour) for hour in range(24)]
            ridge.learn(day, [first, second], [2 * a - b for a, b in zip(first, second, strict=True)], 0)
        assert ridge.coefficients(60) == pytest.approx((2, -1), rel=0.2)

    @given(st.lists(st.tuples(*[st.floats(-100, 100)] * 3), min_size=4, max_size=30))
    def test_what_the_prior_explains_changes_nothing(self, rows: list[tuple[float, float, float]]):
        """Rows that the prior predicts exactly leave it where it is."""
        prior = [0.5, -2.0, 1.0]
        columns = [list(column) for column in zip(*rows, strict=True)]
        changes = [sum(p * value for p, value in zip(prior, row, strict=True)) for row in rows]
        assert taught(prior, columns, changes).coefficients(1) == pytest.approx(prior, abs=1e-6)


class TestNan:
    @pytest.mark.parametrize("where", ["first", "second", "change"])
    def test_a_row_with_a_nan_is_left_out(self, where: str):
        """It counts neither in the sums nor among the rows."""
        bad = {"first": 5.0, "second": 6.0, "change": 7.0, where: NAN}
        with_it = taught(
            [1.0, 1.0],
            [[1, 2, bad["first"], 3, 4], [4, 1, bad["second"], 2, 2]],
            [3, 1, bad["change"], 2, 9],
        )
        without = taught([1.0, 1.0], [[1, 2, 3, 4], [4, 1, 2, 2]], [3, 1, 2, 9])
        assert with_it.coefficients(1) == without.coefficients(1)
        assert with_it.rows == without.rows == 4

    def test_a_day_of_nothing_else_teaches_nothing(self):
        """All rows unknown: the prior stays, and no hour was taught."""
        ridge = taught([1.0], [[NAN] * 24], [1.0] * 24)
        assert ridge.rows == 0
        assert ridge.coefficients(1) == (1.0,)

    def test_an_hour_that_was_left_out_was_not_taught(self):
        """Of five hours two are unknown: three are under the guard."""
        ridge = taught([1.0], [[1, NAN, 1, NAN, 1]], [5.0] * 5)
        assert ridge.coefficients(1) == (1.0,)


class TestGuard:
    def test_three_hours_of_the_day_teach_nothing(self):
        """However many days: what three hours teach does not hold for the other twenty-one."""
        ridge = Ridge([1.0])
        for day in range(10):
            ridge.learn(day, [[1.0] * 3], [5.0] * 3, 22)
        assert ridge.coefficients(10) == (1.0,)

    def test_four_hours_do(self):
        """From four hours of the day on, what was learned is used; hours go round at midnight."""
        ridge = Ridge([1.0])
        for day in range(10):
            ridge.learn(day, [[1.0] * 4], [5.0] * 4, 22)
        assert 1 < ridge.coefficients(10)[0] < 5

    def test_two_weeks_without_rows_bring_the_prior_back(self):
        """Lessons on which no row followed for so long are not trusted any more."""
        ridge = taught([1.0], [[1.0] * 24], [5.0] * 24)
        assert ridge.coefficients(GUARD_DAYS) != (1.0,)
        assert ridge.coefficients(GUARD_DAYS + 1) == (1.0,)

    def test_hours_are_counted_apart(self):
        """Twenty hours of long ago and three of today are three."""
        ridge = taught([1.0], [[1.0] * 20], [5.0] * 20)
        for day in range(1, 20):
            ridge.learn(day, [[]], [], 0)
        ridge.learn(20, [[1.0] * 3], [5.0] * 3, 20)
        assert ridge.coefficients(21) == (1.0,)
        ridge.learn(21, [[1.0]], [5.0], 7)
        assert ridge.coefficients(22) != (1.0,)


class TestForgetting:
    def test_a_row_counts_half_after_the_half_life(self):
        """Four weeks later 24 rows are worth twelve."""
        ridge = taught([0.0], [[1.0] * 24], [1.0] * 24)
        for day in range(1, HALF_LIFE_DAYS + 1):
            ridge.learn(day, [[]], [], 0)
        assert ridge.rows == pytest.approx(12)

    def test_newer_rows_outweigh_older_ones(self):
        """A day that says 0 and, a half-life later, one that says 3 make 2, but for the prior."""
        ridge = taught([0.0], [[1.0] * 24], [0.0] * 24)
        for day in range(1, HALF_LIFE_DAYS):
            ridge.learn(day, [[]], [], 0)
        ridge.learn(HALF_LIFE_DAYS, [[1.0] * 24], [3.0] * 24, 0)
        rows = 12 + 24
        assert ridge.rows == pytest.approx(rows)
        assert ridge.coefficients(HALF_LIFE_DAYS + 1)[0] == pytest.approx(
            (24 * 3) / (rows + rows * PRIOR_ROWS / rows), rel=1e-6
        )
