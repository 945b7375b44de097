"""What every source's answer is checked for, whatever its shape: time, order, freshness, plausible values.

A value that cannot be used is a gap; an answer without a usable value is refused, and what is refused has a name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple, TypeVar

from airflow_provider_hypercarbon.carbon.instants import parse_instant
from airflow_provider_hypercarbon.carbon.intensity import (
    CarbonIntensity,
    IntensitySeries,
    Signal,
    Slot,
    Synthetic,
    checked_intensity,
)
from airflow_provider_hypercarbon.carbon.plausibility import without_spikes
from airflow_provider_hypercarbon.exceptions import AccessDeniedError, BadDataError, NoDataError, RequestRefusedError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)
#: Two values that are closer than this are two values for one time.
_SHORTEST_SLOT = timedelta(minutes=1)
#: Nothing that we ask for is farther away.
FARTHEST = timedelta(days=500)
#: An older "newest" value says nothing about the present.
MAX_LATEST_AGE = timedelta(hours=6)
MAX_FORECAST_AGE = timedelta(hours=48)
#: How far a clock, theirs or ours, may be wrong.
MAX_CLOCK_ERROR = timedelta(hours=2)
#: Nobody looks back farther than a year, and each part is a request.
_MOST_PARTS = 45

Interval = tuple[datetime, datetime]
Row = TypeVar("Row")


class Question(NamedTuple):
    """What was asked, to compare the answer with.

    :param source: the source's name in records.
    :param service: its name as people know it.
    :param refuse_estimated: values that the source marks as estimates are not wanted.
    """

    zone: str
    signal: Signal
    source: str
    now: datetime
    service: str
    refuse_estimated: bool = False


def read_instant(said: object, question: Question) -> datetime:
    """Return an instant written as ISO 8601 with an offset.

    :raises BadDataError: it is unreadable, naive, or farther away than anything that is asked for.
    """
    if said is None:
        raise bad_time(question, "a value has none")
    try:
        return _near(parse_instant(said), question)
    except ValueError as error:
        raise bad_time(question, str(error)[:120]) from error


def read_unix_seconds(said: object, question: Question) -> datetime:
    """Return an instant given in whole seconds since 1970.

    :raises BadDataError: it is not, or is farther away than anything that is asked for.
    """
    if isinstance(said, bool) or not isinstance(said, int):
        raise bad_time(
            question, "a value has none" if said is None else f"{str(said)[:40]!r} is no number of seconds"
        )
    try:
        return _near(_EPOCH + timedelta(seconds=said), question)
    except OverflowError as error:
        raise bad_time(question, f"{str(said)[:40]} seconds after 1970 is far away") from error


def slot_of(start: datetime, value: object, question: Question, estimated: bool | None = None) -> Slot:
    """Return a slot, when its value can be one.

    :raises BadDataError: with the problem's name.
    """
    checked = checked_intensity(value, zone=question.zone, signal=question.signal)
    if estimated and question.refuse_estimated:
        raise BadDataError(
            f"The intensity of {question.zone} is an estimate, which the connection refuses.", problem="estimated"
        )
    return Slot(start, checked, estimated)


def read_slots(
    rows: Iterable[Row], read: Callable[[Row], Slot], question: Question, *, said_length: timedelta | None = _HOUR
) -> tuple[list[Slot], timedelta]:
    """Return the usable slots in order of time, and their length. A row that cannot be used is a gap.

    :param read: returns the slot of a row, or refuses it.
    :param said_length: what the source calls the length; None when it does not say.
    :raises BadDataError: two values for one time; or no row can be used, with what is wrong with the first.
    """
    slots: list[Slot] = []
    refused: list[BadDataError] = []
    for row in rows:
        try:
            slots.append(read(row))
        except BadDataError as error:
            refused.append(error)
    if not slots and not refused:
        raise BadDataError(f"{question.service} answered with no value for {question.zone}.", problem="empty")
    slots.sort(key=lambda slot: slot.start_at)
    gaps = [later.start_at - earlier.start_at for earlier, later in pairwise(slots)]
    if gaps and min(gaps) < _SHORTEST_SLOT:
        raise bad_time(question, "there are two values for one time")
    length = shortest(gaps, said_length)
    in_step = [slot for slot in slots if slot.start_at == begin_of_slot(slot.start_at, length)]
    if not in_step:
        raise refused[0] if refused else bad_time(question, "no value begins with an hour or its part")
    return without_spikes(in_step, length), length


def shortest(gaps: Sequence[timedelta], said: timedelta | None) -> timedelta:
    """Return the length of slots: as said, and never longer than from one row to the next."""
    return min([*gaps, said] if said else gaps, default=_HOUR)


def newest_value(
    slot: Slot,
    length: timedelta,
    question: Question,
    *,
    updated_at: datetime | None = None,
    estimation_method: str | None = None,
    synthetic: Synthetic | None = None,
) -> CarbonIntensity:
    """Return the newest value with its provenance.

    :raises BadDataError: it is old, or from the future.
    """
    if slot.start_at - question.now > MAX_CLOCK_ERROR:
        raise bad_time(question, f"the newest value is from the future, {slot.start_at.isoformat()}")
    if question.now - slot.start_at > MAX_LATEST_AGE:
        raise BadDataError(
            f"The newest value for {question.zone} is from {slot.start_at.isoformat()}, too old to tell the present.",
            problem="stale",
        )
    start = begin_of_slot(slot.start_at, length)
    return CarbonIntensity(
        zone=question.zone,
        start_at=start,
        end_at=start + length,
        gco2eq_per_kwh=slot.gco2eq_per_kwh,
        source=question.source,
        signal=question.signal,
        estimated=slot.estimated,
        estimation_method=estimation_method,
        updated_at=updated_at,
        synthetic=synthetic,
    )


def newest_of(slots: Sequence[Slot], length: timedelta, question: Question) -> CarbonIntensity:
    """Return the newest of measured slots that has begun.

    :raises BadDataError: it is old; or none has begun.
    """
    begun = [slot for slot in slots if slot.start_at <= question.now]
    return newest_value((begun or list(slots))[-1], length, question)


def measured_series(
    slots: Sequence[Slot],
    length: timedelta,
    question: Question,
    wanted: Interval,
    *,
    within: Interval | None = None,
    updated_at: datetime | None = None,
    synthetic: Synthetic | None = None,
) -> IntensitySeries:
    """Return the measured slots that touch ``wanted``.

    :param within: what the source was asked for, when that is not ``wanted``; an answer from elsewhere is refused.
    :raises BadDataError: values of another time.
    :raises NoDataError: good values, but none of them in ``wanted``.
    """
    asked = within or wanted
    if not touching(slots, length, (asked[0] - MAX_CLOCK_ERROR, asked[1] + MAX_CLOCK_ERROR)):
        raise bad_time(question, f"{slots[0].start_at.isoformat()} was not asked for")
    measured = [slot for slot in touching(slots, length, wanted) if slot.start_at <= question.now]
    if not measured:
        raise NoDataError(f"{question.service} has no values for {question.zone} at the time asked for, or not yet.")
    return _series(measured, length, question, updated_at, synthetic)


def forecast_series(
    slots: Sequence[Slot],
    length: timedelta,
    question: Question,
    until: datetime,
    *,
    issued_at: datetime | None = None,
    synthetic: Synthetic | None = None,
) -> IntensitySeries:
    """Return the slots of a forecast from the running one to the one that holds ``until``.

    :raises BadDataError: it was made too long ago, is over already, or of another time.
    """
    if issued_at is not None and question.now - issued_at > MAX_FORECAST_AGE:
        raise BadDataError(
            f"The forecast for {question.zone} was made at {issued_at.isoformat()}, too long ago.", problem="stale"
        )
    end = slots[-1].start_at + length
    if end <= question.now:
        raise BadDataError(f"The forecast for {question.zone} was over at {end.isoformat()}.", problem="stale")
    running = begin_of_slot(question.now, length)
    kept = touching(slots, length, (running, max(until, question.now) + timedelta.resolution))
    if not kept:
        raise bad_time(question, f"a forecast from {slots[0].start_at.isoformat()} on was not asked for")
    return _series(kept, length, question, issued_at, synthetic)


def begin_of_slot(instant: datetime, length: timedelta) -> datetime:
    """Return when the slot that holds ``instant`` begins; slots are counted from 1970, as the core does."""
    return _EPOCH + ((instant - _EPOCH) // length) * length


def touching(slots: Iterable[Slot], length: timedelta, interval: Interval) -> list[Slot]:
    """Return the slots that have some of their time in an interval."""
    begin, end = interval
    return [slot for slot in slots if slot.start_at < end and slot.start_at + length > begin]


def in_parts(start: datetime, end: datetime, longest: timedelta) -> list[Interval]:
    """Cut an interval into parts that one request may ask for, the newest first; a year or so of them at most.

    :raises NoDataError: it is empty, as it is after it was cut off at the present.
    """
    if start >= end:
        raise NoDataError(f"{start.isoformat()} is in the future, where nothing is measured.")
    parts: list[Interval] = []
    while end > start and len(parts) < _MOST_PARTS:
        parts.append((max(start, end - longest), end))
        end -= longest
    return parts


def joined(parts: Iterable[Callable[[], IntensitySeries]]) -> IntensitySeries:
    """Return one series from parts that are asked for one after the other, the newest first.

    The oldest parts may be missing, as a source does not reach back for ever.

    :raises HyperCarbonError: the newest part cannot be had.
    """
    found: list[IntensitySeries] = []
    for ask in parts:
        try:
            found.append(ask())
        except (NoDataError, AccessDeniedError, RequestRefusedError):
            if not found:
                raise
            break
    slots = {slot.start_at: slot for series in reversed(found) for slot in series.slots}
    return found[0].model_copy(update={"slots": tuple(slots[start] for start in sorted(slots))})


def bad_time(question: Question, what: str) -> BadDataError:
    """Return the error for a time that is not as it should be."""
    return BadDataError(f"A time in the answer for {question.zone} is wrong: {what.rstrip('.')}.", problem="time")


def _near(instant: datetime, question: Question) -> datetime:
    if abs(instant - question.now) > FARTHEST:
        raise bad_time(question, f"{instant.isoformat()} is far away")
    return instant


def _series(
    slots: Sequence[Slot],
    length: timedelta,
    question: Question,
    issued_at: datetime | None,
    synthetic: Synthetic | None,
) -> IntensitySeries:
    return IntensitySeries(
        zone=question.zone,
        source=question.source,
        slots=tuple(slots),
        slot_length=length,
        signal=question.signal,
        issued_at=issued_at,
        synthetic=synthetic,
    )
