"""How an export task waits for the daemon: on its worker, or deferred to the triggerer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import timezone

from airflow_provider_hypercarbon.exceptions import ExportConflictError, ExportOverdueError, ExportStalledError

if TYPE_CHECKING:
    from airflow_provider_hypercarbon.hypersdk.models import ExportJob
    from airflow_provider_hypercarbon.operators.export_try import ExportTry
    from airflow_provider_hypercarbon.operators.vm_export import VMExportOperator

#: How long after the wait the scheduler wakes a deferred task whose triggerer is gone.
TRIGGERER_GRACE = timedelta(minutes=5)


class ExportWait:
    """What a try does until its turn has come, and until its export has ended.

    :param operator: the task, with its arguments rendered.
    """

    def __init__(self, operator: VMExportOperator, attempt: ExportTry) -> None:
        self._task = operator
        self._try = attempt
        self._since = timezone.utcnow()

    def follow(self, job: ExportJob) -> dict[str, Any]:
        """Wait for the job's end and return the result."""
        try:
            while not job.has_ended:
                job = self._try.look() or job
                if not job.has_ended:
                    if self._task.deferrable:
                        self._defer(job.id, "execute_complete", self._try.give_up_at)
                    self._task._sleep(self._try.pause(job))
                    self._try.check_hold()
        except (ExportStalledError, ExportOverdueError) as error:
            return self._try.give_up(str(error), error)
        return self._try.finish(job)

    def queue_behind(self, rival: ExportJob) -> None:
        """Wait until another export of the VM has ended, or for a moment."""
        give_up_at = self._since + self._task.max_duration
        if self._task.deferrable:
            self._defer(rival.id, "take_turn", give_up_at, own=False)
        if timezone.utcnow() >= give_up_at:
            raise queued_too_long(self._task.vm_path)
        self._task._sleep(self._task.poll_interval)

    def _defer(self, job_id: str, method_name: str, give_up_at: datetime, *, own: bool = True) -> NoReturn:
        from airflow_provider_hypercarbon.triggers.vm_export import VMExportTrigger

        task = self._task
        task.defer(
            trigger=VMExportTrigger(
                hypersdk_conn_id=task.hypersdk_conn_id,
                job_id=job_id,
                poll_interval=task.poll_interval,
                give_up_at=give_up_at.isoformat(),
                max_stall=task.max_stall.total_seconds() if task.max_stall and own else None,
                on_partial=task.on_partial,
                own=own,
            ),
            method_name=method_name,
            # A plain timedelta: the supervisor cannot carry pendulum's.
            timeout=timedelta(seconds=max((give_up_at - timezone.utcnow()).total_seconds(), 0)) + TRIGGERER_GRACE,
        )


def queued_too_long(vm_path: str) -> ExportConflictError:
    """Return the error of a task that has had no turn."""
    return ExportConflictError(
        f"Others have exported {vm_path} for longer than max_duration, so that this run had no turn. Look "
        "at the daemon's jobs, and clear the task."
    )
