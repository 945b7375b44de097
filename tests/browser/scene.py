"""A real Airflow with waits, a running export, a finished run and a month of reports: what the browser looks at.

``python -m tests.browser.scene`` keeps one up to develop the page on, until Ctrl-C, and prints where it is.
"""

from __future__ import annotations

import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import httpx
import sqlalchemy as sa

from airflow_provider_hypercarbon.demo.local_airflow import LocalAirflow
from airflow_provider_hypercarbon.hypersdk.devserver import DevDaemon
from airflow_provider_hypercarbon.report_store import ResultsDatabase
from tests.browser.grid import Grid
from tests.browser.past import fill

DAGS = Path(__file__).parent / "dags"
#: Seconds; a machine that others use as well takes long.
PATIENCE = 400
WAITING = {
    "nightly_vm_export": "wait_for_clean_grid",
    "weekly_full_backup": "wait_london",
    "db_dump_warsaw": "wait_for_grid",
    "branch_offices": "wait_for_paris",
}
#: The finished run takes a moment, the running one outlasts the tests.
_FAST, _SLOW = 400e6, 150e3
_MEGABYTES = {"files-03": 400, "wiki": 40}


class Place(NamedTuple):
    """Where a scene is, and its runs by what they show."""

    url: str
    runs: dict[str, str]


class Scene:
    """What runs, and how to reach it."""

    def __init__(self, airflow: LocalAirflow, grid: Grid, daemon: DevDaemon) -> None:
        self.airflow = airflow
        self.grid = grid
        self.daemon = daemon
        self.runs: dict[str, str] = {}

    @property
    def place(self) -> Place:
        return Place(self.airflow.url, self.runs)

    def play(self) -> None:
        """Start the runs, and wait until each is where it should be."""
        for dag_id in WAITING:
            self.runs[dag_id] = self._trigger(dag_id)
        self.runs["finished"] = self._trigger("file_archive", {"vm": "wiki"})
        _until(lambda: self._has("file_archive", "finished", "report_footprint", "success"), PATIENCE)
        self.daemon.exports.bytes_per_second = _SLOW
        self.runs["exporting"] = self._trigger("file_archive", {"vm": "files-03"})
        for dag_id, task in WAITING.items():
            _until(lambda dag_id=dag_id, task=task: self._has(dag_id, dag_id, task, "up_for_reschedule"), PATIENCE)
        _until(lambda: self._has("file_archive", "exporting", "export_vm", "deferred"), PATIENCE)

    def export_a_part(self) -> None:
        """Let the running export get some way: a third of it."""
        self.daemon.exports.bytes_per_second = _MEGABYTES["files-03"] * 1e6 / 30
        time.sleep(10)
        self.daemon.exports.bytes_per_second = _SLOW

    def _trigger(self, dag_id: str, conf: dict[str, str] | None = None) -> str:
        for _ in range(5):
            try:
                return self.airflow.trigger(dag_id, conf)
            except RuntimeError as error:
                if "Database error" not in str(error):
                    raise
                time.sleep(2)  # SQLite has one writer, and a busy machine keeps it long
        return self.airflow.trigger(dag_id, conf)

    def _has(self, dag_id: str, run: str, task: str, state: str) -> bool:
        try:
            tasks = self.airflow.tasks(dag_id, self.runs[run])
        except (httpx.HTTPError, RuntimeError):  # a busy machine
            return False
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
            with (vms / f"{name}.img").open("wb") as image:
                image.write(random.Random(name).randbytes(1_000_000))
                image.truncate(megabytes * 1_000_000)
        with DevDaemon(vms, bytes_per_second=_FAST) as daemon:
            env = {**_settings(grid, daemon, results), **(settings or {})}
            with LocalAirflow(home / "airflow", DAGS, env, say=say) as airflow:
                made = Scene(airflow, grid, daemon)
                made.play()
                yield made


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


def main() -> None:
    """Keep a scene up."""
    with scene() as running:
        print(json.dumps(running.place._asdict()), flush=True)
        with suppress(KeyboardInterrupt):
            time.sleep(24 * 3600)


def _until(done: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise TimeoutError("The scene is not set.")
        time.sleep(1)


if __name__ == "__main__":
    main()
