"""Is everything set up? One line a thing, and what to do about what is not."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from typing import Any, NamedTuple

from rich.markup import escape
from rich.table import Table

from airflow_provider_hypercarbon import __version__
from airflow_provider_hypercarbon.commands.terminal import Terminal

_MARKS = {True: "[green]ok[/]", False: "[red]wrong[/]", None: "[yellow]note[/]"}


class Check(NamedTuple):
    """One thing that was looked at.

    :param ok: False needs doing something about; None is worth knowing.
    :param advice: what to do.
    """

    name: str
    ok: bool | None
    found: str
    advice: str = ""


def add_parsers(commands: Any) -> None:
    """Add the command line of these commands."""
    asked = commands.add_parser(
        "doctor",
        help="whether everything is set up, and what to do about what is not",
        description="Check versions, connections, what the source answers for a zone, the results tables and the "
        "export daemon. Where Airflow is installed it asks through Airflow's connections.",
        epilog="Exit codes: 0 nothing is wrong, 1 something is.",
    )
    asked.add_argument("--zone", help="zone to ask about (default: the connection's, else the configuration's)")
    asked.add_argument("--carbon-conn-id", default="hypercarbon_default", help="(default: hypercarbon_default)")
    asked.add_argument("--hypersdk-conn-id", default="hypersdk_default", help="(default: hypersdk_default)")
    asked.add_argument("--results-conn-id", default="hypercarbon_results", help="(default: hypercarbon_results)")
    asked.add_argument("--json", action="store_true", help="for scripts")
    asked.set_defaults(run=doctor)


def doctor(options: argparse.Namespace) -> int:
    """Check what can be checked; with Airflow at hand, all of it, through Airflow's connections."""
    if importlib.util.find_spec("airflow") is not None:
        words = ["--zone", options.zone] if options.zone else []
        for name in ("carbon", "hypersdk", "results"):
            words += [f"--{name}-conn-id", getattr(options, f"{name}_conn_id")]
        words += ["--json"] * options.json
        command = [sys.executable, "-m", "airflow", "hypercarbon", "doctor", *words]
        # Airflow takes some seconds to start, and may not be set up: its own words then say more than ours.
        return subprocess.run(command, check=False).returncode  # noqa: S603 - our own interpreter and words
    return show([*basics(), _token()], as_json=options.json)


def basics() -> list[Check]:
    """Return what there is to say without Airflow: versions and extras."""
    plot = importlib.util.find_spec("matplotlib") is not None
    return [
        Check("airflow-provider-hypercarbon", True, __version__),
        Check("Python", sys.version_info >= (3, 11), platform.python_version(), "Use Python 3.11 or newer."),
        Check(
            "plots to files",
            True if plot else None,
            "matplotlib is installed" if plot else "matplotlib is not installed",
            "" if plot else "pip install airflow-provider-hypercarbon[plot], if you want pictures.",
        ),
    ]


def show(checks: Iterable[Check], *, as_json: bool) -> int:
    """Print checks and return the exit code."""
    found = list(checks)
    wrong = sum(check.ok is False for check in found)
    if as_json:
        print(json.dumps({"checks": [check._asdict() for check in found], "wrong": wrong}, indent=2))
        return int(wrong > 0)
    table = Table("", "What", "Found")
    for check in found:
        table.add_row(_MARKS[check.ok], check.name, check.found)
    console = Terminal()
    console.show(table)
    # Once each, and whole, so that a command in it can be copied.
    for advice in dict.fromkeys(check.advice for check in found if check.advice and not check.ok):
        names = ", ".join(check.name for check in found if check.advice == advice and not check.ok)
        console.print(f"[bold]{escape(names)}[/]: {escape(advice)}", soft_wrap=True)
    console.print("Nothing is wrong." if not wrong else f"{wrong} to mend.")
    return int(wrong > 0)


def _token() -> Check:
    if os.environ.get("ELECTRICITY_MAPS_TOKEN"):
        return Check("Electricity Maps", True, "ELECTRICITY_MAPS_TOKEN is set")
    advice = "Sources without a key, and the mock, need none. Set it to ask Electricity Maps."
    return Check("Electricity Maps", None, "ELECTRICITY_MAPS_TOKEN is not set", advice)
