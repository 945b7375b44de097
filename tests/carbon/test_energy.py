from __future__ import annotations

import math
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_hypercarbon.carbon.energy import BYTES_PER_GB, HYPERSDK_ENERGY_MODEL, EnergyModel
from airflow_provider_hypercarbon.carbon.instants import as_utc

HOUR = timedelta(hours=1)
ESTIMATE = HYPERSDK_ENERGY_MODEL.estimate


@pytest.mark.parametrize(
    ("hours", "data_gb", "kwh"),
    [
        (2, 500, 0.25),  # (100 + 25) W x 2 h; the document prints 0.225
        (2.5, 750, 0.34375),  # (100 + 37.5) W x 2.5 h; the document prints 0.31
        (1, 0, 0.1),  # base load alone
        (1, 1000, 0.15),
        (72, 20_000, 79.2),  # (100 + 1000) W x 72 h
        (1 / 3600, 0.001, 0.1 / 3600),  # a second over a megabyte
    ],
)
def test_energy_is_power_by_size_times_duration(hours: float, data_gb: float, kwh: float):
    """HyperSDK's formula: (100 W + 50 W a TB) times the hours."""
    assert ESTIMATE(timedelta(hours=hours), data_gb).energy_kwh == pytest.approx(kwh, rel=1e-6)


def test_bounds_are_half_and_twice_the_central_value():
    """The estimate carries its scenario bounds and the name of its model."""
    estimate = ESTIMATE(2 * HOUR, 500)
    assert (estimate.energy_low_kwh, estimate.energy_high_kwh) == (pytest.approx(0.125), pytest.approx(0.5))
    assert estimate.model == "hypersdk-v1"


def test_no_duration_takes_no_energy():
    """A run that took no time took no energy: a known zero."""
    assert ESTIMATE(timedelta(0), 500).energy_kwh == 0


def test_another_model_uses_its_own_coefficients():
    """Coefficients and bounds are the model's."""
    model = EnergyModel(
        name="mine", base_watts=200, watts_per_tb=0, low_factor=0.75, high_factor=1.25, reference="a meter"
    )
    estimate = model.estimate(HOUR / 2, 9999)
    assert estimate.energy_kwh == pytest.approx(0.1)
    assert (estimate.energy_low_kwh, estimate.energy_high_kwh) == (pytest.approx(0.075), pytest.approx(0.125))


@pytest.mark.parametrize(("hours", "data_gb"), [(-1, 500), (2, -0.1), (2, math.nan), (2, math.inf), (2, -math.inf)])
def test_what_is_no_size_or_span_is_refused(hours: float, data_gb: float):
    """A negative span, and a size that is negative or no number, are a mistake and never a figure."""
    with pytest.raises(ValueError, match="impossible"):
        ESTIMATE(timedelta(hours=hours), data_gb)


def test_the_night_of_the_clock_change_counts_real_hours():
    """From 01:00 to 04:00 on the wall of Berlin, two hours pass in March and four in October."""
    berlin = ZoneInfo("Europe/Berlin")
    for month, day, hours in ((3, 29, 2), (10, 25, 4)):
        start, end = (datetime(2026, month, day, hour, tzinfo=berlin) for hour in (1, 4))
        assert ESTIMATE(as_utc(end) - as_utc(start), 0).energy_kwh == pytest.approx(hours * 0.1)


def test_a_gb_is_a_thousand_million_bytes():
    """As the daemon and the vendors of storage count."""
    assert BYTES_PER_GB == 10**9
