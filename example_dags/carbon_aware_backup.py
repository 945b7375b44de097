"""Back up one VM at the cleanest moment of the night, and report what that emitted."""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, Param

from airflow_provider_hypercarbon.operators.carbon_report import CarbonReportOperator
from airflow_provider_hypercarbon.operators.vm_export import VMExportOperator
from airflow_provider_hypercarbon.sensors.carbon_intensity import CarbonIntensitySensor

# [START carbon_aware_backup]
with DAG(
    "carbon_aware_backup",
    schedule="0 20 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="Europe/Berlin"),
    catchup=False,
    default_args={"retries": 2, "retry_delay": pendulum.duration(minutes=5)},
    params={
        "vm_path": Param("/DC0/vm/db-prod", type="string", description="Inventory path of the VM"),
        "output_dir": Param("/exports", type="string", description="Folder on the daemon's machine"),
        "zone": Param("DE", type="string", description="Grid zone of the site"),
        "max_delay": Param("12h", type="string", description="Latest start after the schedule"),
        "duration": Param("2h", type="string", description="How long the export takes"),
    },
    tags=["hypercarbon", "example"],
) as dag:
    wait = CarbonIntensitySensor(
        task_id="wait_for_clean_grid",
        zone="{{ params.zone }}",
        max_delay="{{ params.max_delay }}",
        duration="{{ params.duration }}",
    )
    export = VMExportOperator(
        task_id="export_vm",
        vm_path="{{ params.vm_path }}",
        output_dir="{{ params.output_dir }}/{{ run_id | replace(':', '-') }}",
        decision=wait.output,
        deferrable=True,
    )
    CarbonReportOperator(task_id="report_footprint", export=export.output, decision=wait.output)
# [END carbon_aware_backup]
