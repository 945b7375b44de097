"""Summaries of the results table: gathered by the database's sums, and written for machines and for people."""

from airflow_provider_hypercarbon.summaries.files import write_file
from airflow_provider_hypercarbon.summaries.formats import KINDS, kind_of, render
from airflow_provider_hypercarbon.summaries.query import Grouping, gather, month_span

__all__ = ["KINDS", "Grouping", "gather", "kind_of", "month_span", "render", "write_file"]
