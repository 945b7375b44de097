"""Moments as people write them: ``03:00``, ``tomorrow 03:00``, ``Tue 22:30``, ``in 2h``, ``90min ago``, ISO 8601."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta, tzinfo

from airflow_provider_hypercarbon.carbon.instants import as_utc, next_instant, parse_instant, parse_span

_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ON_A_DAY = re.compile(r"(?P<day>[a-z]+)(?:\s+(?P<hour>\d{1,2}):(?P<minute>\d{2}))?", re.IGNORECASE)
_NAIVE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?")


def parse_when(text: str, *, now: datetime, zone: tzinfo) -> datetime:
    """Return the moment that a person means, in UTC.

    A time of day alone is its next occurrence, a weekday the next one. A day without a time is its first moment.
    Dates without an offset, and times of day, are those of the clock on the wall in ``zone``.

    :raises ValueError: nobody can tell.
    """
    words = " ".join(text.split())
    low = words.lower()
    if low == "now":
        return now
    if low.startswith("in "):
        return now + parse_span(words[3:])
    if low.endswith(" ago"):
        return now - parse_span(words[:-4])
    if (found := _ON_A_DAY.fullmatch(words)) is not None:
        return _on_a_day(found, text, now, zone)
    if _NAIVE.fullmatch(words):
        return as_utc(datetime.fromisoformat(words).replace(tzinfo=zone))
    try:
        return next_instant(words, after=now, zone=zone) if ":" in words and len(words) <= 5 else parse_instant(words)
    except ValueError:
        raise _unreadable(text) from None


def _on_a_day(found: re.Match[str], text: str, now: datetime, zone: tzinfo) -> datetime:
    name, today = found["day"].lower(), now.astimezone(zone).date()
    try:
        at = time(int(found["hour"] or 0), int(found["minute"] or 0))
    except ValueError:
        raise _unreadable(text) from None
    if name in _DAYS:
        return _at(today + timedelta(days=_DAYS[name]), at, zone)
    if name[:3] not in _WEEKDAYS or not _is_weekday(name):
        raise _unreadable(text)
    ahead = (_WEEKDAYS.index(name[:3]) - today.weekday()) % 7
    moment = _at(today + timedelta(days=ahead), at, zone)
    return moment if moment > now else _at(today + timedelta(days=ahead + 7), at, zone)


def _is_weekday(name: str) -> bool:
    full = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    return any(day.startswith(name) for day in full)


def _at(day: date, at: time, zone: tzinfo) -> datetime:
    return as_utc(datetime.combine(day, at, tzinfo=zone))


def _unreadable(text: str) -> ValueError:
    return ValueError(
        f'{text!r} is no moment. Write "03:00", "tomorrow 03:00", "Tue 22:30", "in 2h", "90min ago" or '
        "2026-03-01T04:00+00:00."
    )
