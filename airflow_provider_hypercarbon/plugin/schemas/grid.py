"""A zone's grid as the page draws it, and the plan for a job."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from airflow_provider_hypercarbon.carbon.backtest import BacktestRow
from airflow_provider_hypercarbon.carbon.decision import StartDecision
from airflow_provider_hypercarbon.carbon.intensity import CarbonIntensity, IntensityLevel, Signal, Synthetic
from airflow_provider_hypercarbon.plugin.schemas.mission import ForecastPoint


class GridPoint(ForecastPoint):
    """A slot with its end and what is known about its value."""

    end: datetime
    estimated: bool | None = Field(None, description="Of a measured slot: the source marks it as an estimate.")
    low: float | None = Field(None, description="With high, the typical error of this lead time; null when unknown.")
    high: float | None = None


class Candidate(BaseModel):
    """A start that was compared, with the expected mean over the job."""

    start_at: datetime
    mean_gco2eq_per_kwh: float | None


class Plan(BaseModel):
    """What a job that is ready now would do."""

    decision: StartDecision
    curve: list[GridPoint] = Field(description="What is believed about the hours up to the deadline's end.")
    candidates: list[Candidate] = Field(description="At most 48, evenly taken; the planned start is among them.")


class ForecastAnswer(BaseModel):
    """A zone's measured past, its present, the hours ahead, and the plan for a job when one was asked for."""

    zone: str
    name: str | None
    asked_at: datetime
    source: str | None
    signal: Signal | None
    basis: str | None = Field(description="What the intensities count, for a footnote.")
    synthetic: Synthetic | None
    current: CarbonIntensity | None
    level: IntensityLevel | None
    measured: list[GridPoint]
    forecast: list[GridPoint]
    forecast_issued_at: datetime | None
    problems: list[str] = Field(description="One sentence for each thing that could not be had.")
    plan: Plan | None


class WatchedZone(BaseModel):
    """A zone that this Airflow has to do with."""

    zone: str
    name: str | None
    waits: int = Field(description="Waits in progress there.")
    is_default: bool
    next_start_at: datetime | None


class WatchedZonesAnswer(BaseModel):
    zones: list[WatchedZone] = Field(description="Those with waits first, by next start; then by key.")


class BacktestAnswer(BaseModel):
    """What policies would have done for a job that becomes ready at every hour of the last days."""

    zone: str
    source: str | None
    first_at: datetime | None = Field(description="Begin of the readings; the first week is only looked back on.")
    end_at: datetime | None
    forecasts: int = Field(description="Issued forecasts among them.")
    rows: list[BacktestRow] = Field(description="One a policy; empty when there are too few readings.")
    note: str
