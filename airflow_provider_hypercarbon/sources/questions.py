"""What a source can be asked, in the form in which the answer is kept: wide enough for everybody who asks next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Protocol

from airflow_provider_hypercarbon.carbon.instants import clock_time
from airflow_provider_hypercarbon.carbon.intensity import CarbonIntensity, IntensitySeries, Slot
from airflow_provider_hypercarbon.exceptions import NoDataError
from airflow_provider_hypercarbon.sources import CarbonSource
from airflow_provider_hypercarbon.sources.answers import touching
from airflow_provider_hypercarbon.sources.kept import Kept, KeptSeries, joined

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
#: Measured values are asked for so far back at first: what the usual day is made from.
DEPTH = timedelta(days=7, hours=1)
#: After that the newest are enough; every source gives so much in one answer. They are asked for again and again, as
#: providers revise them.
RECENT = timedelta(hours=22)
_KEEP_MEASURED = timedelta(days=10)
#: An answer about the distant past is asked for again after this, as it may have been revised.
_PAST_IS_VALID = timedelta(hours=6)
#: A forecast is asked for at least so far ahead, as nearly everybody needs no more: a day's wait, and the page.
_LEAST_DAYS = 2
#: How old the newest measured slot may be to be called the present.
_PRESENT = timedelta(hours=2)


class Question(Protocol):
    """One thing to ask about one zone."""

    @property
    def zone(self) -> str: ...

    @property
    def name(self) -> str:
        """The name of the row that keeps the answer."""

    @property
    def budgeted(self) -> bool:
        """Whether it counts against the two requests of a zone and hour."""

    @property
    def max_age(self) -> timedelta:
        """For so long after it was asked for, an answer that could not be renewed is given."""

    def is_covered(self, kept: Kept, *, now: datetime) -> bool:
        """Whether the kept answer was asked for as widely as this one."""

    def ask(self, source: CarbonSource, kept: Kept, *, now: datetime, valid_until: datetime) -> Kept:
        """Ask the source; return what to keep."""

    def give(self, answer: IntensitySeries, *, now: datetime) -> IntensitySeries:
        """Return the part that was asked for.

        :raises NoDataError: the answer has nothing of it.
        """


@dataclass(frozen=True)
class Measured:
    """The measured slots up to now, kept for ten days and renewed at their end."""

    zone: str
    start: datetime
    end: datetime

    name: ClassVar[str] = "measured"
    budgeted: ClassVar[bool] = True
    max_age: ClassVar[timedelta] = timedelta(hours=4)

    def is_covered(self, kept: Kept, *, now: datetime) -> bool:
        return True

    def ask(self, source: CarbonSource, kept: Kept, *, now: datetime, valid_until: datetime) -> Kept:
        old = kept.answer.series() if kept.answer else None
        only_the_newest = old is not None and self._has_the_rest(kept, old, now)
        # A plan that refused a week and a day alike costs one request to ask again, not the hour's two.
        is_short = only_the_newest or (kept.failure is not None and kept.failure.is_denial)
        begin = now - (RECENT if is_short else DEPTH)
        series = source.history(self.zone, begin, now, now=now)
        if not series.slots:
            raise NoDataError(f"No measured values for {self.zone} came back.")
        return Kept(
            answer=KeptSeries.of(joined(old, series, since=now - _KEEP_MEASURED)),
            asked_at=now,
            valid_until=valid_until,
            since=kept.since if only_the_newest else begin,
            until=now,
            reach_at=kept.reach_at if only_the_newest else None if is_short else now,
        )

    @staticmethod
    def _has_the_rest(kept: Kept, old: IntensitySeries, now: datetime) -> bool:
        """Whether the kept answer lacks only its end: without a gap, and as far back as the source reaches."""
        if kept.asked_at is None or kept.reach_at is None or not kept.asked_at - _DAY < now < kept.asked_at + RECENT:
            return False
        is_short = old.slots[0].start_at > now - DEPTH + 2 * _HOUR
        return not is_short or now - kept.reach_at < _DAY

    def give(self, answer: IntensitySeries, *, now: datetime) -> IntensitySeries:
        return _part(answer, self.zone, self.start, min(self.end, now + timedelta.resolution))


@dataclass(frozen=True)
class Past:
    """Measured slots of an interval that is over: what a report made later needs."""

    zone: str
    start: datetime
    end: datetime

    budgeted: ClassVar[bool] = False
    max_age: ClassVar[timedelta] = timedelta(days=2)

    @property
    def name(self) -> str:
        return f"past {self._first():%Y-%m-%dT%H}/{self._last():%Y-%m-%dT%H}"

    def is_covered(self, kept: Kept, *, now: datetime) -> bool:
        return True

    def ask(self, source: CarbonSource, kept: Kept, *, now: datetime, valid_until: datetime) -> Kept:
        series = source.history(self.zone, self._first(), self._last(), now=now)
        if not series.slots:
            raise NoDataError(f"No measured values for {self.zone} came back.")
        return Kept(answer=KeptSeries.of(series), asked_at=now, valid_until=now + _PAST_IS_VALID)

    def give(self, answer: IntensitySeries, *, now: datetime) -> IntensitySeries:
        return _part(answer, self.zone, self.start, self.end)

    def _first(self) -> datetime:
        return _full_hour(self.start)

    def _last(self) -> datetime:
        return _full_hour(self.end + _HOUR - timedelta.resolution)


@dataclass(frozen=True)
class Forecast:
    """The forecast from the running slot on, asked for in whole days so that one answer does for all.

    Plans differ in how far ahead they see. Where one refuses, a day less is asked for the next time, and for a day.
    """

    zone: str
    until: datetime

    name: ClassVar[str] = "forecast"
    budgeted: ClassVar[bool] = True
    max_age: ClassVar[timedelta] = timedelta(hours=12)

    def is_covered(self, kept: Kept, *, now: datetime) -> bool:
        if kept.until is None or kept.asked_at is None or kept.answer is None:
            return False
        # Who looks so far ahead as was asked for some minutes ago looks some minutes farther.
        if self.until <= kept.until or self.until - now <= kept.until - kept.asked_at:
            return True
        end = kept.answer.series().end_at
        return end is not None and end < kept.until - _HOUR  # more than that there is not

    def ask(self, source: CarbonSource, kept: Kept, *, now: datetime, valid_until: datetime) -> Kept:
        days = max(-((now - self.until) // _DAY), _LEAST_DAYS)
        if kept.until is not None and kept.asked_at is not None and now - kept.asked_at < _DAY:
            days = max(days, round((kept.until - kept.asked_at) / _DAY))  # what others asked for
        refused_at, most = kept.reach_at, kept.most_days
        if kept.failure is not None and kept.failure.is_denial:
            refused_at, most = kept.failure.asked_at, max(1, days - kept.failure.count)
        elif refused_at is None or now - refused_at >= _DAY:
            refused_at = most = None
        series = source.forecast(self.zone, now + min(days, most or days) * _DAY, now=now)
        if not series.slots:
            raise NoDataError(f"No forecast for {self.zone} came back.")
        return Kept(
            answer=KeptSeries.of(series),
            asked_at=now,
            valid_until=valid_until,
            since=now,
            until=now + days * _DAY,
            reach_at=refused_at,
            most_days=most,
        )

    def give(self, answer: IntensitySeries, *, now: datetime) -> IntensitySeries:
        return _part(answer, self.zone, now, max(self.until, now) + timedelta.resolution)


@dataclass(frozen=True)
class Latest:
    """The newest measured slot alone, of a source or plan that has no history."""

    zone: str

    name: ClassVar[str] = "latest"
    budgeted: ClassVar[bool] = True
    max_age: ClassVar[timedelta] = timedelta(hours=4)

    def is_covered(self, kept: Kept, *, now: datetime) -> bool:
        return True

    def ask(self, source: CarbonSource, kept: Kept, *, now: datetime, valid_until: datetime) -> Kept:
        found = source.latest(self.zone, now=now)
        series = IntensitySeries(
            zone=found.zone,
            source=found.source,
            slots=(Slot(found.start_at, found.gco2eq_per_kwh, found.estimated),),
            slot_length=found.end_at - found.start_at,
            signal=found.signal,
            issued_at=found.updated_at,
            synthetic=found.synthetic,
            estimation_method=found.estimation_method,
        )
        return Kept(answer=KeptSeries.of(series), asked_at=now, valid_until=valid_until)

    def give(self, answer: IntensitySeries, *, now: datetime) -> IntensitySeries:
        return answer


def newest_of(series: IntensitySeries, *, now: datetime) -> CarbonIntensity | None:
    """Return the last slot as the present; None when it is too old for that."""
    newest = series.readings()[-1] if series.slots else None
    return None if newest is None or newest.end_at < now - _PRESENT else newest


def is_recent(start: datetime, end: datetime, *, now: datetime) -> bool:
    """Whether an interval is one that :class:`Measured` keeps; where it is not renewed, it is asked for by itself."""
    return end > now - RECENT and start >= now - DEPTH - _HOUR


def _part(answer: IntensitySeries, zone: str, start: datetime, end: datetime) -> IntensitySeries:
    slots = tuple(touching(answer.slots, answer.slot_length, (start, end)))
    if not slots:
        begin, until = clock_time(start, now=end), clock_time(end, now=end)
        raise NoDataError(f"{answer.source} has no values for {zone} from {begin} to {until}.")
    is_whole = slots[-1] == answer.slots[-1]
    method = answer.estimation_method if is_whole else None
    return answer.model_copy(update={"slots": slots, "estimation_method": method})


def _full_hour(instant: datetime) -> datetime:
    return instant.replace(minute=0, second=0, microsecond=0)
