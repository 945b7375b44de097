"""What is kept of a source's answers: the last good one, and why there is nothing newer."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_hypercarbon.carbon.instants import clock_time
from airflow_provider_hypercarbon.carbon.intensity import Frozen, IntensitySeries, Slot, UtcDatetime
from airflow_provider_hypercarbon.exceptions import (
    AccessDeniedError,
    AuthenticationError,
    BadAnswerError,
    BadDataError,
    ConfigurationError,
    HyperCarbonError,
    NoDataError,
    NotFoundError,
    RateLimitedError,
    RemoteError,
    RequestRefusedError,
    UnavailableError,
    UnknownZoneError,
)

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
#: How long a failure is remembered at first, and at the most; it doubles as long as nothing else comes.
_PATIENCE: dict[type[HyperCarbonError], tuple[timedelta, timedelta]] = {
    UnavailableError: (_MINUTE, 15 * _MINUTE),
    BadAnswerError: (2 * _MINUTE, 15 * _MINUTE),
    BadDataError: (5 * _MINUTE, 30 * _MINUTE),
    NoDataError: (5 * _MINUTE, 30 * _MINUTE),
    RateLimitedError: (2 * _MINUTE, 60 * _MINUTE),
    AuthenticationError: (5 * _MINUTE, 60 * _MINUTE),
    # A limit on requests was once seen as this refusal, so the first one is not believed for long.
    AccessDeniedError: (_HOUR, 24 * _HOUR),
    NotFoundError: (15 * _MINUTE, 60 * _MINUTE),
    RequestRefusedError: (15 * _MINUTE, 60 * _MINUTE),
    UnknownZoneError: (_HOUR, 24 * _HOUR),
    ConfigurationError: (15 * _MINUTE, 60 * _MINUTE),
}
_KINDS = {kind.__name__: kind for kind in _PATIENCE}
_DOWN = (UnavailableError, BadAnswerError, RateLimitedError, AuthenticationError)


class Failure(Frozen):
    """A failed ask, and until when nobody asks again.

    :param kind: name of the error's class.
    :param until: asking again before is no use, or not wanted.
    :param count: failures in a row.
    """

    kind: str
    message: str
    status: int | None = None
    problem: str | None = None
    asked_at: UtcDatetime
    until: UtcDatetime
    count: int = 1

    @classmethod
    def of(cls, error: HyperCarbonError, before: Failure | None, *, now: datetime) -> Failure:
        """Return what to remember of an error; the longer the more of them came in a row."""
        kind = next((kind for kind in type(error).__mro__ if kind in _PATIENCE), UnavailableError)
        goes_on = before is not None and (
            before.kind == kind.__name__ or (before.is_down and issubclass(kind, _DOWN))
        )
        count = 1 + (before.count if before is not None and goes_on else 0)
        first, longest = _PATIENCE[kind]
        wait = min(first * 2 ** min(count - 1, 10), longest)
        asked_off = getattr(error, "retry_after", None)
        return cls(
            kind=kind.__name__,
            message=str(error),
            status=getattr(error, "status", None),
            problem=getattr(error, "problem", None),
            asked_at=now,
            until=now + (timedelta(seconds=asked_off) if asked_off else wait),
            count=count,
        )

    def error(self, *, now: datetime) -> HyperCarbonError:
        """Return the error again, for somebody who did not ask because of it."""
        again = f" (from {clock_time(self.asked_at, now=now)}; asked again from {clock_time(self.until, now=now)} on)"
        text = self.message + again
        kind = self._class
        if issubclass(kind, RateLimitedError):
            return kind(text, retry_after=max(0.0, (self.until - now).total_seconds()))
        if issubclass(kind, BadDataError):
            return kind(text, problem=self.problem or "unknown")
        return kind(text, status=self.status) if issubclass(kind, RemoteError) else kind(text)

    @property
    def is_down(self) -> bool:
        """Whether the source as a whole is down, or does not want us; not only this question."""
        return issubclass(self._class, _DOWN)

    @property
    def is_unwanted(self) -> bool:
        """Whether it asked us to stay away, or refused the credential: once is enough."""
        return issubclass(self._class, RateLimitedError | AuthenticationError)

    @property
    def is_refusal(self) -> bool:
        """Whether asking again soon cannot change it."""
        return issubclass(self._class, RequestRefusedError | AccessDeniedError | ConfigurationError)

    @property
    def is_denial(self) -> bool:
        """Whether the plan does not include what was asked for."""
        return issubclass(self._class, AccessDeniedError)

    @property
    def _class(self) -> type[HyperCarbonError]:
        return _KINDS.get(self.kind, UnavailableError)


class KeptSeries(Frozen):
    """A series, small enough for a column.

    :param about: the series without its slots.
    :param estimation_method: of the newest slot.
    :param slots: seconds from the first slot, gCO2eq/kWh, and whether it is estimated.
    """

    about: IntensitySeries
    start_at: UtcDatetime
    slots: tuple[tuple[float, float, bool | None], ...]
    estimation_method: str | None = None

    @classmethod
    def of(cls, series: IntensitySeries) -> KeptSeries:
        start = series.slots[0].start_at
        return cls(
            about=series.model_copy(update={"slots": (), "problems": ()}),
            start_at=start,
            slots=tuple(((slot.start_at - start).total_seconds(), *slot[1:]) for slot in series.slots),
            estimation_method=series.estimation_method,
        )

    def series(self) -> IntensitySeries:
        slots = (
            Slot(self.start_at + timedelta(seconds=after), value, estimated) for after, value, estimated in self.slots
        )
        return self.about.model_copy(update={"slots": tuple(slots), "estimation_method": self.estimation_method})


class Kept(Frozen):
    """The state of one question.

    :param answer: the last good answer.
    :param asked_at: when that was asked for.
    :param valid_until: when the source is expected to have something newer.
    :param since: the earliest time that was asked about, whether or not the source reaches so far.
    :param until: the latest.
    :param reach_at: when all the way back to ``since`` was last asked for; of a forecast, when a longer one was last
        refused.
    :param most_days: of a forecast that the plan includes, where a longer one was refused.
    :param failure: why there is nothing newer; None after a good answer.
    """

    answer: KeptSeries | None = None
    asked_at: UtcDatetime | None = None
    valid_until: UtcDatetime | None = None
    since: UtcDatetime | None = None
    until: UtcDatetime | None = None
    reach_at: UtcDatetime | None = None
    most_days: int | None = None
    failure: Failure | None = None

    def is_fresh(self, now: datetime) -> bool:
        """Whether the source is not expected to have anything newer.

        Clocks of two hosts differ, and a wait for one's turn takes time: an answer from a little later is a good one.
        """
        if self.answer is None or self.asked_at is None or self.valid_until is None:
            return False
        return self.asked_at - _HOUR < now < self.valid_until


def joined(old: IntensitySeries | None, new: IntensitySeries, *, since: datetime) -> IntensitySeries:
    """Put newly measured slots over earlier ones of the same series; the newer word counts."""
    if old is None or _signature(old) != _signature(new):
        return new
    slots = {slot.start_at: slot for slot in (*old.slots, *new.slots) if slot.start_at >= since}
    return new.model_copy(update={"slots": tuple(slots[start] for start in sorted(slots))})


def _signature(series: IntensitySeries) -> tuple[object, ...]:
    return (series.zone, series.source, series.signal, series.slot_length, series.synthetic)
