"""The table of hostile answers, through every source: whatever a provider sends, the backup starts in time.

``test_hostile_answers`` holds Electricity Maps to the exact number of requests; here every other source is held to
the promise itself: bad data never count as clean, the reason is told, no secret is.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_hypercarbon.carbon.decision import StartDecision, StartReason
from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow
from airflow_provider_hypercarbon.sources import CarbonSource
from airflow_provider_hypercarbon.sources.planning import plan_start
from airflow_provider_hypercarbon.sources.trace import TraceSource
from tests.sources.dialects import DAY, HOUR, NOW, REMOTE, SECRET, Dialect, Grid, Service, write_trace
from tests.sources.test_hostile_answers import JSON, KNOWING, Body

WINDOW = StartWindow.opening(NOW, 4 * HOUR)
EVERY = pytest.mark.parametrize("dialect", REMOTE, ids=repr)
Respond = Callable[[httpx.Request], httpx.Response]


def status(code: int, text: str = "", **headers: str) -> Respond:
    return lambda _: httpx.Response(code, text=text, headers={k.replace("_", "-"): v for k, v in headers.items()})


def body(text: str) -> Respond:
    return lambda _: httpx.Response(200, text=text)


def streaming(stream: Callable[[], httpx.SyncByteStream]) -> Respond:
    return lambda _: httpx.Response(200, stream=stream())


def breaking(error: Exception) -> Respond:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    return fail


RESPONSES: dict[str, tuple[Respond, str]] = {
    "400": (status(400, '{"message": "Bad request"}'), "answered 400"),
    "401": (status(401, '{"error": "Invalid"}'), "refused"),
    "403": (status(403, "<html>"), "refused|does not include"),
    "404": (status(404, "<html>"), "answered 404|no recent data"),
    "422": (status(422, '{"detail": []}'), "answered 422"),
    "429 Retry-After 2, always": (status(429, Retry_After="2"), "too many"),
    "429 Retry-After 3600": (status(429, Retry_After="3600"), "too many"),
    "429 without Retry-After": (status(429), "too many"),
    "500 always": (status(500), "answered 500"),
    "503 always": (status(503, "<html>"), "answered 503"),
    "refused connection": (breaking(httpx.ConnectError("refused")), "cannot be reached"),
    "cut connection": (breaking(httpx.ReadError("reset")), "cannot be reached"),
    "hang": (breaking(httpx.ReadTimeout("slow")), "did not answer in time"),
    "slow drip": (streaming(lambda: Body(b" ", 9, httpx.ReadTimeout("slow"))), "did not answer in time"),
    "redirect loop": (status(302, location="/again"), "302, a redirect"),
    "HTML": (body("<html>Sign in</html>"), "not answer in JSON"),
    "truncated": (body('{"data": [{"from": "2026-03-'), "not answer in JSON"),
    "empty body": (body(""), "not answer in JSON"),
    "null": (body("null"), "without rows|not answer with"),
    "list": (body("[]"), "without rows|not answer with"),
    "text": (body('"DE"'), "without rows|not answer with"),
    "{}": (body("{}"), "without rows|does not say its zone"),
    "an error as 200": (body('{"error": "quota"}'), "without rows|does not say its zone"),
    "30 MB": (streaming(lambda: Body(b" " * 300_000, 100)), "more than 8388608 bytes"),
}

VALUES: dict[str, tuple[object, str]] = {
    "null": (None, "is null"),
    "text": ("45", "is not a number"),
    "decimal comma": ("45,2", "is not a number"),
    "NaN": (float("nan"), "is not a number"),
    "infinity": (float("-inf"), "is not a number"),
    "true": (True, "is not a number"),
    "object": ({"value": 45}, "is not a number"),
    "a number of 400 digits": (-(10**400), "is not a number"),
    "negative": (-5, "is negative"),
    "absurd": (45_000, "above the plausible"),
}

TIMES: dict[str, tuple[Callable[[datetime], object], str]] = {
    "none": (lambda _: None, "A time in the answer"),
    "soon": (lambda _: "soon", "A time in the answer"),
    "true": (lambda _: True, "A time in the answer"),
    "a list": (lambda d: [d.year], "A time in the answer"),
    "one for all": (lambda _: NOW.replace(minute=0), "two values for one time"),
    "14 days ahead": (lambda d: d + 14 * DAY, "A time in|was over|from the future"),
    "14 days ago": (lambda d: d - 14 * DAY, "was over|A time in|too old"),
    "30 hours ago": (lambda d: d - 60 * HOUR, "was over|A time in|too old"),
    "the year 9999": (lambda _: datetime(9999, 12, 31, tzinfo=UTC), "is far away|A time in"),
    "out of step": (lambda d: d + timedelta(seconds=77), "begins with an hour"),
}


def follow(open_source: Callable[[], CarbonSource], zone: str) -> list[StartDecision]:
    """Decide until the job is due, as the sensor does, each time with a source that was opened anew."""
    now, decisions = NOW, list[StartDecision]()
    while not decisions or not decisions[-1].due:
        assert now <= WINDOW.deadline
        last = decisions[-1] if decisions else None
        decision = plan_start(open_source(), zone, StartPolicy(duration=HOUR), WINDOW, now=now, last_plan=last)
        assert SECRET not in json.dumps(decision.model_dump(mode="json"))
        decisions.append(decision)
        now = decision.check_again_at or now
    return decisions


def assert_blind(decisions: list[StartDecision], problem: str) -> None:
    """Nothing was decided on it, the reason is told, and the backup starts within the window."""
    import re

    assert not {decision.reason for decision in decisions} & KNOWING
    first, final = decisions[0], decisions[-1]
    assert re.search(problem, " ".join(first.problems)), first.problems
    assert re.search(problem, first.sentence), first.sentence
    assert (final.due, final.reason) == (True, StartReason.NO_DATA)
    assert final.start_at <= WINDOW.deadline
    assert final.mean_now_gco2eq_per_kwh is None


@EVERY
@pytest.mark.parametrize("case", RESPONSES)
def test_a_hostile_response(dialect: Dialect, case: str):
    """It is refused with its name, in a bounded number of requests."""
    respond, problem = RESPONSES[case]
    service = Service(dialect, respond=respond)
    decisions = follow(service.source, dialect.zone)
    assert_blind(decisions, problem)
    assert len(service.requests) <= 12 * len(decisions)


@EVERY
@pytest.mark.parametrize("case", VALUES)
def test_a_hostile_value(dialect: Dialect, case: str):
    """Every value of every answer: none is an intensity."""
    value, problem = VALUES[case]
    grid = Grid(measured=lambda _: value, ahead=lambda _: value)
    assert_blind(follow(Service(dialect, grid).source, dialect.zone), problem)


@pytest.mark.parametrize("dialect", [d for d in REMOTE if d.signal.factors == "lifecycle"], ids=repr)
def test_a_life_cycle_of_zero(dialect: Dialect):
    """No grid is free of emissions once construction counts; combustion alone may be."""
    grid = Grid(measured=lambda _: 0, ahead=lambda _: 0)
    assert_blind(follow(Service(dialect, grid).source, dialect.zone), "is zero, which no grid is")


@EVERY
@pytest.mark.parametrize("case", TIMES)
def test_a_hostile_time(dialect: Dialect, case: str):
    """Values of another time, or of none, say nothing about the present."""
    spoil, problem = TIMES[case]

    def tell(instant: datetime) -> object:
        told = spoil(instant)
        if not isinstance(told, datetime):
            return told
        return told.isoformat() if dialect.in_words else int(told.timestamp())

    assert_blind(follow(Service(dialect, Grid(tell=tell)).source, dialect.zone), problem)


@pytest.mark.parametrize("dialect", [d for d in REMOTE if d.in_words], ids=repr)
@pytest.mark.parametrize("text", [lambda d: d.isoformat()[:19], lambda d: str(d.date())], ids=["naive", "dates"])
def test_a_time_without_an_offset(dialect: Dialect, text: Callable[[datetime], str]):
    """Nobody knows when it is."""
    assert_blind(follow(Service(dialect, Grid(tell=text)).source, dialect.zone), "no time zone|A time in")


@pytest.mark.parametrize("dialect", [d for d in REMOTE if not d.in_words], ids=repr)
@pytest.mark.parametrize("told", [1e30, 10**30, -(10**400), 1.5, "1772647200", [1]], ids=lambda v: str(v)[:9])
def test_seconds_that_are_none(dialect: Dialect, told: object):
    """Neither floating, nor text, nor beyond any calendar."""
    assert_blind(follow(Service(dialect, Grid(tell=lambda _: told)).source, dialect.zone), "A time in the answer")


@pytest.mark.parametrize("dialect", [d for d in REMOTE if d.echoes], ids=repr)
def test_another_zone(dialect: Dialect):
    """Where the answer says its zone, it is the one that was asked for."""
    assert_blind(follow(Service(dialect, Grid(zone="FR")).source, dialect.zone), "of another zone: 'FR'")


@EVERY
def test_a_hostile_answer_after_a_plan(dialect: Dialect):
    """The plan stands, and its start is not moved by what came after."""
    policy, window = StartPolicy(duration=HOUR), StartWindow.opening(NOW, 12 * HOUR)
    plan = plan_start(Service(dialect).source(), dialect.zone, policy, window, now=NOW)
    assert plan.reason is StartReason.CLEANER_LATER
    spoilt = Service(dialect, Grid(measured=lambda _: 1e9, ahead=lambda _: 1e9)).source()
    later = plan_start(spoilt, dialect.zone, policy, window, now=NOW + 2 * HOUR, last_plan=plan)
    assert (later.due, later.reason, later.start_at) == (False, StartReason.PLAN_KEPT, plan.start_at)


@EVERY
def test_one_spurious_value_is_a_gap(dialect: Dialect):
    """Forty-five grams between three hundred and three hundred: never the start that everybody waited for."""
    low = NOW.replace(hour=20, minute=0)
    grid = Grid(
        measured=lambda d: 45 if d == NOW - NOW.minute * HOUR / 60 - 5 * HOUR else 300,
        ahead=lambda d: 45 if d == low else 300,
    )
    decision = plan_start(
        Service(dialect, grid).source(), dialect.zone, StartPolicy(duration=dialect.slot), WINDOW, now=NOW
    )
    assert decision.mean_at_start_gco2eq_per_kwh == pytest.approx(300, rel=0.01)


@EVERY
def test_a_spurious_present_is_refused_by_its_name(dialect: Dialect):
    """The newest value alone drops to 45: a threshold of 100 is not met by that."""
    newest = Service(dialect).source().latest(dialect.zone, now=NOW).start_at
    grid = Grid(measured=lambda d: 45 if d >= newest else 300, ahead=lambda _: 300)
    policy = StartPolicy(strategy="threshold", max_intensity=100, duration=HOUR)
    decision = plan_start(Service(dialect, grid).source(), dialect.zone, policy, WINDOW, now=NOW)
    assert decision.reason is StartReason.TOO_DIRTY
    assert "no grid jumps like that" in " ".join(decision.problems)
    assert decision.current_gco2eq_per_kwh is None


@settings(max_examples=25, deadline=None)
@given(whole=JSON, rows=st.lists(JSON, max_size=3), name=st.sampled_from(["data", "unix_seconds", "co2eq", "meta"]))
def test_any_json_at_all(whole: object, rows: list[object], name: str):
    """Whatever stands wherever, there is a decision, and it lies within the window."""
    for dialect in REMOTE:
        for answer in (whole, {name: rows, "co2eq_forecast": rows, "meta": {"region": "CAISO_NORTH"}}):
            service = Service(dialect, respond=body(json.dumps(answer)))
            decision = plan_start(service.source(), dialect.zone, StartPolicy(), WINDOW, now=NOW)
            assert NOW <= decision.start_at <= WINDOW.deadline


class TestTrace:
    def open(self, folder: Path) -> Callable[[], CarbonSource]:
        return lambda: TraceSource(f"{folder}/{{zone}}.csv", forecast_path=f"{folder}/{{zone}}-ahead.csv")

    def test_no_file(self, tmp_path: Path):
        """It may come; until then the backup is not lost."""
        assert_blind(follow(self.open(tmp_path), "DE"), "There is no file")

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (b"", "has no rows|first line"),
            (b"\xff\xfe\x00", "is no text"),
            (b"time,value\n", "first line of a trace"),
            (b"datetime_utc,ci_g_per_kwh\nsoon,3\n", "Line 2: 'soon'"),
            (b"datetime_utc,ci_g_per_kwh\n2026-03-04T18:00Z,-3\n", "Line 2: .*is negative"),
            (b"datetime_utc,ci_g_per_kwh\n2026-03-04T18:00Z,45000\n", "Line 2: .*above the plausible"),
            (b"datetime_utc,ci_g_per_kwh\n2026-03-04T18:00Z,clean\n", "Line 2: 'clean'"),
        ],
    )
    def test_a_spoilt_file(self, tmp_path: Path, content: bytes, problem: str):
        """It is refused as a whole, with the line."""
        write_trace(tmp_path)
        (tmp_path / "DE.csv").write_bytes(content)
        assert_blind(follow(self.open(tmp_path), "DE"), problem)

    def test_a_file_that_nobody_keeps_up_to_date(self, tmp_path: Path):
        """Two days old, and the forecast with it."""
        write_trace(tmp_path)
        policy, late = StartPolicy(duration=HOUR), NOW + 10 * DAY
        decision = plan_start(self.open(tmp_path)(), "DE", policy, StartWindow.opening(late, 4 * HOUR), now=late)
        assert decision.reason is StartReason.ASK_AGAIN
        assert "too old" in " ".join(decision.problems)
