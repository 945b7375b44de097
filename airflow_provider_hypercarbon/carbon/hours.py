"""A log in UTC hours, turned into the few numbers that tell how far the grid will move: see :class:`Row`.

Hours are counted since 1970. What is unknown is NaN, which every sum that it enters becomes.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from operator import mul
from typing import Generic, NamedTuple, TypeVar

from airflow_provider_hypercarbon.carbon.blend import EPOCH, HOUR, seconds
from airflow_provider_hypercarbon.carbon.readings import IssuedForecast, Stretch

#: The usual value of an hour of the day: so many days, each counting this part of the one after it.
USUAL_DAYS = 14
USUAL_FADING = 0.85
_WEIGHTS = [USUAL_FADING**day for day in range(USUAL_DAYS)]
_ALL_WEIGHTS = sum(_WEIGHTS)
_NO_HABITS = [0.0] * 24


class Row(NamedTuple):
    """What is known at an hour about the hours after it; lead 1 is the next one.

    :param ahead: the forecast, from the hour itself on; empty without one.
    :param forecast_error: measured minus forecast.
    :param usual: by lead up to 24, how far the usual day rises from now on; then it repeats.
    :param usual_error: measured minus usual.
    :param habit: by lead up to 24, how far the forecast's usual error rises; 0 when unknown.
    :param momentum: the change since the hour before; 0 when unknown.
    """

    ahead: Sequence[float]
    forecast_error: float
    usual: list[float]
    usual_error: float
    habit: list[float]
    momentum: float

    def rise(self, lead: int) -> float:
        """Return how far the forecast rises."""
        return self.ahead[lead] - self.ahead[0] if lead < len(self.ahead) else math.nan


class Hours:
    """Measured hours, what was forecast for them when, and the rows made of both.

    :param measured: by hour.
    :param issues: in order of their issue.
    :param max_forecast_age: an older forecast is not used.
    """

    def __init__(
        self, measured: Mapping[int, float], issues: Sequence[IssuedForecast], max_forecast_age: timedelta
    ) -> None:
        self.measured = measured
        self.first_measured = min(measured, default=0)
        self._max_age = seconds(max_forecast_age)
        self._issued = [seconds(issue.issued_at - EPOCH) for issue in issues]
        self._issues = _Lazy(lambda index: _numbers(issues[index]))
        self._errors = _Lazy(lambda hour: self._measured(hour) - self._forecast(hour))
        self._usual = _Lazy(lambda hour: usual_value(measured.get, hour, self._measured(hour)))
        self._usual_errors = _Lazy(lambda hour: usual_value(self._errors.__getitem__, hour, self._errors[hour]))
        self._rows = _Lazy(lambda hour: self._made(hour, hour * HOUR, self._measured(hour)))

    @property
    def first_forecast(self) -> int:
        """The first hour that was both measured and forecast, or a later one."""
        return max(self.first_measured, self._issued[0] // HOUR) if self._issued else self.first_measured

    def newest(self, now: int) -> int | None:
        """Return the newest hour measured of those that have begun at second ``now``."""
        return max((hour for hour in self.measured if hour * HOUR <= now), default=None)

    def row(self, hour: int) -> Row:
        """Return what was known at an hour when it began."""
        return self._rows[hour]

    def row_known_at(self, hour: int, second: int, present: float) -> Row:
        """Return what is known about the time after ``hour`` with the forecasts issued until ``second``.

        :param present: the intensity of the hour, as far as measured.
        """
        if second == hour * HOUR and present == self.measured.get(hour):
            return self._rows[hour]
        return self._made(hour, second, present)

    def _made(self, hour: int, second: int, present: float) -> Row:
        ahead = self._ahead(hour, second)
        error = present - ahead[0] if ahead else math.nan
        momentum = present - self._measured(hour - 1)
        return Row(
            ahead=ahead,
            forecast_error=error,
            usual=_rises(self._usual, hour, usual_value(self.measured.get, hour, present)),
            usual_error=present - self._usual[hour - 24],
            habit=self._habits(hour, error),
            momentum=0.0 if momentum != momentum else momentum,
        )

    def _habits(self, hour: int, error: float) -> list[float]:
        if not self._issued:
            return _NO_HABITS
        now = usual_value(self._errors.__getitem__, hour, error)
        return [0.0 if rise != rise else rise for rise in _rises(self._usual_errors, hour, now)]

    def _measured(self, hour: int) -> float:
        return self.measured.get(hour, math.nan)

    def _forecast(self, hour: int) -> float:
        ahead = self._ahead(hour, hour * HOUR)
        return ahead[0] if ahead else math.nan

    def _ahead(self, hour: int, second: int) -> Sequence[float]:
        """Return what the newest forecast that tells of ``hour`` says from then on, as known at ``second``."""
        for index in range(bisect_right(self._issued, second) - 1, -1, -1):
            if second - self._issued[index] > self._max_age:
                break
            first, values = self._issues[index]
            skip = hour - first
            if 0 <= skip < len(values) and not math.isnan(values[skip]):
                return values[skip:]
        return ()


T = TypeVar("T")


class _Lazy(dict[int, T], Generic[T]):
    """Values that are computed when they are first asked for."""

    def __init__(self, compute: Callable[[int], T]) -> None:
        super().__init__()
        self._compute = compute

    def __missing__(self, key: int) -> T:
        value = self[key] = self._compute(key)
        return value


def _rises(usual: Mapping[int, float], hour: int, now: float) -> list[float]:
    """Return how far the day that ends with ``hour``, whose value is ``now``, lies above the same hour before it.

    It stands for the day that begins after ``hour``.
    """
    before = usual[hour - 24]
    return [*(usual[at] - before for at in range(hour - 23, hour)), now - before]


def usual_value(value_at: Callable[[int], float | None], hour: int, latest: float) -> float:
    """Return the mean of an hour of the day over the last days, the later ones weighing more.

    :param latest: the value of ``hour`` itself.
    """
    values = [latest, *map(value_at, range(hour - 24, hour - 24 * USUAL_DAYS, -24))]
    with suppress(TypeError):  # some day is not known
        total: float = sum(map(mul, values, _WEIGHTS))
        if total == total:
            return total / _ALL_WEIGHTS
    known = [(v, weight) for v, weight in zip(values, _WEIGHTS, strict=True) if v is not None and v == v]
    weights: float = sum(weight for _, weight in known)
    return sum(value * weight for value, weight in known) / weights if weights else math.nan


def measured_hours(*stretches: Stretch) -> dict[int, float]:
    """Return what was measured by hour; a later stretch corrects an earlier one."""
    found: dict[int, float] = {}
    for stretch in stretches:
        first, values = stretch.hourly()
        found.update((hour, value) for hour, value in enumerate(values, first) if value is not None)
    return found


def _numbers(stretch: Stretch) -> tuple[int, list[float]]:
    first, values = stretch.hourly()
    return first, [math.nan if value is None else value for value in values]
