"""What waiting would have saved: replay policies over a trace, and suggest when to schedule."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from rich.progress import Progress
from rich.table import Column, Table

from airflow_provider_hypercarbon.commands.arguments import names, number, spans, time_zone
from airflow_provider_hypercarbon.commands.terminal import Terminal
from airflow_provider_hypercarbon.commands.traces import traces_of
from airflow_provider_hypercarbon.exceptions import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_hypercarbon.carbon.backtest import Backtest, BacktestRow
    from airflow_provider_hypercarbon.carbon.readings import ReadingsLog

_FOOTNOTE = (
    "Savings are differences of average, location-based intensities over the runs, against starting at once: "
    "attributional, not what the grid would have emitted otherwise."
)


def add_parsers(commands: Any) -> None:
    """Add the command line of these commands."""
    replayed = argparse.ArgumentParser(add_help=False)
    replayed.add_argument("traces", nargs="*", type=Path, help="CSV with the columns datetime_utc,ci_g_per_kwh")
    replayed.add_argument(
        "--forecasts", type=Path, action="append", help="CSV with the columns issue_utc,h0,h1,...; one a trace"
    )
    replayed.add_argument("--source", help="replay a source's history instead: neso, energy_charts, ...")
    replayed.add_argument("--path", help='of the source "trace", such as "/srv/grid/{zone}.parquet"')
    replayed.add_argument("--days", type=number(1, 3660), default=60, help="how much of that history (default: 60)")
    replayed.add_argument("--zone", type=names, default="DE", help="one a trace, as a list: DE,FR (default: DE)")
    replayed.add_argument("--windows", type=spans, default="4h,12h,24h", help="longest waits (default: 4h,12h,24h)")
    replayed.add_argument("--durations", type=spans, default="2h", help="of the job, as a list (default: 2h)")
    replayed.add_argument("--timezone", default="UTC", help="of cron expressions and hours, such as Europe/Berlin")
    replayed.add_argument("--json", action="store_true", help="for scripts")

    replay = commands.add_parser(
        "backtest",
        parents=[replayed],
        help="what waiting would have saved, on a trace of the past",
        description="Replay policies over a trace, each with only what was known at every moment. Savings are "
        "differences of average, location-based intensities over the runs, attributional: not what the grid would "
        "have emitted otherwise.",
    )
    replay.add_argument("--cron", help='when jobs become ready, such as "0 1 * * *" (default: every hour)')
    replay.add_argument("--by", choices=("hour", "month", "season"), help="one row an hour of day, month or season")
    replay.add_argument("--plot", type=Path, help="draw the table to a .png, .svg or .html file (extra: plot)")
    replay.set_defaults(run=backtest)

    suggest = commands.add_parser(
        "suggest-cron",
        parents=[replayed],
        help="which start hour and window would have saved most",
        description="Rank start hours and windows by what our policy would have saved on a trace of the past.",
    )
    suggest.add_argument("--most", type=number(1, 1000), default=5, help="how many suggestions (default: 5)")
    suggest.set_defaults(run=suggest_cron)


def backtest(options: argparse.Namespace) -> None:
    """Print, or draw, what each policy would have saved."""
    from airflow_provider_hypercarbon.carbon.scores import over_zones

    traces, zone = traces_of(options), time_zone(options.timezone)
    played = [_replayed(trace, options, _ready(options, trace, zone)) for trace in traces]
    rows = [row for each in played for row in _rows(each, options.by, zone)]
    if len(traces) > 1 and options.by is None:
        rows += over_zones(rows)
    if options.plot:
        from airflow_provider_hypercarbon.commands.plots import draw

        draw(rows, options.plot)
    if options.json:
        print(json.dumps({"rows": [row.model_dump(mode="json") for row in rows]}, indent=2))
        return
    _print(rows, traces, options.by)


def suggest_cron(options: argparse.Namespace) -> None:
    """Print the start hours and windows that would have saved most."""
    from airflow_provider_hypercarbon.carbon.backtest import suggest_start

    (trace, *others), zone = traces_of(options), time_zone(options.timezone)
    if others:
        raise ConfigurationError("One trace at a time: each zone has hours of its own.")
    with _progress("Replaying") as told:
        found = suggest_start(
            trace, windows=options.windows, duration=options.durations[0], zone=zone, progress=told
        )[: options.most]
    if options.json:
        print(json.dumps({"suggestions": [row.model_dump(mode="json") for row in found]}, indent=2))
        return
    console = Terminal()
    made_up = " (mock data)" if trace.source == "mock" else ""
    table = Table(
        "Schedule", "max_delay", "Saving", "Mean delay", title=f"{trace.zone}{made_up}: best start hours, {zone.key}"
    )
    for row in found:
        table.add_row(
            f"0 {row.group} * * *",
            f"{row.window_hours:g}h",
            f"{row.saving_percent:.1f} %",
            f"{row.mean_delay_hours:.1f} h",
        )
    console.show(table)
    console.say(_FOOTNOTE, quietly=True)


#: Fewer starts than this are replayed sooner than a second process begins.
_WORTH_A_PROCESS = 2000


def _replayed(trace: ReadingsLog, options: argparse.Namespace, ready: Sequence[datetime]) -> Backtest:
    """Replay all policies, on two cores where there are: those that learn take as long as all others."""
    from airflow_provider_hypercarbon.carbon.backtest import Backtest, policies_for
    from airflow_provider_hypercarbon.carbon.backtest import backtest as replay

    names = policies_for(trace)
    run = partial(replay, trace, windows=options.windows, durations=options.durations, ready=ready)
    with _progress(f"Replaying {trace.zone}") as told:
        if (os.cpu_count() or 1) == 1 or len(ready) * len(options.windows) < _WORTH_A_PROCESS:
            return run(policies=names, progress=told)
        # Started anew, not forked: the progress bar has a thread.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            learned = pool.submit(run, policies=[name for name in names if name.startswith("learned")])
            others = run(policies=[name for name in names if not name.startswith("learned")], progress=told)
            found = {**others.outcomes, **learned.result().outcomes}
    return Backtest(trace.zone, {key: found[key] for key in product(names, options.windows, options.durations)})


def _ready(options: argparse.Namespace, trace: ReadingsLog, zone: ZoneInfo) -> list[datetime]:
    """Return when jobs become ready: every hour that the trace can judge, or the instants of a cron expression."""
    from airflow_provider_hypercarbon.carbon.trace import ready_times

    judged = ready_times(trace, windows=options.windows, durations=options.durations)
    found = judged if options.cron is None or not judged else _by_cron(options.cron, judged, zone)
    if not found:
        raise ConfigurationError(
            "The trace is too short: a week to look back on, the longest window and the job must fit into it."
        )
    return found


def _by_cron(expression: str, judged: list[datetime], zone: ZoneInfo) -> list[datetime]:
    from croniter import CroniterError, croniter

    try:
        times = croniter(expression, (judged[0] - timedelta(minutes=1)).astimezone(zone))
        found = []
        while (moment := times.get_next(datetime).astimezone(UTC)) <= judged[-1]:
            found.append(moment)
    except (CroniterError, ValueError) as error:
        raise ConfigurationError(f"{expression!r} is no cron expression: {error}.") from error
    return found


def _rows(replayed: Backtest, by: str | None, zone: ZoneInfo) -> list[BacktestRow]:
    grouped = {"hour": replayed.by_hour, "month": replayed.by_month, "season": replayed.by_season}
    return grouped[by](zone) if by else replayed.rows()


def _print(rows: Sequence[BacktestRow], traces: Sequence[ReadingsLog], by: str | None) -> None:
    console = Terminal()
    for trace in traces:
        first, last = trace.measured.start_at, trace.measured.end_at
        made_up = " (mock data)" if trace.source == "mock" else ""
        days = f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
        console.say(f"{trace.zone}{made_up}, {days}, {len(trace.issues)} issued forecasts")
    several = len(traces) > 1
    names = [*(["Zone"] if several else []), *([by.capitalize()] if by else []), "Policy"]
    figures = ("Saved %", "Of best %", "Delay h", "Dirtier %", "Calls", "Jobs")
    columns = [*(Column(each, no_wrap=True) for each in names), *(Column(each, justify="right") for each in figures)]
    table = Table("Window", "Job", *columns)
    for row in sorted(rows, key=lambda row: (row.window_hours, row.duration_hours, row.group or 0)):
        share = row.share_of_perfect_foresight_percent
        table.add_row(
            f"{row.window_hours:g} h",
            f"{row.duration_hours:g} h",
            *([row.zone] if several else []),
            *([group_name(by, row.group)] if by and row.group is not None else []),
            row.policy,
            f"{row.saving_percent:.1f}",
            "" if share is None else f"{share:.0f}",
            f"{row.mean_delay_hours:.1f}",
            f"{row.dirtier_percent:.1f}",
            f"{row.calls_per_job:.1f}",
            str(row.jobs),
        )
    console.show(table)
    console.say(_FOOTNOTE, quietly=True)


def group_name(by: str, group: int) -> str:
    """Return what people call a group: an hour, a month, or the three months of a season."""
    names = [f"{date(2000, month, 1):%b}" for month in range(1, 13)]
    if by == "month":
        return names[group - 1]
    return f"{names[group - 1]}-{names[(group + 1) % 12]}" if by == "season" else f"{group:02d}:00"


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on the error stream, where there is a person to see it."""
    from rich.console import Console

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
