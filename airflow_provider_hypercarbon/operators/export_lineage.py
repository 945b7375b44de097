"""What OpenLineage is told of an export: from which VM, into which folder, how much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_hypercarbon.assets import SCHEME

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_hypercarbon.operators.vm_export import VMExportOperator


def export_lineage(operator: VMExportOperator, result: Mapping[str, Any] | None) -> OperatorLineage | None:
    """Return the lineage of one export task; None where Airflow's OpenLineage provider is not installed.

    Namespaces are connection ids: an address may change, and it belongs into no lineage backend.

    :param result: the ``ExportResult`` as JSON; None while there is none: then only the VM is known.
    """
    try:
        from airflow.providers.common.compat.openlineage.facet import (
            Dataset,
            OutputDataset,
            OutputStatisticsOutputDatasetFacet,
        )
        from airflow.providers.openlineage.extractors import OperatorLineage
    except ImportError:
        return None
    inputs = [Dataset(namespace=f"vcenter://{operator.vcenter_conn_id}", name=operator.vm_path)]
    if result is None:
        return OperatorLineage(inputs=inputs)
    size, files = result.get("data_bytes"), result.get("files") or ()
    # The daemon names at most its disks; zero files would be a lie.
    statistics = OutputStatisticsOutputDatasetFacet(size=size, fileCount=len(files) or None)
    output = OutputDataset(
        namespace=f"{SCHEME}://{operator.hypersdk_conn_id}",
        name=str(result.get("output_dir") or ""),
        outputFacets={"outputStatistics": statistics} if size else {},
    )
    return OperatorLineage(inputs=inputs, outputs=[output])
