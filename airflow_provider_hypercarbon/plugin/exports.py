"""Exports that run, with the progress that the daemon tells: one question a daemon, remembered for a moment."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from threading import Lock
from typing import Any

from sqlalchemy import Row

from airflow_provider_hypercarbon.exceptions import HyperCarbonError
from airflow_provider_hypercarbon.hooks.hypersdk import HyperSDKHook
from airflow_provider_hypercarbon.hypersdk.models import ExportJob
from airflow_provider_hypercarbon.plugin.running import exports_in_progress, stored_value
from airflow_provider_hypercarbon.plugin.schemas.runs import ExportRow

#: Ten people with the page open ask a daemon no more often than one.
_REMEMBERED_SECONDS = 5.0
_MOST_DAEMONS = 8


class _Memory:
    """The last answers of the daemons, shared by all requests of this process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._jobs: dict[str, tuple[float, dict[str, ExportJob], str | None]] = {}

    def jobs(self, conn_id: str, job_ids: Collection[str]) -> tuple[dict[str, ExportJob], str | None]:
        with self._lock:  # whoever comes second finds the answer
            asked_at, jobs, problem = self._jobs.get(conn_id, (float("-inf"), {}, None))
            fresh = time.monotonic() - asked_at < _REMEMBERED_SECONDS
            if not fresh or not (problem or jobs.keys() >= set(job_ids)):
                jobs, problem = _ask(conn_id, job_ids)
                self._jobs[conn_id] = (time.monotonic(), jobs, problem)
            return jobs, problem


_memory = _Memory()


def running_exports(dag_ids: Collection[str] | None, *, now: datetime) -> list[ExportRow]:
    """Return the exports in progress, the furthest first; a daemon that does not answer leaves its rows without."""
    rows = exports_in_progress(dag_ids)
    by_daemon: dict[str | None, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        by_daemon[_conn_id(row)].append(row)
    found: list[ExportRow] = []
    for asked, (conn_id, mine) in enumerate(by_daemon.items()):
        ids = [job_id for row in mine if (job_id := _job_id(row))]
        if conn_id is None or asked >= _MOST_DAEMONS:
            jobs, problem = {}, "It is not known here which daemon runs this export."
        else:
            jobs, problem = _memory.jobs(conn_id, ids)
        found += [_row(row, job_id, jobs.get(job_id), problem, now) for row in mine if (job_id := _job_id(row))]
    return sorted(found, key=lambda row: (-(row.percent or 0), row.dag_id, row.map_index))


def _ask(conn_id: str, job_ids: Collection[str]) -> tuple[dict[str, ExportJob], str | None]:
    try:
        return {job.id: job for job in HyperSDKHook(conn_id).get_conn().query(list(job_ids))}, None
    except HyperCarbonError as error:
        return {}, str(error)


def _row(row: Row[Any], job_id: str, job: ExportJob | None, problem: str | None, now: datetime) -> ExportRow:
    stored, state, fields = row
    if job is None and problem is None:
        problem = "The daemon does not know this job."
    return ExportRow(
        dag_id=stored.dag_id,
        run_id=stored.run_id,
        task_id=stored.task_id,
        map_index=stored.map_index,
        state=str(state),
        job_id=job_id,
        hypersdk_conn_id=_conn_id(row),
        status=job.status.value if job else None,
        vm_path=(job.vm_path if job else None) or (fields or {}).get("vm_path"),
        phase=job.phase or None if job else None,
        percent=_percent(job),
        bytes_done=job.bytes_done if job else None,
        bytes_total=job.bytes_total if job else None,
        started_at=job.started_at if job else None,
        seconds_left=_seconds_left(job, now),
        problem=problem,
    )


def _percent(job: ExportJob | None) -> float | None:
    if job is None:
        return None
    # The method govc says it only in the words of its current step.
    if job.percent is None and (said := re.search(r"\((\d{1,3})%\)", job.step)):
        return min(100.0, float(said[1]))
    if job.percent is None and job.bytes_done and job.bytes_total:
        return min(100.0, 100 * job.bytes_done / job.bytes_total)
    return job.percent


def _seconds_left(job: ExportJob | None, now: datetime) -> float | None:
    percent = _percent(job)
    if job is None or job.has_ended or not percent or job.started_at is None:
        return None
    passed = (now - job.started_at).total_seconds()
    return max(0.0, passed * (100 - percent) / percent) if passed > 0 else None


def _conn_id(row: Row[Any]) -> str | None:
    fields = row[2] or {}
    found = fields.get("hypersdk_conn_id")
    return found if isinstance(found, str) else None


def _job_id(row: Row[Any]) -> str | None:
    kept = stored_value(row[0])
    found = kept.get("job_id") if isinstance(kept, dict) else None
    return found if isinstance(found, str) else None
