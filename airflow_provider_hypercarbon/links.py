"""Buttons on a task instance that open the Carbon page at the right place."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from airflow.sdk import BaseOperatorLink, conf

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

#: Airflow shows the plugin's page in its frame below this address.
_PAGE = "plugin/hypercarbon/hypercarbon/page"


class CarbonPlanLink(BaseOperatorLink):
    """From a sensor to its wait: the plan, the curve as it was believed, and what happened."""

    name = "Carbon plan"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        return page_url(ti_key, view="run")


class ExportJobLink(BaseOperatorLink):
    """From an export to its job: the progress while it runs."""

    name = "Carbon export"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        return page_url(ti_key, view="overview")


class CarbonReportLink(BaseOperatorLink):
    """From a report to the run's rows in the ledger."""

    name = "Carbon report"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        return page_url(ti_key, view="ledger")


def page_url(ti_key: TaskInstanceKey, *, view: str) -> str:
    """Return the address of the page for a task instance, right below a reverse proxy's sub-path as well."""
    map_index = ti_key.map_index
    query = {
        "view": view,
        "dag_id": ti_key.dag_id,
        "run_id": ti_key.run_id,
        "task_id": ti_key.task_id,
        "map_index": -1 if map_index is None else map_index,
    }
    base = str(conf.get("api", "base_url", fallback="/")).rstrip("/")
    return f"{base}/{_PAGE}?{urlencode(query)}"
