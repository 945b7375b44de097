from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_hypercarbon.carbon.readings import IssuedForecast, ReadingsLog, Stretch
from airflow_provider_hypercarbon.carbon.replay import Timeline
from airflow_provider_hypercarbon.carbon.rivals import (
    Rival,
    Start,
    electricity_maps,
    hypersdk,
    one_shot,
    perfect_foresight,
    run_now,
    threshold,
)
from tests.carbon.grid import HOUR

#: When the job becomes ready, a day after the trace begins.
READY_AT = datetime(2026, 3, 2, tzinfo=UTC)
READY = READY_AT.timestamp()
H = 3600.0
QUARTER = timedelta(minutes=15)
DIRTY_DAY = (400.0,) * 24


def timeline(
    truth: Sequence[float | None],
    forecast: Sequence[float | None] | None = None,
    before: Sequence[float | None] = DIRTY_DAY,
    slot: timedelta = HOUR,
) -> Timeline:
    """Return a day before the job is ready, what follows, and a forecast issued when it is ready."""
    issues = ()
    if forecast is not None:
        issues = (IssuedForecast(issued_at=READY_AT, start_at=READY_AT, slot_length=slot, values=tuple(forecast)),)
    measured = Stretch(start_at=READY_AT - slot * len(before), slot_length=slot, values=(*before, *truth))
    return Timeline(ReadingsLog(zone="DE", source="test", measured=measured, issues=issues))


def starts(
    rival: Rival,
    known: Timeline,
    *windows: float,
    duration: float = 1,
    after: float = 0,
    limit: float = 200,
) -> list[tuple[float, int]]:
    """Return for each window the hours from midnight to the start, and the calls."""
    ready = READY + after * H
    found = rival(known, ready, [ready + hours * H for hours in windows], duration * HOUR, limit)
    assert all(isinstance(start, Start) for start in found)
    return [((at - READY) / H, calls) for at, calls in found]


class TestRunNow:
    def test_starts_at_once(self):
        """And asks nobody."""
        assert starts(run_now, timeline([400, 100]), 4, 12) == [(0, 0), (0, 0)]


class TestThreshold:
    def test_clean_now(self):
        """At or under the limit, after one look."""
        assert starts(threshold, timeline([200, 100, 100, 100, 100]), 4) == [(0, 1)]

    def test_looks_at_every_slot(self):
        """The first slot at or under the limit, as measured when it comes; the deadline, if that is earlier."""
        known = timeline([400, 300, 200.1, 200, 100, 400])
        assert starts(threshold, known, 4, 3, 2) == [(3, 4), (3, 3), (2, 2)]

    def test_from_within_an_hour(self):
        """It looks when it is ready, and then as each slot begins."""
        assert starts(threshold, timeline([400, 300, 100, 400, 400, 400]), 4, after=0.4) == [(2, 3)]
        assert starts(threshold, timeline([400] * 6), 1.2, after=0.4) == [(pytest.approx(1.6), 2)]

    def test_never_clean(self):
        """The deadline, whatever it is."""
        assert starts(threshold, timeline([400] * 6), 4) == [(4, 4)]

    def test_a_gap_is_not_clean(self):
        """Nor is a slot after the end of the trace."""
        assert starts(threshold, timeline([None, None, 100]), 4) == [(2, 3)]
        assert starts(threshold, timeline([400]), 2) == [(2, 2)]

    def test_no_forecast_is_looked_at(self):
        """It does not plan."""
        assert starts(threshold, timeline([400] * 6, [100] * 6), 4) == [(4, 4)]


class TestHyperSDK:
    def test_clean_now(self):
        """At or under the limit it starts, after one call."""
        assert starts(hypersdk, timeline([200, 50, 50, 50, 50], [400] * 8), 4) == [(0, 1)]

    def test_an_unknown_present_starts(self):
        """A gap in what was measured is no reason to wait for HyperSDK."""
        assert starts(hypersdk, timeline([None, 50], [400, 50]), 4) == [(0, 1)]

    def test_the_first_clean_slot_not_the_cleanest(self):
        """A forecast slot at or under the limit, though the next is cleaner."""
        assert starts(hypersdk, timeline([400] * 8, [400, 300, 200, 50, 50, 50]), 4) == [(2, 2)]

    def test_four_hours_included(self):
        """A slot that begins in 4 h counts, one that begins in 5 h does not."""
        assert starts(hypersdk, timeline([400] * 8, [400, 400, 400, 400, 100, 100]), 12) == [(4, 2)]
        assert starts(hypersdk, timeline([400] * 8, [400, 400, 400, 400, 400, 100]), 12) == [(0, 2)]

    def test_four_hours_from_within_an_hour(self):
        """Counted from the moment, so the last slot begins before they end."""
        known = timeline([400] * 8, [400, 400, 400, 400, 100, 100])
        assert starts(hypersdk, known, 12, after=0.5) == [(4, 2)]
        known = timeline([400] * 8, [400, 400, 400, 400, 400, 100])
        assert starts(hypersdk, known, 12, after=0.5) == [(0.5, 2)]

    def test_not_after_the_longest_delay(self):
        """A clean slot at exactly the longest delay is waited for; one after it is not, and the job starts."""
        known = timeline([400] * 8, [400, 400, 400, 100, 100])
        assert starts(hypersdk, known, 4, 3, 2.9) == [(3, 2), (3, 2), (0, 2)]

    def test_the_running_slot_is_no_delay(self):
        """Forecast clean but measured dirty: a delay of nothing, or less, is none; later slots are not looked at."""
        known = timeline([400] * 8, [100, 400, 100, 100])
        assert starts(hypersdk, known, 4) == [(0, 2)]
        assert starts(hypersdk, known, 4, after=0.5) == [(0.5, 2)]

    def test_nothing_clean(self):
        """It starts dirty, at once."""
        assert starts(hypersdk, timeline([400] * 8, [300] * 8), 4) == [(0, 2)]

    def test_it_does_not_look_again(self):
        """A clean slot that turns out dirty is started in all the same."""
        known = timeline([400, 100, 900, 900, 100], [400, 400, 150, 400, 400])
        assert starts(hypersdk, known, 4) == [(2, 2)]

    def test_a_gap_is_not_clean(self):
        """The first slot that is known to be."""
        assert starts(hypersdk, timeline([400] * 8, [400, None, 150, 100]), 4) == [(2, 2)]

    def test_without_forecasts_the_last_day_repeats(self):
        """Yesterday was clean at 03:00, so today is expected to be."""
        yesterday = [400.0] * 3 + [150.0] + [400.0] * 20
        assert starts(hypersdk, timeline([400] * 8, before=yesterday), 4, 2) == [(3, 2), (0, 2)]

    def test_quarter_hours(self):
        """A finer forecast has finer slots."""
        known = timeline([400] * 32, [400] * 5 + [100] * 20, before=[400] * 96, slot=QUARTER)
        assert starts(hypersdk, known, 4) == [(1.25, 2)]


class TestElectricityMaps:
    def test_the_cleanest_full_hour(self):
        """The lowest mean over the job, from the next hour on."""
        known = timeline([400] * 8, [50, 300, 200, 100, 300, 300, 300])
        assert starts(electricity_maps, known, 4, 2, duration=2) == [(2, 1), (2, 1)]
        assert starts(electricity_maps, known, 4, 2) == [(3, 1), (2, 1)]

    def test_the_running_hour_is_no_choice(self):
        """However clean it is."""
        assert starts(electricity_maps, timeline([400] * 8, [50, 300, 400, 400, 400, 400]), 4) == [(1, 1)]

    def test_the_earlier_of_equals(self):
        """A flat forecast waits for the next hour."""
        assert starts(electricity_maps, timeline([400] * 8, [300] * 8), 4) == [(1, 1)]

    def test_within_an_hour(self):
        """Its choices are full hours until the deadline."""
        known = timeline([400] * 8, [300, 250, 200, 100, 300, 300])
        assert starts(electricity_maps, known, 2, after=0.5) == [(2, 1)]

    def test_no_full_hour_before_the_deadline(self):
        """Then the deadline."""
        assert starts(electricity_maps, timeline([400] * 8, [300] * 8), 0.25, 4, after=0.5) == [(0.75, 1), (1, 1)]

    def test_without_data_the_next_hour(self):
        """Nothing to compare."""
        assert starts(electricity_maps, timeline([400] * 8, [None] * 8), 4, 0.5) == [(1, 1), (0.5, 1)]


class TestOneShot:
    def test_the_lowest_mean_of_the_forecast(self):
        """Over the whole job, now included, and what really comes does not matter."""
        known = timeline([900, 900, 100, 100, 900, 900], [300, 300, 400, 200, 100, 500])
        assert starts(one_shot, known, 4, 2, duration=2) == [(3, 1), (0, 1)]

    def test_starts_between_slots(self):
        """A job of 90 minutes ends with the clean hours."""
        assert starts(one_shot, timeline([400] * 8, [400, 300, 100, 500, 500, 500]), 4, duration=1.5) == [(1.5, 1)]

    def test_a_flat_forecast_starts_now(self):
        """Waiting for nothing is no plan."""
        assert starts(one_shot, timeline([400] * 8, [300] * 8), 4) == [(0, 1)]

    def test_without_a_forecast_of_now(self):
        """Nothing to compare the wait with: it starts."""
        assert starts(one_shot, timeline([400] * 8, [None, 100, 100, 100, 100, 100]), 4) == [(0, 1)]
        early = timeline([400] * 8, [300, 100, 100])
        assert one_shot(early, READY - H, [READY + H], HOUR, 200) == [Start(READY - H, 1)]

    def test_without_forecasts_the_last_day_repeats(self):
        """Today's cleanest hour is expected where yesterday's was, and a day of it lasts as long as the window."""
        yesterday = [400.0] * 5 + [100.0] + [400.0] * 18
        assert starts(one_shot, timeline([400] * 60, before=yesterday), 4, 12, 30) == [(0, 1), (5, 1), (5, 1)]


class TestPerfectForesight:
    def test_the_lowest_mean_that_was_measured(self):
        """No call, and no forecast."""
        known = timeline([300, 300, 400, 200, 100, 500, 600], [100, 900, 900, 900, 900, 900, 900])
        assert starts(perfect_foresight, known, 4, 2, duration=2) == [(3, 0), (0, 0)]

    @pytest.mark.parametrize("rival", [run_now, threshold, hypersdk, electricity_maps, one_shot])
    @pytest.mark.parametrize("duration", [1, 1.5, 6])
    def test_nobody_does_better(self, rival: Rival, duration: float):
        """Its mean is the lowest of all rules', for every moment and window."""
        truth = [300 + 37 * i % 211 for i in range(72)]
        known = timeline(truth, [value + 53 * i % 97 for i, value in enumerate(truth)])
        for ready in (READY + minutes * 60 for minutes in range(0, 24 * 60, 100)):
            deadlines = [ready + hours * H for hours in (1, 4, 12, 24)]
            found = [each(known, ready, deadlines, duration * HOUR, 350) for each in (rival, perfect_foresight)]
            theirs, best = (
                known.truth.means_from([start.at - known.first for start in each], duration * H) for each in found
            )
            for mean, least in zip(theirs, best, strict=True):
                assert mean is not None
                assert least is not None
                assert least <= mean + 1e-6

    def test_a_gap_cannot_be_judged(self):
        """A present that was not measured: started at once, and left out of the figures later."""
        assert starts(perfect_foresight, timeline([None, 100, 100]), 1) == [(0, 0)]


class TestAll:
    @pytest.mark.parametrize("rival", [run_now, threshold, hypersdk, electricity_maps, one_shot, perfect_foresight])
    @pytest.mark.parametrize("with_forecast", [True, False])
    def test_in_the_window(self, rival: Rival, with_forecast: bool):
        """Nobody starts before the job is ready or after its deadline."""
        truth = [100 + 71 * i % 400 for i in range(72)]
        known = timeline(truth, truth[5:] if with_forecast else None)
        for ready in (READY + minutes * 60 for minutes in range(0, 24 * 60, 70)):
            deadlines = [ready + hours * H for hours in (0, 0.25, 4, 24)]
            for start, deadline in zip(rival(known, ready, deadlines, 2 * HOUR, 200), deadlines, strict=True):
                assert ready <= start.at <= deadline
