"""What one decision costs on the finest data that a source gives: CPU time of ``decide_start``.

A 72 h forecast in 5-minute slots, a week of measured 5-minute slots, windows of 12, 24 and 70 h. Prints the medians,
and fails above 2 ms. Prints as well what learning costs: the first decision of a day, and a later one, with a log
of 60 days of hours and 40 daily forecasts.

    python benchmarks/decision_speed.py
"""

from __future__ import annotations

import math
import random
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta

from airflow_provider_hypercarbon.carbon.intensity import IntensitySeries, Slot
from airflow_provider_hypercarbon.carbon.outlook import Outlook
from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow
from airflow_provider_hypercarbon.carbon.readings import IssuedForecast, ReadingsLog, Stretch
from airflow_provider_hypercarbon.carbon.start import decide_start

LIMIT_MS = 2.0
REPEATS = 200
SLOT = timedelta(minutes=5)
NOW = datetime(2026, 3, 2, 18, 7, 31, tzinfo=UTC)
BEGIN = datetime(2026, 3, 2, 18, 5, tzinfo=UTC)


def series(begin: datetime, slots: int) -> IntensitySeries:
    """Return a computed grid: a daily swing with a slower one on it."""
    values = (Slot(begin + SLOT * i, 400 + 150 * math.sin(i / 45.8) + 40 * math.sin(i / 301)) for i in range(slots))
    return IntensitySeries(zone="DE", source="computed", slots=tuple(values), slot_length=SLOT, issued_at=begin)


def outlook() -> Outlook:
    """Return what a source said, in objects of their own: nothing is left over from the decision before."""
    week = 7 * 288
    return Outlook(zone="DE", measured=series(BEGIN - SLOT * week, week + 1), forecast=series(BEGIN, 864))


def median_ms(hours: int) -> float:
    """Return the median CPU time of a decision in milliseconds."""
    policy = StartPolicy(max_delay=timedelta(hours=hours))
    window = StartWindow.opening(NOW, policy.max_delay)
    times = []
    for _ in range(REPEATS):
        known = outlook()
        began = time.process_time()
        decide_start(known, policy, window, now=NOW)
        times.append(1000 * (time.process_time() - began))
    return statistics.median(times)


def with_log() -> Outlook:
    """Return hourly data with a log; the numbers differ each time, so nothing can be remembered."""
    rng, hour = random.Random(), timedelta(hours=1)
    today = NOW.replace(hour=0, minute=0, second=0)
    begin = today - 60 * 24 * hour
    values = [400 + 150 * math.sin(i / 3.8) + rng.gauss(0, 30) for i in range(62 * 24)]
    issues = []
    for day in range(20, 61):
        at = begin + day * 24 * hour
        said = tuple(max(1.0, value + rng.gauss(0, 40)) for value in values[24 * day : 24 * day + 48])
        issues.append(IssuedForecast(issued_at=at, start_at=at, values=said))
    log = ReadingsLog(
        zone="DE",
        source="computed",
        measured=Stretch(start_at=begin, values=tuple(values[: 60 * 24])),
        issues=tuple(issues),
    )
    now = 60 * 24 + NOW.hour
    week = tuple(Slot(begin + hour * at, values[at]) for at in range(now - 167, now + 1))
    ahead = tuple(Slot(today + hour * at, value) for at, value in enumerate(issues[-1].values) if value is not None)
    measured = IntensitySeries(zone="DE", source="computed", slots=week)
    forecast = IntensitySeries(zone="DE", source="computed", slots=ahead, issued_at=today)
    return Outlook(zone="DE", measured=measured, forecast=forecast, log=log)


def learning_ms(hours: int) -> tuple[float, float]:
    """Return the median CPU time of the first decision of a day and of a later one, in milliseconds."""
    policy = StartPolicy(max_delay=timedelta(hours=hours))
    window = StartWindow.opening(NOW, policy.max_delay)
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(15):
        known = with_log()
        for found in times:
            began = time.process_time()
            decide_start(known, policy, window, now=NOW)
            found.append(1000 * (time.process_time() - began))
    return statistics.median(times[0]), statistics.median(times[1])


def main() -> int:
    """Measure both windows and print the medians."""
    medians = {hours: median_ms(hours) for hours in (12, 24, 70)}
    found = ", ".join(f"{hours} h window {ms:.2f}" for hours, ms in medians.items())
    print(f"One decision on 5-minute slots, CPU ms, median of {REPEATS}: {found} (at most {LIMIT_MS:.0f})")
    for hours in (4, 24):
        first, later = learning_ms(hours)
        print(f"With a log, {hours} h window: first of the day {first:.0f}, later {later:.1f}")
    return 0 if max(medians.values()) <= LIMIT_MS else 1


if __name__ == "__main__":
    sys.exit(main())
