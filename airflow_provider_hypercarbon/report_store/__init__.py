"""Where the reports of all runs are kept: one row an operation, in a database of the user."""

from airflow_provider_hypercarbon.report_store.row import RunContext, StoredReport
from airflow_provider_hypercarbon.report_store.store import CarbonReportStore

__all__ = ["CarbonReportStore", "RunContext", "StoredReport"]
