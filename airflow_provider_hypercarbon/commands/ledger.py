"""Looking after the results tables: is the ledger whole, bring the tables to the present version."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_hypercarbon.exceptions import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_hypercarbon.report_store import Head, ResultsDatabase

#: Where a database is named when the command line does not: a password there would be seen by everybody.
VARIABLE = "HYPERCARBON_RESULTS_URL"
_DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg", "mysql": "mysql+mysqldb"}
#: What ``hypercarbon verify`` returns for a ledger that is not whole.
BROKEN = 1


def add_parsers(commands: Any) -> None:
    """Add the command line of these commands."""
    database = database_argument()
    verifying = commands.add_parser(
        "verify",
        parents=[database],
        help="whether the ledger of reports is whole",
        description="Read the whole ledger of reports and check every hash, the current reports and the sums.",
        epilog="Exit codes: 0 whole, 1 broken, 2 wrong use or settings, 3 the database gave no answer.",
    )
    verifying.add_argument(
        "--expect",
        metavar="HEAD",
        help="a head that was printed or logged before: nothing up to it may have been changed or removed",
    )
    verifying.add_argument("--json", action="store_true", help="for scripts")
    verifying.set_defaults(run=verify)

    migrating = commands.add_parser(
        "migrate", parents=[database], help="bring the results tables to the present version"
    )
    migrating.set_defaults(run=migrate)


def database_argument() -> argparse.ArgumentParser:
    """Return the argument that names a results database, for every command that reads one."""
    database = argparse.ArgumentParser(add_help=False)
    database.add_argument(
        "database",
        nargs="?",
        help="URL such as postgresql://user@host/database, or the path of an SQLite file "
        f"(default: ${VARIABLE}, where a password is not seen by everybody)",
    )
    return database


@contextmanager
def results_of(url: str | None) -> Iterator[ResultsDatabase]:
    """Open the results database of a URL, of the path of an SQLite file, or of the environment.

    :raises ConfigurationError: no URL, not one, its driver is not installed, or no such file.
    """
    import sqlalchemy as sa

    from airflow_provider_hypercarbon.report_store import ResultsDatabase

    url = url or os.environ.get(VARIABLE)
    if not url:
        raise ConfigurationError(
            f"No results database. Name it, such as sqlite:////srv/airflow/hypercarbon.db or "
            f"postgresql://user@host/database, or put it into {VARIABLE}."
        )
    try:
        at = sa.make_url(url if "://" in url else f"sqlite:///{Path(url).absolute()}")
        engine = sa.create_engine(at.set(drivername=_DRIVERS.get(at.drivername, at.drivername)))
    except (sa.exc.ArgumentError, ImportError) as error:
        raise ConfigurationError(
            f"The results database cannot be opened: {error}. For PostgreSQL and MySQL install "
            "airflow-provider-hypercarbon[postgres] or [mysql]."
        ) from None
    if at.drivername.startswith("sqlite") and not Path(at.database or "").is_file():
        raise ConfigurationError(f"There is no SQLite file {at.database}. Check the path.")
    try:
        yield ResultsDatabase(engine)
    finally:
        engine.dispose()


def verify(options: argparse.Namespace) -> int:
    """Print whether the ledger is whole."""
    from airflow_provider_hypercarbon.report_store import verify as verify_ledger

    def tell(count: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{count:,} revisions", end="", file=sys.stderr, flush=True)

    with results_of(options.database) as database:
        verdict = verify_ledger(database, expected=_head(options.expect), progress=tell)
    if options.json:
        print(json.dumps({**verdict.model_dump(mode="json"), "head": str(verdict.head)}, indent=2))
    elif verdict.broken:
        print(f"Broken: {verdict.broken}")
        print(f"Whole up to {verdict.head}")
    else:
        print(f"Whole: {verdict.revisions:,} revisions of {verdict.operations:,} operations.")
        print(f"Head: {verdict.head}")
        print('Note it down elsewhere; "--expect" proves later that nothing up to it was changed or removed.')
    return BROKEN if verdict.broken else 0


def migrate(options: argparse.Namespace) -> None:
    """Bring the tables to the present version, with a login that may."""
    from airflow_provider_hypercarbon.report_store.migrations import newest_version

    with results_of(options.database) as database:
        database.ensure()
    print(f"The results tables have version {newest_version()}.")


def _head(text: str | None) -> Head | None:
    from airflow_provider_hypercarbon.report_store import Head

    if text is None:
        return None
    position, _, hashed = text.partition(":")
    if not position.isdecimal() or len(hashed) != 64:
        raise ConfigurationError(f"{text!r} is no head. Pass what was printed as such: a position, a colon, a hash.")
    return Head(int(position), hashed.lower())
