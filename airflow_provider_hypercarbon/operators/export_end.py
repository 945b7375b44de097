"""The end of an export task: a job becomes a result or an error here, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from airflow.sdk.exceptions import AirflowRuntimeError

from airflow_provider_hypercarbon.exceptions import (
    ConfigurationError,
    ExportCancelledError,
    ExportError,
    ExportFailedError,
    ExportUnusableError,
)

if TYPE_CHECKING:
    from airflow_provider_hypercarbon.hypersdk.attempt_files import AttemptFiles
    from airflow_provider_hypercarbon.hypersdk.client import HyperSDKClient
    from airflow_provider_hypercarbon.hypersdk.models import ExportJob
    from airflow_provider_hypercarbon.hypersdk.progress import Log
    from airflow_provider_hypercarbon.hypersdk.submission import Submission
    from airflow_provider_hypercarbon.hypersdk.verify import Verified

Verify = Literal["where_visible", "always", "never"]


class ExportEnd:
    """What a try does when its job has ended, or when it ends it.

    :param decision: the start decision, for the result's zone.
    """

    def __init__(
        self,
        submission: Submission,
        files: AttemptFiles,
        log: Log,
        *,
        verify: Verify,
        checksums: bool,
        declared_gb: float | None,
        decision: Mapping[str, Any],
    ) -> None:
        self._submission = submission
        self._files = files
        self._log = log
        self._verify = verify
        self._checksums = checksums
        self._declared_gb = declared_gb
        self._decision = decision

    def finish(self, job: ExportJob, *, recovered: bool = False) -> dict[str, Any]:
        """Return the result of a completed export; raise for any other."""
        from airflow_provider_hypercarbon.hypersdk.measure import export_result
        from airflow_provider_hypercarbon.hypersdk.models import JobStatus
        from airflow_provider_hypercarbon.hypersdk.protocol import Known
        from airflow_provider_hypercarbon.metrics import count

        count("exports", outcome=job.status.value)
        try:
            match job.status:
                case JobStatus.COMPLETED:
                    verified = self._verified(job)
                case JobStatus.FAILED:
                    raise ExportFailedError(
                        f"The export {job.id} of {job.vm_path} failed: {job.error or 'no reason given'}. "
                        "A retry exports anew."
                    )
                case JobStatus.CANCELLED:
                    raise ExportCancelledError(
                        f"The export {job.id} of {job.vm_path} was cancelled. A retry exports anew."
                    )
                case _:
                    raise ExportError(
                        f"The export {job.id} of {job.vm_path} is {job.status_word or job.status}, which is no end "
                        "that this provider knows. A retry exports anew."
                    )
        except ExportError as error:
            self._put_away(Known.UNUSABLE, str(error))
            raise
        result = export_result(
            job, declared_gb=self._declared_gb, decision=self._decision, verified=verified, recovered=recovered
        )
        size = "of unknown size" if result.data_gb is None else f"{result.data_gb:.3f} GB"
        hours = result.duration_hours
        took = "" if hours is None else f" in {timedelta(seconds=round(hours * 3600))}"
        self._log.info("Export %s of %s completed%s, %s.", job.id, job.vm_path, took, size)
        document = result.model_dump(mode="json")
        # A worker that dies from here on leaves the result to the next try, whatever the daemon remembers by then.
        try:
            self._submission.save(Known.FINISHED, result=document)
        except AirflowRuntimeError as error:  # The result itself goes to Airflow next, with tries of its own.
            self._log.warning("Airflow did not keep the note of %s: %s", job.id, error)
        return document

    def give_up(self, client: HyperSDKClient, why: str) -> ExportJob | None:
        """Cancel the job and take its files out of the way; return the job when it had completed after all."""
        from airflow_provider_hypercarbon.hypersdk.cancel import cancel_and_verify
        from airflow_provider_hypercarbon.hypersdk.folder import is_visible
        from airflow_provider_hypercarbon.hypersdk.models import JobStatus
        from airflow_provider_hypercarbon.hypersdk.protocol import Known

        note = self._submission.note
        if note is None:
            return None
        job, words = cancel_and_verify(client, note.job_id)
        self._log.warning("%s", words)
        if job is not None and job.status is JobStatus.COMPLETED:
            return job
        moves = is_visible(note.output_dir) and self._files.moves_partial
        self._put_away(Known.UNUSABLE if moves else Known.ABANDONED, why)
        return None

    def _put_away(self, state: Any, why: str) -> None:
        if self._submission.note is not None:
            self._files.set_aside(self._submission.note, why)
            self._submission.save(state)

    def _verified(self, job: ExportJob) -> Verified | None:
        from airflow_provider_hypercarbon.hypersdk.folder import is_visible, was_set_aside
        from airflow_provider_hypercarbon.hypersdk.verify import verify_export

        note = self._submission.note
        folder = job.output_dir
        seen_before = note is not None and note.visible and Path(folder).parent.is_dir()
        if was_set_aside(folder) or (seen_before and not is_visible(folder)):
            raise ExportUnusableError(
                f"The export {job.id} completed, but its folder {folder} was taken away meanwhile. "
                "A retry exports anew."
            )
        if self._verify == "never":
            return None
        if is_visible(folder):
            found = verify_export(job, checksums=self._checksums, tell=self._log.info)
            self._log.info("Verified %s: %s.", folder, "; ".join(found.manifest.checks))
            return found
        if self._verify == "always":
            raise ConfigurationError(
                f"The export {job.id} completed, but this machine does not see its folder {folder}. Mount it on the "
                "workers, or set verify to 'where_visible'."
            )
        self._log.warning("Export %s is not verified: this machine does not see %s.", job.id, folder)
        return None
