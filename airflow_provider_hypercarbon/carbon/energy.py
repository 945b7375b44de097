"""How much energy a run took: its parts kept apart, each with low, central and high, and where they come from."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal, Protocol

from airflow_provider_hypercarbon.carbon.coefficients import (
    COEFFICIENTS_VERSION,
    NETWORK_KWH_PER_GB,
    Coefficient,
    NetworkPath,
)
from airflow_provider_hypercarbon.carbon.intensity import Frozen

#: 10^9 bytes, as the daemon and the storage vendors count; a TB is 1,000 of them.
BYTES_PER_GB = 1_000_000_000
HOUR = timedelta(hours=1)
SIZE_UNKNOWN = "The size of the data is unknown, so the energy is."

#: From the best to the weakest; ``comparison`` is a formula without a source.
EnergyTier = Literal["measured", "instance", "default", "comparison"]


class EnergyComponent(Frozen):
    """One part of the energy, in kWh with scenario bounds. Null is unknown, with the reason in ``missing``.

    :param name: ``host`` (active, with the site's PUE), ``memory`` (likewise), ``network`` (no PUE) or
        ``retention``.
    :param shiftable: whether it moves with the start of the run. The network's does not: its equipment draws the
        same with and without us, so a later start changes nothing about it.
    :param source: of the coefficients, or who measured.
    """

    name: Literal["host", "memory", "network", "retention"]
    energy_kwh: float | None = None
    energy_low_kwh: float | None = None
    energy_high_kwh: float | None = None
    shiftable: bool
    source: str
    missing: str | None = None

    @classmethod
    def of(cls, name: str, kwh: Coefficient, *, shiftable: bool) -> EnergyComponent:
        """Return the part with the bounds of a coefficient that has become kWh."""
        return cls.model_validate(
            {
                "name": name,
                "energy_kwh": kwh.central,
                "energy_low_kwh": kwh.low,
                "energy_high_kwh": kwh.high,
                "shiftable": shiftable,
                "source": kwh.source,
            }
        )


class EnergyEstimate(Frozen):
    """Energy of one run. Sums are null as long as a part is unknown: a part left out would be a zero invented.

    :param model: name and version of the model.
    :param coefficients_version: of the set of cited numbers; None where none was needed.
    """

    model: str
    tier: EnergyTier
    components: tuple[EnergyComponent, ...]
    coefficients_version: str | None = COEFFICIENTS_VERSION

    @property
    def energy_kwh(self) -> float | None:
        return total(part.energy_kwh for part in self.components)

    @property
    def energy_low_kwh(self) -> float | None:
        return total(part.energy_low_kwh for part in self.components)

    @property
    def energy_high_kwh(self) -> float | None:
        return total(part.energy_high_kwh for part in self.components)

    @property
    def shiftable_kwh(self) -> float | None:
        """The energy that moves with the start of the run."""
        return total(part.energy_kwh for part in self.components if part.shiftable)


class EnergyModel(Protocol):
    """Something that knows the energy of a run."""

    def estimate(
        self, duration: timedelta, data_gb: float | None, *, started_at: datetime | None = None
    ) -> EnergyEstimate:
        """Return the energy of a run over ``data_gb`` GB (10^9 bytes).

        :param started_at: for those that look into measurements.
        :raises ValueError: a negative duration or size, or one that is no number.
        """


def total(values: Iterable[float | None]) -> float | None:
    """Return the sum, rounded once; null as soon as one value is."""
    found = list(values)
    return None if None in found else math.fsum(value for value in found if value is not None)


def hours_of(duration: timedelta, data_gb: float | None) -> float:
    """Return the hours of a run that is possible.

    :raises ValueError: it is not.
    """
    if duration < timedelta(0) or not (data_gb is None or 0 <= data_gb < math.inf):
        raise ValueError(f"A run of {duration} over {data_gb} GB is impossible; both must be zero or more.")
    return duration / HOUR


def network_component(path: NetworkPath | None, data_gb: float | None) -> list[EnergyComponent]:
    """Return the network's part for a class of path; none when the caller counts none."""
    if path is None:
        return []
    per_gb = NETWORK_KWH_PER_GB[path]
    if data_gb is None:
        return [EnergyComponent(name="network", shiftable=False, source=per_gb.source, missing=SIZE_UNKNOWN)]
    return [EnergyComponent.of("network", per_gb.scaled(data_gb), shiftable=False)]
