"""The requirements on sharing answers: what is asked, when, by how many, and what follows from failures."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from airflow_provider_hypercarbon.carbon.intensity import IntensitySeries
from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow
from airflow_provider_hypercarbon.exceptions import (
    AccessDeniedError,
    AuthenticationError,
    BadDataError,
    HyperCarbonError,
    NoDataError,
    NotAskedError,
    RateLimitedError,
    UnavailableError,
)
from airflow_provider_hypercarbon.sources import SourceConfig
from airflow_provider_hypercarbon.sources.answer_store import AnswerStore, FileAnswers, MemoryAnswers
from airflow_provider_hypercarbon.sources.cached import CachedSource
from airflow_provider_hypercarbon.sources.kept import Failure
from airflow_provider_hypercarbon.sources.planning import fetch_outlook
from tests.sources.electricity_maps_api import DAY, HOUR, RUNNING, denied, iso, row

NOW = RUNNING + timedelta(minutes=20)
MINUTE = timedelta(minutes=1)
SCOPE = "test"


class Provider:
    """An Electricity Maps that knows what time it is: the running hour is measured, three days are forecast.

    :param plan: what the key includes.
    """

    def __init__(self, *plan: str) -> None:
        self.plan = plan or ("history", "latest", "past-range", "forecast")
        self.now = NOW
        self.asked: list[str] = []
        self.fault: Callable[[httpx.Request], httpx.Response] | None = None
        self.lags = timedelta(0)
        self.method: str | None = None
        self.longest, self.horizons = 72, list[int]()
        self._lock = threading.Lock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        what = request.url.path.rpartition("/")[2]
        with self._lock:
            self.asked.append(what)
        if self.fault is not None:
            return self.fault(request)
        if what not in self.plan:
            return denied(what)
        running = (self.now - self.lags).replace(minute=0, second=0, microsecond=0)
        if what == "forecast":
            begin, count = running, int(request.url.params["horizonHours"]) + 1
            self.horizons.append(count - 1)
            if count - 1 > self.longest:
                return denied(what)
        elif what == "past-range":
            begin = datetime.fromisoformat(request.url.params["start"])
            count = int((running - begin) / HOUR) + 1
        else:
            begin, count = (running - 23 * HOUR, 24) if what == "history" else (running, 1)
        rows = [self._row(begin + HOUR * i) for i in range(count)]
        if what == "latest":
            return httpx.Response(200, json=rows[0])
        key = {"past-range": "data"}.get(what, what)
        return httpx.Response(200, json={"zone": "DE", "updatedAt": iso(self.now), key: rows})

    def _row(self, start: datetime) -> dict[str, object]:
        return {**row(start, 200 + start.hour * 10), "updatedAt": iso(start), "estimationMethod": self.method}

    def source(self) -> object:
        from airflow_provider_hypercarbon.sources.electricity_maps import ElectricityMapsSource

        return ElectricityMapsSource("token", transport=httpx.MockTransport(self), sleep=lambda _: None)


class World:
    """Any number of processes that share one store; each call of :meth:`process` is a new one."""

    def __init__(self, store: AnswerStore, provider: Provider) -> None:
        self.store = store
        self.provider = provider
        self.told: list[str] = []

    def process(self, **more: object) -> CachedSource:
        given: dict[str, object] = {
            "scope": SCOPE,
            "memory": MemoryAnswers(),
            "on_answer": lambda name, series, asked_at: self.told.append(name),
            **more,
        }
        return CachedSource(self.provider.source(), self.store, **given)  # type: ignore[arg-type]

    def at(self, now: datetime) -> World:
        self.provider.now = now
        return self

    def decide(self, now: datetime) -> object:
        """Ask all that a decision needs, in a process of its own."""
        window = StartWindow.opening(now, timedelta(hours=4))
        return fetch_outlook(self.at(now).process(), "DE", StartPolicy(), window, now=now)

    def taken(self) -> list[str]:
        """Return what was asked since the last time."""
        asked, self.provider.asked = self.provider.asked, []
        return asked


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> AnswerStore:
    return FileAnswers(tmp_path / "shared" / "answers.db") if request.param == "file" else MemoryAnswers()


@pytest.fixture
def world(store: AnswerStore) -> World:
    return World(store, Provider())


class TestOneRequest:
    def test_two_requests_are_all_that_a_zone_needs(self, world: World):
        """History with the present at its end, and the forecast; whoever comes later in the hour asks nothing."""
        first = world.decide(NOW)
        assert world.taken() == ["past-range", "forecast"]
        again = [world.decide(NOW + MINUTE * later) for later in (0, 1, 20, 40)]
        assert world.taken() == []
        assert all(outlook.problems == () for outlook in (first, *again))
        assert {outlook.current.start_at for outlook in (first, *again)} == {RUNNING}
        assert all(len(outlook.measured.slots) >= 7 * 24 for outlook in (first, *again))

    def test_a_free_key_costs_no_more(self, store: AnswerStore):
        """A refusal by the plan is remembered; what a key does not include is not asked for in each hour."""
        world = World(store, Provider("history", "latest"))
        outlook = world.decide(NOW)
        assert world.taken() == ["past-range", "history"]
        assert outlook.current is not None
        assert outlook.measured is not None
        assert "asked for from 19:0" in outlook.problems[0]
        by_hour = []
        for hour in range(1, 13):
            outlook = world.decide(NOW + hour * HOUR)
            by_hour.append(world.taken())
            assert outlook.current.start_at == RUNNING + hour * HOUR
            assert "forecast" in " ".join(outlook.problems)
        assert by_hour[0] == ["history", "forecast"]
        assert max(map(len, by_hour)) == 2
        assert sum(map(len, by_hour)) < 20

    def test_a_key_without_any_history_has_the_present_from_the_second_hour_on(self, store: AnswerStore):
        """The first one goes to finding out; afterwards there is a request to spare in each."""
        world = World(store, Provider("latest"))
        world.provider.method = "FORECASTS_HIERARCHY"
        for hour in range(12):
            now = NOW + hour * HOUR
            with suppress(NotAskedError):
                newest = world.at(now).process().latest("DE", now=now)
                assert (newest.start_at, newest.estimation_method) == (RUNNING + hour * HOUR, "FORECASTS_HIERARCHY")
                assert hour
        assert world.taken().count("latest") == 11

    def test_a_free_key_learns_the_week_day_by_day(self, store: AnswerStore):
        """The provider gives it a day; what was given before is kept."""
        world = World(store, Provider("history", "latest"))
        for hours in range(0, 7 * 24 + 1, 12):
            outlook = world.decide(NOW + hours * HOUR)
        assert len(outlook.measured.slots) >= 7 * 24
        starts = [slot.start_at for slot in outlook.measured.slots]
        assert starts == [starts[0] + HOUR * i for i in range(len(starts))]

    def test_the_next_hour_asks_for_what_is_new(self, world: World):
        """Not the week again; revised values come with the new ones."""
        world.decide(NOW)
        world.taken()
        outlook = world.decide(NOW + HOUR)
        assert world.taken() == ["history", "forecast"]
        assert outlook.current.start_at == RUNNING + HOUR
        assert len(outlook.measured.slots) >= 7 * 24

    def test_after_a_long_pause_there_is_no_gap(self, world: World):
        """A store that nobody used for two days is filled from its begin."""
        world.decide(NOW)
        world.taken()
        outlook = world.decide(NOW + 2 * DAY)
        assert world.taken() == ["past-range", "forecast"]
        starts = [slot.start_at for slot in outlook.measured.slots]
        assert starts == [starts[0] + HOUR * i for i in range(len(starts))]

    def test_reports_of_the_day_need_no_request(self, world: World):
        """The values of a run that just ended are there already; an older run's are asked for, and shared."""
        world.decide(NOW)
        world.taken()
        recent = world.process().history("DE", NOW - 5 * HOUR, NOW - 2 * HOUR, now=NOW)
        assert world.taken() == []
        assert [slot.start_at for slot in recent.slots] == [RUNNING - HOUR * back for back in (5, 4, 3, 2)]
        for _ in range(2):
            world.process().history("DE", NOW - 80 * HOUR, NOW - 78 * HOUR, now=NOW)
        assert world.taken() == ["past-range"]

    def test_a_wider_forecast_is_asked_for_once_for_all(self, world: World):
        """In whole days; the next hour asks for the widest that somebody wanted."""
        world.decide(NOW)
        world.taken()
        shorter = world.process().forecast("DE", NOW + 60 * HOUR, now=NOW)
        assert "2 requests a zone and hour are enough" in shorter.problems[0]
        later = NOW + HOUR
        wide = world.at(later).process().forecast("DE", later + 60 * HOUR, now=later)
        assert wide.slots[-1].start_at >= later + 59 * HOUR
        assert world.taken() == ["history", "forecast"]
        world.decide(later + HOUR)
        wide = world.process().forecast("DE", later + 60 * HOUR, now=later + HOUR)
        assert wide.problems == ()
        assert wide.slots[-1].start_at >= later + 59 * HOUR

    def test_a_short_wait_asks_for_what_the_page_needs_as_well(self, world: World):
        """Two days, for the whole of the hour; whoever comes first."""
        world.decide(NOW)
        world.taken()
        for minutes in (0, 15, 44):
            now = NOW + minutes * MINUTE
            two_days = world.at(now).process().forecast("DE", now + 48 * HOUR, now=now)
            assert two_days.problems == ()
            assert two_days.slots[-1].start_at >= RUNNING + 48 * HOUR
        assert world.taken() == []

    @pytest.mark.parametrize(("longest", "hours"), [(24, 1), (48, 1), (72, 0)])
    def test_a_plan_that_sees_less_far_is_asked_for_less(self, world: World, longest: int, hours: int):
        """What it includes is there from the hour after the refusal on, and is no failure."""
        provider = world.provider
        provider.longest = longest
        wanted = {24: 36, 48: 60, 72: 72}[longest] * HOUR
        for hour in range(24):
            now = NOW + hour * HOUR
            with suppress(AccessDeniedError):
                series = world.at(now).process().forecast("DE", now + wanted, now=now)
                assert hour >= hours
                assert series.problems == ()
                assert series.end_at >= now + (longest - 1) * HOUR
        assert provider.horizons.count(longest) == 24 - hours
        assert len(provider.horizons) == 24
        world.at(NOW + 26 * HOUR).process().forecast("DE", NOW + 26 * HOUR + wanted, now=NOW + 26 * HOUR)
        assert provider.horizons[-1] > longest or longest == 72  # a day later more is tried

    def test_what_a_late_history_lacks_is_asked_for_where_it_costs_no_other(self, store: AnswerStore):
        """A key without forecasts has a request to spare for the running hour."""
        world = World(store, Provider("history", "latest"))
        world.decide(NOW)
        world.decide(NOW + HOUR)
        world.provider.lags = HOUR
        world.taken()
        world.decide(NOW + 2 * HOUR + 30 * MINUTE)
        assert world.taken() in (["history", "latest"], ["history", "forecast"])

    def test_what_is_modelled_is_known_to_all(self, world: World):
        """How the provider made a value decides whether a job waits on it, so it is kept with the value."""
        world.provider.method = "GENERAL_PURPOSE_ZONE_DEVELOPMENT"
        for _ in range(2):
            assert world.decide(NOW).current.estimation_method == world.provider.method
        assert world.taken() == ["past-range", "forecast"]
        yesterday = world.process().history("DE", NOW - 20 * HOUR, NOW - 10 * HOUR, now=NOW)
        assert yesterday.estimation_method is None  # its newest slot is not the answer's

    def test_credentials_and_zones_are_kept_apart(self, world: World):
        """A token is never answered with what another one was told; no token is ever kept."""
        configs = [SourceConfig(source="electricity_maps", token=SecretStr(token)) for token in ("one", "two")]
        assert configs[0].scope != configs[1].scope
        assert configs[0].scope == configs[0].model_copy().scope
        assert "one" not in configs[0].scope
        other = configs[0].model_copy(update={"emission_factors": "direct"})
        assert other.scope != configs[0].scope
        world.decide(NOW)
        world.taken()
        world.process(scope="another").history("DE", NOW - HOUR, NOW, now=NOW)
        assert world.taken() == ["past-range"]

    def test_who_fetched_tells_it_once(self, world: World):
        """The log of readings hears of each answer, not of each look."""
        world.decide(NOW)
        world.decide(NOW)
        assert world.told == ["measured", "forecast"]


class TestManyAtOnce:
    def test_one_asks_and_the_others_wait_for_its_answer(self, store: AnswerStore):
        """With a cold store and sixteen processes: the same two requests."""
        world = World(store, Provider())
        gate = threading.Barrier(16)

        def start(_: int) -> object:
            gate.wait()
            return world.decide(NOW)

        with ThreadPoolExecutor(16) as pool:
            outlooks = list(pool.map(start, range(16)))
        assert sorted(world.taken()) == ["forecast", "past-range"]
        assert all(outlook.problems == () for outlook in outlooks)

    def test_a_killed_holder_is_survived(self, world: World):
        """Its turn ends by itself, and another asks."""
        assert world.store.take_turn(SCOPE, "DE", "killed", 0.3)
        assert world.process().history("DE", NOW - HOUR, NOW, now=NOW).slots
        assert world.taken() == ["past-range"]

    def test_who_waits_too_long_does_not_ask_beside_the_other(self, world: World, monkeypatch: pytest.MonkeyPatch):
        """On a machine that is overloaded each would, and none would be any faster for it."""
        from airflow_provider_hypercarbon.sources import cached

        monkeypatch.setattr(cached, "PATIENCE_SECONDS", 0.2)
        assert world.store.take_turn(SCOPE, "DE", "slow", 60)
        with pytest.raises(UnavailableError, match="Another worker is asking"):
            world.process().history("DE", NOW - HOUR, NOW, now=NOW)
        outlook = world.decide(NOW)
        assert outlook.measured is None
        assert not outlook.permanent
        assert world.taken() == []
        world.store.end_turn(SCOPE, "DE", "slow")
        assert world.decide(NOW + 5 * MINUTE).problems == ()

    def test_with_something_older_nobody_waits_long(self, world: World, monkeypatch: pytest.MonkeyPatch):
        """The older answer is given, and says why."""
        from airflow_provider_hypercarbon.sources import cached

        monkeypatch.setattr(cached, "_PATIENCE_WITH_OLDER_SECONDS", 0.1)
        world.decide(NOW)
        world.taken()
        assert world.store.take_turn(SCOPE, "DE", "slow", 60)
        outlook = world.decide(NOW + HOUR)
        assert world.taken() == []
        assert "Another worker is asking" in outlook.problems[0]
        assert outlook.current.start_at == RUNNING

    def test_the_limit_of_the_installation_holds(self, world: World):
        """Requests above it are not made; the next minute begins anew."""
        source = world.process(requests_per_minute=1)
        source.history("DE", NOW - HOUR, NOW, now=NOW)
        with pytest.raises(NotAskedError, match="1 requests a minute") as limited:
            world.process(requests_per_minute=1).forecast("DE", NOW + HOUR, now=NOW)
        assert limited.value.retry_after == 60
        assert world.taken() == ["past-range"]
        assert world.process(requests_per_minute=1).forecast("DE", NOW + HOUR, now=NOW + MINUTE).slots


class Turnless:
    """A store in which everybody has the turn at once: each holder before was too slow, and lost it."""

    def __init__(self, store: AnswerStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def take_turn(self, *_: object) -> bool:
        return True


class TestBound:
    """At most two requests a zone and hour, by a count that does not depend on who waits for whom."""

    def test_it_holds_when_everybody_asks_at_once(self, store: AnswerStore, monkeypatch: pytest.MonkeyPatch):
        """Whoever comes too late for a request goes on without."""
        from airflow_provider_hypercarbon.sources import shared_answers

        monkeypatch.setattr(shared_answers, "_locks", defaultdict(NoLock))
        world, gate = World(Turnless(store), Provider()), threading.Barrier(16)  # type: ignore[arg-type]

        def start(_: int) -> object:
            gate.wait()
            return world.decide(NOW)

        with ThreadPoolExecutor(16) as pool:
            list(pool.map(start, range(16)))
        assert len(world.taken()) == 2
        world.decide(NOW + HOUR)
        assert len(world.taken()) == 2

    def test_a_time_out_earns_no_further_request(self, world: World):
        """Nobody knows whether the provider was slow or this machine; the hour's second request is its last."""

        def too_slow(request: httpx.Request) -> httpx.Response:
            raise httpx.ReadTimeout("slow", request=request)

        world.provider.fault = too_slow
        for minute in range(0, 40, 2):
            with pytest.raises(UnavailableError, match="did not answer in time"):
                world.at(NOW + minute * MINUTE).process().history("DE", NOW - HOUR, NOW, now=NOW + minute * MINUTE)
        assert len(world.taken()) == 2
        world.provider.fault = None
        assert world.decide(NOW + HOUR).problems == ()

    def test_a_request_that_never_went_out_is_made_up_for(self, world: World):
        """A worker that is too busy to connect in time has cost the provider nothing."""

        def no_connection(request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectTimeout("busy", request=request)

        world.provider.fault = no_connection
        for _ in range(2):
            world.decide(NOW)
        world.provider.fault = None
        assert world.decide(NOW + 5 * MINUTE).problems == ()

    def test_failures_of_the_provider_have_a_bound_too(self, world: World):
        """A request for each that was answered with a failure, up to eight in an hour."""
        world.provider.fault = status(503)
        for minute in range(45):
            world.decide(NOW + minute * MINUTE)
        assert 4 < len(world.taken()) <= 10
        world.provider.fault = None
        assert world.decide(NOW + HOUR).problems == ()

    def test_the_reason_is_what_failed(self, world: World):
        """Not that there were requests enough."""
        world.provider.fault = lambda _: httpx.Response(401, json={"error": "Invalid auth-token"})
        for minute in (0, 6, 20, 40):
            with pytest.raises(AuthenticationError, match="credential was refused"):
                world.process().history("DE", NOW - HOUR, NOW, now=NOW + minute * MINUTE)
        assert len(world.taken()) == 2

    def test_an_answer_that_cannot_be_read_starves_nobody(self, world: World):
        """Another release wrote both after the hour's requests were made: each is asked for once more."""
        world.decide(NOW)
        for question in ("measured", "forecast"):
            world.store.write(SCOPE, "DE", question, '{"of": "tomorrow"}')
        world.taken()
        assert world.decide(NOW + MINUTE).problems == ()
        assert world.taken() == ["past-range", "forecast"]
        world.store.write(SCOPE, "DE", "forecast", '{"of": "tomorrow"}')
        assert world.decide(NOW + 2 * MINUTE).problems == ()
        assert world.decide(NOW + 3 * MINUTE).problems == ()
        assert world.taken() == ["forecast"]


class NoLock:
    """A lock that everybody has."""

    def acquire(self, timeout: float) -> bool:
        return True

    def release(self) -> None:
        pass


class Broken:
    """A database that is away."""

    def __getattr__(self, name: str) -> Callable[..., object]:
        def fail(*_: object) -> object:
            raise RuntimeError("the database is away")

        return fail


class TestStoreThatFails:
    def test_it_changes_nothing_but_the_number_of_requests(self, caplog: pytest.LogCaptureFixture):
        """Each process asks for itself, and says once why."""
        world = World(Broken(), Provider())  # type: ignore[arg-type]
        for _ in range(2):
            outlook = world.decide(NOW)
            assert outlook.problems == ()
            assert outlook.forecast.slots
        assert world.taken() == ["past-range", "forecast"] * 2
        assert caplog.text.count("not shared with other workers for now: the database is away") == 2

    def test_what_it_cannot_read_is_asked_for_again(self, world: World):
        """By another release, or damaged."""
        world.store.write(SCOPE, "DE", "measured", '{"of": "tomorrow"}')
        world.store.write(SCOPE, "DE", "forecast", "\0")
        assert world.decide(NOW).problems == ()
        assert world.taken() == ["past-range", "forecast"]


def status(code: int, **headers: str) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(code, headers=headers, json={})


class TestFailures:
    def ask(self, world: World, now: datetime) -> IntensitySeries:
        return world.at(now).process().history("DE", NOW - HOUR, NOW, now=now)

    def test_a_source_that_is_down_is_left_alone_and_comes_back(self, world: World):
        """One try a minute, then longer and longer; the first good answer ends that."""
        world.provider.fault = status(503)
        tries = []
        for minute in range(60):
            with pytest.raises(UnavailableError) as down:
                self.ask(world, NOW + minute * MINUTE)
            if world.taken():
                tries.append(minute)
        assert tries[:3] == [0, 1, 3]
        assert 4 <= len(tries) <= 8
        assert "answered 503" in str(down.value)
        world.provider.fault = None
        assert self.ask(world, NOW + 80 * MINUTE).slots
        world.taken()
        world.provider.fault = status(503)
        with pytest.raises(UnavailableError):
            world.process().forecast("DE", NOW + HOUR, now=NOW + 81 * MINUTE)
        assert world.taken() != []

    def test_three_failures_anywhere_close_it_for_every_zone(self, world: World):
        """The circuit is the credential's, not the zone's."""
        world.provider.fault = status(500)
        for zone in ("DE", "FR", "SE", "GB", "NL"):
            with pytest.raises(UnavailableError):
                world.process().history(zone, NOW - HOUR, NOW, now=NOW)
        assert len(world.taken()) == 3 + 1 + 1  # three tries of one that was well a moment ago

    def test_an_older_answer_is_given_and_says_so(self, world: World):
        """For a few hours; then there are no data."""
        world.decide(NOW)
        world.provider.fault = status(500)
        outlook = world.decide(NOW + HOUR)
        assert outlook.measured.slots[-1].start_at == RUNNING
        assert outlook.forecast.slots[0].start_at == RUNNING + HOUR
        assert any("The measured of DE is from" in problem and "500" in problem for problem in outlook.problems)
        assert not outlook.permanent
        assert world.decide(NOW + 5 * HOUR).measured is None
        with pytest.raises(NoDataError, match="too old to tell the present"):
            world.at(NOW + 3.9 * HOUR).process().latest("DE", now=NOW + 3.9 * HOUR)

    def test_retry_after_is_honoured_by_all(self, world: World):
        """Nobody asks before, about any zone, and everybody is told how long."""
        world.provider.fault = status(429, **{"Retry-After": "1800"})
        with pytest.raises(RateLimitedError):
            self.ask(world, NOW)
        world.taken()
        for minute in (1, 10, 29):
            with pytest.raises(RateLimitedError) as limited:
                world.process().history("FR", NOW - HOUR, NOW, now=NOW + minute * MINUTE)
            assert limited.value.retry_after == pytest.approx(1800 - 60 * minute)
        assert world.taken() == []
        world.provider.fault = None
        assert self.ask(world, NOW + 31 * MINUTE).slots

    def test_a_refused_credential_is_not_tried_again_and_again(self, world: World):
        """A thousand tasks with a wrong token are not a thousand requests."""
        world.provider.fault = lambda _: httpx.Response(401, json={"error": "Invalid auth-token"})
        for zone in ("DE", "FR", "SE"):
            with pytest.raises(AuthenticationError):
                world.process().history(zone, NOW - HOUR, NOW, now=NOW)
        assert len(world.taken()) == 1

    def test_bad_data_are_never_kept(self, world: World):
        """The problem's name comes back with the error; a later good answer is taken."""
        world.provider.fault = lambda r: httpx.Response(200, json={"zone": "DE", "data": [row(RUNNING, -5)]})
        for _ in range(2):
            with pytest.raises(BadDataError) as bad:
                self.ask(world, NOW)
            assert bad.value.problem
        assert len(world.taken()) == 1
        world.provider.fault = None
        assert self.ask(world, NOW + 6 * MINUTE).slots

    @pytest.mark.parametrize(
        "error",
        [
            AccessDeniedError("Not in the plan.", status=401),
            BadDataError("Null.", problem="null"),
            NoDataError("Nothing."),
            RateLimitedError("Slower.", retry_after=90),
            UnavailableError("Down.", status=503),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_an_error_comes_back_as_what_it_was(self, error: HyperCarbonError):
        """Its class, its number, its name, and when somebody asks again."""
        again = Failure.model_validate_json(Failure.of(error, None, now=NOW).model_dump_json()).error(now=NOW)
        assert type(again) is type(error)
        assert str(again).startswith(str(error))
        assert "asked again from" in str(again)
        for name in ("status", "problem", "retry_after", "retryable"):
            assert getattr(again, name, None) == getattr(error, name, None)


class TestFile:
    def test_it_is_its_owners_alone(self, tmp_path: Path):
        """Whatever the umask; what was put there by somebody else is refused."""
        before = os.umask(0)
        try:
            store = FileAnswers(tmp_path / "host" / "answers.db")
            store.write("scope", "DE", "measured", "{}")
        finally:
            os.umask(before)
        assert store.path.stat().st_mode & 0o777 == 0o600
        assert store.path.parent.stat().st_mode & 0o777 == 0o700
        open_to_all = tmp_path / "open"
        open_to_all.mkdir()
        open_to_all.chmod(0o777)
        with pytest.raises(PermissionError, match="others may write"):
            FileAnswers(open_to_all / "answers.db").read("scope", "DE")
        (tmp_path / "target").touch(mode=0o600)
        (tmp_path / "host" / "link.db").symlink_to(tmp_path / "target")
        with pytest.raises(OSError, match="link"):
            FileAnswers(tmp_path / "host" / "link.db").read("scope", "DE")

    def test_a_damaged_one_is_begun_anew(self, tmp_path: Path):
        """After a power cut, or a full disk: the next look makes a new file."""
        store = FileAnswers(tmp_path / "host" / "answers.db")
        store.write("scope", "DE", "measured", "{}")
        store.path.write_bytes(b"no database" * 1000)
        store.path.chmod(0o600)
        with pytest.raises(sqlite3.DatabaseError):
            store.read("scope", "DE")
        assert store.read("scope", "DE") == {}
        assert store.take_turn("scope", "DE", "me", 1)

    def test_it_holds_no_credential(self, world: World, tmp_path: Path):
        """Fingerprints and answers."""
        config = SourceConfig(source="electricity_maps", token=SecretStr("canary-token"))
        CachedSource(world.provider.source(), world.store, scope=config.scope).history("DE", NOW - HOUR, NOW, now=NOW)
        for path in tmp_path.rglob("*"):
            assert path.is_dir() or b"canary-token" not in path.read_bytes()

    def test_an_answer_is_small(self, world: World):
        """A week of hours in a few kilobytes."""
        world.decide(NOW)
        documents = world.store.read(SCOPE, "DE")
        assert set(documents) == {"measured", "forecast", "hour"}
        assert len(documents["measured"]) < 8000
        assert json.loads(documents["measured"])["answer"]["about"]["zone"] == "DE"


@pytest.fixture(autouse=True)
def fresh_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left over from the test before."""
    from airflow_provider_hypercarbon.sources import shared_answers

    monkeypatch.setattr(shared_answers, "_memory", MemoryAnswers())


@pytest.mark.database
class TestDatabase:
    @pytest.mark.parametrize("kind", ["postgres", "mysql"])
    def test_many_hosts_share_by_a_database_server(self, kind: str, tmp_path: Path):
        """Sixteen at once with a cold store, each with an engine of its own: two requests; the next hour two more."""
        import sqlalchemy as sa

        from airflow_provider_hypercarbon.report_store import DatabaseAnswers, ResultsDatabase
        from tests.report_store.databases import fresh_database

        for url in fresh_database(kind, tmp_path):
            engines = [sa.create_engine(url, pool_size=1) for _ in range(16)]
            provider, gate = Provider(), threading.Barrier(16)

            def start(engine: sa.Engine, provider: Provider = provider, gate: threading.Barrier = gate) -> object:
                gate.wait()
                return World(DatabaseAnswers(ResultsDatabase(engine)), provider).decide(NOW)

            with ThreadPoolExecutor(16) as pool:
                outlooks = list(pool.map(start, engines))
            assert sorted(provider.asked) == ["forecast", "past-range"]
            assert all(outlook.problems == () for outlook in outlooks)
            World(DatabaseAnswers(ResultsDatabase(engines[0])), provider).decide(NOW + HOUR)
            assert provider.asked[2:] == ["history", "forecast"]
            for engine in engines:
                engine.dispose()
