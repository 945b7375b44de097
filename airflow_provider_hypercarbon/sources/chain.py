"""Several sources in an order: each question goes to the first that has an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from airflow_provider_hypercarbon.carbon.intensity import CarbonIntensity, IntensitySeries
from airflow_provider_hypercarbon.carbon.zones import Zone, is_cloud_region, zone_key
from airflow_provider_hypercarbon.exceptions import (
    BadDataError,
    ConfigurationError,
    HyperCarbonError,
    NoDataError,
    RateLimitedError,
    RemoteError,
    UnavailableError,
)
from airflow_provider_hypercarbon.sources import CarbonSource

T = TypeVar("T", CarbonIntensity, IntensitySeries)


class ChainSource:
    """Ask the members in their order; what one cannot answer, the next is asked.

    A decision needs several answers that count the same emissions: ``planning.fetch_outlook`` asks the
    :attr:`members` one by one for that. The methods here answer one question each.

    :param members: in the order in which they are asked.
    :param regions: zone keys for regions of clouds (``{"aws:eu-central-1": "DE"}``), or for any other name.
    """

    name = "chain"

    def __init__(self, members: Sequence[CarbonSource], *, regions: Mapping[str, str] | None = None) -> None:
        self.members = tuple(members)
        self._regions = {name.lower(): zone_key(zone) for name, zone in (regions or {}).items()}

    def key(self, zone: str) -> str:
        """Return the zone that a name stands for in the table of regions; any other name as it is."""
        return self._regions.get(zone.lower(), zone) if isinstance(zone, str) else zone

    def members_for(self, zone: str) -> tuple[CarbonSource, ...]:
        """Return the members to ask about a zone."""
        return self.members

    def latest(self, zone: str, *, now: datetime) -> CarbonIntensity:
        """Return the newest measured slot of the first member that has one."""
        return self._first(zone, lambda source, key: source.latest(key, now=now))

    def history(self, zone: str, start: datetime, end: datetime, *, now: datetime) -> IntensitySeries:
        """Return the measured slots of the first member that has some."""
        return self._first(zone, lambda source, key: source.history(key, start, end, now=now))

    def forecast(self, zone: str, until: datetime, *, now: datetime) -> IntensitySeries:
        """Return the forecast of the first member that has one."""
        return self._first(zone, lambda source, key: source.forecast(key, until, now=now))

    def zones(self) -> tuple[Zone, ...]:
        """Return the zones of all members that tell; a member that is out of reach tells none.

        :raises HyperCarbonError: none of them tells.
        """
        found: dict[Zone, None] = {}
        errors: list[tuple[CarbonSource, HyperCarbonError]] = []
        for source in self.members:
            try:
                found.update(dict.fromkeys(source.zones()))
            except HyperCarbonError as error:
                errors.append((source, error))
        if len(errors) == len(self.members):
            raise none_of_them(errors)
        return tuple(found)

    def _first(self, zone: str, ask: Callable[[CarbonSource, str], T]) -> T:
        key, errors = self.key(zone), []
        for source in self.members_for(key):
            try:
                return made_up_refused(ask(source, key), alone=len(self.members) == 1)
            except HyperCarbonError as error:
                errors.append((source, error))
        raise none_of_them(errors)


class KeylessSource(ChainSource):
    """The sources that need no key, each asked about its own zones."""

    name = "keyless"

    def members_for(self, zone: str) -> tuple[CarbonSource, ...]:
        """Return the member that knows a zone.

        :raises ConfigurationError: none does.
        """
        key = zone if is_cloud_region(zone) else zone_key(zone)
        found = tuple(source for source in self.members if any(known.key == key for known in source.zones()))
        if not found:
            raise ConfigurationError(
                f"No source without a key knows {key}: NESO has Great Britain, Energy-Charts countries of Europe. "
                "Define a connection of type hypercarbon with a source for it, such as electricity_maps and a token, "
                "or mock to look around with made-up data."
            )
        return found


def members_of(source: CarbonSource, zone: str) -> tuple[tuple[CarbonSource, ...], str]:
    """Return the sources to ask about a zone one by one, and the zone as they are asked for it."""
    if not isinstance(source, ChainSource):
        return (source,), zone
    key = source.key(zone)
    return source.members_for(key), key


def made_up_refused(answer: T, *, alone: bool) -> T:
    """Refuse sandbox data where another source may have real ones.

    :raises BadDataError: with the problem ``sandbox``.
    """
    if answer.synthetic == "sandbox" and not alone:
        raise BadDataError(f"The data of {answer.source} are sandbox data, which are made up.", problem="sandbox")
    return answer


def none_of_them(errors: Sequence[tuple[CarbonSource, HyperCarbonError]]) -> HyperCarbonError:
    """Return one error for many: retryable when one of them is, with every member's own words."""
    only = [error for _, error in errors]
    if len(only) == 1:
        return only[0]
    told = " ".join(f"{source.name}: {error}" for source, error in errors)
    if any(isinstance(error, RemoteError) and error.retryable for error in only):
        waits = [error.retry_after for error in only if isinstance(error, RateLimitedError) and error.retry_after]
        if waits and all(isinstance(error, RateLimitedError) or not error.retryable for error in only):
            return RateLimitedError(told, retry_after=min(waits))
        return UnavailableError(told)
    if any(isinstance(error, NoDataError) for error in only):
        found = NoDataError(told)
        found.retryable = any(error.retryable for error in only)
        return found
    if any(isinstance(error, RemoteError) for error in only):
        return RemoteError(told)
    return ConfigurationError(told)
