"""Fetch an Airflow connection; when there is none, say how to define it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from airflow_provider_hypercarbon.exceptions import ConfigurationError

if TYPE_CHECKING:
    from airflow.sdk import Connection


def fetch_connection(conn_id: str, *, example: str) -> Connection:
    """Return a connection.

    :param example: what a definition looks like: a JSON connection, or a URI.
    :raises ConfigurationError: it is not defined.
    """
    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException as error:
        raise ConfigurationError(_how_to_define(conn_id, example)) from error


async def afetch_connection(conn_id: str, *, example: str) -> Connection:
    """Return a connection, in a trigger."""
    try:
        return await BaseHook.aget_connection(conn_id)
    except AirflowNotFoundException as error:
        raise ConfigurationError(_how_to_define(conn_id, example)) from error


def is_missing(error: ConfigurationError) -> bool:
    """Whether a connection could not be fetched because nobody defined it."""
    return isinstance(error.__cause__, AirflowNotFoundException)


def extra_of(connection: Connection) -> dict[str, Any]:
    """Return the extra fields of a connection.

    Airflow's own ``extra_dejson`` talks to the supervisor about secrets to mask, for which a trigger cannot wait on
    every release of Airflow 3.3; the extras read here hold none.

    :raises ConfigurationError: not a JSON object.
    """
    try:
        extra = json.loads(connection.extra or "{}")
    except ValueError:
        extra = None
    if not isinstance(extra, dict):
        raise ConfigurationError(f"The extra of connection {connection.conn_id!r} is not a JSON object.")
    return extra


def _how_to_define(conn_id: str, example: str) -> str:
    option = "--conn-json" if example.startswith("{") else "--conn-uri"
    return (
        f"There is no Airflow connection {conn_id!r}. Define it in the UI under Admin, Connections, or with: "
        f"airflow connections add {conn_id} {option} '{example}', "
        f"or in the environment: AIRFLOW_CONN_{conn_id.upper()}='{example}'"
    )
