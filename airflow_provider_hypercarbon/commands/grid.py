"""Looking at grids: the catalogue of zones, and one grid now and in the next hours."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from airflow_provider_hypercarbon.carbon.instants import words
from airflow_provider_hypercarbon.commands.arguments import hours, intensity, span
from airflow_provider_hypercarbon.commands.terminal import Terminal
from airflow_provider_hypercarbon.exceptions import ConfigurationError, HyperCarbonError

if TYPE_CHECKING:
    from airflow_provider_hypercarbon.carbon.zones import Zone
    from airflow_provider_hypercarbon.sources import CarbonSource

_SOURCES = (
    "Sources: electricity_maps (token in ELECTRICITY_MAPS_TOKEN), neso and energy_charts (no key), watttime "
    "(WATTTIME_USER, WATTTIME_PASSWORD), trace (--path), ember_yearly, mock. Without --source: electricity_maps "
    "where its token is set, else neso for Great Britain and energy_charts for Europe. Example: hypercarbon status "
    "--zone GB --plot"
)
#: What the sources that need no key are called by people.
_KEYLESS_NAMES = {"neso": "NESO", "energy_charts": "Energy-Charts"}
_NO_KEY = "No key is set"
_TO_LOOK_AROUND = "To look around meanwhile, with made-up data: add --source mock."
_KEYS = (
    "On the command line, keys are in the environment: ELECTRICITY_MAPS_TOKEN, or WATTTIME_USER and "
    "WATTTIME_PASSWORD. To look around with made-up data: add --source mock."
)
_DAY_HOURS, _STATUS_HOURS = 24.0, 4.0
_NARROW = 60


def add_parsers(commands: Any) -> None:
    """Add the command line of these commands."""
    asked = commands.add_parser("zones", help="list the zones of the catalogue")
    asked.add_argument("search", nargs="?", help='only zones with this in key, name or country, such as "sweden"')
    asked.add_argument("--all", action="store_true", help="every zone that a source knows, some 400")
    asked.add_argument("--json", action="store_true", help="for scripts")
    asked.set_defaults(run=zones)

    asked = commands.add_parser(
        "status",
        help="a grid now and in the next hours",
        epilog=_SOURCES,
    )
    asked.add_argument(
        "--zone", default="DE", help='such as DE, Germany or EU-DE, see "hypercarbon zones" (default: DE)'
    )
    asked.add_argument("--source", help="whom to ask, see below; several in their order with commas")
    asked.add_argument("--path", help='of a trace: CSV or Parquet, such as "/srv/grid/{zone}.csv"')
    asked.add_argument("--threshold", type=intensity, default=200.0, help="gCO2eq/kWh (default: 200)")
    asked.add_argument("--hours", type=hours, help="how far to look ahead (default: 4, with --plot 24)")
    asked.add_argument("--duration", type=span, default="2h", help="of the job to plan (default: 2h)")
    asked.add_argument("--max-delay", type=span, default="4h", help="latest start from now (default: 4h)")
    asked.add_argument("--json", action="store_true", help="for scripts")
    asked.add_argument(
        "--plot",
        nargs="?",
        const=Path("-"),
        type=Path,
        metavar="FILE",
        help="draw the hours ahead in the terminal, or to a .png, .svg or .html file (extra: plot)",
    )
    asked.set_defaults(run=status)


def zones(options: argparse.Namespace) -> None:
    """Print the catalogue, or the part of it that was looked for."""
    from airflow_provider_hypercarbon.carbon.zones import ALIASES, ZONES
    from airflow_provider_hypercarbon.sources.coverage import known_by

    found, sources = _zones(options), known_by()
    if options.json:
        rows = [{**zone.model_dump(mode="json"), "sources": sources[zone.key]} for zone in found]
        print(json.dumps({"zones": rows, "total": len(rows)}, indent=2))
        return
    table = Table("Zone", "Name", "Typical\ng/kWh", "Also known as", "Without a key", "Note")
    table.columns[0].no_wrap = True
    for zone in found:
        aliases = ", ".join(alias for alias, key in ALIASES.items() if key in (zone.key, zone.place))
        note = "modelled: no job waits on it" if zone.modelled else ""
        typical = "" if zone.typical_gco2eq_per_kwh is None else f"{zone.typical_gco2eq_per_kwh:.0f}"
        keyless = ", ".join(name for name in sources[zone.key] if name in _KEYLESS_NAMES)
        name = zone.name if zone.region in (zone.name, "") or zone in ZONES else f"{zone.name}, {zone.region}"
        table.add_row(zone.key, name, typical, aliases, keyless, note)
    console = Terminal()
    console.show(_fitting(table, console.width))
    if not options.all and not options.search:
        console.say(
            "The twelve of the HyperSDK documents. --all lists every zone; a word looks for some.", quietly=True
        )


def _fitting(table: Table, width: int) -> Table:
    """Leave out the columns in which nothing stands; in a narrow terminal all but key and name."""
    table.columns = [column for column in table.columns if any(column._cells)]
    if width < _NARROW:
        del table.columns[2:]
    return table


def _zones(options: argparse.Namespace) -> tuple[Zone, ...]:
    """Return the zones that were asked for.

    :raises ConfigurationError: nothing has that name.
    """
    from airflow_provider_hypercarbon.carbon.zones import ZONES, catalogue, unknown_zone_message

    if not options.search:
        return catalogue() if options.all else ZONES
    wanted = options.search.lower()
    found = tuple(
        zone
        for zone in catalogue()
        if any(wanted in text.lower() for text in (zone.key, zone.place, zone.description, zone.name))
    )
    if not found:
        raise ConfigurationError(unknown_zone_message(options.search))
    return found


def status(options: argparse.Namespace) -> None:
    """Print a grid's state, and what a job that is ready now would do."""
    from airflow_provider_hypercarbon.carbon.decision import basis_words
    from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow
    from airflow_provider_hypercarbon.carbon.zones import find_zone, known_zone_key
    from airflow_provider_hypercarbon.sources.planning import look_at_grid, plan_start

    if options.plot and str(options.plot) != "-":
        from airflow_provider_hypercarbon.commands.plots import refuse_other_kinds

        refuse_other_kinds(options.plot)
    known_zone_key(options.zone)
    now, source = datetime.now(UTC), asked_source(options)
    note = _note(source, options.zone)
    try:
        ahead = options.hours or (_DAY_HOURS if options.plot else _STATUS_HOURS)
        state = look_at_grid(source, options.zone, options.threshold, ahead, now=now)
    except ConfigurationError:
        raise
    except HyperCarbonError as error:
        if not note:
            raise
        raise HyperCarbonError(f"{note.rstrip('.')}, and it gave no answer: {str(error).split('. ')[0]}.") from error
    policy = StartPolicy(duration=options.duration, max_delay=options.max_delay)
    plan = plan_start(source, options.zone, policy, StartWindow.opening(now, options.max_delay), now=now)
    if options.plot:
        from airflow_provider_hypercarbon.commands.forecast_plot import draw_forecast, print_forecast

        if str(options.plot) == "-":
            print_forecast(state, plan, Terminal())
        else:
            draw_forecast(state, plan, options.plot)
    entry = find_zone(state.zone)
    modelled = entry is not None and entry.modelled
    if options.json:
        found = {"status": state.model_dump(mode="json"), "plan": plan.model_dump(mode="json")}
        print(json.dumps({**found, "note": note, "modelled": modelled}, indent=2))
        return
    console = Terminal()
    if note:
        console.say(note, quietly=True)
    console.say(state.sentence)
    current = state.current
    console.say(
        f"Source: {current.source} ({current.signal})"
        f"{', an estimate' if current.estimated else ''}{', a yearly average' if current.static else ''}"
        f"{', modelled throughout' if modelled else ''}; {current.start_at:%H:%M} to {current.end_at:%H:%M} UTC.",
        quietly=True,
    )
    console.say(f"A job of {words(options.duration)} that is ready now: {plan.sentence}")
    console.say(basis_words(plan), quietly=True)
    for problem in dict.fromkeys((*state.problems, *plan.problems)):
        console.say(problem, quietly=True)
    if state.forecast and not options.plot:
        table = Table("From (UTC)", "gCO2eq/kWh", "Level")
        for slot in state.forecast:
            table.add_row(f"{slot.start_at:%a %H:%M}", f"{slot.gco2eq_per_kwh:.0f}", slot.level)
        console.show(table)


def asked_source(options: argparse.Namespace) -> CarbonSource:
    """Return the source that a command asks: the one named, or the connection's where Airflow runs the command."""
    from airflow_provider_hypercarbon.carbon.zones import known_zone_key
    from airflow_provider_hypercarbon.sources.chain import KeylessSource

    opened: Callable[[], CarbonSource] | None = getattr(options, "opened_source", None)
    if opened is not None:
        source = opened()
    else:
        known_zone_key(options.zone)
        wanted = (options.source or "electricity_maps").split(",")
        options.way_out = _KEYS if {"electricity_maps", "watttime"}.intersection(wanted) else None
        source = named_source(options.source, path=options.path)
        if isinstance(source, KeylessSource):
            source.members_for(source.key(options.zone))
    # What a command says under the error when the source gives no answer.
    options.way_out = None if source.name == "mock" else _TO_LOOK_AROUND
    return source


def named_source(name: str | None, *, path: str | None = None) -> CarbonSource:
    """Return a source by its name, or several by names with commas between them; secrets are in the environment.

    Without a name: Electricity Maps where its token is set, else the source that needs no key.

    :param path: of a trace.
    :raises ConfigurationError: there is no such source, or it lacks something.
    """
    from pydantic import ValidationError

    from airflow_provider_hypercarbon import sources

    token = os.environ.get("ELECTRICITY_MAPS_TOKEN")
    wanted = name or ("electricity_maps" if token else "keyless")
    fields = {
        **({"source": wanted} if wanted == "keyless" else {"sources": wanted}),
        "token": token,
        "login": os.environ.get("WATTTIME_USER"),
        "watttime_password": os.environ.get("WATTTIME_PASSWORD"),
        "path": path,
    }
    try:
        return sources.open_source(sources.SourceConfig.model_validate(fields))
    except ValidationError:
        known = ", ".join((*sources.SOURCE_NAMES, "keyless"))
        raise ConfigurationError(f"{wanted!r} is no source. There are: {known}.") from None
    except ConfigurationError:
        if path is None and "trace" in wanted.split(","):
            raise ConfigurationError('The source trace needs --path, such as "/srv/grid/{zone}.csv".') from None
        raise


def _note(source: CarbonSource, zone: str) -> str:
    """Say who is asked because nobody said whom to ask; empty where somebody did."""
    from airflow_provider_hypercarbon.sources.chain import KeylessSource, members_of

    if not isinstance(source, KeylessSource):
        return ""
    asked = [_KEYLESS_NAMES.get(member.name, member.name) for member in members_of(source, zone)[0]]
    return f"{_NO_KEY}, so {' and '.join(asked)} is asked, which needs none."
