"""One grid, told by every source in the shape that it was recorded in: fixtures for all sources at once.

The shapes come from the providers' documentation and from answers that others recorded; none was taken from a live
service by this project.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from airflow_provider_hypercarbon.carbon.intensity import Signal
from airflow_provider_hypercarbon.sources import CarbonSource
from airflow_provider_hypercarbon.sources.electricity_maps import ElectricityMapsSource
from airflow_provider_hypercarbon.sources.energy_charts import EnergyChartsSource
from airflow_provider_hypercarbon.sources.neso import NesoSource
from airflow_provider_hypercarbon.sources.trace import TraceSource
from airflow_provider_hypercarbon.sources.watttime import WattTimeSource

NOW = datetime(2026, 3, 4, 18, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SECRET = "s3cret-of-a-customer"
POUNDS_PER_GRAM = 1 / 0.45359237
#: What a service does with a request.
Respond = Callable[[httpx.Request], httpx.Response]


def of_the_hour(instant: datetime) -> float:
    """A believable day in gCO2eq/kWh: dirty in the evening, clean at three in the morning."""
    hours = instant.hour + instant.minute / 60
    return round(300 + 120 * abs(((hours - 3) % 24) - 12) / -12 + 120, 1)


@dataclass
class Grid:
    """What is so, and how it is told; tests spoil what they want.

    :param measured: the value of a slot that has begun, in gCO2eq/kWh.
    :param ahead: the value of a slot of the forecast.
    :param tell: what a source writes for the begin of a slot.
    :param zone: what it calls the zone, in place of its own name.
    """

    measured: Callable[[datetime], object] = of_the_hour
    ahead: Callable[[datetime], object] = of_the_hour
    tell: Callable[[datetime], object] | None = None
    zone: object = None
    now: datetime = NOW


def span(begin: datetime, end: datetime, step: timedelta) -> Iterator[datetime]:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    start = epoch + ((begin - epoch) // step) * step
    while start < end:
        yield start
        start += step


def read(text: str) -> datetime:
    return datetime.fromisoformat(text)


@dataclass
class Service:
    """A provider in memory, and the requests that came.

    :param respond: answers in place of the provider's own way.
    """

    dialect: Dialect
    grid: Grid = field(default_factory=Grid)
    respond: Respond | None = None
    requests: list[httpx.Request] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.respond is not None and not self.dialect.is_login(request):
            return self.respond(request)
        return httpx.Response(200, text=json.dumps(self.dialect.answer(request, self.grid)))

    def source(self) -> CarbonSource:
        return self.dialect.open(httpx.MockTransport(self), self.pauses.append)


class Dialect:
    """How one provider speaks."""

    name: str
    zone: str
    slot = HOUR
    reach = 2 * DAY
    signal = Signal()
    #: The answer says which zone it is of.
    echoes = True
    #: Times are text.
    in_words = True

    def open(self, transport: httpx.BaseTransport, sleep: Callable[[float], None]) -> CarbonSource:
        raise NotImplementedError

    def answer(self, request: httpx.Request, grid: Grid) -> object:
        raise NotImplementedError

    def is_login(self, request: httpx.Request) -> bool:
        return False

    def __repr__(self) -> str:
        return f"{self.name} {self.zone}"


class ElectricityMaps(Dialect):
    name, zone, reach = "electricity_maps", "DE", 3 * DAY

    def open(self, transport: httpx.BaseTransport, sleep: Callable[[float], None]) -> CarbonSource:
        return ElectricityMapsSource(SECRET, transport=transport, sleep=sleep)

    def answer(self, request: httpx.Request, grid: Grid) -> object:
        params, what = request.url.params, request.url.path.rpartition("/")[2]
        if what == "zones":
            return [{"zoneKey": self.zone, "access": ["carbon-intensity/latest"]}]
        running = grid.now.replace(minute=0)
        if what == "latest":
            return {**self._row(running, grid.measured, grid), "temporalGranularity": "hourly"}
        if what == "forecast":
            hours = int(params["horizonHours"]) + 1
            rows = [self._row(running + HOUR * i, grid.ahead, grid) for i in range(hours)]
        elif what == "history":
            rows = [self._row(running - HOUR * i, grid.measured, grid) for i in range(24)]
        else:
            end = min(read(params["end"]), grid.now)
            rows = [self._row(start, grid.measured, grid) for start in span(read(params["start"]), end, HOUR)]
        key = {"forecast": "forecast", "history": "history"}.get(what, "data")
        head = {"zone": grid.zone or self.zone, "temporalGranularity": "hourly"}
        return {**head, "updatedAt": (grid.now - HOUR).isoformat(), key: rows}

    def _row(self, start: datetime, value: Callable[[datetime], object], grid: Grid) -> dict[str, object]:
        told = (grid.tell or (lambda d: f"{d:%Y-%m-%dT%H:%M:%S.000Z}"))(start)
        return {"zone": grid.zone or self.zone, "carbonIntensity": value(start), "datetime": told,
                "isEstimated": False, "emissionFactorType": "lifecycle"}  # fmt: skip


class Neso(Dialect):
    name, zone, slot = "neso", "GB", HOUR / 2
    signal = Signal(factors="operational")
    echoes = False

    def open(self, transport: httpx.BaseTransport, sleep: Callable[[float], None]) -> CarbonSource:
        return NesoSource(transport=transport, sleep=sleep)

    def answer(self, request: httpx.Request, grid: Grid) -> object:
        begin, end = request.url.path.split("/intensity/")[1].split("/")[:2]
        ahead = end == "fw48h"
        until = read(begin) + self.reach if ahead else read(end)
        return {"data": [self._row(start, grid, ahead) for start in span(read(begin), until, self.slot)]}

    def _row(self, start: datetime, grid: Grid, ahead: bool) -> dict[str, object]:
        tell = grid.tell or (lambda d: f"{d:%Y-%m-%dT%H:%MZ}")
        # The running half hour and the one before it have no measured value yet.
        actual = None if start > grid.now - self.slot * 2 else grid.measured(start)
        said = {"forecast": grid.ahead(start) if ahead else 1, "actual": actual, "index": "moderate"}
        return {"from": tell(start), "to": tell(start + self.slot), "intensity": said}


class NesoRegion(Neso):
    zone, echoes = "GB-NESO-13", True

    def answer(self, request: httpx.Request, grid: Grid) -> object:
        assert request.url.path.endswith("/regionid/13")
        rows = super().answer(request, grid)["data"]  # type: ignore[index]
        region = {"regionid": grid.zone or 13, "dnoregion": "UKPN London", "shortname": "London", "data": rows}
        return {"data": region}

    def _row(self, start: datetime, grid: Grid, ahead: bool) -> dict[str, object]:
        row = super()._row(start, grid, ahead)
        said = {"forecast": (grid.ahead if ahead else grid.measured)(start), "index": "moderate"}
        return {**row, "intensity": said, "generationmix": [{"fuel": "wind", "perc": 21.3}]}


class EnergyCharts(Dialect):
    name, zone, slot, reach = "energy_charts", "DE", HOUR / 4, DAY
    echoes, in_words = False, False

    def open(self, transport: httpx.BaseTransport, sleep: Callable[[float], None]) -> CarbonSource:
        return EnergyChartsSource(transport=transport, sleep=sleep)

    def answer(self, request: httpx.Request, grid: Grid) -> object:
        params = request.url.params
        assert params["country"] == "de"
        if request.url.path == "/co2eq_forecast":
            midnight = grid.now.replace(hour=0, minute=0)
            starts = list(span(midnight, midnight + 2 * DAY, self.slot))
            column = {"co2eq_forecast": [grid.ahead(start) for start in starts]}
        else:
            starts = list(span(read(params["start"]), read(params["end"]) + self.slot, self.slot))
            known = [start <= grid.now - self.slot for start in starts]
            column = {
                "co2eq": [grid.measured(s) if past else None for s, past in zip(starts, known, strict=True)],
                "co2eq_forecast": [None if past else 1 for past in known],
            }
        tell = grid.tell or (lambda d: int(d.timestamp()))
        return {"unix_seconds": [tell(start) for start in starts], **column, "deprecated": False}


class WattTime(Dialect):
    name, zone, slot, reach = "watttime", "US-CAL-CISO", HOUR / 12, 3 * DAY
    signal = Signal(kind="marginal", factors="operational")

    def open(self, transport: httpx.BaseTransport, sleep: Callable[[float], None]) -> CarbonSource:
        return WattTimeSource("user", SECRET, transport=transport, sleep=sleep)

    def is_login(self, request: httpx.Request) -> bool:
        return request.url.path == "/login"

    def answer(self, request: httpx.Request, grid: Grid) -> object:
        if self.is_login(request):
            assert request.headers["Authorization"].startswith("Basic ")
            return {"token": f"jwt-{SECRET}"}
        assert request.headers["Authorization"] == f"Bearer jwt-{SECRET}"
        params = request.url.params
        if request.url.path == "/v3/forecast":
            end = grid.now + HOUR * int(params["horizon_hours"])
            starts, value = span(grid.now, end, self.slot), grid.ahead
        else:
            starts, value = span(read(params["start"]), min(read(params["end"]), grid.now), self.slot), grid.measured
        tell = grid.tell or (lambda d: d.isoformat())
        meta = {"region": grid.zone or "CAISO_NORTH", "signal_type": "co2_moer", "units": "lbs_co2_per_mwh",
                "generated_at": grid.now.isoformat(), "data_point_period_seconds": 300, "warnings": [],
                "model": {"date": "2023-03-01"}}  # fmt: skip
        return {"data": [{"point_time": tell(s), "value": _in_pounds(value(s))} for s in starts], "meta": meta}


def _in_pounds(grams: object) -> object:
    usual = isinstance(grams, int | float) and not isinstance(grams, bool) and abs(grams) < 1e9
    return grams * POUNDS_PER_GRAM if usual else grams  # type: ignore[operator]


class Trace(Dialect):
    """Files in place of requests: a year of measured hours, and a forecast a day."""

    name, zone, reach = "trace", "DE", 2 * DAY
    echoes = False

    def open(self, transport: httpx.BaseTransport, sleep: Callable[[float], None]) -> CarbonSource:
        folder = Path(tempfile.mkdtemp(prefix="hypercarbon-trace-"))
        write_trace(folder)
        return TraceSource(f"{folder}/{{zone}}.csv", forecast_path=f"{folder}/{{zone}}-ahead.csv")


def write_trace(folder: Path, measured: Callable[[datetime], object] = of_the_hour) -> None:
    """Write the files of ``DE``: up to now, and the forecast of noon."""
    lines = [f"{start:%Y-%m-%dT%H:%MZ},{measured(start)}" for start in span(NOW - 100 * DAY, NOW, HOUR)]
    (folder / "DE.csv").write_text("\n".join(["datetime_utc,ci_g_per_kwh", *lines]))
    noon = NOW.replace(hour=12, minute=0)
    values = ",".join(str(of_the_hour(noon + HOUR * i)) for i in range(56))
    heads = ",".join(f"h{i}" for i in range(56))
    (folder / "DE-ahead.csv").write_text(f"issue_utc,{heads}\n{noon.isoformat()},{values}\n")


REMOTE: tuple[Dialect, ...] = (ElectricityMaps(), Neso(), NesoRegion(), EnergyCharts(), WattTime())
ALL: tuple[Dialect, ...] = (*REMOTE, Trace())
