"""Wait for a VM export without holding a worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_hypercarbon.exceptions import ExportLostError, HyperCarbonError, RemoteError
from airflow_provider_hypercarbon.triggers.export_sweep import sweeping

if TYPE_CHECKING:
    from airflow_provider_hypercarbon.hooks.hypersdk import HyperSDKHook
    from airflow_provider_hypercarbon.hypersdk.models import ExportJob

#: Airflow 3.3 can fail a task whose trigger fires within seconds of the deferral; measured safe from 10 s on.
FIRST_LOOK_SECONDS = 15.0
#: A triggerer may have thousands of folders to look into.
FOLDER_SECONDS = 60.0
#: What goes on after its ``on_kill`` was cancelled.
_ENDING: set[asyncio.Task[None]] = set()


class VMExportTrigger(BaseTrigger):
    """
    Fire once, when the export has ended or waiting for it makes no sense any more.

    The event is ``{"job": {...}, "error": None}``, or ``{"job": None, "error": {"kind", "message", "retryable"}}``.
    A daemon that does not answer, or refuses the credential, is asked again until ``give_up_at``: that says nothing
    about the job. All triggers of one connection in a triggerer share their requests.

    :param hypersdk_conn_id: connection of the daemon.
    :param job_id: the daemon's job.
    :param poll_interval: longest time between two looks, in seconds.
    :param give_up_at: UTC time in ISO form after which the export has taken too long.
    :param max_stall: seconds without progress after which it counts as stalled; None is never.
    :param on_partial: what becomes of the files when a user ends the task.
    :param own: whether the job is this task's own; another's is waited for, and never cancelled.
    :param sleep: stands in for the pause in tests; not serialised.
    """

    def __init__(
        self,
        *,
        hypersdk_conn_id: str,
        job_id: str,
        poll_interval: float,
        give_up_at: str,
        max_stall: float | None = None,
        on_partial: str = "keep",
        own: bool = True,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__()
        self.hypersdk_conn_id = hypersdk_conn_id
        self.job_id = job_id
        self.poll_interval = poll_interval
        self.give_up_at = give_up_at
        self.max_stall = max_stall
        self.on_partial = on_partial
        self.own = own
        self._sleep = sleep
        self._looked_into_folder = datetime.min.replace(tzinfo=UTC)
        self._bytes: int | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, all JSON."""
        return (
            "airflow_provider_hypercarbon.triggers.vm_export.VMExportTrigger",
            {
                "hypersdk_conn_id": self.hypersdk_conn_id,
                "job_id": self.job_id,
                "poll_interval": self.poll_interval,
                "give_up_at": self.give_up_at,
                "max_stall": self.max_stall,
                "on_partial": self.on_partial,
                "own": self.own,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until the job has ended."""
        await self._sleep(FIRST_LOOK_SECONDS)
        try:
            async with sweeping(self.hook):
                job = await self._wait()
        except HyperCarbonError as error:
            kind = type(error).__name__
            yield TriggerEvent(
                {"job": None, "error": {"kind": kind, "message": str(error), "retryable": error.retryable}}
            )
            return
        yield TriggerEvent({"job": job.model_dump(mode="json"), "error": None})

    async def on_kill(self) -> None:
        """Cancel the daemon's job when a user ended the task; leave it when another trigger or try has it.

        Airflow cancels a trigger again at each of its rounds, about once a second, and with it an ``on_kill`` that is
        not done by then. So the work is a task of its own, which nobody cancels.
        """
        work = asyncio.create_task(self._end_export())
        _ENDING.add(work)  # the loop itself keeps no task alive
        work.add_done_callback(_ENDING.discard)
        await asyncio.shield(work)

    async def _end_export(self) -> None:
        from airflow_provider_hypercarbon.hooks.task_ends import OVER, task_state

        state = await asyncio.to_thread(task_state, self.task_instance)
        if state not in OVER or not self.own:
            self.log.info("The export %s goes on: its task is %s.", self.job_id, state or "about to run again")
            return
        client = await self.hook.aget_conn()
        await asyncio.to_thread(self._cancel, client)

    @property
    def hook(self) -> HyperSDKHook:
        from airflow_provider_hypercarbon.hooks.hypersdk import HyperSDKHook

        return HyperSDKHook(self.hypersdk_conn_id)

    async def _wait(self) -> ExportJob:
        from airflow_provider_hypercarbon.hypersdk.following import following
        from airflow_provider_hypercarbon.hypersdk.progress import Progress

        progress = Progress(
            self.job_id,
            self.log,
            max_stall=timedelta(seconds=self.max_stall) if self.max_stall else None,
            give_up_at=datetime.fromisoformat(self.give_up_at),
        )
        hub = following(self.hypersdk_conn_id, self.hook.aget_conn)
        pause, job = 0.0, None
        while True:
            try:
                job = await hub.look(self.job_id, pause, own=self.own)
            except ExportLostError:
                raise
            except RemoteError as error:
                progress.missed(error, datetime.now(UTC))
            else:
                progress.saw(job, datetime.now(UTC), bytes_seen=await self._bytes_seen(job))
                if job.has_ended:
                    return job
            pause = progress.look_again_in(job, self.poll_interval, datetime.now(UTC))

    async def _bytes_seen(self, job: ExportJob) -> int | None:
        from airflow_provider_hypercarbon.hypersdk.watch import seen_bytes

        now = datetime.now(UTC)
        if (now - self._looked_into_folder).total_seconds() < FOLDER_SECONDS:
            return self._bytes
        self._looked_into_folder = now
        self._bytes = await asyncio.to_thread(seen_bytes, job)
        return self._bytes

    def _cancel(self, client: Any) -> None:
        from airflow_provider_hypercarbon.hypersdk.attempt_files import put_away_cancelled
        from airflow_provider_hypercarbon.hypersdk.cancel import cancel_and_verify

        job, words = cancel_and_verify(client, self.job_id)
        self.log.info("%s", words)
        if job is not None:
            put_away_cancelled(job, self.on_partial, self.log)
