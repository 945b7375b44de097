"""The level colours can be told apart with every common kind of colour vision."""

from __future__ import annotations

import re
from itertools import combinations

import pytest

from airflow_provider_hypercarbon.plugin.page.rendering import STATIC

Triple = tuple[float, float, float]
#: Machado, Oliveira and Fernandes 2009, severity 1, in linear RGB.
VISION: dict[str, tuple[Triple, Triple, Triple]] = {
    "full": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
#: Björn Ottosson's OKLab: linear RGB to cone responses, and their cube roots to L, a, b.
TO_LMS = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
TO_LAB = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)


def times(matrix: tuple[Triple, ...], values: Triple) -> Triple:
    first, second, third = (sum(m * v for m, v in zip(row, values, strict=True)) for row in matrix)
    return first, second, third


def oklab(colour: str, vision: str) -> Triple:
    codes = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in codes)
    seen = times(VISION[vision], (red, green, blue))
    first, second, third = (
        max(0.0, v) ** (1 / 3) for v in times(TO_LMS, (max(0, seen[0]), max(0, seen[1]), max(0, seen[2])))
    )
    return times(TO_LAB, (first, second, third))


def levels(theme: str) -> list[str]:
    text = (STATIC / "page.css").read_text()
    block = re.search(r":root \{.*?\n\}" if theme == "light" else r":root\.dark \{.*?\n\}", text, re.DOTALL)
    assert block
    return re.findall(r"--level-\d: (#[0-9a-f]{6})", block[0])


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_levels_can_be_told_apart(theme: str, vision: str):
    """Any two levels are at least 0.12 apart in OKLab, where 0.02 is just visible."""
    seen = [oklab(colour, vision) for colour in levels(theme)]
    assert len(seen) == 5
    smallest = min(
        sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5 for one, other in combinations(seen, 2)
    )
    assert smallest >= 0.115, smallest
