"""The table of hostile answers: what a grid API may send, and what becomes of the backup then.

Each line is something that real services have sent and real schedulers have tripped over. Whatever comes, the
backup starts at or before its deadline, bad data never count as clean, and the reason is told.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_hypercarbon.carbon.decision import StartDecision, StartReason
from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow
from airflow_provider_hypercarbon.sources.planning import plan_start
from tests.sources.electricity_maps_api import DAY, HOUR, NOW, RUNNING, TOKEN, Api, denied, forecast, iso, latest, row

WINDOW = StartWindow.opening(NOW, 4 * HOUR)
POLICIES = pytest.mark.parametrize(
    "policy",
    [StartPolicy(), StartPolicy(strategy="threshold", max_intensity=500)],
    ids=["cleanest", "threshold"],
)
#: Reasons that claim to know the grid.
KNOWING = {StartReason.CLEAN_ENOUGH, StartReason.CLEANEST, StartReason.NO_BETTER_START, StartReason.CLEANER_LATER}
Respond = Callable[[httpx.Request], httpx.Response]


class Body(httpx.SyncByteStream):
    """A body that comes in pieces, and may break off."""

    def __init__(self, piece: bytes, count: int, then: Exception | None = None) -> None:
        self._piece, self._count, self._then = piece, count, then

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(self._count):
            yield self._piece
        if self._then is not None:
            raise self._then


def everywhere(answer: object) -> Api:
    """Return an API that gives one answer to everything."""
    return Api(**dict.fromkeys(("latest", "forecast", "history", "past_range"), answer))


def status(code: int, text: str = "", **headers: str) -> Api:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return everywhere(lambda _: httpx.Response(code, text=text, headers=named))


def body(content: str) -> Api:
    return everywhere(lambda _: httpx.Response(200, text=content))


def breaking(error: Exception) -> Api:
    return everywhere(error)


def streaming(stream: httpx.SyncByteStream) -> Api:
    return everywhere(lambda _: httpx.Response(200, stream=stream))


def values(value: object) -> Api:
    """Return an API whose every intensity is ``value``."""
    rows = [row(RUNNING - HOUR * i, value) for i in range(24)]
    past = {"zone": "DE", "data": rows}
    return Api(latest=latest(value), forecast=forecast([value] * 25), history=past, past_range=past)


def at(time_of: Callable[[timedelta], str]) -> Api:
    """Return an API whose every time is written by ``time_of``, given its distance from the running hour."""
    past = {"zone": "DE", "data": [row(NOW, 300, datetime=time_of(-i * HOUR)) for i in range(24)]}
    ahead = forecast()
    ahead["forecast"] = [{"carbonIntensity": 300, "datetime": time_of(i * HOUR)} for i in range(25)]
    return Api(latest=latest(300, datetime=time_of(0 * HOUR)), forecast=ahead, history=past, past_range=past)


def rows(given: list[object]) -> Api:
    past = {"zone": "DE", "history": given}
    return Api(latest=latest(None), forecast={**forecast(), "forecast": given}, history=past, past_range=past)


def follow(api: Api, policy: StartPolicy) -> list[StartDecision]:
    """Decide until the job is due, as the sensor does, and return all decisions."""
    source, now = api.source(), NOW
    decisions: list[StartDecision] = []
    while not decisions or not decisions[-1].due:
        assert now <= WINDOW.deadline
        last = decisions[-1] if decisions else None
        decision = plan_start(source, "DE", policy, WINDOW, now=now, last_plan=last)
        json.dumps(decision.model_dump(mode="json"))
        assert TOKEN not in decision.model_dump_json()
        decisions.append(decision)
        if not decision.due:
            assert decision.check_again_at is not None
            assert now < decision.check_again_at <= WINDOW.deadline
            now = decision.check_again_at
    return decisions


def case(name: str, api: Callable[[], Api], problem: str, *, requests: int, again: bool) -> object:
    """Return a line of the table.

    :param problem: what the decision says.
    :param requests: how many requests the first decision takes.
    :param again: asking again later is worth it.
    """
    return pytest.param(api, problem, requests, again, id=name)


REFUSED = [
    # The service refuses. What will not change by itself is asked once.
    case("400", lambda: status(400, '{"message": "Bad request"}'), "answered 400", requests=3, again=False),
    case("401 bad token", lambda: status(401, '{"error": "Invalid"}'), "was refused", requests=1, again=False),
    case("401 small plan", lambda: everywhere(lambda _: denied()), "does not include", requests=4, again=False),
    case("403", lambda: status(403, "<html>"), "was refused", requests=1, again=False),
    case("404", lambda: status(404, "<html>"), "answered 404", requests=3, again=False),
    case("404 no data", lambda: status(404, '{"message": "No recent data"}'), "no recent", requests=3, again=True),
    case("404 unknown zone", lambda: status(404, "Unknown zone DE"), "Unknown zone 'DE'", requests=1, again=False),
    case("422", lambda: status(422, '{"detail": []}'), "answered 422", requests=3, again=False),
    # It is overloaded, or down.
    case("429 Retry-After 2, always", lambda: status(429, Retry_After="2"), "too many", requests=3, again=True),
    case("429 Retry-After 3600", lambda: status(429, Retry_After="3600"), "too many", requests=1, again=True),
    case("429 without Retry-After", lambda: status(429), "too many", requests=3, again=True),
    case("500 always", lambda: status(500), "answered 500", requests=3, again=True),
    case("503 always", lambda: status(503, "<html>"), "answered 503", requests=3, again=True),
    case("refused connection", lambda: breaking(httpx.ConnectError("refused")), "be reached", requests=3, again=True),
    case("cut connection", lambda: breaking(httpx.ReadError("reset")), "cannot be reached", requests=3, again=True),
    case("hang", lambda: breaking(httpx.ReadTimeout("slow")), "did not answer in time", requests=3, again=True),
    case(
        "slow drip",
        lambda: streaming(Body(b" ", 9, httpx.ReadTimeout("slow"))),
        "did not answer in time",
        requests=3,
        again=True,
    ),
    case("redirect loop", lambda: status(302, location="/again"), "302, a redirect", requests=1, again=True),
    # It answers 200 with something else.
    case("HTML", lambda: body("<html>Sign in</html>"), "not answer in JSON", requests=1, again=True),
    case("truncated", lambda: body(json.dumps(latest())[:40]), "not answer in JSON", requests=1, again=True),
    case("empty body", lambda: body(""), "not answer in JSON", requests=1, again=True),
    case("null", lambda: body("null"), "not answer with an object", requests=1, again=True),
    case("list", lambda: body("[]"), "not answer with an object", requests=1, again=True),
    case("text", lambda: body('"DE"'), "not answer with an object", requests=1, again=True),
    case("{}", lambda: body("{}"), "does not say its zone", requests=3, again=True),
    case("an error as 200", lambda: body('{"error": "quota"}'), "does not say its zone", requests=3, again=True),
    case("no-data as 200", lambda: body('{"status": "no-data"}'), "has no data for DE", requests=3, again=True),
    case("30 MB", lambda: streaming(Body(b" " * 300_000, 100)), "more than 8388608 bytes", requests=1, again=True),
    # It answers with values that are none.
    case("null intensity", lambda: values(None), "is null", requests=3, again=True),
    case("text intensity", lambda: values("45"), "is not a number", requests=3, again=True),
    case("decimal comma", lambda: values("45,2"), "is not a number", requests=3, again=True),
    case("NaN", lambda: values(float("nan")), "is not a number", requests=3, again=True),
    case("infinity", lambda: values(float("-inf")), "is not a number", requests=3, again=True),
    case("true", lambda: values(True), "is not a number", requests=3, again=True),
    case("object intensity", lambda: values({"value": 45}), "is not a number", requests=3, again=True),
    case("a number of 400 digits", lambda: values(-(10**400)), "is not a number", requests=3, again=True),
    case("negative", lambda: values(-5), "is negative", requests=3, again=True),
    case("zero", lambda: values(0), "is zero, which no grid is", requests=3, again=True),
    case("absurd", lambda: values(45_000), "above the plausible", requests=3, again=True),
    case("empty lists", lambda: rows([]), "with no value", requests=3, again=True),
    case("rows of null", lambda: rows([None, None]), "A time in the answer", requests=3, again=True),
    case("rows without fields", lambda: rows([{}, {}]), "A time in the answer", requests=3, again=True),
    case("rows of lists", lambda: rows([[], []]), "A time in the answer", requests=3, again=True),
    case("one time twice", lambda: rows([row(RUNNING, 1)] * 9), "two values for one time", requests=3, again=True),
    # It answers about something else.
    case("another zone", lambda: body(json.dumps(latest(9, zone="FR"))), "zone: 'FR'", requests=3, again=True),
    case("naive times", lambda: at(lambda d: (RUNNING + d).isoformat()[:19]), "no time", requests=3, again=True),
    case("dates", lambda: at(lambda d: str((RUNNING + d).date())), "no time zone", requests=3, again=True),
    case("times that are none", lambda: at(lambda _: "soon"), "A time in the answer", requests=3, again=True),
    case("14 days ahead", lambda: at(lambda d: iso(RUNNING + 14 * DAY + d)), "A time in", requests=3, again=True),
    case("14 days ago", lambda: at(lambda d: iso(RUNNING - 14 * DAY + d)), "was over at", requests=3, again=True),
    case("stale", lambda: at(lambda d: iso(RUNNING - 30 * HOUR + d)), "was over at", requests=3, again=True),
    case("the year 9999", lambda: at(lambda _: "9999-12-31T23:59:59Z"), "is far away", requests=3, again=True),
]  # fmt: skip


@POLICIES
@pytest.mark.parametrize(("api", "problem", "requests", "again"), REFUSED)
def test_refused(api: Callable[[], Api], problem: str, requests: int, again: bool, policy: StartPolicy):
    """No decision is made on it, the reason is told, and the backup starts: at once when asking is no use."""
    service = api()
    first = plan_start(service.source(), "DE", policy, WINDOW, now=NOW)
    assert len(service.requests) == requests
    assert problem in first.sentence
    assert problem in " ".join(first.problems)
    assert first.reason is (StartReason.ASK_AGAIN if again else StartReason.NO_DATA)

    decisions = follow(api(), policy)
    assert len(decisions) == (4 if again else 1)
    assert not {decision.reason for decision in decisions} & KNOWING
    final = decisions[-1]
    assert (final.due, final.reason) == (True, StartReason.NO_DATA)
    assert final.start_at <= WINDOW.deadline
    assert "without knowing the grid" in final.sentence
    known = (final.current_gco2eq_per_kwh, final.mean_now_gco2eq_per_kwh, final.mean_at_start_gco2eq_per_kwh)
    assert known == (None, None, None)


@POLICIES
@pytest.mark.parametrize(("api", "problem", "requests", "again"), REFUSED)
def test_refused_after_a_plan_was_made(
    api: Callable[[], Api], problem: str, requests: int, again: bool, policy: StartPolicy
):
    """The plan stands, and its start is not moved by what came after."""
    dip = Api(latest=latest(600), forecast=forecast([600, 600, 100, 100, 100, 100, 600]))
    plan = plan_start(dip.source(), "DE", policy, WINDOW, now=NOW)
    assert plan.reason is StartReason.CLEANER_LATER
    source = api().source()
    later = plan_start(source, "DE", policy, WINDOW, now=NOW + (plan.start_at - NOW) / 2, last_plan=plan)
    assert (later.due, later.reason, later.start_at) == (False, StartReason.PLAN_KEPT, plan.start_at)
    assert problem in later.sentence
    due = plan_start(source, "DE", policy, WINDOW, now=plan.start_at, last_plan=later)
    assert (due.due, due.reason) == (True, StartReason.PLAN_KEPT)


class TestTaken:
    """What looks odd and is right: the decision is made, as if it were plain."""

    DIP = forecast([600, 600, 100, 100, 100, 100, 600])

    def decide(self, api: Api) -> StartDecision:
        return plan_start(api.source(), "DE", StartPolicy(), WINDOW, now=NOW)

    @pytest.mark.parametrize(
        "failure",
        [
            httpx.Response(500),
            httpx.Response(429, headers={"Retry-After": "2"}),
            httpx.ReadTimeout("slow"),
            httpx.Response(503, text="<html>"),
        ],
        ids=["500 once", "429 Retry-After 2, once", "time-out once", "503 once"],
    )
    def test_a_brief_failure(self, failure: httpx.Response | Exception):
        """Nobody notices, apart from a short pause."""
        failures = [failure]

        def recovering(_: httpx.Request) -> httpx.Response:
            if failures:
                gone = failures.pop()
                if isinstance(gone, Exception):
                    raise gone
                return gone
            return httpx.Response(200, json=self.DIP)

        api = Api(forecast=recovering, latest=latest(600))
        decision = self.decide(api)
        assert (decision.reason, decision.problems) == (StartReason.CLEANER_LATER, ())
        assert 0 < sum(api.pauses) <= 2

    def test_estimated_values(self):
        """The provider's newest value is one nearly always; the decision says so."""
        estimated = latest(600, isEstimated=True, estimationMethod="TIME_SLICER_AVERAGE")
        decision = self.decide(Api(latest=estimated, forecast=self.DIP))
        assert (decision.reason, decision.estimated) == (StartReason.CLEANER_LATER, True)

    def test_sandbox_values(self):
        """Good for trying out the wiring; the decision says that they are made up."""
        decision = self.decide(Api(latest=latest(600, estimationMethod="SANDBOX_MODE_DATA"), forecast=self.DIP))
        assert decision.synthetic == "sandbox"
        assert "(sandbox data)" in decision.sentence

    def test_times_with_another_offset(self):
        """Two hours ahead of UTC is the same instant, not two hours later."""
        shifted = at(lambda d: (RUNNING + d + 2 * HOUR).strftime("%Y-%m-%dT%H:%M:%S+02:00"))
        plain = at(lambda d: iso(RUNNING + d))
        assert self.decide(shifted) == self.decide(plain)

    def test_extra_fields_and_unknown_words(self):
        """The provider may add what it likes."""
        odd = {"new": {"deep": [1]}, "estimationMethod": "NEW", "emissionFactorType": "ipcc-2030"}
        decision = self.decide(Api(latest=latest(600, **odd), forecast={**self.DIP, **odd}))
        plain = self.decide(Api(latest=latest(600), forecast=self.DIP))
        assert decision == plain

    @pytest.mark.parametrize("bad", [None, 0, -5, "45", float("nan")])
    def test_a_bad_value_among_good_ones(self, bad: object):
        """It is a gap: never the cleanest hour of the day."""
        decision = self.decide(Api(latest=latest(600), forecast=forecast([600, 500, bad, 550, 560, 570, 580, 600])))
        assert decision.mean_at_start_gco2eq_per_kwh is not None
        assert decision.mean_at_start_gco2eq_per_kwh > 300

    def test_a_clean_value_in_the_newest_answer_alone(self):
        """A forecast refused and a history too short: only an absolute limit can be compared with one value."""
        policy = StartPolicy(strategy="threshold", max_intensity=200)
        for value, reason in ((45, StartReason.CLEAN_ENOUGH), (600, StartReason.TOO_DIRTY)):
            nothing = {"zone": "DE", "history": []}
            api = Api(latest=latest(value), forecast=denied(), history=nothing, past_range=nothing)
            decision = plan_start(api.source(), "DE", policy, WINDOW, now=NOW)
            assert decision.reason is reason
            assert decision.start_at <= WINDOW.deadline

    def test_a_history_that_ended_two_days_ago(self):
        """Its hours are right, but say nothing about now."""
        old = {"zone": "DE", "data": [row(RUNNING - 2 * DAY - i * HOUR, 45) for i in range(48)]}
        api = Api(latest=latest(None), forecast=denied(), past_range=old)
        decision = plan_start(
            api.source(), "DE", StartPolicy(strategy="threshold", max_intensity=200), WINDOW, now=NOW
        )
        assert decision.reason is StartReason.ASK_AGAIN


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    ["zone", "carbonIntensity", "datetime", "updatedAt", "emissionFactorType", "isEstimated", "estimationMethod",
     "temporalGranularity", "_disclaimer", "status", "forecast", "history", "data"]
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(whole=JSON, spoilt=st.dictionaries(FIELDS, JSON, min_size=1), in_rows=st.dictionaries(FIELDS, JSON))
def test_any_json_at_all(whole: object, spoilt: dict[str, object], in_rows: dict[str, object]):
    """Whatever stands wherever, there is a decision, and it lies within the window."""
    rows_of_both = [{**row(RUNNING + i * HOUR), **(in_rows if i % 2 else {})} for i in range(-12, 12)]
    series = {"zone": "DE", "temporalGranularity": "hourly", "data": rows_of_both, **spoilt}
    apis = [everywhere(body_of(whole)), Api(latest={**latest(), **spoilt}, **dict.fromkeys(SERIES, series))]
    for api in apis:
        for policy in (StartPolicy(), StartPolicy(strategy="threshold", max_intensity=200)):
            decision = plan_start(api.source(), "DE", policy, WINDOW, now=NOW)
            assert NOW <= decision.start_at <= WINDOW.deadline
            json.dumps(decision.model_dump(mode="json"))


SERIES = ("forecast", "history", "past_range")


def body_of(content: object) -> Respond:
    return lambda _: httpx.Response(200, text=json.dumps(content))
