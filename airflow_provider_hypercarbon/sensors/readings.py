"""The log of readings in the results database, for the learned curve."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_hypercarbon.exceptions import HyperCarbonError

if TYPE_CHECKING:
    from airflow_provider_hypercarbon.carbon.intensity import Signal
    from airflow_provider_hypercarbon.carbon.readings import ReadingsLog

log = logging.getLogger(__name__)


def log_loader(
    results_conn_id: str | None, *, now: datetime
) -> Callable[[str, str, Signal], ReadingsLog | None] | None:
    """Return what loads the log of a series; a database that cannot be read leaves the fixed curve."""
    if results_conn_id is None:
        return None

    def load(zone: str, source: str, signal: Signal) -> ReadingsLog | None:
        from airflow_provider_hypercarbon.hooks.results import open_results
        from airflow_provider_hypercarbon.report_store import ReadingsStore

        try:
            with open_results(results_conn_id) as database:
                return ReadingsStore(database).load(zone, source, signal, now=now)
        except HyperCarbonError as error:
            log.info("No log of readings: %s", error)
            return None

    return load
