"""The development daemon's jobs: kept in memory, run in threads, ended or forgotten as the real one's are."""

from __future__ import annotations

import copy
import logging
import random
import threading
import time
from collections import deque
from datetime import timedelta
from pathlib import Path

from airflow_provider_hypercarbon.hypersdk.carbon_metadata import go_duration
from airflow_provider_hypercarbon.hypersdk.dev_definitions import (
    ExportFailure,
    JsonDict,
    fill_definition,
    go_now,
    validate_definition,
)
from airflow_provider_hypercarbon.hypersdk.dev_vms import CHUNK, copy_image, ensure_vms, vm_names, write_descriptor
from airflow_provider_hypercarbon.hypersdk.models import scrub

log = logging.getLogger(__name__)

#: The daemon's own order of preference when a job names no method it has.
METHOD_ORDER = ("ctl", "govc", "ovftool", "web")
#: What a development machine would have. Not ctl: where that is found, the real daemon prefers it and fails.
DEV_METHODS = ("govc", "ovftool", "web")


class _DaemonDown(Exception):  # noqa: N818  (a signal to the export thread, not a fault)
    """The daemon went down under the export."""


class _Job:
    def __init__(self, definition: JsonDict) -> None:
        self.definition = definition
        self.status = "pending"
        self.progress: JsonDict | None = None
        self.result: JsonDict | None = None
        self.error = ""
        self.started_at = ""
        self.completed_at = ""
        self.updated_at = go_now()
        self.stop = threading.Event()

    def to_json(self) -> JsonDict:
        keys = ("definition", "status", "progress", "result", "error", "started_at", "completed_at", "updated_at")
        present = {key: getattr(self, key) for key in keys if getattr(self, key)}
        return copy.deepcopy(present)


class DevExports:
    """The jobs of one development daemon.

    :param vm_dir: the VMs, as disk images: ``db-prod.img`` is the VM ``/any/path/db-prod``. An empty folder gets
        a few sparse samples.
    :param bytes_per_second: how fast one export copies; None is as fast as the disk.
    :param methods: the export methods it claims to have.
    """

    def __init__(
        self, vm_dir: Path, *, bytes_per_second: float | None = None, methods: tuple[str, ...] = DEV_METHODS
    ) -> None:
        self.bytes_per_second = bytes_per_second
        self.methods = methods
        self._vm_dir = vm_dir
        self._jobs: dict[str, _Job] = {}
        self._lock = threading.RLock()
        self._going = threading.Event()
        self._going.set()
        self._failures: deque[str] = deque()
        self._started = time.monotonic()
        ensure_vms(vm_dir)

    @property
    def default_method(self) -> str:
        """What the daemon takes when a job names no method, or one it does not have."""
        return next(method for method in METHOD_ORDER if method in self.methods)

    def vms(self) -> list[str]:
        """Return the names of the VMs."""
        return vm_names(self._vm_dir)

    def submit(self, definitions: list[JsonDict]) -> JsonDict:
        """Accept what has a new id. As in the daemon, nothing else is looked at until the job runs."""
        accepted: list[str] = []
        errors: list[str] = []
        for definition in definitions:
            filled = fill_definition(definition)
            with self._lock:
                if filled["id"] in self._jobs:
                    errors.append(f"job with ID {filled['id']} already exists")
                    continue
                job = self._jobs[filled["id"]] = _Job(filled)
            log.info("Job %s accepted: %s.", filled["id"], filled["vm_path"])
            accepted.append(filled["id"])
            threading.Thread(target=self._run, args=(job,), daemon=True).start()
        answer: JsonDict = {"job_ids": accepted, "accepted": len(accepted), "rejected": len(errors)}
        return answer | ({"errors": errors} if errors else {}) | {"timestamp": go_now()}

    def get(self, job_id: str) -> JsonDict | None:
        """Return one job, password and all, as the daemon does."""
        with self._lock:
            return self._jobs[job_id].to_json() if job_id in self._jobs else None

    def query(self, *, job_ids: list[str], statuses: list[str], everything: bool, limit: int) -> list[JsonDict]:
        """Return jobs in no order: those of the ids, else all, else those of the statuses up to the limit."""
        with self._lock:
            if job_ids:
                return [self._jobs[job_id].to_json() for job_id in job_ids if job_id in self._jobs]
            jobs = [job.to_json() for job in self._jobs.values()]
        random.shuffle(jobs)
        if not everything:
            jobs = [job for job in jobs if not statuses or job["status"] in statuses]
            jobs = jobs[:limit] if limit > 0 else jobs
        return jobs

    def cancel(self, job_ids: list[str]) -> JsonDict:
        """Flip the status and nothing else: the export goes on, and its end overwrites the status again."""
        cancelled: list[str] = []
        errors: dict[str, str] = {}
        with self._lock:
            for job_id in job_ids:
                job = self._jobs.get(job_id)
                if job is None:
                    errors[job_id] = f"job not found: {job_id}"
                elif job.status not in ("pending", "running"):
                    errors[job_id] = f"job {job_id} cannot be cancelled (status: {job.status})"
                else:
                    job.status, job.completed_at, job.updated_at = "cancelled", go_now(), go_now()
                    cancelled.append(job_id)
                    log.info("Job %s cancelled; its export goes on.", job_id)
        answer: JsonDict = {"cancelled": cancelled, "failed": list(errors)}
        return answer | ({"errors": errors} if errors else {}) | {"timestamp": go_now()}

    def status(self) -> JsonDict:
        """Return uptime and job counts."""
        with self._lock:
            found = [job.status for job in self._jobs.values()]
        counts = {f"{word}_jobs": found.count(word) for word in ("running", "completed", "failed", "cancelled")}
        uptime = go_duration(timedelta(seconds=time.monotonic() - self._started))
        return {"version": "0.0.1", "uptime": uptime, "total_jobs": len(found), **counts, "timestamp": go_now()}

    def pause(self) -> None:
        """Let all exports stand still."""
        self._going.clear()

    def resume(self) -> None:
        """Let them go on."""
        self._going.set()

    def fail_next(self, words: str) -> None:
        """Let the next export fail half-way with these words."""
        self._failures.append(words)

    def restart(self) -> None:
        """Do what a restart of the daemon does: exports end where they are, and no job is remembered."""
        with self._lock:
            for job in self._jobs.values():
                job.stop.set()
            self._jobs.clear()
            self._started = time.monotonic()

    def _run(self, job: _Job) -> None:
        job_id = job.definition["id"]
        method = job.definition.get("export_method") or ""
        method = method if method in self.methods else self.default_method
        with self._lock:  # A job cancelled while pending runs all the same.
            job.definition["export_method"] = method
            job.status, job.started_at = "running", go_now()
            job.progress = _progress("connecting", method)
        log.info("Job %s started: %s by %s.", job_id, job.definition["vm_path"], method)
        try:
            result, error = self._export(job, method), ""
        except _DaemonDown:
            return
        except (ExportFailure, OSError) as failure:
            result, error = None, str(failure)
        with self._lock:
            job.status, job.result, job.error = ("failed" if error else "completed"), result, error
            job.completed_at = job.updated_at = go_now()
        # The words may repeat the vCenter's login: they stand in the job, for those who may ask for it.
        words = scrub(error, (job.definition.get("vcenter") or {}).get("password") or "")
        log.info("Job %s %s", job_id, f"failed: {words}" if error else "completed.")

    def _export(self, job: _Job, method: str) -> JsonDict:
        definition = job.definition
        validate_definition(definition, method)
        if method == "ctl":  # What the real daemon gets: hyperctl has no export command.
            raise ExportFailure("export failed: hyperctl export failed: exit status 1")
        name = definition["vm_path"].rstrip("/").rpartition("/")[2]
        if name not in self.vms():
            raise ExportFailure(f"export failed: find VM: vm '{definition['vm_path']}' not found")
        disk = Path(definition["output_dir"]) / name / f"{name}-disk-0.vmdk"
        disk.parent.mkdir(parents=True, exist_ok=True)
        failure = self._failures.popleft() if self._failures else ""

        def on_chunk(done: int, total: int) -> None:
            self._pace(job, min(CHUNK, total))
            if failure and done * 2 >= total:
                raise ExportFailure(failure)
            with self._lock:
                job.progress = _progress("exporting", method, disk.name, done, total)
                job.updated_at = go_now()

        size = copy_image(self._vm_dir / f"{name}.img", disk, on_chunk)
        write_descriptor(disk, size, name)
        result: JsonDict = dict.fromkeys(("vm_name", "output_dir", "ovf_path"), "")
        result |= {"files": None, "total_size": 0, "duration": 0, "success": True, "export_method": method}
        if method == "web":  # The only method whose results say anything.
            result |= {"output_files": [str(disk.resolve())], "total_size": size}
        return result

    def _pace(self, job: _Job, size: int) -> None:
        while not self._going.wait(0.02) and not job.stop.is_set():
            pass
        seconds = size / self.bytes_per_second if self.bytes_per_second else 0.0
        if job.stop.wait(seconds) if seconds else job.stop.is_set():
            raise _DaemonDown


def _progress(phase: str, method: str, file: str = "", done: int = 0, total: int = 0) -> JsonDict:
    """Progress as each method gives it: ovftool numbers, govc a line of text, web nothing until the end."""
    numbers = {"bytes_downloaded": 0, "bytes_transferred": 0, "total_bytes": 0, "percent_complete": 0.0}
    text: JsonDict = {}
    if total and method == "ovftool":
        numbers = {
            "bytes_downloaded": done,
            "bytes_transferred": done,
            "total_bytes": total,
            "percent_complete": round(100 * done / total, 2),
        }
    elif total and method == "govc":
        text = {"current_step": f"Downloading {file}... ({done * 100 // total}%)"}
    elif method == "web":
        phase = "connecting"
    return {"phase": phase, **text, "files_downloaded": 0, "total_files": 0, **numbers, "export_method": method}


def made_up_logs(job_id: str, job: JsonDict) -> JsonDict:
    """The daemon writes no log of an export: it makes one up from the job."""
    moments = [(job["definition"]["created_at"], "Job created"), (job.get("started_at"), "Job started")]
    moments.append((job.get("completed_at"), f"Job {job['status']}"))
    logs = [{"timestamp": at, "level": "info", "message": message} for at, message in moments if at]
    return {"job_id": job_id, "logs": logs, "log_count": len(logs), "timestamp": go_now()}
