"""The cited numbers behind every modelled energy: low, central, high, unit and source. Their set has a version."""

from __future__ import annotations

from typing import Literal

from airflow_provider_hypercarbon.carbon.intensity import Frozen

#: Changes with every number below, and stands in every report that rests on one.
COEFFICIENTS_VERSION = "2026.1"

_CCF = "Cloud Carbon Footprint, methodology, March 2024"
_CCF_SERVERS = "Cloud Carbon Footprint, packages/on-premise, March 2024 (SPECpower)"

Site = Literal["on_premises", "aws", "gcp", "azure"]
NetworkPath = Literal["same_site", "private_wan", "internet"]
Medium = Literal["hdd", "ssd"]


class Coefficient(Frozen):
    """A number with its scenario bounds. They are bounds of what is plausible, not a statistical interval.

    :param unit: what it counts.
    :param source: who published it; ``judgement`` where the bounds are ours.
    """

    low: float
    central: float
    high: float
    unit: str
    source: str

    def scaled(self, low: float, central: float | None = None, high: float | None = None) -> Coefficient:
        """Return it times one factor, or times a factor for each bound."""
        middle = low if central is None else central
        factors = (low, middle, middle if high is None else high)
        values = zip(("low", "central", "high"), (self.low, self.central, self.high), factors, strict=True)
        return self.model_copy(update={name: value * factor for name, value, factor in values})

    def times(self, other: Coefficient) -> Coefficient:
        """Return the product, bound by bound, with both sources."""
        product = self.scaled(other.low, other.central, other.high)
        return product.model_copy(update={"source": f"{self.source}; {other.source}"})


def exactly(value: float, unit: str, source: str) -> Coefficient:
    """Return a number that somebody gave, without bounds of its own."""
    return Coefficient(low=value, central=value, high=value, unit=unit, source=source)


#: Watts of a whole server: mean of the families when idle, mean at full load, the hungriest family at full load.
SERVER_IDLE_WATTS, SERVER_FULL_WATTS, SERVER_HIGHEST_WATTS = 65.8, 367.0, 919.0
SERVER_SOURCE = _CCF_SERVERS
#: Utilisation that Cloud Carbon Footprint assumes where nobody measured it.
USUAL_UTILIZATION = 0.5

#: Watts of a virtual CPU, idle and at full load.
VCPU_WATTS: dict[Site, tuple[float, float]] = {"aws": (0.74, 3.5), "gcp": (0.71, 4.26), "azure": (0.78, 3.76)}
VCPU_SOURCE = f"{_CCF} (SPECpower)"

MEMORY_WATTS_PER_GB = Coefficient(
    low=0.2, central=0.392, high=0.5, unit="W/GB", source=f"memory: {_CCF} (bounds: judgement)"
)

#: Power usage effectiveness: what the site draws for each watt of its computers.
PUE: dict[Site, Coefficient] = {
    "on_premises": Coefficient(
        low=1.2, central=1.56, high=1.8, unit="", source="PUE: Uptime Institute survey 2024 (bounds: judgement)"
    ),
    "aws": Coefficient(
        low=1.07, central=1.15, high=1.46, unit="", source="PUE: AWS 2023, global and by region (GSF real-time-cloud)"
    ),
    "gcp": Coefficient(low=1.09, central=1.1, high=1.1, unit="", source="PUE: Google (GSF real-time-cloud)"),
    "azure": Coefficient(low=1.16, central=1.17, high=1.18, unit="", source="PUE: Microsoft (GSF real-time-cloud)"),
}

#: The least certain of all: published values differ by more than a thousand.
NETWORK_KWH_PER_GB: dict[NetworkPath, Coefficient] = {
    "same_site": Coefficient(
        low=2e-5, central=1e-4, high=1e-3, unit="kWh/GB",
        source="network: two 10 GbE ports and NICs at 30 % use, up to Cloud Carbon Footprint's 0.001 (judgement)",
    ),
    "private_wan": Coefficient(
        low=1e-4, central=1e-3, high=1e-2, unit="kWh/GB",
        source=f"network: {_CCF} (bounds: judgement)",
    ),
    "internet": Coefficient(
        low=1e-3, central=7e-3, high=6e-2, unit="kWh/GB",
        source="network: Aslan et al. 2018, 0.06 in 2015, halved every two years to 2021 (low: judgement)",
    ),
}  # fmt: skip

STORAGE_WH_PER_TB_HOUR: dict[Medium, Coefficient] = {
    "hdd": Coefficient(
        low=0.4, central=0.65, high=1.3, unit="Wh/TBh", source=f"disk: {_CCF} (bounds: judgement)"
    ),
    "ssd": Coefficient(
        low=0.6, central=1.2, high=2.4, unit="Wh/TBh", source=f"flash: {_CCF} (bounds: judgement)"
    ),
}  # fmt: skip

#: How far off a measurement of the host may be for the share of one job.
MEASURED_RELATIVE_ERROR = 0.25


def pue_of(site_or_value: Site | float) -> Coefficient:
    """Return the PUE of a kind of site, or the one that somebody knows for a site."""
    if isinstance(site_or_value, int | float):
        return exactly(float(site_or_value), "", f"PUE: {site_or_value:g} as given")
    return PUE[site_or_value]
