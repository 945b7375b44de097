"""What every source's answer is checked for, whatever its shape: time, order, freshness.

Values of another time, from the future or too old are no data, and what is refused has a name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from airflow_provider_hypercarbon.carbon.intensity import CarbonIntensity, IntensitySeries, Slot, Synthetic
from airflow_provider_hypercarbon.exceptions import BadDataError, NoDataError
from airflow_provider_hypercarbon.sources.rows import Question, bad_time, begin_of_slot

#: An older "newest" value says nothing about the present.
MAX_LATEST_AGE = timedelta(hours=6)
MAX_FORECAST_AGE = timedelta(hours=48)
#: How far a clock, theirs or ours, may be wrong.
MAX_CLOCK_ERROR = timedelta(hours=2)

Interval = tuple[datetime, datetime]


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


def touching(slots: Iterable[Slot], length: timedelta, interval: Interval) -> list[Slot]:
    """Return the slots that have some of their time in an interval."""
    begin, end = interval
    return [slot for slot in slots if slot.start_at < end and slot.start_at + length > begin]


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
