"""A log of what was measured and of what was forecast when: all that the learned curve and a backtest know."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from operator import attrgetter

from pydantic import model_validator

from airflow_provider_hypercarbon.carbon.blend import EPOCH, HOUR, seconds
from airflow_provider_hypercarbon.carbon.intensity import Frozen, IntensitySeries, Signal, Slot, UtcDatetime


class Stretch(Frozen):
    """Intensities in equal slots, without a time for each: as small as a series can be stored.

    :param start_at: begin of the first slot.
    :param values: gCO2eq/kWh, one a slot; None is a gap.
    """

    start_at: UtcDatetime
    slot_length: timedelta = timedelta(hours=1)
    values: tuple[float | None, ...] = ()

    @property
    def end_at(self) -> datetime:
        return self.start_at + self.slot_length * len(self.values)

    def hourly(self) -> tuple[int, list[float | None]]:
        """Return the mean of each UTC hour and the number of the first hour since 1970.

        An hour with some slots measured has their mean; a slot longer than an hour counts for each of its hours.
        """
        slot, first = seconds(self.slot_length), seconds(self.start_at - EPOCH)
        if slot == HOUR:
            return first // HOUR, list(self.values)
        if slot > HOUR:
            return first // HOUR, [value for value in self.values for _ in range(slot // HOUR)]
        found: dict[int, list[float]] = {}
        for index, value in enumerate(self.values):
            if value is not None:
                found.setdefault((first + slot * index) // HOUR, []).append(value)
        if not found:
            return first // HOUR, []
        hours = range(min(found), max(found) + 1)
        return hours[0], [sum(found[h]) / len(found[h]) if h in found else None for h in hours]

    def before(self, instant: datetime) -> Stretch:
        """Return the slots that have ended at ``instant``."""
        if self.end_at <= instant:
            return self
        count = max(0, (instant - self.start_at) // self.slot_length)
        return self.model_copy(update={"values": self.values[:count]})

    @classmethod
    def of(cls, series: IntensitySeries) -> Stretch:
        """Return a series in this form."""
        begin, slot = series.slots[0].start_at if series.slots else EPOCH, series.slot_length
        known = {(start - begin) // slot: value for start, value, _ in series.slots}
        values = tuple(known.get(index) for index in range(max(known, default=-1) + 1))
        return cls(start_at=begin, slot_length=slot, values=values)

    def slots(self) -> Iterable[Slot]:
        """Return the known slots with their times."""
        slot, begin = self.slot_length, self.start_at
        return (Slot(begin + slot * i, value) for i, value in enumerate(self.values) if value is not None)


class IssuedForecast(Stretch):
    """A forecast exactly as it was received; never one that was fetched afterwards, which knows more.

    :param issued_at: when it was made, or first received.
    """

    issued_at: UtcDatetime

    @classmethod
    def received(cls, series: IntensitySeries) -> IssuedForecast:
        """Return a source's forecast in this form.

        :raises ValueError: nobody knows when it was issued.
        """
        if series.issued_at is None:
            raise ValueError("A forecast without the time of its issue cannot be learned from.")
        return cls(**Stretch.of(series).model_dump(), issued_at=series.issued_at)


class ReadingsLog(Frozen):
    """What is known of one zone, from one source, of one signal: a change of any of them begins a new log.

    Load it from a midnight (UTC) on: the curve is learned once a day, and logs that say the same about all days
    before today share what was learned.

    :param measured: up to 60 days are worth keeping.
    :param issues: in order of their issue; up to 40 days are worth keeping.
    """

    zone: str
    source: str
    signal: Signal = Signal()
    measured: Stretch
    issues: tuple[IssuedForecast, ...] = ()

    @model_validator(mode="after")
    def _issues_in_order(self) -> ReadingsLog:
        issued = [issue.issued_at for issue in self.issues]
        if issued != sorted(issued):
            raise ValueError("The issues of a log are in order of their time.")
        return self

    def before(self, instant: datetime) -> ReadingsLog:
        """Return what the log said at ``instant``."""
        count = bisect_right(self.issues, instant, key=attrgetter("issued_at"))
        return self.model_copy(update={"measured": self.measured.before(instant), "issues": self.issues[:count]})

    def fits(self, series: IntensitySeries | None) -> bool:
        """Whether a series is of the same zone, source and signal; nothing always is."""
        mine = (self.zone, self.source, self.signal)
        return series is None or mine == (series.zone, series.source, series.signal)

    def __hash__(self) -> int:
        # Cheap, since logs are looked up by value: thousands of values are compared only when all this is equal.
        last = self.issues[-1].issued_at if self.issues else None
        return hash((self.zone, self.source, self.measured.start_at, len(self.measured.values), last))


def midnight(instant: datetime) -> datetime:
    """Return the begin of the UTC day."""
    return datetime.combine(instant.astimezone(UTC).date(), datetime.min.time(), tzinfo=UTC)
