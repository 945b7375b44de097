"""What the sources said about a zone, before anything is concluded from it."""

from __future__ import annotations

from datetime import timedelta

from airflow_provider_hypercarbon.carbon.intensity import CarbonIntensity, Frozen, IntensitySeries, Synthetic
from airflow_provider_hypercarbon.carbon.policy import NoData
from airflow_provider_hypercarbon.carbon.readings import ReadingsLog


class Outlook(Frozen):
    """What the sources said: the newest measurement, measured history, a forecast, and what went wrong.

    :param current: newest measured value; may be late, may be absent.
    :param measured: measured slots up to now, with ``current`` among them when its slot is known.
    :param log: what was measured and forecast in the last weeks, for the learned curve; without it the fixed
        curve is used.
    :param problems: one sentence for each thing that could not be had.
    :param permanent: every problem is one that asking again cannot mend.
    :param why: what kind of problem it is; of several, the one that is over first.
    :param retry_after: what the source, or a limit of our own, asks us to wait before the next ask.
    """

    zone: str
    current: CarbonIntensity | None = None
    measured: IntensitySeries | None = None
    forecast: IntensitySeries | None = None
    log: ReadingsLog | None = None
    problems: tuple[str, ...] = ()
    permanent: bool = False
    why: NoData = NoData.NO_DATA
    retry_after: timedelta | None = None

    @property
    def synthetic(self) -> Synthetic | None:
        """Set when anything here was made up."""
        parts = (self.current, self.forecast, self.measured)
        return next((part.synthetic for part in parts if part and part.synthetic), None)

    @property
    def source(self) -> str | None:
        """Where the numbers come from: the forecast's source, else that of what was measured."""
        part = self.forecast or self.measured or self.current
        return part.source if part else None

    @property
    def static(self) -> bool:
        """Set when there is nothing but yearly averages."""
        parts = [part for part in (self.current, self.forecast, self.measured) if part]
        return bool(parts) and all(part.static for part in parts)
