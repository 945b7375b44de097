"""Energy that nobody measured: modelled on the instance, modelled by default, and HyperSDK's formula to compare."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field, model_validator

from airflow_provider_hypercarbon.carbon.coefficients import (
    MEMORY_WATTS_PER_GB,
    SERVER_FULL_WATTS,
    SERVER_HIGHEST_WATTS,
    SERVER_IDLE_WATTS,
    SERVER_SOURCE,
    USUAL_UTILIZATION,
    VCPU_SOURCE,
    VCPU_WATTS,
    Coefficient,
    NetworkPath,
    Site,
    pue_of,
)
from airflow_provider_hypercarbon.carbon.energy import (
    SIZE_UNKNOWN,
    EnergyComponent,
    EnergyEstimate,
    hours_of,
    network_component,
)
from airflow_provider_hypercarbon.carbon.intensity import Frozen

Pue = Annotated[float, Field(ge=1, le=5)] | Site
_Positive = Annotated[float, Field(gt=0, lt=1e6)]


class InstanceEnergyModel(Frozen):
    """A worker whose size is known: power between idle and full load, by cited coefficients.

    On a server of one's own the worker takes its share of the threads of the whole server, whose draw includes the
    memory. In a cloud it takes its virtual CPUs and its memory.

    :param vcpus: virtual CPUs, or threads, of the worker that moves the data.
    :param memory_gb: its memory; counted in a cloud only.
    :param utilization: mean use of its CPUs, 0 to 1.
    :param site: who runs the server.
    :param host_threads: threads of the server; on premises only.
    :param host_idle_watts: what the server draws when idle; else the mean of published servers.
    :param host_full_watts: what it draws at full load, likewise.
    :param pue: the site's own, or that of a kind of site; else that of ``site``.
    :param network: class of the path that the data take; None counts no network.
    """

    model: Literal["instance"] = "instance"
    vcpus: _Positive
    memory_gb: Annotated[float, Field(ge=0, lt=1e6)] | None = None
    utilization: Annotated[float, Field(ge=0, le=1)] = USUAL_UTILIZATION
    site: Site = "on_premises"
    host_threads: _Positive = 64
    host_idle_watts: _Positive | None = None
    host_full_watts: _Positive | None = None
    pue: Pue | None = None
    network: NetworkPath | None = "same_site"

    @model_validator(mode="after")
    def _whole(self) -> InstanceEnergyModel:
        if (self.host_idle_watts is None) != (self.host_full_watts is None):
            raise ValueError("host_idle_watts and host_full_watts go together")
        if (self.host_idle_watts or 0) > (self.host_full_watts or 0):
            raise ValueError("host_idle_watts is above host_full_watts")
        if self.site == "on_premises" and self.vcpus > self.host_threads:
            raise ValueError("vcpus are more than the server's host_threads")
        return self

    def estimate(
        self, duration: timedelta, data_gb: float | None, *, started_at: datetime | None = None
    ) -> EnergyEstimate:
        """Return the energy of host, memory and network."""
        kilohours = hours_of(duration, data_gb) / 1000
        pue = pue_of(self.site if self.pue is None else self.pue)
        parts = [EnergyComponent.of("host", self._host_watts().times(pue).scaled(kilohours), shiftable=True)]
        if self.memory_gb is not None and self.site != "on_premises":
            memory = MEMORY_WATTS_PER_GB.scaled(self.memory_gb).times(pue).scaled(kilohours)
            parts.append(EnergyComponent.of("memory", memory, shiftable=True))
        parts += network_component(self.network, data_gb)
        return EnergyEstimate(model="instance-v1", tier="instance", components=tuple(parts))

    def _host_watts(self) -> Coefficient:
        if self.site != "on_premises":
            idle, full = VCPU_WATTS[self.site]
            return _between(idle, full, full, self.utilization, f"host: {VCPU_SOURCE}").scaled(self.vcpus)
        share = self.vcpus / self.host_threads
        if self.host_idle_watts is not None and self.host_full_watts is not None:
            idle, full = self.host_idle_watts, self.host_full_watts
            return _between(idle, full, full, self.utilization, "host: watts as given").scaled(share)
        return _server_watts(self.utilization).scaled(share)


class DefaultEnergyModel(Frozen):
    """Nothing is known: a backup proxy of 4 of the 64 threads of a server on premises, data within the site.

    :param pue: the site's own, or that of a kind of site.
    :param network: class of the path that the data take; None counts no network.
    """

    model: Literal["default"] = "default"
    pue: Pue = "on_premises"
    network: NetworkPath | None = "same_site"

    def estimate(
        self, duration: timedelta, data_gb: float | None, *, started_at: datetime | None = None
    ) -> EnergyEstimate:
        """Return the energy of host and network."""
        kilohours = hours_of(duration, data_gb) / 1000
        watts = _server_watts(USUAL_UTILIZATION).scaled(DEFAULT_THREADS / DEFAULT_HOST_THREADS)
        host = EnergyComponent.of("host", watts.times(pue_of(self.pue)).scaled(kilohours), shiftable=True)
        parts = (host, *network_component(self.network, data_gb))
        return EnergyEstimate(model="default-v1", tier="default", components=parts)


#: A small backup proxy on a usual server with two sockets.
DEFAULT_THREADS, DEFAULT_HOST_THREADS = 4, 64
DEFAULT_ENERGY_MODEL = DefaultEnergyModel()


class HyperSDKEnergyModel(Frozen):
    """The formula of the HyperSDK daemon's code, to compare with: ``(100 W + 50 W/TB) x hours``.

    500 GB in 2 h is 0.25 kWh; its document prints 0.225 by mistake. It cites no source, leaves out PUE and network,
    and counts the size twice, as power and as duration. Its bounds, half to twice, are a judgement.
    """

    model: Literal["hypersdk"] = "hypersdk"

    def estimate(
        self, duration: timedelta, data_gb: float | None, *, started_at: datetime | None = None
    ) -> EnergyEstimate:
        """Return the energy of the whole, as one part."""
        hours = hours_of(duration, data_gb)
        if data_gb is None:
            host = EnergyComponent(name="host", shiftable=True, source=_HYPERSDK_SOURCE, missing=SIZE_UNKNOWN)
        else:
            watts = 100.0 + 50.0 * data_gb / 1000
            kwh = Coefficient(low=0.5, central=1, high=2, unit="kWh", source=_HYPERSDK_SOURCE)
            host = EnergyComponent.of("host", kwh.scaled(watts * hours / 1000), shiftable=True)
        return EnergyEstimate(model="hypersdk-v1", tier="comparison", components=(host,), coefficients_version=None)


_HYPERSDK_SOURCE = "HyperSDK, providers/carbon/electricitymap.go at bb0bf13, EstimateEnergy; it cites none"
HYPERSDK_ENERGY_MODEL = HyperSDKEnergyModel()


def _server_watts(utilization: float) -> Coefficient:
    return _between(SERVER_IDLE_WATTS, SERVER_FULL_WATTS, SERVER_HIGHEST_WATTS, utilization, f"host: {SERVER_SOURCE}")


def _between(idle: float, full: float, highest: float, utilization: float, source: str) -> Coefficient:
    """Return watts: idle at the least, by utilisation in the middle, all at the most."""
    return Coefficient(low=idle, central=idle + utilization * (full - idle), high=highest, unit="W", source=source)
