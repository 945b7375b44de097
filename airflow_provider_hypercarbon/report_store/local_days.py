"""The days of a time zone in SQL: which local day an instant's text belongs to, on every database alike.

No database's own time zones are asked: not all have them, and they are of other versions. Between two changes of the
offset, one time of day in UTC divides the local days.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from airflow_provider_hypercarbon.report_store.columns import instant_text

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


class _Stretch(NamedTuple):
    """A time of one offset.

    :param end: where it ends; None for the last.
    """

    offset: timedelta
    end: datetime | None

    @property
    def midnight(self) -> timedelta:
        """The time of day in UTC at which local days begin."""
        return -self.offset % _DAY


class LocalDays:
    """The days of a time zone over a span of time.

    :param first: begin of the span.
    :param last: its end; what is outside is told apart by the offsets of the ends.
    """

    def __init__(self, zone: ZoneInfo, first: datetime, last: datetime) -> None:
        self.zone = zone
        self.first, self.last = first, last
        self._stretches = list(_stretches(zone, first, last))

    def side(self, text: sa.ColumnElement[str], *, hours: bool = False) -> sa.ColumnElement[int]:
        """Return what :meth:`day` needs to know of an instant's text besides its date in UTC.

        :param hours: the text ends with the hour, as one of ``hypercarbon_hour_sums`` does. An hour in which a local
            day begins counts to the day before.
        """
        arms = [(stretch.end, _side(text, number, stretch, hours)) for number, stretch in enumerate(self._stretches)]
        *before, (_, after) = arms
        if not before:
            return after
        return sa.case(
            *((text < _upto_hour(instant_text(end), hours), side) for end, side in before if end), else_=after
        )

    def day(self, utc_date: str, side: int) -> str:
        """Return the local day of an instant, from its date in UTC and its side."""
        number, later = divmod(side, 2)
        stretch = self._stretches[number]
        begin = datetime.combine(date.fromisoformat(utc_date), time())
        return (begin + stretch.midnight * later + stretch.offset).date().isoformat()

    def at(self, instant: datetime) -> str:
        """Return the local day of an instant."""
        return instant.astimezone(self.zone).date().isoformat()

    def midnights(self) -> Iterator[datetime]:
        """Yield the instants within the span at which a local day begins."""
        day = self.first.astimezone(self.zone).date()
        end = self.last.astimezone(self.zone).date()
        while day <= end:
            # Where midnight is left out, this is the instant at which the clocks go forward.
            midnight = datetime.combine(day, time(), tzinfo=self.zone).astimezone(UTC)
            if self.first < midnight < self.last:
                yield midnight
            day += _DAY


def _side(text: sa.ColumnElement[str], number: int, stretch: _Stretch, hours: bool) -> sa.ColumnElement[int]:
    earlier: sa.ColumnElement[int] = sa.literal_column(str(2 * number))
    later: sa.ColumnElement[int] = sa.literal_column(str(2 * number + 1))
    if not stretch.midnight:
        return later
    clock = sa.func.substr(text, sa.literal_column("12"), sa.literal_column("8"))
    minutes, seconds = divmod(stretch.midnight // _SECOND, 60)
    midnight = f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
    return sa.case((clock >= (midnight.removesuffix(":00:00") if hours else midnight), later), else_=earlier)


def _upto_hour(text: str, hours: bool) -> str:
    """Cut the text of a whole hour, to be compared with texts that end there."""
    return text[:13] if hours and text[13:19] == ":00:00" else text


def _stretches(zone: ZoneInfo, first: datetime, last: datetime) -> Iterator[_Stretch]:
    at, offset = first, _offset(zone, first)
    while at < last:
        following = min(at + _DAY, last)
        if (changed := _offset(zone, following)) != offset:
            yield _Stretch(offset, _change(zone, at, following))
            offset = changed
        at = following
    yield _Stretch(offset, None)


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Return the first second at which the offset is another than ``before``."""
    old, begin = _offset(zone, before), before.replace(microsecond=0)
    low, high = 0, -(-(after - begin) // _SECOND)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(zone, begin + middle * _SECOND) == old else (low, middle)
    return begin + high * _SECOND


def _offset(zone: ZoneInfo, instant: datetime) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()
