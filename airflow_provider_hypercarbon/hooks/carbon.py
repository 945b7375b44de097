"""From an Airflow connection of type ``hypercarbon`` to a carbon source, and the questions people ask one."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook, timezone
from pydantic import SecretStr, ValidationError

from airflow_provider_hypercarbon import configuration
from airflow_provider_hypercarbon.exceptions import (
    AccessDeniedError,
    ConfigurationError,
    HyperCarbonError,
    NoDataError,
    RequestRefusedError,
)
from airflow_provider_hypercarbon.hooks.connections import (
    afetch_connection,
    extra_of,
    fetch_connection,
    is_missing,
)
from airflow_provider_hypercarbon.hooks.sharing import Sharing

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from airflow_provider_hypercarbon.carbon.energy import EnergyModel
    from airflow_provider_hypercarbon.carbon.intensity import CarbonIntensity
    from airflow_provider_hypercarbon.carbon.report import CarbonReport
    from airflow_provider_hypercarbon.carbon.savings import SavingsEstimate
    from airflow_provider_hypercarbon.carbon.status import GridStatus
    from airflow_provider_hypercarbon.carbon.zones import Zone
    from airflow_provider_hypercarbon.sources import CarbonSource, SourceConfig

#: Fields of a connection, not of its extra.
_OF_THE_CONNECTION = ("source", "token", "base_url", "login")
#: Defines a connection that works without an account.
EXAMPLE_CONNECTION = '{"conn_type": "hypercarbon", "extra": {"source": "mock"}}'


class CarbonHook(BaseHook):
    """Ask for the carbon intensity of a zone's electricity.

    All times that come back are aware UTC; intensities are gCO2eq/kWh. Errors are those of
    :mod:`airflow_provider_hypercarbon.exceptions`. Data of the mock or of a sandbox key carry that mark in their
    field ``synthetic``.

    :param carbon_conn_id: Airflow connection of type ``hypercarbon``. While the default one is not defined, NESO and
        Energy-Charts are asked, which need no key; another id that is not defined is an error.
    """

    conn_name_attr = "carbon_conn_id"
    default_conn_name = "hypercarbon_default"
    conn_type = "hypercarbon"
    hook_name = "Carbon intensity"

    def __init__(self, carbon_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.carbon_conn_id = carbon_conn_id

    @cached_property
    def connection(self) -> Connection:
        try:
            return fetch_connection(self.carbon_conn_id, example=EXAMPLE_CONNECTION)
        except ConfigurationError as error:
            return self._keyless(error)

    async def aload(self) -> CarbonHook:
        """Fetch the connection from within a trigger; afterwards everything here works without waiting for it."""
        try:
            self.connection = await afetch_connection(self.carbon_conn_id, example=EXAMPLE_CONNECTION)
        except ConfigurationError as error:
            self.connection = self._keyless(error)
        sharing = Sharing(self.carbon_conn_id, extra_of(self.connection))
        if sharing.wants_results:
            with suppress(ConfigurationError):  # nobody has defined it, which is a choice
                sharing.results = await afetch_connection(sharing.results_conn_id, example="")
        self.sharing = sharing
        return self

    def _keyless(self, error: ConfigurationError) -> Connection:
        """Stand in for a default connection that nobody has defined yet.

        :raises ConfigurationError: somebody named the connection, and there is none of that name.
        """
        if self.carbon_conn_id != self.default_conn_name or not is_missing(error):
            raise error
        from airflow.sdk import Connection

        self.log.info(
            "There is no Airflow connection %r: asking the sources that need no key, NESO for Great Britain and "
            "Energy-Charts for Europe.",
            self.carbon_conn_id,
        )
        return Connection(conn_id=self.carbon_conn_id, conn_type=self.conn_type, extra='{"source": "keyless"}')

    @cached_property
    def sharing(self) -> Sharing:
        """How answers are shared and logged."""
        sharing = Sharing(self.carbon_conn_id, extra_of(self.connection))
        if sharing.wants_results:
            with suppress(ConfigurationError):
                sharing.results = fetch_connection(sharing.results_conn_id, example="")
        return sharing

    @cached_property
    def source(self) -> CarbonSource:
        from airflow_provider_hypercarbon.sources import open_source

        return open_source(source_config(self.connection), wrap=self._wrap)

    def _wrap(self, source: CarbonSource, config: SourceConfig) -> CarbonSource:
        return self.sharing.wrap(source, config)

    def get_conn(self) -> CarbonSource:
        """Return the source that the connection names."""
        return self.source

    @cached_property
    def counterpart(self) -> CarbonSource | None:
        """The same source with the other emission factors, direct for life-cycle; None where it has no others."""
        from airflow_provider_hypercarbon.sources import open_source

        config = source_config(self.connection)
        if config.sources or config.source != "electricity_maps":
            return None
        other = "direct" if config.emission_factors == "lifecycle" else "lifecycle"
        return open_source(config.model_copy(update={"emission_factors": other}), wrap=self._wrap)

    @property
    def default_zone(self) -> str:
        """The connection's zone, else the configuration's."""
        return extra_of(self.connection).get("zone") or configuration.default_zone()

    def get_current_intensity(self, zone: str | None = None) -> CarbonIntensity:
        """Return the newest measured intensity."""
        return self.source.latest(zone or self.default_zone, now=timezone.utcnow())

    def get_forecast(self, zone: str | None = None, hours: float = 24) -> list[CarbonIntensity]:
        """Return the forecast slots for the next hours, as far as the source reaches."""
        now = timezone.utcnow()
        return self.source.forecast(zone or self.default_zone, now + timedelta(hours=hours), now=now).readings()

    def get_history(self, zone: str | None, start: datetime, end: datetime) -> list[CarbonIntensity]:
        """Return the measured slots that touch ``[start, end)``, as many as the source has."""
        return self.source.history(zone or self.default_zone, start, end, now=timezone.utcnow()).readings()

    def get_grid_status(
        self, zone: str | None = None, threshold: float | None = None, hours: float = 4
    ) -> GridStatus:
        """Return the present state against a threshold, with the hours ahead; without a forecast it says so."""
        from airflow_provider_hypercarbon.sources.planning import look_at_grid

        limit = configuration.default_max_intensity() if threshold is None else threshold
        return look_at_grid(self.source, zone or self.default_zone, limit, hours, now=timezone.utcnow())

    def list_zones(self) -> list[Zone]:
        """Return the zones that this source can be asked about."""
        return list(self.source.zones())

    def estimate_savings(
        self,
        zone: str | None,
        data_gb: float,
        duration: timedelta,
        max_delay: timedelta | None = None,
    ) -> SavingsEstimate:
        """Return what waiting up to ``max_delay`` would change for a job of ``data_gb`` GB and ``duration``.

        :raises NoDataError: the present is unknown.
        """
        from airflow_provider_hypercarbon.sources.planning import estimate_waiting

        delay = configuration.default_max_delay() if max_delay is None else max_delay
        return estimate_waiting(
            self.source, zone or self.default_zone, data_gb, duration, delay, now=timezone.utcnow()
        )

    def generate_report(
        self,
        operation_id: str,
        start: datetime,
        end: datetime,
        data_gb: float | None,
        zone: str | None = None,
        scheduled_at: datetime | None = None,
        energy_model: EnergyModel | None = None,
    ) -> CarbonReport:
        """Return the footprint of a run by the intensities measured over it; writes nothing.

        :param energy_model: else modelled by default.
        """
        from airflow_provider_hypercarbon.carbon.energy_models import DEFAULT_ENERGY_MODEL
        from airflow_provider_hypercarbon.carbon.footprint import history_needed, make_report
        from airflow_provider_hypercarbon.carbon.zones import zone_key

        where = zone or self.default_zone
        since, until = history_needed(start, end, scheduled_at)
        return make_report(
            operation_id=operation_id,
            zone=zone_key(where),
            started_at=start,
            ended_at=end,
            series=self.source.history(where, since, until, now=timezone.utcnow()),
            data_gb=data_gb,
            scheduled_at=scheduled_at,
            energy_model=energy_model or DEFAULT_ENERGY_MODEL,
        )

    def collect_readings(self, zone: str | None = None) -> str:
        """Keep what the source tells of a zone in the log of readings, and say what that is.

        Called every hour or few, it makes the log that decisions learn from, and that reports on runs of last week
        need. What somebody asked for in this hour costs no further request.

        :raises HyperCarbonError: the source has nothing, or there is no results database.
        """
        where, now, kept = zone or self.default_zone, timezone.utcnow(), []
        series = self.source.history(where, now - timedelta(days=7), now, now=now)
        self.sharing.collect(series, is_forecast=False, now=now)
        kept.append(f"{len(series.slots)} measured slots")
        try:
            forecast = self.source.forecast(where, now + timedelta(days=1), now=now)
        except (AccessDeniedError, RequestRefusedError, NoDataError) as error:
            kept.append(f"no forecast ({error})")
        else:
            self.sharing.collect(forecast, is_forecast=True, now=now)
            kept.append(f"a forecast of {len(forecast.slots)} slots")
        made_up = f" They are {series.synthetic} data, so nothing was kept." if series.synthetic else ""
        return f"{series.zone} from {series.source}: {' and '.join(kept)}.{made_up}"

    def test_connection(self) -> tuple[bool, str]:
        """Ask each source for the newest intensity of the default zone, and what its key includes."""
        from airflow_provider_hypercarbon.sources import open_source
        from airflow_provider_hypercarbon.sources.probe import probe

        try:
            found = probe(open_source(source_config(self.connection)), self.default_zone, now=timezone.utcnow())
        except HyperCarbonError as error:
            return False, str(error)
        return any(one.current for one in found), " ".join(one.sentence for one in found)


def source_config(connection: Connection) -> SourceConfig:
    """Read a connection's fields.

    :raises ConfigurationError: a field has a value that does not exist.
    """
    from airflow_provider_hypercarbon.carbon.policy import what_is_wrong
    from airflow_provider_hypercarbon.sources import SourceConfig

    extra = extra_of(connection)
    fields = {
        "source": extra.get("source") or "electricity_maps",
        "token": SecretStr(connection.password) if connection.password else None,
        "base_url": connection.host or None,
        "login": connection.login or None,
        **{key: extra[key] for key in SourceConfig.model_fields if key not in _OF_THE_CONNECTION and extra.get(key)},
    }
    try:
        return SourceConfig.model_validate(fields)
    except ValidationError as error:
        raise ConfigurationError(
            f"Connection {connection.conn_id!r} has a wrong field. "
            f"{what_is_wrong(error)} See the connection reference."
        ) from None
