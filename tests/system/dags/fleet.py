"""A fleet whose exports a pool bounds, and a DAG that runs on them."""

from __future__ import annotations

import pendulum
from airflow.sdk import DAG, Asset, AssetAlias, task

from airflow_provider_hypercarbon.operators.vm_export import VMExportOperator

START = pendulum.datetime(2026, 1, 1, tz="UTC")
VMS = [f"/DC0/vm/app-{number}" for number in range(6)]
DECISION = {"zone": "DE", "reason": "clean_now", "current_gco2eq_per_kwh": 118.5, "synthetic": "mock"}

with DAG("pooled", schedule=None, start_date=START, params={"output_dir": "/exports"}) as pooled:
    VMExportOperator.partial(
        task_id="export",
        output_dir="{{ params.output_dir }}",
        decision=DECISION,
        deferrable=True,
        poll_interval=3,
        pool="hypersdk_daemon",
        outlets=[AssetAlias("pooled_exports")],
        retries=1,
    ).expand(vm_path=VMS)

with DAG("on_exports", schedule=[AssetAlias("pooled_exports")], start_date=START) as on_exports:

    @task
    def take(triggering_asset_events):
        # The same events stand under the alias and under the asset of their VM.
        found = [(asset.uri, events) for asset, events in triggering_asset_events.items() if isinstance(asset, Asset)]
        return [{"uri": uri, **event.extra} for uri, events in found for event in events]

    take()
