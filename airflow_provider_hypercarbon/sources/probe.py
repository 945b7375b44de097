"""Try each source of a configuration once: what it says now, and what its key may ask."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from airflow_provider_hypercarbon.carbon.intensity import CarbonIntensity
from airflow_provider_hypercarbon.exceptions import HyperCarbonError
from airflow_provider_hypercarbon.sources import CarbonSource
from airflow_provider_hypercarbon.sources.chain import members_of

#: What a decision is best made on, in the words of Electricity Maps' list of zones.
_WANTED = {"latest": "present", "history": "last 24 hours", "past-range": "past", "forecast": "forecast"}


class Probe(NamedTuple):
    """What a source answered.

    :param current: its newest value; None when there is none, for the reason in ``problem``.
    :param access: what its key may ask about the zone, and what not; empty where the source does not tell.
    """

    source: str
    current: CarbonIntensity | None
    problem: str
    access: str

    @property
    def sentence(self) -> str:
        """The same for people."""
        if self.current is None:
            return f"{self.source}: {self.problem}"
        mark = f" {self.current.synthetic} data, not for any report." if self.current.synthetic else ""
        value = f"{self.current.zone} at {self.current.gco2eq_per_kwh:.0f} gCO2eq/kWh from {self.source}."
        return f"{value}{mark}{' ' if self.access else ''}{self.access}"


def probe(source: CarbonSource, zone: str, *, now: datetime) -> list[Probe]:
    """Ask each member about a zone; what goes wrong is told, not raised.

    :raises ConfigurationError: no member is asked about this zone.
    """
    members, key = members_of(source, zone)
    return [_probe(member, key, now) for member in members]


def _probe(source: CarbonSource, zone: str, now: datetime) -> Probe:
    try:
        current = source.latest(zone, now=now)
    except HyperCarbonError as error:
        return Probe(source.name, None, str(error), "")
    return Probe(source.name, current, "", _access(source, current.zone))


def _access(source: CarbonSource, zone: str) -> str:
    ask = getattr(source, "access", None)  # Electricity Maps alone lists what a key includes
    if ask is None:
        return ""
    try:
        named = {name.partition("/")[2] for name in ask(zone) if name.startswith(("carbon-intensity/", "*"))}
    except HyperCarbonError as error:
        return f"What the key includes is unknown: {error}"
    has = [words for name, words in _WANTED.items() if name in named]
    lacks = [words for name, words in _WANTED.items() if name not in named]
    if not has:
        return ""
    return f"The key includes: {', '.join(has)}" + (f"; not: {', '.join(lacks)}." if lacks else ".")
