"""Look at one running export again and again from a worker, over days if need be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_hypercarbon.exceptions import RemoteError
from airflow_provider_hypercarbon.hypersdk.folder import bytes_below

if TYPE_CHECKING:
    from airflow_provider_hypercarbon.hypersdk.client import HyperSDKClient
    from airflow_provider_hypercarbon.hypersdk.models import ExportJob
    from airflow_provider_hypercarbon.hypersdk.progress import Progress


class ExportWatch:
    """One job, looked at through a client of its own."""

    def __init__(self, client: HyperSDKClient, job_id: str, progress: Progress) -> None:
        self._client = client
        self._job_id = job_id
        self._progress = progress

    def look(self) -> ExportJob | None:
        """Return the job as it is now, or None when the daemon could not say.

        A job that the daemon does not know is an error: waiting does not help there. A refused credential is none:
        it says nothing about the export, and somebody may mend it while the export goes on.
        """
        now = datetime.now(UTC)
        try:
            job = self._client.get_job(self._job_id)
        except RemoteError as error:
            self._progress.missed(error, now)
            return None
        self._progress.saw(job, now, bytes_seen=seen_bytes(job))
        return job


def seen_bytes(job: ExportJob) -> int | None:
    """Return what lies in the export's folder, where this machine sees it and the daemon reports no bytes."""
    return None if job.has_ended or job.bytes_done or job.percent else bytes_below(job.output_dir)
