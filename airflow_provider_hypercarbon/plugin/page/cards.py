"""Parts of a page that are made side by side and fail alone."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from airflow_provider_hypercarbon.exceptions import (
    AuthenticationError,
    ConfigurationError,
    HyperCarbonError,
    RateLimitedError,
    ReportStoreError,
    UnknownZoneError,
)

log = logging.getLogger(__name__)

#: A part that takes longer is left out, and says so; it goes on in its thread and ends there.
PATIENCE_SECONDS = 2.0
_threads = ThreadPoolExecutor(max_workers=12, thread_name_prefix="hypercarbon-page")


@dataclass(frozen=True)
class Problem:
    """What stands in place of a part.

    :param alert: it is read out at once.
    :param button: words of a link, to ``href`` or to the same page again.
    """

    title: str
    text: str
    alert: bool = True
    button: str = "Try again"
    href: str = ""


@dataclass(frozen=True)
class Card:
    """A part: its value, or why there is none."""

    value: Any = None
    problem: Problem | None = None


def make(parts: dict[str, tuple[str, Callable[[], Any]]]) -> dict[str, Card]:
    """Make all parts at once.

    :param parts: by name: what could not be read in words, such as "The ledger", and how to make it.
    """
    running = {name: _threads.submit(part) for name, (_, part) in parts.items()}
    wait(running.values(), timeout=PATIENCE_SECONDS)
    return {name: _card(parts[name][0], future) for name, future in running.items()}


def _card(what: str, future: Future[Any]) -> Card:
    if not future.done():
        future.cancel()
        return Card(problem=unreadable(what, f"The database did not answer within {PATIENCE_SECONDS:.0f} s."))
    error = future.exception()
    if error is None:
        return Card(future.result())
    return Card(problem=problem_of(what, error))


def problem_of(what: str, error: BaseException) -> Problem:
    """Say what an error means for the reader; what only an administrator may know is in the log."""
    if isinstance(error, UnknownZoneError):
        return Problem("Unknown zone", str(error), button="")
    if isinstance(error, ConfigurationError):
        return Problem(f"{what} cannot be read: something is not set up", str(error), alert=False)
    if isinstance(error, ReportStoreError):
        log.warning("%s cannot be read: %s", what, error)
        return unreadable(what, "The results database did not answer as it should. The API server's log says how.")
    if isinstance(error, SQLAlchemyError):
        log.warning("%s cannot be read: %s", what, error)
        return unreadable(what, "Airflow's database did not answer as it should.")
    if isinstance(error, RateLimitedError | AuthenticationError | HyperCarbonError):
        return unreadable(what, str(error))
    log.error("%s cannot be made", what, exc_info=error)
    return unreadable(what, "This went wrong here; the API server's log says how.")


def unreadable(what: str, why: str) -> Problem:
    """Return the problem of a part that may work the next time."""
    return Problem(f"{what} cannot be read", f"{why} The other parts of this page are current.")
