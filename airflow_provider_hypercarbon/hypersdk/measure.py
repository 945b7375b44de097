"""What a finished export moved, by whoever knows it: the daemon, the files it wrote, or the DAG's author."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from airflow_provider_hypercarbon.carbon.energy import BYTES_PER_GB
from airflow_provider_hypercarbon.carbon.intensity import Frozen, Synthetic
from airflow_provider_hypercarbon.hypersdk.folder import files_below
from airflow_provider_hypercarbon.hypersdk.manifest import OWN_FILES
from airflow_provider_hypercarbon.hypersdk.models import ExportJob, JobStatus, UtcTime

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_hypercarbon.hypersdk.verify import Verified

#: File systems keep times as coarse as two seconds.
TIME_GRAIN = timedelta(seconds=2)


class ExportResult(Frozen):
    """What an export task hands on: when it ran and how much it moved, null where nobody knows.

    :param data_bytes_from: who says ``data_bytes``: the daemon, the files found in the output folder, or the
        DAG's author.
    :param output_dir: the folder of this attempt, below the ``output_dir`` of the task.
    :param verified: whether the files were looked at and found in order; false where no worker sees them.
    :param checks: what was found in order, in words.
    :param digest: SHA-256 of ``hypercarbon-export.json`` in that folder, which holds that of every file.
    :param recovered: the daemon had forgotten the job, and the files proved to be whole.
    :param synthetic: set when the grid data behind the start were not real.
    """

    job_id: str
    vm_path: str
    vm_name: str
    status: JobStatus
    started_at: UtcTime | None
    ended_at: UtcTime | None
    duration_hours: float | None
    data_bytes: int | None
    data_gb: float | None
    data_bytes_from: Literal["daemon", "output_dir", "declared"] | None
    files: tuple[str, ...]
    output_dir: str
    format: str
    export_method: str
    zone: str | None
    synthetic: Synthetic | None
    verified: bool = False
    checks: tuple[str, ...] = ()
    digest: str | None = None
    recovered: bool = False


def export_result(
    job: ExportJob,
    *,
    declared_gb: float | None = None,
    decision: Mapping[str, object] | None = None,
    verified: Verified | None = None,
    recovered: bool = False,
) -> ExportResult:
    """Return what a finished export hands on.

    :param verified: what was found of its files, where they could be looked at.
    :param declared_gb: size by the DAG's author, taken when neither the daemon nor the files tell.
    :param decision: the start decision behind the export, for its zone and its ``synthetic`` mark.
    """
    data_bytes, told_by, files = _measure(job, declared_gb)
    synthetic, zone = (decision or {}).get("synthetic"), (decision or {}).get("zone")
    return ExportResult(
        job_id=job.id,
        vm_path=job.vm_path,
        vm_name=_last_part(job.vm_path),
        status=job.status,
        started_at=job.started_at,
        ended_at=job.completed_at,
        duration_hours=hours_between(job.started_at, job.completed_at),
        data_bytes=data_bytes,
        data_gb=None if data_bytes is None else data_bytes / BYTES_PER_GB,
        data_bytes_from=told_by,
        files=job.files or files,
        output_dir=job.output_dir,
        format=job.format,
        export_method=job.export_method,
        zone=zone if isinstance(zone, str) and zone else None,
        synthetic="mock" if synthetic == "mock" else "sandbox" if synthetic == "sandbox" else None,
        verified=verified is not None,
        checks=verified.manifest.checks if verified else (),
        digest=verified.sha256 if verified else None,
        recovered=recovered,
    )


def _measure(
    job: ExportJob, declared_gb: float | None
) -> tuple[int | None, Literal["daemon", "output_dir", "declared"] | None, tuple[str, ...]]:
    if job.data_bytes:
        return job.data_bytes, "daemon", ()
    found = _output_files(job)
    if size := sum(found.values()):
        return size, "output_dir", tuple(sorted(found))
    if declared_gb:
        return round(declared_gb * BYTES_PER_GB), "declared", ()
    return None, None, ()


def _output_files(job: ExportJob) -> dict[str, int]:
    """The files of this export, as far as this machine sees the daemon's folder, with their sizes."""
    if job.started_at is None or not job.output_dir:
        return {}
    # The folder belongs to this attempt. A job that was submitted by other hands may share its own.
    since = (job.started_at - TIME_GRAIN).timestamp()
    try:
        return {
            str(path): facts.st_size
            for path, facts in files_below(job.output_dir)
            if facts.st_mtime >= since and path.name not in OWN_FILES
        }
    except OSError:
        return {}


def _last_part(vm_path: str) -> str:
    return vm_path.rstrip("/").rpartition("/")[2]


def hours_between(start: datetime | None, end: datetime | None) -> float | None:
    """Hours from ``start`` to ``end``; None when one is unknown or the daemon's clock ran backwards."""
    if start is None or end is None or end < start:
        return None
    return round((end - start) / timedelta(hours=1), 6)
