"""Cancel an export, and look what became of it: HyperSDK's word for it is not the thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_hypercarbon.exceptions import ExportLostError, RemoteError
from airflow_provider_hypercarbon.hypersdk.models import JobStatus

if TYPE_CHECKING:
    from airflow_provider_hypercarbon.hypersdk.client import HyperSDKClient
    from airflow_provider_hypercarbon.hypersdk.models import ExportJob

#: A job that was cancelled while pending is set running again when its turn comes; so once more.
TRIES = 2


def cancel_and_verify(client: HyperSDKClient, job_id: str, *, tries: int = TRIES) -> tuple[ExportJob | None, str]:
    """Cancel a job; return it as it is then, if the daemon tells, and a sentence about it."""
    words, job = "", None
    try:
        for _ in range(tries):
            words = client.cancel([job_id]).get(job_id, "")
            job = client.get_job(job_id)
            if job.status is JobStatus.COMPLETED:
                return job, f"The export {job_id} had completed before it could be cancelled."
            if job.status is JobStatus.CANCELLED:
                return job, (
                    f"Cancelled the export {job_id}: {client.name} marks it so. HyperSDK does not stop the exporter "
                    "behind it, which may write for a while."
                )
            if job.has_ended:
                return job, f"The export {job_id} had ended before it could be cancelled: {job.progress}."
    except ExportLostError:
        return None, f"{client.name} does not know the export {job_id} any more: there is nothing to cancel."
    except RemoteError as error:
        return None, f"Could not cancel the export {job_id}. {error} Cancel it there by hand if it still runs."
    return (
        job,
        f"{client.name} did not cancel the export {job_id} ({words or 'it runs on'}). Cancel it there by hand.",
    )
