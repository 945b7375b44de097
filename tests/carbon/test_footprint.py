from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_hypercarbon.carbon.energy_measured import MeasuredEnergyModel
from airflow_provider_hypercarbon.carbon.energy_models import HYPERSDK_ENERGY_MODEL
from airflow_provider_hypercarbon.carbon.footprint import CarbonReport, history_needed, make_report
from airflow_provider_hypercarbon.carbon.intensity import IntensitySeries, Signal, Slot
from airflow_provider_hypercarbon.carbon.means import series_mean
from tests.carbon.grid import HOUR, NOW, series, solar_day

MINUTE = timedelta(minutes=1)


def report(grid: IntensitySeries | None, start: float = 0, hours: float = 2, **more: object) -> CarbonReport:
    """Report a run over 500 GB that starts ``start`` hours after NOW."""
    fields: dict[str, object] = {
        "operation_id": "job-1",
        "zone": "DE",
        "started_at": NOW + timedelta(hours=start),
        "ended_at": NOW + timedelta(hours=start + hours),
        "data_gb": 500.0,
        "energy_model": HYPERSDK_ENERGY_MODEL,
        **more,
    }
    return make_report(series=grid, **fields)  # type: ignore[arg-type]


class TestEmissions:
    def test_energy_times_mean(self):
        """500 GB in 2 h are 0.25 kWh; at 300 and 500 g the mean is 400, so 0.1 kg, from 0.05 to 0.2."""
        found = report(series([300, 500]))
        assert found.energy_kwh == pytest.approx(0.25)
        assert found.mean_gco2eq_per_kwh == pytest.approx(400)
        assert found.emissions_kgco2eq == pytest.approx(0.1)
        assert found.emissions_low_kgco2eq == pytest.approx(0.05)
        assert found.emissions_high_kgco2eq == pytest.approx(0.2)
        assert found.duration_hours == 2
        assert found.equivalent == "410 m of driving an average car"
        assert found.missing == ()

    def test_the_first_and_last_slot_count_by_the_covered_part(self):
        """From 18:45 to 20:15: 15 min of 100, an hour of 200, 15 min of 600."""
        found = report(series([100, 200, 600]), start=0.75, hours=1.5)
        assert found.mean_gco2eq_per_kwh == pytest.approx((15 * 100 + 60 * 200 + 15 * 600) / 90)

    def test_a_run_of_days_takes_the_mean_of_days(self):
        """Three whole days over the same day curve have the mean of one day."""
        day = [solar_day(NOW + i * HOUR) for i in range(24)]
        found = report(series(day * 3), hours=72)
        assert found.mean_gco2eq_per_kwh == pytest.approx(sum(day) / 24)
        assert found.energy_kwh == pytest.approx(0.125 * 72)

    def test_a_run_without_length_has_the_value_of_its_slot(self):
        """A run that took no time emitted nothing, at a known intensity."""
        found = report(series([300, 500]), start=1, hours=0)
        assert (found.mean_gco2eq_per_kwh, found.intensity_coverage) == (500, 1)
        assert (found.energy_kwh, found.emissions_kgco2eq, found.duration_hours) == (0, 0, 0)
        assert found.equivalent == "less than 10 m of driving an average car"

    def test_quarter_hours_weigh_a_quarter(self):
        """The source's slot length is its own."""
        grid = series([100, 200, 300, 400, 500], slot=timedelta(minutes=15))
        found = report(grid, hours=1)
        assert found.mean_gco2eq_per_kwh == pytest.approx(250)

    @given(
        values=st.lists(st.floats(0.1, 1000), min_size=1, max_size=8),
        start=st.integers(-120, 600),
        minutes=st.integers(1, 600),
    )
    def test_the_mean_is_the_integral_over_the_known_minutes(self, values: list[float], start: int, minutes: int):
        """Summing minute by minute gives the same mean and the same coverage."""
        known = [values[m // 60] for m in range(start, start + minutes) if 0 <= m < 60 * len(values)]
        found = series_mean(series(values), NOW + start * MINUTE, NOW + (start + minutes) * MINUTE)
        assert found.coverage == pytest.approx(len(known) / minutes)
        assert found.mean == (pytest.approx(sum(known) / len(known)) if known else None)

    def test_another_energy_model(self):
        """The report names the model it used."""
        found = report(series([500, 500]), energy_model=MeasuredEnergyModel(kwh=2, by="a meter"))
        assert (found.energy_model, found.energy_tier, found.energy_kwh) == ("measured-v1", "measured", 2)
        assert found.emissions_kgco2eq == pytest.approx(1)


class TestDifference:
    def test_less_is_negative(self):
        """Ready at 18:00 when the grid was at 400, started at 20:00 at 100: 0.25 kWh x -300 g."""
        found = report(series([400, 400, 100, 100]), start=2, scheduled_at=NOW)
        assert found.scheduled_mean_gco2eq_per_kwh == pytest.approx(400)
        assert found.difference_to_scheduled_kgco2eq == pytest.approx(-0.075)

    def test_more_is_positive(self):
        """A wait that ended in dirtier hours is told as it is."""
        found = report(series([100, 100, 400, 400]), start=2, scheduled_at=NOW)
        assert found.difference_to_scheduled_kgco2eq == pytest.approx(0.075)

    def test_the_scheduled_run_has_the_length_of_the_real_one(self):
        """A run of an hour is compared with the first hour after the scheduled start, not with the wait."""
        found = report(series([400, 0.5, 300]), start=2, hours=1, scheduled_at=NOW)
        assert found.scheduled_mean_gco2eq_per_kwh == pytest.approx(400)

    def test_no_wait_is_no_difference(self):
        """A run that started as scheduled differs by nothing: a known zero."""
        assert report(series([300, 500]), scheduled_at=NOW).difference_to_scheduled_kgco2eq == 0

    def test_without_a_schedule_there_is_nothing_to_compare(self):
        """No decision was given: null, and nothing is missing."""
        found = report(series([300, 500]))
        assert (found.scheduled_at, found.difference_to_scheduled_kgco2eq, found.missing) == (None, None, ())

    def test_an_unknown_scheduled_start_is_said(self):
        """The run is known, the hours after the schedule are not: null with the reason, and provisional."""
        found = report(series([300, 500]), scheduled_at=NOW - 5 * HOUR)
        assert found.emissions_kgco2eq == pytest.approx(0.1)
        assert found.difference_to_scheduled_kgco2eq is None
        assert "scheduled start" in found.missing[0]
        assert found.provisional

    def test_a_scheduled_start_known_in_part_is_provisional(self):
        """One of the two hours after the schedule is known: the difference may still change."""
        found = report(series([300, 200, 200]), start=1, scheduled_at=NOW - HOUR)
        assert found.intensity_coverage == 1
        assert found.scheduled_mean_gco2eq_per_kwh == pytest.approx(300)
        assert found.provisional

    @pytest.mark.parametrize(("day", "utc_hour"), [(datetime(2026, 3, 29), 0), (datetime(2026, 10, 25), 23)])  # noqa: DTZ001
    def test_a_schedule_in_local_time_spans_real_hours(self, day: datetime, utc_hour: int):
        """On the nights of the clock change, two hours after 01:30 in Berlin are two real hours."""
        scheduled = day.replace(hour=1, minute=30, tzinfo=ZoneInfo("Europe/Berlin"))
        begin = scheduled.astimezone(UTC)
        assert begin.hour == utc_hour
        grid = series([100, 200, 300, 400, 500, 600], begin)
        found = make_report(
            operation_id="x",
            zone="DE",
            started_at=begin + 3 * HOUR,
            ended_at=begin + 5 * HOUR,
            series=grid,
            scheduled_at=scheduled,
        )
        assert found.scheduled_mean_gco2eq_per_kwh == pytest.approx(150)
        assert found.scheduled_at == begin

    def test_the_worst_case_is_a_grid_of_coal(self):
        """HyperSDK's figure: 0.25 kWh x (1000 - 400) g; negative above 1000."""
        assert report(series([300, 500])).savings_vs_worst_kgco2eq == pytest.approx(0.15)
        assert report(series([1200, 1200])).savings_vs_worst_kgco2eq == pytest.approx(-0.05)


class TestUnknown:
    def test_part_of_the_run_is_known(self):
        """Half of the run has values: their mean stands in, the coverage says half, and it is provisional."""
        found = report(series([300, 300]), start=1)
        assert (found.mean_gco2eq_per_kwh, found.intensity_coverage) == (pytest.approx(300), pytest.approx(0.5))
        assert found.provisional

    def test_a_gap_is_not_a_zero(self):
        """A missing hour in the middle is left out of the mean."""
        full = series([300, 900, 500])
        holed = full.model_copy(update={"slots": (full.slots[0], full.slots[2])})
        found = report(holed, hours=3)
        assert found.mean_gco2eq_per_kwh == pytest.approx(400)
        assert found.intensity_coverage == pytest.approx(2 / 3)

    @pytest.mark.parametrize("grid", [None, series([]), series([300], NOW - 9 * HOUR)])
    def test_no_intensity_is_null_everywhere(self, grid: IntensitySeries | None):
        """Energy stays known, whatever needs the grid is null, and the report says why."""
        found = report(grid)
        assert found.energy_kwh == pytest.approx(0.25)
        assert found.mean_gco2eq_per_kwh is None
        assert found.emissions_kgco2eq is None
        assert found.emissions_high_kgco2eq is None
        assert found.savings_vs_worst_kgco2eq is None
        assert found.equivalent is None
        assert found.intensity_coverage == 0
        assert found.provisional
        assert found.missing == ("The source has no intensity for the time of the run.",)

    def test_the_caller_s_reason_stands_alone(self):
        """Who knows why there are no data says it; we do not say it twice."""
        assert report(None, missing=("The plan denies it.",), scheduled_at=NOW).missing == ("The plan denies it.",)

    def test_no_size_no_energy(self):
        """Without the size, energy and emissions are null and the intensity is known."""
        found = report(series([300, 500]), data_gb=None, scheduled_at=NOW)
        assert found.energy_kwh is None
        assert found.energy_low_kwh is None
        assert found.emissions_kgco2eq is None
        assert found.emissions_low_kgco2eq is None
        assert found.difference_to_scheduled_kgco2eq is None
        assert found.savings_vs_worst_kgco2eq is None
        assert found.mean_gco2eq_per_kwh == pytest.approx(400)
        assert found.missing == ("The size of the data is unknown, so the energy is.",)

    @pytest.mark.parametrize(("estimated", "provisional"), [(False, False), (True, True), (None, True)])
    def test_an_estimate_behind_it_makes_it_provisional(self, estimated: bool | None, provisional: bool):
        """A provider that does not say "measured" has not said it."""
        slots = (Slot(NOW, 300.0, False), Slot(NOW + HOUR, 500.0, estimated))
        found = report(series([]).model_copy(update={"slots": slots}))
        assert found.provisional is provisional

    def test_an_estimate_outside_the_run_does_not_matter(self):
        """Only values that the figures rest on count."""
        slots = (Slot(NOW, 300.0, False), Slot(NOW + HOUR, 500.0, True))
        assert not report(series([]).model_copy(update={"slots": slots}), hours=1).provisional


class TestProvenance:
    def test_source_signal_and_marks(self):
        """The report says where its intensities come from, and that they were made up."""
        signal = Signal(factors="direct")
        found = report(series([300, 500], signal=signal, synthetic="mock"), start_reason="cleanest")
        assert (found.source, found.signal, found.synthetic, found.start_reason) == (
            "test",
            signal,
            "mock",
            "cleanest",
        )
        assert "attributional" in found.method

    def test_the_mark_of_the_decision_is_kept(self):
        """Real intensities do not wash a start that was planned on a sandbox key."""
        assert report(series([300, 500]), synthetic="sandbox").synthetic == "sandbox"

    def test_times_are_utc(self):
        """Local times come out as the same instants in UTC."""
        start = NOW.astimezone(ZoneInfo("Asia/Kolkata"))
        found = report(series([300, 500]), started_at=start, ended_at=start + 2 * HOUR, scheduled_at=start)
        assert found.started_at.isoformat() == "2026-03-02T18:00:00+00:00"
        assert found.scheduled_at == NOW
        assert found.mean_gco2eq_per_kwh == pytest.approx(400)

    def test_it_is_plain_json_and_comes_back(self):
        """What goes to XCom and table is JSON, and reads back as the same report."""
        found = report(series([300, 500]), scheduled_at=NOW)
        text = json.dumps(found.model_dump(mode="json"), allow_nan=False)
        assert CarbonReport.model_validate(json.loads(text)) == found

    @pytest.mark.parametrize(
        ("more", "why"),
        [
            ({"ended_at": NOW - HOUR}, "before it starts"),
            ({"data_gb": -1.0}, "impossible"),
            ({"data_gb": float("nan")}, "impossible"),
            ({"started_at": NOW.replace(tzinfo=None)}, "no time zone"),
            ({"scheduled_at": NOW.replace(tzinfo=None)}, "no time zone"),
        ],
    )
    def test_what_cannot_be_is_refused(self, more: dict[str, object], why: str):
        """A run that ends before it starts, a negative or endless size, a time that nobody can place."""
        with pytest.raises(ValueError, match=why):
            report(series([300, 500]), **more)


@pytest.mark.parametrize(
    ("scheduled", "expected"),
    [(None, (2, 5)), (0, (0, 5)), (2, (2, 5)), (4, (2, 7))],
)
def test_history_reaches_over_the_run_and_the_scheduled_run(scheduled: int | None, expected: tuple[int, int]):
    """A run from 2 h to 5 h, scheduled before, at or after its start."""
    at = None if scheduled is None else NOW + scheduled * HOUR
    assert history_needed(NOW + 2 * HOUR, NOW + 5 * HOUR, at) == tuple(NOW + hours * HOUR for hours in expected)


def test_history_of_an_instant_is_not_empty():
    """A source asked for no time at all would have nothing to return."""
    start, end = history_needed(NOW, NOW)
    assert start == NOW < end
