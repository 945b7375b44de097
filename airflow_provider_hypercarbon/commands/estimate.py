"""What waiting would change for a job, in a terminal."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rich.console import Console
from rich.table import Table

from airflow_provider_hypercarbon.carbon.instants import clock_time, words
from airflow_provider_hypercarbon.carbon.when import parse_when
from airflow_provider_hypercarbon.exceptions import ConfigurationError

_DEFAULT_DELAY = timedelta(hours=4)
_LONGEST_DELAY = timedelta(hours=72)


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
    table = Table(
        "", "Start", "Mean g/kWh", "gCO2eq", title=f"{found.zone}, {found.data_gb:g} GB in {words(options.duration)}"
    )
    table.add_row(
        "now", clock_time(now, now=now), f"{found.now_gco2eq_per_kwh:.0f}", f"{found.now_kgco2eq * 1000:.1f}"
    )
    if found.delay_minutes > 0:
        start = clock_time(found.best_start_at, now=now)
        table.add_row("best", start, f"{found.best_gco2eq_per_kwh:.0f}", f"{found.best_kgco2eq * 1000:.1f}")
    console = Console(highlight=False)
    console.print(table)
    if found.delay_minutes > 0:
        wait = words(timedelta(minutes=found.delay_minutes))
        console.print(
            f"Waiting {wait} emits {-found.difference_kgco2eq * 1000:.1f} g less ({found.saving_percent:.0f} %)."
        )
    else:
        console.print(f"Start now: no start in the next {words(delay)} has a lower mean.")
    console.print(
        f"[dim]{found.energy_kwh:.3g} kWh that move with the start ({found.energy_model}). An attributional "
        "difference of average intensities, location-based.[/]"
    )


def _delay(options: argparse.Namespace, now: datetime) -> timedelta:
    if options.before is None:
        return options.max_delay if options.max_delay is not None else _DEFAULT_DELAY
    try:
        delay = parse_when(options.before, now=now, zone=ZoneInfo(options.timezone)) - now
    except ZoneInfoNotFoundError as error:
        raise ConfigurationError(f"{options.timezone!r} is no time zone. Write one such as Europe/Berlin.") from error
    except ValueError as error:
        raise ConfigurationError(f"--before: {error}") from error
    if not timedelta(0) <= delay <= _LONGEST_DELAY:
        raise ConfigurationError(f"--before {options.before} is not within the next {words(_LONGEST_DELAY)}.")
    return delay
