"""How near to perfect foresight the product's decisions come, on real grids with real forecast errors.

Reads a folder of traces (``ZONE_YEAR_TAG.csv.gz`` with ``datetime_utc,ci_g_per_kwh``, and
``ZONE_YEARH2_TAG_forecastN.csv.gz`` with ``issue_utc,h0,h1,...``). Prints for a 2 h job:

* every ready hour, replayed by the engine of ``hypercarbon backtest``, re-planned every hour and every 4 h;
* random ready minutes, decided look by look by ``decide_start`` itself, re-planned every 4 h;
* the same with something wrong: failing calls, biased forecasts, late measurements, a wrong duration.

Share is what of perfect foresight's saving is reached, each averaged over zones. Fails when a target is missed.

    python benchmarks/decisions.py --traces DIR [--quick]
"""

from __future__ import annotations

import argparse
import gzip
import math
import os
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from itertools import product
from pathlib import Path

from minutes import Known, play

from airflow_provider_hypercarbon.carbon.backtest import (
    OURS,
    Backtest,
    BacktestRow,
    backtest,
    over_zones,
    policies_for,
)
from airflow_provider_hypercarbon.carbon.intensity import Signal
from airflow_provider_hypercarbon.carbon.policy import StartPolicy
from airflow_provider_hypercarbon.carbon.readings import IssuedForecast, ReadingsLog
from airflow_provider_hypercarbon.carbon.scores import Outcomes
from airflow_provider_hypercarbon.carbon.trace import read_trace, ready_times

HOUR = timedelta(hours=1)
WINDOWS = (4 * HOUR, 12 * HOUR, 24 * HOUR)
DURATION = 2 * HOUR
POLICY = StartPolicy(min_saving=0, replan_interval=4 * HOUR)
SEED = 20211


def traces(folder: Path) -> Iterator[tuple[str, ReadingsLog]]:
    """Yield the traces of a folder, each with its forecasts if it has any."""
    for path in sorted(folder.glob("*_*_*.csv.gz")):
        if "forecast" in path.name:
            continue
        name = path.name.removesuffix(".csv.gz")
        zone, year, tag = name.split("_")
        issued = next(folder.glob(f"{zone}_{year}*_{tag}_forecast*.csv.gz"), None)
        signal = Signal(factors="lifecycle" if tag.endswith("lca") else "direct")
        forecasts = _lines(issued) if issued else []
        yield name, read_trace(zone, _lines(path), forecasts, signal=signal)


def _lines(path: Path) -> list[str]:
    return gzip.decompress(path.read_bytes()).decode().splitlines()


def with_synthetic_forecasts(trace: ReadingsLog, *, hours: int = 48, memory: float = 0.95) -> ReadingsLog:
    """Return the trace with a forecast issued every hour whose errors are made up.

    The error grows with the lead as that of an autoregressive process does, to half the standard deviation of the
    intensity a day ahead: about the errors of real day-ahead forecasts, corrected hour by hour.
    """
    rng, values = random.Random(SEED), [value or 0.0 for value in trace.measured.values]
    mean = sum(values) / len(values)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))
    step = 0.5 * deviation * math.sqrt((1 - memory**2) / (1 - memory**48))
    noise, wander = 0.0, []
    for _ in values:
        noise = memory * noise + rng.gauss(0, step)
        wander.append(noise)
    fading = [memory**lead for lead in range(hours)]
    issues = []
    for begin in range(len(values)):
        ahead = zip(values[begin:], wander[begin:], fading, strict=False)
        said = tuple(max(1.0, value - error + wander[begin] * fade) for value, error, fade in ahead)
        at = trace.measured.start_at + HOUR * begin
        issues.append(IssuedForecast.model_construct(issued_at=at, start_at=at, slot_length=HOUR, values=said))
    return trace.model_copy(update={"issues": tuple(issues)})


def every_hour(folder: Path, name: str, replan: int, *, synthetic: bool = False) -> tuple[str, Backtest]:
    """Replay one trace for every ready hour; runs in a process of its own.

    :param replan: hours; only hourly the other policies are replayed as well.
    """
    trace = next(found for each, found in traces(folder) if each == name)
    if synthetic:
        trace = with_synthetic_forecasts(trace)
    policy = POLICY.model_copy(update={"replan_interval": HOUR * replan})
    ours = None if replan == 1 else [each for each in policies_for(trace) if each in OURS]
    return name, backtest(trace, windows=WINDOWS, policy=policy, policies=ours)


def at_minutes(folder: Path, name: str, label: str, known: Known, every: int) -> tuple[str, str, Backtest]:
    """Decide one trace look by look; runs in a process of its own.

    :param every: all hours of every so many days; whole days, because learning costs once a day.
    """
    trace = next(found for each, found in traces(folder) if each == name)
    hours = ready_times(trace, windows=[*WINDOWS, WINDOWS[-1] + HOUR], durations=[DURATION])
    ready = [hour for hour in hours if hour.toordinal() % every == 0]
    return name, label, play(trace, known, POLICY, ready, WINDOWS, DURATION, seed=SEED, name=label)


CONDITIONS = {
    "fixed curve": Known(),
    "learned curve": Known(log=True),
    "no forecast, 7 d history": Known(forecast=False),
    "no forecast, with a log": Known(forecast=False, log=True),
    "no forecast, 24 h history": Known(forecast=False, history_hours=24),
}
NOTHING = "nothing wrong"
WRONG = {
    NOTHING: {},
    "30 % of calls failing": {"failing": 0.3},
    "forecast 10 % too low": {"bias": 0.9},
    "forecast 10 % too high": {"bias": 1.1},
    "measurements 2 h late": {"late": 2},
    "believed to run 1 h": {"believed": 1.0},
    "believed to run 4 h": {"believed": 4.0},
}
#: Share of perfect foresight in percent for the three windows, on the four zones with real forecasts.
EVERY_HOUR = {
    "fixed": (81, 85, 82),
    "learned": (84, 88, 84.5),
    "history": (77, 80, 76),
    "learned_history": (80, 82, 78),
}
#: The same policies at random minutes, and how many points that may cost on the same days.
AT_FULL_HOURS = dict(zip(CONDITIONS, EVERY_HOUR, strict=False))
MINUTES_LOSS = 1.0
MINUTES = {**dict(zip(CONDITIONS, EVERY_HOUR.values(), strict=False)), "no forecast, 24 h history": (70, 73, 66)}
FEWER_DAYS = 6
CALLS = (1.3, 2.5, 3.8)
#: What may be lost, in points.
LOSSES = dict(zip(WRONG, (0, 3, 5, 5, 2, 7, 7), strict=True))
MORE_DELAY = {"forecast 10 % too low": 1.5, "forecast 10 % too high": 1.5}
missed: list[str] = []


def cell(rows: Sequence[BacktestRow], policy: str, window: timedelta) -> BacktestRow:
    """Return one row of a table."""
    return next(row for row in rows if (row.policy, row.window_hours) == (policy, window / HOUR))


def share(row: BacktestRow) -> float:
    """Return the share of perfect foresight in percent."""
    return row.share_of_perfect_foresight_percent or 0.0


def print_rows(title: str, rows: Sequence[BacktestRow]) -> None:
    """Print a table, one line a policy, one group of columns a window."""
    print(
        f"\n{title}\n{'':28s}" + "".join(f"| {w / HOUR:2.0f} h: share saving delay dirtier calls " for w in WINDOWS)
    )
    for policy in dict.fromkeys(row.policy for row in rows):
        found = [cell(rows, policy, window) for window in WINDOWS]
        print(f"{policy:28s}" + "".join(
            f"| {share(row):11.1f} {row.saving_percent:5.2f}% {row.mean_delay_hours:4.1f}h"
            f" {row.dirtier_percent:6.2f}% {row.calls_per_job:5.2f} " for row in found
        ))  # fmt: skip


def expect(what: str, ok: bool) -> None:
    """Note a target that is missed."""
    if not ok:
        missed.append(what)


def by_weeks(played: Sequence[Backtest], new: str, old: str, window: timedelta) -> tuple[float, float, float]:
    """Return the gain in points of one policy over another, with 95 % bounds from drawing weeks anew."""
    weeks: dict[int, list[tuple[float, float, float, float]]] = {}
    for zone, found in enumerate(played):
        for policy in (new, old):
            outcomes = found.outcomes[policy, window, DURATION]
            rows = zip(outcomes.ready_at, outcomes.mean_now, outcomes.mean_at_start, outcomes.mean_best, strict=True)
            for ready_at, now, mean, best in rows:
                week = weeks.setdefault(ready_at.toordinal() // 7, [(0.0, 0.0, 0.0, 0.0)] * len(played))
                was = week[zone]
                new_sum, old_sum = (was[1] + mean, was[2]) if policy == new else (was[1], was[2] + mean)
                week[zone] = (was[0] + now / 2, new_sum, old_sum, was[3] + best / 2)
    rng, each = random.Random(SEED), list(weeks.values())

    def gain(drawn: Sequence[Sequence[tuple[float, float, float, float]]]) -> float:
        saved = [0.0, 0.0, 0.0]
        for zone in zip(*drawn, strict=True):
            now, *means = (sum(column) for column in zip(*zone, strict=True))
            saved = [total + 1 - mean / now for total, mean in zip(saved, means, strict=True)]
        return 100 * (saved[0] - saved[1]) / saved[2]

    drawn = sorted(gain(rng.choices(each, k=len(each))) for _ in range(200))
    return gain(each), drawn[5], drawn[-6]


def main() -> int:
    """Print the tables and what was missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--traces", type=Path, default=os.environ.get("HYPERCARBON_TRACES"), help="folder of traces")
    parser.add_argument("--days", type=int, default=3, help="random minutes on every so many days (default: 3)")
    parser.add_argument("--quick", action="store_true", help="fewer jobs, and only what has targets")
    options = parser.parse_args()
    if options.traces is None or not Path(options.traces).is_dir():
        parser.error("Give the folder of traces with --traces, or in HYPERCARBON_TRACES.")
    folder, quick, began = Path(options.traces), options.quick, time.monotonic()
    names = {name: bool(trace.issues) for name, trace in traces(folder)}
    real, without = [n for n, issued in names.items() if issued], [n for n, issued in names.items() if not issued]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        at_hours = at_full_hours(pool, folder, real, [] if quick else without)
        if not quick:
            at_random_minutes(pool, folder, real, at_hours, options.days)
    print(f"\n{time.monotonic() - began:.0f} s. " + ("Missed:" if missed else "All targets hold."))
    print("".join(f"  {what}\n" for what in missed), end="")
    return 1 if missed else 0


def at_full_hours(
    pool: ProcessPoolExecutor, folder: Path, real: Sequence[str], without: Sequence[str]
) -> list[Backtest]:
    """Replay every ready hour; print and judge the tables, and return what has targets.

    :param real: traces with real forecasts, which have targets.
    :param without: traces without forecasts.
    """
    hourly = {name: pool.submit(every_hour, folder, name, 1) for name in (*real, *without)}
    rarely = [pool.submit(every_hour, folder, name, 4) for name in real]
    made_up = [pool.submit(every_hour, folder, name, 1, synthetic=True) for name in without]
    played = [hourly[name].result()[1] for name in real]
    print_rows(f"Every ready hour, re-planned hourly: {len(real)} zones with real forecasts", rows_of(played))
    for window, (new, old) in product(WINDOWS, (("learned", "fixed"), ("learned_history", "history"))):
        gain, low, high = by_weeks(played, new, old, window)
        span = f"{window / HOUR:2.0f} h: {new} over {old}"
        print(f"{span} {gain:+.1f} points, 95 % by weeks {low:+.1f} .. {high:+.1f}")
    judged = [found.result()[1] for found in rarely]
    rows = rows_of(judged)
    print_rows("Every ready hour, re-planned every 4 h: the same zones", rows)
    expect_shares(rows, EVERY_HOUR, counted=True)
    if without:
        rows = rows_of([hourly[name].result()[1] for name in without])
        print_rows(f"Every ready hour, re-planned hourly: {len(without)} zone-years without forecasts", rows)
        rows = rows_of([found.result()[1] for found in made_up])
        print_rows("The same zone-years with made-up forecasts, re-issued every hour", rows)
    return judged


def at_random_minutes(
    pool: ProcessPoolExecutor, folder: Path, real: Sequence[str], at_hours: Sequence[Backtest], days: int
) -> None:
    """Decide look by look, with all well and with something wrong; print and judge the tables.

    :param at_hours: the replay of every ready hour, to compare with on the same days.
    :param days: on every so many.
    """
    looked = [
        pool.submit(at_minutes, folder, name, label, known, days)
        for name in real
        for label, known in CONDITIONS.items()
    ]
    wrong = [
        pool.submit(at_minutes, folder, name, f"{curve}, {label}", Known(log=log, **change), FEWER_DAYS)
        for name in real
        for curve, log in (("fixed", False), ("learned", True))
        for label, change in WRONG.items()
    ]
    same_days = rows_of([of_days(played, days) for played in at_hours])
    print_minutes([found.result() for found in looked], [found.result() for found in wrong], same_days)


def of_days(played: Backtest, every: int) -> Backtest:
    """Return the outcomes of every so many days only."""
    kept = {}
    for key, found in played.outcomes.items():
        jobs = [job for job, ready_at in enumerate(found.ready_at) if ready_at.toordinal() % every == 0]
        kept[key] = Outcomes(*([column[job] for job in jobs] for column in found))
    return Backtest(played.zone, kept)


def rows_of(played: Sequence[Backtest]) -> list[BacktestRow]:
    """Return the means over zones."""
    return over_zones(row for found in played for row in found.rows())


def expect_shares(rows: Sequence[BacktestRow], wanted: Mapping[str, Sequence[float]], *, counted: bool) -> None:
    """Compare shares, and calls where they are counted, with what is wanted of each policy."""
    for label, shares in wanted.items():
        for window, least, calls in zip(WINDOWS, shares, CALLS, strict=True):
            row = cell(rows, label, window)
            expect(f"{label}, {window / HOUR:.0f} h: share {share(row):.1f}, wanted {least}", share(row) >= least)
            if counted and label in ("fixed", "learned"):
                expect(f"{label}, {window / HOUR:.0f} h: {row.calls_per_job:.2f} calls", row.calls_per_job <= calls)


def print_minutes(
    looked: Sequence[tuple[str, str, Backtest]],
    wrong: Sequence[tuple[str, str, Backtest]],
    same_days: Sequence[BacktestRow],
) -> None:
    """Print what was decided look by look, and compare it with full hours of the same days and with the targets."""
    rows, worse = rows_of([found for _, _, found in looked]), rows_of([found for _, _, found in wrong])
    jobs = cell(rows, "fixed curve", WINDOWS[0]).jobs
    print_rows(f"Random ready minutes, decide_start itself, re-planned every 4 h: {jobs} jobs a window", rows)
    print_rows("Full hours of the same days", same_days)
    for window in WINDOWS:
        for label, policy in AT_FULL_HOURS.items():
            lost = share(cell(same_days, policy, window)) - share(cell(rows, label, window))
            expect(f"{label}, {window / HOUR:.0f} h: random minutes cost {lost:.1f} points", lost <= MINUTES_LOSS)
    expect_shares(rows, MINUTES, counted=False)
    print_rows("Fewer of them, with something wrong", worse)
    for policy in dict.fromkeys(row.policy for row in worse):
        curve, label = policy.split(", ", 1)
        for window in WINDOWS:
            right, row = cell(worse, f"{curve}, {NOTHING}", window), cell(worse, policy, window)
            loss, more = share(right) - share(row), row.mean_delay_hours - right.mean_delay_hours
            expect(f"{policy}, {window / HOUR:.0f} h: {loss:.1f} points lost", loss <= LOSSES[label])
            expect(f"{policy}, {window / HOUR:.0f} h: {more:.1f} h later", more <= MORE_DELAY.get(label, math.inf))


if __name__ == "__main__":
    sys.exit(main())
