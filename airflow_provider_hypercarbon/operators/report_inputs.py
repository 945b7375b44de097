"""What a report is made of, out of arguments and the outputs of other tasks."""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_hypercarbon.exceptions import ConfigurationError
from airflow_provider_hypercarbon.rendered import given

if TYPE_CHECKING:
    from airflow.sdk import Context


def optional_instant(name: str, decision: dict[str, Any]) -> datetime | None:
    """Return an instant that a decision may name."""
    value = given(decision.get(name))
    return None if value is None else instant(f"{name} of the decision", value)


def instant(name: str, value: Any) -> datetime:
    """Return an instant that has to be known."""
    if value is None:
        raise ConfigurationError(
            f"{name} is unknown: neither the argument nor the export says it. Pass {name} as ISO 8601 with an offset."
        )
    from airflow_provider_hypercarbon.carbon.instants import parse_instant

    try:
        return parse_instant(value.isoformat() if isinstance(value, datetime) else value)
    except ValueError as error:
        raise ConfigurationError(f"{name}: {error}") from error


def number(name: str, value: Any) -> float | None:
    """Return a number that may be unknown."""
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        raise ConfigurationError(f"{name} is {value!r}, not a number. Give GB, such as 500.") from None


def own_id(context: Context) -> str:
    """Return the same id for each try of a task instance."""
    ti = context["ti"]
    return str(uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([ti.dag_id, ti.run_id, ti.task_id, ti.map_index])))
