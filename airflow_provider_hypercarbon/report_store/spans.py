"""Spans of time as whole months, days or hours and what is left over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import NamedTuple


class Span(NamedTuple):
    """From an instant to before another one, in UTC."""

    begin: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.begin


class Cover(NamedTuple):
    """Whole periods that are nearly a span.

    :param kept: from the first of them to the end of the last.
    :param added: what of the span is outside them.
    :param taken: what of them is outside the span.
    """

    kept: Span
    added: list[Span]
    taken: list[Span]


class Moved(NamedTuple):
    """What is another local day than the rest of its period.

    :param windows: those times.
    :param owners: the local day of the rest, by the date of a divided day in UTC.
    """

    windows: list[Window]
    owners: dict[str, str]


class Window(NamedTuple):
    """A part of a period that is not of the local day that its period is counted for.

    :param day: its own local day.
    :param counted_for: that of its period.
    """

    span: Span
    day: str
    counted_for: str

    @property
    def date(self) -> str:
        """Its date in UTC."""
        return _date(self.span.begin)


def cover(span: Span, period: str, *, begin: bool, end: bool) -> Cover | None:
    """Cover a span by whole periods so that little is left over; None when the span itself is as little.

    :param period: ``month``, ``day`` or ``hour``.
    :param begin: whether anything before the span has to be left out.
    :param end: whether anything after it has to be.
    """
    added, taken = [], []
    first, second = _around(span.begin, period)
    if not begin or span.begin - first < second - span.begin:
        taken.append(Span(first, span.begin if begin else first))
        start = first
    else:
        added.append(Span(span.begin, second))
        start = second
    before, after = _around(span.end, period)
    if not end or after - span.end < span.end - before:
        taken.append(Span(span.end if end else after, after))
        stop = after
    else:
        added.append(Span(before, span.end))
        stop = before
    added, taken = ([one for one in spans if one.length] for spans in (added, taken))
    left_over = sum((one.length for one in (*added, *taken)), timedelta())
    return None if start >= stop or left_over >= span.length else Cover(Span(start, stop), added, taken)


def moved(midnights: Iterable[datetime], period: str, day_at: Callable[[datetime], str]) -> Moved:
    """Say which parts of the periods that local midnights divide are counted for another local day.

    A divided day in UTC is that of its longest part, so that little is moved; a divided hour that of its first.

    :param midnights: in their order.
    :param day_at: the local day of an instant.
    """
    found = Moved([], {})
    divided = (midnight for midnight in midnights if floor(midnight, period) != midnight)
    for start, inside in groupby(divided, key=lambda midnight: floor(midnight, period)):
        parts = [Span(*pair) for pair in pairwise([start, *inside, following(start, period)])]
        owner = parts[0] if period == "hour" else max(parts, key=lambda part: part.length)
        day = day_at(owner.begin)
        if period == "day":
            found.owners[_date(start)] = day
        for part in parts:
            if part != owner:
                found.windows.append(Window(part, day_at(part.begin), day))
    return found


def by_date(windows: Iterable[Window], most: int) -> Iterator[dict[str, Window]]:
    """Yield windows by their dates in UTC, at most so many at once, and never two of a date."""
    found: dict[str, Window] = {}
    for window in windows:
        if window.date in found or len(found) == most:
            yield found
            found = {}
        found[window.date] = window
    if found:
        yield found


def floor(instant: datetime, period: str) -> datetime:
    """Return the begin of the period that an instant lies in."""
    hour = instant.replace(minute=0, second=0, microsecond=0)
    if period == "hour":
        return hour
    return hour.replace(hour=0) if period == "day" else hour.replace(hour=0, day=1)


def following(start: datetime, period: str) -> datetime:
    """Return the begin of the period after the one that begins at an instant."""
    if period == "month":
        return (start + timedelta(days=31)).replace(day=1)
    return start + timedelta(days=1 if period == "day" else 0, hours=1 if period == "hour" else 0)


def _around(instant: datetime, period: str) -> Span:
    """Return the begins of periods around an instant; the same twice when it is one itself."""
    before = floor(instant, period)
    return Span(before, before if before == instant else following(before, period))


def _date(instant: datetime) -> str:
    return instant.date().isoformat()
