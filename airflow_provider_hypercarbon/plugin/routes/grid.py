"""Grids as the page draws them, and the plan for a job."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BeforeValidator

from airflow_provider_hypercarbon import configuration
from airflow_provider_hypercarbon.carbon.certainty import expected_error
from airflow_provider_hypercarbon.carbon.instants import parse_span
from airflow_provider_hypercarbon.carbon.intensity import IntensityLevel, IntensitySeries
from airflow_provider_hypercarbon.carbon.outlook import Outlook
from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow
from airflow_provider_hypercarbon.carbon.record import DecisionRecord
from airflow_provider_hypercarbon.carbon.zones import find_zone, zone_key
from airflow_provider_hypercarbon.plugin.backends import Hook, Now, Source
from airflow_provider_hypercarbon.plugin.guard import ReadableDags
from airflow_provider_hypercarbon.plugin.running import waits_in_progress
from airflow_provider_hypercarbon.plugin.schemas.grid import (
    Candidate,
    ForecastAnswer,
    GridPoint,
    Plan,
    WatchedZone,
    WatchedZonesAnswer,
)
from airflow_provider_hypercarbon.plugin.schemas.mission import ZoneName
from airflow_provider_hypercarbon.sources.planning import fetch_outlook, plan_with_record

router = APIRouter(tags=["grid"])
Span = Annotated[timedelta, BeforeValidator(parse_span)]
_MOST_CANDIDATES = 48
_LONGEST = timedelta(hours=72)


@router.get("/forecast")
def forecast(
    zone: Annotated[ZoneName, Query(examples=["DE"])],
    source: Source,
    now: Now,
    hours: Annotated[float, Query(gt=0, le=72, description="How far ahead.")] = 48,
    hours_back: Annotated[float, Query(ge=0, le=48, description="How much of the measured past.")] = 12,
    duration: Annotated[
        Span | None, Query(le=_LONGEST, description='Of a job to plan: "2h", "90min", "PT2H".', examples=["2h"])
    ] = None,
    max_delay: Annotated[
        Span | None, Query(le=_LONGEST, description="Its longest wait; else the configured one.", examples=["12h"])
    ] = None,
    max_intensity: Annotated[
        float | None, Query(gt=0, le=1500, description="Its limit, gCO2eq/kWh.", examples=[250])
    ] = None,
    strategy: Annotated[Literal["cleanest", "threshold"], Query()] = "cleanest",
) -> ForecastAnswer:
    """Tell a zone's measured past, present and forecast; with `duration`, also when such a job would start."""
    until = now + timedelta(hours=hours)
    # The page looks; it does not decide. One question serves the drawing, and the plan asks what a sensor would ask.
    outlook = fetch_outlook(
        source, zone, StartPolicy(), StartWindow(ready_at=now, deadline=until - StartPolicy().duration), now=now
    )
    known = outlook.forecast or outlook.measured or outlook.current
    return ForecastAnswer(
        zone=outlook.zone,
        name=_name(outlook.zone),
        asked_at=now,
        source=known.source if known else None,
        signal=known.signal if known else None,
        basis=_basis(outlook),
        synthetic=outlook.synthetic,
        current=outlook.current,
        level=outlook.current.level if outlook.current else None,
        measured=_measured(outlook.measured, now - timedelta(hours=hours_back), now),
        forecast=_forecast(outlook, now, until),
        forecast_issued_at=outlook.forecast.issued_at if outlook.forecast else None,
        problems=list(outlook.problems),
        plan=None if duration is None else _plan(source, zone, duration, max_delay, max_intensity, strategy, now),
    )


@router.get("/zones/watched")
def watched_zones(hook: Hook, dags: ReadableDags) -> WatchedZonesAnswer:
    """List the zones that this Airflow has to do with: those of its waits, and the default."""
    rows: dict[str, WatchedZone] = {}

    def row(zone: str) -> WatchedZone:
        return rows.setdefault(
            zone, WatchedZone(zone=zone, name=_name(zone), waits=0, is_default=False, next_start_at=None)
        )

    row(zone_key(hook.default_zone)).is_default = True
    for wait in waits_in_progress(dags.ids):
        if wait.zone is None:
            continue
        found = row(wait.zone)
        found.waits += 1
        if wait.decision and (found.next_start_at is None or wait.decision.start_at < found.next_start_at):
            found.next_start_at = wait.decision.start_at
    never = datetime.max.replace(tzinfo=UTC)
    return WatchedZonesAnswer(
        zones=sorted(rows.values(), key=lambda one: (one.waits == 0, one.next_start_at or never, one.zone))
    )


def curve_points(record: DecisionRecord) -> list[GridPoint]:
    """Return the curve of a decision as points; gaps are left out."""
    if record.curve_start_at is None or record.curve_slot is None:
        return []
    begins = ((record.curve_start_at + record.curve_slot * i, v) for i, v in enumerate(record.curve_gco2eq_per_kwh))
    return [_point(begin, record.curve_slot, value) for begin, value in begins if value is not None]


def _plan(
    source: Source,
    zone: str,
    duration: timedelta,
    max_delay: timedelta | None,
    max_intensity: float | None,
    strategy: Literal["cleanest", "threshold"],
    now: datetime,
) -> Plan:
    delay = configuration.default_max_delay() if max_delay is None else max_delay
    if strategy == "threshold" and max_intensity is None:
        max_intensity = configuration.default_max_intensity()
    policy = StartPolicy(strategy=strategy, max_intensity=max_intensity, max_delay=delay, duration=duration)
    made = plan_with_record(source, zone, policy, StartWindow.opening(now, delay), now=now)
    return Plan(
        decision=made.decision,
        curve=curve_points(made.record),
        candidates=[
            Candidate(start_at=start, mean_gco2eq_per_kwh=mean)
            for start, mean in _some(made.record.candidates, made.decision.start_at)
        ],
    )


def _some(
    candidates: tuple[tuple[datetime, float | None], ...], chosen: datetime
) -> list[tuple[datetime, float | None]]:
    step = max(1, -(-len(candidates) // (_MOST_CANDIDATES - 2)))
    last = len(candidates) - 1
    return [c for i, c in enumerate(candidates) if i % step == 0 or i == last or c[0] == chosen]


def _measured(series: IntensitySeries | None, since: datetime, now: datetime) -> list[GridPoint]:
    slots = series.slots if series else ()
    length = series.slot_length if series else timedelta(0)
    return [
        _point(slot.start_at, length, slot.gco2eq_per_kwh, estimated=slot.estimated)
        for slot in slots
        if slot.start_at + length > since and slot.start_at <= now
    ]


def _forecast(outlook: Outlook, now: datetime, until: datetime) -> list[GridPoint]:
    series = outlook.forecast
    if series is None:
        return []
    points = []
    for slot in series.slots:
        if slot.start_at + series.slot_length <= now or slot.start_at >= until:
            continue
        error = expected_error(outlook.measured, max(timedelta(0), slot.start_at - now))
        points.append(_point(slot.start_at, series.slot_length, slot.gco2eq_per_kwh, error=error))
    return points


def _point(
    begin: datetime, length: timedelta, value: float, *, estimated: bool | None = None, error: float | None = None
) -> GridPoint:
    return GridPoint(
        time=begin,
        end=begin + length,
        intensity=value,
        quality=IntensityLevel.of(value),
        estimated=estimated,
        low=None if error is None else max(0.0, value - error),
        high=None if error is None else value + error,
    )


def _name(zone: str) -> str | None:
    entry = find_zone(zone)
    return entry.name if entry else None


def _basis(outlook: Outlook) -> str | None:
    known: Iterable[object] = (outlook.forecast, outlook.measured, outlook.current)
    signal = next((part.signal for part in known if part is not None), None)  # type: ignore[attr-defined]
    return None if signal is None else f"{signal.kind}, location-based, {signal.factors} factors"
