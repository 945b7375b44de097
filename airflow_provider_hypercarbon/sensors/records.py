"""Keep a sensor's decisions in the results database."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_provider_hypercarbon.exceptions import ConfigurationError, HyperCarbonError

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)


def keep(context: Context, results_conn_id: str | None, records: list[dict[str, Any]]) -> None:
    """Save decision records as JSON; that this does not work is said, and is no reason to hold a backup."""
    if results_conn_id is None or not records:
        return
    from airflow_provider_hypercarbon.carbon.record import DecisionRecord
    from airflow_provider_hypercarbon.hooks.results import open_results
    from airflow_provider_hypercarbon.report_store import DecisionLog, RunContext

    try:
        with open_results(results_conn_id) as database:
            for record in records:
                DecisionLog(database).save(DecisionRecord.model_validate(record), RunContext.of_task(context["ti"]))
    except ConfigurationError as error:  # most likely nobody set up a results database, which is a choice
        log.info("The decision is not kept: %s", error)
    except HyperCarbonError as error:
        log.warning("The decision is not kept: %s", error)
