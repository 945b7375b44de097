"""Reading the rows of Electricity Maps' answers: every value is checked, and what is refused has a name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from airflow_provider_hypercarbon.carbon.instants import parse_instant
from airflow_provider_hypercarbon.carbon.intensity import Signal, Slot, Synthetic, checked_intensity
from airflow_provider_hypercarbon.exceptions import BadAnswerError, BadDataError, NoDataError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)
_SLOT_LENGTHS = {"5_minutes": _HOUR / 12, "15_minutes": _HOUR / 4, "hourly": _HOUR}
#: Two rows that are closer than this are two values for one time.
_SHORTEST_SLOT = timedelta(minutes=1)
#: Nothing that we ask for is farther away.
_FARTHEST = timedelta(days=500)

Interval = tuple[datetime, datetime]
Fields = Mapping[str, object]


class Question(NamedTuple):
    """What was asked, to compare the answer with."""

    zone: str
    signal: Signal
    source: str
    now: datetime


def read_fields(answer: object, question: Question) -> Fields:
    """Return an answer's fields when it is about what was asked.

    :raises BadDataError: it is of another zone or counts other emissions.
    :raises NoDataError: it says that there are none.
    """
    if not isinstance(answer, Mapping):
        raise BadAnswerError("Electricity Maps did not answer with an object. It may work later.")
    if answer.get("status") == "no-data":
        raise NoDataError(f"Electricity Maps has no data for {question.zone}.")
    if "zone" not in answer:
        raise BadDataError(f"The answer for {question.zone} does not say its zone.", problem="wrong_zone")
    _refuse_other(answer, question)
    return answer


def read_rows(fields: Fields, question: Question) -> list[Fields]:
    """Return the rows of a series; the API's versions call the list differently.

    :raises BadDataError: there is none.
    """
    rows = next((fields[key] for key in ("forecast", "history", "data") if key in fields), None)
    if not isinstance(rows, list):
        raise BadAnswerError(f"Electricity Maps answered without rows for {question.zone}. It may work later.")
    if not rows:
        raise BadDataError(f"Electricity Maps answered with no value for {question.zone}.", problem="empty")
    return [row if isinstance(row, Mapping) else {} for row in rows]


def read_slots(fields: Fields, rows: Iterable[Fields], question: Question) -> tuple[list[Slot], timedelta]:
    """Return the usable slots in order of time, and their length. A row that cannot be used is a gap.

    :raises BadDataError: two values for one time; or no row can be used, with what is wrong with the first.
    """
    slots: list[Slot] = []
    refused: list[BadDataError] = []
    for row in rows:
        try:
            slots.append(read_slot(row, question))
        except BadDataError as error:
            refused.append(error)
    slots.sort(key=lambda slot: slot.start_at)
    gaps = [later.start_at - earlier.start_at for earlier, later in pairwise(slots)]
    if gaps and min(gaps) < _SHORTEST_SLOT:
        raise bad_time(question, "there are two values for one time")
    length = slot_length(fields, gaps)
    in_step = [slot for slot in slots if slot.start_at == begin_of_slot(slot.start_at, length)]
    if not in_step:
        raise refused[0] if refused else bad_time(question, "no value begins with an hour or its part")
    return in_step, length


def read_slot(row: Fields, question: Question) -> Slot:
    """Return the value of one row, with its time in UTC as the row gives it.

    :raises BadDataError: with the problem's name.
    """
    start = read_instant(row, "datetime", question)
    if start is None or abs(start - question.now) > _FARTHEST:
        raise bad_time(question, "a value has none" if start is None else f"{start.isoformat()} is far away")
    _refuse_other(row, question)
    value = checked_intensity(row.get("carbonIntensity"), zone=question.zone, signal=question.signal)
    estimated = row.get("isEstimated")
    if not isinstance(estimated, bool):
        estimated = True if row.get("estimationMethod") else None
    return Slot(start, value, estimated)


def read_instant(fields: Fields, name: str, question: Question) -> datetime | None:
    """Return the instant of a field; None when there is none.

    :raises BadDataError: it is unreadable, or has no offset.
    """
    said = fields.get(name)
    if said is None:
        return None
    try:
        return parse_instant(said)
    except ValueError as error:
        raise bad_time(question, str(error)[:120]) from error


def slot_length(fields: Fields, gaps: Iterable[timedelta] = ()) -> timedelta:
    """Return the granularity: as said, else that of the rows; never longer than from one row to the next."""
    said = fields.get("temporalGranularity", "hourly")
    known = _SLOT_LENGTHS.get(said) if isinstance(said, str) else None
    return min([*gaps, known] if known else [*gaps], default=_HOUR)


def begin_of_slot(instant: datetime, length: timedelta) -> datetime:
    """Return when the slot that holds ``instant`` begins; slots are counted from 1970, as the core does."""
    return _EPOCH + ((instant - _EPOCH) // length) * length


def touching(slots: Iterable[Slot], length: timedelta, interval: Interval) -> list[Slot]:
    """Return the slots that have some of their time in an interval."""
    begin, end = interval
    return [slot for slot in slots if slot.start_at < end and slot.start_at + length > begin]


def synthetic(parts: Iterable[Fields]) -> Synthetic | None:
    """Recognise the made-up values that a sandbox token is given."""
    for fields in parts:
        disclaimer = str(fields.get("_disclaimer", "")).upper()
        if fields.get("estimationMethod") == "SANDBOX_MODE_DATA" or "SANDBOX" in disclaimer:
            return "sandbox"
    return None


def bad_time(question: Question, what: str) -> BadDataError:
    """Return the error for a time that is not as it should be."""
    return BadDataError(f"A time in the answer for {question.zone} is wrong: {what.rstrip('.')}.", problem="time")


def _refuse_other(fields: Fields, question: Question) -> None:
    """Refuse another zone, or other emission factors, than were asked for; words nobody knows are let pass."""
    if fields.get("zone", question.zone) != question.zone:
        raise BadDataError(
            f"{question.zone} was asked for, the answer is of another zone: {str(fields['zone'])[:40]!r}.",
            problem="wrong_zone",
        )
    factors = fields.get("emissionFactorType")
    if factors in ("lifecycle", "direct") and factors != question.signal.factors:
        raise BadDataError(
            f"{question.signal.factors} factors were asked for, the answer for {question.zone} counts {factors}.",
            problem="mixed_signal",
        )
