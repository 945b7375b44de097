"""The four endpoints of the HyperSDK documents: status, report, zones, estimate."""

from __future__ import annotations

from datetime import datetime, timedelta

from fastapi import APIRouter

from airflow_provider_hypercarbon.carbon.footprint import CarbonReport, history_needed, make_report
from airflow_provider_hypercarbon.carbon.intensity import CarbonIntensity, IntensitySeries
from airflow_provider_hypercarbon.carbon.report_json import hypersdk_fields
from airflow_provider_hypercarbon.carbon.savings import SavingsEstimate
from airflow_provider_hypercarbon.carbon.zones import zone_key
from airflow_provider_hypercarbon.exceptions import AccessDeniedError, NoDataError, RemoteError
from airflow_provider_hypercarbon.plugin.backends import Now, Source
from airflow_provider_hypercarbon.plugin.errors import BODY_RESPONSES
from airflow_provider_hypercarbon.plugin.schemas.mission import (
    ENERGY_MODELS,
    EstimateAnswer,
    EstimateRequest,
    ForecastPoint,
    ReportAnswer,
    ReportRequest,
    StatusAnswer,
    StatusRequest,
    ZoneAnswer,
    ZonesAnswer,
)
from airflow_provider_hypercarbon.sources import CarbonSource
from airflow_provider_hypercarbon.sources.planning import estimate_waiting, look_at_grid

router = APIRouter(prefix="/carbon", tags=["carbon"])
_STATUS_HOURS = 4


@router.post("/status", responses=BODY_RESPONSES)
def carbon_status(asked: StatusRequest, source: Source, now: Now) -> StatusAnswer:
    """Tell a grid's state now against a threshold, and its next four hours."""
    state = look_at_grid(source, asked.zone, asked.threshold, _STATUS_HOURS, now=now)
    return StatusAnswer(
        zone=state.zone,
        current_intensity=state.current.gco2eq_per_kwh,
        renewable_percent=None,
        optimal_for_backup=state.optimal_for_backup,
        next_optimal_time=state.next_optimal_at,
        forecast_next_4h=[ForecastPoint.of(slot) for slot in state.forecast],
        reasoning=state.sentence,
        quality=state.level,
        timestamp=state.current.start_at,
        threshold=state.threshold,
        source=state.current.source,
        estimated=state.current.estimated,
        synthetic=state.current.synthetic,
    )


@router.post("/report", responses=BODY_RESPONSES)
def carbon_report(asked: ReportRequest, source: Source, now: Now) -> ReportAnswer:
    """Compute what a job emitted, by the intensities measured while it ran. Keeps nothing."""
    start, end = history_needed(asked.start_time, asked.end_time, asked.scheduled_time)
    series: IntensitySeries | None = None
    missing: tuple[str, ...] = ()
    try:
        series = source.history(asked.zone, start, end, now=now)
    except (NoDataError, AccessDeniedError) as error:
        missing = (f"No intensity for the time of the run: {error}",)
    report = make_report(
        operation_id=asked.job_id,
        zone=zone_key(asked.zone),
        started_at=asked.start_time,
        ended_at=asked.end_time,
        series=series,
        data_gb=asked.data_size_gb,
        scheduled_at=asked.scheduled_time,
        missing=missing,
        energy_model=ENERGY_MODELS[asked.energy_model],
    )
    return _report_answer(report)


@router.get("/zones")
def carbon_zones(source: Source) -> ZonesAnswer:
    """List the zones that the source can be asked about."""
    zones = [
        ZoneAnswer(
            id=zone.key,
            name=zone.name,
            region=zone.region,
            description=zone.description,
            typical_intensity=zone.typical_gco2eq_per_kwh,
            modelled=zone.modelled,
        )
        for zone in source.zones()
    ]
    return ZonesAnswer(zones=zones, total=len(zones))


@router.post("/estimate", responses=BODY_RESPONSES)
def carbon_estimate(asked: EstimateRequest, source: Source, now: Now) -> EstimateAnswer:
    """Estimate what waiting would change for a job of this size and duration that is ready now."""
    delay, duration = timedelta(hours=asked.max_delay_hours), timedelta(hours=asked.duration_hours)
    model = ENERGY_MODELS[asked.energy_model]
    found = estimate_waiting(source, asked.zone, asked.data_size_gb, duration, delay, now=now, energy_model=model)
    ahead = _ahead(source, asked.zone, now + delay + duration, now)
    waits = found.best_start_at > now
    return EstimateAnswer(
        current_intensity_gco2_kwh=found.now_gco2eq_per_kwh,
        current_emissions_kg_co2=found.now_kgco2eq,
        best_intensity_gco2_kwh=found.best_gco2eq_per_kwh,
        best_emissions_kg_co2=found.best_kgco2eq,
        best_time=found.best_start_at if waits else None,
        savings_kg_co2=-found.difference_kgco2eq + 0.0,
        savings_percent=found.saving_percent,
        delay_minutes=found.delay_minutes if waits else None,
        recommendation=_recommendation(found, asked.max_delay_hours),
        forecast=[ForecastPoint.of(slot) for slot in ahead],
        energy_kwh=found.energy_kwh,
        energy_model=found.energy_model,
        source=found.source,
        synthetic=found.synthetic,
    )


def _ahead(source: CarbonSource, zone: str, until: datetime, now: datetime) -> list[CarbonIntensity]:
    try:
        return [slot for slot in source.forecast(zone, until, now=now).readings() if slot.end_at > now]
    except (RemoteError, NoDataError):
        return []


def _recommendation(found: SavingsEstimate, max_delay_hours: float) -> str:
    if found.delay_minutes <= 0:
        return f"Start now: no start in the next {max_delay_hours:g} h has a lower mean."
    return (
        f"Delay {found.delay_minutes:.0f} minutes to emit {-found.difference_kgco2eq:.2g} kgCO2eq less "
        f"({found.saving_percent:.0f} % of the run)."
    )


def _report_answer(report: CarbonReport) -> ReportAnswer:
    return ReportAnswer(
        **hypersdk_fields(report),
        carbon_emissions_low_kg_co2=report.emissions_low_kgco2eq,
        carbon_emissions_high_kg_co2=report.emissions_high_kgco2eq,
        difference_to_scheduled_kg_co2=report.difference_to_scheduled_kgco2eq,
        energy_model=report.energy_model,
        source=report.source,
        provisional=report.provisional,
        synthetic=report.synthetic,
        missing=list(report.missing),
        method=report.method,
    )
