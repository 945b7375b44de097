"""The requirements on one intensity: its level, its checks, its provenance."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from airflow_provider_hypercarbon.carbon.intensity import (
    CarbonIntensity,
    IntensityLevel,
    IntensitySeries,
    Signal,
    Slot,
    checked_intensity,
)
from airflow_provider_hypercarbon.exceptions import BadDataError

NOW = datetime(2026, 3, 2, 18, tzinfo=UTC)
HOUR = timedelta(hours=1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


class TestLevel:
    @pytest.mark.parametrize(
        ("value", "level"),
        [
            (0, "excellent"),
            (99.9, "excellent"),
            (100, "good"),
            (199.9, "good"),
            (200, "moderate"),
            (399.9, "moderate"),
            (400, "poor"),
            (599.9, "poor"),
            (600, "very poor"),
            (1200, "very poor"),
        ],
    )
    def test_the_cut_points_are_those_of_hypersdk(self, value: float, level: str):
        """A limit is the first value of the next level."""
        assert IntensityLevel.of(value) == level

    def test_no_number_is_never_clean(self):
        """Should one slip through all checks, the word for it is the worst."""
        assert IntensityLevel.of(float("nan")) is IntensityLevel.VERY_POOR


class TestCheck:
    @pytest.mark.parametrize(
        ("value", "problem"),
        [
            (None, "null"),
            ("412", "not_a_number"),
            (True, "not_a_number"),
            ([412], "not_a_number"),
            ({}, "not_a_number"),
            (float("nan"), "not_a_number"),
            (float("inf"), "not_a_number"),
            (float("-inf"), "not_a_number"),
            (10**400, "not_a_number"),
            (-(10**400), "not_a_number"),
            (-1, "negative"),
            (-0.001, "negative"),
            (0, "zero"),
            (-0.0, "zero"),
            (1500.1, "absurd"),
            (1e300, "absurd"),
        ],
    )
    def test_bad_data_are_refused_by_name(self, value: object, problem: str):
        """Each with the zone in its sentence."""
        with pytest.raises(BadDataError, match="DE") as caught:
            checked_intensity(value, zone="DE", signal=Signal())
        assert caught.value.problem == problem

    @pytest.mark.parametrize("value", [0.1, 21, 412, 1500])
    def test_what_a_grid_can_have_is_taken(self, value: float):
        """As a float, unchanged."""
        checked = checked_intensity(value, zone="DE", signal=Signal())
        assert (checked, type(checked)) == (value, float)

    @pytest.mark.parametrize("factors", ["direct", "operational"])
    def test_combustion_alone_may_be_zero(self, factors: str):
        """A grid of wind and water burns nothing; only life-cycle factors count its construction."""
        signal = Signal.model_validate({"factors": factors})
        assert checked_intensity(0, zone="IS", signal=signal) == 0

    @given(JSON)
    def test_no_json_value_makes_another_error(self, value: object):
        """A plausible intensity, or a refusal with a name."""
        with suppress(BadDataError):
            assert 0 < checked_intensity(value, zone="DE", signal=Signal()) <= 1500


class TestValues:
    def test_times_are_utc_and_naive_ones_are_refused(self):
        """At the door of the model."""
        berlin = timezone(HOUR)
        one = CarbonIntensity(
            zone="DE", start_at=NOW.astimezone(berlin), end_at=NOW + HOUR, gco2eq_per_kwh=1, source="x"
        )
        assert (one.start_at, one.start_at.tzinfo) == (NOW, UTC)
        assert one.level is IntensityLevel.EXCELLENT
        with pytest.raises(ValidationError):
            one.model_validate({**one.model_dump(), "start_at": "2026-03-02T18:00:00"})

    def test_a_signal_says_what_it_counts(self):
        """For sentences about two that differ."""
        assert str(Signal(kind="marginal", factors="operational")) == "marginal, operational"

    def test_a_series_tells_each_reading_with_its_provenance(self):
        """As plain JSON, there and back."""
        series = IntensitySeries(
            zone="DE",
            source="mock",
            slots=(Slot(NOW, 412.0, True), Slot(NOW + 2 * HOUR, 300.0)),
            issued_at=NOW,
            synthetic="mock",
        )
        first, second = series.readings()
        assert (first.start_at, first.end_at, first.gco2eq_per_kwh) == (NOW, NOW + HOUR, 412.0)
        assert (first.estimated, first.synthetic, first.updated_at, first.signal) == (True, "mock", NOW, Signal())
        assert (second.start_at, second.estimated) == (NOW + 2 * HOUR, None)
        assert series.end_at == NOW + 3 * HOUR
        assert CarbonIntensity.model_validate(json.loads(json.dumps(first.model_dump(mode="json")))) == first

    def test_an_empty_series_has_no_end(self):
        """None, not the epoch."""
        empty = IntensitySeries(zone="DE", source="mock", slots=())
        assert empty.end_at is None
        assert empty.readings() == []
