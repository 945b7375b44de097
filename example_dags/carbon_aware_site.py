"""Back up a site of 200 VMs at the cleanest time, eight at a time, and keep the last week of each."""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, AssetAlias, Param, task

from airflow_provider_hypercarbon.operators.carbon_report import CarbonReportOperator
from airflow_provider_hypercarbon.operators.export_retention import ExportRetentionOperator
from airflow_provider_hypercarbon.operators.vm_export import VMExportOperator
from airflow_provider_hypercarbon.sensors.carbon_intensity import CarbonIntensitySensor

# [START carbon_aware_site]
# airflow pools set hypersdk_daemon 8 "Exports that the daemon runs at a time" --include-deferred
POOL = "hypersdk_daemon"
VMS = [f"/DC0/vm/app-{number:03d}" for number in range(1, 201)]

with DAG(
    "carbon_aware_site",
    schedule="0 20 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="Europe/Berlin"),
    catchup=False,
    max_active_runs=1,
    max_active_tasks=32,
    default_args={"retries": 3, "retry_delay": pendulum.duration(minutes=5)},
    params={
        "vms": Param(VMS, type="array", description="Inventory paths; narrow them down for a trial"),
        "output_dir": Param("/exports", type="string", description="Folder on the daemon's machine"),
        "max_delay": "10h",
        "duration": "6h",
    },
    tags=["hypercarbon", "example"],
) as dag:

    @task
    def list_vms(params: dict[str, object]) -> list[str]:
        """Stand in for an inventory: a mapped task needs its list when it runs."""
        return list(params["vms"])

    wait = CarbonIntensitySensor(
        task_id="wait_for_clean_grid",
        zone="DE",
        max_delay="{{ params.max_delay }}",
        duration="{{ params.duration }}",
        deferrable=True,
    )
    export = VMExportOperator.partial(
        task_id="export_vm",
        output_dir="{{ params.output_dir }}",
        decision=wait.output,
        pool=POOL,
        deferrable=True,
        outlets=[AssetAlias("site_exports")],
    ).expand(vm_path=list_vms())
    CarbonReportOperator.partial(task_id="report_footprint", decision=wait.output).expand(export=export.output)
    export >> ExportRetentionOperator(
        task_id="keep_a_week", output_dir="{{ params.output_dir }}", keep_last=7, trigger_rule="all_done"
    )
# [END carbon_aware_site]
