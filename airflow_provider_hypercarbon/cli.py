"""The ``hypercarbon`` command. It starts at once: nothing here imports Airflow."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from airflow_provider_hypercarbon import __version__
from airflow_provider_hypercarbon.exceptions import ConfigurationError, HyperCarbonError

#: Exit codes, documented in ``--help``.
DONE, WRONG_USE, NO_ANSWER = 0, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return WRONG_USE
    except HyperCarbonError as error:
        print(error, file=sys.stderr)
        return NO_ANSWER
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hypercarbon",
        description="Carbon-aware backups: look at the grid, and try the export without a vCenter.",
        epilog="Exit codes: 0 done, 2 wrong use or settings, 3 the source gave no answer.",
    )
    parser.add_argument("--version", action="version", version=f"hypercarbon {__version__}")
    commands = parser.add_subparsers(title="commands", required=True)

    zones = commands.add_parser("zones", help="list the zones of the catalogue")
    zones.add_argument("--json", action="store_true", help="for scripts")
    zones.set_defaults(run=_zones)

    status = commands.add_parser(
        "status",
        help="a grid now and in the next hours",
        epilog="Electricity Maps' token is read from ELECTRICITY_MAPS_TOKEN.",
    )
    status.add_argument("--zone", default="DE", help='zone key or alias, see "hypercarbon zones" (default: DE)')
    status.add_argument("--source", choices=("electricity_maps", "mock"), default="electricity_maps")
    status.add_argument("--threshold", type=float, default=200.0, help="gCO2eq/kWh (default: 200)")
    status.add_argument("--hours", type=float, default=4.0, help="how far to look ahead (default: 4)")
    status.add_argument("--json", action="store_true", help="for scripts")
    status.set_defaults(run=_status)

    devserver = commands.add_parser(
        "devserver", help="run a development daemon that exports real files, without a vCenter"
    )
    devserver.add_argument("--host", default="127.0.0.1")
    devserver.add_argument("--port", type=int, default=8080)
    devserver.add_argument("--vm-dir", type=Path, default=Path("dev-vms"), help="disk images; made when empty")
    devserver.add_argument("--bytes-per-second", type=float, default=200e6, help="speed of one export")
    devserver.set_defaults(run=_devserver)

    demo = commands.add_parser("demo", help="run the whole job on this machine: wait, export, report")
    demo.add_argument("--keep", action="store_true", help="leave the files of the demonstration in place")
    demo.set_defaults(run=_demo)
    return parser


def _zones(options: argparse.Namespace) -> int:
    from airflow_provider_hypercarbon.carbon.zones import ALIASES, ZONES

    if options.json:
        print(json.dumps({"zones": [zone.model_dump(mode="json") for zone in ZONES], "total": len(ZONES)}, indent=2))
        return DONE
    table = Table("Zone", "Name", "Typical\ng/kWh", "Also known as", "Note")
    table.columns[0].no_wrap = True
    for zone in ZONES:
        aliases = ", ".join(alias for alias, key in ALIASES.items() if key in (zone.key, zone.place))
        note = "modelled: do not wait on it" if zone.modelled else ""
        table.add_row(zone.key, zone.name, f"{zone.typical_gco2eq_per_kwh or 0:.0f}", aliases, note)
    Console().print(table)
    return DONE


def _status(options: argparse.Namespace) -> int:
    from airflow_provider_hypercarbon.sources import SourceConfig, open_source
    from airflow_provider_hypercarbon.sources.planning import look_at_grid

    token = os.environ.get("ELECTRICITY_MAPS_TOKEN")
    config = SourceConfig.model_validate({"source": options.source, "token": token})
    status = look_at_grid(open_source(config), options.zone, options.threshold, options.hours, now=datetime.now(UTC))
    if options.json:
        print(status.model_dump_json(indent=2))
        return DONE
    console = Console()
    console.print(status.sentence, highlight=False)
    if status.forecast:
        table = Table("From (UTC)", "gCO2eq/kWh", "Level")
        for slot in status.forecast:
            table.add_row(f"{slot.start_at:%a %H:%M}", f"{slot.gco2eq_per_kwh:.0f}", slot.level)
        console.print(table)
    return DONE


def _devserver(options: argparse.Namespace) -> int:
    from airflow_provider_hypercarbon.hypersdk.devserver import serve

    serve(
        host=options.host,
        port=options.port,
        vm_dir=options.vm_dir,
        bytes_per_second=options.bytes_per_second,
    )
    return DONE


def _demo(options: argparse.Namespace) -> int:
    from airflow_provider_hypercarbon.demo.show import show

    return show(keep=options.keep)


if __name__ == "__main__":
    sys.exit(main())
