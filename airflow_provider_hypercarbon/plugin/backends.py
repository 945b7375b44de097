"""What the routes ask: the carbon source and the results database that the configuration names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from airflow.sdk import timezone
from fastapi import Depends

from airflow_provider_hypercarbon import configuration
from airflow_provider_hypercarbon.hooks.carbon import CarbonHook
from airflow_provider_hypercarbon.hooks.results import open_results
from airflow_provider_hypercarbon.report_store import ResultsDatabase
from airflow_provider_hypercarbon.sources import CarbonSource


def _now() -> datetime:
    return timezone.utcnow()


def _hook() -> CarbonHook:
    # Never a connection that the request names: who may read a DAG may not thereby try out connections.
    return CarbonHook(configuration.api_carbon_conn_id())


def _source(hook: Annotated[CarbonHook, Depends(_hook)]) -> CarbonSource:
    return hook.get_conn()


def _results() -> Iterator[ResultsDatabase]:
    with open_results(configuration.api_results_conn_id()) as database:
        yield database


Now = Annotated[datetime, Depends(_now)]
Hook = Annotated[CarbonHook, Depends(_hook)]
Source = Annotated[CarbonSource, Depends(_source)]
Results = Annotated[ResultsDatabase, Depends(_results)]
