"""The contract: what every source keeps, whatever its provider's shapes, units and steps are."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_hypercarbon.carbon.decision import StartReason
from airflow_provider_hypercarbon.carbon.intensity import CarbonIntensity, IntensitySeries
from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow
from airflow_provider_hypercarbon.carbon.readings import ReadingsLog, Stretch
from airflow_provider_hypercarbon.carbon.trace import ready_times
from airflow_provider_hypercarbon.exceptions import NoDataError, UnknownZoneError
from airflow_provider_hypercarbon.sources import CarbonSource
from airflow_provider_hypercarbon.sources.answer_store import MemoryAnswers
from airflow_provider_hypercarbon.sources.cached import CachedSource
from airflow_provider_hypercarbon.sources.ember import EmberYearlySource
from airflow_provider_hypercarbon.sources.mock import MockSource
from airflow_provider_hypercarbon.sources.planning import plan_start
from tests.sources.dialects import (
    ALL,
    DAY,
    HOUR,
    NOW,
    REMOTE,
    SECRET,
    Dialect,
    ElectricityMaps,
    Service,
    of_the_hour,
)

EVERY = pytest.mark.parametrize("dialect", ALL, ids=repr)


@pytest.fixture
def source(dialect: Dialect) -> CarbonSource:
    return Service(dialect).source()


def assert_of(dialect: Dialect, answer: CarbonIntensity | IntensitySeries) -> None:
    assert (answer.zone, answer.source, answer.signal) == (dialect.zone, dialect.name, dialect.signal)
    assert (answer.synthetic, answer.static) == (None, False)
    assert answer.model_validate(answer.model_dump()) == answer


def assert_slots(series: IntensitySeries, dialect: Dialect) -> None:
    assert_of(dialect, series)
    starts = [slot.start_at for slot in series.slots]
    assert starts == sorted(set(starts))
    assert {start.utcoffset() for start in starts} == {timedelta(0)}
    assert series.slot_length == dialect.slot
    assert [slot.gco2eq_per_kwh for slot in series.slots] == pytest.approx([of_the_hour(start) for start in starts])


@EVERY
class TestContract:
    def test_the_present_is_the_newest_slot_that_has_begun(self, source: CarbonSource, dialect: Dialect):
        """In grams, in UTC, with its provenance; at most a few slots old."""
        now = source.latest(dialect.zone, now=NOW)
        assert_of(dialect, now)
        assert now.end_at - now.start_at == dialect.slot
        assert NOW - 4 * dialect.slot <= now.start_at <= NOW
        assert now.gco2eq_per_kwh == pytest.approx(of_the_hour(now.start_at))

    def test_history_is_what_touches_the_interval(self, source: CarbonSource, dialect: Dialect):
        """No more and no less, up to what has been measured."""
        start, end = NOW - 3 * DAY - HOUR / 3, NOW - DAY
        series = source.history(dialect.zone, start, end, now=NOW)
        assert_slots(series, dialect)
        assert series.slots[0].start_at <= start < series.slots[0].start_at + dialect.slot
        assert series.slots[-1].start_at < end <= series.slots[-1].start_at + dialect.slot

    def test_history_ends_with_the_present(self, source: CarbonSource, dialect: Dialect):
        """Nothing that has not begun is measured, whatever is asked for."""
        series = source.history(dialect.zone, NOW - 7 * DAY, NOW + DAY, now=NOW)
        assert_slots(series, dialect)
        assert NOW - 4 * dialect.slot <= series.slots[-1].start_at <= NOW
        assert len(series.slots) == pytest.approx(7 * DAY / dialect.slot, abs=4)

    def test_history_reaches_back_as_far_as_asked(self, source: CarbonSource, dialect: Dialect):
        """In as many requests as it takes: a backtest needs months."""
        series = source.history(dialect.zone, NOW - 60 * DAY, NOW, now=NOW)
        assert_slots(series, dialect)
        assert len(series.slots) == pytest.approx(60 * DAY / dialect.slot, abs=4)
        measured = Stretch.of(series)
        log = ReadingsLog(zone=series.zone, source=series.source, signal=series.signal, measured=measured)
        assert len(ready_times(log, windows=[12 * HOUR], durations=[2 * HOUR])) > 24 * 50

    def test_the_future_has_no_history(self, source: CarbonSource, dialect: Dialect):
        """Which may change, so it is worth asking again."""
        with pytest.raises(NoDataError) as none:
            source.history(dialect.zone, NOW + DAY, NOW + 2 * DAY, now=NOW)
        assert none.value.retryable

    def test_the_forecast_begins_with_the_running_slot(self, source: CarbonSource, dialect: Dialect):
        """And ends with the slot that holds the instant that was asked for."""
        series = source.forecast(dialect.zone, NOW + 20 * HOUR, now=NOW)
        assert_slots(series, dialect)
        assert series.slots[0].start_at <= NOW < series.slots[0].start_at + dialect.slot
        last = series.slots[-1].start_at
        assert last <= NOW + 20 * HOUR <= last + dialect.slot

    def test_the_forecast_ends_where_its_reach_does(self, source: CarbonSource, dialect: Dialect):
        """More than the provider foretells is no error."""
        series = source.forecast(dialect.zone, NOW + 30 * DAY, now=NOW)
        assert series.end_at is not None
        assert dialect.reach - HOUR * 7 <= series.end_at - NOW <= dialect.reach + DAY

    def test_instants_may_come_with_any_offset(self, source: CarbonSource, dialect: Dialect):
        """The same instants are the same question."""
        east = timezone(timedelta(hours=5, minutes=30))
        start, end, now = (instant.astimezone(east) for instant in (NOW - DAY, NOW, NOW))
        zone = dialect.zone
        assert source.latest(zone, now=now) == source.latest(zone, now=NOW)
        assert source.history(zone, start, end, now=now) == source.history(zone, NOW - DAY, NOW, now=NOW)
        until = NOW + 5 * HOUR
        assert source.forecast(zone, until.astimezone(east), now=now) == source.forecast(zone, until, now=NOW)

    def test_an_instant_without_an_offset_is_refused(self, source: CarbonSource, dialect: Dialect):
        """Nobody knows when it is."""
        naive = datetime(2026, 3, 4, 18)  # noqa: DTZ001
        with pytest.raises(ValueError, match="no time zone"):
            source.latest(dialect.zone, now=naive)

    def test_a_zone_that_cannot_be_is_refused_at_once(self, source: CarbonSource, dialect: Dialect):
        """Before anything is sent."""
        with pytest.raises(UnknownZoneError):
            source.latest("Atlantis", now=NOW)

    def test_a_decision_is_made_on_it(self, source: CarbonSource, dialect: Dialect):
        """From forecast, history and present; plain JSON, with the source and what it counts."""
        window = StartWindow.opening(NOW, 12 * HOUR)
        decision = plan_start(source, dialect.zone, StartPolicy(duration=HOUR), window, now=NOW)
        assert (decision.reason, decision.problems) == (StartReason.CLEANER_LATER, ())
        assert (decision.source, decision.signal) == (dialect.name, dialect.signal)
        assert abs(decision.start_at - NOW.replace(hour=2, minute=30) - DAY) <= HOUR
        assert SECRET not in json.dumps(decision.model_dump(mode="json"))

    def test_its_zones_are_of_the_catalogue(self, source: CarbonSource, dialect: Dialect):
        """A trace's keeper alone knows which files there are."""
        keys = [zone.key for zone in source.zones()]
        assert (dialect.zone in keys) == (dialect.name != "trace")


@pytest.mark.parametrize("dialect", [d for d in REMOTE if d.name not in ("electricity_maps",)], ids=repr)
def test_another_zone_is_refused_without_a_request(dialect: Dialect):
    """Each of these knows its zones, so nothing is sent for others."""
    service = Service(dialect)
    with pytest.raises(UnknownZoneError):
        service.source().latest("JP-TK", now=NOW)
    assert service.requests == []


@pytest.mark.parametrize("dialect", REMOTE, ids=repr)
def test_answers_can_be_shared(dialect: Dialect):
    """Wrapped in the shared cache, a source leads to the same decision in two requests about its zone."""
    service, window = Service(dialect), StartWindow.opening(NOW, 12 * HOUR)
    cached = CachedSource(service.source(), None, scope=repr(dialect), memory=MemoryAnswers())
    policy = StartPolicy(duration=HOUR)
    shared = plan_start(cached, dialect.zone, policy, window, now=NOW)
    alone = plan_start(Service(dialect).source(), dialect.zone, policy, window, now=NOW)
    assert (shared.start_at, shared.curve, shared.problems) == (alone.start_at, alone.curve, ())
    assert len([request for request in service.requests if not dialect.is_login(request)]) == 2


def test_a_region_of_a_cloud_can_be_shared():
    """Kept under the region's name, with the zone that the provider found for it."""
    cached = CachedSource(Service(ElectricityMaps()).source(), None, scope="region", memory=MemoryAnswers())
    for _ in range(2):
        window = StartWindow.opening(NOW, 12 * HOUR)
        decision = plan_start(cached, "aws:eu-central-1", StartPolicy(duration=HOUR), window, now=NOW)
        assert (decision.zone, decision.problems) == ("DE", ())


class TestWithoutRequests:
    def test_the_mock_keeps_the_contract(self):
        """Everything but that it is true, which it says."""
        mock = MockSource()
        series = mock.history("EU-DE", NOW - 2 * DAY, NOW + DAY, now=NOW)
        assert (series.zone, series.synthetic, series.slots[-1].start_at <= NOW) == ("DE", "mock", True)

    def test_a_yearly_average_accounts_and_foretells_nothing(self):
        """The same at every hour, marked as what it is, an estimate; zones of a country have the country's."""
        ember = EmberYearlySource()
        series = ember.history("US-CAL-CISO", NOW - 2 * HOUR, NOW + DAY, now=NOW)
        assert (series.zone, series.static, series.source) == ("US-CAL-CISO", True, "ember_yearly")
        assert [slot.start_at.hour for slot in series.slots] == [16, 17, 18]
        assert {(slot.gco2eq_per_kwh, slot.estimated) for slot in series.slots} == {(383.55, True)}
        now = ember.latest("UK", now=NOW)
        assert (now.zone, now.static, now.gco2eq_per_kwh) == ("GB", True, 215.79)
        with pytest.raises(NoDataError, match="no forecast") as none:
            ember.forecast("DE", NOW + DAY, now=NOW)
        assert not none.value.retryable
        with pytest.raises(UnknownZoneError, match="GG"):
            ember.latest("GG", now=NOW)
        assert len(ember.zones()) > 300
