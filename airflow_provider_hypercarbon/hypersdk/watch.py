"""Look at a running export again and again, and tell the task log what a person would want to know."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from airflow_provider_hypercarbon.exceptions import ExportError, RemoteError

if TYPE_CHECKING:
    from airflow_provider_hypercarbon.hypersdk.client import HyperSDKClient
    from airflow_provider_hypercarbon.hypersdk.models import ExportJob

#: A line for each change of phase and each tenth of the way, and one this often when nothing changes.
SILENCE = timedelta(minutes=10)


class Log(Protocol):
    """What both a stdlib logger and Airflow's task logger can do."""

    def info(self, message: str, *args: object) -> object: ...

    def warning(self, message: str, *args: object) -> object: ...


class ExportWatch:
    """Look at one job, over days if need be.

    A daemon that does not answer says nothing about the export: that is logged, and the next look asks again.
    """

    def __init__(self, client: HyperSDKClient, job_id: str, log: Log) -> None:
        self._client = client
        self._job_id = job_id
        self._log = log
        self._misses = 0
        self._told: tuple[object, ...] = ()
        self._told_at = datetime.min.replace(tzinfo=UTC)

    def look(self) -> ExportJob | None:
        """Return the job as it is now, or None when the daemon could not say.

        A job that the daemon does not know, and a refused credential, are errors: waiting does not help there.
        """
        try:
            job = self._client.get_job(self._job_id)
        except RemoteError as error:
            if not error.retryable:
                raise
            self._misses += 1
            if self._misses == 1:
                self._log.warning("%s The export %s may go on; asking again.", error, self._job_id)
            return None
        if self._misses:
            self._log.info("%s answers again after %d silent looks.", self._client.name, self._misses)
            self._misses = 0
        self._tell(job, datetime.now(UTC))
        return job

    def _tell(self, job: ExportJob, now: datetime) -> None:
        # The step text changes with every look where a method reports no percentage: it is no reason to speak.
        state = (job.status_word, job.phase, int((job.percent or 0) // 10))
        if state != self._told or now - self._told_at >= SILENCE:
            self._log.info("Export %s: %s.", job.id, job.progress)
            self._told, self._told_at = state, now


def ended_too_late(job_id: str, give_up_at: datetime) -> ExportError:
    """Return the error for an export that outlasts the wait."""
    return ExportError(
        f"The export {job_id} had not ended by {give_up_at:%Y-%m-%d %H:%M} UTC (max_duration). It was left running: "
        "a retry waits for it again."
    )
