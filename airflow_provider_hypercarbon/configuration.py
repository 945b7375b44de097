"""The ``[hypercarbon]`` section of Airflow's configuration, read once for each question."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import conf

from airflow_provider_hypercarbon.carbon.instants import parse_span
from airflow_provider_hypercarbon.exceptions import ConfigurationError

SECTION = "hypercarbon"


def enabled() -> bool:
    """Whether sensors wait at all."""
    return conf.getboolean(SECTION, "enabled")


def default_zone() -> str:
    """Zone for tasks and connections that name none."""
    return conf.get_mandatory_value(SECTION, "default_zone")


def default_max_intensity() -> float:
    """Limit of strategy ``threshold`` in gCO2eq/kWh."""
    return conf.getfloat(SECTION, "default_max_intensity")


def default_max_delay() -> timedelta:
    """Longest wait of a sensor that names none."""
    return _span("default_max_delay")


def check_interval() -> timedelta:
    """How soon a waiting sensor looks again when no plan names a moment."""
    return _span("check_interval")


def fallback_on_error() -> bool:
    """Whether a job starts when there are no data to decide with."""
    return conf.getboolean(SECTION, "fallback_on_error")


def minimum_poke_interval() -> timedelta:
    """The shortest ``poke_interval`` that a sensor accepts."""
    return _span("minimum_poke_interval")


def api_carbon_conn_id() -> str:
    """Connection that the page and the REST API ask about grids."""
    return conf.get_mandatory_value(SECTION, "api_carbon_conn_id")


def api_results_conn_id() -> str:
    """Connection of the results database that they read."""
    return conf.get_mandatory_value(SECTION, "api_results_conn_id")


def _span(option: str) -> timedelta:
    try:
        return parse_span(conf.get_mandatory_value(SECTION, option))
    except ValueError as error:
        raise ConfigurationError(f"[{SECTION}] {option}: {error}") from error
