"""What waiting would have brought in a zone, replayed over the kept readings."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BeforeValidator

from airflow_provider_hypercarbon.carbon.instants import parse_span
from airflow_provider_hypercarbon.carbon.zones import zone_key
from airflow_provider_hypercarbon.plugin.backends import Now, Results, Source
from airflow_provider_hypercarbon.plugin.errors import may_answer
from airflow_provider_hypercarbon.plugin.replay import replay
from airflow_provider_hypercarbon.plugin.schemas.grid import BacktestAnswer
from airflow_provider_hypercarbon.plugin.schemas.mission import ZoneName

router = APIRouter(tags=["backtest"])
Span = Annotated[timedelta, BeforeValidator(parse_span)]


@router.get("/backtest", responses=may_answer((429, "Another backtest is running; see `Retry-After`.")))
def backtest(
    zone: Annotated[ZoneName, Query(examples=["DE"])],
    source: Source,
    results: Results,
    now: Now,
    window: Annotated[
        Span, Query(ge=timedelta(hours=1), le=timedelta(hours=24), description="Longest wait.")
    ] = timedelta(hours=4),
    duration: Annotated[Span, Query(gt=timedelta(0), le=timedelta(hours=12), description="Of the job.")] = timedelta(
        hours=2
    ),
    days: Annotated[int, Query(ge=9, le=60, description="How far back.")] = 30,
) -> BacktestAnswer:
    """Replay the last days of a zone: what waiting would have saved, against perfect foresight."""
    return replay(source, results, zone_key(zone), window=window, duration=duration, days=days, now=now)
