"""Revise each day the reports whose intensities were estimates when the backups ended."""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG

from airflow_provider_hypercarbon.operators.carbon_reconcile import CarbonReconcileOperator

# [START carbon_reconcile]
with DAG(
    "carbon_reconcile",
    schedule="30 6 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["hypercarbon", "example"],
) as dag:
    CarbonReconcileOperator(
        task_id="reconcile",
        settled_after="24h",
        give_up_after="30d",
    )
# [END carbon_reconcile]
