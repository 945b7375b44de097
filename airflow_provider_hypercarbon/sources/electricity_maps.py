"""Electricity Maps: a commercial source for nearly all of the world's grids; needs a token."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Literal

from airflow_provider_hypercarbon._http import JsonHttp
from airflow_provider_hypercarbon.carbon.instants import as_utc
from airflow_provider_hypercarbon.carbon.intensity import CarbonIntensity, IntensitySeries, Signal
from airflow_provider_hypercarbon.carbon.zones import Zone, is_cloud_region, unknown_zone_message, zone_key
from airflow_provider_hypercarbon.exceptions import (
    AccessDeniedError,
    AuthenticationError,
    NoDataError,
    NotFoundError,
    RequestRefusedError,
    UnknownZoneError,
)
from airflow_provider_hypercarbon.sources.electricity_maps_answers import (
    read_access,
    read_forecast,
    read_history,
    read_latest,
    read_zones,
)
from airflow_provider_hypercarbon.sources.rows import Question
from airflow_provider_hypercarbon.sources.spans import TOTAL_SECONDS, in_parts

if TYPE_CHECKING:
    import httpx

HOST = "https://api.electricitymaps.com"
#: The horizons the forecast can be asked for.
HORIZON_HOURS = (6, 24, 48, 72)
_HOUR = timedelta(hours=1)
_LAST_24_HOURS = timedelta(hours=24)
#: "The last 24 hours" may begin with the next full hour.
_SURELY_IN_THEM = timedelta(hours=23)
#: One answer has ten days of hourly values; both ends are widened to full hours.
_LONGEST_PAST = timedelta(days=10) - 2 * _HOUR


class ElectricityMapsSource:
    """Average carbon intensity, flow-traced, from the Electricity Maps API.

    A free token has the newest value and the last 24 hours of one zone, for non-commercial use; forecast and
    earlier history depend on the plan. Ask :meth:`access` what a token may do.

    :param token: API token.
    :param base_url: scheme and host, when not Electricity Maps' own.
    :param api_version: ``v4``, or the older ``v3``.
    :param emission_factors: ``lifecycle``, or ``direct`` for Scope 2 accounting.
    :param refuse_estimated: take measured values only; the newest hour is an estimate nearly always.
    :param transport: stands in for the network in tests.
    :param sleep: stands in for the pause between tries in tests.
    """

    name = "electricity_maps"

    def __init__(
        self,
        token: str,
        *,
        base_url: str | None = None,
        api_version: Literal["v4", "v3"] = "v4",
        emission_factors: Literal["lifecycle", "direct"] = "lifecycle",
        refuse_estimated: bool = False,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        host = (base_url or HOST).rstrip("/").removesuffix(f"/{api_version}")
        self._signal = Signal(kind="average", factors=emission_factors)
        self._refuse_estimated = refuse_estimated
        self._http = JsonHttp(
            f"{host}/{api_version}",
            service="Electricity Maps",
            headers={"auth-token": token.strip()},
            total_seconds=TOTAL_SECONDS,
            transport=transport,
            sleep=sleep,
        )

    def latest(self, zone: str, *, now: datetime) -> CarbonIntensity:
        """Return the value of the running or newest hour; the provider usually still estimates it."""
        question = self._question(zone, now)
        return read_latest(self._ask("latest", question), question)

    def history(self, zone: str, start: datetime, end: datetime, *, now: datetime) -> IntensitySeries:
        """Return the measured slots that touch ``[start, end)``; one request for every ten days.

        Plans without access to the past have the last 24 hours. Those are returned for an interval that
        begins earlier; whoever needs all of it looks at the slots.
        """
        start, end = as_utc(start), min(as_utc(end), as_utc(now) + _HOUR)
        question = self._question(zone, now)
        if start >= question.now - _SURELY_IN_THEM:
            return self._last_24_hours(question, start, end)
        try:
            return in_parts(partial(self._past, question), start, end, longest=_LONGEST_PAST, until=end)
        except AccessDeniedError:
            if end <= question.now - _LAST_24_HOURS:
                raise
            return self._last_24_hours(question, start, end)

    def forecast(self, zone: str, until: datetime, *, now: datetime) -> IntensitySeries:
        """Return the forecast from the running hour to the one that holds ``until``, at most 72 hours ahead."""
        question, until = self._question(zone, now), as_utc(until)
        horizon = next((h for h in HORIZON_HOURS if question.now + h * _HOUR >= until), HORIZON_HOURS[-1])
        answer = self._ask("forecast", question, horizonHours=horizon)
        return read_forecast(answer, question, min(until, question.now + horizon * _HOUR))

    def zones(self) -> tuple[Zone, ...]:
        """Return the zones that the token may ask about."""
        return read_zones(self._http.get("/zones"))

    def access(self, zone: str) -> frozenset[str]:
        """Return what the token may ask about a zone, such as ``carbon-intensity/forecast``.

        :raises UnknownZoneError: the provider does not list the zone.
        """
        access = read_access(self._http.get("/zones"), zone_key(zone))
        if access is None:
            raise UnknownZoneError(unknown_zone_message(zone))
        return access

    def _question(self, zone: str, now: datetime) -> Question:
        return Question(
            zone_key(zone), self._signal, self.name, as_utc(now), "Electricity Maps", self._refuse_estimated
        )

    def _past(self, question: Question, start: datetime, end: datetime) -> IntensitySeries:
        answer = self._ask("past-range", question, start=_iso(start), end=_iso(end + _HOUR))
        return read_history(answer, question, (start, end), within=(start, end))

    def _last_24_hours(self, question: Question, start: datetime, end: datetime) -> IntensitySeries:
        within = (question.now - _LAST_24_HOURS, question.now)
        return read_history(self._ask("history", question), question, (start, end), within=within)

    def _ask(self, what: str, question: Question, **more: str | int) -> object:
        params: dict[str, str | int] = {
            **_selector(question.zone),
            # Without it, an unresolved zone silently becomes that of the caller's address.
            "disableCallerLookup": "true",
            "emissionFactorType": question.signal.factors,
            **({"disableEstimations": "true"} if self._refuse_estimated else {}),
            **more,
        }
        try:
            return self._http.get(f"/carbon-intensity/{what}", params)
        except AuthenticationError as error:
            # The provider answers 401 to both a bad token and a plan that is too small.
            if "zoneKey=" not in error.detail:
                raise
            raise AccessDeniedError(
                f"The Electricity Maps plan of this token does not include {what} for {question.zone}. "
                "Its account page lists what it includes.",
                status=error.status,
                detail=error.detail,
            ) from error
        except RequestRefusedError as error:
            if isinstance(error, NotFoundError) and re.search(r"no (recent )?data", error.detail, re.IGNORECASE):
                raise NoDataError(f"Electricity Maps has no recent data for {question.zone}.") from error
            if _names_zone(error.detail, question.zone):
                raise UnknownZoneError(unknown_zone_message(question.zone)) from error
            raise


def _selector(zone: str) -> dict[str, str]:
    """Name a zone, or a region of a cloud, whose zone the provider looks up."""
    if not is_cloud_region(zone):
        return {"zone": zone}
    provider, _, region = zone.partition(":")
    return {"dataCenterProvider": provider, "dataCenterRegion": region}


def _names_zone(detail: str, zone: str) -> bool:
    """Whether a refusal is about the zone; there is no code for it, only words."""
    named = re.search(rf"(?<![\w-]){re.escape(zone)}(?![\w-])", detail) and "zone" in detail.lower()
    return bool(named or re.search(r"(unknown|invalid|unsupported)\W+zone", detail, re.IGNORECASE))


def _iso(instant: datetime) -> str:
    return instant.replace(minute=0, second=0, microsecond=0).isoformat().replace("+00:00", "Z")
