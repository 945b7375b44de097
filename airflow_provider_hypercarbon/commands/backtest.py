"""What waiting would have saved: replay policies over a trace, and suggest when to schedule."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rich.console import Console
from rich.progress import Progress
from rich.table import Column, Table

from airflow_provider_hypercarbon.exceptions import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_hypercarbon.carbon.backtest import Backtest, BacktestRow
    from airflow_provider_hypercarbon.carbon.readings import ReadingsLog

_FOOTNOTE = (
    "Savings are differences of average, location-based intensities over the runs, against starting at once: "
    "attributional, not what the grid would have emitted otherwise."
)


def backtest(options: argparse.Namespace) -> None:
    """Print, or draw, what each policy would have saved."""
    from airflow_provider_hypercarbon.carbon import backtest as engine

    trace, zone = _trace(options), _timezone(options.timezone)
    ready = _ready(options, trace, zone)
    with _progress("Replaying") as told:
        replayed = engine.backtest(
            trace, windows=options.windows, durations=options.durations, ready=ready, progress=told
        )
    rows = _rows(replayed, options.by, zone)
    if options.plot:
        from airflow_provider_hypercarbon.commands.plots import draw

        draw(rows, options.plot)
    if options.json:
        print(json.dumps({"rows": [row.model_dump(mode="json") for row in rows]}, indent=2))
        return
    _print(rows, trace, options.by)


def suggest_cron(options: argparse.Namespace) -> None:
    """Print the start hours and windows that would have saved most."""
    from airflow_provider_hypercarbon.carbon.backtest import suggest_start

    trace, zone = _trace(options), _timezone(options.timezone)
    with _progress("Replaying") as told:
        found = suggest_start(
            trace, windows=options.windows, duration=options.durations[0], zone=zone, progress=told
        )[: options.most]
    if options.json:
        print(json.dumps({"suggestions": [row.model_dump(mode="json") for row in found]}, indent=2))
        return
    console = Console(highlight=False)
    table = Table(
        "Schedule", "max_delay", "Saving", "Mean delay", title=f"{trace.zone}: best start hours, {zone.key}"
    )
    for row in found:
        table.add_row(
            f"0 {row.group} * * *",
            f"{row.window_hours:g}h",
            f"{row.saving_percent:.1f} %",
            f"{row.mean_delay_hours:.1f} h",
        )
    console.print(table)
    console.print(f"[dim]{_FOOTNOTE}[/]")


def _trace(options: argparse.Namespace) -> ReadingsLog:
    from airflow_provider_hypercarbon.carbon.trace import read_trace

    if (options.trace is None) == (options.source is None):
        raise ConfigurationError("Give a CSV file, or --source to replay a source's history; one of them.")
    if options.source is not None:
        return _history(options)
    forecasts = _lines(options.forecasts) if options.forecasts else []
    return read_trace(options.zone, _lines(options.trace), forecasts)


def _lines(path: Path) -> list[str]:
    import gzip

    try:
        content = path.read_bytes()
        return (gzip.decompress(content) if path.suffix == ".gz" else content).decode().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}.") from error


def _history(options: argparse.Namespace) -> ReadingsLog:
    from airflow_provider_hypercarbon.carbon.readings import ReadingsLog, Stretch
    from airflow_provider_hypercarbon.commands.grid import named_source

    now = datetime.now(UTC)
    series = named_source(options.source).history(options.zone, now - timedelta(days=options.days), now, now=now)
    return ReadingsLog(zone=series.zone, source=series.source, signal=series.signal, measured=Stretch.of(series))


def _timezone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigurationError(f"{name!r} is no time zone. Write one such as Europe/Berlin.") from error


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
    if by == "hour":
        return replayed.by_hour(zone)
    return replayed.by_month(zone) if by == "month" else replayed.rows()


def _print(rows: Sequence[BacktestRow], trace: ReadingsLog, by: str | None) -> None:
    console = Console(highlight=False)
    first, last = trace.measured.start_at, trace.measured.end_at
    console.print(f"{trace.zone}, {first:%Y-%m-%d} to {last:%Y-%m-%d}, {len(trace.issues)} issued forecasts")
    groups = [by.capitalize()] if by else []
    figures = ("Saving", "Of best", "Delay", ">5 % dirtier", "Calls", "Jobs")
    table = Table("Window", "Job", *groups, Column("Policy", no_wrap=True), *figures)
    for row in sorted(rows, key=lambda row: (row.window_hours, row.duration_hours, row.group or 0)):
        share = row.share_of_perfect_foresight_percent
        table.add_row(
            f"{row.window_hours:g} h",
            f"{row.duration_hours:g} h",
            *([str(row.group)] if by else []),
            row.policy,
            f"{row.saving_percent:.1f} %",
            "" if share is None else f"{share:.0f} %",
            f"{row.mean_delay_hours:.1f} h",
            f"{row.dirtier_percent:.1f} %",
            f"{row.calls_per_job:.1f}",
            str(row.jobs),
        )
    console.print(table)
    console.print(f"[dim]{_FOOTNOTE}[/]")


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on the error stream, where there is a person to see it."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
