"""Reading whole answers of Electricity Maps: the newest value, a history, a forecast, the list of zones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

from airflow_provider_hypercarbon.carbon.intensity import CarbonIntensity, IntensitySeries, Slot, Synthetic
from airflow_provider_hypercarbon.carbon.zones import Zone, catalogue, is_cloud_region
from airflow_provider_hypercarbon.exceptions import BadAnswerError, BadDataError, NoDataError
from airflow_provider_hypercarbon.sources.answers import Interval, forecast_series, measured_series, newest_value
from airflow_provider_hypercarbon.sources.rows import Question, read_instant, read_slots, slot_of

_HOUR = timedelta(hours=1)
_SLOT_LENGTHS = {"5_minutes": _HOUR / 12, "15_minutes": _HOUR / 4, "hourly": _HOUR}
_KEY = re.compile(r"[A-Z]{2}(-[A-Z0-9]+)*")

Fields = Mapping[str, object]


def read_latest(answer: object, question: Question) -> CarbonIntensity:
    """Read the newest value.

    :raises BadDataError: it is of another zone, old, from the future, or no intensity.
    """
    fields, question = _read_fields(answer, question)
    return newest_value(
        _read_row(fields, question),
        _said_length(fields) or _HOUR,
        question,
        updated_at=_last_update([fields], question),
        estimation_method=_method(fields),
        synthetic=_synthetic([fields]),
    )


def read_history(answer: object, question: Question, wanted: Interval, *, within: Interval) -> IntensitySeries:
    """Read measured slots, and keep those that touch ``wanted``.

    :param within: what the provider was asked for; an answer from elsewhere is refused.
    :raises BadDataError: not one usable value, or values of another time or zone.
    :raises NoDataError: good values, but none of them in ``wanted``.
    """
    fields, question = _read_fields(answer, question)
    rows = _read_rows(fields, question)
    slots, length = read_slots(
        rows, partial(_read_row, question=question), question, said_length=_said_length(fields)
    )
    parts = [fields, *rows]
    series = measured_series(
        slots,
        length,
        question,
        wanted,
        within=within,
        updated_at=_last_update(parts, question),
        synthetic=_synthetic(parts),
    )
    return series.model_copy(update={"estimation_method": _method_at(series.slots[-1].start_at, rows, question)})


def read_forecast(answer: object, question: Question, until: datetime) -> IntensitySeries:
    """Read a forecast, and keep the slots from the running one to the one that holds ``until``.

    :raises BadDataError: not one usable value, of another time or zone, made too long ago, or over already.
    """
    fields, question = _read_fields(answer, question)
    rows = _read_rows(fields, question)
    slots, length = read_slots(
        rows, partial(_read_row, question=question), question, said_length=_said_length(fields)
    )
    issued_at = None if fields.get("updatedAt") is None else read_instant(fields["updatedAt"], question)
    return forecast_series(slots, length, question, until, issued_at=issued_at, synthetic=_synthetic([fields, *rows]))


def read_zones(answer: object) -> tuple[Zone, ...]:
    """Read the zones that the token may ask about; those of the catalogue come as they stand there."""
    zones: list[Zone] = []
    for key, fields in _zone_entries(answer):
        if not _access(fields) and "access" in fields:
            continue
        known = [entry for entry in catalogue() if entry.key == key]
        zones += known or [_zone(key, fields)]
    return tuple(zones)


def read_access(answer: object, zone: str) -> frozenset[str] | None:
    """Read what the token may ask about a zone; None when the zone is not listed."""
    return next((_access(fields) for key, fields in _zone_entries(answer) if key == zone), None)


def _read_fields(answer: object, question: Question) -> tuple[Fields, Question]:
    """Return an answer's fields when it is about what was asked, and the question with the answer's zone.

    :raises BadDataError: it is of another zone or counts other emissions.
    :raises NoDataError: it says that there are none.
    """
    if not isinstance(answer, Mapping):
        raise BadAnswerError("Electricity Maps did not answer with an object. It may work later.")
    if answer.get("status") == "no-data":
        raise NoDataError(f"Electricity Maps has no data for {question.zone}.")
    if "zone" not in answer:
        raise BadDataError(f"The answer for {question.zone} does not say its zone.", problem="wrong_zone")
    zone = answer["zone"]
    if is_cloud_region(question.zone) and isinstance(zone, str) and _KEY.fullmatch(zone):
        question = question._replace(zone=zone)  # which zone a region lies in is the provider's to say
    _refuse_other(answer, question)
    return answer, question


def _read_rows(fields: Fields, question: Question) -> list[Fields]:
    """Return the rows of a series; the API's versions call the list differently.

    :raises BadDataError: there is none.
    """
    rows = next((fields[key] for key in ("forecast", "history", "data") if key in fields), None)
    if not isinstance(rows, list):
        raise BadAnswerError(f"Electricity Maps answered without rows for {question.zone}. It may work later.")
    return [row if isinstance(row, Mapping) else {} for row in rows]


def _read_row(row: Fields, question: Question) -> Slot:
    """Return the value of one row, with its time in UTC as the row gives it.

    :raises BadDataError: with the problem's name.
    """
    start = read_instant(row.get("datetime"), question)
    _refuse_other(row, question)
    estimated = row.get("isEstimated")
    if not isinstance(estimated, bool):
        estimated = True if row.get("estimationMethod") else None
    return slot_of(start, row.get("carbonIntensity"), question, estimated)


def _method_at(start: datetime, rows: list[Fields], question: Question) -> str | None:
    """Return how the value of one time was estimated, where its row says so."""
    for row in reversed(rows):
        with suppress(BadDataError):
            if read_instant(row.get("datetime"), question) == start:
                return _method(row)
    return None


def _method(fields: Fields) -> str | None:
    method = fields.get("estimationMethod")
    return method if isinstance(method, str) else None


def _said_length(fields: Fields) -> timedelta | None:
    """Return the granularity as said; hourly when nothing is, None when the word is unknown."""
    said = fields.get("temporalGranularity", "hourly")
    return _SLOT_LENGTHS.get(said) if isinstance(said, str) else None


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


def _synthetic(parts: Iterable[Fields]) -> Synthetic | None:
    """Recognise the made-up values that a sandbox token is given."""
    for fields in parts:
        disclaimer = str(fields.get("_disclaimer", "")).upper()
        if fields.get("estimationMethod") == "SANDBOX_MODE_DATA" or "SANDBOX" in disclaimer:
            return "sandbox"
    return None


def _last_update(parts: Iterable[Fields], question: Question) -> datetime | None:
    """Return the newest readable time of an update; nothing is decided with it."""
    updates = []
    for fields in parts:
        if fields.get("updatedAt") is not None:
            with suppress(BadDataError):
                updates.append(read_instant(fields["updatedAt"], question))
    return max(updates, default=None)


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
