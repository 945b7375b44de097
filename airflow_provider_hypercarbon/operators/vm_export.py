"""Export a VM through a HyperSDK daemon, once."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseOperator, conf, timezone
from airflow.sdk.exceptions import (
    AirflowException,
    TaskDeferralError,
    TaskDeferralTimeout,
)
from pydantic import ValidationError

from airflow_provider_hypercarbon.exceptions import (
    ConfigurationError,
    ExportCancelledError,
    ExportError,
    ExportFailedError,
    HyperCarbonError,
)
from airflow_provider_hypercarbon.operators.task_job import TaskJob, remembered_job
from airflow_provider_hypercarbon.rendered import given, task_output
from airflow_provider_hypercarbon.task_failure import failure, task_failure
from airflow_provider_hypercarbon.triggers.vm_export import VMExportTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_hypercarbon.hooks.hypersdk import HyperSDKHook
    from airflow_provider_hypercarbon.hypersdk.client import HyperSDKClient
    from airflow_provider_hypercarbon.hypersdk.models import ExportJob, ExportRequest

#: How long after the wait the scheduler wakes a deferred task whose triggerer is gone.
TRIGGERER_GRACE = timedelta(minutes=5)


class VMExportOperator(BaseOperator):
    """
    Export a VM to files through a HyperSDK daemon, and wait until it is done.

    Put it after a ``CarbonIntensitySensor`` to export when the grid is clean. An export is submitted once: the job's
    id follows from the DAG, the run and the task, and a retry attaches to the job of the earlier try. A failed or
    cancelled job is exported anew by a retry, a finished one by a user's clear. Ending the task cancels the daemon's
    job; the daemon then marks it as cancelled, but lets the export behind it run to its end.

    The XCom is an ``ExportResult`` as plain JSON: job, status, start and end by the daemon's clock, hours, bytes
    with their origin, files, zone.

    :param vm_path: inventory path of the VM, such as ``/DC0/vm/db-prod``. (templated)
    :param output_dir: folder on the daemon's machine. (templated)
    :param vcenter_conn_id: Airflow connection with host, login and password of the vCenter. (templated)
    :param hypersdk_conn_id: Airflow connection of type ``hypersdk``. (templated)
    :param export_format: ``ovf`` or ``ova``. (templated)
    :param export_method: ``govc``, ``ovftool``, ``web`` or ``ctl``; when empty, govc where the daemon has it, else
        web. (templated)
    :param compress: compress the disks, where the method can.
    :param thin: export thin disks, where the method can.
    :param data_gb: size of the VM in GB (1e9 bytes), reported when neither the daemon nor the files tell. (templated)
    :param decision: what the sensor returned, for the job's metadata and the result's zone. (templated)
    :param poll_interval: seconds between two looks at the job.
    :param max_duration: how long one try waits for the job. The export goes on when it is over.
    :param deferrable: wait in the triggerer instead of on a worker.
    """

    template_fields: Sequence[str] = (
        "vm_path",
        "output_dir",
        "vcenter_conn_id",
        "hypersdk_conn_id",
        "export_format",
        "export_method",
        "data_gb",
        "decision",
    )
    template_fields_renderers = {"decision": "json"}  # noqa: RUF012  (as Airflow declares it)
    ui_color = "#c3e6cb"

    _sleep = staticmethod(time.sleep)

    def __init__(
        self,
        *,
        vm_path: str,
        output_dir: str,
        vcenter_conn_id: str = "vcenter_default",
        hypersdk_conn_id: str = "hypersdk_default",
        export_format: str = "ovf",
        export_method: str | None = None,
        compress: bool = False,
        thin: bool = False,
        data_gb: float | str | None = None,
        decision: Mapping[str, Any] | str | None = None,
        poll_interval: float = 30,
        max_duration: timedelta = timedelta(hours=12),
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vm_path = vm_path
        self.output_dir = output_dir
        self.vcenter_conn_id = vcenter_conn_id
        self.hypersdk_conn_id = hypersdk_conn_id
        self.export_format = export_format
        self.export_method = export_method
        self.compress = compress
        self.thin = thin
        self.data_gb = data_gb
        self.decision = decision
        self.poll_interval = poll_interval
        self.max_duration = max_duration
        self.deferrable = deferrable
        self._client: HyperSDKClient | None = None
        self._task_job: TaskJob | None = None
        if poll_interval <= 0:
            raise ValueError(f"poll_interval is {poll_interval:g} s. Give a positive number of seconds.")

    def execute(self, context: Context) -> dict[str, Any]:
        try:
            self._client = self.hook.get_conn()
            self._task_job = TaskJob(self._client, context, self.log)
            job = self._task_job.find_or_submit(self._request)
            if not job.has_ended:
                job = self._look_once(job) if self.deferrable else self._wait(job)
            if not job.has_ended:
                self._defer(job)
            return self._finish(job)
        except HyperCarbonError as error:
            raise task_failure(error) from error

    def execute_complete(self, context: Context, event: object = None) -> dict[str, Any]:
        """Take the outcome that the trigger saw."""
        from airflow_provider_hypercarbon.hypersdk.models import ExportJob

        error = event.get("error") if isinstance(event, dict) else None
        if isinstance(error, dict) and error.get("message"):
            raise failure(error["message"], retryable=error.get("retryable") is not False)
        try:
            job = ExportJob.model_validate(event.get("job") if isinstance(event, dict) else None)
        except ValidationError:
            raise AirflowException(
                "The trigger sent no outcome of the export. A retry asks the daemon for the job."
            ) from None
        try:
            return self._finish(job)
        except HyperCarbonError as problem:
            raise task_failure(problem) from problem

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Look at the job here when the trigger was lost: a dead triggerer must not cost a finished export."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except (TaskDeferralError, TaskDeferralTimeout) as lost:
            remembered = remembered_job(context)
            if remembered is None:
                raise
            self.log.warning("The trigger did not come back (%s); looking at the export here.", lost)
            try:
                job = self.hook.get_conn().get_job(remembered.job_id)
                if job.has_ended:
                    return self._finish(job)
            except HyperCarbonError as error:
                raise task_failure(error) from error
            raise

    def on_kill(self) -> None:
        """Cancel the daemon's job. This runs in a signal handler: no word with Airflow, one call to the daemon."""
        note = self._task_job.note if self._task_job else None
        if self._client is None or note is None:
            return
        try:
            refused = self._client.cancel([note.job_id])
        except HyperCarbonError as error:
            self.log.warning("Could not cancel the export %s: %s", note.job_id, error)
            return
        self.log.info("Cancelled the export %s. %s", note.job_id, refused.get(note.job_id, ""))

    @property
    def hook(self) -> HyperSDKHook:
        from airflow_provider_hypercarbon.hooks.hypersdk import HyperSDKHook

        return HyperSDKHook(self.hypersdk_conn_id)

    def _request(self, job_id: str) -> ExportRequest:
        from airflow_provider_hypercarbon.hypersdk.carbon_metadata import carbon_metadata
        from airflow_provider_hypercarbon.hypersdk.models import ExportRequest

        whose = self._task_job.whose
        origin = {f"airflow_{key}": value for key, value in whose.items()}
        vcenter = self.hook.vcenter(self.vcenter_conn_id)
        method = self._client.choose_export_method(given(self.export_method))
        try:
            return ExportRequest(
                id=job_id,
                name=f"{whose['dag_id']}.{whose['task_id']}",
                vm_path=self.vm_path,
                output_dir=self.output_dir,
                format=self.export_format,
                export_method=method,
                compress=self.compress,
                thin=self.thin,
                vcenter=vcenter,
                metadata={**origin, **carbon_metadata(self._decision())},
            )
        except ValidationError as error:
            wrong = ", ".join(sorted({str(item["loc"][0]) for item in error.errors()}))
            raise ConfigurationError(f"Task {self.task_id} has an unusable {wrong}. Check its arguments.") from None

    def _defer(self, job: ExportJob) -> NoReturn:
        self.defer(
            trigger=VMExportTrigger(
                hypersdk_conn_id=self.hypersdk_conn_id,
                job_id=job.id,
                poll_interval=self.poll_interval,
                give_up_at=(timezone.utcnow() + self.max_duration).isoformat(),
            ),
            method_name="execute_complete",
            # A plain timedelta: the supervisor cannot carry pendulum's.
            timeout=timedelta(seconds=(self.max_duration + TRIGGERER_GRACE).total_seconds()),
        )

    def _look_once(self, job: ExportJob) -> ExportJob:
        from airflow_provider_hypercarbon.hypersdk.watch import ExportWatch

        return ExportWatch(self._client, job.id, self.log).look() or job

    def _wait(self, job: ExportJob) -> ExportJob:
        from airflow_provider_hypercarbon.hypersdk.watch import ExportWatch, ended_too_late

        watch = ExportWatch(self._client, job.id, self.log)
        give_up_at = timezone.utcnow() + self.max_duration
        while True:
            seen = watch.look()
            if seen is not None and seen.has_ended:
                return seen
            left = (give_up_at - timezone.utcnow()).total_seconds()
            if left <= 0:
                raise ended_too_late(job.id, give_up_at)
            self._sleep(min(self.poll_interval, left))
            if not self._task_job.is_still_ours():
                raise AirflowException(f"Another try has taken over from the one that watched {job.id}.")

    def _finish(self, job: ExportJob) -> dict[str, Any]:
        """Turn an ended job into a result or an error. Nothing else does."""
        from airflow_provider_hypercarbon.hypersdk.measure import export_result
        from airflow_provider_hypercarbon.hypersdk.models import JobStatus

        match job.status:
            case JobStatus.COMPLETED:
                result = export_result(job, declared_gb=self._declared_gb(), decision=self._decision())
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
                    f"The export {job.id} of {job.vm_path} is {job.status_word or job.status}, which is no end that "
                    "this provider knows. A retry asks again."
                )
        size = "of unknown size" if result.data_gb is None else f"{result.data_gb:.3f} GB"
        hours = result.duration_hours
        took = "" if hours is None else f" in {timedelta(seconds=round(hours * 3600))}"
        self.log.info("Export %s of %s completed%s, %s.", job.id, job.vm_path, took, size)
        return result.model_dump(mode="json")

    def _decision(self) -> dict[str, Any]:
        """The start decision. One that cannot be read costs the metadata, never the backup."""
        try:
            return task_output("decision", self.decision)
        except ConfigurationError as error:
            self.log.warning("%s Going on without it.", error)
            return {}

    def _declared_gb(self) -> float | None:
        declared = given(self.data_gb)
        if declared is None:
            return None
        try:
            size = float(declared)
        except (TypeError, ValueError):
            size = math.nan
        if math.isfinite(size) and size > 0:
            return size
        self.log.warning("data_gb is %r, which is no size in GB; the size counts as unknown.", declared)
        return None
