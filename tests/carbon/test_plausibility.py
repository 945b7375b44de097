"""The requirements on jumps: a single value far off its neighbours is refused, and no real ramp is."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest

from airflow_provider_hypercarbon.carbon.intensity import Slot
from airflow_provider_hypercarbon.carbon.plausibility import refuse_jump, without_false_begin, without_spikes
from airflow_provider_hypercarbon.exceptions import BadDataError
from tests.carbon.grid import HOUR, NOW, series


def slots(values: list[float], step: timedelta = HOUR) -> list[Slot]:
    return [Slot(NOW + step * i, value) for i, value in enumerate(values)]


def kept(values: list[float], step: timedelta = HOUR) -> list[float]:
    return [slot.gco2eq_per_kwh for slot in without_spikes(slots(values, step), step)]


class TestSpikes:
    @pytest.mark.parametrize("spike", [45, 149, 601, 1400])
    def test_a_value_beyond_both_neighbours_becomes_a_gap(self, spike: float):
        """Less than half of them, or more than twice as much."""
        assert kept([300, 300, spike, 300, 300]) == [300] * 4

    @pytest.mark.parametrize(
        "values",
        [
            [300, 290, 151, 290, 300],  # a dip of half
            [20, 20, 69, 20, 20],  # a clean grid doubles for less than 50 g
            [600, 600, 200, 200, 600, 600],  # two hours
            [380, 193, 83, 61, 52, 60, 90, 210, 320],  # California's sun, rising and setting
            [300, 45],  # an end has one neighbour
            [45],
            [],
        ],
    )
    def test_what_grids_do_is_kept(self, values: list[float]):
        """As steep as the steepest ramps on record."""
        assert kept(values) == values

    def test_neighbours_are_within_the_hour(self):
        """After a gap nobody knows what was between; in short slots a gap is a short one."""
        far = [Slot(NOW, 300.0), Slot(NOW + 3 * HOUR, 45.0), Slot(NOW + 6 * HOUR, 300.0)]
        assert without_spikes(far, HOUR) == far
        assert kept([300, 45, 300], HOUR / 12) == [300, 300]


class TestNewest:
    def test_a_value_that_no_hour_leads_to_is_refused(self):
        """The problem has its name, and the sentence both values."""
        with pytest.raises(BadDataError, match=r"is 45 gCO2eq/kWh, after 400 at .* UTC: no grid jumps") as refused:
            refuse_jump(series([400, 45]), None)
        assert refused.value.problem == "jump"

    def test_with_a_forecast_half_is_enough(self):
        """The hour before and the hour ahead agree against it."""
        measured = series([300, 300, 120])
        refuse_jump(measured, None)
        with pytest.raises(BadDataError):
            refuse_jump(measured, series([300] * 6))
        refuse_jump(measured, series([300, 250, 160, 110, 110]))

    @pytest.mark.parametrize("values", [[400], [400, 134], [83, 193], [60, 15], []])
    def test_what_grids_do_is_taken(self, values: list[float]):
        """Within a factor of three, or fifty grams."""
        refuse_jump(series(values), None)

    def test_after_a_longer_gap_anything_may_be(self):
        """Two hours may be nine times apart; after four hours nothing is compared."""
        gap = series([400, 45]).model_copy(update={"slots": (Slot(NOW, 400.0), Slot(NOW + 2 * HOUR, 45.0))})
        refuse_jump(gap, None)
        later = gap.model_copy(update={"slots": (Slot(NOW, 900.0), Slot(NOW + 4 * HOUR, 20.0))})
        refuse_jump(later, None)

    def test_a_smooth_day_is_never_refused(self):
        """Whatever its level and swing."""
        for level in (30.0, 300.0, 700.0):
            day = [level * (1 + 0.9 * math.sin(hour / 24 * 2 * math.pi)) for hour in range(48)]
            assert kept(day) == day
            for hour in range(2, 48):
                refuse_jump(series(day[:hour]), None)


class TestBeginOfAForecast:
    @pytest.mark.parametrize(("values", "refused"), [([45.0, 427.0, 402.0], True), ([160.0, 427.0, 402.0], False)])
    def test_without_a_measured_neighbour_the_next_value_tells(self, values: list[float], refused: bool):
        """What was measured hours ago says nothing of it; that no grid triples within an hour does."""
        forecast = series(values, NOW)
        begun, jump = without_false_begin(forecast, series([430.0, 437.0], NOW - 5 * HOUR))
        assert begun is not None
        assert len(begun.slots) == len(values) - refused
        assert (jump is not None) == refused
