"""The requirements on the mock: a believable grid that is the same for everybody, and says that it is made up."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest

from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow
from airflow_provider_hypercarbon.carbon.zones import ZONES, Zone
from airflow_provider_hypercarbon.exceptions import NoDataError, UnknownZoneError
from airflow_provider_hypercarbon.sources import CarbonSource, SourceConfig, open_source
from airflow_provider_hypercarbon.sources.mock import MockSource
from airflow_provider_hypercarbon.sources.planning import plan_start

NOW = datetime(2026, 3, 4, 18, 20, tzinfo=UTC)  # a Wednesday
RUNNING = datetime(2026, 3, 4, 18, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
#: gCO2eq/kWh at NOW, in the catalogue's order.
PINNED = [173.9, 166.9, 463.3, 368.5, 162.0, 22.3, 481.1, 566.3, 573.9, 560.2, 509.2, 498.3]
PLACES = pytest.mark.parametrize("zone", ZONES, ids=[zone.place for zone in ZONES])


def weeks(place: str, count: int = 26) -> list[float]:
    """Return whole weeks of hours, from a Monday at midnight UTC."""
    begin = datetime(2025, 6, 2, tzinfo=UTC)
    series = MockSource().history(place, begin, begin + count * 7 * DAY, now=NOW)
    return [slot.gco2eq_per_kwh for slot in series.slots]


def by_solar_hour(zone: Zone) -> list[float]:
    """Return the mean of each hour of local solar time."""
    assert zone.longitude is not None
    ahead = round(zone.longitude / 15)
    values = weeks(zone.place)
    return [statistics.mean(values[(hour - ahead) % 24 :: 24]) for hour in range(24)]


class TestAnswers:
    def test_it_is_a_source(self):
        """Opened by configuration, it needs no token."""
        source: CarbonSource = open_source(SourceConfig(source="mock"))
        assert source.name == "mock"
        assert source.zones()[: len(ZONES)] == ZONES

    @pytest.mark.parametrize("zone", ["FR", "Poland", "GB-NESO-13", "NZ"])
    def test_whoever_looks_around_sees_the_own_zone(self, zone: str):
        """Zones outside the twelve have a day of their own as well, as invented as the others."""
        values = MockSource().history(zone, NOW - timedelta(days=2), NOW, now=NOW)
        assert values.synthetic == "mock"
        assert len({slot.gco2eq_per_kwh for slot in values.slots}) > 24
        assert MockSource().latest("PL", now=NOW) != MockSource().latest("FR", now=NOW)

    def test_the_newest_value_is_that_of_the_running_hour(self):
        """Measured, and marked as made up."""
        value = MockSource().latest("DE", now=NOW)
        assert (value.start_at, value.end_at) == (RUNNING, RUNNING + HOUR)
        assert (value.zone, value.source, value.synthetic, value.estimated) == ("DE", "mock", "mock", False)
        assert value == MockSource().latest("DE", now=NOW.astimezone(timezone(timedelta(hours=5, minutes=30))))

    def test_history_has_the_slots_that_touch_the_interval(self):
        """From the one that holds the start to the last that begins before the end."""
        series = MockSource().history("DE", NOW - 3 * HOUR, NOW - HOUR, now=NOW)
        assert [slot.start_at.hour for slot in series.slots] == [15, 16, 17]
        assert series.synthetic == "mock"
        assert {slot.estimated for slot in series.slots} == {False}
        exact = MockSource().history("DE", RUNNING - 2 * HOUR, RUNNING, now=NOW)
        assert [slot.start_at.hour for slot in exact.slots] == [16, 17]

    def test_history_of_an_instant_is_the_slot_that_holds_it(self):
        """A job of no length ran somewhere, too."""
        assert MockSource().history("DE", NOW, NOW, now=NOW).slots[0].start_at == RUNNING

    def test_history_ends_with_the_present(self):
        """What has not been is not measured; an interval in the future is refused."""
        series = MockSource().history("DE", NOW - HOUR, NOW + DAY, now=NOW)
        assert series.slots[-1].start_at == RUNNING
        with pytest.raises(NoDataError, match="in the future"):
            MockSource().history("DE", NOW + HOUR, NOW + DAY, now=NOW)

    def test_history_and_latest_agree(self):
        """One truth, however it is asked for."""
        source = MockSource()
        series = source.history("GB", NOW - DAY, NOW, now=NOW)
        for slot in series.slots:
            assert source.latest("GB", now=slot.start_at + HOUR / 2).gco2eq_per_kwh == slot.gco2eq_per_kwh

    def test_the_forecast_reaches_from_the_running_hour_to_the_one_asked_for(self):
        """Issued with the running hour."""
        series = MockSource().forecast("DE", NOW + 6 * HOUR, now=NOW)
        assert series.slots[0].start_at == RUNNING
        assert series.slots[-1].start_at == RUNNING + 6 * HOUR
        assert (series.issued_at, series.synthetic, series.source) == (RUNNING, "mock", "mock")
        assert len(MockSource().forecast("DE", NOW - DAY, now=NOW).slots) == 1

    def test_far_requests_are_answered_as_far_as_it_reaches(self):
        """Some 400 days to either side, so that no question takes for ever."""
        source = MockSource()
        assert len(source.history("DE", NOW - 5000 * DAY, NOW, now=NOW).slots) == 9600
        assert len(source.forecast("DE", NOW + 5000 * DAY, now=NOW).slots) == 9601

    @pytest.mark.parametrize("zone", ["QQ", "ZZ-OWN", "aws:eu-central-1", "", "Atlantis"])
    @pytest.mark.parametrize("ask", ["latest", "history", "forecast"])
    def test_an_unknown_zone_is_refused(self, ask: str, zone: str):
        """Also one that exists but has no invented curve; with the command that lists the known ones."""
        asks: dict[str, Callable[[], object]] = {
            "latest": lambda: MockSource().latest(zone, now=NOW),
            "history": lambda: MockSource().history(zone, NOW - DAY, NOW, now=NOW),
            "forecast": lambda: MockSource().forecast(zone, NOW + DAY, now=NOW),
        }
        with pytest.raises(UnknownZoneError, match="hypercarbon zones"):
            asks[ask]()

    def test_a_naive_time_is_refused(self):
        """Whoever asks must say which zone a clock is in."""
        with pytest.raises(ValueError, match="no time zone"):
            MockSource().latest("DE", now=datetime(2026, 3, 4))  # noqa: DTZ001  # that is the point


class TestDeterminism:
    def test_values_depend_on_zone_and_instant_alone(self):
        """Pinned: another machine, process, order of calls or release gives the same."""
        source = MockSource()
        assert [source.latest(zone.place, now=NOW).gco2eq_per_kwh for zone in ZONES] == PINNED
        assert [source.latest(zone.place, now=NOW).gco2eq_per_kwh for zone in reversed(ZONES)] == PINNED[::-1]

    def test_another_process_gives_the_same(self):
        """Python's own hash differs from process to process; nothing here may depend on it."""
        code = (
            "from datetime import datetime;"
            "from airflow_provider_hypercarbon.sources.mock import MockSource;"
            f"now = datetime.fromisoformat('{NOW.isoformat()}');"
            f"until = datetime.fromisoformat('{(NOW + DAY).isoformat()}');"
            "print(*(slot.gco2eq_per_kwh for slot in MockSource().forecast('DE', until, now=now).slots))"
        )
        run = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": "1"},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        here = MockSource().forecast("DE", NOW + DAY, now=NOW)
        assert [float(word) for word in run.stdout.split()] == [slot.gco2eq_per_kwh for slot in here.slots]


class TestBelievable:
    @PLACES
    def test_the_mean_is_the_zones_typical_intensity(self, zone: Zone):
        """Within 4 % over half a year; always above zero, and never absurd."""
        values = weeks(zone.place)
        assert statistics.mean(values) == pytest.approx(zone.typical_gco2eq_per_kwh, rel=0.04)
        assert min(values) > 0
        assert max(values) < 1000

    @PLACES
    def test_evenings_are_dirtier_than_noon(self, zone: Zone):
        """In local solar time: the dip is at midday and the peak in the evening, wherever on earth."""
        hours = by_solar_hour(zone)
        assert max(hours[18:22]) == max(hours)
        assert min(hours[11:15]) <= min(hours) * 1.02

    @pytest.mark.parametrize(
        ("place", "least", "most"),
        [
            ("california", 0.35, 0.7),
            ("germany", 0.25, 0.6),
            ("sydney", 0.25, 0.6),
            ("north-india", 0.25, 0.6),
            ("tokyo", 0.15, 0.4),
            ("singapore", 0.02, 0.1),
            ("sweden", 0.02, 0.1),
        ],
    )
    def test_the_depth_of_the_dip_is_the_places_own(self, place: str, least: float, most: float):
        """Deep where there is much sun on the grid, hardly there in Sweden or Singapore."""
        zone = next(zone for zone in ZONES if zone.place == place)
        hours = by_solar_hour(zone)
        assert least < 1 - min(hours) / max(hours) < most

    def test_sweden_is_clean_all_the_time(self):
        """So that no threshold a person would set makes it wait."""
        assert max(weeks("sweden")) < 30

    def test_weekends_are_cleaner(self):
        """Germany's are by some 14 %."""
        values = weeks("germany", 50)
        days = [statistics.mean(values[start : start + 24]) for start in range(0, len(values), 24)]
        week = statistics.mean(day for i, day in enumerate(days) if i % 7 < 5)
        weekend = statistics.mean(day for i, day in enumerate(days) if i % 7 >= 5)
        assert 0.8 < weekend / week < 0.92

    def test_weather_moves_over_days(self):
        """In Great Britain the daily mean changes much over weeks, but hours follow each other smoothly."""
        values = weeks("great-britain")
        days = [statistics.mean(values[start : start + 24]) for start in range(0, len(values), 24)]
        assert statistics.stdev(days) > 0.1 * statistics.mean(days)
        steps = [abs(b - a) for a, b in pairwise(values)]
        assert statistics.mean(steps) < 0.06 * statistics.mean(values)

    def test_every_place_has_a_curve_of_its_own(self):
        """Beijing's and Shanghai's, too, which have one key."""
        curves = {zone.place: tuple(weeks(zone.place, 1)) for zone in ZONES}
        assert len(set(curves.values())) == 12
        shanghai = MockSource().latest("CN-SH", now=NOW)
        assert (shanghai.zone, shanghai.gco2eq_per_kwh) == (
            "CN",
            MockSource().latest("shanghai", now=NOW).gco2eq_per_kwh,
        )
        assert shanghai.gco2eq_per_kwh != MockSource().latest("CN", now=NOW).gco2eq_per_kwh


class TestForecast:
    @PLACES
    def test_errors_grow_with_the_lead(self, zone: Zone):
        """About 2 % at first, about 8 % a day ahead, on average over two months of forecasts."""
        source = MockSource()
        truth = {
            slot.start_at: slot.gco2eq_per_kwh
            for slot in source.history(zone.place, NOW - 70 * DAY, NOW, now=NOW).slots
        }
        errors: dict[int, list[float]] = {0: [], 24: []}
        for hours in range(24, 70 * 24 - 30, 7):
            then = NOW - hours * HOUR
            slots = source.forecast(zone.place, then + DAY, now=then).slots
            for lead, found in errors.items():
                found.append((slots[lead].gco2eq_per_kwh / truth[slots[lead].start_at] - 1) ** 2)
        near, far = (statistics.mean(found) ** 0.5 for found in errors.values())
        assert 0.01 < near < 0.035
        assert 0.05 < far < 0.11

    def test_it_is_made_anew_each_hour(self):
        """The same within an hour, another in the next."""
        source = MockSource()

        def tomorrow(now: datetime) -> float:
            return source.forecast("DE", RUNNING + DAY, now=now).slots[-1].gco2eq_per_kwh

        assert tomorrow(RUNNING) == tomorrow(RUNNING + HOUR - timedelta.resolution)
        assert tomorrow(RUNNING) != tomorrow(RUNNING + HOUR)


class TestFastTime:
    @pytest.mark.parametrize("seconds_per_day", [24.0, 100.0, 240.0, 3600.0, 43200.0])
    def test_a_day_passes_in_that_many_seconds(self, seconds_per_day: float):
        """Slots are a twenty-fourth of it; the curve repeats its dip day by day."""
        source = MockSource(seconds_per_day)
        series = source.forecast("US-CAL-CISO", NOW + timedelta(seconds=3 * seconds_per_day), now=NOW)
        assert series.slot_length == timedelta(seconds=seconds_per_day / 24)
        assert len(series.slots) in (72, 73, 74)
        values = [slot.gco2eq_per_kwh for slot in series.slots]
        for day in (values[:24], values[24:48], values[48:72]):
            assert max(day) > 1.2 * min(day)

    def test_it_is_fixed_to_the_absolute_clock(self):
        """Who starts later sees the same grid."""
        early = MockSource(240.0).forecast("DE", NOW + timedelta(minutes=4), now=NOW)
        late = MockSource(240.0).history("DE", NOW, NOW + timedelta(minutes=1), now=NOW + timedelta(minutes=9))
        assert early.slots[1].start_at == late.slots[1].start_at
        assert early.slots[1].gco2eq_per_kwh == pytest.approx(late.slots[1].gco2eq_per_kwh, rel=0.15)

    @pytest.mark.parametrize("seconds_per_day", [24.0, 5000.0, 6000.0])
    def test_its_past_is_short(self, seconds_per_day: float):
        """The core takes 24 real hours for a day and would find another time of day there."""
        series = MockSource(seconds_per_day).history("DE", NOW - 7 * DAY, NOW, now=NOW)
        assert 24 * 7 <= len(series.slots) <= 9600
        assert NOW - series.slots[0].start_at < timedelta(hours=21)

    def test_a_start_is_planned_on_it(self):
        """Within seconds instead of hours; every planned start is before the deadline."""
        policy = StartPolicy(max_delay=timedelta(seconds=20), duration=timedelta(seconds=2))
        window = StartWindow.opening(NOW, policy.max_delay)
        decision = plan_start(MockSource(24.0), "US-CAL-CISO", policy, window, now=NOW)
        assert decision.synthetic == "mock"
        assert NOW <= decision.start_at <= window.deadline
        assert "(mock data)" in decision.sentence
