"""Jumps that no grid makes: a single value far off its neighbours is an error of the source, not a clean moment.

The bounds come from 17 zone-years of hourly values: no hour was both half of (or twice) its two neighbours and
50 g away from them, and from one hour to the next nothing changed by more than a factor of 2.4, over two hours
3.8. ``benchmarks/ramps.py`` prints that again for any trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from airflow_provider_hypercarbon.carbon.intensity import IntensitySeries, Slot
from airflow_provider_hypercarbon.exceptions import BadDataError

#: A smaller difference decides nothing, and clean grids double within minutes.
SMALLEST_JUMP = 50.0
#: So far beyond both of its neighbours no value was; the greatest of the real ones is 1.4.
SPIKE_FACTOR = 2.0
#: So far from the value an hour before no value was; the greatest of the real ones is 2.4. It grows by the hour.
STEP_FACTOR_PER_HOUR = 3.0
#: After a longer gap a grid may be anywhere.
_LONGEST_STEP = timedelta(hours=3)
_HOUR = timedelta(hours=1)


def without_spikes(slots: Sequence[Slot], length: timedelta) -> list[Slot]:
    """Return the slots without those that lie far beyond both of their neighbours: each becomes a gap."""
    kept = list(slots[:1])
    for before, slot, after in zip(slots, slots[1:], slots[2:], strict=False):
        near = slot.start_at - before.start_at <= _reach(length) and after.start_at - slot.start_at <= _reach(length)
        if not (near and _beyond_both(slot.gco2eq_per_kwh, before.gco2eq_per_kwh, after.gco2eq_per_kwh)):
            kept.append(slot)
    return kept + list(slots[1:][-1:])


def without_jump(
    measured: IntensitySeries | None, forecast: IntensitySeries | None
) -> tuple[IntensitySeries | None, BadDataError | None]:
    """Return what was measured without a newest value that stands alone, and why that was refused."""
    if measured is None:
        return None, None
    try:
        refuse_jump(measured, forecast)
    except BadDataError as jump:
        return measured.model_copy(update={"slots": measured.slots[:-1]}), jump
    return measured, None


def without_false_begin(
    forecast: IntensitySeries | None, measured: IntensitySeries | None
) -> tuple[IntensitySeries | None, BadDataError | None]:
    """Return a forecast without a first value that stands alone, which would make the present look clean; and why."""
    if forecast is None or len(forecast.slots) < 2:
        return forecast, None
    first, second = forecast.slots[:2]
    near = first.start_at - _reach(forecast.slot_length)
    slots = measured.slots if measured else ()
    before = next((slot for slot in reversed(slots) if near <= slot.start_at < first.start_at), None)
    value, gap = first.gco2eq_per_kwh, second.start_at - first.start_at
    if before is not None:
        is_false = _beyond_both(value, before.gco2eq_per_kwh, second.gco2eq_per_kwh)
        beside = f"between {before.gco2eq_per_kwh:.0f} measured before and {second.gco2eq_per_kwh:.0f} after"
    else:  # what was measured is too old to compare with
        factor = STEP_FACTOR_PER_HOUR ** max(1.0, gap / _HOUR)
        is_false = gap <= _LONGEST_STEP and _far(value, second.gco2eq_per_kwh, factor)
        beside = f"before {second.gco2eq_per_kwh:.0f}"
    if not is_false:
        return forecast, None
    jump = BadDataError(
        f"The forecast for {forecast.zone} begins with {value:.0f} gCO2eq/kWh, {beside}: no grid jumps like that.",
        problem="jump",
    )
    return forecast.model_copy(update={"slots": forecast.slots[1:]}), jump


def refuse_jump(measured: IntensitySeries, forecast: IntensitySeries | None) -> None:
    """Refuse a newest value that stands alone: far from the value before it, or beyond that and the hour ahead.

    :raises BadDataError: with both values.
    """
    if len(measured.slots) < 2:
        return
    before, newest = measured.slots[-2:]
    value, last, gap = newest.gco2eq_per_kwh, before.gco2eq_per_kwh, newest.start_at - before.start_at
    if gap > _LONGEST_STEP:
        return
    after = _first_after(forecast, newest.start_at + measured.slot_length)
    factor = STEP_FACTOR_PER_HOUR ** max(1.0, gap / _HOUR)
    alone = after is not None and gap <= _reach(measured.slot_length) and _beyond_both(value, last, after)
    if alone or _far(value, last, factor):
        raise BadDataError(
            f"The newest value for {measured.zone} is {value:.0f} gCO2eq/kWh, after {last:.0f} at "
            f"{before.start_at:%H:%M} UTC: no grid jumps like that.",
            problem="jump",
        )


def _reach(length: timedelta) -> timedelta:
    """How far a neighbour may be: the next slot, or one after a gap within the hour."""
    return max(length, _HOUR)


def _beyond_both(value: float, one: float, other: float) -> bool:
    low, high = min(one, other), max(one, other)
    return (value < low and _far(value, low, SPIKE_FACTOR)) or (value > high and _far(value, high, SPIKE_FACTOR))


def _far(value: float, other: float, factor: float) -> bool:
    low, high = min(value, other), max(value, other)
    return high - low >= SMALLEST_JUMP and high > factor * low


def _first_after(series: IntensitySeries | None, instant: datetime) -> float | None:
    slots = series.slots if series else ()
    return next((slot.gco2eq_per_kwh for slot in slots if slot.start_at >= instant), None)
