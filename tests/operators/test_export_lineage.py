from __future__ import annotations

import importlib.util
import sys

import pytest

from airflow_provider_hypercarbon.operators.export_lineage import export_lineage
from airflow_provider_hypercarbon.operators.vm_export import VMExportOperator
from tests.hypersdk.fake_daemon import UNSEEN_DIR

EXPORT = VMExportOperator(task_id="export", vm_path="/DC0/vm/db-prod", output_dir=UNSEEN_DIR)
RESULT = {"output_dir": f"{UNSEEN_DIR}/a-1", "data_bytes": 5, "files": ["disk-0.vmdk", "db-prod.ovf"]}


def test_nothing_happens_without_the_provider(monkeypatch: pytest.MonkeyPatch):
    """Nobody has to install it."""
    monkeypatch.setitem(sys.modules, "airflow.providers.openlineage", None)
    monkeypatch.setitem(sys.modules, "airflow.providers.openlineage.extractors", None)
    assert export_lineage(EXPORT, RESULT) is None


@pytest.mark.skipif(
    importlib.util.find_spec("airflow.providers.openlineage") is None, reason="needs the extra openlineage"
)
class TestWithTheProvider:
    def test_a_finished_export(self):
        """From the VM into the folder, with bytes and files; connections by their ids."""
        lineage = export_lineage(EXPORT, RESULT)
        ((vm,), (folder,)) = lineage.inputs, lineage.outputs
        assert (vm.namespace, vm.name) == ("vcenter://vcenter_default", "/DC0/vm/db-prod")
        assert (folder.namespace, folder.name) == ("hypersdk://hypersdk_default", f"{UNSEEN_DIR}/a-1")
        statistics = folder.outputFacets["outputStatistics"]
        assert (statistics.size, statistics.fileCount) == (5, 2)

    def test_the_operator_tells_it(self):
        """As soon as it has a result."""
        export = VMExportOperator(task_id="export", vm_path="/DC0/vm/db-prod", output_dir=UNSEEN_DIR)
        assert export.get_openlineage_facets_on_complete(None).outputs == []
        export._result = RESULT
        assert [folder.name for folder in export.get_openlineage_facets_on_complete(None).outputs] == [
            f"{UNSEEN_DIR}/a-1"
        ]

    def test_a_size_that_nobody_knows_is_not_zero(self):
        """No facet at all."""
        (folder,) = export_lineage(EXPORT, RESULT | {"data_bytes": None}).outputs
        assert folder.outputFacets == {}

    def test_an_export_that_did_not_end_well(self):
        """The VM is known, and no output is claimed."""
        lineage = export_lineage(EXPORT, None)
        assert (len(lineage.inputs), lineage.outputs) == (1, [])
