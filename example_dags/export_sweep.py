"""Every five minutes, cancel the exports whose task was ended while nobody could cancel them."""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG

from airflow_provider_hypercarbon.operators.export_sweep import ExportSweepOperator

# [START export_sweep]
with DAG(
    "export_sweep",
    schedule="*/5 * * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    # One that hangs must not keep the later ones away.
    dagrun_timeout=pendulum.duration(minutes=4),
    tags=["hypercarbon", "example"],
) as dag:
    ExportSweepOperator(task_id="sweep")
# [END export_sweep]
