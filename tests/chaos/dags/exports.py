"""One export a run, waited for on a worker or in the triggerer; what the chaos test lets live and die."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import DAG

from airflow_provider_hypercarbon.operators.vm_export import VMExportOperator


def exporting(dag_id: str, **arguments: Any) -> DAG:
    with DAG(
        dag_id,
        schedule=None,
        start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
        max_active_runs=200,
        max_active_tasks=200,
        # A run lives through many blows here. Every one of them may cost it a try, none may cost it the export.
        default_args={"retries": 60, "retry_delay": pendulum.duration(seconds=3)},
        params={"vm": "vm-0000", "output_dir": "/exports"},
    ) as dag:
        VMExportOperator(
            task_id="export",
            vm_path="/DC0/vm/{{ params.vm }}",
            output_dir="{{ params.output_dir }}",
            poll_interval=2,
            max_duration=timedelta(minutes=20),
            **arguments,
        )
    return dag


on_worker = exporting("on_worker", deferrable=False)
in_triggerer = exporting("in_triggerer", deferrable=True)
