"""The mock's grid: intensity as a function of a zone and of the number of an hour since 1970."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

from airflow_provider_hypercarbon.carbon.zones import Zone


class Shape(NamedTuple):
    """How a grid moves, as shares of its mean.

    :param sun: how deep the midday dip is on a clear day.
    :param evening: how high the evening peak is.
    :param morning: the same in the morning.
    :param weather: how far wind and water move the whole day.
    :param weekend: how much lower weekends are.
    """

    sun: float
    evening: float
    morning: float
    weather: float
    weekend: float


#: By the place of the catalogue's entries. Invented, after the look of the real grids in recent years.
SHAPES = {
    "california": Shape(0.60, 0.22, 0.08, 0.08, 0.06),
    "pacific-northwest": Shape(0.15, 0.12, 0.08, 0.18, 0.04),
    "midwest": Shape(0.16, 0.07, 0.03, 0.16, 0.05),
    "germany": Shape(0.48, 0.20, 0.10, 0.28, 0.14),
    "great-britain": Shape(0.24, 0.24, 0.12, 0.36, 0.08),
    "sweden": Shape(0.02, 0.04, 0.03, 0.06, 0.02),
    "singapore": Shape(0.05, 0.03, 0.01, 0.015, 0.02),
    "tokyo": Shape(0.28, 0.11, 0.04, 0.06, 0.06),
    "sydney": Shape(0.52, 0.16, 0.08, 0.12, 0.05),
    "north-india": Shape(0.42, 0.17, 0.09, 0.07, 0.03),
    "beijing": Shape(0.16, 0.08, 0.05, 0.08, 0.02),
    "shanghai": Shape(0.22, 0.10, 0.04, 0.07, 0.03),
}
#: Of all other zones, which have no longitude either: their sun is highest at 12:30 UTC.
_ELSEWHERE = Shape(0.25, 0.14, 0.07, 0.16, 0.06)
_TYPICAL_ELSEWHERE = 300.0
#: No invented value is further below the mean.
_LOWEST_SHARE = 0.1
_SUN_AT, _SUN_WIDTH = 12.5, 2.7
_EVENING_AT, _EVENING_WIDTH = 19.5, 2.2
_MORNING_AT, _MORNING_WIDTH = 7.5, 1.5
#: Hours in which the weather changes; not a whole number of days, so that no two days are alike.
_WEATHER_HOURS = 41
_ERROR_HOURS = 9
#: Typical forecast errors, as shares of the value: at once, what a day adds, and the most.
_ERROR_NOW, _ERROR_PER_DAY, _ERROR_MOST = 0.02, 0.06, 0.12
_MASK = (1 << 64) - 1


class MockGrid:
    """One zone's invented grid: what comes, and what is expected to come.

    :param zone: an entry of the catalogue.
    """

    def __init__(self, zone: Zone) -> None:
        self._typical = zone.typical_gco2eq_per_kwh or _TYPICAL_ELSEWHERE
        self._shape = SHAPES.get(zone.place, _ELSEWHERE)
        self._sun_hours_ahead = (zone.longitude or 0.0) / 15
        self._seed = crc32(zone.place.encode())
        # So that the mean over good and bad weather is the zone's typical intensity.
        clear = [self._day(hour + 0.5, sunny=0.7) for hour in range(24)]
        self._mean_of_day = sum(clear) / 24 * (1 - self._shape.weekend * 2 / 7)

    def truth(self, hour: int) -> float:
        """Return the mean intensity of an hour in gCO2eq/kWh."""
        local = hour + 0.5 + self._sun_hours_ahead
        day = math.floor(local / 24)
        weather = _smooth(self._seed, hour / _WEATHER_HOURS)
        # Sunshine goes from an overcast 0.4 to a clear 1.0, from day to day and not by the hour.
        share = self._day(local - 24 * day, sunny=0.7 + 0.3 * _hashed(self._seed + 1, day))
        share *= 1 + self._shape.weather * weather
        if (day + 3) % 7 >= 5:  # day 0, the first of 1970, was a Thursday
            share *= 1 - self._shape.weekend
        return self._typical * max(_LOWEST_SHARE, share / self._mean_of_day)

    def forecast(self, hour: int, made_in: int) -> float:
        """Return what the forecast made at the begin of hour ``made_in`` says about an hour."""
        lead = hour - made_in
        error = min(_ERROR_MOST, _ERROR_NOW + _ERROR_PER_DAY * lead / 24)
        # One part of the error stays with the hour that is forecast, the other changes with each new forecast.
        lasting = _smooth(self._seed + 2, hour / _ERROR_HOURS)
        fresh = _smooth(self._seed + 3 + made_in, lead / _ERROR_HOURS)
        wrong = error * (1.6 * lasting + 1.0 * fresh)
        return self.truth(hour) * max(_LOWEST_SHARE, 1 + wrong)

    def _day(self, clock: float, *, sunny: float) -> float:
        shape = self._shape
        return (
            1
            - shape.sun * sunny * _bump(clock, _SUN_AT, _SUN_WIDTH)
            + shape.evening * _bump(clock, _EVENING_AT, _EVENING_WIDTH)
            + shape.morning * _bump(clock, _MORNING_AT, _MORNING_WIDTH)
        )


def _bump(clock: float, at: float, width: float) -> float:
    """Rise to 1 at an hour of the day, and fall off to both sides, over midnight too."""
    away = (clock - at + 12) % 24 - 12
    return math.exp(-((away / width) ** 2) / 2)


def _smooth(seed: int, position: float) -> float:
    """Return noise within -1 and 1 that changes smoothly with the position; a bend at each whole number."""
    left = math.floor(position)
    part = position - left
    part = part * part * (3 - 2 * part)
    return _hashed(seed, left) * (1 - part) + _hashed(seed, left + 1) * part


@lru_cache(maxsize=4096)
def _hashed(seed: int, number: int) -> float:
    """Return a number within -1 and 1 that looks random, and is the same on every machine (SplitMix64)."""
    mixed = (seed * 0x9E3779B97F4A7C15 + number * 0xD1B54A32D192ED03 + 0x632BE59BD9B4E019) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return ((mixed ^ (mixed >> 31)) / _MASK) * 2 - 1
