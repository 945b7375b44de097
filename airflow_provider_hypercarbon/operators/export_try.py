"""One try of an export task: its client, its note, the protocol, and how it ends."""

from __future__ import annotations

import math
import sys
import threading
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import timezone
from airflow.sdk.exceptions import AirflowException, AirflowRuntimeError, AirflowTaskTimeout
from pydantic import ValidationError

from airflow_provider_hypercarbon.exceptions import ConfigurationError, HyperCarbonError, OvertakenError
from airflow_provider_hypercarbon.hooks.task_ends import OVER, AirflowTasks, task_state
from airflow_provider_hypercarbon.operators.export_end import ExportEnd
from airflow_provider_hypercarbon.operators.task_job import TaskNotes, task_name
from airflow_provider_hypercarbon.rendered import given, task_output
from airflow_provider_hypercarbon.task_failure import failure

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_hypercarbon.hypersdk.models import ExportJob, ExportRequest
    from airflow_provider_hypercarbon.hypersdk.submission import Begun
    from airflow_provider_hypercarbon.operators.vm_export import VMExportOperator

#: Airflow kills a process five seconds after it has asked it to end: three words with the daemon, one with Airflow.
KILL_SECONDS = 1.0


class ExportTry:
    """What a try works with.

    :param operator: the task, with its arguments rendered.
    :param resuming: a try that goes on after its deferral; the note is its own.
    """

    def __init__(self, operator: VMExportOperator, context: Context, *, resuming: bool = False) -> None:
        from airflow_provider_hypercarbon.hypersdk.attempt_files import AttemptFiles
        from airflow_provider_hypercarbon.hypersdk.submission import Submission

        self._task = operator
        self._log = operator.log
        self._ti = context["ti"]
        self._notes = TaskNotes(context)
        self._progress: Any = None
        self._mark = ""
        self._decision = self._read_decision()
        self.client = operator.hook.get_conn()
        declared_gb = self._declared_gb()
        files = AttemptFiles(
            operator.output_dir,
            operator.vm_path,
            operator.on_partial,
            self._log,
            declared_gb=declared_gb,
            must_see=operator.verify == "always",
        )
        self._submission = Submission(
            self.client,
            self._notes,
            files,
            whose=task_name(self._ti),
            # A user's clear changes max_tries, a retry does not (Airflow 3.3 keeps the store over both).
            generation=self._ti.max_tries,
            try_number=self._ti.try_number,
            make_request=self._request,
            vm_path=operator.vm_path,
            on_concurrent=operator.on_concurrent,
            sweep=self._sweep,
            log=self._log,
        )
        if resuming:
            self._submission.note = self._notes.load()
        self._end = ExportEnd(
            self._submission,
            files,
            self._log,
            verify=operator.verify,
            checksums=operator.checksums,
            declared_gb=declared_gb,
            decision=self._decision,
        )

    def begin(self) -> Begun:
        """Attach to the job of an earlier try, or submit one."""
        # Before the submit: what runs from then on can be told to be this task's, whatever dies.
        self._mark = self._mark or self._notes.claim(self._task.on_partial)
        return self._submission.begin()

    @property
    def give_up_at(self) -> datetime:
        """When the export has taken too long; it counts from the submit, whoever made that."""
        note = self._submission.note
        began = note.submitted_at if note and note.submitted_at else timezone.utcnow()
        return began + self._task.max_duration

    def look(self) -> ExportJob | None:
        """Look at the job once; None when the daemon cannot say."""
        from airflow_provider_hypercarbon.hypersdk.progress import Progress
        from airflow_provider_hypercarbon.hypersdk.watch import ExportWatch

        job_id = self._submission.note.job_id
        if self._progress is None:
            self._progress = Progress(job_id, self._log, max_stall=self._task.max_stall, give_up_at=self.give_up_at)
        return ExportWatch(self.client, job_id, self._progress).look()

    def pause(self, job: ExportJob) -> float:
        """Return the seconds until the next look."""
        return self._progress.look_again_in(job, self._task.poll_interval, timezone.utcnow())

    def check_hold(self) -> None:
        """Raise when another try has taken over."""
        if not self._notes.still_hold(self._submission.note):
            raise OvertakenError(
                "Another try works on this export now; this one ends. Look into the later try's log."
            )

    def finish(self, job: ExportJob) -> dict[str, Any]:
        """Turn the ended job into the task's result, or raise."""
        # Only a job that was made from its files has no time of creation.
        return self._end.finish(job, recovered=job.created_at is None and job.started_at is not None)

    def give_up(self, why: str, error: HyperCarbonError | None = None) -> dict[str, Any]:
        """Cancel the export, put its files away, and raise; one that completed in the last moment is a result."""
        completed = self._end.give_up(self.client, why)
        if completed is not None:
            return self.finish(completed)
        raise error or failure(why, retryable=True)

    def on_kill(self) -> None:
        """End what a user wants ended. Every word is short: Airflow kills the process soon.

        A worker that is shut down, and one that a later try has overtaken, come here too. Their export goes on.
        """
        note = self._submission.note
        if note is None:
            return
        timed_out = issubclass(sys.exc_info()[0] or Exception, AirflowTaskTimeout)
        state = None if timed_out else self._state()
        if not timed_out and state not in OVER:
            self._log.info("The export %s goes on: its task is %s.", note.job_id, state or "not told about")
            return
        self.client.hurry(KILL_SECONDS)
        try:
            self._end.give_up(self.client, "The task was ended.")
        except (HyperCarbonError, AirflowException, OSError) as error:
            self._log.warning("%s", error)

    def _state(self) -> str | None:
        """The task's state, if Airflow tells it soon: a signal handler may have cut into a word with Airflow."""
        found: list[str | None] = []

        def ask() -> None:
            found.append(task_state(self._ti))

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        thread.join(KILL_SECONDS)
        return found[0] if found else None

    def _sweep(self, active: list[ExportJob]) -> list[ExportJob]:
        """Cancel those of the daemon's jobs whose task has ended; return the others. It never costs this export."""
        from airflow_provider_hypercarbon.hypersdk.sweep import sweep

        if not any(job.mark and job.mark != self._mark for job in active):
            return active
        try:
            swept = {job.id for job in sweep(self._task.hook.get_conn(), active, AirflowTasks(), self._log)}
        except (HyperCarbonError, AirflowException, AirflowRuntimeError) as error:  # a lost supervisor ends the try
            self._log.info("Exports that nobody waits for were not looked for: %s", error)
            return active
        return [job for job in active if job.id not in swept]

    def _request(self, job_id: str) -> ExportRequest:
        from airflow_provider_hypercarbon.hypersdk.carbon_metadata import carbon_metadata
        from airflow_provider_hypercarbon.hypersdk.folder import attempt_folder
        from airflow_provider_hypercarbon.hypersdk.models import ExportRequest
        from airflow_provider_hypercarbon.hypersdk.owner import owner_metadata

        task, whose = self._task, task_name(self._ti)
        vcenter = task.hook.vcenter(task.vcenter_conn_id)
        method = self.client.choose_export_method(given(task.export_method))
        try:
            return ExportRequest(
                id=job_id,
                name=f"{whose['dag_id']}.{whose['task_id']}",
                vm_path=task.vm_path,
                output_dir=task.output_dir and attempt_folder(task.output_dir, job_id),
                format=task.export_format,
                export_method=method,
                compress=task.compress,
                thin=task.thin,
                vcenter=vcenter,
                metadata={**owner_metadata(**whose, mark=self._mark), **carbon_metadata(self._decision)},
            )
        except ValidationError as error:
            wrong = ", ".join(sorted({str(item["loc"][0]) for item in error.errors()}))
            raise ConfigurationError(f"Task {task.task_id} has an unusable {wrong}. Check its arguments.") from None

    def _read_decision(self) -> dict[str, Any]:
        """The start decision. One that cannot be read costs the metadata, never the backup."""
        try:
            return task_output("decision", self._task.decision)
        except ConfigurationError as error:
            self._log.warning("%s Going on without it.", error)
            return {}

    def _declared_gb(self) -> float | None:
        declared = given(self._task.data_gb)
        if declared is None:
            return None
        try:
            size = float(declared)
        except (TypeError, ValueError):
            size = math.nan
        if math.isfinite(size) and size > 0:
            return size
        self._log.warning("data_gb is %r, which is no size in GB; the size counts as unknown.", declared)
        return None
