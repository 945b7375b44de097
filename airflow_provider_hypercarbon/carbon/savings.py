"""What waiting would change for a job, before it runs."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_hypercarbon.carbon.curve import Curve
from airflow_provider_hypercarbon.carbon.energy import EnergyModel
from airflow_provider_hypercarbon.carbon.energy_models import DEFAULT_ENERGY_MODEL
from airflow_provider_hypercarbon.carbon.intensity import Frozen, Synthetic, UtcDatetime


class SavingsEstimate(Frozen):
    """What waiting would change for a job, expected from the curve; a difference of means, not a promise.

    :param energy_kwh: that moves with the start: host and memory, without the network's.
    :param best_start_at: the start with the lowest expected mean; now when none is lower.
    :param difference_kgco2eq: best minus now; negative is less, zero when now is best.
    :param saving_percent: the same as a share of now, as a positive number.
    :param source: whose data the curve is made of; None when it is unknown.
    :param synthetic: the curve is made up, by the mock or for a sandbox key.
    """

    zone: str
    duration_hours: float
    data_gb: float
    energy_kwh: float
    energy_model: str
    now_gco2eq_per_kwh: float
    now_kgco2eq: float
    best_gco2eq_per_kwh: float
    best_kgco2eq: float
    best_start_at: UtcDatetime
    delay_minutes: float
    difference_kgco2eq: float
    saving_percent: float
    source: str | None = None
    synthetic: Synthetic | None = None


def estimate_savings(
    curve: Curve,
    starts: list[datetime],
    *,
    zone: str,
    data_gb: float,
    duration: timedelta,
    now: datetime,
    energy_model: EnergyModel = DEFAULT_ENERGY_MODEL,
    source: str | None = None,
    synthetic: Synthetic | None = None,
) -> SavingsEstimate | None:
    """Compare starting now with the best of ``starts`` on a curve; None when the mean of now is unknown."""
    mean_now = curve.mean(now, duration)
    if mean_now is None:
        return None
    best_start, best = now, mean_now
    for start, mean in zip(starts, curve.means(starts, duration), strict=True):
        if mean is not None and mean < best:
            best_start, best = start, mean
    energy = energy_model.estimate(duration, data_gb)
    kwh = energy.shiftable_kwh
    if kwh is None:
        return None
    return SavingsEstimate(
        zone=zone,
        duration_hours=duration / timedelta(hours=1),
        data_gb=data_gb,
        energy_kwh=kwh,
        energy_model=energy.model,
        now_gco2eq_per_kwh=mean_now,
        now_kgco2eq=kwh * mean_now / 1000,
        best_gco2eq_per_kwh=best,
        best_kgco2eq=kwh * best / 1000,
        best_start_at=best_start,
        delay_minutes=(best_start - now) / timedelta(minutes=1),
        difference_kgco2eq=kwh * (best - mean_now) / 1000,
        saving_percent=100 * (1 - best / mean_now) if mean_now else 0.0,
        source=source,
        synthetic=synthetic,
    )
