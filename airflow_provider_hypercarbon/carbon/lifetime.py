"""What stays after a run and what went before it: the backup on disk, and the making of the machine. Kept apart."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from airflow_provider_hypercarbon.carbon.coefficients import (
    STORAGE_WH_PER_TB_HOUR,
    Coefficient,
    Medium,
    pue_of,
)
from airflow_provider_hypercarbon.carbon.energy import SIZE_UNKNOWN, EnergyComponent, hours_of
from airflow_provider_hypercarbon.carbon.energy_models import Pue
from airflow_provider_hypercarbon.carbon.intensity import Frozen
from airflow_provider_hypercarbon.carbon.zones import zone_key

_YEAR = timedelta(days=365.25)


class Retention(Frozen):
    """How long the backup stays where. Its energy is drawn after the run and is no part of the run's.

    :param days: how long it is kept.
    :param zone: grid zone of the target site, when that is another than the run's.
    :param stored_gb: what is stored after compression and deduplication; else what was exported.
    :param medium: ``hdd`` or ``ssd``.
    :param copies: replicas.
    :param pue: the target site's own, or that of a kind of site.
    """

    days: Annotated[float, Field(gt=0, le=36525)]
    zone: Annotated[str, AfterValidator(zone_key)] | None = None
    stored_gb: Annotated[float, Field(ge=0, lt=1e12)] | None = None
    medium: Medium = "hdd"
    copies: Annotated[float, Field(gt=0, le=100)] = 1
    pue: Pue = "on_premises"

    def estimate(self, data_gb: float | None) -> EnergyComponent:
        """Return the energy over the whole retention."""
        per_tb_hour = STORAGE_WH_PER_TB_HOUR[self.medium]
        stored_gb = data_gb if self.stored_gb is None else self.stored_gb
        if stored_gb is None:
            return EnergyComponent(name="retention", shiftable=False, source=per_tb_hour.source, missing=SIZE_UNKNOWN)
        hours_of(timedelta(0), stored_gb)
        kwh = per_tb_hour.times(pue_of(self.pue)).scaled(stored_gb / 1000 * self.days * 24 * self.copies / 1000)
        return EnergyComponent.of("retention", kwh, shiftable=False)


class EmbodiedShare(Frozen):
    """A run's share of making the machine, as the Software Carbon Intensity counts it: ``TE x TiR/EL x RR/ToR``.

    :param kgco2eq: of making the machine (TE), from the maker's product carbon footprint.
    :param low_kgco2eq: lower bound where the maker gives one.
    :param high_kgco2eq: upper bound, likewise.
    :param share: of the machine that the run reserves (RR/ToR), such as 4 of 64 threads.
    :param lifetime_years: how long the machine is used (EL); 4 as Cloud Carbon Footprint takes it.
    :param by: where ``kgco2eq`` comes from.
    """

    kgco2eq: Annotated[float, Field(ge=0, lt=1e7)]
    low_kgco2eq: Annotated[float, Field(ge=0, lt=1e7)] | None = None
    high_kgco2eq: Annotated[float, Field(ge=0, lt=1e7)] | None = None
    share: Annotated[float, Field(gt=0, le=1)]
    lifetime_years: Annotated[float, Field(gt=0, le=50)] = 4.0
    by: Annotated[str, Field(min_length=1, max_length=200)]

    @model_validator(mode="after")
    def _in_order(self) -> EmbodiedShare:
        bounds = self._bounds()
        if not bounds.low <= bounds.central <= bounds.high:
            raise ValueError("kgco2eq is not between low_kgco2eq and high_kgco2eq")
        return self

    def over(self, duration: timedelta) -> Coefficient:
        """Return the kgCO2eq of a run of this length."""
        return self._bounds().scaled(duration / (self.lifetime_years * _YEAR) * self.share)

    def _bounds(self) -> Coefficient:
        low = self.kgco2eq if self.low_kgco2eq is None else self.low_kgco2eq
        high = self.kgco2eq if self.high_kgco2eq is None else self.high_kgco2eq
        return Coefficient(low=low, central=self.kgco2eq, high=high, unit="kgCO2eq", source=f"embodied: {self.by}")
