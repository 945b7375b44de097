from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_hypercarbon.carbon.curve import Curve, CurveModel, believe
from airflow_provider_hypercarbon.carbon.intensity import Signal
from airflow_provider_hypercarbon.exceptions import BadDataError
from tests.carbon.grid import HOUR, NOW, series, series_of, solar_day


def hourly(*values: float | None) -> Curve:
    return Curve(NOW, HOUR, values)


class TestMean:
    def test_whole_slots_count_alike(self):
        """The mean over whole slots is their arithmetic mean."""
        assert hourly(100, 200, 600).mean(NOW, 3 * HOUR) == pytest.approx(300)

    def test_first_and_last_slot_count_by_the_covered_part(self):
        """90 minutes from 18:45 cover 15 minutes, an hour and 15 minutes."""
        mean = hourly(100, 200, 600).mean(NOW + timedelta(minutes=45), timedelta(minutes=90))
        assert mean == pytest.approx((100 * 15 + 200 * 60 + 600 * 15) / 90)

    def test_a_job_inside_one_slot_sees_its_value(self):
        """Ten minutes within an hour have the hour's value."""
        assert hourly(100, 200).mean(NOW + timedelta(minutes=5), timedelta(minutes=10)) == pytest.approx(100)

    def test_no_duration_is_the_value_of_the_slot(self):
        """An instant has the value of the slot that holds it, its begin included, its end not."""
        curve = hourly(100, 200)
        assert curve.value_at(NOW) == 100
        assert curve.value_at(NOW + HOUR) == 200
        assert curve.value_at(NOW + 2 * HOUR) is None

    @pytest.mark.parametrize("start", [-1, 2.5, 3])
    def test_outside_is_unknown(self, start: float):
        """A run that leaves the curve on either side has no mean."""
        assert hourly(1, 2, 3).mean(NOW + start * HOUR, HOUR) is None

    def test_a_gap_is_not_a_zero(self):
        """A run that touches a gap has no mean; one that only borders on it has."""
        curve = hourly(100, None, 300)
        assert curve.mean(NOW + 0.5 * HOUR, HOUR) is None
        assert curve.mean(NOW, HOUR) == 100
        assert curve.mean(NOW + 2 * HOUR, HOUR) == 300

    @given(
        st.lists(st.floats(0, 1500), min_size=2, max_size=40),
        st.floats(0, 1),
        st.floats(0.01, 1),
        st.sampled_from([5, 15, 30, 60]),
    )
    def test_equals_numeric_integration(self, values: list[float], where: float, length: float, minutes: int):
        """Any start and duration agree with a sum over second-wide strips."""
        slot = timedelta(minutes=minutes)
        curve = Curve(NOW, slot, values)
        total = round(len(values) * slot.total_seconds())
        begin = int(where * (total - 2))
        span = max(1, int(length * (total - begin)))
        seconds = [values[second // (minutes * 60)] for second in range(begin, begin + span)]
        mean = curve.mean(NOW + timedelta(seconds=begin), timedelta(seconds=span))
        assert mean == pytest.approx(sum(seconds) / span, abs=1e-6)


class TestEdges:
    def test_only_those_strictly_inside(self):
        """The ends of the interval are not edges of it."""
        assert hourly(1, 2, 3, 4).edges(NOW, NOW + 3 * HOUR) == [NOW + HOUR, NOW + 2 * HOUR]
        assert hourly(1, 2, 3, 4).edges(NOW + 0.5 * HOUR, NOW + 1.5 * HOUR) == [NOW + HOUR]
        assert hourly(1, 2).edges(NOW + 0.2 * HOUR, NOW + 0.8 * HOUR) == []


class TestBelieve:
    def test_forecast_alone_is_taken_as_it_is(self):
        """Without any measurement there is nothing to correct the forecast by."""
        curve = believe(None, series([300, 200, 100]), now=NOW, until=NOW + 3 * HOUR)
        assert curve.values == (300, 200, 100)

    def test_the_forecast_is_anchored_to_the_newest_measurement(self):
        """An error of +50 now is expected to be 50 x .985 an hour later, and so on."""
        curve = believe(series([350]), series([300, 200, 100]), now=NOW, until=NOW + 3 * HOUR)
        assert curve.values == pytest.approx((350, 200 + 50 * 0.985, 100 + 50 * 0.985**2))

    def test_history_alone_repeats_the_day(self):
        """Without a forecast the mean of the same hours of the last days stands in."""
        measured = series_of(solar_day, NOW - timedelta(days=7), NOW + HOUR)
        curve = believe(measured, None, now=NOW, until=NOW + 24 * HOUR)
        assert curve.values == pytest.approx([solar_day(NOW + i * HOUR) for i in range(24)])

    def test_the_profile_is_anchored_as_well(self):
        """Today is 40 above the usual; the difference fades by 2 % an hour."""
        measured = series_of(lambda t: 100 + 40 * (t >= NOW), NOW - timedelta(days=7), NOW + HOUR)
        curve = believe(measured, None, now=NOW, until=NOW + 3 * HOUR)
        assert curve.values == pytest.approx((140, 100 + 40 * 0.98, 100 + 40 * 0.98**2))

    def test_both_are_blended(self):
        """Half forecast, half profile, each with its own anchor."""
        measured = series_of(lambda _: 200.0, NOW - timedelta(days=7), NOW + HOUR)
        curve = believe(measured, series([200, 100]), now=NOW, until=NOW + 2 * HOUR)
        assert curve.values[1] == pytest.approx(0.5 * 100 + 0.5 * 200)

    def test_a_day_of_history_is_enough_for_a_profile(self):
        """A free key gives 24 hours: the running hour and the 23 before it."""
        measured = series_of(solar_day, NOW - 23 * HOUR, NOW + HOUR)
        curve = believe(measured, None, now=NOW, until=NOW + 20 * HOUR)
        assert all(value is not None for value in curve.values)
        assert curve.values[10] == pytest.approx(solar_day(NOW + 10 * HOUR), rel=0.2)

    def test_less_than_a_day_is_a_gap(self):
        """Ten hours of history say nothing about the other fourteen."""
        measured = series_of(solar_day, NOW - 10 * HOUR, NOW + HOUR)
        curve = believe(measured, None, now=NOW, until=NOW + 3 * HOUR)
        assert curve.values == (measured.slots[-1].gco2eq_per_kwh, None, None)

    def test_where_the_forecast_ends_the_profile_goes_on(self):
        """A forecast shorter than the window does not end it."""
        measured = series_of(lambda _: 200.0, NOW - timedelta(days=7), NOW + HOUR)
        curve = believe(measured, series([200, 100]), now=NOW, until=NOW + 4 * HOUR)
        assert curve.values[2:] == pytest.approx((200, 200))

    def test_an_old_forecast_is_dropped(self):
        """After 48 hours a forecast says nothing any more."""
        old = series([300, 200], issued_at=NOW - timedelta(hours=49))
        assert believe(None, old, now=NOW, until=NOW + 2 * HOUR).values == (None, None)

    def test_an_old_measurement_does_not_anchor(self):
        """A value of seven hours ago is not the present."""
        curve = believe(series([900], NOW - 7 * HOUR), series([300, 200]), now=NOW, until=NOW + 2 * HOUR)
        assert curve.values == (300, 200)

    def test_a_late_measurement_anchors_by_its_age(self):
        """Two hours late: the error of then has faded for two hours when it reaches now."""
        forecast = series([300, 300, 300], NOW - 2 * HOUR)
        curve = believe(series([400], NOW - 2 * HOUR), forecast, now=NOW, until=NOW + HOUR)
        assert curve.values[0] == pytest.approx(300 + 100 * 0.985**2)

    def test_never_below_zero(self):
        """A large negative error does not make electricity that absorbs carbon."""
        curve = believe(series([10]), series([500, 20]), now=NOW, until=NOW + 2 * HOUR)
        assert curve.values[1] == 0

    def test_fine_and_coarse_slots_meet(self):
        """Hourly history and a 15-minute forecast make a 15-minute curve."""
        measured = series_of(lambda _: 200.0, NOW - timedelta(days=7), NOW + HOUR)
        forecast = series([200, 180, 160, 140, 120], slot=timedelta(minutes=15))
        curve = believe(measured, forecast, now=NOW, until=NOW + HOUR, model=CurveModel(forecast_weight=1))
        assert curve.slot_length == timedelta(minutes=15)
        assert len(curve.values) == 4

    def test_the_curve_begins_with_the_slot_that_holds_now(self):
        """At 18:40 the running hour began at 18:00."""
        curve = believe(None, series([300, 200]), now=NOW + timedelta(minutes=40), until=NOW + 2 * HOUR)
        assert curve.start_at == NOW
        assert curve.values == (300, 200)

    @pytest.mark.parametrize("more", [{"zone": "FR"}, {"signal": Signal(kind="marginal")}])
    def test_a_mixture_is_refused(self, more: dict[str, object]):
        """Two zones, or average and marginal, are never put into one curve."""
        with pytest.raises(BadDataError) as refused:
            believe(series([1]), series([1], **more), now=NOW, until=NOW + HOUR)
        assert refused.value.problem in ("wrong_zone", "mixed_signal")
