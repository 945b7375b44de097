"""Blend a forecast with the same hours of measured days: the fixed curve, in seconds since 1970.

Whole seconds stand for instants here: arithmetic on thousands of datetimes is what a decision would cost.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate, repeat
from operator import countOf, itemgetter, mul, sub
from typing import Literal, NamedTuple

from airflow_provider_hypercarbon.carbon.intensity import Frozen, IntensitySeries

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = 3600
DAY = 24 * HOUR

#: What a curve was made from: see :attr:`StartDecision.curve`.
CurveKind = Literal["learned", "learned_history", "fixed", "forecast", "history"]


class CurveModel(Frozen):
    """How forecast and history become one curve.

    The defaults come from replaying CarbonCast's day-ahead forecasts of July to December 2021 (Maji et al.,
    BuildSys '22) on four zones, with the forecasts as issued and made 10 % wrong either way, and from made-up
    forecasts on Electricity Maps' zone-years: ``benchmarks/decisions.py``.

    :param forecast_weight: share of the forecast where forecast and profile both exist; .5 to .75 differ by half a
        point, and the less the better for a forecast that is always too high or too low.
    :param forecast_memory_per_hour: how much of the present forecast error is still expected an hour later; .95 does
        as well while forecasts are right on average, and waits 2 h longer for one that is 10 % too low.
    :param profile_memory_per_hour: the same for the profile of measured days.
    :param profile_days: how many measured days make the profile.
    :param max_forecast_age: an older forecast is not used.
    :param max_measured_age: an older measurement says nothing about the present.
    """

    forecast_weight: float = 0.5
    forecast_memory_per_hour: float = 0.985
    profile_memory_per_hour: float = 0.98
    profile_days: int = 7
    max_forecast_age: timedelta = timedelta(hours=48)
    max_measured_age: timedelta = timedelta(hours=6)


_start = itemgetter(0)


class Strip(NamedTuple):
    """Values of equal slots without their times; ``None`` is a gap.

    :param first: begin of the first slot, in seconds since 1970.
    :param slot: length of a slot in seconds.
    """

    first: int
    slot: int
    values: Sequence[float | None]

    def cut(self, begin: int, count: int) -> list[float | None]:
        """Return the values of ``count`` slots from the one that begins at ``begin``, gaps outside."""
        skip = (begin - self.first) // self.slot
        if skip >= 0 and skip + count <= len(self.values):
            return list(self.values[skip : skip + count])
        before = min(count, max(0, -skip))
        found = [None] * before + list(self.values[max(0, skip) : max(0, skip + count)])
        return found + [None] * (count - len(found))

    def newest(self, now: int) -> int | None:
        """Return the begin of the last slot with a value that has begun at ``now``."""
        for index in range(min(len(self.values) - 1, (now - self.first) // self.slot), -1, -1):
            if self.values[index] is not None:
                return self.first + self.slot * index
        return None


def strip_of(series: IntensitySeries | None, begin: datetime, end: datetime, *, slot: int, phase: int = 0) -> Strip:
    """Spread what a series says between two instants over slots of ``slot`` seconds, its own or finer.

    :param phase: slots begin at this second and at whole slots from it.
    """
    slots = series.slots if series else ()
    slots = slots[bisect_left(slots, begin, key=_start) : bisect_left(slots, end, key=_start)]
    if series is None or not slots:
        return Strip(phase, slot, [])
    starts: list[datetime] = list(map(_start, slots))
    values: list[float | None] = list(map(itemgetter(1), slots))
    length, first = seconds(series.slot_length), seconds(starts[0] - EPOCH)
    first -= (first - phase) % slot
    if countOf(map(sub, starts[1:], starts), series.slot_length) < len(starts) - 1:  # there are gaps
        places = [seconds(start - starts[0]) // length for start in starts]
        known = dict(zip(places, values, strict=True))
        values = [known.get(place) for place in range(max(places) + 1)]
    parts = max(1, length // slot)
    return Strip(first, slot, values if parts == 1 else [value for value in values for _ in range(parts)])


def seconds(span: timedelta) -> int:
    """Return whole seconds, rounded down."""
    return span.days * DAY + span.seconds


def blend(
    model: CurveModel, past: Strip, future: Strip, *, now: int, begin: int, count: int
) -> tuple[list[float | None], CurveKind | None]:
    """Return the believed value of ``count`` slots from ``begin``, and what they were made from.

    :param past: measured values; what begins after ``now`` is not looked at.
    :param future: the forecast, in the same slots.
    """
    f_values = future.cut(begin, count)
    newest = past.newest(now)
    if newest is None or now - newest > seconds(model.max_measured_age):
        return f_values, None if f_values.count(None) == count else "forecast"
    value_now = past.cut(newest, 1)[0] or 0.0
    p_values, profile_now = profile(past, newest, begin, count, model.profile_days)
    forecast_now = future.cut(newest, 1)[0]
    forecast_error = 0.0 if forecast_now is None else value_now - forecast_now
    profile_error = 0.0 if profile_now is None else value_now - profile_now
    weight, slot = model.forecast_weight, past.slot
    f_errors = fading(forecast_error, model.forecast_memory_per_hour, begin - newest, slot, count)
    p_errors = fading(profile_error, model.profile_memory_per_hour, begin - newest, slot, count)
    values: list[float | None] = []
    for f, p, f_error, p_error in zip(f_values, p_values, f_errors, p_errors, strict=True):
        if p is None:
            believed = None if f is None else f + f_error
        elif f is None:
            believed = p + p_error
        else:
            believed = weight * (f + f_error) + (1 - weight) * (p + p_error)
        values.append(believed if believed is None or believed > 0 else 0.0)
    if begin == newest:
        values[0] = value_now
    told = f_values.count(None) < count, p_values.count(None) < count
    if all(told):
        return values, "fixed"
    return values, "forecast" if told[0] else "history" if told[1] else None


def fading(error: float, memory: float, ahead: int, slot: int, count: int) -> Iterator[float]:
    """Return what is left of a present error in each of ``count`` slots, the first ``ahead`` seconds from now.

    :param memory: how much is left after an hour.
    """
    per_slot = repeat(memory ** (slot / HOUR), count - 1)
    return accumulate(per_slot, mul, initial=error * memory ** (ahead / HOUR))


def profile(past: Strip, newest: int, begin: int, count: int, days: int) -> tuple[list[float | None], float | None]:
    """Return the mean of the same time of day over the last measured days: for the slots wanted, and for now.

    The last day that is known at ``newest`` repeats itself. All gaps when less than a day is known.
    """
    if newest - past.first < DAY - HOUR:
        return [None] * count, None
    slot, per_day, day_before = past.slot, DAY // past.slot, newest - DAY
    rows = [past.cut(day_before + slot - DAY * k, per_day) for k in range(days) if newest - DAY * k >= past.first]
    means = _means(rows)
    mean_now = _mean(past.cut(newest - DAY * days, per_day * days)[::per_day])
    # "The last 24 hours" of a provider lack the slot exactly a day ago; the hour after it stands in.
    if later := HOUR // slot:
        mean_now = means[later - 1] if mean_now is None else mean_now
        stand_in = means[later:] + means[:later]
        means = [other if mean is None else mean for mean, other in zip(means, stand_in, strict=True)]
    skip = (begin - newest) // slot - 1
    return [means[index % per_day] for index in range(skip, skip + count)], mean_now


def _means(rows: Sequence[Sequence[float | None]]) -> list[float | None]:
    columns, count = list(zip(*rows, strict=True)), len(rows)
    try:
        return [sum(column) / count for column in columns]
    except TypeError:
        return [_mean(column) for column in columns]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def is_current(issued_at: datetime | None, now: datetime, model: CurveModel) -> bool:
    """Whether a forecast is young enough to be used."""
    return issued_at is None or now - issued_at <= model.max_forecast_age
