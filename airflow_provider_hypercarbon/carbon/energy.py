"""How much energy a run took, when nobody measured it: named models with their source and scenario bounds."""

from __future__ import annotations

import math
from datetime import timedelta

from airflow_provider_hypercarbon.carbon.intensity import Frozen

#: 10^9 bytes, as the daemon and the storage vendors count; a TB is 1,000 of them.
BYTES_PER_GB = 1_000_000_000


class EnergyEstimate(Frozen):
    """Energy of one run in kWh. Low and high are scenario bounds, not a statistical interval.

    :param model: name and version of the model.
    """

    energy_kwh: float
    energy_low_kwh: float
    energy_high_kwh: float
    model: str


class EnergyModel(Frozen):
    """Power that a run draws, from the size of its data: ``base_watts + watts_per_tb * TB``, for its duration.

    :param low_factor: low bound as a share of the central value.
    :param high_factor: high bound likewise.
    :param reference: where the coefficients come from.
    """

    name: str
    base_watts: float
    watts_per_tb: float
    low_factor: float
    high_factor: float
    reference: str

    def estimate(self, duration: timedelta, data_gb: float) -> EnergyEstimate:
        """Return the energy of a run over ``data_gb`` GB (10^9 bytes).

        :raises ValueError: a negative duration or size, or one that is no number.
        """
        if duration < timedelta(0) or not 0 <= data_gb < math.inf:
            raise ValueError(f"A run of {duration} over {data_gb} GB is impossible; both must be zero or more.")
        watts = self.base_watts + self.watts_per_tb * data_gb / 1000
        energy = watts * (duration / timedelta(hours=1)) / 1000
        return EnergyEstimate(
            energy_kwh=energy,
            energy_low_kwh=energy * self.low_factor,
            energy_high_kwh=energy * self.high_factor,
            model=self.name,
        )


#: The formula of the HyperSDK daemon's code: 500 GB in 2 h is 0.25 kWh (its document prints 0.225 by mistake).
#: It cites no source and leaves out PUE and the network. The bounds are those of a modelled default, half to
#: twice, a judgement: they hold the central value of a dedicated proxy server only in part.
HYPERSDK_ENERGY_MODEL = EnergyModel(
    name="hypersdk-v1",
    base_watts=100.0,
    watts_per_tb=50.0,
    low_factor=0.5,
    high_factor=2.0,
    reference="HyperSDK, providers/carbon/electricitymap.go at bb0bf13, EstimateEnergy",
)
