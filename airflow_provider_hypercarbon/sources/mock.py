"""A made-up grid, to look around without an account: believable days, always the same, marked as made up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow_provider_hypercarbon.carbon.instants import as_utc
from airflow_provider_hypercarbon.carbon.intensity import CarbonIntensity, IntensitySeries, Slot
from airflow_provider_hypercarbon.carbon.zones import Zone, catalogue, find_zone, unknown_zone_message, zone_key
from airflow_provider_hypercarbon.exceptions import NoDataError, UnknownZoneError
from airflow_provider_hypercarbon.sources.mock_grid import MockGrid

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_SECONDS = 86400.0
#: How far the past and the forecast reach, in the mock's own hours: a year and a month.
_REMEMBERED_HOURS = 400 * 24
#: When time runs fast. The core looks for "this hour yesterday" 24 real hours ago, where another hour stands;
#: with less than a day of history it does not look.
_REMEMBERED_WHEN_FAST = timedelta(hours=20)


class MockSource:
    """The catalogue's zones with invented intensities that depend on the zone and the instant alone.

    A slot is an hour of the mock; its real length is ``seconds_per_day / 24`` seconds. Everything is marked
    ``synthetic="mock"``.

    :param seconds_per_day: real seconds in which a day of the mock passes; 86,400 is real time.
    """

    name = "mock"

    def __init__(self, seconds_per_day: float = _DAY_SECONDS) -> None:
        self._is_fast = seconds_per_day != _DAY_SECONDS
        self._slot = timedelta(seconds=seconds_per_day / 24)

    def latest(self, zone: str, *, now: datetime) -> CarbonIntensity:
        """Return the running slot."""
        running = self._hour(now)
        return self._series(zone, range(running, running + 1), self._begin(running)).readings()[0]

    def history(self, zone: str, start: datetime, end: datetime, *, now: datetime) -> IntensitySeries:
        """Return the slots that touch ``[start, end)`` up to the running one, at most 400 days of them.

        :raises NoDataError: the interval lies in the future.
        """
        running = self._hour(now)
        last = min(running, self._hour(as_utc(end) - timedelta.resolution))
        first = max(self._hour(start), last - _REMEMBERED_HOURS + 1)
        if self._is_fast:
            first = max(first, last - _REMEMBERED_WHEN_FAST // self._slot)
        if first > running:
            raise NoDataError(f"{as_utc(start).isoformat()} is in the future, where nothing is measured.")
        return self._series(zone, range(first, max(first, last) + 1), self._begin(running))

    def forecast(self, zone: str, until: datetime, *, now: datetime) -> IntensitySeries:
        """Return the forecast, made at the begin of the running slot, up to the slot that holds ``until``.

        It is wrong by some 2 % at first and by some 8 % a day ahead, as good forecasts are.
        """
        running = self._hour(now)
        last = min(max(running, self._hour(until)), running + _REMEMBERED_HOURS)
        return self._series(zone, range(running, last + 1), self._begin(running), forecast=True)

    def zones(self) -> tuple[Zone, ...]:
        """Return the whole catalogue."""
        return catalogue()

    def _series(self, zone: str, hours: range, issued_at: datetime, *, forecast: bool = False) -> IntensitySeries:
        key, entry = zone_key(zone), find_zone(zone)
        if entry is None:
            raise UnknownZoneError(unknown_zone_message(zone))
        grid = MockGrid(entry)
        return IntensitySeries(
            zone=key,
            source=self.name,
            slots=tuple(
                Slot(self._begin(hour), round(grid.forecast(hour, hours[0]), 1))
                if forecast
                else Slot(self._begin(hour), round(grid.truth(hour), 1), estimated=False)
                for hour in hours
            ),
            slot_length=self._slot,
            issued_at=issued_at,
            synthetic="mock",
        )

    def _hour(self, instant: datetime) -> int:
        """Number the slots from 1970, as the core does."""
        return (as_utc(instant) - _EPOCH) // self._slot

    def _begin(self, hour: int) -> datetime:
        return _EPOCH + hour * self._slot
