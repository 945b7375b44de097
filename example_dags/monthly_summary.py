"""Sum up a month of backups, some days after its end, when the intensities have become final."""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, Param

from airflow_provider_hypercarbon.operators.carbon_summary import CarbonSummaryOperator

# [START monthly_summary]
with DAG(
    "monthly_summary",
    schedule="0 6 5 * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    params={
        "month": Param(None, type=["null", "string"], description="Such as 2026-10; else the month before"),
        "folder": Param("/reports", type="string", description="Where the files go"),
    },
    tags=["hypercarbon", "example"],
) as dag:
    CarbonSummaryOperator(
        task_id="summarise_by_zone",
        by=["zone"],
        month="{{ params.month or '' }}",
        outputs=["{{ params.folder }}/carbon-by-zone.html", "{{ params.folder }}/carbon-by-zone.csv"],
    )
    CarbonSummaryOperator(
        task_id="summarise_by_vm",
        by=["vm"],
        month="{{ params.month or '' }}",
        outputs=["{{ params.folder }}/carbon-by-vm.csv"],
    )
# [END monthly_summary]
