"""Where carbon intensity comes from: one file a source, one Protocol, one way to open them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal, Protocol, cast, get_args

from pydantic import Field, SecretStr, field_validator, model_validator

from airflow_provider_hypercarbon.carbon.intensity import CarbonIntensity, Frozen, IntensitySeries, Signal
from airflow_provider_hypercarbon.carbon.zones import Zone
from airflow_provider_hypercarbon.exceptions import ConfigurationError

SourceName = Literal["electricity_maps", "neso", "energy_charts", "watttime", "trace", "ember_yearly", "mock"]
SOURCE_NAMES: tuple[SourceName, ...] = get_args(SourceName)
#: Asked when nobody says what to ask; each knows other zones.
KEYLESS: tuple[SourceName, ...] = ("neso", "energy_charts")
_WITHOUT_REQUESTS: tuple[SourceName, ...] = ("mock", "trace", "ember_yearly")


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
    """How to reach a source, or several; what an Airflow connection of type ``hypercarbon`` says.

    :param source: which source; ``keyless`` takes NESO or Energy-Charts, by zone.
    :param sources: several, in the order in which they are asked, in place of ``source``.
    :param token: API token of Electricity Maps, or password of WattTime; the others need none.
    :param login: user name at WattTime.
    :param watttime_password: where the token is another source's.
    :param watttime_regions: WattTime's region for a zone key.
    :param base_url: host with scheme, without the version; None for the source's own. Of several, the first one's.
    :param api_version: of Electricity Maps.
    :param emission_factors: of Electricity Maps; of a trace, what its values count.
    :param refuse_estimated: take no values that Electricity Maps marks as estimates.
    :param path: of a trace, with ``{zone}`` in it.
    :param forecast_path: of a trace's forecasts, likewise.
    :param storage_options: of a trace, for fsspec.
    :param regions: zone keys for regions of clouds.
    :param seconds_per_day: real seconds in which a day of the mock passes; 86,400 is real time.
    """

    source: SourceName | Literal["keyless"] = "electricity_maps"
    sources: tuple[SourceName, ...] = ()
    token: SecretStr | None = None
    login: str | None = None
    watttime_password: SecretStr | None = None
    watttime_regions: dict[str, str] = Field(default_factory=dict)
    base_url: str | None = None
    api_version: Literal["v4", "v3"] = "v4"
    emission_factors: Literal["lifecycle", "direct", "operational"] = "lifecycle"
    refuse_estimated: bool = False
    path: str | None = None
    forecast_path: str | None = None
    storage_options: dict[str, Any] = Field(default_factory=dict, repr=False)  # they hold secrets
    regions: dict[str, str] = Field(default_factory=dict)
    seconds_per_day: Annotated[float, Field(ge=24, le=86400)] = 86400.0

    @property
    def scope(self) -> str:
        """A fingerprint of all that changes an answer: answers are shared by those with the same."""
        secrets = [_secret(self.token), _secret(self.watttime_password)]
        said = [self.model_dump(mode="json", exclude={"token", "watttime_password"}), secrets]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:32]

    @field_validator("sources", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        """Take a list, or names with commas between them, as a form field has them."""
        return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value

    @field_validator("watttime_regions", "storage_options", "regions", mode="before")
    @classmethod
    def _object(cls, value: object) -> object:
        """Take an object, or the text of one, as a form field has it."""
        return json.loads(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _in_company(self) -> SourceConfig:
        if len(self.sources) > 1 and "mock" in self.sources:
            raise ValueError("the mock is made up, and stands alone.")
        if len(set(self.sources)) < len(self.sources):
            raise ValueError("each source is named once.")
        return self


#: Wraps a source that costs requests, given how it is reached.
Wrap = Callable[[CarbonSource, SourceConfig], CarbonSource]


def open_source(config: SourceConfig, *, wrap: Wrap | None = None) -> CarbonSource:
    """Return the source that ``config`` names, or the chain of several.

    :param wrap: wraps each source that asks a service, to share its answers, say; never the chain.
    :raises ConfigurationError: a source lacks its token, its password or its path.
    """
    from airflow_provider_hypercarbon.sources.chain import ChainSource, KeylessSource

    def member(name: SourceName, *, first: bool) -> CarbonSource:
        source = open_member(name, config, first=first)
        if wrap is None or name in _WITHOUT_REQUESTS:
            return source
        # Each with a configuration of its own: that one is down says nothing about the others.
        return wrap(source, config.model_copy(update={"source": name, "sources": ()}))

    if config.source == "keyless" and not config.sources:
        return KeylessSource([member(name, first=False) for name in KEYLESS], regions=config.regions)
    names = config.sources or (cast(SourceName, config.source),)
    members = [member(name, first=name == names[0]) for name in names]
    if len(members) == 1 and not config.regions:
        return members[0]
    return ChainSource(members, regions=config.regions)


def open_member(name: SourceName, config: SourceConfig, *, first: bool = True) -> CarbonSource:
    """Return one source by its name.

    :param first: the base URL is this one's.
    :raises ConfigurationError: the source lacks its token, its password or its path.
    """
    # Each source is imported when it is asked for: the mock needs no HTTP client.
    base_url = config.base_url if first else None
    if name == "mock":
        from airflow_provider_hypercarbon.sources.mock import MockSource

        return MockSource(seconds_per_day=config.seconds_per_day)
    if name == "neso":
        from airflow_provider_hypercarbon.sources.neso import NesoSource

        return NesoSource(base_url=base_url)
    if name == "energy_charts":
        from airflow_provider_hypercarbon.sources.energy_charts import EnergyChartsSource

        return EnergyChartsSource(base_url=base_url)
    if name == "ember_yearly":
        from airflow_provider_hypercarbon.sources.ember import EmberYearlySource

        return EmberYearlySource()
    if name == "trace":
        from airflow_provider_hypercarbon.sources.trace import TraceSource

        if not config.path:
            raise ConfigurationError(
                'A trace needs a path. Put it into the connection\'s extra, such as "path": "/srv/grid/{zone}.csv".'
            )
        return TraceSource(
            config.path,
            forecast_path=config.forecast_path,
            signal=Signal(factors=config.emission_factors),
            storage_options=config.storage_options,
        )
    if name == "watttime":
        return _open_watttime(config, base_url)
    return _open_electricity_maps(config, base_url)


def _open_electricity_maps(config: SourceConfig, base_url: str | None) -> CarbonSource:
    from airflow_provider_hypercarbon.sources.electricity_maps import ElectricityMapsSource

    if not (token := _secret(config.token)):
        raise ConfigurationError(
            "Electricity Maps needs an API token. Put it into the connection's password, "
            'or set the source to "keyless" for Great Britain and Europe, or to "mock" to look around.'
        )
    if config.emission_factors == "operational":
        raise ConfigurationError('Electricity Maps has the emission factors "lifecycle" and "direct".')
    return ElectricityMapsSource(
        token,
        base_url=base_url,
        api_version=config.api_version,
        emission_factors=config.emission_factors,
        refuse_estimated=config.refuse_estimated,
    )


def _open_watttime(config: SourceConfig, base_url: str | None) -> CarbonSource:
    from airflow_provider_hypercarbon.sources.watttime import WattTimeSource

    password = _secret(config.watttime_password) or _secret(config.token)
    if not config.login or not password:
        raise ConfigurationError(
            "WattTime needs the connection's login and password: the name of an account and its."
        )
    return WattTimeSource(config.login, password, regions=config.watttime_regions, base_url=base_url)


def _secret(value: SecretStr | None) -> str:
    return value.get_secret_value() if value else ""
