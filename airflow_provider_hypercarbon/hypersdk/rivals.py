"""Other exports of the same VM: two at once would disturb each other, so that one stands back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, NamedTuple

from airflow_provider_hypercarbon.exceptions import ExportConflictError

if TYPE_CHECKING:
    from airflow_provider_hypercarbon.hypersdk.models import ExportJob, ExportRequest

OnConcurrent = Literal["queue", "refuse"]


class Rivalry(NamedTuple):
    """What a task does about others who export its VM.

    :param owner: the task, as jobs carry it.
    :param on_concurrent: wait for the other's end, or refuse to start.
    """

    owner: str
    on_concurrent: OnConcurrent

    def first(
        self, request: ExportRequest, active: list[ExportJob], before: ExportJob | None = None
    ) -> ExportJob | None:
        """Return the first of somebody else's exports of the VM, as far as it began before ``before``."""
        rivals = [
            job
            for job in active
            if job.vm_path == request.vm_path
            and job.vcenter == request.vcenter.server
            and job.owner != self.owner
            and (before is None or _place(job) < _place(before))
        ]
        return min(rivals, key=_place, default=None)

    def yield_to(self, rival: ExportJob, daemon: str) -> str:
        """Return a sentence about waiting for its end.

        :raises ExportConflictError: the task is not to wait.
        """
        who = f"the task {rival.owner}" if rival.owner else "somebody outside Airflow"
        said = f"{daemon} is already exporting {rival.vm_path} as {rival.id}, for {who}."
        if self.on_concurrent == "refuse":
            raise ExportConflictError(f"{said} Start this one when that has ended, or set on_concurrent to 'queue'.")
        return f"{said} Waiting for its end."


def _place(job: ExportJob) -> tuple[datetime, str]:
    return job.created_at or datetime.max.replace(tzinfo=UTC), job.id
