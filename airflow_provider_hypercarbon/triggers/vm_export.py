"""Wait for a VM export without holding a worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_hypercarbon.exceptions import HyperCarbonError

if TYPE_CHECKING:
    from airflow_provider_hypercarbon.hooks.hypersdk import HyperSDKHook
    from airflow_provider_hypercarbon.hypersdk.models import ExportJob

#: Airflow 3.3 can fail a task whose trigger fires within seconds of the deferral; measured safe from 10 s on.
FIRST_LOOK_SECONDS = 15.0
#: States in which nobody waits for the export any more.
OVER = frozenset({"failed", "success", "skipped", "upstream_failed", "removed"})


class VMExportTrigger(BaseTrigger):
    """
    Fire once, when the export has ended or waiting for it makes no sense any more.

    The event is ``{"job": {...}, "error": None}``, or ``{"job": None, "error": {"kind", "message", "retryable"}}``.
    A daemon that does not answer is asked again until ``give_up_at``: that it is down says nothing about the job.

    :param hypersdk_conn_id: connection of the daemon.
    :param job_id: the daemon's job.
    :param poll_interval: seconds between two looks.
    :param give_up_at: UTC time in ISO form after which to stop waiting; the export itself goes on.
    :param sleep: stands in for the pause in tests; not serialised.
    """

    def __init__(
        self,
        *,
        hypersdk_conn_id: str,
        job_id: str,
        poll_interval: float,
        give_up_at: str,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__()
        self.hypersdk_conn_id = hypersdk_conn_id
        self.job_id = job_id
        self.poll_interval = poll_interval
        self.give_up_at = give_up_at
        self._sleep = sleep

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments, all JSON."""
        return (
            "airflow_provider_hypercarbon.triggers.vm_export.VMExportTrigger",
            {
                "hypersdk_conn_id": self.hypersdk_conn_id,
                "job_id": self.job_id,
                "poll_interval": self.poll_interval,
                "give_up_at": self.give_up_at,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until the job has ended."""
        await self._sleep(FIRST_LOOK_SECONDS)
        try:
            job = await self._wait()
        except HyperCarbonError as error:
            kind = type(error).__name__
            yield TriggerEvent(
                {"job": None, "error": {"kind": kind, "message": str(error), "retryable": error.retryable}}
            )
            return
        yield TriggerEvent({"job": job.model_dump(mode="json"), "error": None})

    async def on_kill(self) -> None:
        """Cancel the daemon's job when a user ended the task; leave it when another trigger or try has it."""
        state = await asyncio.to_thread(self._task_state)
        if state not in OVER:
            self.log.info("The export %s goes on: its task is %s.", self.job_id, state or "about to run again")
            return
        client = await self.hook.aget_conn()
        refused = await asyncio.to_thread(client.cancel, [self.job_id])
        self.log.info("Cancelled the export %s. %s", self.job_id, refused.get(self.job_id, ""))

    @property
    def hook(self) -> HyperSDKHook:
        from airflow_provider_hypercarbon.hooks.hypersdk import HyperSDKHook

        return HyperSDKHook(self.hypersdk_conn_id)

    async def _wait(self) -> ExportJob:
        from airflow_provider_hypercarbon.hypersdk.watch import ExportWatch, ended_too_late

        give_up_at = datetime.fromisoformat(self.give_up_at)
        watch = ExportWatch(await self.hook.aget_conn(), self.job_id, self.log)
        while True:
            job = await asyncio.to_thread(watch.look)
            if job is not None and job.has_ended:
                return job
            left = (give_up_at - datetime.now(UTC)).total_seconds()
            if left <= 0:
                raise ended_too_late(self.job_id, give_up_at)
            await self._sleep(min(self.poll_interval, left))

    def _task_state(self) -> str | None:
        """The state of our task in Airflow's database; a clear leaves None until the task is scheduled again."""
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

        ti = self.task_instance
        states = RuntimeTaskInstance.get_task_states(
            dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], map_index=ti.map_index
        )
        key = ti.task_id if ti.map_index < 0 else f"{ti.task_id}_{ti.map_index}"
        return states.get(ti.run_id, {}).get(key)
