"""The ledger: reports by page, and sums of them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from airflow_provider_hypercarbon.carbon.footprint import CarbonReport
from airflow_provider_hypercarbon.carbon.intensity import Signal
from airflow_provider_hypercarbon.report_store import RunContext

Grouping = Literal["day", "zone", "vm", "dag", "reason"]


class ReportRow(BaseModel):
    """A report with the task instance that made it."""

    report: CarbonReport
    context: RunContext
    saved_at: datetime


class ReportsAnswer(BaseModel):
    reports: list[ReportRow]
    next_cursor: str | None = Field(description="For the next page, as `cursor`; null on the last.")


class Sums(BaseModel):
    """Sums over reports. Unknown figures are left out and counted, never taken for zero."""

    key: str | None = Field(description="Day (of `tz`), zone, VM path, DAG id or reason; null for all.")
    reports: int
    provisional: int = Field(description="Of them, those that may still change.")
    unknown: int = Field(description="Of them, those without a figure of emissions.")
    energy_kwh: float
    emissions_kgco2eq: float
    emissions_low_kgco2eq: float = Field(description="All lows together: the widest reading.")
    emissions_high_kgco2eq: float
    differences: int = Field(description="Reports that know the difference to their scheduled start.")
    difference_kgco2eq: float = Field(description="To the scheduled starts; negative is less. Attributional.")
    difference_low_kgco2eq: float = Field(description="By the low bound of the energy on both sides.")
    difference_high_kgco2eq: float


class LeftOut(BaseModel):
    """Reports of another signal, which is never summed with this one."""

    signal: Signal
    reports: int


class SumsAnswer(BaseModel):
    """All together, and by group when asked for."""

    total: Sums
    by: Grouping | None
    groups: list[Sums] = Field(description="Days in order, others by emissions; at most 400.")
    others: Sums | None = Field(description="What was cut off from the groups, together.")
    signal: Signal | None = Field(description="What the intensities of the summed reports count.")
    left_out: list[LeftOut] = Field(description="Reports of other signals; filter to see them.")
    includes_synthetic: bool
    tz: str
