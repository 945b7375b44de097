"""Exports of the system test: made slow, found at the daemon, waited for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx

from airflow_provider_hypercarbon.demo.local_airflow import LocalAirflow
from airflow_provider_hypercarbon.demo.show import DevelopmentDaemon

SLOW, USUAL = 1_000_000, 22_000_000


def control(daemon: DevelopmentDaemon, action: str, **body: Any) -> None:
    httpx.post(f"{daemon.url}/dev/{action}", json=body, timeout=10).raise_for_status()


@contextmanager
def slow(daemon: DevelopmentDaemon) -> Iterator[None]:
    """Let exports take minutes in here."""
    control(daemon, "speed", bytes_per_second=SLOW)
    try:
        yield
    finally:
        control(daemon, "speed", bytes_per_second=USUAL)


def until(done: Callable[[], Any], what: str, seconds: float = 240) -> Any:
    end = time.monotonic() + seconds
    while True:
        with suppress(httpx.TransportError):  # a busy machine
            if found := done():
                return found
        assert time.monotonic() < end, what
        time.sleep(0.5)


def job_of(daemon: DevelopmentDaemon, run_id: str) -> dict[str, Any] | None:
    jobs = (job for job in daemon.jobs() if job["definition"].get("metadata", {}).get("airflow_run_id") == run_id)
    return next(jobs, None)


def begun(airflow: LocalAirflow, dag_id: str, state: str, output_dir: str) -> str:
    """Start a run whose export reaches a state, and return the run's id."""
    run_id = airflow.trigger(dag_id, {"output_dir": output_dir})
    until(lambda: airflow.tasks(dag_id, run_id)[0]["state"] == state, f"not {state}")
    return run_id


def give_up(airflow: LocalAirflow, dag_id: str, run_id: str) -> None:
    """A user marks the export as failed."""
    airflow.api("PATCH", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/export", json={"new_state": "failed"})
