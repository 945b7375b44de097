"""What a sensor's arguments ask for, with the run's overrides and the configuration behind them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import ValidationError

from airflow_provider_hypercarbon import configuration
from airflow_provider_hypercarbon.carbon.instants import parse_span
from airflow_provider_hypercarbon.carbon.policy import RunOverrides, StartPolicy, what_is_wrong
from airflow_provider_hypercarbon.carbon.zones import known_zone_key
from airflow_provider_hypercarbon.exceptions import ConfigurationError
from airflow_provider_hypercarbon.rendered import given, is_template
from airflow_provider_hypercarbon.sensors.wait import Limits

if TYPE_CHECKING:
    from airflow_provider_hypercarbon.sensors.carbon_intensity import CarbonIntensitySensor

#: Bounds a wait that only ``finish_by`` bounds.
LONGEST_WAIT = timedelta(days=7)


def asked_policy(sensor: CarbonIntensitySensor, overrides: RunOverrides) -> StartPolicy:
    """Return the policy of a run: its overrides, else the task's arguments, else the configuration.

    :raises ConfigurationError: with the argument that cannot be.
    """
    limit = given(overrides.carbon_max_intensity, sensor.max_intensity)
    if limit is None and sensor.strategy == "threshold":
        limit = configuration.default_max_intensity()
    longest = configuration.default_max_delay() if given(sensor.finish_by) is None else LONGEST_WAIT
    fields = {
        "strategy": sensor.strategy,
        "max_intensity": limit,
        "max_delay": given(overrides.carbon_max_delay, sensor.max_delay, longest),
        "duration": given(sensor.duration),
        "duration_from": "default" if given(sensor.duration) is None else "given",
        "min_saving": sensor.min_saving,
        "wait_on_modelled": sensor.wait_on_modelled,
        "replan_interval": sensor.replan_interval,
        "check_interval": sensor.check_interval,
        "on_no_data": sensor.on_no_data or ("start" if configuration.fallback_on_error() else "fail"),
    }
    try:
        return StartPolicy.model_validate({key: value for key, value in fields.items() if value is not None})
    except ValidationError as error:
        raise ConfigurationError(f"Task {sensor.task_id}: {what_is_wrong(error)}") from None


def asked_limits(sensor: CarbonIntensitySensor) -> Limits:
    """Return what comes before carbon.

    :raises ConfigurationError: with the argument that cannot be.
    """
    paths = given(sensor.vm_path) or ()
    max_age = given(sensor.max_backup_age)
    try:
        age = None if max_age is None else parse_span(max_age)
    except ValueError as error:
        raise ConfigurationError(f"Task {sensor.task_id}: max_backup_age: {error}") from error
    return Limits(
        finish_by=given(sensor.finish_by),
        max_backup_age=age,
        vm_paths=(paths,) if isinstance(paths, str) else tuple(paths),
        results_conn_id=given(sensor.results_conn_id),
    )


def why_unaware(overrides: RunOverrides) -> str:
    """Return why this run does not look at the grid; empty when it does."""
    if not overrides.carbon_aware:
        return "this run has carbon_aware false"
    return "" if configuration.enabled() else "[hypercarbon] enabled is False"


def refuse_what_cannot_work(sensor: CarbonIntensitySensor) -> None:
    """Check the arguments when the DAG is read; those that are templates are checked when they are rendered.

    :raises ValueError: with what to write instead.
    """
    shortest = configuration.minimum_poke_interval()
    if sensor.check_interval < shortest:
        raise ValueError(
            f"poke_interval is {sensor.check_interval.total_seconds():g} s. Give at least "
            f"{shortest.total_seconds():g} s: the sensor comes back at the planned moment by itself."
        )
    if sensor.exponential_backoff:
        raise ValueError("exponential_backoff cannot be used: the plan names the next moment.")
    if given(sensor.max_backup_age) is not None and not sensor.vm_path:
        raise ValueError("max_backup_age needs vm_path: whose last backup may not become too old?")
    parse_span(sensor.max_start_jitter)
    if sensor.zone and not is_template(sensor.zone):
        known_zone_key(sensor.zone)
    if any(is_template(getattr(sensor, field)) for field in sensor.template_fields):
        return
    asked_policy(sensor, RunOverrides())
    asked_limits(sensor)
