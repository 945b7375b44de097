"""Grids that the tests compute: flat, a step, a day with a solar dip."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from airflow_provider_hypercarbon.carbon.intensity import CarbonIntensity, IntensitySeries, Slot
from airflow_provider_hypercarbon.carbon.outlook import Outlook
from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow

NOW = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
#: No hysteresis and no wait cost: the plain minimum, for tests about something else.
PLAIN = StartPolicy(min_saving=0, wait_cost_per_hour=0)


def series(values: Sequence[float], start: datetime = NOW, slot: timedelta = HOUR, **more: object) -> IntensitySeries:
    """Return a series of DE with one slot a value."""
    slots = tuple(Slot(start + slot * i, float(v), False) for i, v in enumerate(values))
    return IntensitySeries.model_validate(
        {"zone": "DE", "source": "test", "slots": slots, "slot_length": slot, **more}
    )


def series_of(
    curve: Callable[[datetime], float], begin: datetime, end: datetime, slot: timedelta = HOUR, **more: object
) -> IntensitySeries:
    """Return a series that follows a function of time."""
    count = math.ceil((end - begin) / slot)
    return series([curve(begin + slot * i) for i in range(count)], begin, slot, **more)


def solar_day(instant: datetime) -> float:
    """A grid with a dip of 250 around 12:00 UTC on a level of 400."""
    hour = instant.hour + instant.minute / 60
    return 400 - 250 * max(0.0, math.cos((hour - 12) / 12 * math.pi))


def reading(value: float, at: datetime = NOW, **more: object) -> CarbonIntensity:
    """Return a measured hour of DE."""
    return CarbonIntensity.model_validate(
        {"zone": "DE", "start_at": at, "end_at": at + HOUR, "gco2eq_per_kwh": value, "source": "test", **more}
    )


def outlook(forecast: Sequence[float] | None = None, current: float | None = None, **more: object) -> Outlook:
    """Return an outlook for DE whose forecast begins now."""
    return Outlook.model_validate(
        {
            "zone": "DE",
            "forecast": series(forecast) if forecast is not None else None,
            "current": reading(current) if current is not None else None,
            **more,
        }
    )


def window(hours: float = 4, ready_at: datetime = NOW) -> StartWindow:
    """Return a window that opens at ``ready_at``."""
    return StartWindow.opening(ready_at, timedelta(hours=hours))
