"""Back up a fleet: one wait for the site's grid, then one export and one report a VM."""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG

from airflow_provider_hypercarbon.operators.carbon_report import CarbonReportOperator
from airflow_provider_hypercarbon.operators.vm_export import VMExportOperator
from airflow_provider_hypercarbon.sensors.carbon_intensity import CarbonIntensitySensor

# [START carbon_aware_fleet]
VMS = ["/DC0/vm/db-prod", "/DC0/vm/file-server", "/DC0/vm/web-frontend"]

with DAG(
    "carbon_aware_fleet",
    schedule="0 20 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="Europe/Berlin"),
    catchup=False,
    default_args={"retries": 2, "retry_delay": pendulum.duration(minutes=5)},
    params={"output_dir": "/exports", "max_delay": "12h", "duration": "3h"},
    tags=["hypercarbon", "example"],
) as dag:
    # Asked once for all: the grid is the same for every VM of a site.
    wait = CarbonIntensitySensor(
        task_id="wait_for_clean_grid",
        zone="DE",
        max_delay="{{ params.max_delay }}",
        duration="{{ params.duration }}",
        deferrable=True,
    )
    # The daemon runs every job that it is given, all at once. max_active_tis_per_dagrun, or an Airflow pool
    # across DAGs, is what keeps it from drowning.
    export = VMExportOperator.partial(
        task_id="export_vm",
        output_dir="{{ params.output_dir }}/{{ run_id | replace(':', '-') }}",
        decision=wait.output,
        max_active_tis_per_dagrun=2,
    ).expand(vm_path=VMS)
    CarbonReportOperator.partial(task_id="report_footprint", decision=wait.output).expand(export=export.output)
# [END carbon_aware_fleet]
