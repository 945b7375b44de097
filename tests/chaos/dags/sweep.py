"""Once a minute, what the example DAG does: cancel exports whose task has ended while nobody could cancel them."""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import DAG

from airflow_provider_hypercarbon.operators.export_sweep import ExportSweepOperator

with DAG(
    "sweep",
    schedule=timedelta(minutes=1),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(minutes=2),
) as dag:
    ExportSweepOperator(task_id="sweep")
