"""Where reports, decisions and readings are kept: in a database of the user."""

from airflow_provider_hypercarbon.report_store.answers import DatabaseAnswers
from airflow_provider_hypercarbon.report_store.database import ResultsDatabase
from airflow_provider_hypercarbon.report_store.decisions import DecisionLog, KeptDecision
from airflow_provider_hypercarbon.report_store.filters import ReportFilters
from airflow_provider_hypercarbon.report_store.ledger import Head, Why
from airflow_provider_hypercarbon.report_store.names import dags_and_zones
from airflow_provider_hypercarbon.report_store.places import Order
from airflow_provider_hypercarbon.report_store.plot_parts import PlotGroup
from airflow_provider_hypercarbon.report_store.plot_sums import plot_sums
from airflow_provider_hypercarbon.report_store.readings import ReadingsStore
from airflow_provider_hypercarbon.report_store.row import RunContext, StoredReport
from airflow_provider_hypercarbon.report_store.store import CarbonReportStore, ReportPage, SavedReport
from airflow_provider_hypercarbon.report_store.sum_tables import SUMMED
from airflow_provider_hypercarbon.report_store.sums import ReportSums, Total
from airflow_provider_hypercarbon.report_store.verify import Verdict, verify

__all__ = [
    "SUMMED",
    "CarbonReportStore",
    "DatabaseAnswers",
    "DecisionLog",
    "Head",
    "KeptDecision",
    "Order",
    "PlotGroup",
    "ReadingsStore",
    "ReportFilters",
    "ReportPage",
    "ReportSums",
    "ResultsDatabase",
    "RunContext",
    "SavedReport",
    "StoredReport",
    "Total",
    "Verdict",
    "Why",
    "dags_and_zones",
    "plot_sums",
    "verify",
]
