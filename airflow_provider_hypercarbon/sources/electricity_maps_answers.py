"""Reading whole answers of Electricity Maps: the newest value, a history, a forecast, the list of zones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from airflow_provider_hypercarbon.carbon.intensity import CarbonIntensity, IntensitySeries, Slot
from airflow_provider_hypercarbon.carbon.zones import ZONES, Zone
from airflow_provider_hypercarbon.exceptions import BadAnswerError, BadDataError, NoDataError
from airflow_provider_hypercarbon.sources.electricity_maps_rows import (
    Fields,
    Interval,
    Question,
    bad_time,
    begin_of_slot,
    read_fields,
    read_instant,
    read_rows,
    read_slot,
    read_slots,
    slot_length,
    synthetic,
    touching,
)

#: An older "newest" value says nothing about the present.
MAX_LATEST_AGE = timedelta(hours=6)
MAX_FORECAST_AGE = timedelta(hours=48)
#: How far a clock, theirs or ours, may be wrong.
MAX_CLOCK_ERROR = timedelta(hours=2)
_KEY = re.compile(r"[A-Z]{2}(-[A-Z0-9]+)*")


def read_latest(answer: object, question: Question) -> CarbonIntensity:
    """Read the newest value.

    :raises BadDataError: it is of another zone, old, from the future, or no intensity.
    """
    fields = read_fields(answer, question)
    slot = read_slot(fields, question)
    if slot.start_at - question.now > MAX_CLOCK_ERROR:
        raise bad_time(question, f"the newest value is from the future, {slot.start_at.isoformat()}")
    if question.now - slot.start_at > MAX_LATEST_AGE:
        raise BadDataError(
            f"The newest value for {question.zone} is from {slot.start_at.isoformat()}, too old to tell the present.",
            problem="stale",
        )
    length = slot_length(fields)
    start = begin_of_slot(slot.start_at, length)
    method = fields.get("estimationMethod")
    return CarbonIntensity(
        zone=question.zone,
        start_at=start,
        end_at=start + length,
        gco2eq_per_kwh=slot.gco2eq_per_kwh,
        source=question.source,
        signal=question.signal,
        estimated=slot.estimated,
        estimation_method=method if isinstance(method, str) else None,
        updated_at=_last_update([fields], question),
        synthetic=synthetic([fields]),
    )


def read_history(answer: object, question: Question, wanted: Interval, *, within: Interval) -> IntensitySeries:
    """Read measured slots, and keep those that touch ``wanted``.

    :param within: what the provider was asked for; an answer from elsewhere is refused.
    :raises BadDataError: not one usable value, or values of another time or zone.
    :raises NoDataError: good values, but none of them in ``wanted``.
    """
    fields = read_fields(answer, question)
    rows = read_rows(fields, question)
    slots, length = read_slots(fields, rows, question)
    if not touching(slots, length, (within[0] - MAX_CLOCK_ERROR, within[1] + MAX_CLOCK_ERROR)):
        raise bad_time(question, f"{slots[0].start_at.isoformat()} was not asked for")
    measured = [slot for slot in touching(slots, length, wanted) if slot.start_at <= question.now]
    if not measured:
        raise NoDataError(f"Electricity Maps has no values for {question.zone} at the time asked for, or not yet.")
    return _series(question, measured, length, _last_update([fields, *rows], question), [fields, *rows])


def read_forecast(answer: object, question: Question, until: datetime) -> IntensitySeries:
    """Read a forecast, and keep the slots from the running one to the one that holds ``until``.

    :raises BadDataError: not one usable value, of another time or zone, made too long ago, or over already.
    """
    fields = read_fields(answer, question)
    rows = read_rows(fields, question)
    slots, length = read_slots(fields, rows, question)
    issued_at = read_instant(fields, "updatedAt", question)
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
    return _series(question, kept, length, issued_at, [fields, *rows])


def read_zones(answer: object) -> tuple[Zone, ...]:
    """Read the zones that the token may ask about; those of the catalogue come as they stand there."""
    zones: list[Zone] = []
    for key, fields in _zone_entries(answer):
        if not _access(fields) and "access" in fields:
            continue
        known = [entry for entry in ZONES if entry.key == key]
        zones += known or [_zone(key, fields)]
    return tuple(zones)


def read_access(answer: object, zone: str) -> frozenset[str] | None:
    """Read what the token may ask about a zone; None when the zone is not listed."""
    return next((_access(fields) for key, fields in _zone_entries(answer) if key == zone), None)


def _zone_entries(answer: object) -> Iterator[tuple[str, Fields]]:
    """Go through the list of zones, which is keyed in one version and a plain list in another."""
    if isinstance(answer, Mapping):
        named = answer.get("zones", answer.get("data", answer))
        answer = named if isinstance(named, list) else list(named.items()) if isinstance(named, Mapping) else None
    if not isinstance(answer, list):
        raise BadAnswerError("Electricity Maps did not answer with zones. It may work later.")
    for entry in answer:
        key, fields = entry if isinstance(entry, tuple) else (None, entry)
        if isinstance(fields, Mapping):
            key = key or fields.get("zoneKey")
            if isinstance(key, str) and _KEY.fullmatch(key):
                yield key, fields


def _access(fields: Fields) -> frozenset[str]:
    access = fields.get("access")
    return frozenset(name for name in access if isinstance(name, str)) if isinstance(access, list) else frozenset()


def _zone(key: str, fields: Fields) -> Zone:
    name, country = (said if isinstance(said, str) else "" for said in map(fields.get, ("zoneName", "countryName")))
    return Zone(key=key, place=key.lower(), name=name or key, region=country, description=name or country or key)


def _series(
    question: Question, slots: Iterable[Slot], length: timedelta, issued_at: datetime | None, parts: Iterable[Fields]
) -> IntensitySeries:
    return IntensitySeries(
        zone=question.zone,
        source=question.source,
        slots=tuple(slots),
        slot_length=length,
        signal=question.signal,
        issued_at=issued_at,
        synthetic=synthetic(parts),
    )


def _last_update(parts: Iterable[Fields], question: Question) -> datetime | None:
    """Return the newest readable time of an update; nothing is decided with it."""
    updates = []
    for fields in parts:
        with suppress(BadDataError):
            updates.append(read_instant(fields, "updatedAt", question))
    return max((update for update in updates if update is not None), default=None)
