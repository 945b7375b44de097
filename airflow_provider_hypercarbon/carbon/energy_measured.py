"""Energy that somebody measured: a meter's kWh, vSphere's counter, CodeCarbon."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, model_validator

from airflow_provider_hypercarbon.carbon.coefficients import (
    MEASURED_RELATIVE_ERROR,
    Coefficient,
    NetworkPath,
    exactly,
    pue_of,
)
from airflow_provider_hypercarbon.carbon.energy import (
    EnergyComponent,
    EnergyEstimate,
    hours_of,
    network_component,
)
from airflow_provider_hypercarbon.carbon.energy_models import (
    DefaultEnergyModel,
    HyperSDKEnergyModel,
    InstanceEnergyModel,
    Pue,
)
from airflow_provider_hypercarbon.carbon.intensity import Frozen, UtcDatetime

_JOULES_PER_KWH = 3.6e6
#: Samples may leave out this share of a run; the rest then counts for all of it.
_LEAST_COVERAGE = 0.9

_Kwh = Annotated[float, Field(ge=0, lt=1e9)]


class MeasuredEnergyModel(Frozen):
    """Energy of the run as a meter, or anybody, says. It covers what was metered; nothing is added unasked.

    :param kwh: of the whole run.
    :param low_kwh: lower bound; else a quarter below, by judgement, as a job's share of a meter is never exact.
    :param high_kwh: upper bound, likewise.
    :param by: who measured what, such as ``PDU A7, outlets of the proxy``.
    :param pue: to add cooling and losses when the meter is at the computer; None adds nothing.
    :param network: class of the path when the network is to be added; None adds nothing.
    """

    model: Literal["measured"] = "measured"
    kwh: _Kwh
    low_kwh: _Kwh | None = None
    high_kwh: _Kwh | None = None
    by: Annotated[str, Field(min_length=1, max_length=200)]
    pue: Pue | None = None
    network: NetworkPath | None = None

    @model_validator(mode="after")
    def _in_order(self) -> MeasuredEnergyModel:
        if not (self.low_kwh or 0) <= self.kwh <= (math.inf if self.high_kwh is None else self.high_kwh):
            raise ValueError("kwh is not between low_kwh and high_kwh")
        return self

    def estimate(
        self, duration: timedelta, data_gb: float | None, *, started_at: datetime | None = None
    ) -> EnergyEstimate:
        """Return the metered energy as the host's, and the network's when it was asked for."""
        hours_of(duration, data_gb)
        kwh = _measured(self.kwh, f"measured: {self.by}", self.low_kwh, self.high_kwh)
        host = EnergyComponent.of("host", kwh if self.pue is None else kwh.times(pue_of(self.pue)), shiftable=True)
        return _estimate("measured-v1", [host, *network_component(self.network, data_gb)])


class EnergySample(Frozen):
    """What a counter says about the interval that ended at an instant."""

    at: UtcDatetime
    value: float | None

    @model_validator(mode="before")
    @classmethod
    def _pair(cls, value: Any) -> Any:
        return dict(zip(("at", "value"), value, strict=True)) if isinstance(value, list | tuple) else value


class VSphereEnergyModel(Frozen):
    """vSphere's performance counters of the host or of the proxy's virtual machine, over the run.

    :param samples: pairs of an instant, the end of the sample's interval, and its value. vSphere's -1, and null, are
        missing values.
    :param counter: ``power.energy`` in joules an interval (its rollup is a summation) or ``power.power`` in watts.
    :param interval_seconds: 20 for real-time samples, 300 for the first level of history.
    :param share: of this counter that the run takes: 1 for its own machine, else its share of the host's CPU.
    :param baseline_watts: what is drawn without the run, taken away first; 0 attributes the whole.
    :param pue: the site's own, or that of a kind of site.
    :param network: class of the path that the data take; None counts no network.
    """

    model: Literal["vsphere"] = "vsphere"
    samples: tuple[EnergySample, ...] = Field(max_length=200_000)
    counter: Literal["power.energy", "power.power"] = "power.energy"
    interval_seconds: Annotated[float, Field(gt=0, le=86400)] = 20
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    baseline_watts: Annotated[float, Field(ge=0, lt=1e6)] = 0.0
    pue: Pue = "on_premises"
    network: NetworkPath | None = "same_site"

    def estimate(
        self, duration: timedelta, data_gb: float | None, *, started_at: datetime | None = None
    ) -> EnergyEstimate:
        """Return the metered energy with the site's PUE, and the network's.

        :raises ValueError: nobody says when the run began.
        """
        hours = hours_of(duration, data_gb)
        if started_at is None:
            raise ValueError("Samples belong to a run that has begun; they tell nothing about one to come.")
        joules, covered = self._within(started_at, started_at + duration)
        source = f"measured: vSphere {self.counter}"
        if hours and covered < _LEAST_COVERAGE:
            missing = f"The samples of vSphere cover {covered:.0%} of the run, so its energy is unknown."
            host = EnergyComponent(name="host", shiftable=True, source=source, missing=missing)
        else:
            baseline = self.baseline_watts * hours / 1000
            kwh = max(0.0, joules / _JOULES_PER_KWH / (covered or 1.0) - baseline) * self.share
            host = EnergyComponent.of("host", _measured(kwh, source).times(pue_of(self.pue)), shiftable=True)
        return _estimate("vsphere-v1", [host, *network_component(self.network, data_gb)])

    def _within(self, start: datetime, end: datetime) -> tuple[float, float]:
        """Return the joules of all samples within ``[start, end)`` and the share of it that they cover."""
        interval, joules, seconds = timedelta(seconds=self.interval_seconds), [], 0.0
        watts = 1.0 if self.counter == "power.power" else 1 / self.interval_seconds
        # A sample that came twice counts once.
        for at, value in {sample.at: sample.value for sample in self.samples}.items():
            if value is None or not 0 <= value < math.inf:
                continue
            if (part := (min(end, at) - max(start, at - interval)).total_seconds()) > 0:
                joules.append(value * watts * part)
                seconds += part
        span = (end - start).total_seconds()
        return math.fsum(joules), min(1.0, seconds / span) if span else 1.0


class CodeCarbonEnergyModel(Frozen):
    """What CodeCarbon says of the machine that it ran on: for work done on an Airflow worker itself.

    It knows nothing of a hypervisor or of storage elsewhere. In most virtual machines it cannot read the CPU's own
    counters and takes constants instead, without saying so: hence bounds of half and twice, a judgement.

    :param data: the fields of ``tracker.final_emissions_data``: ``energy_consumed`` in kWh, ``codecarbon_version``,
        ``tracking_mode``. Its own emissions and factors are left aside.
    :param pue: the site's own, or that of a kind of site.
    :param network: class of the path that the data take; None counts no network.
    """

    model: Literal["codecarbon"] = "codecarbon"
    data: dict[str, Any]
    pue: Pue = "on_premises"
    network: NetworkPath | None = "same_site"

    @model_validator(mode="after")
    def _readable(self) -> CodeCarbonEnergyModel:
        self._parts()
        return self

    def estimate(
        self, duration: timedelta, data_gb: float | None, *, started_at: datetime | None = None
    ) -> EnergyEstimate:
        """Return the energy of processors and of memory, with the site's PUE, and the network's."""
        hours_of(duration, data_gb)
        version, mode = self.data.get("codecarbon_version", "?"), self.data.get("tracking_mode", "machine")
        source, pue = f"measured: CodeCarbon {version}, tracking {mode}", pue_of(self.pue)
        # CodeCarbon's own PUE, where somebody set it, is in its sum already.
        own_pue = exactly(1.0, "", "PUE: CodeCarbon's") if (self.data.get("pue") or 1.0) != 1.0 else pue
        host, memory = self._parts()
        parts = [
            EnergyComponent.of(name, _measured(kwh, source, kwh / 2, kwh * 2).times(own_pue), shiftable=True)
            for name, kwh in (("host", host), ("memory", memory))
        ]
        return _estimate("codecarbon-v1", [*parts, *network_component(self.network, data_gb)])

    def _parts(self) -> tuple[float, float]:
        try:
            whole, memory = (float(self.data.get(name) or 0.0) for name in ("energy_consumed", "ram_energy"))
        except (TypeError, ValueError):
            whole = memory = math.nan
        if "energy_consumed" not in self.data or not 0 <= memory <= whole < math.inf:
            raise ValueError("data have no energy_consumed in kWh; give asdict(tracker.final_emissions_data)")
        return whole - memory, memory


AnyEnergyModel = Annotated[
    DefaultEnergyModel
    | InstanceEnergyModel
    | MeasuredEnergyModel
    | VSphereEnergyModel
    | CodeCarbonEnergyModel
    | HyperSDKEnergyModel,
    Field(discriminator="model"),
]


def read_energy_model(spec: dict[str, Any]) -> AnyEnergyModel:
    """Read what a user says about the energy, such as ``{"model": "instance", "vcpus": 4}``.

    :raises ValueError: no such model, or a wrong field.
    """
    return _reader().validate_python(spec)


@cache
def _reader() -> TypeAdapter[AnyEnergyModel]:
    # Made when it is first needed: a DAG file that only names our tasks never does.
    return TypeAdapter(AnyEnergyModel)


def _measured(kwh: float, source: str, low: float | None = None, high: float | None = None) -> Coefficient:
    return Coefficient(
        low=kwh * (1 - MEASURED_RELATIVE_ERROR) if low is None else low,
        central=kwh,
        high=kwh * (1 + MEASURED_RELATIVE_ERROR) if high is None else high,
        unit="kWh",
        source=source,
    )


def _estimate(model: str, parts: list[EnergyComponent]) -> EnergyEstimate:
    return EnergyEstimate(model=model, tier="measured", components=tuple(parts))
