"""The four endpoints of the HyperSDK documents, with their field names, and the one shape of a forecast."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from airflow_provider_hypercarbon.carbon.energy import EnergyModel
from airflow_provider_hypercarbon.carbon.energy_models import DEFAULT_ENERGY_MODEL, HYPERSDK_ENERGY_MODEL
from airflow_provider_hypercarbon.carbon.intensity import (
    MAX_PLAUSIBLE_GCO2EQ_PER_KWH,
    CarbonIntensity,
    IntensityLevel,
    Synthetic,
    UtcDatetime,
)
from airflow_provider_hypercarbon.plugin.schemas import examples

#: A petabyte takes weeks; a larger size is a number of bytes by mistake.
MAX_DATA_GB = 1_000_000.0
MAX_DURATION_HOURS = 14 * 24.0
MAX_REPORTED_SPAN = timedelta(days=14)

ZoneName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        description='Zone key or alias, such as DE or EU-DE; "GET /carbon/zones" lists them.',
        examples=["US-CAL-CISO"],
    ),
]
DataGb = Annotated[
    float,
    Field(gt=0, le=MAX_DATA_GB, allow_inf_nan=False, strict=True, description="GB, 10^9 bytes.", examples=[500.0]),
]


EnergyChoice = Annotated[
    Literal["default", "hypersdk"],
    Field(
        description="How to reckon energy: `default`, from cited coefficients of a proxy server, or HyperSDK's: "
        "(100 W + 50 W per TB) times the hours, which cites no source."
    ),
]
ENERGY_MODELS: dict[str, EnergyModel] = {"default": DEFAULT_ENERGY_MODEL, "hypersdk": HYPERSDK_ENERGY_MODEL}


class Body(BaseModel):
    """A request: an unknown field is a mistake."""

    model_config = ConfigDict(extra="forbid")


class ForecastPoint(BaseModel):
    """One slot of a forecast; every route uses this shape."""

    time: datetime = Field(description="Begin of the slot, UTC.")
    intensity: float = Field(description="Mean over the slot, gCO2eq/kWh.", examples=[132.1])
    quality: IntensityLevel = Field(description="Level of the intensity.", examples=["good"])

    @classmethod
    def of(cls, slot: CarbonIntensity) -> ForecastPoint:
        return cls(time=slot.start_at, intensity=slot.gco2eq_per_kwh, quality=slot.level)


class StatusRequest(Body):
    zone: ZoneName
    threshold: Annotated[
        float,
        Field(gt=0, le=MAX_PLAUSIBLE_GCO2EQ_PER_KWH, allow_inf_nan=False, strict=True, description="gCO2eq/kWh."),
    ] = 200.0

    model_config = ConfigDict(json_schema_extra={"examples": [{"zone": "US-CAL-CISO", "threshold": 200.0}]})


class StatusAnswer(BaseModel):
    """A grid now and in the next four hours."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.STATUS]})

    zone: str
    current_intensity: float = Field(description="gCO2eq/kWh.", examples=[145.2])
    renewable_percent: float | None = Field(description="Null where the source does not say.")
    optimal_for_backup: bool = Field(description="The present intensity is at or under the threshold.")
    next_optimal_time: datetime | None = Field(
        description="Begin of the first slot ahead at or under the threshold; null when that is now, or not in sight."
    )
    forecast_next_4h: list[ForecastPoint] = Field(description="Empty when the source gives no forecast.")
    reasoning: str
    quality: IntensityLevel
    timestamp: datetime = Field(description="Begin of the slot that the present intensity is of, UTC.")
    threshold: float
    source: str
    estimated: bool | None = Field(description="The source marks the present value as an estimate; null: unknown.")
    synthetic: Synthetic | None = Field(description="Made up, by the mock or for a sandbox key; not for any report.")


class ReportRequest(Body):
    job_id: Annotated[str, Field(min_length=1, max_length=250)]
    start_time: UtcDatetime
    end_time: UtcDatetime
    data_size_gb: DataGb
    zone: ZoneName
    scheduled_time: UtcDatetime | None = Field(
        None, description="When the job could have started; asks for the difference to that start."
    )

    energy_model: EnergyChoice = "default"

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "job_id": "job-123",
                    "start_time": "2026-02-04T10:00:00Z",
                    "end_time": "2026-02-04T12:00:00Z",
                    "data_size_gb": 500.0,
                    "zone": "US-CAL-CISO",
                }
            ]
        }
    )

    @model_validator(mode="after")
    def _in_order(self) -> ReportRequest:
        span = self.end_time - self.start_time
        if not timedelta(0) <= span <= MAX_REPORTED_SPAN:
            raise ValueError(f"end_time must be 0 to {MAX_REPORTED_SPAN.days} days after start_time")
        if self.scheduled_time and not timedelta(0) <= self.start_time - self.scheduled_time <= MAX_REPORTED_SPAN:
            raise ValueError(f"scheduled_time must be 0 to {MAX_REPORTED_SPAN.days} days before start_time")
        return self


class ReportAnswer(BaseModel):
    """What a job emitted, by the intensities that were measured while it ran. Unknown is null, never zero."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.REPORT]})

    operation_id: str
    start_time: datetime
    end_time: datetime
    duration_hours: float
    data_size_gb: float
    energy_kwh: float | None = Field(examples=[0.25])
    carbon_intensity_gco2_kwh: float | None = Field(description="Time-weighted mean over the run.", examples=[145.2])
    carbon_emissions_kg_co2: float | None = Field(description="kgCO2eq.", examples=[0.0363])
    savings_vs_worst_kg_co2: float | None = Field(
        description="Against electricity from coal at 1,000 g/kWh, as HyperSDK has it; not what waiting saved.",
        examples=[0.2137],
    )
    renewable_percent: float | None
    equivalent: str | None
    carbon_emissions_low_kg_co2: float | None
    carbon_emissions_high_kg_co2: float | None
    difference_to_scheduled_kg_co2: float | None = Field(
        description="This run minus the same energy at scheduled_time; negative is less. Attributional."
    )
    energy_model: str
    source: str | None
    provisional: bool
    synthetic: Synthetic | None
    missing: list[str] = Field(description="Why a figure is null.")
    method: str


class ZoneAnswer(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [examples.ZONE]})

    id: str = Field(examples=["US-CAL-CISO"])
    name: str
    region: str
    description: str
    typical_intensity: float | None = Field(description="Yearly mean, gCO2eq/kWh.", examples=[208.0])
    modelled: bool = Field(description="No live data behind it: do not delay jobs on it.")


class ZonesAnswer(BaseModel):
    zones: list[ZoneAnswer]
    total: int


class EstimateRequest(Body):
    zone: ZoneName
    data_size_gb: DataGb
    duration_hours: Annotated[
        float,
        Field(
            gt=0,
            le=MAX_DURATION_HOURS,
            allow_inf_nan=False,
            strict=True,
            description="Of the job.",
            examples=[2.0],
        ),
    ]
    max_delay_hours: Annotated[
        float,
        Field(ge=0, le=48, allow_inf_nan=False, strict=True, description="Longest wait, hours.", examples=[4.0]),
    ] = 4.0
    energy_model: EnergyChoice = "default"

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"zone": "US-CAL-CISO", "data_size_gb": 500.0, "duration_hours": 2.0}]}
    )


class EstimateAnswer(BaseModel):
    """What waiting would change for a job. Intensities are means over its duration, expected from the forecast."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.ESTIMATE]})

    current_intensity_gco2_kwh: float = Field(examples=[350.0])
    current_emissions_kg_co2: float = Field(examples=[0.0875])
    best_intensity_gco2_kwh: float = Field(examples=[120.0])
    best_emissions_kg_co2: float = Field(examples=[0.03])
    best_time: datetime | None = Field(description="The start with the lowest mean; null when that is now.")
    savings_kg_co2: float = Field(
        description="Less emitted than when started now: an attributional difference.", examples=[0.0575]
    )
    savings_percent: float = Field(examples=[65.7])
    delay_minutes: float | None = Field(examples=[165.0])
    recommendation: str
    forecast: list[ForecastPoint]
    energy_kwh: float = Field(examples=[0.25])
    energy_model: str
    source: str | None
    synthetic: Synthetic | None
