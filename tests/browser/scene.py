"""A real Airflow with waits, a running export, a finished run and a month of reports: what the browser looks at."""

from __future__ import annotations

import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from airflow_provider_hypercarbon.demo.local_airflow import LocalAirflow
from airflow_provider_hypercarbon.hypersdk.devserver import DevDaemon
from airflow_provider_hypercarbon.report_store import ResultsDatabase
from tests.browser.grid import Grid
from tests.browser.past import fill

DAGS = Path(__file__).parent / "dags"
WAITING = {
    "nightly_vm_export": "wait_for_clean_grid",
    "weekly_full_backup": "wait_london",
    "db_dump_warsaw": "wait_for_grid",
    "branch_offices": "wait_for_paris",
}
_FAST, _SLOW = 400e6, 150e3
_MEGABYTES = {"files-03": 40, "wiki": 2}


class Scene:
    """What runs, and how to reach it."""

    def __init__(self, airflow: LocalAirflow, grid: Grid, daemon: DevDaemon, results: Path) -> None:
        self.airflow = airflow
        self.grid = grid
        self.daemon = daemon
        self.results = results
        self.runs: dict[str, str] = {}

    @property
    def page(self) -> str:
        return f"{self.airflow.url}/hypercarbon/page"

    def play(self) -> None:
        """Start the runs, and wait until each is where it should be."""
        for dag_id in WAITING:
            self.runs[dag_id] = self.airflow.trigger(dag_id)
        self.runs["finished"] = self.airflow.trigger("file_archive", {"vm": "wiki"})
        _until(lambda: self._has("file_archive", "finished", "report_footprint", "success"), 120)
        self.daemon.exports.bytes_per_second = _SLOW
        self.runs["exporting"] = self.airflow.trigger("file_archive", {"vm": "files-03"})
        for dag_id, task in WAITING.items():
            _until(lambda dag_id=dag_id, task=task: self._has(dag_id, dag_id, task, "up_for_reschedule"), 120)
        _until(lambda: self._has("file_archive", "exporting", "export_vm", "deferred"), 120)

    def _has(self, dag_id: str, run: str, task: str, state: str) -> bool:
        tasks = self.airflow.tasks(dag_id, self.runs[run])
        return any(one["task_id"] == task and one["state"] == state for one in tasks)


@contextmanager
def scene(
    settings: Mapping[str, str] | None = None, *, days: int = 30, say: Callable[[str], None] = print
) -> Iterator[Scene]:
    """Bring everything up, and take it down again."""
    with tempfile.TemporaryDirectory(prefix="hypercarbon-browser-") as folder, Grid(evening=True) as grid:
        home = Path(folder)
        results = home / "results.db"
        say(f"{fill_quickly(results, days)} reports of the last {days} days")
        vms = home / "vms"
        vms.mkdir()
        for name, megabytes in _MEGABYTES.items():
            (vms / f"{name}.img").write_bytes(random.Random(name).randbytes(megabytes * 1_000_000))
        with DevDaemon(vms, bytes_per_second=_FAST) as daemon:
            env = {**_settings(grid, daemon, results), **(settings or {})}
            with LocalAirflow(home / "airflow", DAGS, env, say=say) as airflow:
                yield Scene(airflow, grid, daemon, results)


def fill_quickly(results: Path, days: int) -> int:
    """Write the past into a SQLite file, without waiting for the disk each time."""
    engine = sa.create_engine(f"sqlite:///{results}")
    sa.event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
    try:
        return fill(ResultsDatabase(engine), datetime.now(UTC), days)
    finally:
        engine.dispose()


def _settings(grid: Grid, daemon: DevDaemon, results: Path) -> dict[str, str]:
    host, port = daemon.server.server_address[:2]
    connections = {
        "HYPERCARBON_DEFAULT": {
            "conn_type": "hypercarbon",
            "host": grid.url,
            "password": "a-token",
            "extra": {"source": "electricity_maps", "zone": "SE-SE3"},
        },
        "HYPERSDK_DEFAULT": {"conn_type": "hypersdk", "host": host, "port": port},
        "HYPERCARBON_RESULTS": {"conn_type": "sqlite", "host": str(results)},
        "VCENTER_DEFAULT": {"conn_type": "generic", "host": "vc.example.com", "login": "svc", "password": "pw"},
    }
    return {
        **{f"AIRFLOW_CONN_{name}": json.dumps(fields) for name, fields in connections.items()},
        "PYTHONWARNINGS": "ignore",
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
    }


def _until(done: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise TimeoutError("The scene is not set.")
        time.sleep(1)
