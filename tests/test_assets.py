from __future__ import annotations

import json

import pytest
from airflow.sdk import Asset, AssetAlias
from airflow.sdk.execution_time.context import OutletEventAccessors

from airflow_provider_hypercarbon.assets import announce_export, asset_metadata, vm_export_asset
from airflow_provider_hypercarbon.hypersdk.measure import ExportResult
from airflow_provider_hypercarbon.operators.vm_export import VMExportOperator
from tests.hypersdk.fake_daemon import UNSEEN_DIR

RESULT = {
    "job_id": "nightly-export-1",
    "vm_path": "/DC0/vm/db-prod",
    "output_dir": f"{UNSEEN_DIR}/nightly-export-1",
    "data_bytes": 5,
    "data_bytes_from": "daemon",
    "files": ["disk-0.vmdk"],
    "started_at": "2026-03-02T20:00:00Z",
    "ended_at": "2026-03-02T22:00:00Z",
    "digest": "ab" * 32,
    "export_method": "govc",
}
DECISION = {"due": True, "zone": "DE", "reason": "clean_now", "current_gco2eq_per_kwh": 118.5, "synthetic": None}


class TestAsset:
    def test_it_names_daemon_folder_and_vm(self):
        """Any character that a VM may have in its name ends in a URI that Airflow takes."""
        asset = vm_export_asset("/DC0/vm/db prod ü", "/exports/", hypersdk_conn_id="site/b")
        assert asset.uri == "hypersdk://site%2Fb/exports/DC0/vm/db%20prod%20%C3%BC"

    @pytest.mark.parametrize(
        "other",
        [
            vm_export_asset("/DC1/vm/db-prod", "/exports"),
            vm_export_asset("/DC0/vm/db-prod", "/other"),
            vm_export_asset("/DC0/vm/db-prod", "/exports", hypersdk_conn_id="site_b"),
        ],
    )
    def test_each_vm_folder_and_daemon_has_its_own(self, other: Asset):
        assert vm_export_asset("/DC0/vm/db-prod", "/exports").uri != other.uri


class TestMetadata:
    def test_path_bytes_digest_and_carbon(self):
        """Plain JSON; of the decision what says on which grid it started, without what is unknown."""
        metadata = asset_metadata(RESULT, DECISION)
        assert json.loads(json.dumps(metadata, allow_nan=False)) == metadata
        assert (metadata["path"], metadata["bytes"]) == (RESULT["output_dir"], 5)
        assert metadata["digest"] == RESULT["digest"]
        assert RESULT.keys() <= ExportResult.model_fields.keys()  # what it reads is what an export has
        assert metadata["carbon"] == {"zone": "DE", "reason": "clean_now", "current_gco2eq_per_kwh": 118.5}

    def test_without_a_decision(self):
        """Nothing is known of the grid, and nothing is made up."""
        assert asset_metadata(RESULT, {})["carbon"] is None


class TestAnnounce:
    def export(self, **arguments: object) -> VMExportOperator:
        fields = {"task_id": "export", "vm_path": "/DC0/vm/db-prod", "output_dir": UNSEEN_DIR, **arguments}
        return VMExportOperator(**fields)

    def test_every_outlet_gets_the_metadata(self):
        """A named asset keeps what its owner put there; an alias stands for the VM's asset."""
        named, alias = Asset("nightly"), AssetAlias("site")
        events = OutletEventAccessors()
        events[named].extra = {"team": "backup"}
        announce_export(self.export(outlets=[named, alias], decision=DECISION), {"outlet_events": events}, RESULT)
        metadata = asset_metadata(RESULT, DECISION)
        assert events[named].extra == {"team": "backup", **metadata}
        (event,) = events[alias].asset_alias_events
        assert event.dest_asset_key.uri == vm_export_asset("/DC0/vm/db-prod", UNSEEN_DIR).uri
        assert event.extra == metadata

    def test_an_unreadable_decision_costs_no_backup(self):
        """The event goes without it."""
        named, events = Asset("nightly"), OutletEventAccessors()
        announce_export(self.export(outlets=[named], decision="no JSON"), {"outlet_events": events}, RESULT)
        assert events[named].extra["carbon"] is None
