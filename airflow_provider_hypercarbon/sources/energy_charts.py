"""Energy-Charts of Fraunhofer ISE: countries of Europe, without a key."""

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
from airflow_provider_hypercarbon.exceptions import (
    BadAnswerError,
    NoDataError,
    NotFoundError,
    RequestRefusedError,
    UnknownZoneError,
)
from airflow_provider_hypercarbon.sources.answers import forecast_series, measured_series, newest_of
from airflow_provider_hypercarbon.sources.rows import Question, read_slots, read_unix_seconds, slot_of
from airflow_provider_hypercarbon.sources.spans import TOTAL_SECONDS, in_parts, minute

if TYPE_CHECKING:
    import httpx

HOST = "https://api.energy-charts.info"
SERVICE = "Energy-Charts"
#: Zone keys of whole countries that are asked for by the same two letters.
_TWO_LETTERS = (
    "AT BA BE BG CH CY CZ DE DK EE ES FI FR GE GR HR HU IE IT LT LU LV MD ME MK NL NO PL PT RO RS SE SI SK XK"
)
COUNTRIES = frozenset(_TWO_LETTERS.split())
_SLOT = timedelta(minutes=15)
#: A quarter of a year in quarters of an hour is under 300 kB.
_LONGEST_PAST = timedelta(days=92)
#: Within this the newest quarter of an hour with a measured value lies.
_RECENT = timedelta(hours=6)


class EnergyChartsSource:
    """Average intensity of a European country's electricity, by life-cycle factors.

    The forecast ends with the day or the next one, depending on the hour; values are 15 minutes or an hour long.

    :param base_url: scheme and host, when not Fraunhofer's own.
    :param transport: stands in for the network in tests.
    :param sleep: stands in for the pause between tries in tests.
    """

    name = "energy_charts"

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
        """Return the newest slot with a measured value."""
        question = _question(zone, now)
        return newest_of(*self._past(question, question.now - _RECENT, question.now), question)

    def history(self, zone: str, start: datetime, end: datetime, *, now: datetime) -> IntensitySeries:
        """Return the measured slots that touch ``[start, end)``; one request for a quarter of a year."""
        question = _question(zone, now)
        ask, until = partial(self._series, question), question.now + _SLOT
        return in_parts(ask, start, end, longest=_LONGEST_PAST, until=until)

    def forecast(self, zone: str, until: datetime, *, now: datetime) -> IntensitySeries:
        """Return the forecast from the running slot to the one that holds ``until``, as far as it reaches."""
        question = _question(zone, now)
        try:
            answer = self._ask("/co2eq_forecast", question)
        except NoDataError:  # the day's values carry what is left of the day as well
            answer = self._ask("/co2eq", question)
        slots, length = _read_column(answer, "co2eq_forecast", question)
        return forecast_series(slots, length, question, as_utc(until))

    def zones(self) -> tuple[Zone, ...]:
        """Return the countries."""
        return tuple(zone for zone in catalogue() if zone.key in COUNTRIES)

    def _series(self, question: Question, start: datetime, end: datetime) -> IntensitySeries:
        return measured_series(*self._past(question, start, end), question, (start, end))

    def _past(self, question: Question, start: datetime, end: datetime) -> tuple[list[Slot], timedelta]:
        answer = self._ask("/co2eq", question, start=minute(start), end=minute(end))
        return _read_column(answer, "co2eq", question)

    def _ask(self, path: str, question: Question, **more: str) -> object:
        try:
            return self._http.get(path, {"country": question.zone.lower(), **more})
        except NotFoundError as error:
            if "no content" in error.detail.lower() or path == "/co2eq_forecast":
                raise NoDataError(f"Energy-Charts has no recent data for {question.zone}.") from error
            raise
        except RequestRefusedError as error:
            if "available country" in error.detail:
                raise UnknownZoneError(f"Energy-Charts has no data for the country {question.zone}.") from error
            raise


def _question(zone: str, now: datetime) -> Question:
    key = zone_key(zone)
    if key not in COUNTRIES:
        raise UnknownZoneError(f"Energy-Charts knows whole countries of Europe, such as DE, not {key}.")
    return Question(key, Signal(kind="average", factors="lifecycle"), EnergyChartsSource.name, as_utc(now), SERVICE)


def _read_column(answer: object, column: str, question: Question) -> tuple[list[Slot], timedelta]:
    """Return the slots of a column; a null in it says that the value belongs into another column."""
    fields = answer if isinstance(answer, Mapping) else {}
    times, values = fields.get("unix_seconds"), fields.get(column)
    if not isinstance(times, list) or not isinstance(values, list) or len(times) != len(values):
        raise BadAnswerError(f"Energy-Charts answered without rows for {question.zone}. It may work later.")

    def read(row: tuple[object, object]) -> Slot:
        return slot_of(read_unix_seconds(row[0], question), row[1], question)

    return read_slots(zip(times, values, strict=True), read, question, said_length=None)
