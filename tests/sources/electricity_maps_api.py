"""An Electricity Maps API in memory, right in every detail that we know; tests spoil what they want."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import httpx

from airflow_provider_hypercarbon.sources.electricity_maps import ElectricityMapsSource

NOW = datetime(2026, 3, 4, 18, 20, tzinfo=UTC)
RUNNING = datetime(2026, 3, 4, 18, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TOKEN = "s3cret-t0ken-of-a-customer"
#: Answers of one endpoint: a response, an error of the network, or a function of the request.
Given = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


def iso(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def row(start: datetime, value: object = 400, **more: object) -> dict[str, object]:
    """Return a measured row, as ``latest`` and ``history`` have it."""
    return {
        "zone": "DE",
        "carbonIntensity": value,
        "datetime": iso(start),
        "updatedAt": iso(NOW - HOUR / 2),
        "createdAt": iso(NOW - DAY),
        "emissionFactorType": "lifecycle",
        "isEstimated": False,
        "estimationMethod": None,
        **more,
    }


def latest(value: object = 400, **more: object) -> dict[str, object]:
    return {**row(RUNNING, value), "temporalGranularity": "hourly", "flowTraced": True, **more}


def forecast(values: object = None, start: datetime = RUNNING, **more: object) -> dict[str, object]:
    """Return a forecast of 25 hours; 400 throughout unless told."""
    values = [400] * 25 if values is None else values
    assert isinstance(values, list)
    rows = [{"carbonIntensity": value, "datetime": iso(start + HOUR * i)} for i, value in enumerate(values)]
    return {"zone": "DE", "updatedAt": iso(NOW - HOUR), "temporalGranularity": "hourly", "forecast": rows, **more}


def history(
    begin: datetime = RUNNING - DAY + HOUR, end: datetime = RUNNING, key: str = "history"
) -> dict[str, object]:
    """Return measured hours, each as many gCO2eq/kWh as 300 and its number."""
    count = (end - begin) // HOUR
    return {
        "zone": "DE",
        "temporalGranularity": "hourly",
        key: [row(begin + HOUR * i, 300 + i) for i in range(count)],
    }


class Api:
    """Answers by endpoint, and the requests that came.

    :param answers: by the end of the path; JSON, or what :data:`Given` says.
    """

    def __init__(self, **answers: object) -> None:
        self.answers: dict[str, object] = {
            "latest": latest(),
            "forecast": forecast(),
            "history": history(),
            "past_range": history(RUNNING - 7 * DAY, key="data"),
            **answers,
        }
        self.requests: list[httpx.Request] = []
        self.pauses: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers[request.url.path.rpartition("/")[2].replace("-", "_")]
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            answer = answer(request)
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, text=json.dumps(answer))

    def source(self, **more: object) -> ElectricityMapsSource:
        given: dict[str, object] = {"transport": httpx.MockTransport(self), "sleep": self.pauses.append, **more}
        return ElectricityMapsSource(TOKEN, **given)  # type: ignore[arg-type]

    @property
    def paths(self) -> list[str]:
        return [request.url.path for request in self.requests]

    @property
    def params(self) -> Mapping[str, str]:
        """The parameters of the newest request."""
        return self.requests[-1].url.params


def denied(what: str = "forecast") -> httpx.Response:
    """Return how the provider says that a plan is too small: with 401, as for a bad token."""
    return httpx.Response(
        401,
        json={
            "error": f"Request unauthorized for zoneKey=DE,requestType={what},dataType=carbon-intensity.",
            "message": "You do not have access to this specific endpoint for this specific zone.",
        },
    )
