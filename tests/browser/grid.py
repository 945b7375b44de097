"""A stand-in for Electricity Maps on loopback, with grids that move as real ones do: what the browser tests look at.

The values are invented by the mock's formulas, or, where ``HYPERCARBON_TRACES`` names a folder of recorded hourly
traces (``DE_2022_em-lca.csv.gz``), the same hour of the recorded year.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import httpx

from airflow_provider_hypercarbon.carbon.zones import ZONES
from airflow_provider_hypercarbon.sources.electricity_maps import ElectricityMapsSource
from airflow_provider_hypercarbon.sources.mock_grid import MockGrid

HOUR = timedelta(hours=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Zones of the scene, each with a grid of the catalogue that moves like it, and how much dirtier it is.
LIKE = {
    "DE": ("germany", 1.0),
    "GB": ("great-britain", 1.0),
    "PL": ("midwest", 1.45),
    "FR": ("great-britain", 0.3),
    "SE-SE3": ("sweden", 1.2),
}
_TRACES = os.environ.get("HYPERCARBON_TRACES", "")


@cache
def _trace(zone: str) -> dict[str, float] | None:
    file = Path(_TRACES or "/nowhere") / f"{zone}_2022_em-lca.csv.gz"
    if not file.is_file():
        return None
    with gzip.open(file, "rt") as lines:
        rows = csv.reader(lines)
        next(rows)
        return {at[5:13]: float(value) for at, value in rows}


@cache
def _mock(place: str) -> MockGrid:
    return MockGrid(next(zone for zone in ZONES if zone.place == place))


def truth(zone: str, at: datetime) -> float:
    """Return the intensity of an hour."""
    at = at.astimezone(UTC)
    recorded = _trace(zone)
    if recorded is not None and (value := recorded.get(at.strftime("%m-%dT%H"))) is not None:
        return value
    place, factor = LIKE.get(zone, ("germany", 1.0))
    return factor * _mock(place).truth((at - EPOCH) // HOUR)


def expected(zone: str, at: datetime, issued: datetime) -> float:
    """Return what a forecast says: the truth with the mock's error."""
    place, _ = LIKE.get(zone, ("germany", 1.0))
    hour, made_in = (at - EPOCH) // HOUR, (issued - EPOCH) // HOUR
    grid = _mock(place)
    return truth(zone, at) * grid.forecast(hour, made_in) / grid.truth(hour)


class Grid:
    """Answers as Electricity Maps does, over HTTP or in memory.

    :param clock: what time it is there.
    :param evening: at its making it is an evening there, whatever the time is: so that it pays to wait for the night.
    """

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC), *, evening: bool = False) -> None:
        self.clock = clock
        self.ahead = (19 - clock().hour) % 24 * HOUR if evening else timedelta(0)
        self.asked: list[str] = []
        #: Zones that answer "too many requests".
        self.limited: set[str] = set()
        grid = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                status, body = grid.answer(parts.path, dict(parse_qsl(parts.query)))
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def source(self) -> ElectricityMapsSource:
        """Return a source that asks this grid in memory."""

        def handle(request: httpx.Request) -> httpx.Response:
            status, body = self.answer(request.url.path, dict(request.url.params))
            return httpx.Response(status, json=body)

        return ElectricityMapsSource("a-token", transport=httpx.MockTransport(handle))

    def answer(self, path: str, asked: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Answer a question."""
        what, zone = path.rpartition("/")[2], asked.get("zone", "")
        self.asked.append(f"{what} {zone}")
        if zone in self.limited:
            return 429, {"error": "Too many requests"}
        if zone not in LIKE:
            return 404, {"error": f"Unknown zone {zone}"}
        running = self.clock().astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        if what == "latest":
            return 200, {"temporalGranularity": "hourly", **self._row(zone, running, estimated=True)}
        if what == "forecast":
            hours = int(asked.get("horizonHours", "24")) + 1
            slots = [running + HOUR * count for count in range(hours)]
            there = [expected(zone, at + self.ahead, running + self.ahead) for at in slots]
            rows = [{"carbonIntensity": value, "datetime": _iso(at)} for at, value in zip(slots, there, strict=True)]
            return 200, {"zone": zone, "updatedAt": _iso(running), "temporalGranularity": "hourly", "forecast": rows}
        start, end = running - 23 * HOUR, running + HOUR
        if "start" in asked:
            start, end = (datetime.fromisoformat(asked[name]) for name in ("start", "end"))
        count = (min(end, running + HOUR) - start) // HOUR
        rows = [self._row(zone, start + HOUR * i) for i in range(count)]
        return 200, {"zone": zone, "temporalGranularity": "hourly", "history" if what == "history" else "data": rows}

    def _row(self, zone: str, at: datetime, *, estimated: bool = False) -> dict[str, Any]:
        return {
            "zone": zone,
            "carbonIntensity": round(truth(zone, at + self.ahead), 1),
            "datetime": _iso(at),
            "updatedAt": _iso(at + HOUR / 2),
            "emissionFactorType": "lifecycle",
            "isEstimated": estimated,
            "estimationMethod": "TIME_SLICER_AVERAGE" if estimated else None,
        }


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
