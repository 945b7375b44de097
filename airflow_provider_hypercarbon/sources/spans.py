"""Asking for a long time in as many requests as it takes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from airflow_provider_hypercarbon.carbon.instants import as_utc
from airflow_provider_hypercarbon.carbon.intensity import IntensitySeries
from airflow_provider_hypercarbon.exceptions import AccessDeniedError, NoDataError, RequestRefusedError
from airflow_provider_hypercarbon.sources.answers import Interval

#: Bound of one call of a service with its tries. A plan makes four at the most: under 15 s of a worker.
TOTAL_SECONDS = 3.6
#: Nobody looks back farther than a year, and each part is a request.
_MOST_PARTS = 45

#: Asks for what was measured in ``[start, end)``.
Ask = Callable[[datetime, datetime], IntensitySeries]


def in_parts(ask: Ask, start: datetime, end: datetime, *, longest: timedelta, until: datetime) -> IntensitySeries:
    """Return one series over ``[start, end)`` from parts that one request may ask for, the newest first.

    The oldest parts may be missing, as a source does not reach back for ever, nor do we: a year or so.

    :param until: the end of what may be measured yet.
    :raises NoDataError: there is nothing before that.
    :raises HyperCarbonError: the newest part cannot be had.
    """
    found: list[IntensitySeries] = []
    for part in _parts(as_utc(start), min(as_utc(end), until), longest):
        try:
            found.append(ask(*part))
        except (NoDataError, AccessDeniedError, RequestRefusedError):
            if not found:
                raise
            break
    slots = {slot.start_at: slot for series in reversed(found) for slot in series.slots}
    return found[0].model_copy(update={"slots": tuple(slots[start] for start in sorted(slots))})


def minute(instant: datetime) -> str:
    """Write an instant as services do that know no seconds."""
    return f"{instant:%Y-%m-%dT%H:%MZ}"


def _parts(start: datetime, end: datetime, longest: timedelta) -> list[Interval]:
    if start >= end:
        raise NoDataError(f"{start.isoformat()} is in the future, where nothing is measured.")
    parts: list[Interval] = []
    while end > start and len(parts) < _MOST_PARTS:
        parts.append((max(start, end - longest), end))
        end -= longest
    return parts
