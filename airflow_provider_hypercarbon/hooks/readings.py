"""The log of readings in the results database, for the learned curve."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_hypercarbon.exceptions import HyperCarbonError
from airflow_provider_hypercarbon.hooks.connections import fetch_connection

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from airflow_provider_hypercarbon.carbon.intensity import Signal
    from airflow_provider_hypercarbon.carbon.readings import ReadingsLog

log = logging.getLogger(__name__)

#: The log grows by the hour: all waits in a triggerer that decide about the same time read it once.
_READ_AGAIN = timedelta(minutes=10)
_MOST_LOGS = 32

LoadLog = Callable[[str, str, "Signal"], "ReadingsLog | None"]


def log_loader(results: str | Connection | None, *, now: datetime) -> LoadLog | None:
    """Return what loads the log of a series; a database that cannot be read leaves the fixed curve.

    :param results: the connection of the results database, or its id; in a trigger, fetched before.
    """
    if results is None:
        return None

    def load(zone: str, source: str, signal: Signal) -> ReadingsLog | None:
        from airflow_provider_hypercarbon.hooks.results import EXAMPLE_CONNECTION, shared_results
        from airflow_provider_hypercarbon.report_store import ReadingsStore

        try:
            connection = (
                fetch_connection(results, example=EXAMPLE_CONNECTION) if isinstance(results, str) else results
            )
            database = shared_results(connection)
            key = (id(database), zone, source, signal)
            read_at, found = _logs.get(key, (None, None))
            if read_at is None or not read_at <= now < read_at + _READ_AGAIN:
                found = ReadingsStore(database).load(zone, source, signal, now=now)
                while len(_logs) >= _MOST_LOGS:
                    _logs.pop(next(iter(_logs)), None)
                _logs[key] = (now, found)
        except HyperCarbonError as error:
            log.info("No log of readings: %s", error)
            return None
        return found

    return load


_logs: dict[tuple[int, str, str, Signal], tuple[datetime, ReadingsLog | None]] = {}
