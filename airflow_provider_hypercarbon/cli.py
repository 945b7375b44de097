"""The ``hypercarbon`` command. It starts at once: nothing here imports Airflow."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from airflow_provider_hypercarbon import __version__
from airflow_provider_hypercarbon.exceptions import ConfigurationError, HyperCarbonError

#: Exit codes, documented in ``--help``.
DONE, WRONG_USE, NO_ANSWER, INTERRUPTED = 0, 2, 3, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    try:
        whole = parser()
        options = whole.parse_args(arguments)
        if not hasattr(options, "run"):
            whole.print_help(sys.stderr)
            return WRONG_USE
        return run(options)
    except KeyboardInterrupt:  # also while modules are read
        return INTERRUPTED


def run(options: argparse.Namespace) -> int:
    """Run a parsed command and return the exit code; an error of ours is a sentence on the error stream."""
    from airflow_provider_hypercarbon.commands import terminal

    terminal.accept_any_letter()
    try:
        code = int(options.run(options) or DONE)
        sys.stdout.flush()
    except HyperCarbonError as error:
        print(error, file=sys.stderr)
        if way_out := getattr(options, "way_out", None):
            print(way_out, file=sys.stderr)
        return WRONG_USE if isinstance(error, ConfigurationError) else NO_ANSWER
    except BrokenPipeError:
        terminal.forget_output()
        return terminal.READER_GONE
    except OSError as error:
        terminal.forget_output()
        print(f"The output cannot be written: {error}.", file=sys.stderr)
        return WRONG_USE
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def parser() -> argparse.ArgumentParser:
    """Return the whole command line; ``airflow hypercarbon`` offers the same commands."""
    from airflow_provider_hypercarbon.commands import backtest, doctor, estimate, grid, ledger, report, trial

    whole = argparse.ArgumentParser(
        prog="hypercarbon",
        description="Carbon-aware backups: look at the grid, plan a job, reckon its footprint, and try the export "
        'without a vCenter. To begin with: "hypercarbon status --zone GB --plot", with your own zone.',
        epilog="Spans are written 2h, 90min, 1h30m or PT2H; moments 03:00, tomorrow 03:00, Tue 22:30, in 2h, or "
        "2026-03-01T04:00Z. Exit codes: 0 done, 1 something was found wrong (doctor, verify), 2 wrong use or "
        "settings, 3 the source or the database gave no answer, 130 interrupted, 141 the reader of a pipe has gone.",
    )
    whole.add_argument("--version", action="version", version=f"hypercarbon {__version__}")
    commands = whole.add_subparsers(title="commands")

    for module in (grid, estimate, doctor, report, backtest, ledger, trial):
        module.add_parsers(commands)
    return whole


if __name__ == "__main__":
    sys.exit(main())
