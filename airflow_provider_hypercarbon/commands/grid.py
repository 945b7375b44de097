"""Looking at grids: the catalogue of zones, and one grid now and in the next hours."""

from __future__ import annotations

import argparse
import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from airflow_provider_hypercarbon.carbon.instants import words

if TYPE_CHECKING:
    from airflow_provider_hypercarbon.sources import CarbonSource


def zones(options: argparse.Namespace) -> None:
    """Print the catalogue."""
    from airflow_provider_hypercarbon.carbon.zones import ALIASES, ZONES

    if options.json:
        print(json.dumps({"zones": [zone.model_dump(mode="json") for zone in ZONES], "total": len(ZONES)}, indent=2))
        return
    table = Table("Zone", "Name", "Typical\ng/kWh", "Also known as", "Note")
    table.columns[0].no_wrap = True
    for zone in ZONES:
        aliases = ", ".join(alias for alias, key in ALIASES.items() if key in (zone.key, zone.place))
        note = "modelled: do not wait on it" if zone.modelled else ""
        table.add_row(zone.key, zone.name, f"{zone.typical_gco2eq_per_kwh or 0:.0f}", aliases, note)
    Console().print(table)


def status(options: argparse.Namespace) -> None:
    """Print a grid's state, and what a job that is ready now would do."""
    from airflow_provider_hypercarbon.carbon.decision import basis_words
    from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow
    from airflow_provider_hypercarbon.sources.planning import look_at_grid, plan_start

    now, source = datetime.now(UTC), named_source(options.source)
    state = look_at_grid(source, options.zone, options.threshold, options.hours, now=now)
    policy = StartPolicy(duration=options.duration, max_delay=options.max_delay)
    plan = plan_start(source, options.zone, policy, StartWindow.opening(now, options.max_delay), now=now)
    if options.json:
        found = {"status": state.model_dump(mode="json"), "plan": plan.model_dump(mode="json")}
        print(json.dumps(found, indent=2))
        return
    console = Console(highlight=False)
    console.print(state.sentence)
    console.print(f"A job of {words(options.duration)} that is ready now: {plan.sentence}")
    console.print(f"[dim]{basis_words(plan)}[/]")
    if state.forecast:
        table = Table("From (UTC)", "gCO2eq/kWh", "Level")
        for slot in state.forecast:
            table.add_row(f"{slot.start_at:%a %H:%M}", f"{slot.gco2eq_per_kwh:.0f}", slot.level)
        console.print(table)


def named_source(name: str) -> CarbonSource:
    """Return a source by name, with its token from the environment.

    :raises ConfigurationError: the source needs a token, and there is none.
    """
    from airflow_provider_hypercarbon.sources import SourceConfig, open_source

    token = os.environ.get("ELECTRICITY_MAPS_TOKEN")
    return open_source(SourceConfig.model_validate({"source": name, "token": token}))
