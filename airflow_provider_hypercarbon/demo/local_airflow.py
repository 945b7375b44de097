"""A real Airflow on loopback for a demonstration or a test: four processes, a home of its own, one stop."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpx

#: Two busy cores take up to a minute and a half to bring everything up.
START_SECONDS = 180.0
_STOP_SECONDS = 20.0
_COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
_RUN_ENDED = ("success", "failed")


class LocalAirflow:
    """Run Airflow's API server, scheduler, DAG processor and triggerer below ``home``.

    Everybody who can reach the loopback port is an administrator: for a demonstration or a test only.

    :param home: becomes ``AIRFLOW_HOME``; logs of the processes go to ``home/process-logs``.
    :param dags: the DAG folder.
    :param settings: further environment variables: connections, ``AIRFLOW__...`` settings.
    :param say: told what is going on, one line a time.
    """

    def __init__(
        self,
        home: Path,
        dags: Path,
        settings: Mapping[str, str] | None = None,
        *,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.home = home
        self._say = say
        self.port = free_port()
        # Behind a proxy, below a path, Airflow keeps that path in every address of its own.
        path = urlsplit((settings or {}).get("AIRFLOW__API__BASE_URL", "")).path.rstrip("/")
        self.url = f"http://127.0.0.1:{self.port}{path}"
        self.environment = {
            **os.environ,
            # Airflow starts helpers by name, so its own folder must come first.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "8",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": os.urandom(24).hex(),
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
            **(settings or {}),
        }
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._client = httpx.Client(base_url=self.url, timeout=30)

    def __enter__(self) -> LocalAirflow:
        (self.home / "process-logs").mkdir(parents=True, exist_ok=True)
        try:
            self.migrate()
            self._say("Starting " + ", ".join(_COMPONENTS))
            for component in _COMPONENTS:
                self.start(component)
            self._wait_until_healthy()
        except BaseException:
            self.stop_all()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_all()

    def migrate(self) -> None:
        """Make Airflow's tables."""
        self._say("Preparing Airflow's database")
        self._run_to_end("db", "migrate")

    def start(self, component: str) -> None:
        """Start one of the four processes, in a process group of its own."""
        with (self.home / "process-logs" / f"{component}.log").open("ab") as log:
            self._processes[component] = subprocess.Popen(  # noqa: S603 - our own interpreter and words
                [sys.executable, "-m", "airflow", component],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self, component: str) -> None:
        """Kill a process and what it started, at once, as a power cut would."""
        process = self._processes.pop(component)
        _signal_group(process, signal.SIGKILL)
        process.wait()

    def stop_all(self) -> None:
        """Stop everything that was started here, and leave nothing running."""
        for process in self._processes.values():
            _signal_group(process, signal.SIGTERM)
        end = time.monotonic() + _STOP_SECONDS
        for process in self._processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, end - time.monotonic()))
            _signal_group(process, signal.SIGKILL)
            process.wait()
        self._processes.clear()
        self._client.close()

    def api(self, method: str, path: str, **more: Any) -> Any:
        """Call Airflow's public API, such as ``api("GET", "/dags")``; return the parsed answer."""
        if "Authorization" not in self._client.headers:
            token = self._client.get("/auth/token").raise_for_status().json()["access_token"]
            self._client.headers["Authorization"] = f"Bearer {token}"
        answer = self._client.request(method, f"/api/v2{path}", **more)
        if answer.is_error:
            raise RuntimeError(f"{method} {path} answered {answer.status_code}: {answer.text[:500]}")
        return answer.json() if answer.content else None

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Unpause a DAG once it is known, start a run, and return the run's id."""
        self._until(lambda: self._knows(dag_id), f"DAG {dag_id} is not known", seconds=90)
        self.api("PATCH", f"/dags/{dag_id}", json={"is_paused": False})
        run = self.api("POST", f"/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": dict(conf or {})})
        return str(run["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a run: queued, running, success or failed."""
        return str(self.api("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of a run."""
        found = self.api("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")
        return list(found["task_instances"])

    def log_lines(self, dag_id: str, run_id: str, task_id: str, try_number: int, map_index: int = -1) -> list[str]:
        """Return the messages of a task's log."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{max(1, try_number)}"
        content = self.api("GET", path, params={"map_index": map_index, "full_content": True})["content"]
        return [str(line.get("event", line)) if isinstance(line, dict) else str(line) for line in content]

    def xcom(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> Any:
        """Return what a task pushed."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        return self.api("GET", path, params={"map_index": map_index, "deserialize": "true"})["value"]

    def wait_for_run(self, dag_id: str, run_id: str, seconds: float) -> str:
        """Wait for a run to end and return its state."""
        self._until(lambda: self.run_state(dag_id, run_id) in _RUN_ENDED, f"{run_id} has not ended", seconds)
        return self.run_state(dag_id, run_id)

    def _knows(self, dag_id: str) -> bool:
        return any(dag["dag_id"] == dag_id for dag in self.api("GET", "/dags")["dags"])

    def _run_to_end(self, *words: str) -> None:
        done = subprocess.run(  # noqa: S603 - our own interpreter and words
            [sys.executable, "-m", "airflow", *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"airflow {' '.join(words)} failed: {done.stderr.decode()[-2000:]}")

    def _wait_until_healthy(self) -> None:
        self._until(self._is_healthy, "Airflow is not healthy", START_SECONDS)

    def _is_healthy(self) -> bool:
        for component, process in self._processes.items():
            if process.poll() is not None:
                raise RuntimeError(f"airflow {component} ended by itself; see {self.home}/process-logs.")
        try:
            health = self._client.get("/api/v2/monitor/health").json()
        except (httpx.HTTPError, ValueError):
            return False
        parts = ("metadatabase", "scheduler", "dag_processor", "triggerer")
        return all(health.get(part, {}).get("status") == "healthy" for part in parts)

    @staticmethod
    def _until(done: Callable[[], bool], otherwise: str, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                raise TimeoutError(f"{otherwise} after {seconds:.0f} s.")
            time.sleep(0.5)


def free_port() -> int:
    """Return a loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
