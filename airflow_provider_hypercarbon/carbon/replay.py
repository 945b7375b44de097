"""Replay our policy over a trace: every look decided as ``decide_start`` decides it, with only what was known then.

All jobs that wait at the same moment look at the same curve, so it is built once for all of them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import timedelta
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from airflow_provider_hypercarbon.carbon.blend import DAY, EPOCH, HOUR, CurveModel, Strip, blend, seconds
from airflow_provider_hypercarbon.carbon.curve import Curve
from airflow_provider_hypercarbon.carbon.decision import LAST_LOOK, StartReason
from airflow_provider_hypercarbon.carbon.hours import Hours, measured_hours
from airflow_provider_hypercarbon.carbon.learned import improve
from airflow_provider_hypercarbon.carbon.lessons import Lessons
from airflow_provider_hypercarbon.carbon.options import Options
from airflow_provider_hypercarbon.carbon.policy import NoData, StartPolicy
from airflow_provider_hypercarbon.carbon.readings import ReadingsLog, Stretch


class Timeline:
    """A trace by its seconds: the truth, and what a source would have said at any of them.

    :param trace: what was measured and issued.
    """

    def __init__(self, trace: ReadingsLog) -> None:
        self.trace = trace
        lengths = [trace.measured.slot_length, *(issue.slot_length for issue in trace.issues)]
        self.slot = seconds(min(lengths))
        self.truth = Curve(trace.measured.start_at, trace.measured.slot_length, trace.measured.values)
        self.first = seconds(trace.measured.start_at - EPOCH)
        self.past = self._strip(trace.measured)
        self.issued = [seconds(issue.issued_at - EPOCH) for issue in trace.issues]
        self._issues = [self._strip(issue) for issue in trace.issues]
        self._fixed: dict[tuple[int, int, bool, int], Curve] = {}
        self._said: tuple[int, Curve] | None = None

    def forecast_at(self, now: int, max_age: int) -> Strip:
        """Return the newest forecast issued until ``now``; empty when none is young enough."""
        index = bisect_right(self.issued, now) - 1
        if index < 0 or now - self.issued[index] > max_age:
            return Strip(self.past.first, self.slot, [])
        return self._issues[index]

    def fixed(self, model: CurveModel, now: int, span: int, *, with_forecast: bool) -> Curve:
        """Return the fixed curve as believed at ``now``; policies that ask at the same moment share it."""
        key = (now, span, with_forecast, id(model))
        if key not in self._fixed:
            begin = now - (now - self.first) % self.slot
            max_age = seconds(model.max_forecast_age) if with_forecast else -1
            future, count = self.forecast_at(now, max_age), -((begin - now - span) // self.slot)
            values, kind = blend(model, self.past, future, now=now, begin=begin, count=count)
            curve = Curve(EPOCH + timedelta(seconds=begin), timedelta(seconds=self.slot), values, kind)
            self._fixed = {**{old: self._fixed[old] for old in self._fixed if old[0] == now}, key: curve}
        return self._fixed[key]

    def said_at(self, now: int, until: float) -> Curve:
        """Return the raw forecast of then; without any, the last measured day repeated until an instant."""
        if self.issued:
            index = bisect_right(self.issued, now) - 1
            key, strip = index, self._issues[max(0, index)] if index >= 0 else Strip(self.first, self.slot, [])
        else:
            newest = self.past.newest(now)
            key = self.first if newest is None else newest
            day = self.past.cut(key + self.slot - DAY, DAY // self.slot)
            strip = Strip(key, self.slot, [day[-1], *day * (int(until - key) // DAY + 1)])
        said = self._said
        if said is None or said[0] != key or (not self.issued and seconds(said[1].end_at - EPOCH) < until):
            start_at = EPOCH + timedelta(seconds=strip.first)
            said = self._said = key, Curve(start_at, timedelta(seconds=strip.slot), strip.values)
        return said[1]

    def intensity(self, at: float) -> float | None:
        """Return what was measured in the slot that holds an instant."""
        return self.truth.means_from((at - self.first,), 0)[0]

    def _strip(self, stretch: Stretch) -> Strip:
        begin, parts = seconds(stretch.start_at - EPOCH), max(1, seconds(stretch.slot_length) // self.slot)
        begin -= (begin - self.first) % self.slot
        return Strip(begin, self.slot, [value for value in stretch.values for _ in range(parts)])


class Beliefs:
    """The curve our policy believes at a moment.

    :param with_forecast: use the issued forecasts.
    :param learned: use what the trace until then teaches.
    """

    def __init__(self, timeline: Timeline, model: CurveModel, *, with_forecast: bool, learned: bool) -> None:
        self._timeline = timeline
        self._model = model
        self._with_forecast = with_forecast
        self._hours: Hours | None = None
        if learned and timeline.slot <= HOUR:
            issues = timeline.trace.issues if with_forecast else ()
            self._hours = Hours(measured_hours(timeline.trace.measured), issues, model.max_forecast_age)
            self._lessons = Lessons(self._hours)

    def curve(self, now: int, span: int) -> Curve:
        """Return the curve as believed at ``now``, ``span`` seconds long."""
        known = self._timeline
        fixed = known.fixed(self._model, now, span, with_forecast=self._with_forecast)
        newest = known.past.newest(now)
        if self._hours is None or newest is None:
            return fixed
        hour = newest // HOUR
        if now - hour * HOUR > seconds(self._model.max_measured_age):
            return fixed
        so_far = known.past.cut(hour * HOUR, (newest - hour * HOUR) // known.slot + 1)
        values_now = [value for value in so_far if value is not None]
        present = sum(values_now) / len(values_now)
        return improve(fixed, self._hours, self._lessons, hour, present, now=EPOCH + timedelta(seconds=now))

    def present(self, now: int) -> float | None:
        """Return the newest measured value, unless it is too old to be the present."""
        past = self._timeline.past
        newest = past.newest(now)
        if newest is None or now - newest > seconds(self._model.max_measured_age):
            return None
        return past.cut(newest, 1)[0]


class Case:
    """Our policy for one window and duration, and what became of each job.

    :param window: seconds from ready to the latest start.
    """

    def __init__(self, beliefs: Beliefs, policy: StartPolicy, window: int, jobs: int) -> None:
        self.beliefs = beliefs
        self.policy = policy
        self.window = window
        self.duration = policy.duration.total_seconds()
        self.replan, self.check = policy.replan_interval.total_seconds(), policy.check_interval.total_seconds()
        self.starts = [0.0] * jobs  # seconds since 1970
        self.looks = [0] * jobs


class _Wait(NamedTuple):
    """What the next look of a job depends on; jobs that have all of it in common wait together from then on.

    :param beliefs: whose curve; with ``duration`` it names the policy.
    :param planned: the start that is waited for; None at the first look.
    :param failed: looks that found nothing to decide with.
    """

    beliefs: int
    duration: float
    deadline: float
    planned: float | None = None
    failed: int = 0


_Jobs = list[tuple[Case, int]]


def replay(
    cases: Sequence[Case], ready: Sequence[float], *, progress: Callable[[int, int], None] | None = None
) -> None:
    """Let every job of every case wait and start, from look to look in the order of time.

    :param ready: when each job becomes ready, in seconds since 1970.
    :param progress: is told how many starts there have been, of how many.
    """
    looks: dict[float, dict[_Wait, _Jobs]] = {at: {} for at in ready if cases}
    for case in cases:
        for job, at in enumerate(ready):
            wait = _Wait(id(case.beliefs), case.duration, at + case.window)
            looks[at].setdefault(wait, []).append((case, job))
    times, started, count = list(looks), 0, len(cases) * len(ready)
    heapify(times)
    while times:
        now = heappop(times)
        moment = _Moment(now, cases)
        for wait, jobs in looks.pop(now).items():
            then = None
            if now < wait.deadline:
                then = moment.decide(wait, jobs[0][0])
                for case, job in jobs:
                    case.looks[job] += 1
            if then is None:
                for case, job in jobs:
                    case.starts[job] = now
                started += len(jobs)
                continue
            again, longer = then
            if again not in looks:
                looks[again] = {}
                heappush(times, again)
            looks[again].setdefault(longer, []).extend(jobs)
        if progress:
            progress(started, count)


class _Moment:
    """A moment at which jobs look at the grid: curves and options are made once for all of them."""

    def __init__(self, now: float, cases: Sequence[Case]) -> None:
        self.now = now
        self._latest = now + max(case.window for case in cases)
        self._span = int(self._latest - now + max(case.duration for case in cases)) + 1
        self._options: dict[tuple[int, float], tuple[Options, float]] = {}

    def decide(self, wait: _Wait, case: Case) -> tuple[float, _Wait] | None:
        """Return when to look again and what is waited for; None to start now."""
        beliefs, duration, deadline, planned, _ = wait
        options, begin = self._options.get((beliefs, duration)) or self._compare(case)
        choice = options.choose(deadline - begin, entering=planned is None)
        if choice is None:
            return self._without_data(wait, case)
        reason, start, _, mean_at_start = choice
        planned = start + begin
        if planned == self.now and reason is not StartReason.TOO_DIRTY:
            return None
        if mean_at_start is None:
            again = min(planned, self.now + case.check)
        else:  # as ``decision.next_look``
            again = planned if planned - self.now <= LAST_LOOK * case.replan else self.now + case.replan
        return again, _Wait(beliefs, duration, deadline, planned)

    def _compare(self, case: Case) -> tuple[Options, float]:
        curve = case.beliefs.curve(int(self.now), self._span)
        begin = (curve.start_at - EPOCH).total_seconds()
        options = Options(curve, case.policy, now=self.now - begin, latest=self._latest - begin)
        self._options[id(case.beliefs), case.duration] = options, begin
        return options, begin

    def _without_data(self, wait: _Wait, case: Case) -> tuple[float, _Wait] | None:
        """Do what ``sources.planning`` does: keep the plan, else ask a few more times, else start."""
        deadline, policy = wait.deadline, case.policy
        if wait.planned is not None:
            if wait.planned <= self.now:
                return None
            return min(wait.planned, self.now + (case.check if wait.planned == deadline else case.replan)), wait
        present, limit = case.beliefs.present(int(self.now)), policy.max_intensity
        if present is not None and limit is not None:  # as ``decide_start`` without a curve
            return (
                None if present <= limit else (min(self.now + case.check, deadline), wait._replace(planned=deadline))
            )
        if wait.failed >= policy.no_data_retries:
            return (
                (min(self.now + case.check, deadline), wait)
                if policy.without_data(NoData.UNAVAILABLE) == "wait"
                else None
            )
        again = self.now + policy.no_data_retry_interval.total_seconds()
        return min(again, deadline), wait._replace(failed=wait.failed + 1)
