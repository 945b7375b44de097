"""A VM's export as an Airflow asset: other DAGs are scheduled on it, and its events say what there is to use."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk import Asset, AssetAlias

from airflow_provider_hypercarbon.exceptions import ConfigurationError
from airflow_provider_hypercarbon.rendered import task_output

if TYPE_CHECKING:
    from airflow.sdk import Context

#: Of the URI; ``hypersdk://CONNECTION/OUTPUT_DIR/VM_PATH``.
SCHEME = "hypersdk"
#: What an event keeps of the start decision, when there was one.
_CARBON = (
    "zone",
    "reason",
    "decided_at",
    "ready_at",
    "current_gco2eq_per_kwh",
    "mean_at_start_gco2eq_per_kwh",
    "source",
    "signal",
    "synthetic",
)
_RESULT = ("vm_path", "job_id", "started_at", "ended_at", "files", "verified")


def vm_export_asset(vm_path: str, output_dir: str, *, hypersdk_conn_id: str = "hypersdk_default") -> Asset:
    """
    Return the asset that the exports of one VM into one folder are.

    Give it to the exporting task as an outlet, and to another DAG as its schedule. A fleet whose VMs are only known
    when it runs has an ``AssetAlias`` as its outlet; the export then adds the asset of its VM to it.

    :param vm_path: inventory path of the VM, as the export task has it.
    :param output_dir: folder on the daemon's machine, the same for every run.
    :param hypersdk_conn_id: connection of the daemon: two sites may have a VM of the same path.
    """
    path = PurePosixPath("/", output_dir.strip("/"), vm_path.strip("/"))
    return Asset(uri=f"{SCHEME}://{quote(hypersdk_conn_id, safe='')}{quote(str(path))}", group="hypercarbon")


def asset_metadata(result: Mapping[str, Any], decision: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an event carries: where the export lies, its bytes and digest, and the grid it started on.

    :param result: the ``ExportResult``, as JSON.
    :param decision: the sensor's start decision; empty when the export waited for nothing.
    """
    return {
        **{key: result.get(key) for key in _RESULT},
        "path": result.get("output_dir"),
        "bytes": result.get("data_bytes"),
        "bytes_from": result.get("data_bytes_from"),
        "digest": result.get("digest"),
        "carbon": {key: decision[key] for key in _CARBON if decision.get(key) is not None} or None,
    }


def announce_export(operator: Any, context: Context, result: Mapping[str, Any]) -> None:
    """Put an export's metadata on the events of its task's outlets; Airflow emits them when the task succeeds.

    A named asset keeps what is there already. An alias gets the asset of the VM.

    :param operator: the ``VMExportOperator``, with its arguments rendered.
    """
    try:
        decision = task_output("decision", operator.decision)
    except ConfigurationError:  # said when the export began; it costs the metadata, never the backup
        decision = {}
    metadata, events = asset_metadata(result, decision), context["outlet_events"]
    for outlet in operator.outlets:
        if isinstance(outlet, AssetAlias):
            asset = vm_export_asset(operator.vm_path, operator.output_dir, hypersdk_conn_id=operator.hypersdk_conn_id)
            events[outlet].add(asset, extra=metadata)
        elif isinstance(outlet, Asset):
            events[outlet].extra = {**events[outlet].extra, **metadata}
