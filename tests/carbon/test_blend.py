from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_hypercarbon.carbon.blend import DAY, HOUR, Strip, profile, strip_of
from airflow_provider_hypercarbon.carbon.curve import believe
from tests.carbon import grid
from tests.carbon.grid import NOW, series

SOME_TIME = 20_000 * DAY


def strip(*values: float | None) -> Strip:
    return Strip(SOME_TIME, HOUR, values)


class TestStrip:
    def test_outside_are_gaps(self):
        """Whatever is cut has the length that was asked for."""
        assert strip(1, 2).cut(SOME_TIME - HOUR, 4) == [None, 1, 2, None]
        assert strip(1, 2).cut(SOME_TIME + DAY, 2) == [None, None]
        assert strip(1, 2).cut(SOME_TIME - DAY, 2) == [None, None]

    def test_the_newest_has_begun_and_has_a_value(self):
        """Neither a gap nor the future is the present."""
        assert strip(1, 2, None, 4).newest(SOME_TIME + 2 * HOUR + 60) == SOME_TIME + HOUR
        assert strip(1, 2).newest(SOME_TIME - 1) is None
        assert strip().newest(SOME_TIME) is None

    def test_a_missing_slot_of_a_series_is_a_gap(self):
        """The slots after it keep their places."""
        full = series([1, 2, 3])
        gappy = full.model_copy(update={"slots": (full.slots[0], full.slots[2])})
        assert strip_of(gappy, NOW, NOW + DAY * timedelta(seconds=1), slot=HOUR).values == [1, None, 3]


class TestProfile:
    def test_a_day_of_history_anchors_by_the_hour_after(self):
        """The 24 hours of a free key lack the one exactly a day ago; the next hour's value tells the difference."""
        past = strip(*range(100, 124))  # the newest is 123, a day before it would be 99
        found, now = profile(past, SOME_TIME + 23 * HOUR, SOME_TIME + 23 * HOUR, 3, 7)
        assert now == 100
        assert found == [123, 100, 101]

    def test_the_last_known_day_repeats_itself(self):
        """Two days ahead nothing more is known than one day ahead."""
        past = strip(*range(100, 148))
        found, _ = profile(past, SOME_TIME + 47 * HOUR, SOME_TIME + 48 * HOUR, 48, 1)
        assert found == [*range(124, 148)] * 2

    def test_days_with_a_gap_leave_the_others(self):
        """The mean of the days that are known."""
        values: list[float | None] = [100.0] * 24 + [200.0] * 24
        values[5] = None
        found, _ = profile(strip(*values), SOME_TIME + 47 * HOUR, SOME_TIME + 48 * HOUR, 24, 7)
        assert found[5] == 200
        assert found[6] == 150


def test_slots_that_begin_at_half_past_are_their_own_grid():
    """A source of a zone with a half-hour clock is believed as any other."""
    half_past = NOW + timedelta(minutes=30)
    curve = believe(None, series([300, 200], half_past), now=half_past + grid.HOUR, until=half_past + 2 * grid.HOUR)
    assert curve.start_at == half_past + grid.HOUR
    assert curve.values == (200,)


@pytest.mark.parametrize("minutes", [5, 30])
def test_a_profile_of_fine_slots_keeps_their_times(minutes: int):
    """The slot of 12:05 is the mean of the slots of 12:05."""
    slot = timedelta(minutes=minutes)
    per_day = round(timedelta(days=1) / slot)
    measured = series([float(i % per_day) for i in range(3 * per_day)], NOW - timedelta(days=3) + slot, slot)
    curve = believe(measured, None, now=NOW, until=NOW + timedelta(hours=6))
    assert curve.values[1:] == pytest.approx([float(i % per_day) for i in range(len(curve.values) - 1)])
