from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_hypercarbon.carbon.curve import Curve
from airflow_provider_hypercarbon.carbon.energy import EnergyModel
from airflow_provider_hypercarbon.carbon.energy_models import DEFAULT_ENERGY_MODEL, HYPERSDK_ENERGY_MODEL
from airflow_provider_hypercarbon.carbon.savings import SavingsEstimate, estimate_savings
from tests.carbon.grid import HOUR, NOW


def estimate(
    values: list[float | None], starts: list[float], hours: float = 2, model: EnergyModel = HYPERSDK_ENERGY_MODEL
) -> SavingsEstimate | None:
    return estimate_savings(
        Curve(NOW, HOUR, values),
        [NOW + timedelta(hours=start) for start in starts],
        zone="DE",
        data_gb=500,
        duration=timedelta(hours=hours),
        now=NOW,
        energy_model=model,
    )


def test_the_network_does_not_move_with_the_start():
    """By default 0.042 kWh of the host move; the 0.05 kWh of the network stay where they are."""
    found = estimate([400, 400, 100, 100], [2], model=DEFAULT_ENERGY_MODEL)
    energy = DEFAULT_ENERGY_MODEL.estimate(2 * HOUR, 500)
    assert found is not None
    assert found.energy_kwh == energy.shiftable_kwh == pytest.approx(0.042198)
    assert energy.energy_kwh == pytest.approx(0.092198)
    assert found.difference_kgco2eq == pytest.approx(0.042198 * -0.3)


def test_the_best_start_has_the_lowest_mean_over_the_job():
    """Two hours at 400 now, at 100 in three hours: 0.25 kWh make 0.1 kg and 0.025 kg, 75 % less."""
    found = estimate([400, 400, 300, 100, 100, 500], [0, 1, 2, 3, 4])
    assert found is not None
    assert (found.zone, found.duration_hours, found.data_gb, found.energy_model) == ("DE", 2, 500, "hypersdk-v1")
    assert found.energy_kwh == pytest.approx(0.25)
    assert (found.now_gco2eq_per_kwh, found.best_gco2eq_per_kwh) == (pytest.approx(400), pytest.approx(100))
    assert (found.now_kgco2eq, found.best_kgco2eq) == (pytest.approx(0.1), pytest.approx(0.025))
    assert found.best_start_at == NOW + 3 * HOUR
    assert found.delay_minutes == 180
    assert found.difference_kgco2eq == pytest.approx(-0.075)
    assert found.saving_percent == pytest.approx(75)


def test_a_start_between_slots_is_weighted_by_time():
    """From 18:30 for two hours: half an hour of 400, an hour of 200, half an hour of 100."""
    found = estimate([400, 200, 100, 300], [0.5])
    assert found is not None
    assert found.best_gco2eq_per_kwh == pytest.approx((400 * 0.5 + 200 * 1 + 100 * 0.5) / 2)
    assert found.delay_minutes == 30


@pytest.mark.parametrize("values", [[100, 100, 200, 300], [100, 100, 100, 100]])
def test_when_no_start_is_cleaner_now_is_best(values: list[float | None]):
    """A grid that only gets dirtier, or stays, promises nothing: difference zero, no delay."""
    found = estimate(values, [1, 2])
    assert found is not None
    assert found.best_start_at == NOW
    assert (found.difference_kgco2eq, found.saving_percent, found.delay_minutes) == (0, 0, 0)


def test_a_start_over_a_gap_is_no_candidate():
    """A job that would run over unknown hours is not called clean."""
    found = estimate([400, 400, None, 100, 90, 90], [0, 1, 2, 3, 4, 5])
    assert found is not None
    assert found.best_start_at == NOW + 4 * HOUR  # 5 would run past the known end


def test_without_the_present_there_is_no_comparison():
    """What starting now would emit is unknown, so is any saving."""
    assert estimate([None, 100, 100], [1]) is None


def test_a_grid_of_zero_cannot_be_divided_by():
    """Direct factors may be zero; then nothing is saved."""
    found = estimate([0, 0, 0], [1])
    assert found is not None
    assert (found.saving_percent, found.now_kgco2eq) == (0, 0)


def test_a_job_without_length_takes_no_energy_and_the_value_of_the_slot():
    """An instant job has the intensity of its slot and emits nothing."""
    found = estimate([400, 100], [1], hours=0)
    assert found is not None
    assert (found.best_gco2eq_per_kwh, found.best_kgco2eq, found.difference_kgco2eq) == (100, 0, 0)
