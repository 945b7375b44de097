"""What the routes ask: the carbon source and the results database that the configuration names."""

from __future__ import annotations

import hashlib
from datetime import datetime
from threading import Lock
from typing import Annotated

from airflow.sdk import timezone
from fastapi import Depends

from airflow_provider_hypercarbon import configuration
from airflow_provider_hypercarbon.hooks.carbon import CarbonHook
from airflow_provider_hypercarbon.hooks.connections import fetch_connection
from airflow_provider_hypercarbon.hooks.results import EXAMPLE_CONNECTION, results_engine
from airflow_provider_hypercarbon.report_store import ResultsDatabase
from airflow_provider_hypercarbon.sources import CarbonSource

#: Connections to the results database that this process keeps open between requests.
_POOL = {"pool_size": 4, "max_overflow": 12, "pool_timeout": 5, "pool_recycle": 1800, "pool_pre_ping": True}


class SharedResults:
    """One open results database for all requests; opened anew when its Airflow connection was changed."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._opened: dict[str, tuple[str, ResultsDatabase]] = {}

    def get(self, conn_id: str) -> ResultsDatabase:
        uri = fetch_connection(conn_id, example=EXAMPLE_CONNECTION).get_uri()
        mark = hashlib.sha256(uri.encode()).hexdigest()  # it holds a password, which is not kept
        with self._lock:
            known, database = self._opened.get(conn_id, ("", None))
            if database is None or known != mark:
                if database is not None:
                    database.engine.dispose()
                database = ResultsDatabase(results_engine(conn_id, **_POOL))
                self._opened[conn_id] = (mark, database)
            return database


_shared = SharedResults()


def present() -> datetime:
    """Return the present; tests put another in its place."""
    return timezone.utcnow()


def carbon_hook() -> CarbonHook:
    """Return the hook of the configured connection."""
    # Never a connection that the request names: who may read a DAG may not thereby try out connections.
    return CarbonHook(configuration.api_carbon_conn_id())


def carbon_source(hook: Annotated[CarbonHook, Depends(carbon_hook)]) -> CarbonSource:
    """Return its source, which shares answers with the sensors."""
    return hook.get_conn()


def results_database() -> ResultsDatabase:
    """Return the configured results database."""
    return _shared.get(configuration.api_results_conn_id())


Now = Annotated[datetime, Depends(present)]
Hook = Annotated[CarbonHook, Depends(carbon_hook)]
Source = Annotated[CarbonSource, Depends(carbon_source)]
Results = Annotated[ResultsDatabase, Depends(results_database)]
