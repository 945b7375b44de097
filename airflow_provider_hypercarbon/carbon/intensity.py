"""Carbon intensity of electricity: one value with its provenance, a series of them, and the words for its level."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from airflow_provider_hypercarbon.carbon.instants import as_utc
from airflow_provider_hypercarbon.exceptions import BadDataError

#: Above this no grid is: coal alone emits about 1,000 gCO2eq/kWh; Electricity Maps' dirtiest zones stay under.
MAX_PLAUSIBLE_GCO2EQ_PER_KWH = 1500.0

UtcDatetime = Annotated[AwareDatetime, AfterValidator(as_utc)]
#: Data that were made up: by our mock source, or by Electricity Maps for a sandbox key.
Synthetic = Literal["mock", "sandbox"]


class Frozen(BaseModel):
    """What all our values have in common: they never change, and an unknown field is a mistake."""

    # A model is built when it is first used: a DAG file that only names our tasks parses in half the time.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class IntensityLevel(StrEnum):
    """A word for an intensity; the cut points are HyperSDK's, each the first value of the next level."""

    EXCELLENT = "excellent"
    GOOD = "good"
    MODERATE = "moderate"
    POOR = "poor"
    VERY_POOR = "very poor"

    @classmethod
    def of(cls, gco2eq_per_kwh: float) -> IntensityLevel:
        """Return the level of an intensity in gCO2eq/kWh: under 100, 200, 400, 600, or above."""
        for limit, level in _LEVEL_LIMITS:
            if gco2eq_per_kwh < limit:
                return level
        return cls.VERY_POOR


_LEVEL_LIMITS = (
    (100, IntensityLevel.EXCELLENT),
    (200, IntensityLevel.GOOD),
    (400, IntensityLevel.MODERATE),
    (600, IntensityLevel.POOR),
)


class Signal(Frozen):
    """What an intensity counts. Two different signals are never compared, blended or summed.

    :param kind: ``average`` of all generation (for accounting) or ``marginal`` (of one more kWh).
    :param factors: emission factors: ``lifecycle`` with upstream, ``direct`` combustion at the plant with
        other greenhouse gases, ``operational`` combustion CO2 only (NESO).
    """

    kind: Literal["average", "marginal"] = "average"
    factors: Literal["lifecycle", "direct", "operational"] = "lifecycle"

    def __str__(self) -> str:
        return f"{self.kind}, {self.factors}"


class CarbonIntensity(Frozen):
    """The mean carbon intensity of a zone's electricity over one slot ``[start_at, end_at)``.

    :param gco2eq_per_kwh: gCO2eq per kWh.
    :param estimated: the provider marks the value as an estimate; None when it does not say.
    :param updated_at: when the provider last changed the value.
    :param synthetic: set when the value was made up (mock or sandbox).
    :param static: a yearly average, the same at every hour: it may account, and never makes a job wait.
    """

    zone: str
    start_at: UtcDatetime
    end_at: UtcDatetime
    gco2eq_per_kwh: float
    source: str
    signal: Signal = Signal()
    estimated: bool | None = None
    estimation_method: str | None = None
    updated_at: UtcDatetime | None = None
    synthetic: Synthetic | None = None
    static: bool = False

    @property
    def level(self) -> IntensityLevel:
        return IntensityLevel.of(self.gco2eq_per_kwh)


class Slot(NamedTuple):
    """One value of a series: the mean intensity in gCO2eq/kWh over a slot that starts at ``start_at`` (UTC)."""

    start_at: datetime
    gco2eq_per_kwh: float
    estimated: bool | None = None


class IntensitySeries(Frozen):
    """Intensities of one zone from one source: measured ones, or a forecast.

    :param slots: in order of time; a missing slot is a gap, not a zero.
    :param slot_length: the same for all.
    :param issued_at: when a forecast was made; for measured values, when they were last updated.
    :param estimation_method: how the provider estimated the newest slot, in its own word, where it says so. It tells
        whether to wait on the present, and is no part of what is recorded.
    :param problems: what stood in the way of something newer or more, one sentence each.
    :param static: yearly averages: see :class:`CarbonIntensity`.
    """

    zone: str
    source: str
    slots: tuple[Slot, ...]
    slot_length: timedelta = timedelta(hours=1)
    signal: Signal = Signal()
    issued_at: UtcDatetime | None = None
    synthetic: Synthetic | None = None
    problems: tuple[str, ...] = ()
    static: bool = False
    estimation_method: str | None = Field(default=None, exclude=True)

    @property
    def end_at(self) -> datetime | None:
        """The end of the last slot; None when there is none."""
        return self.slots[-1].start_at + self.slot_length if self.slots else None

    def readings(self) -> list[CarbonIntensity]:
        """Return each slot with its full provenance, as the hook and the REST API show it."""
        return [
            CarbonIntensity(
                zone=self.zone,
                start_at=slot.start_at,
                end_at=slot.start_at + self.slot_length,
                gco2eq_per_kwh=slot.gco2eq_per_kwh,
                source=self.source,
                signal=self.signal,
                estimated=slot.estimated,
                estimation_method=self.estimation_method if slot is self.slots[-1] else None,
                updated_at=self.issued_at,
                synthetic=self.synthetic,
                static=self.static,
            )
            for slot in self.slots
        ]


def checked_intensity(value: object, *, zone: str, signal: Signal) -> float:
    """Return ``value`` as gCO2eq/kWh, or refuse it: bad data never mean "clean".

    :raises BadDataError: null, text, not finite, negative, above 1,500, or an exact zero where the factors
        count construction and fuel supply (``lifecycle``) and so no electricity is free of emissions.
    """
    if value is None:
        raise BadDataError(f"The intensity of {zone} is null.", problem="null")
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        raise BadDataError(f"The intensity of {zone} is not a number.", problem="not_a_number")
    if value < 0:
        raise BadDataError(f"The intensity of {zone} is negative ({value:g}).", problem="negative")
    if value == 0 and signal.factors == "lifecycle":
        raise BadDataError(f"The life-cycle intensity of {zone} is zero, which no grid is.", problem="zero")
    if value > MAX_PLAUSIBLE_GCO2EQ_PER_KWH:
        raise BadDataError(
            f"The intensity of {zone} is {value:g} gCO2eq/kWh, above the plausible 1500.", problem="absurd"
        )
    return float(value)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # JSON knows integers that no float can hold
        return False
