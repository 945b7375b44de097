"""Instants and spans: aware UTC inside, words for people outside."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, tzinfo

from pydantic import TypeAdapter, ValidationError

_SPAN_PART = re.compile(
    r"(\d+(?:\.\d+)?)\s*(days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)(?![a-z])", re.IGNORECASE
)
_ISO_SPAN = TypeAdapter(timedelta)
#: By the first letter of the unit.
_UNIT_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
#: Longer spans are a wrong unit (the daemon's durations are nanoseconds), not a plan.
_LONGEST = timedelta(days=366)


def as_utc(instant: datetime) -> datetime:
    """Return an aware instant in UTC; refuse a naive one, whose zone nobody knows.

    :raises ValueError: the instant is naive, or outside the years 1 to 9999 in UTC.
    """
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} has no time zone. Give an offset, such as +00:00.")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{instant.isoformat()} is no instant in UTC.") from None


def parse_instant(text: object) -> datetime:
    """Read an ISO 8601 instant with an offset, with any number of fractional digits.

    :raises ValueError: not text, not ISO 8601, or without an offset.
    """
    if not isinstance(text, str):
        raise ValueError(f"{type(text).__name__} is not an ISO 8601 time.")
    return as_utc(datetime.fromisoformat(text))


def parse_span(value: object) -> timedelta:
    """Read a span of time as people write it: ``2h``, ``1h30m``, ``2 hours``, ``PT2H``, or a number of seconds.

    :raises ValueError: unreadable, negative, or longer than a year (a number of nanoseconds, say).
    """
    span = _read_span(value)
    if span is None:
        raise ValueError(f'{value!r} is not a span of time. Write "2h", "90min", "PT2H" or seconds.')
    if not timedelta(0) <= span <= _LONGEST:
        raise ValueError(f"{value!r} is not between zero and a year. A bare number means seconds.")
    return span


def _read_span(value: object) -> timedelta | None:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return timedelta(seconds=value) if abs(value) <= _LONGEST.total_seconds() else timedelta.max
    if not isinstance(value, str) or not (text := value.strip()):
        return None
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return _read_span(float(text))
    if text[0] in "Pp":
        try:
            return _ISO_SPAN.validate_python(text.upper())
        except ValidationError:
            return None
    if _SPAN_PART.sub("", text).strip():
        return None
    return _read_span(
        sum(float(number) * _UNIT_SECONDS[unit[0].lower()] for number, unit in _SPAN_PART.findall(text))
    )


def next_instant(text: str, *, after: datetime, zone: tzinfo) -> datetime:
    """Read an instant, or a time of day such as ``06:00``: its next occurrence in ``zone`` after an instant.

    On a night when clocks change, the time of day is that of the clock on the wall.

    :raises ValueError: neither of them.
    """
    if not (found := re.fullmatch(r"(\d{1,2}):(\d{2})", text.strip())):
        return parse_instant(text.strip())
    wall = time(int(found[1]), int(found[2]))
    day = after.astimezone(zone).date()
    today = as_utc(datetime.combine(day, wall, tzinfo=zone))
    return today if today > after else as_utc(datetime.combine(day + timedelta(days=1), wall, tzinfo=zone))


def words(span: timedelta) -> str:
    """Write a span for people: ``6 h 20 min``, ``2 h``, ``45 min``, below two minutes ``95 s``."""
    seconds = round(span.total_seconds())
    if abs(seconds) < 120:
        return f"{seconds} s"
    sign = "-" if seconds < 0 else ""
    hours, minutes = divmod(round(abs(seconds) / 60), 60)
    parts = [f"{hours} h"] * bool(hours) + [f"{minutes} min"] * bool(minutes)
    return sign + " ".join(parts)


def clock_time(instant: datetime, *, now: datetime) -> str:
    """Write an instant for people: ``03:00 UTC``, with the weekday when it is not today, with seconds when near."""
    utc = as_utc(instant)
    near = abs(utc - now) < timedelta(minutes=5) and utc.second
    time = utc.strftime("%H:%M:%S" if near else "%H:%M")
    day = "" if utc.date() == as_utc(now).date() else utc.strftime("%a ")
    return f"{day}{time} UTC"
