"""NESO's Carbon Intensity API: Great Britain and its regions, without a key."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_hypercarbon._http import JsonHttp
from airflow_provider_hypercarbon.carbon.instants import as_utc
from airflow_provider_hypercarbon.carbon.intensity import CarbonIntensity, IntensitySeries, Signal, Slot
from airflow_provider_hypercarbon.carbon.zones import Zone, catalogue, zone_key
from airflow_provider_hypercarbon.exceptions import BadAnswerError, BadDataError, UnknownZoneError
from airflow_provider_hypercarbon.sources.answers import forecast_series, measured_series, newest_of
from airflow_provider_hypercarbon.sources.rows import Question, begin_of_slot, read_instant, read_slots, slot_of
from airflow_provider_hypercarbon.sources.spans import TOTAL_SECONDS, in_parts, minute

if TYPE_CHECKING:
    import httpx

HOST = "https://api.carbonintensity.org.uk"
SERVICE = "NESO"
_HALF_HOUR = timedelta(minutes=30)
#: One answer has two weeks; both ends are widened to full half hours.
_LONGEST_PAST = timedelta(days=13)
#: Within this the newest half hour with a measured value lies.
_RECENT = timedelta(hours=6)
#: Measured values are revised for at least a day.
_SETTLED = timedelta(hours=24)
_REGION = "GB-NESO-"


class NesoSource:
    """Average intensity of combustion in Great Britain (``GB``) and in NESO's 17 regions (``GB-NESO-1`` to ``-17``).

    The factors count the carbon dioxide of burning alone, so the figures are lower than life-cycle ones and are not
    compared with them. A forecast reaches 48 hours, in half hours. Of regions there are forecasts only, kept as the
    past as well; their values are marked as estimates.

    :param base_url: scheme and host, when not NESO's own.
    :param transport: stands in for the network in tests.
    :param sleep: stands in for the pause between tries in tests.
    """

    name = "neso"

    def __init__(
        self,
        *,
        base_url: str | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = JsonHttp(
            base_url or HOST, service=SERVICE, total_seconds=TOTAL_SECONDS, transport=transport, sleep=sleep
        )

    def latest(self, zone: str, *, now: datetime) -> CarbonIntensity:
        """Return the newest half hour with a value."""
        question = _question(zone, now)
        slots = self._past(question, question.now - _RECENT, question.now)
        return newest_of(slots, _HALF_HOUR, question)

    def history(self, zone: str, start: datetime, end: datetime, *, now: datetime) -> IntensitySeries:
        """Return the half hours that touch ``[start, end)``; one request for two weeks."""
        question = _question(zone, now)
        ask, until = partial(self._series, question), question.now + _HALF_HOUR
        return in_parts(ask, start, end, longest=_LONGEST_PAST, until=until)

    def forecast(self, zone: str, until: datetime, *, now: datetime) -> IntensitySeries:
        """Return the forecast from the running half hour to the one that holds ``until``, at most 48 hours ahead."""
        question = _question(zone, now)
        rows = self._rows(question, f"{minute(begin_of_slot(question.now, _HALF_HOUR))}/fw48h")
        slots, length = read_slots(rows, partial(_read_expected, question=question), question, said_length=_HALF_HOUR)
        return forecast_series(slots, length, question, as_utc(until))

    def zones(self) -> tuple[Zone, ...]:
        """Return Great Britain and its regions."""
        return tuple(zone for zone in catalogue() if _knows(zone.key))

    def _series(self, question: Question, start: datetime, end: datetime) -> IntensitySeries:
        slots = self._past(question, start, end)
        return measured_series(slots, _HALF_HOUR, question, (start, end))

    def _past(self, question: Question, start: datetime, end: datetime) -> list[Slot]:
        rows = self._rows(question, f"{minute(start)}/{minute(end + _HALF_HOUR)}")
        read = _read_regional if _region(question.zone) else _read_actual
        return read_slots(rows, partial(read, question=question), question, said_length=_HALF_HOUR)[0]

    def _rows(self, question: Question, span: str) -> list[object]:
        """Ask for a span and return its rows, when the answer is of the zone that was asked for."""
        region = _region(question.zone)
        if not region:
            return _list(self._http.get(f"/intensity/{span}"), question)
        answer = self._http.get(f"/regional/intensity/{span}/regionid/{region}")
        part = answer.get("data") if isinstance(answer, Mapping) else None
        if isinstance(part, list) and len(part) == 1:  # one endpoint answers with a list of one
            part = part[0]
        if not isinstance(part, Mapping):
            raise _no_rows(question)
        if part.get("regionid") != int(region):
            raise BadDataError(
                f"{question.zone} was asked for, the answer is of another zone: {str(part.get('regionid'))[:40]!r}.",
                problem="wrong_zone",
            )
        return _list(part, question)


def _question(zone: str, now: datetime) -> Question:
    key = zone_key(zone)
    if not _knows(key):
        raise UnknownZoneError(f"NESO knows Great Britain (GB) and its regions (GB-NESO-1 to -17), not {key}.")
    return Question(key, Signal(kind="average", factors="operational"), NesoSource.name, as_utc(now), SERVICE)


def _knows(key: str) -> bool:
    return key == "GB" or _region(key) in {str(number) for number in range(1, 18)}


def _region(key: str) -> str:
    return key.removeprefix(_REGION) if key.startswith(_REGION) else ""


def _list(answer: object, question: Question) -> list[object]:
    rows = answer.get("data") if isinstance(answer, Mapping) else None
    if not isinstance(rows, list):
        raise _no_rows(question)
    return rows


def _no_rows(question: Question) -> BadAnswerError:
    return BadAnswerError(f"NESO answered without rows for {question.zone}. It may work later.")


def _read_actual(row: object, question: Question) -> Slot:
    start, intensity = _read_row(row, question)
    settled = question.now - start > _SETTLED
    return slot_of(start, intensity.get("actual"), question, False if settled else None)


def _read_regional(row: object, question: Question) -> Slot:
    """Read a past value of a region, which is what was expected then: an estimate."""
    return slot_of(*_expected(row, question), question, True)


def _read_expected(row: object, question: Question) -> Slot:
    return slot_of(*_expected(row, question), question)


def _expected(row: object, question: Question) -> tuple[datetime, object]:
    start, intensity = _read_row(row, question)
    return start, intensity.get("forecast")


def _read_row(row: object, question: Question) -> tuple[datetime, Mapping[str, object]]:
    fields = row if isinstance(row, Mapping) else {}
    intensity = fields.get("intensity")
    return read_instant(fields.get("from"), question), intensity if isinstance(intensity, Mapping) else {}
