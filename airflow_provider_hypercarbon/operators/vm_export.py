"""Export a VM through a HyperSDK daemon, once."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, conf
from airflow.sdk.exceptions import AirflowException, TaskDeferralError, TaskDeferralTimeout
from pydantic import ValidationError

from airflow_provider_hypercarbon.assets import announce_export
from airflow_provider_hypercarbon.exceptions import (
    ExportOverdueError,
    ExportStalledError,
    HyperCarbonError,
)
from airflow_provider_hypercarbon.links import ExportJobLink
from airflow_provider_hypercarbon.task_failure import failure, task_failure

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_hypercarbon.hooks.hypersdk import HyperSDKHook
    from airflow_provider_hypercarbon.operators.export_try import ExportTry

CHOICES = {
    "on_concurrent": ("queue", "refuse"),
    "on_partial": ("quarantine", "remove", "keep"),
    "verify": ("where_visible", "always", "never"),
}


class VMExportOperator(BaseOperator):
    """
    Export a VM to files through a HyperSDK daemon, and wait until it is done.

    Put it after a ``CarbonIntensitySensor`` to export when the grid is clean. An export is submitted once: the job's
    id follows from the DAG, the run and the task, and a retry attaches to the job of the earlier try. A failed or
    cancelled job is exported anew by a retry, a finished one by a user's clear. Each attempt has a folder of its own
    below ``output_dir``, which holds ``hypercarbon-export.json`` once the files are verified. Ending the task cancels
    the daemon's job; the daemon then marks it as cancelled, but lets the export behind it run to its end.

    The XCom is an ``ExportResult`` as plain JSON: job, status, start and end by the daemon's clock, hours, bytes
    with their origin, folder, files, what was verified, zone.

    :param vm_path: inventory path of the VM, such as ``/DC0/vm/db-prod``. (templated)
    :param output_dir: folder on the daemon's machine; the export lies in ``output_dir/JOB-ID``. (templated)
    :param vcenter_conn_id: Airflow connection with host, login and password of the vCenter. (templated)
    :param hypersdk_conn_id: Airflow connection of type ``hypersdk``. (templated)
    :param export_format: ``ovf`` or ``ova``. (templated)
    :param export_method: ``govc``, ``ovftool``, ``web`` or ``ctl``; when empty, govc where the daemon has it, else
        web. (templated)
    :param compress: compress the disks, where the method can.
    :param thin: export thin disks, where the method can.
    :param data_gb: size of the VM in GB (1e9 bytes): what must be free before the start, and what is reported when
        neither the daemon nor the files tell. (templated)
    :param decision: what the sensor returned, for the job's metadata and the result's zone. (templated)
    :param on_concurrent: what to do while somebody else exports the same VM: ``queue`` waits, ``refuse`` fails.
    :param on_partial: what becomes of the files of an attempt that came to nothing: ``quarantine``, ``remove``,
        ``keep``.
    :param verify: look at the files of a completed export ``where_visible``, ``always`` or ``never``.
    :param checksums: read every file for its SHA-256 when verifying.
    :param poll_interval: longest time between two looks at the job, in seconds.
    :param max_stall: cancel an export that has made no progress for so long; None is never.
    :param max_duration: cancel an export that has not ended so long after its submit, over all tries.
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
    operator_extra_links = (ExportJobLink(),)
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
        on_concurrent: str = "queue",
        on_partial: str = "quarantine",
        verify: str = "where_visible",
        checksums: bool = True,
        poll_interval: float = 30,
        max_stall: timedelta | None = None,
        max_duration: timedelta = timedelta(hours=24),
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
        self.on_concurrent = on_concurrent
        self.on_partial = on_partial
        self.verify = verify
        self.checksums = checksums
        self.poll_interval = poll_interval
        self.max_stall = max_stall
        self.max_duration = max_duration
        self.deferrable = deferrable
        self._try: ExportTry | None = None
        self._result: dict[str, Any] | None = None
        if poll_interval <= 0:
            raise ValueError(f"poll_interval is {poll_interval:g} s. Give a positive number of seconds.")
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is {getattr(self, name)!r}. It can be: {', '.join(choices)}.")

    def execute(self, context: Context) -> dict[str, Any]:
        from airflow_provider_hypercarbon.operators.export_try import ExportTry
        from airflow_provider_hypercarbon.operators.export_wait import ExportWait

        try:
            self._try = ExportTry(self, context)
            self._show_link(context["ti"])
            wait = ExportWait(self, self._try)
            while (begun := self._try.begin()).rival is not None:
                wait.queue_behind(begun.rival)
            return self._hand_on(context, begun.result or wait.follow(begun.job))
        except HyperCarbonError as error:
            raise task_failure(error) from error

    def execute_complete(self, context: Context, event: object = None) -> dict[str, Any]:
        """Take the outcome that the trigger saw."""
        from airflow_provider_hypercarbon.hypersdk.models import ExportJob
        from airflow_provider_hypercarbon.operators.export_try import ExportTry

        error = event.get("error") if isinstance(event, dict) else None
        try:
            if isinstance(error, dict) and error.get("message"):
                if error.get("kind") in (ExportStalledError.__name__, ExportOverdueError.__name__):
                    return ExportTry(self, context, resuming=True).give_up(error["message"])
                raise failure(error["message"], retryable=error.get("retryable") is not False)
            try:
                job = ExportJob.model_validate(event.get("job") if isinstance(event, dict) else None)
            except ValidationError:
                raise AirflowException(
                    "The trigger sent no outcome of the export. A retry asks the daemon for the job."
                ) from None
            return ExportTry(self, context, resuming=True).finish(job)
        except HyperCarbonError as problem:
            raise task_failure(problem) from problem

    def take_turn(self, context: Context, event: object = None) -> dict[str, Any]:
        """Begin again: the export that this one queued behind has ended, or its trigger cannot tell."""
        from airflow_provider_hypercarbon.operators.export_wait import queued_too_long

        error = event.get("error") if isinstance(event, dict) else None
        if isinstance(error, dict) and error.get("kind") == ExportOverdueError.__name__:
            raise task_failure(queued_too_long(self.vm_path))
        return self.execute(context)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Look at the job here when the trigger was lost: a dead triggerer must not cost a finished export."""
        from airflow_provider_hypercarbon.operators.export_try import ExportTry
        from airflow_provider_hypercarbon.operators.task_job import TaskNotes

        try:
            return self._hand_on(context, super().resume_execution(next_method, next_kwargs, context))
        except (TaskDeferralError, TaskDeferralTimeout) as lost:
            note = TaskNotes(context).load()
            if note is None:
                raise
            self.log.warning("The trigger did not come back (%s); looking at the export here.", lost)
            try:
                attempt = ExportTry(self, context, resuming=True)
                job = attempt.client.get_job(note.job_id)
                if job.has_ended:
                    return self._hand_on(context, attempt.finish(job))
            except HyperCarbonError as error:
                raise task_failure(error) from error
            raise

    def on_kill(self) -> None:
        """Cancel the export when a user ended the task or its time is over; else leave it to the next try."""
        if self._try is not None:
            self._try.on_kill()

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Return the lineage of a finished export; Airflow's OpenLineage provider asks for it where there is one."""
        from airflow_provider_hypercarbon.operators.export_lineage import export_lineage

        return export_lineage(self, self._result)

    @property
    def hook(self) -> HyperSDKHook:
        from airflow_provider_hypercarbon.hooks.hypersdk import HyperSDKHook

        return HyperSDKHook(self.hypersdk_conn_id)

    def _show_link(self, ti: Any) -> None:
        """Store the link now: Airflow would do so when the task ends, and a person wants it while the export runs."""
        link = ExportJobLink()
        ti.xcom_push(key=link.xcom_key, value=link.get_link(self, ti_key=ti))

    def _hand_on(self, context: Context, result: dict[str, Any]) -> dict[str, Any]:
        # Coming back from the queue for a VM, a task is resumed and executed: the result passes here twice.
        if self._result is None:
            self._result = result
            if self.outlets:
                announce_export(self, context, result)
        return result
