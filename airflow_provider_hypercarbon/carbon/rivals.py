"""Policies to compare ours with, each told only what was known when the job became ready, but for the last.

Where a trace has no issued forecasts, they plan on the last measured day repeated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cache
from typing import NamedTuple

from airflow_provider_hypercarbon.carbon.blend import EPOCH, HOUR, seconds
from airflow_provider_hypercarbon.carbon.curve import Curve
from airflow_provider_hypercarbon.carbon.options import Options
from airflow_provider_hypercarbon.carbon.policy import StartPolicy
from airflow_provider_hypercarbon.carbon.replay import Timeline

#: HyperSDK looks so far ahead, however long a job may wait.
_HYPERSDK_LOOKAHEAD = 4 * HOUR


class Start(NamedTuple):
    """When a job starts, in seconds since 1970, and how often its policy asked a provider."""

    at: float
    calls: int


#: Given a moment and the latest starts in question, a rival says when it starts for each.
Rival = Callable[[Timeline, float, Sequence[float], timedelta, float], list[Start]]


def run_now(
    timeline: Timeline, ready: float, deadlines: Sequence[float], duration: timedelta, limit: float
) -> list[Start]:
    """Start at once."""
    return [Start(ready, 0)] * len(deadlines)


def threshold(
    timeline: Timeline, ready: float, deadlines: Sequence[float], duration: timedelta, limit: float
) -> list[Start]:
    """Start as soon as the present is at or under the limit, looking at every new slot; else at the deadline."""
    slot = timeline.slot
    edges = [ready, *(at for at in range(int(ready // slot + 1) * slot, int(max(deadlines)) + 1, slot))]
    values = timeline.truth.means_from([at - timeline.first for at in edges], 0)
    looks = [(at, calls) for calls, (at, now) in enumerate(zip(edges, values, strict=True), 1) if _under(now, limit)]
    at, calls = looks[0] if looks else (math.inf, 0)
    return [
        Start(at, calls) if at < deadline else Start(deadline, sum(edge < deadline for edge in edges))
        for deadline in deadlines
    ]


def _under(value: float | None, limit: float) -> bool:
    return value is not None and value <= limit


def hypersdk(
    timeline: Timeline, ready: float, deadlines: Sequence[float], duration: timedelta, limit: float
) -> list[Start]:
    """HyperSDK's own: now if the present is clean; else the first clean forecast slot within 4 h; else now.

    It neither looks for the cleanest slot nor looks again.
    """
    now = timeline.intensity(ready)
    if now is None or now <= limit:
        return [Start(ready, 1)] * len(deadlines)
    slot, latest = timeline.slot, ready + _HYPERSDK_LOOKAHEAD
    forecast = timeline.said_at(int(ready), max(*deadlines, latest) + duration.total_seconds())
    begin = seconds(forecast.start_at - EPOCH)
    first = ready - (ready - begin) % slot
    starts = [first + slot * index for index in range(int((latest - first) // slot) + 1)]
    values = forecast.means_from([start - begin for start in starts], 0)
    clean = next((start for start, value in zip(starts, values, strict=True) if _under(value, limit)), ready)
    return [Start(clean if ready < clean <= deadline else ready, 2) for deadline in deadlines]


def one_shot(
    timeline: Timeline, ready: float, deadlines: Sequence[float], duration: timedelta, limit: float
) -> list[Start]:
    """Plan once, for the lowest mean of the raw forecast over the job."""
    forecast = timeline.said_at(int(ready), max(deadlines) + duration.total_seconds())
    return [Start(at, 1) for at in _cleanest(forecast, ready, deadlines, duration)]


def electricity_maps(
    timeline: Timeline, ready: float, deadlines: Sequence[float], duration: timedelta, limit: float
) -> list[Start]:
    """Plan once, for the full hour with the lowest mean of the raw forecast; the running hour is no choice.

    So Electricity Maps' operator for Airflow plans: its window begins with the next hour.
    """
    span, first = duration.total_seconds(), (ready // HOUR + 1) * HOUR
    forecast = timeline.said_at(int(ready), max(deadlines) + span)
    begin, count = seconds(forecast.start_at - EPOCH), max(0, int((max(deadlines) - first) // HOUR)) + 1
    hours = [first + HOUR * index for index in range(count)]
    means = forecast.means_from([hour - begin for hour in hours], span)
    known = [(mean, hour) for mean, hour in zip(means, hours, strict=True) if mean is not None]
    best = [min((each for each in known if each[1] <= deadline), default=None) for deadline in deadlines]
    return [
        Start(min(first, deadline) if found is None else found[1], 1)
        for found, deadline in zip(best, deadlines, strict=True)
    ]


def perfect_foresight(
    timeline: Timeline, ready: float, deadlines: Sequence[float], duration: timedelta, limit: float
) -> list[Start]:
    """Start when it really was cleanest: no policy can do better without interrupting the job."""
    return [Start(at, 0) for at in _cleanest(timeline.truth, ready, deadlines, duration)]


def _cleanest(curve: Curve, ready: float, deadlines: Sequence[float], duration: timedelta) -> list[float]:
    begin = seconds(curve.start_at - EPOCH)
    options = Options(curve, _plain(duration), now=ready - begin, latest=max(deadlines) - begin)
    choices = [options.choose(deadline - begin, entering=True) for deadline in deadlines]
    return [ready if choice is None else choice.start + begin for choice in choices]


@cache
def _plain(duration: timedelta) -> StartPolicy:
    """Return the policy of who counts nothing but the mean."""
    return StartPolicy(duration=duration, min_saving=0, wait_cost_per_hour=0)
