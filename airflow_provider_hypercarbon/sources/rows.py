"""Reading the rows of an answer, whatever its shape: one value and its time each, in order, none of them absurd.

A value that cannot be used is a gap; an answer without a usable value is refused, and what is refused has a name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple, TypeVar

from airflow_provider_hypercarbon.carbon.instants import parse_instant
from airflow_provider_hypercarbon.carbon.intensity import Signal, Slot, checked_intensity
from airflow_provider_hypercarbon.carbon.plausibility import without_spikes
from airflow_provider_hypercarbon.exceptions import BadDataError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)
#: Two values that are closer than this are two values for one time.
_SHORTEST_SLOT = timedelta(minutes=1)
#: Nothing that we ask for is farther away.
FARTHEST = timedelta(days=500)

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


def begin_of_slot(instant: datetime, length: timedelta) -> datetime:
    """Return when the slot that holds ``instant`` begins; slots are counted from 1970, as the core does."""
    return _EPOCH + ((instant - _EPOCH) // length) * length


def bad_time(question: Question, what: str) -> BadDataError:
    """Return the error for a time that is not as it should be."""
    return BadDataError(f"A time in the answer for {question.zone} is wrong: {what.rstrip('.')}.", problem="time")


def _near(instant: datetime, question: Question) -> datetime:
    if abs(instant - question.now) > FARTHEST:
        raise bad_time(question, f"{instant.isoformat()} is far away")
    return instant
