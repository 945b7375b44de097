"""A backtest small enough for a request: a zone's last weeks, one window, one duration; one at a time, remembered."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Lock

from starlette.exceptions import HTTPException

from airflow_provider_hypercarbon.carbon.backtest import backtest
from airflow_provider_hypercarbon.carbon.readings import ReadingsLog, Stretch
from airflow_provider_hypercarbon.carbon.trace import ready_times
from airflow_provider_hypercarbon.exceptions import HyperCarbonError, NoDataError
from airflow_provider_hypercarbon.plugin.schemas.grid import BacktestAnswer
from airflow_provider_hypercarbon.report_store import ReadingsStore, ResultsDatabase
from airflow_provider_hypercarbon.sources import CarbonSource

NOTE = (
    "Savings are differences of average, location-based intensities over the runs, against starting at once: "
    "attributional, not what the grid would have emitted otherwise."
)
_REMEMBERED = 64

_one_at_a_time = Lock()
_remembered: OrderedDict[tuple[object, ...], BacktestAnswer] = OrderedDict()


def replay(
    source: CarbonSource,
    results: ResultsDatabase,
    zone: str,
    *,
    window: timedelta,
    duration: timedelta,
    days: int,
    now: datetime,
) -> BacktestAnswer:
    """Replay the last days of a zone, from the kept readings, else from what the source remembers.

    :raises HTTPException: another replay is running (429).
    """
    key = (zone, source.name, window, duration, days, now.date())
    if key in _remembered:
        return _remembered[key]
    if not _one_at_a_time.acquire(timeout=0.1):
        raise HTTPException(429, "Another backtest is running. Ask again in some seconds", {"Retry-After": "5"})
    try:
        answer = _replay(_readings(source, results, zone, days, now), zone, window, duration)
    finally:
        _one_at_a_time.release()
    _remembered[key] = answer
    while len(_remembered) > _REMEMBERED:
        _remembered.popitem(last=False)
    return answer


def _readings(
    source: CarbonSource, results: ResultsDatabase, zone: str, days: int, now: datetime
) -> ReadingsLog | None:
    since = now - timedelta(days=days)
    try:
        series = source.history(zone, since, now, now=now)
    except NoDataError:
        return None
    kept: ReadingsLog | None = None
    with suppress(HyperCarbonError):  # when the database is away, the source's own memory has to do
        kept = ReadingsStore(results).load(zone, series.source, series.signal, now=now)
    asked = Stretch.of(series)
    if kept is not None and kept.measured.start_at < asked.start_at:
        return kept
    return ReadingsLog(zone=zone, source=series.source, signal=series.signal, measured=asked)


def _replay(readings: ReadingsLog | None, zone: str, window: timedelta, duration: timedelta) -> BacktestAnswer:
    if readings is None:
        return BacktestAnswer(
            zone=zone, source=None, first_at=None, end_at=None, forecasts=0, rows=[], note="There are no readings."
        )
    ready = ready_times(readings, windows=[window], durations=[duration])
    played = backtest(readings, windows=[window], durations=[duration], ready=ready) if ready else None
    return BacktestAnswer(
        zone=zone,
        source=readings.source,
        first_at=readings.measured.start_at,
        end_at=readings.measured.end_at,
        forecasts=len(readings.issues),
        rows=played.rows() if played else [],
        note=NOTE if ready else "There are too few readings: a week to look back on, the wait and the job.",
    )
