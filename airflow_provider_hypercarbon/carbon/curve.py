"""What we believe the grid will do: one curve from a forecast and from measured days, and its exact means."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

from airflow_provider_hypercarbon.carbon.intensity import Frozen, IntensitySeries
from airflow_provider_hypercarbon.exceptions import BadDataError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


class CurveModel(Frozen):
    """How forecast and history become one curve. The defaults won on 13 zones with real forecasts.

    Their figures come from replaying CarbonCast's day-ahead forecasts of July to December 2021 (Maji et al.,
    BuildSys '22) on 13 zones, with the same settings checked on zones kept apart.

    :param forecast_weight: share of the forecast where forecast and profile both exist; .6 to .75 is close to
        best over a six-fold range of forecast quality.
    :param forecast_memory_per_hour: how much of the present forecast error is still expected an hour later.
    :param profile_memory_per_hour: the same for the profile of measured days.
    :param profile_days: how many measured days make the profile.
    :param max_forecast_age: an older forecast is not used.
    :param max_measured_age: an older measurement says nothing about the present.
    """

    forecast_weight: float = 0.6
    forecast_memory_per_hour: float = 0.95
    profile_memory_per_hour: float = 0.98
    profile_days: int = 7
    max_forecast_age: timedelta = timedelta(hours=48)
    max_measured_age: timedelta = timedelta(hours=6)


class Curve:
    """Intensity in gCO2eq/kWh over equal slots; ``None`` is a gap. Means over a gap do not exist.

    :param start_at: begin of the first slot (UTC).
    :param slot_length: length of every slot.
    :param values: one a slot.
    """

    def __init__(self, start_at: datetime, slot_length: timedelta, values: Sequence[float | None]) -> None:
        self.start_at = start_at
        self.slot_length = slot_length
        self.values = tuple(values)
        self._slot = slot_length.total_seconds()
        # Running sums make every mean two look-ups: of value-seconds, and of slots that are gaps.
        self._sums = [0.0]
        self._gaps = [0]
        for value in self.values:
            self._sums.append(self._sums[-1] + (value or 0.0) * self._slot)
            self._gaps.append(self._gaps[-1] + (value is None))

    @property
    def end_at(self) -> datetime:
        return self.start_at + self.slot_length * len(self.values)

    def mean(self, start: datetime, duration: timedelta) -> float | None:
        """Return the exact time-weighted mean over ``[start, start + duration)`` in gCO2eq/kWh.

        The first and last slot count by the part that is covered. None when any part is unknown. A duration of
        zero is the value at ``start``.
        """
        return self.means([start], duration)[0]

    def means(self, starts: Iterable[datetime], duration: timedelta) -> list[float | None]:
        """Return the mean of :meth:`mean` for each start."""
        span = duration.total_seconds()
        slot, sums, gaps, values, count = self._slot, self._sums, self._gaps, self.values, len(self.values)
        found: list[float | None] = []
        for start in starts:
            begin = (start - self.start_at).total_seconds()
            first = math.floor(begin / slot)
            if span <= 0:
                found.append(values[first] if 0 <= first < count else None)
                continue
            end = begin + span
            last = math.ceil(end / slot)
            if first < 0 or last > count or gaps[last] != gaps[first]:
                found.append(None)
                continue
            inner = sums[last] - sums[first]
            cut_front = (begin - first * slot) * (values[first] or 0.0)
            cut_back = (last * slot - end) * (values[last - 1] or 0.0)
            found.append((inner - cut_front - cut_back) / span)
        return found

    def edges(self, begin: datetime, end: datetime) -> list[datetime]:
        """Return the slot boundaries strictly inside ``(begin, end)``."""
        first = math.floor((begin - self.start_at) / self.slot_length) + 1
        last = math.ceil((end - self.start_at) / self.slot_length)
        return [self.start_at + self.slot_length * index for index in range(max(0, first), last)]

    def value_at(self, instant: datetime) -> float | None:
        """Return the value of the slot that holds ``instant``."""
        return self.mean(instant, timedelta(0))


def believe(
    measured: IntensitySeries | None,
    forecast: IntensitySeries | None,
    *,
    now: datetime,
    until: datetime,
    model: CurveModel | None = None,
) -> Curve:
    """Build the curve for every slot from the one that holds ``now`` to the one that holds ``until``.

    Forecast and the same-hour profile of measured days are each anchored to the newest measurement (their
    present error is expected to fade), then blended. Where only one exists it stands alone; where neither
    exists the curve has a gap.

    :raises BadDataError: forecast and history are of different zones or signals.
    """
    model = model or CurveModel()
    refuse_mixture(measured, forecast)
    slot = min((s.slot_length for s in (measured, forecast) if s and s.slots), default=timedelta(hours=1))
    first = _EPOCH + ((now - _EPOCH) // slot) * slot
    count = max(1, math.ceil((until - first) / slot))
    past = _values(measured, slot)
    future = _values(forecast, slot) if _is_current(forecast, now, model.max_forecast_age) else {}
    newest = max((start for start in past if start <= now), default=None)
    if newest is not None and now - newest > model.max_measured_age:
        newest = None
    present = past[newest] if newest is not None else None
    profile = _profile(past, newest, model.profile_days)

    def anchored(value: float | None, error: float | None, memory: float, hours: float) -> float | None:
        return value if value is None or error is None else value + error * memory**hours

    def error_of(prediction: float | None) -> float | None:
        return None if present is None or prediction is None else present - prediction

    forecast_error = error_of(future.get(newest) if newest else None)
    profile_error = error_of(profile(newest) if newest else None)
    values: list[float | None] = []
    for index in range(count):
        start = first + slot * index
        if start == newest:
            values.append(present)
            continue
        hours = max(0.0, (start - newest) / timedelta(hours=1)) if newest else 0.0
        f = anchored(future.get(start), forecast_error, model.forecast_memory_per_hour, hours)
        p = anchored(profile(start), profile_error, model.profile_memory_per_hour, hours)
        if f is not None and p is not None:
            values.append(max(0.0, model.forecast_weight * f + (1 - model.forecast_weight) * p))
        else:
            alone = f if f is not None else p
            values.append(None if alone is None else max(0.0, alone))
    return Curve(first, slot, values)


def refuse_mixture(measured: IntensitySeries | None, forecast: IntensitySeries | None) -> None:
    """Refuse to compare two zones or two signals.

    :raises BadDataError: with the words why.
    """
    if measured is None or forecast is None:
        return
    if measured.zone != forecast.zone:
        raise BadDataError(
            f"History is of {measured.zone}, the forecast of {forecast.zone}; they cannot be compared.",
            problem="wrong_zone",
        )
    if measured.signal != forecast.signal:
        raise BadDataError(
            f"History counts {measured.signal} emissions, the forecast {forecast.signal}; they are not compared.",
            problem="mixed_signal",
        )


def _is_current(forecast: IntensitySeries | None, now: datetime, max_age: timedelta) -> bool:
    return forecast is not None and (forecast.issued_at is None or now - forecast.issued_at <= max_age)


def _values(series: IntensitySeries | None, slot: timedelta) -> dict[datetime, float]:
    """Spread a series over the slots of the curve, which are its own or finer."""
    if series is None:
        return {}
    parts = max(1, series.slot_length // slot)
    return {s.start_at + slot * part: s.gco2eq_per_kwh for s in series.slots for part in range(parts)}


def _profile(past: dict[datetime, float], newest: datetime | None, days: int) -> Callable[[datetime], float | None]:
    """Return the mean of the same time of day over the last measured days, as far as known at ``newest``."""
    oldest = min(past, default=None)
    if newest is None or oldest is None or newest - oldest < _DAY - timedelta(hours=1):
        return lambda _: None

    @cache
    def mean_of_days(latest: datetime) -> float | None:
        known = [value for k in range(days) if (value := past.get(latest - _DAY * k)) is not None]
        return sum(known) / len(known) if known else None

    def profile(start: datetime) -> float | None:
        latest = start - _DAY * max(1, math.ceil((start - newest) / _DAY))
        value = mean_of_days(latest)
        # "The last 24 hours" of a provider lack the slot exactly a day ago; the hour after it stands in.
        return value if value is not None else mean_of_days(latest + timedelta(hours=1))

    return profile
