"""A week with a provider that flaps through every fault: what became of the backups, and was every reason true?

Backups become ready all week in three zones, with deadlines from one to twelve hours. The product's own code decides
for each, over a shared store that is away now and then; each look has an empty memory, as in a task of its own. The
provider changes its behaviour every 3 to 90 minutes: good, down, slow, limiting, refusing, or answering with every
kind of bad data. What the provider really said is compared with what was decided on and with every reason given.

    python benchmarks/chaos_week.py               a week: a minute or two
    python benchmarks/chaos_week.py --days 1      a day
    python benchmarks/chaos_week.py --seed 7      another week
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any, NamedTuple

import httpx

from airflow_provider_hypercarbon.carbon.decision import StartDecision
from airflow_provider_hypercarbon.carbon.intensity import CarbonIntensity, IntensitySeries
from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow
from airflow_provider_hypercarbon.exceptions import HyperCarbonError
from airflow_provider_hypercarbon.sources.answer_store import MemoryAnswers
from airflow_provider_hypercarbon.sources.cached import CachedSource
from airflow_provider_hypercarbon.sources.electricity_maps import ElectricityMapsSource
from airflow_provider_hypercarbon.sources.planning import plan_with_record

ZONES = ("DE", "GB", "PL")
BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SCOPE = "chaos"
ON_DATA = {"clean_enough", "cleanest", "no_better_start", "cleaner_later", "too_dirty"}
#: What a job costs that starts without looking at the grid; for comparison.
DURATION = timedelta(hours=2)


def truth(zone: str, start: datetime) -> int:
    """Return what the grid really is: a daily swing, another phase in each zone."""
    hours = start.timestamp() / 3600 + 5 * ZONES.index(zone)
    return round(350 + 120 * math.sin(hours / 24 * 2 * math.pi) + 30 * math.sin(hours / 67))


Answer = Callable[["Provider", str, str, dict[str, Any]], httpx.Response]


def _status(code: int, body: object = None, **headers: str) -> Answer:
    return lambda *_: httpx.Response(code, json=body or {"status": "error"}, headers=headers)


def _text(text: str) -> Answer:
    return lambda *_: httpx.Response(200, text=text)


def _raised(kind: type[httpx.TransportError]) -> Answer:
    def answer(*_: object) -> httpx.Response:
        raise kind("chaos")

    return answer


def _spoilt(change: Callable[[dict[str, Any]], object]) -> Answer:
    """Return a good answer with every row, or the one value, changed."""

    def answer(_: Provider, what: str, zone: str, good: dict[str, Any]) -> httpx.Response:
        for row in _rows(good):
            change(row)
        return httpx.Response(200, text=json.dumps(good))

    return answer


def _newest_spoilt(change: Callable[[dict[str, Any]], object]) -> Answer:
    """Return a good answer whose last value, or first of a forecast, is changed."""

    def answer(_: Provider, what: str, zone: str, good: dict[str, Any]) -> httpx.Response:
        change(_rows(good)[0 if what == "forecast" else -1])
        return httpx.Response(200, text=json.dumps(good))

    return answer


def _denied(provider: Provider, what: str, zone: str, good: dict[str, Any]) -> httpx.Response:
    if what in ("forecast", "past-range"):
        return httpx.Response(401, json={"error": f"Request unauthorized for zoneKey={zone},requestType={what}."})
    return httpx.Response(200, json=good)


def _partly(provider: Provider, what: str, zone: str, good: dict[str, Any]) -> httpx.Response:
    return httpx.Response(500) if what == "forecast" else httpx.Response(200, json=good)


def _rows(good: dict[str, Any]) -> list[dict[str, Any]]:
    return next((good[key] for key in ("data", "history", "forecast") if key in good), [good])


def _value(value: object) -> Callable[[dict[str, Any]], object]:
    return lambda row: row.update(carbonIntensity=value)


def _moved(span: timedelta) -> Callable[[dict[str, Any]], object]:
    return lambda row: row.update(datetime=(datetime.fromisoformat(row["datetime"]) + span).isoformat())


def _without(key: str) -> Callable[[dict[str, Any]], object]:
    return lambda row: row.pop(key, None)


def _good(_: Provider, what: str, zone: str, good: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json=good)


#: Every fault, with a word that a problem caused by it contains.
FAULTS: dict[str, tuple[Answer, str]] = {
    "500": (_status(500), "500"),
    "503": (_status(503), "503"),
    "time-out": (_raised(httpx.ReadTimeout), "did not answer in time"),
    "no connection": (_raised(httpx.ConnectError), "cannot be reached"),
    "connection cut": (_raised(httpx.RemoteProtocolError), "cannot be reached"),
    "429, a minute": (_status(429, **{"Retry-After": "60"}), "too many requests"),
    "429, an hour": (_status(429, **{"Retry-After": "3600"}), "too many requests"),
    "429, no hint": (_status(429), "too many requests"),
    "token refused": (_status(401, {"error": "Invalid auth-token"}), "credential was refused"),
    "forbidden": (_status(403), "credential was refused"),
    "smaller plan": (_denied, "does not include"),
    "no recent data": (_status(404, {"message": "No recent data for zone"}), "no recent data"),
    "400": (_status(400), "refused"),
    "redirect": (_status(302, None, Location="https://example.com"), "redirect"),
    "HTML": (_text("<html>maintenance</html>"), "JSON"),
    "truncated": (_text('{"zone": "DE", "data": [{"carbonInt'), "JSON"),
    "empty body": (_text(""), "JSON"),
    "a list": (_text("[]"), "object"),
    "null body": (_text("null"), "object"),
    "no rows": (lambda p, what, zone, good: httpx.Response(200, json={"zone": zone}), ""),
    "forecast alone broken": (_partly, "500"),
    "null": (_spoilt(_value(None)), "null"),
    "NaN": (_spoilt(_value(float("nan"))), "not a number"),
    "text": (_spoilt(_value("clean")), "not a number"),
    "negative": (_spoilt(_value(-40)), "negative"),
    "zero": (_spoilt(_value(0)), "zero"),
    "absurd": (_spoilt(_value(50000)), "1500"),
    "two days old": (_spoilt(_moved(-2 * DAY)), ""),
    "from tomorrow": (_spoilt(_moved(DAY + 3 * HOUR)), ""),
    "without times": (_spoilt(_without("datetime")), "time"),
    "another zone": (_spoilt(lambda row: row.update(zone="FR")), "another zone"),
    "newest null": (_newest_spoilt(_value(None)), "null"),
    "newest negative": (_newest_spoilt(_value(-1)), "negative"),
    "newest 45": (_newest_spoilt(_value(45)), ""),
}


class Provider:
    """Electricity Maps with moods."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.now = BEGIN
        self.mood, self._until = "good", BEGIN
        self.served: Counter[str] = Counter()
        self.moods: list[tuple[datetime, str]] = []
        self.asked: list[tuple[str, str, datetime, str]] = []

    def tick(self, now: datetime) -> None:
        """Change the mood when its time is over."""
        self.now = now
        while now >= self._until:
            self.mood = "good" if self._rng.random() < 0.35 else self._rng.choice(list(FAULTS))
            self.moods.append((self._until, self.mood))
            self._until += MINUTE * self._rng.randint(3, 90)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        what, zone = request.url.path.rpartition("/")[2], request.url.params["zone"]
        self.asked.append((zone, what, self.now, self.mood))
        self.served[self.mood] += 1
        answer = _good if self.mood == "good" else FAULTS[self.mood][0]
        return answer(self, what, zone, self._good(what, zone, request.url.params))

    def _good(self, what: str, zone: str, params: httpx.QueryParams) -> dict[str, Any]:
        running = self.now.replace(minute=0, second=0, microsecond=0)
        if what == "forecast":
            begin, count = running, int(params["horizonHours"]) + 1
        elif what == "past-range":
            begin = datetime.fromisoformat(params["start"])
            count = int((running - begin) / HOUR) + 1
        else:
            begin, count = (running - 23 * HOUR, 24) if what == "history" else (running, 1)
        rows = [
            {
                "zone": zone,
                "datetime": (begin + HOUR * i).isoformat(),
                "carbonIntensity": truth(zone, begin + HOUR * i),
                "isEstimated": False,
                "temporalGranularity": "hourly",
            }
            for i in range(count)
        ]
        if what == "latest":
            return rows[0]
        return {"zone": zone, "updatedAt": self.now.isoformat(), {"past-range": "data"}.get(what, what): rows}

    def was(self, word: str, now: datetime) -> bool:
        """Whether a fault that says ``word`` was served in the day before."""
        lately = takewhile(lambda one: now - one[2] <= DAY + HOUR, reversed(self.asked))
        moods = {mood for _, _, _, mood in lately} - {"good"}
        return any(FAULTS[mood][1] and FAULTS[mood][1].lower() in word.lower() for mood in moods)


class Flaky:
    """A store that is away for an hour now and then, and loses nothing."""

    def __init__(self, rng: random.Random, days: float) -> None:
        self._store = MemoryAnswers()
        self.now = BEGIN
        self._away = [BEGIN + DAY * rng.uniform(0, days) for _ in range(round(2 * days))]

    @property
    def is_away(self) -> bool:
        return any(begin <= self.now < begin + HOUR for begin in self._away)

    def __getattr__(self, name: str) -> Any:
        if self.is_away:
            raise RuntimeError("the store is away")
        return getattr(self._store, name)


class Heard:
    """A source that notes what it gave: all that a decision can have been made on."""

    spares_itself = True

    def __init__(self, source: CachedSource) -> None:
        self.source, self.name = source, source.name
        self.series: list[IntensitySeries] = []
        self.current: CarbonIntensity | None = None
        self.errors: list[HyperCarbonError] = []

    def latest(self, zone: str, *, now: datetime) -> CarbonIntensity:
        self.current = self._heard(lambda: self.source.latest(zone, now=now))
        return self.current

    def history(self, zone: str, start: datetime, end: datetime, *, now: datetime) -> IntensitySeries:
        return self._kept(lambda: self.source.history(zone, start, end, now=now))

    def forecast(self, zone: str, until: datetime, *, now: datetime) -> IntensitySeries:
        return self._kept(lambda: self.source.forecast(zone, until, now=now))

    def zones(self) -> tuple[Any, ...]:
        return ()

    def _kept(self, ask: Callable[[], IntensitySeries]) -> IntensitySeries:
        self.series.append(self._heard(ask))
        return self.series[-1]

    def _heard(self, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except HyperCarbonError as error:
            self.errors.append(error)
            raise


class Backup(NamedTuple):
    zone: str
    policy: StartPolicy
    window: StartWindow


class Judge:
    """Compares decisions with what was said, and counts."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.wrong: list[str] = []
        self.figures: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.delays: list[float] = []

    def judge(self, backup: Backup, heard: Heard, decision: StartDecision, last: StartDecision | None) -> None:
        now, reason = decision.decided_at, str(decision.reason)
        had_plan = last is not None and last.mean_now_gco2eq_per_kwh is not None
        has_data = bool(heard.series)
        self.figures["looks"] += 1
        self.figures["looks on older data"] += bool(has_data and reason in ON_DATA and self._is_older(heard))
        for problem in decision.problems:
            self._check(self._is_true(problem, now), f"untrue problem: {problem}", decision)
        lies = [slot for series in heard.series for slot in series.slots if truth(backup.zone, slot[0]) != slot[1]]
        if heard.current and heard.current.gco2eq_per_kwh != truth(backup.zone, heard.current.start_at):
            lies.append((heard.current.start_at, heard.current.gco2eq_per_kwh, None))  # type: ignore[arg-type]
        self.figures["looks that were told something false"] += bool(lies)
        if reason in ON_DATA:
            self._check(has_data, "on data that were not there", decision)
            # A value that is within all bounds and yet false: it must not be what made the start clean.
            if decision.due and lies:
                self.figures["starts on a false value"] += 1
                mean = sum(truth(backup.zone, now + HOUR * h) for h in range(2)) / 2
                believed = decision.mean_now_gco2eq_per_kwh or 0
                self._check(abs(believed - mean) < 60, f"clean by a lie: {believed:.0f}, really {mean:.0f}", decision)
            if reason == "clean_enough":
                limit = backup.policy.max_intensity or 0
                self._check((decision.mean_now_gco2eq_per_kwh or 1e9) <= limit, "not under the limit", decision)
        elif reason == "deadline":
            self._check(now >= backup.window.deadline, "the deadline has not come", decision)
        elif reason == "plan_kept":
            self._check(had_plan and bool(decision.problems), "no plan to keep, or no reason to", decision)
        elif reason in ("no_data", "ask_again"):
            self._check(not had_plan and bool(decision.problems), "there was a plan, or no problem", decision)
        else:
            self._check(False, f"an unexpected reason {reason}", decision)
        self._check(
            decision.check_again_at is None or decision.check_again_at <= backup.window.deadline,
            "looks late",
            decision,
        )
        if decision.due:
            self._started(backup, decision)

    def _started(self, backup: Backup, decision: StartDecision) -> None:
        now = decision.decided_at
        self.figures["starts"] += 1
        self.reasons[str(decision.reason)] += 1
        self.figures["starts after their deadline"] += now > backup.window.deadline
        self._check(now <= backup.window.deadline, "after its deadline", decision)
        self.delays.append((now - backup.window.ready_at) / HOUR)

    def _is_true(self, problem: str, now: datetime) -> bool:
        own = ("2 requests a zone and hour", "requests a minute are the limit", "source has nothing newer")
        return any(word in problem for word in own) or self.provider.was(problem, now) or self._is_bad_data(problem)

    def _is_bad_data(self, problem: str) -> bool:
        """Whether it names what only bad answers of the last day can have caused."""
        words = (
            "too old",
            "too long ago",
            "was over at",
            "not asked for",
            "from the future",
            "no grid jumps",
            "rows",
        )
        words = (*words, "no values", "does not say its zone", "a time", "not one usable", "no usable")
        return any(word in problem for word in words)

    @staticmethod
    def _is_older(heard: Heard) -> bool:
        return any(series.problems for series in heard.series)

    def _check(self, good: bool, what: str, decision: StartDecision) -> None:
        if not good:
            self.wrong.append(f"{decision.decided_at:%a %H:%M} {decision.zone} {decision.reason}: {what}")


def policies(rng: random.Random) -> StartPolicy:
    """Return what one of many users asks for."""
    strategy = rng.choice(["cleanest", "cleanest", "threshold"])
    limit = rng.choice([None, 280, 320]) if strategy == "cleanest" else rng.choice([200, 300])
    return StartPolicy(
        strategy=strategy,  # type: ignore[arg-type]
        max_intensity=limit,
        max_delay=HOUR * rng.choice([1, 2, 4, 4, 8, 12]),
        on_no_data=rng.choice(["start", "wait"]),  # type: ignore[arg-type]
    )


def week(days: float, seed: int) -> tuple[Judge, Provider]:
    """Live through it."""
    rng = random.Random(seed)
    provider, store = Provider(random.Random(seed + 1)), Flaky(random.Random(seed + 2), days)
    judge = Judge(provider)
    ready: list[tuple[datetime, int, Backup, StartDecision | None]] = []
    for number in range(round(days * 24 * 6)):
        at, policy = BEGIN + number * 10 * MINUTE, policies(rng)
        backup = Backup(rng.choice(ZONES), policy, StartWindow.opening(at, policy.max_delay))
        heapq.heappush(ready, (at, number, backup, None))
    while ready:
        now, number, backup, last = heapq.heappop(ready)
        provider.tick(now)
        store.now = now
        source = ElectricityMapsSource("token", transport=httpx.MockTransport(provider), sleep=lambda _: None)
        cached = CachedSource(source, store, scope=SCOPE, memory=MemoryAnswers(), sleep=lambda _: None)  # type: ignore[arg-type]
        heard = Heard(cached)
        plan = plan_with_record(heard, backup.zone, backup.policy, backup.window, now=now, last_plan=last)
        judge.judge(backup, heard, plan.decision, last)
        if not plan.decision.due:
            heapq.heappush(
                ready, (plan.decision.check_again_at or backup.window.deadline, number, backup, plan.decision)
            )
        else:
            judge.figures["looks while the store was away"] += store.is_away
    return judge, provider


def main() -> int:
    """Live through a week and print what became of it."""
    import logging

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=float, default=7)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)  # a store that is away says so each time
    judge, provider = week(arguments.days, arguments.seed)
    faulty = sum(count for mood, count in provider.served.items() if mood != "good")
    by_hour: defaultdict[tuple[str, datetime], int] = defaultdict(int)
    for zone, _, at, _ in provider.asked:
        by_hour[zone, at.replace(minute=0)] += 1
    f = judge.figures
    print(
        f"{arguments.days:g} days, {len(provider.moods)} moods of the provider, {len(FAULTS)} kinds of faults, "
        f"{sum(mood in provider.served for mood in FAULTS)} of them served.\n"
        f"{f['starts']} backups started, {f['starts after their deadline']} after their deadline; "
        f"on average {sum(judge.delays) / len(judge.delays):.1f} h after they became ready.\n"
        f"Reasons: {', '.join(f'{count} {reason}' for reason, count in judge.reasons.most_common())}.\n"
        f"{f['looks']} looks made {len(provider.asked)} requests, {faulty} of them answered badly; on average "
        f"{len(provider.asked) / max(1, len(by_hour)):.1f} a zone and hour in which any was made, at most "
        f"{max(by_hour.values())}.\n"
        f"{f['looks on older data']} looks decided on an older answer, and said so. "
        f"{f['looks that were told something false']} were told a false value that was within all bounds, "
        f"{f['starts on a false value']} of them started.\n"
        f"{len(judge.wrong)} decisions were wrong."
    )
    for line in judge.wrong[:20]:
        print(f"  {line}")
    return 1 if judge.wrong or f["starts after their deadline"] else 0


if __name__ == "__main__":
    sys.exit(main())
