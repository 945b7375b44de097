"""Emissions in pictures: kilometres of driving and years of a tree, by cited factors, rightly rounded."""

from __future__ import annotations

#: US EPA, Greenhouse Gas Equivalencies Calculator, 2024: 3.93e-4 t CO2eq per mile of an average car.
KGCO2EQ_PER_CAR_KM = 3.93e-4 * 1000 / 1.609344
#: The same: an urban tree seedling grown for ten years takes up 0.060 t.
KGCO2_PER_TREE_YEAR = 6.0
#: From here on two digits make 1, not 1,000 of the smaller unit.
_ROUNDS_TO_1 = 0.995


def equivalent(kgco2eq: float) -> str:
    """Write emissions as kilometres of an average car and, from 1 kg on, as years of a growing tree.

    Factors: US EPA 2024, see the constants above. Two significant digits; under 10 m "less than 10 m".
    """
    km = kgco2eq / KGCO2EQ_PER_CAR_KM
    driving = (
        f"{_two_digits(km)} km"
        if km >= _ROUNDS_TO_1
        else f"{_two_digits(km * 1000)} m"
        if km >= 0.01
        else "less than 10 m"
    )
    text = f"{driving} of driving an average car"
    if kgco2eq >= 1:
        years = _two_digits(kgco2eq / KGCO2_PER_TREE_YEAR)
        text += f", or what a young tree takes up in {years} year{'s' * (years != '1')}"
    return text


def _two_digits(value: float) -> str:
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:g}"
