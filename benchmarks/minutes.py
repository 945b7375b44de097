"""Jobs that become ready at random minutes, and the product's own decisions about them, look by look.

At every look the policy is given what a source and a log would have said at that minute, and nothing else.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import NoReturn

from airflow_provider_hypercarbon.carbon.blend import EPOCH
from airflow_provider_hypercarbon.carbon.decision import StartDecision
from airflow_provider_hypercarbon.carbon.intensity import IntensitySeries, Slot
from airflow_provider_hypercarbon.carbon.outlook import Outlook
from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow
from airflow_provider_hypercarbon.carbon.readings import ReadingsLog, Stretch, midnight
from airflow_provider_hypercarbon.carbon.replay import Timeline
from airflow_provider_hypercarbon.carbon.rivals import perfect_foresight
from airflow_provider_hypercarbon.carbon.scores import Backtest, Outcomes
from airflow_provider_hypercarbon.carbon.start import decide_start
from airflow_provider_hypercarbon.exceptions import UnavailableError
from airflow_provider_hypercarbon.sources.planning import plan_start

HOUR = timedelta(hours=1)
#: What is kept of a log, in days.
_MEASURED_DAYS, _ISSUED_DAYS = 60, 40


@dataclass(frozen=True)
class Known:
    """What the policy is told, and how well.

    :param history_hours: measured hours that the source gives.
    :param log: also the log that the product keeps.
    :param failing: share of looks at which the source does not answer.
    :param bias: what forecasts are multiplied by.
    :param late: hours that measurements come late.
    :param believed: how long the policy thinks that the job runs, in hours; None for as long as it does.
    """

    forecast: bool = True
    history_hours: int = 168
    log: bool = False
    failing: float = 0.0
    bias: float = 1.0
    late: int = 0
    believed: float | None = None


class _Down:
    """A source that does not answer."""

    name = "trace"

    def _fail(self, *_: object, **__: object) -> NoReturn:
        raise UnavailableError("The source is down.")

    latest = history = forecast = zones = _fail


class Minutes:
    """A trace of hours, and what would have been known at any minute of it."""

    def __init__(self, trace: ReadingsLog, known: Known) -> None:
        issues = trace.issues if known.forecast else ()
        if known.bias != 1:
            issues = tuple(
                issue.model_copy(update={"values": tuple(v and v * known.bias for v in issue.values)})
                for issue in issues
            )
        self.trace = trace.model_copy(update={"issues": issues})
        self.known = known
        self._log: tuple[datetime, ReadingsLog] | None = None

    def outlook(self, now: datetime) -> Outlook:
        """Return what a source and the log say at ``now``."""
        trace, known, measured = self.trace, self.known, self.trace.measured
        end = (now - measured.start_at) // HOUR + 1 - known.late
        values = [(at, measured.values[at]) for at in range(max(0, end - known.history_hours), end)]
        past = tuple(Slot(measured.start_at + HOUR * at, value) for at, value in values if value is not None)
        forecast, issued = None, bisect_right(trace.issues, now, key=attrgetter("issued_at"))
        if issued:
            issue = trace.issues[issued - 1]
            running = (now - issue.start_at) // HOUR
            ahead = tuple(
                Slot(issue.start_at + HOUR * at, value)
                for at, value in enumerate(issue.values)
                if at >= running and value is not None
            )
            forecast = self._series(ahead, issue.issued_at)
        log = self._log_of(now) if known.log else None
        return Outlook(zone=trace.zone, measured=self._series(past, None), forecast=forecast, log=log)

    def _series(self, slots: tuple[Slot, ...], issued_at: datetime | None) -> IntensitySeries:
        trace = self.trace
        return IntensitySeries.model_construct(
            zone=trace.zone, source=trace.source, slots=slots, slot_length=HOUR, signal=trace.signal,
            issued_at=issued_at, synthetic=None,
        )  # fmt: skip

    def _log_of(self, now: datetime) -> ReadingsLog:
        """Return the log as loaded on the day of ``now``: until midnight, with the issues since."""
        trace, today = self.trace, midnight(now)
        issued_today = [issue for issue in trace.issues if today <= issue.issued_at <= now]
        key = issued_today[-1].issued_at if issued_today else today
        if self._log is None or self._log[0] != key:
            measured, first = trace.measured, today - timedelta(days=_MEASURED_DAYS)
            end = (today - measured.start_at) // HOUR - self.known.late
            begin = max(0, (first - measured.start_at) // HOUR)
            kept = Stretch(start_at=measured.start_at + HOUR * begin, values=measured.values[begin:end])
            since = today - timedelta(days=_ISSUED_DAYS)
            issues = tuple(issue for issue in trace.issues if since <= issue.issued_at <= now)
            self._log = key, trace.model_copy(update={"measured": kept, "issues": issues})
        return self._log[1]


def play(
    trace: ReadingsLog,
    known: Known,
    policy: StartPolicy,
    ready: Sequence[datetime],
    windows: Sequence[timedelta],
    duration: timedelta,
    *,
    seed: int,
    name: str,
) -> Backtest:
    """Let jobs wait and start as the sensor would; return what became of them.

    :param ready: the hours in which jobs become ready, each at a random minute.
    """
    rng, minutes, timeline = random.Random(seed), Minutes(trace, known), Timeline(trace)
    believed = timedelta(hours=known.believed) if known.believed else duration
    policy = policy.model_copy(update={"duration": believed})
    at = [hour + timedelta(minutes=rng.randrange(60)) for hour in ready]
    rows: dict[timedelta, list[tuple[datetime, float, float, float, float, int]]] = {each: [] for each in windows}
    for ready_at in at:
        for window in windows:
            failing = random.Random(f"{seed} {ready_at} {window}")
            job = StartWindow.opening(ready_at, window)
            start, calls = _wait(minutes, policy, job, failing)
            moments = [ready_at, start, EPOCH + _best(timeline, ready_at, window, duration)]
            now, mean, best = (timeline.truth.mean(moment, duration) for moment in moments)
            if now is not None and mean is not None and best is not None:
                rows[window].append((ready_at, now, mean, best, (start - ready_at) / HOUR, calls))
    return Backtest(
        trace.zone, {(name, window, duration): Outcomes(*zip(*found, strict=True)) for window, found in rows.items()}
    )


def _best(timeline: Timeline, ready_at: datetime, window: timedelta, duration: timedelta) -> timedelta:
    begin = (ready_at - EPOCH).total_seconds()
    found = perfect_foresight(timeline, begin, [begin + window.total_seconds()], duration, 0)
    return timedelta(seconds=found[0].at)


def _wait(minutes: Minutes, policy: StartPolicy, window: StartWindow, failing: random.Random) -> tuple[datetime, int]:
    """Return when a job starts and how often the grid was looked at."""
    now, calls = window.ready_at, 0
    decision: StartDecision | None = None
    while True:
        calls += now < window.deadline
        if failing.random() < minutes.known.failing:
            decision = plan_start(_Down(), minutes.trace.zone, policy, window, now=now, last_plan=decision)
        else:
            decision = decide_start(minutes.outlook(now), policy, window, now=now, last_plan=decision)
        if decision.due:
            return now, calls
        assert decision.check_again_at is not None
        now = decision.check_again_at
