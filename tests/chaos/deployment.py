"""A deployment to strike: Airflow's processes with an executor, a daemon behind a network that can be cut, VMs."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import sqlalchemy as sa

from airflow_provider_hypercarbon.demo.local_airflow import LocalAirflow, free_port
from tests.chaos.components import Components, airflow_command
from tests.chaos.network import Network

#: An export copies at this speed; the sizes make it last 5, 10 or 15 seconds, and a long one five minutes: longer
#: than it may go on after a user's kill.
BYTES_PER_SECOND = 200_000
SIZES = (1_000_000, 2_000_000, 3_000_000)
LONG_SIZE = 60_000_000
#: When all blows are dealt, nobody waits for what is left to be copied slowly.
BYTES_PER_SECOND_IN_CALM = 5_000_000
#: Everything that Airflow waits for before it believes in a death, shortened: what took five minutes takes 45 s.
HURRY = {
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "45",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
    "SCHEDULER__TASK_QUEUED_TIMEOUT": "40",
    "SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "10",
    "SCHEDULER__NUM_STUCK_IN_QUEUED_RETRIES": "20",
    "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
    "SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "10",
    "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "15",
    "CORE__PARALLELISM": "14",
    "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
}


class Deployment:
    """Everything that the storm rages over.

    :param home: for all files.
    :param executor: ``LocalExecutor`` or ``CeleryExecutor``.
    :param postgres: URL of a PostgreSQL server on this machine.
    """

    def __init__(self, home: Path, executor: str, postgres: str) -> None:
        self.home = home
        self.vms = home / "vms"
        self._postgres = postgres
        self._database = f"chaos_{executor.lower()}"
        place = f"{urlsplit(postgres).netloc}/{self._database}"
        self.metadata = sa.create_engine(f"postgresql+psycopg://{place}", pool_pre_ping=True)
        daemon_port = free_port()
        self.network = Network(daemon_port)
        self.daemon_url = f"http://127.0.0.1:{daemon_port}"
        settings = {f"AIRFLOW__{name}": value for name, value in HURRY.items()}
        settings |= {
            "AIRFLOW__CORE__EXECUTOR": executor,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{place}",
            "AIRFLOW_CONN_HYPERSDK_DEFAULT": json.dumps(
                {"conn_type": "hypersdk", "host": "127.0.0.1", "port": self.network.port}
            ),
            "AIRFLOW_CONN_VCENTER_DEFAULT": json.dumps(
                {"conn_type": "generic", "host": "vc.example.com", "login": "svc", "password": "pw"}
            ),
            "PYTHONWARNINGS": "ignore",
        }
        commands = {name: airflow_command(name) for name in ("api-server", "scheduler", "dag-processor", "triggerer")}
        commands["daemon"] = [sys.executable, "-m", "airflow_provider_hypercarbon.cli", "devserver"]
        commands["daemon"] += ["--port", str(daemon_port), "--vm-dir", str(self.vms)]
        commands["daemon"] += ["--bytes-per-second", str(BYTES_PER_SECOND)]
        self.workers: list[str] = []
        if executor == "CeleryExecutor":
            redis_port = free_port()
            commands["redis"] = ["redis-server", "--port", str(redis_port), "--bind", "127.0.0.1"]
            commands["redis"] += ["--save", "", "--appendonly", "no", "--dir", str(home)]
            settings["AIRFLOW__CELERY__BROKER_URL"] = f"redis://127.0.0.1:{redis_port}/0"
            settings["AIRFLOW__CELERY__RESULT_BACKEND"] = f"db+postgresql://{place}"
            settings["C_FORCE_ROOT"] = "1"
            for number in (1, 2):
                self.workers.append(name := f"celery worker {number}")
                words = ["celery", "worker", "--concurrency", "7", "--celery-hostname", f"worker{number}@%h"]
                words += ["--skip-serve-logs", "--pid", str(home / f"worker{number}.pid")]
                commands[name] = airflow_command(*words)
        self.airflow = LocalAirflow(home / "airflow", Path(__file__).parent / "dags", settings)
        self.components = Components(home, commands, self.airflow.environment)
        self.names = list(commands)

    def start(self) -> None:
        """Make databases and VMs, and start everything."""
        self._make_images()
        self._make_database()
        self.airflow.migrate()
        for name in sorted(self.names, key=lambda name: name not in ("redis", "daemon")):
            self.components.start(name)

    def stop(self) -> None:
        """End everything, and leave only files."""
        self.components.stop_all()
        self.airflow.stop_all()
        self.network.close()
        self.metadata.dispose()
        self._run_on_server(f"DROP DATABASE IF EXISTS {self._database} WITH (FORCE)")

    def is_up(self) -> bool:
        """Whether the API server answers and knows the DAGs."""
        try:
            return len(self.airflow.api("GET", "/dags")["dags"]) == 3
        except (httpx.HTTPError, RuntimeError, KeyError):
            return False

    def hurry_the_daemon(self) -> bool:
        """Let what is left be copied quickly."""
        try:
            body = {"bytes_per_second": BYTES_PER_SECOND_IN_CALM}
            return httpx.post(f"{self.daemon_url}/dev/speed", json=body).is_success
        except httpx.HTTPError:
            return False

    def kill_a_backend(self) -> bool:
        """Kill one of PostgreSQL's processes: the server then throws out everybody and recovers from its log."""
        try:
            with self.metadata.connect() as connection:
                pid = int(connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one())
                if "postgres" not in psutil.Process(pid).name():
                    return False
                os.kill(pid, signal.SIGKILL)
        except sa.exc.DBAPIError:
            pass  # the connection ends with its backend
        return True

    def rows(self, statement: str) -> list[Any]:
        """Ask Airflow's database; nothing while it recovers."""
        try:
            with self.metadata.connect() as connection:
                return list(connection.execute(sa.text(statement)))
        except sa.exc.DBAPIError:
            return []

    def daemon_log(self) -> list[str]:
        return (self.components.logs / "daemon.log").read_text().splitlines()

    def swept_by(self) -> dict[str, int]:
        """Return how many jobs tries, triggers and the sweeping DAG say that they have swept."""
        found: dict[str, set[str]] = {}
        for path in self.home.rglob("*.log"):
            jobs = re.findall(r"The export (\S+) runs, though its task", path.read_text(errors="replace"))
            who = "a DAG" if "dag_id=sweep" in str(path) else "triggers" if path.stem == "triggerer" else "tries"
            found.setdefault(who, set()).update(jobs)
        return {who: len(jobs) for who, jobs in sorted(found.items()) if jobs}

    def image(self, number: int, *, long: bool) -> tuple[str, Path]:
        """Return a VM that nothing else exports, and its disk image."""
        vm = f"{'long' if long else 'vm'}-{number:04d}"
        image = self.home / "images" / f"{LONG_SIZE if long else SIZES[number % len(SIZES)]}.img"
        (self.vms / f"{vm}.img").symlink_to(image)
        return vm, image

    def _make_images(self) -> None:
        images = self.home / "images"
        images.mkdir(parents=True)
        self.vms.mkdir()
        noise = random.Random(5)
        for size in (*SIZES, LONG_SIZE):
            (images / f"{size}.img").write_bytes(noise.randbytes(size))
        # Without any VM the daemon would make samples.
        (self.vms / "idle.img").symlink_to(images / f"{SIZES[0]}.img")

    def _make_database(self) -> None:
        self._run_on_server(f"DROP DATABASE IF EXISTS {self._database} WITH (FORCE)")
        self._run_on_server(f"CREATE DATABASE {self._database}")

    def _run_on_server(self, statement: str) -> None:
        server = sa.create_engine(self._postgres, isolation_level="AUTOCOMMIT")
        with server.connect() as connection:
            connection.execute(sa.text(statement))
        server.dispose()
