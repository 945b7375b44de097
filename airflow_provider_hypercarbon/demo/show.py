"""The demonstration: a backup waits for a clean hour, runs, and leaves its footprint, in about three minutes."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table

from airflow_provider_hypercarbon.carbon.decision import StartDecision
from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow
from airflow_provider_hypercarbon.carbon.zones import ZONES
from airflow_provider_hypercarbon.demo.local_airflow import LocalAirflow, free_port
from airflow_provider_hypercarbon.sources.mock import MockSource
from airflow_provider_hypercarbon.sources.planning import plan_start

DAG_ID = "carbon_aware_backup"
#: A day of the mock passes in eight minutes, an hour in 20 s; everything else shrinks with it.
SECONDS_PER_DAY = 480
MAX_DELAY = timedelta(seconds=80)
DURATION = timedelta(seconds=20)
#: How long the first task takes to reach a worker.
_TASK_START = timedelta(seconds=6)
#: A wait between these is long enough to be seen and short enough to sit through.
_GOOD_WAIT = (timedelta(seconds=22), timedelta(seconds=70))
VM_PATH = "/DC0/vm/web-frontend"
#: The VM, 256 MB, is exported at this speed: some 12 s, done when the trigger first looks.
BYTES_PER_SECOND = 22e6
_LONGEST_RUN_SECONDS = 200.0
_PACKAGE = Path(__file__).resolve().parent.parent


def show(*, keep: bool = False) -> int:
    """Run the example pipeline for real and tell what happens; return the exit code."""
    console = Console(highlight=False)
    home = Path(tempfile.mkdtemp(prefix="hypercarbon-demo-"))
    began = time.monotonic()
    try:
        with DevelopmentDaemon(home) as daemon:
            console.print(f"[bold]HyperSDK development daemon[/] on {daemon.url}")
            dags = _copy_example(home)
            with LocalAirflow(
                home / "airflow", dags, _settings(home, daemon), say=lambda line: console.print(f"[dim]{line}[/]")
            ) as airflow:
                console.print(f"[bold]Airflow[/] on {airflow.url} after {time.monotonic() - began:.0f} s")
                ended = _follow(airflow, daemon, console, home)
        if ended:
            _show_row(home / "results.db", console)
            console.print(f"[bold green]Done[/] in {time.monotonic() - began:.0f} s. Nothing is left running.")
        return 0 if ended else 1
    finally:
        if keep:
            console.print(f"Files: {home}")
        else:
            shutil.rmtree(home, ignore_errors=True)


class DevelopmentDaemon:
    """The development daemon in a process of its own."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> DevelopmentDaemon:
        words = ["devserver", "--port", str(self.port), "--vm-dir", str(self._home / "vms")]
        words += ["--bytes-per-second", str(BYTES_PER_SECOND)]
        with (self._home / "daemon.log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and words
                [sys.executable, "-m", "airflow_provider_hypercarbon.cli", *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        for _ in range(100):
            if self._is_healthy():
                return self
            time.sleep(0.1)
        self.__exit__()
        raise RuntimeError(f"The development daemon did not start: {(self._home / 'daemon.log').read_text()}")

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def jobs(self) -> list[dict[str, Any]]:
        """Return what the daemon says about its jobs."""
        return list(httpx.get(f"{self.url}/jobs/query", timeout=5).json()["jobs"] or [])

    def _is_healthy(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=1).is_success
        except httpx.HTTPError:
            return False


def _copy_example(home: Path) -> Path:
    """Copy the example into a DAG folder; it ships in the wheel, and lies beside the package in a checkout."""
    beside, inside = _PACKAGE.parent / "example_dags", _PACKAGE / "example_dags"
    dags = home / "dags"
    dags.mkdir()
    shutil.copy((beside if beside.is_dir() else inside) / f"{DAG_ID}.py", dags)
    return dags


def _settings(home: Path, daemon: DevelopmentDaemon) -> dict[str, str]:
    connections = {
        "HYPERCARBON_DEFAULT": {
            "conn_type": "hypercarbon",
            "extra": {"source": "mock", "seconds_per_day": SECONDS_PER_DAY},
        },
        "HYPERSDK_DEFAULT": {"conn_type": "hypersdk", "host": "127.0.0.1", "port": daemon.port},
        "HYPERCARBON_RESULTS": {"conn_type": "sqlite", "host": str(home / "results.db")},
        "VCENTER_DEFAULT": {"conn_type": "generic", "host": "vc.example.com", "login": "demo", "password": "demo"},
    }
    return {
        **{f"AIRFLOW_CONN_{name}": json.dumps(fields) for name, fields in connections.items()},
        "PYTHONWARNINGS": "ignore",
        # The example has a schedule: without this, last night's run would start beside ours, with the default folder.
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
    }


def choose_zone(now: datetime) -> str:
    """Return the zone whose mock curve makes the next wait worth watching; the curves follow the clock."""
    return max((zone.key for zone in ZONES), key=lambda zone: _worth_watching(plan_of(zone, now)))


def plan_of(zone: str, now: datetime) -> StartDecision:
    """Plan as the sensor will, a moment from now."""
    policy = StartPolicy(max_delay=MAX_DELAY, duration=DURATION)
    source = MockSource(seconds_per_day=SECONDS_PER_DAY)
    return plan_start(source, zone, policy, StartWindow.opening(now, MAX_DELAY), now=now)


def _worth_watching(plan: StartDecision) -> tuple[bool, float]:
    shortest, longest = _GOOD_WAIT
    now, then = plan.mean_now_gco2eq_per_kwh or 0.0, plan.mean_at_start_gco2eq_per_kwh or 0.0
    return shortest <= plan.start_at - plan.decided_at <= longest, 1 - then / now if now else 0.0


def _follow(airflow: LocalAirflow, daemon: DevelopmentDaemon, console: Console, home: Path) -> bool:
    zone = choose_zone(datetime.now(UTC) + _TASK_START)
    conf = {
        "zone": zone,
        "vm_path": VM_PATH,
        "max_delay": f"{MAX_DELAY.total_seconds():.0f}s",
        "duration": f"{DURATION.total_seconds():.0f}s",
        "output_dir": str(home / "exports"),
    }
    run_id = airflow.trigger(DAG_ID, conf)
    console.print(f"[bold]DAG run[/] {run_id}: back up {VM_PATH} in {zone}, a mock hour every 20 s\n")
    told: set[str] = set()
    told_lines: set[str] = set()
    bar = Progress(TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), console=console)
    task_bar = bar.add_task("  export", total=100)
    end = time.monotonic() + _LONGEST_RUN_SECONDS
    with bar:
        while (state := airflow.run_state(DAG_ID, run_id)) not in ("success", "failed"):
            if time.monotonic() > end:
                break
            for task in airflow.tasks(DAG_ID, run_id):
                line = f"{task['task_id']:<20} {task['state'] or 'waiting for the task before it'}"
                if task["state"] and line not in told:
                    told.add(line)
                    colour = {"success": "green", "failed": "red"}.get(task["state"], "cyan")
                    console.print(f"{datetime.now(UTC):%H:%M:%S}  [{colour}]{line}[/]")
            _tell_reasons(airflow, run_id, console, told_lines)
            for job in daemon.jobs():
                bar.update(task_bar, completed=_percent(job), description=f"  export {job['status']}")
            time.sleep(1)
    _tell_reasons(airflow, run_id, console, told_lines)
    if state != "success":
        console.print(f"[red]The run is {state}.[/] Logs: {airflow.home}")
        return False
    _show_report(airflow.xcom(DAG_ID, run_id, "report_footprint"), console)
    return True


def _percent(job: dict[str, Any]) -> float:
    """Read how far a job is; the method govc says so only in the words of its current step."""
    if job["status"] == "completed":
        return 100.0
    said = re.search(r"(\d+)%", (job.get("progress") or {}).get("current_step", ""))
    return float(said[1]) if said else 0.0


def _tell_reasons(airflow: LocalAirflow, run_id: str, console: Console, told: set[str]) -> None:
    """Print the sensor's sentences as they appear in its log."""
    for task in airflow.tasks(DAG_ID, run_id):
        if task["task_id"] != "wait_for_clean_grid" or not task["try_number"]:
            continue
        for line in airflow.log_lines(DAG_ID, run_id, task["task_id"], task["try_number"]):
            if line.startswith(("Grid ", "Starting now")) and line not in told:
                told.add(line)
                console.print(f"{datetime.now(UTC):%H:%M:%S}  [bold]{line}[/]")


def _show_report(report: dict[str, Any], console: Console) -> None:
    table = Table(title="Footprint, as pushed to XCom", show_header=False)
    shown = (
        "operation_id zone started_at ended_at data_gb energy_kwh mean_gco2eq_per_kwh emissions_kgco2eq "
        "emissions_low_kgco2eq emissions_high_kgco2eq difference_to_scheduled_kgco2eq start_reason source synthetic"
    )
    for field in shown.split():
        value = report[field]
        table.add_row(field, f"{value:.6g}" if isinstance(value, float) else str(value))
    console.print(table)


def _show_row(database: Path, console: Console) -> None:
    with sqlite3.connect(database) as connection:
        connection.row_factory = sqlite3.Row
        rows = connection.execute("SELECT * FROM hypercarbon_reports").fetchall()
    table = Table(show_header=False, title=f"The results table holds {len(rows)} row")
    for row in rows:
        for name in ("operation_id", "dag_id", "run_id", "started_at", "emissions_kgco2eq", "synthetic"):
            table.add_row(name, str(row[name]))
    console.print(table)


if __name__ == "__main__":
    sys.exit(show(keep=bool(os.environ.get("HYPERCARBON_DEMO_KEEP"))))
