from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airflow_provider_hypercarbon.demo.local_airflow import LocalAirflow
from airflow_provider_hypercarbon.demo.show import DevelopmentDaemon
from airflow_provider_hypercarbon.triggers.export_sweep import FIRST_SWEEP_SECONDS, SWEEP_SECONDS
from airflow_provider_hypercarbon.triggers.vm_export import FIRST_LOOK_SECONDS
from tests.system.exports import begun, give_up, job_of, slow, until

DAG_ID = "exported_deferred"
#: What a triggerer takes to start on two busy cores, and Airflow to give it the triggers of the dead one.
START_SECONDS = 120.0


@contextmanager
def dead_triggerer(airflow: LocalAirflow) -> Iterator[None]:
    airflow.kill("triggerer")
    try:
        yield
    finally:
        airflow.start("triggerer")


class TestAUsersKillThatNobodyHears:
    def test_an_export_that_waits_sees_to_it(self, airflow: LocalAirflow, daemon: DevelopmentDaemon, home: Path):
        """The triggerer is dead when the user ends the task; back again, it sweeps. Who queued has its turn."""
        with slow(daemon):
            ended = begun(airflow, DAG_ID, "deferred", str(home / "orphans"))
            queued = begun(airflow, DAG_ID, "deferred", str(home / "orphans"))
            with dead_triggerer(airflow):
                give_up(airflow, DAG_ID, ended)
                time.sleep(10)
                assert job_of(daemon, ended)["status"] == "running"
            began = time.monotonic()
            promised = FIRST_LOOK_SECONDS + FIRST_SWEEP_SECONDS + SWEEP_SECONDS + START_SECONDS
            until(lambda: job_of(daemon, ended)["status"] == "cancelled", "not cancelled", promised)
            print(f"cancelled {time.monotonic() - began:.0f} s after the start of the triggerer")
        assert airflow.wait_for_run(DAG_ID, queued, 240) == "success"

    def test_without_any_other_export_a_dag_sees_to_it(
        self, airflow: LocalAirflow, daemon: DevelopmentDaemon, home: Path
    ):
        """Also while the triggerer stays dead."""
        with slow(daemon):
            ended = begun(airflow, DAG_ID, "deferred", str(home / "orphans"))
            with dead_triggerer(airflow):
                give_up(airflow, DAG_ID, ended)
                began = time.monotonic()
                swept = airflow.trigger("sweep")
                assert airflow.wait_for_run("sweep", swept, 120) == "success"
            job = job_of(daemon, ended)
            assert job["status"] == "cancelled"
            print(f"cancelled {time.monotonic() - began:.0f} s after the user's kill")
            job_id = job["definition"]["id"]
            assert [each["job_id"] for each in airflow.xcom("sweep", swept, "sweep")["cancelled"]] == [job_id]
            assert (home / "orphans" / ".quarantine" / job_id).is_dir()
