"""Cancel the exports that nobody waits for any more: their task has ended, and whoever was to cancel them had died.

A job goes only when all of this holds, in this order, the last of it right before the cancel:

1. it carries the name of a task instance, and the mark of that task instance in one Airflow;
2. this Airflow says that the task instance has ended; it does not run, wait, queue or retry, nor was it cleared;
3. this Airflow has the same mark for it: a task of the same name in another Airflow has another one;
4. asked once more, the task instance has still ended.

A new try begins seconds after a user's clear and the cancel has less time than that, so no living try loses its job.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from airflow_provider_hypercarbon.hypersdk.attempt_files import put_away_cancelled
from airflow_provider_hypercarbon.hypersdk.cancel import cancel_and_verify
from airflow_provider_hypercarbon.hypersdk.models import JobStatus

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from airflow_provider_hypercarbon.hypersdk.client import HyperSDKClient
    from airflow_provider_hypercarbon.hypersdk.folder import OnPartial
    from airflow_provider_hypercarbon.hypersdk.models import ExportJob
    from airflow_provider_hypercarbon.hypersdk.owner import TaskKey
    from airflow_provider_hypercarbon.hypersdk.progress import Log

#: What a cancel may take: a cleared task needs longer to begin again.
CANCEL_SECONDS = 1.5


class Claim(NamedTuple):
    """What a task instance has left for whoever looks after its exports.

    :param mark: what its jobs carry, and those of no other task instance in any Airflow.
    :param on_partial: what becomes of the files of a cancelled job.
    """

    mark: str
    on_partial: OnPartial


class Tasks(Protocol):
    """What this Airflow knows about task instances."""

    def ended(self, tasks: Collection[TaskKey]) -> set[TaskKey]:
        """Return those of them that have ended; one that cannot be told of has not."""

    def has_ended(self, task: TaskKey) -> bool:
        """Ask about one of them, without any doubt."""

    def claim(self, task: TaskKey) -> Claim | None:
        """Return its claim, if it has left one here."""


def sweep(client: HyperSDKClient, jobs: Iterable[ExportJob], tasks: Tasks, log: Log) -> list[ExportJob]:
    """Cancel those of the active jobs whose task has ended; return them.

    :param client: a client of its own: its calls are hurried from now on.
    """
    owned = {job.id: (job, job.task) for job in jobs if not job.has_ended and job.task is not None and job.mark}
    ended = tasks.ended({task for _, task in owned.values()}) if owned else set()
    cancelled = []
    client.hurry(CANCEL_SECONDS)
    for job, task in owned.values():
        if task not in ended:
            continue
        claim = tasks.claim(task)
        if claim is None or claim.mark != job.mark:
            log.info("The export %s runs for %s, of another Airflow: left alone.", job.id, job.owner)
            continue
        if not tasks.has_ended(task):
            continue
        # Once: what the daemon sets running again meanwhile, the next sweep sees.
        now, words = cancel_and_verify(client, job.id, tries=1)
        log.warning("The export %s runs, though its task %s has ended. %s", job.id, job.owner, words)
        if now is not None and now.status is JobStatus.CANCELLED:
            put_away_cancelled(now, claim.on_partial, log)
            cancelled.append(now)
    return cancelled
