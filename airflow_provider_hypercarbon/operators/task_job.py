"""The daemon's job of one task instance: remembered over its tries, found again, or submitted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowRuntimeError

from airflow_provider_hypercarbon.exceptions import ExportLostError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_hypercarbon.hypersdk.client import HyperSDKClient
    from airflow_provider_hypercarbon.hypersdk.models import ExportJob, ExportRequest
    from airflow_provider_hypercarbon.hypersdk.resume import RememberedJob

#: Key of the job in Airflow's task state store, which keeps it over retry, clear and restart.
JOB_KEY = "hypercarbon_export"


def remembered_job(context: Context) -> RememberedJob | None:
    """Return what an earlier try noted, if there was one."""
    from airflow_provider_hypercarbon.hypersdk.resume import RememberedJob

    return RememberedJob.from_store(context["task_state_store"].get(JOB_KEY))


class TaskJob:
    """The job that this try works with.

    :param client: of the daemon.
    :param context: of this try.
    :param log: the task's.
    """

    def __init__(self, client: HyperSDKClient, context: Context, log: Any) -> None:
        ti = context["ti"]
        self._client = client
        self._context = context
        self._log = log
        # A user's clear changes max_tries, a retry does not (Airflow 3.3 keeps the store over both).
        self._generation = ti.max_tries
        self.whose = {
            "dag_id": ti.dag_id,
            "run_id": ti.run_id,
            "task_id": ti.task_id,
            "map_index": -1 if ti.map_index is None else ti.map_index,
        }
        self.note: RememberedJob | None = None

    def find_or_submit(self, make_request: Callable[[str], ExportRequest]) -> ExportJob:
        """Return the job of an earlier try when it will do, else a new one.

        :param make_request: makes the request for a job id.
        """
        from airflow_provider_hypercarbon.hypersdk.resume import Step, job_id, plan_try

        remembered = remembered_job(self._context)
        known = self._known(remembered)
        plan = plan_try(remembered, known, self._generation)
        wanted = plan.job_id or job_id(**self.whose, generation=self._generation, attempt=plan.attempt)
        # Before the submit: if this process dies in between, the next try knows what to ask for.
        self._remember(wanted, plan.attempt)
        if plan.step is not Step.SUBMIT and known is not None:
            self._log.info("Attached to the export %s of an earlier try: %s.", known.id, known.progress)
            return known
        request = make_request(wanted)
        job = self._client.ensure_submitted(request)
        if job.id != wanted:
            self._remember(job.id, plan.attempt)
        self._log.info(
            "Export of %s submitted as %s, by %s to %s.",
            request.vm_path,
            job.id,
            request.export_method,
            request.output_dir,
        )
        return job

    def is_still_ours(self) -> bool:
        """Ask Airflow whether another try has taken over.

        A task process outlives a killed worker; without its supervisor this call ends the process.
        """
        try:
            return remembered_job(self._context) == self.note
        except AirflowRuntimeError as error:  # Airflow's API is away for a moment, which is no reason to stop.
            self._log.debug("Airflow did not answer: %s", error)
            return True

    def _known(self, remembered: RememberedJob | None) -> ExportJob | None:
        """The job of an earlier try as the daemon knows it; None when there is none, or when it was lost."""
        if remembered is None:
            return None
        try:
            return self._client.get_job(remembered.job_id)
        except ExportLostError:
            return None

    def _remember(self, job_id: str, attempt: int) -> None:
        from airflow_provider_hypercarbon.hypersdk.resume import RememberedJob

        self.note = RememberedJob(job_id=job_id, generation=self._generation, attempt=attempt)
        self._context["task_state_store"].set(JOB_KEY, self.note.model_dump(mode="json"))
