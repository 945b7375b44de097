"""The ``hypercarbon`` command. It starts at once: nothing here imports Airflow."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow_provider_hypercarbon import __version__
from airflow_provider_hypercarbon.carbon.instants import parse_span
from airflow_provider_hypercarbon.commands import backtest, doctor, estimate, grid, ledger, report
from airflow_provider_hypercarbon.exceptions import ConfigurationError, HyperCarbonError

_SOURCES = (
    "Sources: electricity_maps (token in ELECTRICITY_MAPS_TOKEN), neso and energy_charts (no key), watttime "
    "(WATTTIME_USER, WATTTIME_PASSWORD), trace (--path), ember_yearly, mock. Without --source: electricity_maps "
    "where its token is set, else neso for Great Britain and energy_charts for Europe."
)
#: Exit codes, documented in ``--help``.
DONE, WRONG_USE, NO_ANSWER = 0, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    return run(parser().parse_args(arguments))


def run(options: argparse.Namespace) -> int:
    """Run a parsed command and return the exit code; an error of ours is a sentence on the error stream."""
    try:
        return int(options.run(options) or DONE)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return WRONG_USE
    except HyperCarbonError as error:
        print(error, file=sys.stderr)
        return NO_ANSWER
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """Return the whole command line; ``airflow hypercarbon`` offers the same commands."""
    whole = argparse.ArgumentParser(
        prog="hypercarbon",
        description="Carbon-aware backups: look at the grid, plan a job, reckon its footprint, and try the export "
        "without a vCenter.",
        epilog="Spans are written 2h, 90min, 1h30m or PT2H; moments 03:00, tomorrow 03:00, Tue 22:30, in 2h, or "
        "2026-03-01T04:00Z. Exit codes: 0 done, 1 something was found wrong (doctor, verify), 2 wrong use or "
        "settings, 3 the source or the database gave no answer, 130 interrupted.",
    )
    whole.add_argument("--version", action="version", version=f"hypercarbon {__version__}")
    commands = whole.add_subparsers(title="commands", required=True)

    zones = commands.add_parser("zones", help="list the zones of the catalogue")
    zones.add_argument("search", nargs="?", help='only zones with this in key, name or country, such as "sweden"')
    zones.add_argument("--all", action="store_true", help="every zone that a source knows, some 400")
    zones.add_argument("--json", action="store_true", help="for scripts")
    zones.set_defaults(run=grid.zones)

    status = commands.add_parser(
        "status",
        help="a grid now and in the next hours",
        epilog=_SOURCES,
    )
    status.add_argument("--zone", default="DE", help='zone key or alias, see "hypercarbon zones" (default: DE)')
    status.add_argument("--source", help="whom to ask, see below; several in their order with commas")
    status.add_argument("--path", help='of a trace: CSV or Parquet, such as "/srv/grid/{zone}.csv"')
    status.add_argument("--threshold", type=float, default=200.0, help="gCO2eq/kWh (default: 200)")
    status.add_argument("--hours", type=float, default=4.0, help="how far to look ahead (default: 4)")
    status.add_argument("--duration", type=parse_span, default="2h", help="of the job to plan (default: 2h)")
    status.add_argument("--max-delay", type=parse_span, default="4h", help="latest start from now (default: 4h)")
    status.add_argument("--json", action="store_true", help="for scripts")
    status.add_argument(
        "--plot",
        nargs="?",
        const=Path("-"),
        type=Path,
        metavar="FILE",
        help="draw the hours ahead in the terminal, or to a .png, .svg or .html file (extra: plot)",
    )
    status.set_defaults(run=grid.status)

    _add_estimate(commands)
    _add_doctor(commands)
    _add_report(commands)
    _add_backtest(commands)
    _add_ledger(commands)

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
    return whole


def _add_estimate(commands: Any) -> None:
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
        "--data", type=float, default=500.0, metavar="GB", help="size in GB, 10^9 bytes (default: 500)"
    )
    asked.add_argument("--duration", type=parse_span, default="2h", help="of the job (default: 2h)")
    latest = asked.add_mutually_exclusive_group()
    latest.add_argument("--max-delay", type=parse_span, help="longest wait (default: 4h)")
    latest.add_argument("--before", metavar="WHEN", help='latest start, such as 06:00, "tomorrow 06:00" or "in 8h"')
    asked.add_argument("--timezone", default="UTC", help="of --before, such as Europe/Berlin (default: UTC)")
    asked.add_argument("--json", action="store_true", help="for scripts")
    asked.set_defaults(run=estimate.estimate)


def _add_doctor(commands: Any) -> None:
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
    asked.set_defaults(run=doctor.doctor)


def _add_report(commands: Any) -> None:
    asked = commands.add_parser(
        "report",
        parents=[_database()],
        help="what many runs emitted, by month, VM, DAG or zone",
        description="Sum the results table up: energy and emissions with their ranges, difference to the scheduled "
        "starts, emissions for a GB exported, and how good the data are. Runs with made-up data are left out.",
    )
    asked.add_argument(
        "--by", type=_names, default="month", help="month,vm,dag,zone or some of them (default: month)"
    )
    asked.add_argument("--month", help='such as 2026-10, or "last"; of the start, in UTC')
    asked.add_argument("--since", help="runs that started then or later: 2026-10-01, or ISO 8601 with an offset")
    asked.add_argument("--until", help="runs that started before, likewise")
    asked.add_argument("--zone", help="only runs in this zone")
    asked.add_argument("--dag", help="only runs of this DAG")
    asked.add_argument("--vm", help="only runs over this VM")
    asked.add_argument(
        "--output",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="write it to a .html, .pdf (extra: pdf), .csv, .json or .parquet (extra: parquet) file; may be repeated",
    )
    asked.add_argument("--json", action="store_true", help="for scripts")
    asked.set_defaults(run=report.report)


def _add_backtest(commands: Any) -> None:
    replayed = argparse.ArgumentParser(add_help=False)
    replayed.add_argument("traces", nargs="*", type=Path, help="CSV with the columns datetime_utc,ci_g_per_kwh")
    replayed.add_argument(
        "--forecasts", type=Path, action="append", help="CSV with the columns issue_utc,h0,h1,...; one a trace"
    )
    replayed.add_argument("--source", help="replay a source's history instead: neso, energy_charts, ...")
    replayed.add_argument("--path", help='of the source "trace", such as "/srv/grid/{zone}.parquet"')
    replayed.add_argument("--days", type=int, default=60, help="how much of that history (default: 60)")
    replayed.add_argument("--zone", type=_names, default="DE", help="one a trace, as a list: DE,FR (default: DE)")
    replayed.add_argument("--windows", type=_spans, default="4h,12h,24h", help="longest waits (default: 4h,12h,24h)")
    replayed.add_argument("--durations", type=_spans, default="2h", help="of the job, as a list (default: 2h)")
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
    replay.set_defaults(run=backtest.backtest)

    suggest = commands.add_parser(
        "suggest-cron",
        parents=[replayed],
        help="which start hour and window would have saved most",
        description="Rank start hours and windows by what our policy would have saved on a trace of the past.",
    )
    suggest.add_argument("--most", type=int, default=5, help="how many suggestions (default: 5)")
    suggest.set_defaults(run=backtest.suggest_cron)


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _database() -> argparse.ArgumentParser:
    database = argparse.ArgumentParser(add_help=False)
    database.add_argument(
        "database",
        nargs="?",
        help="URL such as postgresql://user@host/database, or the path of an SQLite file "
        f"(default: ${ledger.VARIABLE}, where a password is not seen by everybody)",
    )
    return database


def _add_ledger(commands: Any) -> None:
    database = _database()
    verify = commands.add_parser(
        "verify",
        parents=[database],
        help="whether the ledger of reports is whole",
        description="Read the whole ledger of reports and check every hash, the current reports and the sums.",
        epilog="Exit codes: 0 whole, 1 broken, 2 wrong use or settings, 3 the database gave no answer.",
    )
    verify.add_argument(
        "--expect",
        metavar="HEAD",
        help="a head that was printed or logged before: nothing up to it may have been changed or removed",
    )
    verify.add_argument("--json", action="store_true", help="for scripts")
    verify.set_defaults(run=ledger.verify)

    migrate = commands.add_parser(
        "migrate", parents=[database], help="bring the results tables to the present version"
    )
    migrate.set_defaults(run=ledger.migrate)


def _spans(text: str) -> list[timedelta]:
    return [parse_span(part) for part in text.split(",")]


def _devserver(options: argparse.Namespace) -> int:
    import logging
    import time

    from airflow_provider_hypercarbon.hypersdk.devserver import serve

    lines = logging.Formatter("%(asctime)s.%(msecs)03dZ %(message)s", "%Y-%m-%dT%H:%M:%S")
    lines.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(lines)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
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
