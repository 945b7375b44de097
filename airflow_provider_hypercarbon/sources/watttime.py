"""WattTime v3: the marginal intensity, what one more kWh would emit; needs an account."""

from __future__ import annotations

import base64
import math
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_hypercarbon._http import JsonHttp, counting
from airflow_provider_hypercarbon.carbon.instants import as_utc
from airflow_provider_hypercarbon.carbon.intensity import CarbonIntensity, IntensitySeries, Signal, Slot
from airflow_provider_hypercarbon.carbon.zones import Zone, catalogue, zone_key
from airflow_provider_hypercarbon.exceptions import (
    AccessDeniedError,
    AuthenticationError,
    BadAnswerError,
    BadDataError,
    RequestRefusedError,
    UnknownZoneError,
)
from airflow_provider_hypercarbon.sources.answers import forecast_series, measured_series, newest_of
from airflow_provider_hypercarbon.sources.rows import Question, read_instant, read_slots, slot_of
from airflow_provider_hypercarbon.sources.spans import TOTAL_SECONDS, in_parts

if TYPE_CHECKING:
    import httpx

HOST = "https://api.watttime.org"
SERVICE = "WattTime"
#: The one region that its documentation gives to everybody. Others come with the connection.
REGIONS = {"US-CAL-CISO": "CAISO_NORTH"}
_UNITS = "lbs_co2_per_mwh"
#: 1 lb = 453.59237 g and 1 MWh = 1,000 kWh.
_G_PER_KWH = 0.45359237
_SLOT = timedelta(minutes=5)
_LONGEST_PAST = timedelta(days=31)
_RECENT = timedelta(hours=6)
_LONGEST_HORIZON_HOURS = 72


class WattTimeSource:
    """Marginal operating emissions (``co2_moer``): carbon dioxide of burning, in steps of five minutes.

    It is never compared or blended with an average. Pounds a megawatt hour become grams a kilowatt hour here, once.

    :param user: name of the account.
    :param password: of the account.
    :param regions: WattTime's region for a zone key, beside ``US-CAL-CISO``.
    :param base_url: scheme and host, when not WattTime's own.
    :param transport: stands in for the network in tests.
    :param sleep: stands in for the pause between tries in tests.
    """

    name = "watttime"

    def __init__(
        self,
        user: str,
        password: str,
        *,
        regions: Mapping[str, str] | None = None,
        base_url: str | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._regions = {**REGIONS, **{zone_key(zone): region for zone, region in (regions or {}).items()}}
        self._open = partial(
            JsonHttp, base_url or HOST, service=SERVICE, total_seconds=TOTAL_SECONDS, transport=transport, sleep=sleep
        )
        self._basic = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self._http: JsonHttp | None = None

    def latest(self, zone: str, *, now: datetime) -> CarbonIntensity:
        """Return the newest five minutes."""
        question = self._question(zone, now)
        return newest_of(*self._past(question, question.now - _RECENT, question.now), question)

    def history(self, zone: str, start: datetime, end: datetime, *, now: datetime) -> IntensitySeries:
        """Return the slots that touch ``[start, end)``; one request for a month."""
        question = self._question(zone, now)
        ask, until = partial(self._series, question), question.now + _SLOT
        return in_parts(ask, start, end, longest=_LONGEST_PAST, until=until)

    def forecast(self, zone: str, until: datetime, *, now: datetime) -> IntensitySeries:
        """Return the forecast from the running slot to the one that holds ``until``, at most 72 hours ahead."""
        question, until = self._question(zone, now), as_utc(until)
        hours = min(max(1, math.ceil((until - question.now) / timedelta(hours=1))), _LONGEST_HORIZON_HOURS)
        rows, meta = self._ask("/v3/forecast", question, horizon_hours=hours)
        slots, length = _read(rows, meta, question)
        issued_at = None if meta.get("generated_at") is None else read_instant(meta["generated_at"], question)
        return forecast_series(slots, length, question, until, issued_at=issued_at)

    def zones(self) -> tuple[Zone, ...]:
        """Return the zones whose region is known."""
        return tuple(zone for zone in catalogue() if zone.key in self._regions)

    def _question(self, zone: str, now: datetime) -> Question:
        key = zone_key(zone)
        if key not in self._regions:
            raise UnknownZoneError(
                f"Which region of WattTime is {key}? Name it in the connection's extra: "
                f'"watttime_regions": {{"{key}": "..."}}.'
            )
        return Question(key, Signal(kind="marginal", factors="operational"), self.name, as_utc(now), SERVICE)

    def _series(self, question: Question, start: datetime, end: datetime) -> IntensitySeries:
        return measured_series(*self._past(question, start, end), question, (start, end))

    def _past(self, question: Question, start: datetime, end: datetime) -> tuple[list[Slot], timedelta]:
        rows, meta = self._ask("/v3/historical", question, start=start.isoformat(), end=end.isoformat())
        return _read(rows, meta, question)

    def _ask(self, path: str, question: Question, **more: str | int) -> tuple[list[object], Mapping[str, object]]:
        """Ask, and return the rows with what is said about them, when it is what was asked for."""
        region = self._regions[question.zone]
        answer = self._get(path, question, {"region": region, "signal_type": "co2_moer", **more})
        fields = answer if isinstance(answer, Mapping) else {}
        rows, meta = fields.get("data"), fields.get("meta")
        if not isinstance(rows, list) or not isinstance(meta, Mapping):
            raise BadAnswerError(f"WattTime answered without rows for {question.zone}. It may work later.")
        if meta.get("region") != region:
            raise BadDataError(
                f"{region} was asked for, the answer is of another zone: {str(meta.get('region'))[:40]!r}.",
                problem="wrong_zone",
            )
        if meta.get("signal_type") != "co2_moer":
            raise BadDataError(
                f"co2_moer was asked for, the answer counts {str(meta.get('signal_type'))[:40]!r}.",
                problem="mixed_signal",
            )
        if meta.get("units") != _UNITS:
            raise BadDataError(
                f"The answer for {question.zone} is in {str(meta.get('units'))[:40]!r}, not in {_UNITS}.",
                problem="units",
            )
        return rows, meta

    def _get(self, path: str, question: Question, params: Mapping[str, str | int]) -> object:
        """Ask with the token; it lives for half an hour, so a refusal means to log in once more."""
        fresh = self._http is None
        http = self._http = self._http or self._log_in()
        try:
            return http.get(path, params)
        except AuthenticationError as error:
            if error.status == 403:
                raise AccessDeniedError(
                    f"The WattTime plan of this account does not include {path} for {question.zone}.",
                    status=403,
                    detail=error.detail,
                ) from error
            self._http = None
            if fresh:
                raise
            return self._get(path, question, params)
        except RequestRefusedError as error:
            if "region" in error.detail.lower() and "invalid" in error.detail.lower():
                raise UnknownZoneError(f"WattTime does not know the region {params['region']!r}.") from error
            raise

    def _log_in(self) -> JsonHttp:
        counted = counting.set(None)  # whoever counts requests counts those about a zone
        try:
            answer = self._open(headers={"Authorization": self._basic}).get("/login")
        finally:
            counting.reset(counted)
        token = answer.get("token") if isinstance(answer, Mapping) else None
        if not isinstance(token, str) or not token:
            raise BadAnswerError("WattTime did not answer with a token. It may work later.")
        return self._open(headers={"Authorization": f"Bearer {token}"})


def _read(rows: list[object], meta: Mapping[str, object], question: Question) -> tuple[list[Slot], timedelta]:
    seconds = meta.get("data_point_period_seconds")
    said = timedelta(seconds=seconds) if isinstance(seconds, int) and 60 <= seconds <= 3600 else _SLOT
    return read_slots(rows, partial(_read_row, question=question), question, said_length=said)


def _read_row(row: object, question: Question) -> Slot:
    fields = row if isinstance(row, Mapping) else {}
    value = fields.get("value")
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = _in_grams(value)
    imputed = fields.get("imputed_data_used")
    estimated = imputed if isinstance(imputed, bool) else None
    return slot_of(read_instant(fields.get("point_time"), question), value, question, estimated)


def _in_grams(pounds_per_mwh: float) -> float:
    try:
        return pounds_per_mwh * _G_PER_KWH
    except OverflowError:  # JSON knows integers that no float can hold
        return math.inf
