"""Ember's yearly averages by country: a last resort, which may account and never makes a job wait."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from airflow_provider_hypercarbon.carbon.instants import as_utc
from airflow_provider_hypercarbon.carbon.intensity import CarbonIntensity, IntensitySeries, Signal, Slot
from airflow_provider_hypercarbon.carbon.zones import Zone, catalogue, is_cloud_region, zone_key
from airflow_provider_hypercarbon.exceptions import NoDataError, UnknownZoneError

#: The figures, with their source and licence in the first lines.
FIGURES = Path(__file__).with_name("ember_yearly.csv")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)
_LONGEST = timedelta(days=400)


class EmberYearlySource:
    """The latest yearly average of a zone's country, the same at every hour, without any network.

    Its values are marked as estimates and as ``static``. Ember counts by life-cycle factors.
    """

    name = "ember_yearly"

    def latest(self, zone: str, *, now: datetime) -> CarbonIntensity:
        """Return the running hour, as average as every other."""
        now = as_utc(now)
        return self.history(zone, now, now + timedelta.resolution, now=now).readings()[0]

    def history(self, zone: str, start: datetime, end: datetime, *, now: datetime) -> IntensitySeries:
        """Return the hours that touch ``[start, end)`` up to the running one.

        :raises NoDataError: the interval lies in the future.
        """
        key, value = _figure(zone)
        start, end = as_utc(start), min(as_utc(end), as_utc(now) + timedelta.resolution)
        if start >= end:
            raise NoDataError(f"{start.isoformat()} is in the future, which no yearly average is of.")
        first = _EPOCH + ((max(start, end - _LONGEST) - _EPOCH) // _HOUR) * _HOUR
        hours = -((first - end) // _HOUR)
        return IntensitySeries(
            zone=key,
            source=self.name,
            slots=tuple(Slot(first + _HOUR * index, value, True) for index in range(hours)),
            signal=Signal(kind="average", factors="lifecycle"),
            static=True,
        )

    def forecast(self, zone: str, until: datetime, *, now: datetime) -> IntensitySeries:
        """Return nothing: a yearly average foretells no hour.

        :raises NoDataError: always.
        """
        key, _ = _figure(zone)
        error = NoDataError(f"Ember has a yearly average for {key}, and no forecast.")
        error.retryable = False
        raise error

    def zones(self) -> tuple[Zone, ...]:
        """Return the zones of the countries with a figure."""
        return tuple(zone for zone in catalogue() if _country(zone.key) in _figures())


def _figure(zone: str) -> tuple[str, float]:
    key = zone_key(zone)
    value = None if is_cloud_region(key) else _figures().get(_country(key))
    if value is None:
        raise UnknownZoneError(f"Ember has no yearly average for {key}.")
    return key, value


def _country(key: str) -> str:
    return key.partition("-")[0]


@cache
def _figures() -> dict[str, float]:
    lines = (line for line in FIGURES.read_text().splitlines() if not line.startswith("#"))
    return {row["country"]: float(row["gco2eq_per_kwh"]) for row in csv.DictReader(lines)}
