from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from airflow_provider_hypercarbon.hypersdk.devserver import DevDaemon
from airflow_provider_hypercarbon.operators.vm_export import VMExportOperator
from airflow_provider_hypercarbon.triggers import vm_export as vm_export_trigger
from tests.conftest import AIRFLOW_HOME

pytestmark = [pytest.mark.airflow, pytest.mark.usefixtures("airflow_db")]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevDaemon]:
    with DevDaemon(tmp_path_factory.mktemp("vms")) as running:
        yield running


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at exports at once and often; the run is in this process."""
    monkeypatch.setattr(vm_export_trigger, "FIRST_LOOK_SECONDS", 0.5)
    monkeypatch.setattr(VMExportOperator, "_sleep", staticmethod(lambda _: time.sleep(0.2)))


@pytest.fixture(autouse=True)
def connections(monkeypatch: pytest.MonkeyPatch, daemon: DevDaemon) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HYPERSDK_DEFAULT", json.dumps({"conn_type": "hypersdk", "host": daemon.url}))


def run(dag_id: str, conf: dict[str, Any] | None = None) -> Any:
    """Run an example in this process and return its run."""
    return dags_of(dag_id)[dag_id].test(run_conf=conf)


def dags_of(file: str) -> dict[str, Any]:
    """Return the DAGs of an example file."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=str(AIRFLOW_HOME / "dags" / f"{file}.py"))
    assert bag.import_errors == {}
    return bag.dags


def rows(dag_id: str) -> list[dict[str, Any]]:
    with sqlite3.connect(AIRFLOW_HOME / "results.db") as database:
        database.row_factory = sqlite3.Row
        found = database.execute("SELECT * FROM hypercarbon_reports WHERE dag_id = ?", (dag_id,)).fetchall()
    return [dict(row) for row in found]


class TestExamples:
    def test_the_backup_pipeline(self, tmp_path: Path):
        """Sensor, export and report run; one VM leaves one row, marked as mock."""
        ended = run(
            "carbon_aware_backup",
            {"vm_path": "/DC0/vm/web-frontend", "output_dir": str(tmp_path), "max_delay": "0s", "zone": "GB"},
        )
        assert ended.state == "success"
        (row,) = rows("carbon_aware_backup")
        assert (row["zone"], row["synthetic"], row["start_reason"]) == ("GB", "mock", "deadline")
        assert row["vm_path"] == "/DC0/vm/web-frontend"
        assert row["data_gb"] == pytest.approx(0.256, rel=0.01)
        assert [path.name for path in tmp_path.rglob("*.vmdk")] == ["web-frontend-disk-0.vmdk"]

    def test_the_fleet(self, tmp_path: Path, daemon: DevDaemon):
        """One wait, three exports, three reports."""
        ended = run("carbon_aware_fleet", {"output_dir": str(tmp_path), "max_delay": "0s"})
        assert ended.state == "success"
        assert {row["vm_path"].rpartition("/")[2] for row in rows("carbon_aware_fleet")} == set(daemon.exports.vms())

    def test_the_site(self, tmp_path: Path):
        """200 VMs share the daemon's pool; a trial with two exports, reports, and keeps both."""
        dag = dags_of("carbon_aware_site")["carbon_aware_site"]
        export = dag.get_task("export_vm")
        assert len(set(dag.params["vms"])) == 200
        assert (export.partial_kwargs["pool"], export.partial_kwargs["deferrable"]) == ("hypersdk_daemon", True)
        vms = ["/DC0/vm/web-frontend", "/DC0/vm/file-server"]
        ended = run("carbon_aware_site", {"output_dir": str(tmp_path), "max_delay": "0s", "vms": vms})
        assert ended.state == "success"
        assert sorted(row["vm_path"] for row in rows("carbon_aware_site")) == sorted(vms)
        assert len(list(tmp_path.rglob("*.vmdk"))) == 2

    def test_the_sweep(self, tmp_path: Path, daemon: DevDaemon):
        """A job of a task that has ended goes by the task's own mark; one by another mark stays."""
        export = run("carbon_aware_backup", {"output_dir": str(tmp_path), "max_delay": "0s", "zone": "GB"})
        jobs = httpx.post(f"{daemon.url}/jobs/query", json={"all": True}).json()["jobs"]
        (job,) = [d for j in jobs if (d := j["definition"])["metadata"]["airflow_run_id"] == export.run_id]
        daemon.exports.pause()
        for job_id, mark in (("orphan", job["metadata"]["airflow_mark"]), ("theirs", "another")):
            metadata = job["metadata"] | {"airflow_mark": mark}
            submitted = {**job, "id": job_id, "metadata": metadata, "output_dir": str(tmp_path / job_id)}
            httpx.post(f"{daemon.url}/jobs/submit", json=submitted)
        try:
            ended = run("export_sweep")
            assert ended.state == "success"
            (sweep,) = ended.get_task_instances()
            told = sweep.xcom_pull(task_ids="sweep")
        finally:
            daemon.exports.resume()
        assert [each["job_id"] for each in told["cancelled"]] == ["orphan"]

    def test_the_export_that_another_dag_waits_for(self, tmp_path: Path):
        """The exporting DAG's outlet is the other's schedule."""
        dags = dags_of("export_assets")
        exporting, copying = dags["export_db_prod"], dags["copy_db_prod_off_site"]
        export = exporting.get_task("export_vm")
        waited_for = copying.timetable.asset_condition.objects
        assert [asset.uri for asset in waited_for] == [asset.uri for asset in export.outlets]
        export.output_dir = str(tmp_path)
        assert exporting.test().state == "success"

    def test_the_cleanest_of_two_sites(self, tmp_path: Path):
        """Sweden's grid is cleaner than Germany's: one export, one report, and the other site is skipped."""
        ended = run("cleanest_site", {"output_dir": str(tmp_path)})
        assert ended.state == "success"
        states = {ti.task_id: ti.state for ti in ended.get_task_instances()}
        assert states == {
            "choose_site": "success",
            "export_in_stockholm": "success",
            "export_in_frankfurt": "skipped",
            "report_footprint": "success",
        }
        (row,) = rows("cleanest_site")
        assert row["zone"] == "SE"

    def test_the_report_on_work_done_elsewhere(self):
        """Times and size are enough: two hours and 500 GB are 0.09 kWh by default."""
        assert run("report_elsewhere").state == "success"
        (row,) = rows("report_elsewhere")
        assert row["energy_kwh"] == pytest.approx(0.092198)
        assert row["zone"] == "GB"

    def test_the_monthly_summary(self, tmp_path: Path):
        """Files for people and for spreadsheets; reports of the mock are in no sum."""
        assert run("report_elsewhere").state == "success"
        month = f"{datetime.now(UTC) - timedelta(hours=3):%Y-%m}"
        assert run("monthly_summary", {"folder": str(tmp_path), "month": month}).state == "success"
        wanted = ["carbon-by-vm.csv", "carbon-by-zone.csv", "carbon-by-zone.html"]
        assert sorted(path.name for path in tmp_path.iterdir()) == wanted
        assert "made-up data" in (tmp_path / wanted[2]).read_text()
