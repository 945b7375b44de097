"""The ``hypercarbon`` command. It starts at once: nothing here imports Airflow."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from airflow_provider_hypercarbon import __version__
from airflow_provider_hypercarbon.commands import backtest, doctor, estimate, grid, ledger, report, trial
from airflow_provider_hypercarbon.exceptions import ConfigurationError, HyperCarbonError

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

    for module in (grid, estimate, doctor, report, backtest, ledger, trial):
        module.add_parsers(commands)
    return whole


if __name__ == "__main__":
    sys.exit(main())
