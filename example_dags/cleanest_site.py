"""Back up at the cleanest of two sites, where the VM is replicated to both."""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG

from airflow_provider_hypercarbon.operators.carbon_report import CarbonReportOperator
from airflow_provider_hypercarbon.operators.cleanest_site import CleanestSiteOperator
from airflow_provider_hypercarbon.operators.vm_export import VMExportOperator

# [START cleanest_site]
SITES = {"export_in_stockholm": "SE", "export_in_frankfurt": "DE"}

with DAG(
    "cleanest_site",
    schedule="0 21 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="Europe/Berlin"),
    catchup=False,
    params={"vm_path": "/DC0/vm/web-frontend", "output_dir": "/exports", "duration": "2h"},
    tags=["hypercarbon", "example"],
) as dag:
    choose = CleanestSiteOperator(task_id="choose_site", zones=SITES, duration="{{ params.duration }}")
    exports = [
        VMExportOperator(
            task_id=site,
            vm_path="{{ params.vm_path }}",
            output_dir="{{ params.output_dir }}/{{ run_id | replace(':', '-') }}",
            decision="{{ ti.xcom_pull(task_ids='choose_site', key='site')['decision'] }}",
            hypersdk_conn_id="hypersdk_default",  # each site has a daemon, and so a connection, of its own
        )
        for site in SITES
    ]
    report = CarbonReportOperator(
        task_id="report_footprint",
        export="{{ ti.xcom_pull(task_ids=ti.xcom_pull(task_ids='choose_site', key='site')['task_id']) }}",
        decision="{{ ti.xcom_pull(task_ids='choose_site', key='site')['decision'] }}",
        trigger_rule="none_failed_min_one_success",
    )
    choose >> exports >> report
# [END cleanest_site]
