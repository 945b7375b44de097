"""The DAGs of the browser tests: some wait, one exports slowly, one runs through."""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG

from airflow_provider_hypercarbon.operators.carbon_report import CarbonReportOperator
from airflow_provider_hypercarbon.operators.vm_export import VMExportOperator
from airflow_provider_hypercarbon.sensors.carbon_intensity import CarbonIntensitySensor

START = pendulum.datetime(2026, 1, 1, tz="Europe/Berlin")

#: DAG, zone, task, how long it may wait, how long it takes, and what else.
WEB = [f"/DC0/vm/web-0{number}" for number in range(6)]
WAITS = (
    ("nightly_vm_export", "DE", "wait_for_clean_grid", "9h30m", "2h", {"vm_path": ["/DC0/vm/mail-01"]}),
    ("weekly_full_backup", "GB", "wait_london", "11h", "3h30m", {"vm_path": WEB}),
    ("db_dump_warsaw", "PL", "wait_for_grid", "6h", "1h", {"strategy": "threshold", "max_intensity": 300}),
    ("branch_offices", "FR", "wait_for_paris", "8h", "90min", {"replan_interval": 60}),
)

for name, zone, task, delay, duration, more in WAITS:
    with DAG(name, schedule=None, start_date=START, catchup=False) as dag:
        CarbonIntensitySensor(task_id=task, zone=zone, max_delay=delay, duration=duration, **more)
    globals()[name] = dag

with DAG("file_archive", schedule=None, start_date=START, catchup=False, params={"vm": "files-03"}) as dag:
    wait = CarbonIntensitySensor(task_id="wait_for_clean_grid", zone="SE-SE3", max_delay="1s", duration="1h")
    export = VMExportOperator(
        task_id="export_vm",
        vm_path="/DC0/vm/{{ params.vm }}",
        output_dir="/tmp/hypercarbon-browser/{{ run_id | replace(':', '-') }}",
        decision=wait.output,
        deferrable=True,
        poll_interval=2,
    )
    CarbonReportOperator(task_id="report_footprint", export=export.output, decision=wait.output)
