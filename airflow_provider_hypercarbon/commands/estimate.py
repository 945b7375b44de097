"""What waiting would change for a job, in a terminal."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.table import Table

from airflow_provider_hypercarbon.carbon.instants import clock_time, words
from airflow_provider_hypercarbon.carbon.when import parse_when
from airflow_provider_hypercarbon.commands.arguments import gigabytes, span, time_zone
from airflow_provider_hypercarbon.commands.terminal import Terminal
from airflow_provider_hypercarbon.exceptions import ConfigurationError

_DEFAULT_DELAY = timedelta(hours=4)
_LONGEST_DELAY = timedelta(hours=72)


def add_parsers(commands: Any) -> None:
    """Add the command line of these commands."""
    asked = commands.add_parser(
        "estimate",
        help="what waiting would change for a job",
        description="Compare starting a job now with its best start before a deadline, by the curve that a sensor "
        "would decide on. The difference is attributional: the same energy at two starts.",
        epilog='Example: hypercarbon estimate --zone GB --data 500 --duration 2h --before "tomorrow 06:00"',
    )
    asked.add_argument("--zone", default="DE", help='zone key or alias, see "hypercarbon zones" (default: DE)')
    asked.add_argument("--source", help="whom to ask, as for status")
    asked.add_argument("--path", help="of a trace, as for status")
    asked.add_argument(
        "--data",
        type=gigabytes,
        default=500.0,
        metavar="GB",
        help='size in GB, 10^9 bytes, or "1.5TB" (default: 500)',
    )
    asked.add_argument("--duration", type=span, default="2h", help="of the job (default: 2h)")
    latest = asked.add_mutually_exclusive_group()
    latest.add_argument("--max-delay", type=span, help="longest wait (default: 4h)")
    latest.add_argument("--before", metavar="WHEN", help='latest start, such as 06:00, "tomorrow 06:00" or "in 8h"')
    asked.add_argument("--timezone", default="UTC", help="of --before, such as Europe/Berlin (default: UTC)")
    asked.add_argument("--json", action="store_true", help="for scripts")
    asked.set_defaults(run=estimate)


def estimate(options: argparse.Namespace) -> None:
    """Print the estimate."""
    from airflow_provider_hypercarbon.commands.grid import asked_source
    from airflow_provider_hypercarbon.sources.planning import estimate_waiting

    now = datetime.now(UTC)
    delay = _delay(options, now)
    source = asked_source(options)
    found = estimate_waiting(source, options.zone, options.data, options.duration, delay, now=now)
    if options.json:
        print(json.dumps(found.model_dump(mode="json"), indent=2))
        return
    made_up = f" ({found.synthetic} data)" if found.synthetic else ""
    table = Table(
        "",
        "Start",
        "Mean g/kWh",
        "gCO2eq",
        title=f"{found.zone}{made_up}, {found.data_gb:g} GB in {words(options.duration)}",
    )
    table.add_row(
        "now", clock_time(now, now=now), f"{found.now_gco2eq_per_kwh:.0f}", f"{found.now_kgco2eq * 1000:.1f}"
    )
    if found.delay_minutes > 0:
        start = clock_time(found.best_start_at, now=now)
        table.add_row("best", start, f"{found.best_gco2eq_per_kwh:.0f}", f"{found.best_kgco2eq * 1000:.1f}")
    console = Terminal()
    console.show(table)
    if found.delay_minutes > 0:
        wait = words(timedelta(minutes=found.delay_minutes))
        console.say(
            f"Waiting {wait} emits {-found.difference_kgco2eq * 1000:.1f} g less ({found.saving_percent:.0f} %)."
        )
    else:
        console.say(f"Start now: no start in the next {words(delay)} has a lower mean.")
    console.say(
        f"{found.energy_kwh:.3g} kWh that move with the start ({found.energy_model}). An attributional "
        "difference of average intensities, location-based.",
        quietly=True,
    )


def _delay(options: argparse.Namespace, now: datetime) -> timedelta:
    zone = time_zone(options.timezone)
    if options.before is None:
        return options.max_delay if options.max_delay is not None else _DEFAULT_DELAY
    try:
        delay = parse_when(options.before, now=now, zone=zone) - now
    except ValueError as error:
        raise ConfigurationError(f"--before: {error}") from error
    if not timedelta(0) <= delay <= _LONGEST_DELAY:
        raise ConfigurationError(f"--before {options.before} is not within the next {words(_LONGEST_DELAY)}.")
    return delay
