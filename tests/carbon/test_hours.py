from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_hypercarbon.carbon.blend import EPOCH
from airflow_provider_hypercarbon.carbon.hours import (
    USUAL_DAYS,
    USUAL_FADING,
    Hours,
    Row,
    measured_hours,
    usual_value,
)
from airflow_provider_hypercarbon.carbon.readings import IssuedForecast, Stretch
from tests.carbon.grid import HOUR

#: An hour since 1970 that begins a day.
DAY_0 = 24 * 20_000
MAX_AGE = timedelta(hours=48)


def issue(at: int, values: Sequence[float | None], minutes: int = 0) -> IssuedForecast:
    """Return a forecast that tells from an hour on, issued so many minutes after the hour."""
    begin = EPOCH + HOUR * at
    return IssuedForecast(start_at=begin, values=tuple(values), issued_at=begin + timedelta(minutes=minutes))


def hours(measured: Mapping[int, float], *issues: IssuedForecast, max_age: timedelta = MAX_AGE) -> Hours:
    return Hours(dict(measured), issues, max_age)


def same(row: Row) -> str:
    """Return a row as text, in which NaN equals NaN."""
    return repr([list(part) if isinstance(part, Sequence) else part for part in row])


class TestUsualValue:
    def test_yesterday_counts_less_than_today(self):
        """Of two days the mean leans to the later one."""
        assert usual_value({76: 100.0}.get, 100, 200.0) == pytest.approx(
            (200 + USUAL_FADING * 100) / (1 + USUAL_FADING)
        )

    def test_a_missing_day_does_not_count(self):
        """Nor does it pull the mean to zero: two days ago weighs as two days ago."""
        weight = USUAL_FADING**2
        assert usual_value({52: 100.0}.get, 100, 200.0) == pytest.approx((200 + weight * 100) / (1 + weight))

    def test_nan_is_missing_too(self):
        """An error of an hour that was not forecast does not count."""
        errors = {100 - 24 * day: math.nan if day % 2 else 8.0 for day in range(1, 30)}
        assert usual_value(errors.__getitem__, 100, math.nan) == pytest.approx(8)

    def test_two_weeks_are_remembered(self):
        """The fifteenth day back is not looked at."""
        known = {1000 - 24 * day: 300.0 for day in range(1, USUAL_DAYS)}
        whole = usual_value(known.get, 1000, 300.0)
        assert whole == pytest.approx(300)
        assert usual_value({**known, 1000 - 24 * USUAL_DAYS: 900.0}.get, 1000, 300.0) == whole

    def test_nothing_known_is_unknown(self):
        """Without any day there is no usual value."""
        assert math.isnan(usual_value({}.get, 100, math.nan))


class TestRow:
    def test_the_usual_day_rises_as_it_did_before(self):
        """On a grid that repeats itself the usual rise is the rise, whatever the hour."""
        measured = {DAY_0 + i: 100.0 + i % 24 for i in range(24 * 5)}
        row = hours(measured).row(DAY_0 + 24 * 4 + 5)
        assert row.usual == pytest.approx([(5 + lead) % 24 - 5 for lead in range(1, 25)])
        assert row.usual_error == pytest.approx(0)
        assert row.momentum == pytest.approx(1)

    def test_by_hand_on_two_days(self):
        """What was measured yesterday is the usual day; today is 30 above it and has risen by 40."""
        measured = {DAY_0 + i: 200.0 + 10 * i for i in range(24)} | {DAY_0 + 23: 190.0, DAY_0 + 24: 230.0}
        row = hours(measured).row(DAY_0 + 24)
        assert row.usual_error == 30
        assert row.momentum == 40
        assert row.usual[:2] == [10, 20]
        assert row.usual[22] == -10  # the last hour of yesterday stands for the last of today
        assert row.usual[23] == pytest.approx((230 + USUAL_FADING * 200) / (1 + USUAL_FADING) - 200)

    def test_without_a_forecast(self):
        """Nothing ahead, no error of it, no habit."""
        row = hours({DAY_0: 100.0}).row(DAY_0)
        assert list(row.ahead) == []
        assert math.isnan(row.forecast_error)
        assert math.isnan(row.rise(1))
        assert row.habit == [0.0] * 24

    def test_without_yesterday(self):
        """The usual rise is unknown, and so is its error; momentum of an unknown hour is none."""
        row = hours({DAY_0: 100.0}).row(DAY_0)
        assert len(row.usual) == 24
        assert all(math.isnan(rise) for rise in row.usual)
        assert math.isnan(row.usual_error)
        assert row.momentum == 0

    def test_an_hour_that_was_not_measured(self):
        """A row exists, of which nothing can be learned."""
        row = hours({DAY_0 + i: 100.0 for i in range(24)}).row(DAY_0 + 24)
        assert math.isnan(row.usual_error)
        assert row.momentum == 0

    def test_a_gap_in_the_usual_day_is_unknown(self):
        """Only the lead that needs the missing hour is NaN."""
        measured = {DAY_0 + i: 100.0 + i for i in range(25) if i != 7}
        row = hours(measured).row(DAY_0 + 24)
        assert [lead for lead in range(1, 25) if math.isnan(row.usual[lead - 1])] == [7]

    def test_what_the_forecast_says(self):
        """Its rise is counted from what it says of now; beyond its end it says nothing."""
        row = hours({DAY_0: 120.0}, issue(DAY_0, [100, 90, 150])).row(DAY_0)
        assert row.forecast_error == 20
        assert [row.rise(1), row.rise(2)] == [-10, 50]
        assert math.isnan(row.rise(3))

    def test_the_habit_of_a_forecast(self):
        """A forecast that every day is 12 too high at the next hour is expected to be so again."""
        measured = {DAY_0 + i: 100.0 for i in range(24 * 4)}
        issues = [issue(DAY_0 + 24 * day, [100.0 + 12 * (i == 1) for i in range(24)]) for day in range(4)]
        row = hours(measured, *issues).row(DAY_0 + 24 * 3)
        assert row.forecast_error == 0
        assert row.habit == pytest.approx([-12.0] + [0.0] * 23)

    def test_an_unknown_habit_is_none(self):
        """On the first day of forecasts nobody knows their errors."""
        row = hours({DAY_0 + i: 100.0 for i in range(25)}, issue(DAY_0 + 24, [90, 80])).row(DAY_0 + 24)
        assert row.habit == [0.0] * 24

    @given(
        st.lists(st.one_of(st.none(), st.floats(1, 900)), min_size=60, max_size=60),
        st.lists(st.one_of(st.none(), st.floats(1, 900)), min_size=60, max_size=60),
        st.integers(0, 59),
        st.booleans(),
    )
    def test_rows_only_look_back(
        self, values: list[float | None], others: list[float | None], at: int, forecast_changes: bool
    ):
        """Another future, measured or forecast, makes the same row; so a backtest may hold it already."""
        known = {DAY_0 + i: v for i, v in enumerate(values) if v is not None}
        changed = {h: v for h, v in known.items() if h <= DAY_0 + at}
        changed |= {DAY_0 + i: v for i, v in enumerate(others) if v is not None and i > at}
        issues = [issue(DAY_0 + i, [values[i], *others[i:]]) for i in range(0, 60, 6)]
        later = [one for one in issues if one.start_at <= EPOCH + HOUR * (DAY_0 + at)]
        later += [issue(DAY_0 + i, others) for i in range(at + 1, 60)] if forecast_changes else issues[len(later) :]
        assert same(hours(changed, *later).row(DAY_0 + at)) == same(hours(known, *issues).row(DAY_0 + at))


class TestForecast:
    def test_the_newest_issue_counts(self):
        """Of two that tell of the hour, the later one."""
        measured = {DAY_0 + 1: 100.0}
        found = hours(measured, issue(DAY_0, [1, 2, 3]), issue(DAY_0 + 1, [20, 30]))
        assert list(found.row(DAY_0 + 1).ahead) == [20, 30]

    @pytest.mark.parametrize("newest", [[None, 30], [], None])
    def test_one_that_does_not_tell_of_the_hour_is_passed_over(self, newest: list[float | None] | None):
        """A gap, an end or a later begin: the issue before it is asked."""
        late = issue(DAY_0 + 1, newest) if newest is not None else issue(DAY_0 + 2, [9, 9], minutes=-60)
        found = hours({DAY_0 + 1: 100.0}, issue(DAY_0, [1, 2, 3]), late)
        assert list(found.row(DAY_0 + 1).ahead) == [2, 3]

    def test_an_old_issue_is_not_used(self):
        """At the maximum age it still is."""
        one = issue(DAY_0, [5.0] * 60)
        measured = {DAY_0 + i: 100.0 for i in range(60)}
        found = hours(measured, one, max_age=timedelta(hours=2))
        assert found.row(DAY_0 + 2).forecast_error == 95
        assert list(found.row(DAY_0 + 3).ahead) == []

    def test_a_gap_ahead_is_unknown(self):
        """A lead that the forecast leaves out has no rise."""
        row = hours({DAY_0: 100.0}, issue(DAY_0, [1, None, 3])).row(DAY_0)
        assert math.isnan(row.rise(1))
        assert row.rise(2) == 2


class TestRowKnownAt:
    def test_at_the_begin_of_the_hour_it_is_the_row(self):
        """Nothing more is known than what the lessons were learned from; it is computed once."""
        found = hours({DAY_0 + i: 100.0 for i in range(30)}, issue(DAY_0, [1.0] * 30))
        at = DAY_0 + 25
        assert found.row_known_at(at, at * 3600, 100.0) is found.row(at)

    def test_within_the_hour_a_new_forecast_is_known(self):
        """A forecast of 00:10 counts at 00:20, and did not at 00:05."""
        found = hours({DAY_0: 100.0}, issue(DAY_0, [70, 70]), issue(DAY_0, [90, 90], minutes=10))
        assert found.row_known_at(DAY_0, DAY_0 * 3600 + 1200, 100.0).forecast_error == 10
        assert found.row_known_at(DAY_0, DAY_0 * 3600 + 300, 100.0).forecast_error == 30

    def test_the_present_counts_as_far_as_measured(self):
        """The mean of the slots so far stands for the hour; the rest of the hour is not known yet."""
        measured = {DAY_0 + i: 100.0 for i in range(25)}
        row = hours(measured).row_known_at(DAY_0 + 24, (DAY_0 + 24) * 3600, 130.0)
        assert (row.usual_error, row.momentum) == (30, 30)


class TestWhatIsThere:
    def test_nothing(self):
        """An empty log has no newest hour."""
        assert hours({}).newest(DAY_0 * 3600) is None
        assert hours({}).first_measured == 0

    def test_the_newest_has_begun(self):
        """The running hour is one; the next is not."""
        found = hours({DAY_0: 1.0, DAY_0 + 1: 1.0, DAY_0 + 2: 1.0})
        assert found.newest((DAY_0 + 1) * 3600) == DAY_0 + 1
        assert found.newest((DAY_0 + 1) * 3600 - 1) == DAY_0
        assert found.newest(DAY_0 * 3600 - 1) is None

    def test_where_forecasts_begin(self):
        """Not before there is anything measured to compare them with."""
        measured = {DAY_0 + 5: 1.0, DAY_0 + 6: 1.0}
        assert hours(measured).first_forecast == DAY_0 + 5
        assert hours(measured, issue(DAY_0, [1.0])).first_forecast == DAY_0 + 5
        assert hours(measured, issue(DAY_0 + 9, [1.0], minutes=30)).first_forecast == DAY_0 + 9


class TestMeasuredHours:
    def test_gaps_are_left_out_and_corrections_count(self):
        """A later stretch corrects an earlier one; its gaps do not erase."""
        begin = EPOCH + HOUR * DAY_0
        old = Stretch(start_at=begin, values=(1.0, None, 3.0, 4.0))
        new = Stretch(start_at=begin + 2 * HOUR, values=(30.0, None, 50.0))
        assert measured_hours(old, new) == {DAY_0: 1, DAY_0 + 2: 30, DAY_0 + 3: 4, DAY_0 + 4: 50}

    def test_quarter_hours_make_hours(self):
        """An hour is the mean of its slots, a running one of those so far."""
        quarters = Stretch(
            start_at=EPOCH + HOUR * DAY_0,
            slot_length=timedelta(minutes=15),
            values=(100.0, 200.0, 300.0, 400.0, 500.0, 700.0),
        )
        assert measured_hours(quarters) == {DAY_0: 250, DAY_0 + 1: 600}
