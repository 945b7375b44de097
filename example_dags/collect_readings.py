"""Collect what grids were and were forecast to be, every hour: decisions learn from it."""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, task

# [START collect_readings]
ZONES = ["DE", "GB"]

with DAG(
    "collect_readings",
    # Some minutes after the hour, when providers have published it. Every third hour teaches as much.
    schedule="10 * * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1, "retry_delay": pendulum.duration(minutes=5)},
    tags=["hypercarbon", "example"],
) as dag:

    @task
    def collect(zone: str) -> str:
        """Keep what the connection's source tells of a zone; who asked before in this hour has paid for it."""
        from airflow_provider_hypercarbon.hooks.carbon import CarbonHook

        return CarbonHook("hypercarbon_default").collect_readings(zone)

    collect.expand(zone=ZONES)
# [END collect_readings]
