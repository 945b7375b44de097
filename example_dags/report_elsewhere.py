"""Report the footprint of work that ran elsewhere, such as a tape job or another tool's backup."""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, task

from airflow_provider_hypercarbon.operators.carbon_report import CarbonReportOperator

# [START report_elsewhere]
with DAG(
    "report_elsewhere",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    tags=["hypercarbon", "example"],
) as dag:

    @task
    def read_job_log() -> dict[str, object]:
        """Stand in for whatever knows when the work ran and how much it moved."""
        ended_at = pendulum.now("UTC").subtract(hours=1)
        return {
            "started_at": ended_at.subtract(hours=2).isoformat(),
            "ended_at": ended_at.isoformat(),
            "data_gb": 500,
        }

    job = read_job_log()
    CarbonReportOperator(
        task_id="report_footprint",
        started_at=job["started_at"],
        ended_at=job["ended_at"],
        data_gb=job["data_gb"],
        zone="GB",
    )
# [END report_elsewhere]
