"""A trace to replay: a zone's measured intensities with the forecasts that were issued, read from CSV text."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from airflow_provider_hypercarbon.carbon.intensity import Signal, checked_intensity
from airflow_provider_hypercarbon.carbon.readings import IssuedForecast, ReadingsLog, Stretch
from airflow_provider_hypercarbon.exceptions import BadDataError

_MEASURED_HEADER = ("datetime_utc", "ci_g_per_kwh")


def read_trace(
    zone: str,
    measured: Iterable[str],
    forecasts: Iterable[str] = (),
    *,
    source: str = "trace",
    signal: Signal | None = None,
) -> ReadingsLog:
    """Read a trace from the lines of CSV files.

    :param measured: ``datetime_utc,ci_g_per_kwh``; a row is the mean of the slot that begins there, and a row
        without a value is a gap.
    :param forecasts: ``issue_utc,h0,h1,...``; h0 is the mean of the first hour from the issue on.
    :raises BadDataError: a line that cannot be read, with its number.
    """
    signal = signal or Signal()
    return ReadingsLog(
        zone=zone,
        source=source,
        signal=signal,
        measured=_read_measured(measured, zone, signal),
        issues=tuple(sorted(_read_forecasts(forecasts, zone, signal), key=lambda issue: issue.issued_at)),
    )


def _read_measured(lines: Iterable[str], zone: str, signal: Signal) -> Stretch:
    found: dict[datetime, float | None] = {}
    for number, row in enumerate(csv.reader(lines), 1):
        if number == 1 and tuple(row) != _MEASURED_HEADER:
            raise BadDataError(f'The first line of a trace is "{",".join(_MEASURED_HEADER)}".', problem="header")
        if number > 1 and row:
            found[_instant(row[0], number)] = _value(row[1] if len(row) > 1 else "", number, zone, signal)
    if not found:
        raise BadDataError("The trace has no rows.", problem="empty")
    starts = sorted(found)
    slot = min((b - a for a, b in pairwise(starts)), default=timedelta(hours=1))
    count = (starts[-1] - starts[0]) // slot + 1
    if count > 100 * len(starts) or any((start - starts[0]) % slot for start in starts):
        raise BadDataError(f"The rows of the trace are not in slots of {slot}.", problem="slots")
    values = tuple(found.get(starts[0] + slot * index) for index in range(count))
    return Stretch(start_at=starts[0], slot_length=slot, values=values)


def _read_forecasts(lines: Iterable[str], zone: str, signal: Signal) -> Iterable[IssuedForecast]:
    for number, row in enumerate(csv.reader(lines), 1):
        if number == 1 and row[:2] != ["issue_utc", "h0"]:
            raise BadDataError('The first line of forecasts is "issue_utc,h0,h1,...".', problem="header")
        if number > 1 and row:
            issued_at = _instant(row[0], number)
            values = tuple(_value(text, number, zone, signal) for text in row[1:])
            yield IssuedForecast(issued_at=issued_at, start_at=issued_at, values=values)


def _instant(text: str, number: int) -> datetime:
    """Read a time; one without an offset is UTC, as the column says."""
    try:
        found = datetime.fromisoformat(text.strip())
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise BadDataError(f"Line {number}: {text!r} is not a time.", problem="time") from None


def _value(text: str, number: int, zone: str, signal: Signal) -> float | None:
    try:
        value = float(text) if text.strip() else math.nan
    except ValueError:
        raise BadDataError(f"Line {number}: {text!r} is not a number.", problem="not_a_number") from None
    try:
        return None if math.isnan(value) else checked_intensity(value, zone=zone, signal=signal)
    except BadDataError as error:
        raise BadDataError(f"Line {number}: {error}", problem=error.problem) from None


def ready_times(
    trace: ReadingsLog,
    *,
    windows: Sequence[timedelta],
    durations: Sequence[timedelta],
    hours: Iterable[int] = range(24),
) -> list[datetime]:
    """Return the full hours of a trace at which a job can become ready and be judged in all windows alike.

    They begin where our policy has a week to look back on and a forecast, if the trace has any, and end where the
    longest wait still ends within what was measured.

    :param hours: hours of the day (UTC), as a cron expression would list them.
    """
    wanted, measured = set(hours), trace.measured
    first = measured.start_at + timedelta(days=7)
    last = measured.end_at
    if trace.issues:
        first = max(first, trace.issues[0].issued_at)
        last = min(last, trace.issues[-1].issued_at + timedelta(days=1))
    last -= max(windows) + max(durations)
    hour = first.replace(minute=0, second=0, microsecond=0)
    hour += timedelta(hours=1) if hour < first else timedelta(0)
    count = max(0, (last - hour) // timedelta(hours=1) + 1)
    every = (hour + timedelta(hours=index) for index in range(count))
    return [ready for ready in every if ready.hour in wanted]
