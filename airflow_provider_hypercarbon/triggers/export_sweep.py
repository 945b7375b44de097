"""Look once a minute, beside the triggers that wait for exports, for exports that nobody waits for any more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from airflow_provider_hypercarbon.hooks.hypersdk import HyperSDKHook

log = logging.getLogger(__name__)

#: Between two looks at a daemon.
SWEEP_SECONDS = 60.0
#: Before the first: a triggerer that has just come back is given its triggers one after another.
FIRST_SWEEP_SECONDS = 5.0

Sleep = Callable[[float], Awaitable[None]]
_LOOPS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _Rounds]] = WeakKeyDictionary()


@asynccontextmanager
async def sweeping(hook: HyperSDKHook, sleep: Sleep = asyncio.sleep) -> AsyncIterator[None]:
    """Sweep the hook's daemon as long as anybody in this event loop is in here, however many they are.

    :param sleep: stands in for the pause in tests.
    """
    daemons = _LOOPS.setdefault(asyncio.get_running_loop(), {})
    rounds = daemons.setdefault(hook.hypersdk_conn_id, _Rounds(hook, sleep))
    rounds.enter()
    try:
        yield
    finally:
        rounds.waiting -= 1


class _Rounds:
    """The rounds over one daemon."""

    def __init__(self, hook: HyperSDKHook, sleep: Sleep) -> None:
        self._hook = hook
        self._sleep = sleep
        self._runner: asyncio.Task[None] | None = None
        self.waiting = 0

    def enter(self) -> None:
        self.waiting += 1
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._go())

    async def _go(self) -> None:
        await self._sleep(FIRST_SWEEP_SECONDS)
        while self.waiting:
            try:
                await sweep_once(self._hook)
            except Exception as error:  # noqa: BLE001  (a sweep that fails must not end the ones after it)
                log.info("Exports that nobody waits for were not looked for: %s", error)
            await self._sleep(SWEEP_SECONDS)


async def sweep_once(hook: HyperSDKHook) -> None:
    """Cancel the daemon's exports whose task has ended, beside those that this event loop waits for."""
    from airflow_provider_hypercarbon.hooks.task_ends import AirflowTasks
    from airflow_provider_hypercarbon.hypersdk.following import following
    from airflow_provider_hypercarbon.hypersdk.sweep import sweep

    jobs = await following(hook.hypersdk_conn_id, hook.aget_conn).unfollowed()
    if any(job.mark for job in jobs):
        client = await hook.aget_conn()
        await asyncio.to_thread(sweep, client, jobs, AirflowTasks(), log)
