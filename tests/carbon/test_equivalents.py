from __future__ import annotations

import pytest

from airflow_provider_hypercarbon.carbon.equivalents import KGCO2EQ_PER_CAR_KM, equivalent


def of_km(km: float) -> str:
    return equivalent(km * KGCO2EQ_PER_CAR_KM).split(" of driving")[0]


def test_the_factor_is_the_epa_s():
    """0.393 kg a mile are 0.244 kg a kilometre, so a kilogram is 4.1 km."""
    assert pytest.approx(0.24420, abs=1e-5) == KGCO2EQ_PER_CAR_KM
    assert equivalent(1).startswith("4.1 km of driving an average car")


@pytest.mark.parametrize(
    ("km", "text"),
    [
        (0, "less than 10 m"),
        (0.0099, "less than 10 m"),
        (0.01, "10 m"),
        (0.0997, "100 m"),
        (0.364, "360 m"),
        (0.994, "990 m"),
        (0.996, "1 km"),
        (1.04, "1 km"),
        (1.06, "1.1 km"),
        (1.96, "2 km"),
        (9.94, "9.9 km"),
        (9.97, "10 km"),
        (99.6, "100 km"),
        (12_345, "12,000 km"),
        (1_234_567, "1,200,000 km"),
        (3e15, "3,000,000,000,000,000 km"),
    ],
)
def test_two_digits_are_rounded_as_numbers(km: float, text: str):
    """1.96 is 2 and 9.97 is 10; large distances have separators and no exponent."""
    assert of_km(km) == text


@pytest.mark.parametrize(
    ("kg", "years"),
    [
        (0.99, None),
        (1, "0.17 years"),
        (5.97, "0.99 years"),
        (6, "1 year"),
        (11.76, "2 years"),
        (36_000, "6,000 years"),
    ],
)
def test_a_tree_is_named_from_one_kilogram_on(kg: float, years: str | None):
    """A seedling takes up 6 kg a year; below a kilogram the picture would be silly."""
    text = equivalent(kg)
    assert text.endswith(f"takes up in {years}") if years else "tree" not in text
