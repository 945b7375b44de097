"""Copy each backup off site as soon as there is one: one DAG exports, another is scheduled on the export."""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, task

from airflow_provider_hypercarbon.assets import vm_export_asset
from airflow_provider_hypercarbon.operators.vm_export import VMExportOperator

# [START export_assets]
VM, EXPORTS = "/DC0/vm/db-prod", "/exports"
DB_PROD = vm_export_asset(VM, EXPORTS)

with DAG(
    "export_db_prod",
    schedule="0 20 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="Europe/Berlin"),
    catchup=False,
    default_args={"retries": 3, "retry_delay": pendulum.duration(minutes=5)},
    tags=["hypercarbon", "example"],
) as exporting:
    VMExportOperator(task_id="export_vm", vm_path=VM, output_dir=EXPORTS, deferrable=True, outlets=[DB_PROD])

with DAG(
    "copy_db_prod_off_site",
    schedule=[DB_PROD],
    start_date=pendulum.datetime(2026, 1, 1, tz="Europe/Berlin"),
    catchup=False,
    tags=["hypercarbon", "example"],
) as copying:

    @task
    def copy_off_site(triggering_asset_events: dict[object, list[object]]) -> list[str]:
        """Stand in for what copies: the events say where the export lies and what it must weigh."""
        copied = []
        for event in triggering_asset_events[DB_PROD]:
            print(f"{event.extra['path']}: {event.extra['bytes']} bytes, manifest {event.extra['digest']}")
            copied.append(event.extra["path"])
        return copied

    copy_off_site()
# [END export_assets]
