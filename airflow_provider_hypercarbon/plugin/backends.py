"""What the routes ask: the carbon source and the results database that the configuration names."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from airflow.sdk import timezone
from fastapi import Depends

from airflow_provider_hypercarbon import configuration
from airflow_provider_hypercarbon.hooks.carbon import CarbonHook
from airflow_provider_hypercarbon.hooks.connections import fetch_connection
from airflow_provider_hypercarbon.hooks.results import EXAMPLE_CONNECTION, shared_results
from airflow_provider_hypercarbon.report_store import ResultsDatabase
from airflow_provider_hypercarbon.sources import CarbonSource


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
    connection = fetch_connection(configuration.api_results_conn_id(), example=EXAMPLE_CONNECTION)
    return shared_results(connection)  # one for all requests, opened anew when the connection was changed


Now = Annotated[datetime, Depends(present)]
Hook = Annotated[CarbonHook, Depends(carbon_hook)]
Source = Annotated[CarbonSource, Depends(carbon_source)]
Results = Annotated[ResultsDatabase, Depends(results_database)]
