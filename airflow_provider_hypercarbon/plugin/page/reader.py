"""Who looks at the page, and what is asked for them; each part asks for itself, so that each fails alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from fastapi import Depends

from airflow_provider_hypercarbon.hooks.carbon import CarbonHook
from airflow_provider_hypercarbon.plugin.backends import carbon_hook, results_database
from airflow_provider_hypercarbon.plugin.guard import DagAccess
from airflow_provider_hypercarbon.plugin.page.words import Clock
from airflow_provider_hypercarbon.report_store import ResultsDatabase


class Backends(NamedTuple):
    """How to get at the results database and the carbon source; asking may fail."""

    results: Callable[[], ResultsDatabase] = results_database
    hook: Callable[[], CarbonHook] = carbon_hook


def backends() -> Backends:
    """Return the configured ones; tests put others in their place."""
    return Backends()


AskedBackends = Annotated[Backends, Depends(backends)]


@dataclass(frozen=True)
class Reader:
    """Somebody who looks: what they may read, their clock, and whom to ask."""

    dags: DagAccess
    clock: Clock
    ask: Backends
