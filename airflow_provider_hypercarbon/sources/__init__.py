"""Where carbon intensity comes from: one file a source, one Protocol, one way to open them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal, Protocol

from pydantic import Field, SecretStr

from airflow_provider_hypercarbon.carbon.intensity import CarbonIntensity, Frozen, IntensitySeries
from airflow_provider_hypercarbon.carbon.zones import Zone
from airflow_provider_hypercarbon.exceptions import ConfigurationError


class CarbonSource(Protocol):
    """What every source can be asked. Each method raises an error of our tree, and returns checked data only.

    ``zone`` may be any spelling that :func:`carbon.zones.zone_key` knows; what comes back carries the key.
    ``now`` is the present, for freshness; a source looks at no clock.
    """

    @property
    def name(self) -> str:
        """The source's name in records and messages, such as ``electricity_maps``."""

    def latest(self, zone: str, *, now: datetime) -> CarbonIntensity:
        """Return the newest measured slot."""

    def history(self, zone: str, start: datetime, end: datetime, *, now: datetime) -> IntensitySeries:
        """Return the measured slots that touch ``[start, end)``, as many of them as the source has."""

    def forecast(self, zone: str, until: datetime, *, now: datetime) -> IntensitySeries:
        """Return the forecast from the running slot to the one that holds ``until``, as far as it reaches."""

    def zones(self) -> tuple[Zone, ...]:
        """Return the zones this source can be asked about; a network source may have to ask."""


class SourceConfig(Frozen):
    """How to reach a source; what an Airflow connection of type ``hypercarbon`` says.

    :param source: which source.
    :param token: API token; the mock needs none.
    :param base_url: host with scheme, without the version; None for the source's own.
    :param api_version: of Electricity Maps.
    :param emission_factors: ``lifecycle`` or ``direct``.
    :param seconds_per_day: real seconds in which a day of the mock passes; 86,400 is real time.
    """

    source: Literal["electricity_maps", "mock"]
    token: SecretStr | None = None
    base_url: str | None = None
    api_version: Literal["v4", "v3"] = "v4"
    emission_factors: Literal["lifecycle", "direct"] = "lifecycle"
    seconds_per_day: Annotated[float, Field(ge=24, le=86400)] = 86400.0

    @property
    def scope(self) -> str:
        """A fingerprint of all that changes an answer: answers are shared by those with the same."""
        token = self.token.get_secret_value() if self.token else ""
        said = [self.model_dump(mode="json", exclude={"token"}), token]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:32]


#: Wraps a source that costs requests, given how it is reached.
Wrap = Callable[[CarbonSource, SourceConfig], CarbonSource]


def open_source(config: SourceConfig, *, wrap: Wrap | None = None) -> CarbonSource:
    """Return the source that ``config`` names.

    :param wrap: shares the answers of each source that asks a service; the mock is not wrapped.
    :raises ConfigurationError: Electricity Maps without a token.
    """
    # Each source is imported when it is asked for: the mock needs no HTTP client.
    if config.source == "mock":
        from airflow_provider_hypercarbon.sources.mock import MockSource

        return MockSource(seconds_per_day=config.seconds_per_day)
    from airflow_provider_hypercarbon.sources.electricity_maps import ElectricityMapsSource

    if config.token is None or not config.token.get_secret_value():
        raise ConfigurationError(
            "Electricity Maps needs an API token. Put it into the connection's password, "
            'or set the source to "mock" to look around without an account.'
        )
    source = ElectricityMapsSource(
        config.token.get_secret_value(),
        base_url=config.base_url,
        api_version=config.api_version,
        emission_factors=config.emission_factors,
    )
    return wrap(source, config) if wrap else source
