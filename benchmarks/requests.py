"""How many requests waiting tasks make, and what sharing answers costs a look: real processes, a loopback provider.

1,000 sensors over 5 zones wait 4 h in several worker processes; each look is a decision of the product's own code
with an empty memory, as in a task of its own. Time is compressed: a minute lasts until all have made their looks of
it, however slow the machine. Then 32 processes start at once with a cold store. Prints the requests by zone and hour
and the time that a look takes longer, and fails above two requests a zone and hour, or when a job starts blind.

    python benchmarks/requests.py                 the whole of it: some minutes
    python benchmarks/requests.py --quick         100 sensors in a minute
    python benchmarks/requests.py --database URL  shared by a database in place of a file
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import multiprocessing
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from airflow_provider_hypercarbon.carbon.decision import StartDecision
from airflow_provider_hypercarbon.carbon.intensity import CarbonIntensity, IntensitySeries
from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow
from airflow_provider_hypercarbon.sources.answer_store import AnswerStore, FileAnswers, MemoryAnswers
from airflow_provider_hypercarbon.sources.cached import CachedSource
from airflow_provider_hypercarbon.sources.electricity_maps import ElectricityMapsSource
from airflow_provider_hypercarbon.sources.planning import plan_with_record

ZONES = ("DE", "FR", "GB", "SE", "PL")
#: What a key includes: all, or what a free one does.
PLANS = {"paid": ("latest", "history", "past-range", "forecast"), "free": ("latest", "history")}
AT_MOST = 2
HOUR = timedelta(hours=1)
SCOPE = "benchmark"
#: When the compressed time begins; the provider publishes some minutes after each full hour.
BEGIN = datetime(2026, 3, 2, 18, 10, tzinfo=UTC)


class Clock:
    """Compressed time, the same in all processes: the minute that all are in."""

    def __init__(self, context: Any) -> None:
        self._minutes = context.Value("i", 0)

    def now(self) -> datetime:
        return BEGIN + timedelta(minutes=self._minutes.value)

    def tick(self) -> None:
        self._minutes.value += 1


class Provider(ThreadingHTTPServer):
    """Electricity Maps on loopback, counting."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, plan: str, clock: Clock) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.plan, self.clock = PLANS[plan], clock
        self.asked: list[tuple[str, str, datetime]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answering(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        params = {key: values[0] for key, values in parse_qs(url.query).items()}
        what, now = url.path.rpartition("/")[2], self.server.clock.now()
        self.server.asked.append((params["zone"], what, now))
        time.sleep(0.1)  # as long as a provider takes: time enough for others to come
        status, body = answer(what, params, now, self.server.plan)
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


def answer(what: str, params: dict[str, str], now: datetime, plan: tuple[str, ...]) -> tuple[int, object]:
    """Return what a provider whose running hour is measured says."""
    zone, running = params["zone"], now.replace(minute=0, second=0, microsecond=0)
    if what not in plan:
        return 401, {"error": f"Request unauthorized for zoneKey={zone},requestType={what}."}
    if what == "forecast":
        begin, count = running, int(params["horizonHours"]) + 1
    elif what == "past-range":
        begin = datetime.fromisoformat(params["start"])
        count = int((running - begin) / HOUR) + 1
    else:
        begin, count = (running - 23 * HOUR, 24) if what == "history" else (running, 1)
    rows = [row(zone, begin + HOUR * index) for index in range(count)]
    if what == "latest":
        return 200, rows[0]
    return 200, {"zone": zone, "updatedAt": now.isoformat(), {"past-range": "data"}.get(what, what): rows}


def row(zone: str, start: datetime) -> dict[str, Any]:
    """Return an hour of a computed grid."""
    value = 400 + 150 * math.sin((start.timestamp() / 3600 + ZONES.index(zone)) / 3.8)
    return {"zone": zone, "datetime": start.isoformat(), "carbonIntensity": round(value), "isEstimated": False}


class Timed:
    """A source that adds up how long its answers took."""

    def __init__(self, source: CachedSource) -> None:
        self.source, self.name, self.seconds, self.cpu_seconds = source, source.name, 0.0, 0.0

    def latest(self, zone: str, *, now: datetime) -> CarbonIntensity:
        return self._timed("latest", zone, now=now)

    def history(self, zone: str, start: datetime, end: datetime, *, now: datetime) -> IntensitySeries:
        return self._timed("history", zone, start, end, now=now)

    def forecast(self, zone: str, until: datetime, *, now: datetime) -> IntensitySeries:
        return self._timed("forecast", zone, until, now=now)

    def zones(self) -> tuple[Any, ...]:
        return self.source.zones()

    def _timed(self, what: str, *asked: object, now: datetime) -> Any:
        began, cpu_began = time.perf_counter(), time.process_time()
        try:
            return getattr(self.source, what)(*asked, now=now)
        finally:
            self.seconds += time.perf_counter() - began
            self.cpu_seconds += time.process_time() - cpu_began


class Job(NamedTuple):
    """One run of the benchmark, as every worker process needs it."""

    url: str
    clock: Clock
    store: str
    hours: float

    def open_store(self) -> AnswerStore:
        if "://" not in self.store:
            return FileAnswers(Path(self.store))
        import sqlalchemy as sa

        from airflow_provider_hypercarbon.report_store import DatabaseAnswers, ResultsDatabase

        return DatabaseAnswers(ResultsDatabase(sa.create_engine(self.store)))


class Look(NamedTuple):
    """One look of one sensor.

    :param share_ms: how long the source's answers took.
    :param cpu_ms: the same in time of the processor, which does not depend on who else uses the machine.
    :param requests: how many requests it made.
    :param blind: it could not decide on data.
    """

    share_ms: float
    cpu_ms: float
    requests: int
    blind: bool
    reason: str


def wait(job: Job, numbers: range, gate: Any, still: Any, looks: Any) -> None:
    """Be a worker: look for each sensor when its minute has come, until all have started."""
    store = job.open_store()
    begin = job.clock.now()
    window = StartWindow.opening(begin, timedelta(hours=job.hours))
    waiting: list[tuple[datetime, int, StartDecision | None]] = [(begin, number, None) for number in numbers]
    found = []
    while True:
        gate.wait()  # the minute begins
        now = job.clock.now()
        while waiting and waiting[0][0] <= now:
            _, number, last_plan = heapq.heappop(waiting)
            look, decision = look_once(job, store, number, window, now, last_plan)
            found.append(look)
            if not decision.due:
                heapq.heappush(waiting, (decision.check_again_at or window.deadline, number, decision))
        with still.get_lock():
            still.value += len(waiting)
        gate.wait()  # all have made their looks
        gate.wait()  # the clock has moved on, unless all have started
        if job.clock.now() == now:
            break
    looks.put(found)


def look_once(
    job: Job, store: AnswerStore, number: int, window: StartWindow, now: datetime, last_plan: StartDecision | None
) -> tuple[Look, StartDecision]:
    """Decide as a task of its own does."""
    # Every other sensor holds for what never comes, so that it looks every 15 minutes until its deadline.
    dirty = {"strategy": "threshold", "max_intensity": 1} if number % 2 else {}
    source = ElectricityMapsSource("token", base_url=job.url)
    cached = CachedSource(source, store, scope=SCOPE, memory=MemoryAnswers())
    timed = Timed(cached)
    policy = StartPolicy.model_validate({"max_delay": window.deadline - window.ready_at, **dirty})
    plan = plan_with_record(timed, ZONES[number % len(ZONES)], policy, window, now=now, last_plan=last_plan)
    decision = plan.decision
    blind = decision.reason in ("no_data", "ask_again", "plan_kept")
    return Look(
        1000 * timed.seconds, 1000 * timed.cpu_seconds, cached.requests, blind, str(decision.reason)
    ), decision


def run(sensors: int, processes: int, *, plan: str, hours: float, store: str) -> bool:
    """Let sensors wait in processes; print what it took, and return whether it was little enough."""
    context = multiprocessing.get_context("fork")
    gate, looks, still = context.Barrier(processes + 1), context.Queue(), context.Value("i", 0)
    clock = Clock(context)
    provider = Provider(plan, clock)
    job = Job(provider.url, clock, store, hours)
    shares = [range(first, sensors, processes) for first in range(processes)]
    workers = [context.Process(target=wait, args=(job, share, gate, still, looks)) for share in shares]
    for worker in workers:
        worker.start()
    while True:
        still.value = 0
        gate.wait()
        gate.wait()
        over = not still.value
        if not over:
            clock.tick()
        gate.wait()
        if over:
            break
    found: list[Look] = [look for _ in workers for look in looks.get()]
    for worker in workers:
        worker.join()
    provider.shutdown()
    provider.server_close()
    return told(plan, sensors, processes, found, provider.asked)


def told(plan: str, sensors: int, processes: int, looks: list[Look], asked: list[tuple[str, str, datetime]]) -> bool:
    """Print what was found, and return whether it is good."""
    lag = CachedSource(ElectricityMapsSource("token"), None, scope=SCOPE).lag
    hour = Counter((zone, (now - lag).replace(minute=0, second=0, microsecond=0)) for zone, _, now in asked)
    updates, most = len({update for _, update in hour}), max(hour.values(), default=0)
    free = sorted(look.share_ms for look in looks if not look.requests and look.reason != "deadline")
    cpu = statistics.median(look.cpu_ms for look in looks if not look.requests and look.reason != "deadline")
    blind = sum(look.blind for look in looks)
    print(
        f"  {len(asked)} requests for {len(looks)} looks of {sensors} sensors in {processes} processes, over "
        f"{updates} updates of {len(ZONES)} zones (at most {AT_MOST * updates * len(ZONES)}); most for one zone "
        f"between two updates: {most} (at most {AT_MOST})\n"
        f"  asked: {_counted(what for _, what, _ in asked)}\n"
        f"  decided: {_counted(look.reason for look in looks)}; without data: {blind}\n"
        f"  sharing adds to a look that makes no request: median {statistics.median(free):.1f} ms, "
        f"95 % under {free[int(0.95 * len(free))]:.1f} ms; {cpu:.1f} ms of the processor"
    )
    # On a machine that is busy otherwise some looks find no data in time, and look again. None may start blind.
    return 0 < most <= AT_MOST and not any(look.reason == "no_data" for look in looks)


def _counted(things: Iterable[str]) -> str:
    return ", ".join(f"{count} {thing}" for thing, count in Counter(things).most_common())


def main() -> int:
    """Run all of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--database", help="SQLAlchemy URL of a database in place of a file")
    arguments = parser.parse_args()
    sensors = 100 if arguments.quick else 1000
    good = True
    with tempfile.TemporaryDirectory() as folder:

        def fresh(name: str) -> str:
            if not arguments.database:
                return str(Path(folder) / name / "answers.db")
            import sqlalchemy as sa

            from airflow_provider_hypercarbon.report_store.schema import metadata

            engine = sa.create_engine(arguments.database)
            metadata.drop_all(engine)
            engine.dispose()
            return str(arguments.database)

        for plan in PLANS:
            print(f"{sensors} sensors wait 4 h, {plan} key:")
            good &= run(sensors, 8, plan=plan, hours=4, store=fresh(f"wait-{plan}"))
        for plan in PLANS:
            print(f"32 processes start at once with a cold store, {plan} key:")
            good &= run(32, 32, plan=plan, hours=1 / 60, store=fresh(f"cold-{plan}"))
    print("good" if good else "NOT GOOD")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
