from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

from airflow_provider_hypercarbon.demo.local_airflow import LocalAirflow
from airflow_provider_hypercarbon.demo.show import DevelopmentDaemon

VMS = [f"app-{number}" for number in range(6)]


def at_once(jobs: list[dict]) -> int:
    """Return how many of the jobs ran at the same moment."""
    spans = [tuple(datetime.fromisoformat(job[key]) for key in ("started_at", "completed_at")) for job in jobs]
    return max(sum(start <= moment < end for start, end in spans) for moment, _ in spans)


class TestFleet:
    def test_a_pool_bounds_the_daemon_and_a_dag_runs_on_the_exports(
        self, airflow: LocalAirflow, daemon: DevelopmentDaemon, home: Path
    ):
        """Six deferrable exports, a pool of two: two at a time; each event tells of its export and its grid."""
        for name in VMS:
            (home / "vms" / f"{name}.img").symlink_to(home / "vms" / "web-frontend.img")
        pool = {"name": "hypersdk_daemon", "slots": 2, "include_deferred": True, "description": "of this test"}
        airflow.api("POST", "/pools", json=pool)
        airflow.api("PATCH", "/dags/on_exports", json={"is_paused": False})
        exports = home / "fleet"
        exports.mkdir()
        run_id = airflow.trigger("pooled", {"output_dir": str(exports)})
        assert airflow.wait_for_run("pooled", run_id, 400) == "success"
        jobs = [job for job in daemon.jobs() if job["definition"]["vm_path"].rpartition("/")[2] in VMS]
        print(f"{len(jobs)} exports, {at_once(jobs)} at once")
        assert (len(jobs), at_once(jobs)) == (6, 2)
        events = self.events(airflow, 6)
        results = {
            result["vm_path"]: result for n in range(6) if (result := airflow.xcom("pooled", run_id, "export", n))
        }
        for event in events:
            result = results[event["vm_path"]]
            assert event["uri"] == f"hypersdk://hypersdk_default{exports}{event['vm_path']}"
            assert (event["path"], event["bytes"]) == (result["output_dir"], result["data_bytes"])
            assert event["digest"]
            assert event["carbon"]["zone"] == "DE"

    def events(self, airflow: LocalAirflow, wanted: int) -> list[dict]:
        """What the scheduled DAG saw, over however many runs Airflow made of it."""
        end = time.monotonic() + 180
        while True:
            runs = airflow.api("GET", "/dags/on_exports/dagRuns")["dag_runs"]
            done = [run["dag_run_id"] for run in runs if run["state"] == "success"]
            seen = [event for run_id in done for event in airflow.xcom("on_exports", run_id, "take")]
            if len(seen) >= wanted:
                return seen
            assert time.monotonic() < end, f"{len(seen)} of {wanted} events after {len(runs)} runs"
            time.sleep(1)
