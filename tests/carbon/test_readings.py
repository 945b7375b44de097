from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from airflow_provider_hypercarbon.carbon.intensity import Signal
from airflow_provider_hypercarbon.carbon.readings import IssuedForecast, ReadingsLog, Stretch, midnight
from tests.carbon.grid import HOUR, NOW, series

QUARTER = timedelta(minutes=15)
NOW_HOUR = int(NOW.timestamp()) // 3600


def log(*values: float | None, issues: tuple[IssuedForecast, ...] = (), **more: object) -> ReadingsLog:
    measured = Stretch(start_at=NOW, values=values)
    return ReadingsLog.model_validate(
        {"zone": "DE", "source": "test", "measured": measured, "issues": issues, **more}
    )


def issued(hours: float, *values: float) -> IssuedForecast:
    return IssuedForecast(issued_at=NOW + hours * HOUR, start_at=NOW, values=values)


class TestStretch:
    def test_hours_stay_as_they_are(self):
        """Hourly values are learned from unchanged, gaps included."""
        stretch = Stretch(start_at=NOW, values=(1, None, 3))
        assert stretch.hourly() == (NOW_HOUR, [1, None, 3])
        assert stretch.end_at == NOW + 3 * HOUR

    def test_quarters_become_the_mean_of_what_is_known(self):
        """An hour with one quarter missing has the mean of three; an hour without any is a gap."""
        values = (100, 200, None, 300, None, None, None, None, 50)
        stretch = Stretch(start_at=NOW, slot_length=QUARTER, values=values)
        assert stretch.hourly() == (NOW_HOUR, [200, None, 50])

    def test_nothing_known_has_no_hours(self):
        """Gaps alone say nothing."""
        assert Stretch(start_at=NOW, slot_length=QUARTER, values=(None,)).hourly() == (NOW_HOUR, [])

    def test_slots_longer_than_an_hour_count_for_each(self):
        """A value for three hours is that of every one of them."""
        assert Stretch(start_at=NOW, slot_length=3 * HOUR, values=(7,)).hourly() == (NOW_HOUR, [7, 7, 7])

    def test_only_what_has_ended_was_known_before(self):
        """At 19:30 the hour from 19:00 on is not over."""
        stretch = Stretch(start_at=NOW, values=(1, 2, 3))
        assert stretch.before(NOW + 1.5 * HOUR).values == (1,)
        assert stretch.before(NOW + 3 * HOUR) is stretch
        assert stretch.before(NOW - HOUR).values == ()

    def test_a_series_and_back(self):
        """A series with a gap keeps its values and their times."""
        given = series([1, 2, 3])
        gappy = given.model_copy(update={"slots": (given.slots[0], given.slots[2])})
        stretch = Stretch.of(gappy)
        assert stretch.values == (1, None, 3)
        assert [(start, value) for start, value, _ in stretch.slots()] == [(NOW, 1), (NOW + 2 * HOUR, 3)]
        assert Stretch.of(series([])).values == ()


class TestIssuedForecast:
    def test_it_keeps_when_it_was_issued(self):
        """Only so can be told later what was known when."""
        received = IssuedForecast.received(series([1, 2], issued_at=NOW - HOUR))
        assert (received.issued_at, received.start_at, received.values) == (NOW - HOUR, NOW, (1, 2))

    def test_an_unknown_issue_is_refused(self):
        """A forecast of nobody knows when may know the future."""
        with pytest.raises(ValueError, match="time of its issue"):
            IssuedForecast.received(series([1]))


class TestReadingsLog:
    def test_issues_are_in_order(self):
        """The newest is looked up by its place."""
        with pytest.raises(ValidationError, match="in order"):
            log(issues=(issued(2, 1.0), issued(1, 1.0)))

    def test_what_it_said_before(self):
        """Neither a later issue nor a later hour was known then."""
        earlier = log(1, 2, 3, issues=(issued(0, 1.0), issued(2, 2.0))).before(NOW + HOUR)
        assert earlier.measured.values == (1,)
        assert [issue.issued_at for issue in earlier.issues] == [NOW]

    @pytest.mark.parametrize("more", [{"zone": "FR"}, {"source": "other"}, {"signal": Signal(kind="marginal")}])
    def test_another_zone_source_or_signal_does_not_fit(self, more: dict[str, object]):
        """What was learned of one says nothing about the other."""
        assert log(1).fits(series([1]))
        assert log(1).fits(None)
        assert not log(1).fits(series([1], **more))

    def test_equal_logs_are_one(self):
        """Loaded twice, a log is found again by its value."""
        assert len({log(1, 2), log(1, 2), log(1, 3)}) == 2
        assert len({log(1, issues=(issued(0, 1.0),)), log(1)}) == 2

    def test_it_is_plain_json_and_comes_back_the_same(self):
        """A log can be kept as text."""
        given = log(1, None, issues=(issued(0, 1.0),))
        assert ReadingsLog.model_validate(given.model_dump(mode="json")) == given


def test_midnight_is_that_of_utc():
    """The curve learns once a UTC day."""
    assert midnight(NOW + 5 * HOUR) == NOW - 18 * HOUR
