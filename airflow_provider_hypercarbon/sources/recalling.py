"""A source with a memory: what it no longer tells of the past comes from the log of readings."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from airflow_provider_hypercarbon.carbon.instants import as_utc
from airflow_provider_hypercarbon.carbon.intensity import CarbonIntensity, IntensitySeries
from airflow_provider_hypercarbon.carbon.zones import Zone, zone_key
from airflow_provider_hypercarbon.exceptions import NoDataError, RemoteError
from airflow_provider_hypercarbon.sources import CarbonSource
from airflow_provider_hypercarbon.sources.questions import is_recent

log = logging.getLogger(__name__)

#: Given a zone key, begin and end, returns a series for each signal that was logged.
Recall = Callable[[str, datetime, datetime], list[IntensitySeries]]


class RecallingSource:
    """Another source, whose history goes on in a log where the source's own ends.

    A free key is told the last day; reports on a run of last week, and the usual day of a zone, need more. The
    source's own word always counts before the log's, and of a log with several signals none is taken unasked.

    :param source: the source.
    :param recall: reads the log.
    """

    def __init__(self, source: CarbonSource, recall: Recall) -> None:
        self.source = source
        self._recall = recall

    @property
    def spares_itself(self) -> bool:
        return getattr(self.source, "spares_itself", False)

    @property
    def requests(self) -> int:
        """How many requests the source has made, where it knows."""
        return getattr(self.source, "requests", 0)

    @property
    def name(self) -> str:
        return self.source.name

    def latest(self, zone: str, *, now: datetime) -> CarbonIntensity:
        """Return the newest measured slot, from the source."""
        return self.source.latest(zone, now=now)

    def history(self, zone: str, start: datetime, end: datetime, *, now: datetime) -> IntensitySeries:
        """Return the measured slots that touch ``[start, end)``, from the source and, before that, from the log."""
        try:
            series = self.source.history(zone, start, end, now=now)
        except (RemoteError, NoDataError):
            # What is recent is the source's to tell: an old value must not pass for the present.
            logged = (
                [] if is_recent(as_utc(start), as_utc(end), now=now) else self._logged(zone_key(zone), start, end)
            )
            if len(logged) != 1:
                raise
            return logged[0]
        first = series.slots[0].start_at if series.slots else end
        if first > start and not series.synthetic:
            for before in self._logged(series.zone, start, first):
                if (before.signal, before.slot_length) == (series.signal, series.slot_length):
                    return series.model_copy(update={"slots": (*before.slots, *series.slots)})
        return series

    def forecast(self, zone: str, until: datetime, *, now: datetime) -> IntensitySeries:
        """Return the forecast, from the source."""
        return self.source.forecast(zone, until, now=now)

    def zones(self) -> tuple[Zone, ...]:
        """Return the zones that the source can be asked about."""
        return self.source.zones()

    def _logged(self, zone: str, start: datetime, end: datetime) -> list[IntensitySeries]:
        try:
            return self._recall(zone, as_utc(start), as_utc(end))
        except Exception as error:  # noqa: BLE001 - a log that cannot be read has no say in whether a backup runs
            log.warning("The log of readings is not used: %s", error)
            return []
