from __future__ import annotations

import asyncio

import pytest

from airflow_provider_hypercarbon.exceptions import UnavailableError
from airflow_provider_hypercarbon.hooks import task_ends
from airflow_provider_hypercarbon.hooks.hypersdk import HyperSDKHook
from airflow_provider_hypercarbon.hypersdk.owner import TaskKey
from airflow_provider_hypercarbon.hypersdk.sweep import Claim
from airflow_provider_hypercarbon.triggers import export_sweep
from airflow_provider_hypercarbon.triggers.export_sweep import (
    FIRST_SWEEP_SECONDS,
    SWEEP_SECONDS,
    sweep_once,
    sweeping,
)
from tests.hypersdk.fake_daemon import client_of
from tests.hypersdk.test_sweep import MARK, TASK, Daemon

HOOK = HyperSDKHook("daemon")


class Time:
    """Passes only when somebody sleeps; nobody gets beyond the end."""

    def __init__(self, end: float) -> None:
        self.now = 0.0
        self.end = end
        self.over = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        if self.now + seconds > self.end:
            self.over.set()
            await asyncio.Event().wait()
        self.now += seconds


@pytest.fixture
def sweeps(monkeypatch: pytest.MonkeyPatch):
    """Let sweeps only be noted, with their moment; the first one fails."""
    seen: list[tuple[str, float]] = []

    def at(time: Time) -> list[tuple[str, float]]:
        async def noted(hook: HyperSDKHook) -> None:
            seen.append((hook.hypersdk_conn_id, time.now))
            if len(seen) == 1:
                raise UnavailableError("The daemon is down.")

        monkeypatch.setattr(export_sweep, "sweep_once", noted)
        return seen

    return at


class TestRounds:
    def test_once_a_minute_however_many_wait(self, sweeps):
        """Soon after the triggerer has come back, and then each minute; one that fails does not end them."""

        async def go() -> None:
            time = Time(200.0)
            seen = sweeps(time)
            async with sweeping(HOOK, time.sleep), sweeping(HOOK, time.sleep), sweeping(HOOK, time.sleep):
                await time.over.wait()
            first = FIRST_SWEEP_SECONDS
            assert seen == [("daemon", first + SWEEP_SECONDS * turn) for turn in range(4)]

        asyncio.run(go())

    def test_each_daemon_has_its_own(self, sweeps):
        """Two connections are two daemons."""

        async def go() -> None:
            time = Time(7.0)
            seen = sweeps(time)
            async with sweeping(HOOK, time.sleep), sweeping(HyperSDKHook("other"), Time(7.0).sleep):
                await time.over.wait()
            assert {conn_id for conn_id, _ in seen} == {"daemon", "other"}

        asyncio.run(go())

    def test_nobody_waits_and_nobody_looks(self, sweeps):
        """They end with the last trigger, begin with the next, and never go faster."""

        async def go() -> None:
            time = Time(1000.0)
            seen = sweeps(time)
            async with sweeping(HOOK, time.sleep):
                while len(seen) < 2:
                    await asyncio.sleep(0)
            for _ in range(50):
                await asyncio.sleep(0)
            assert len(seen) == 2  # what came in between was its last
            async with sweeping(HOOK, time.sleep):
                while len(seen) < 3:
                    await asyncio.sleep(0)
            assert seen[2][1] >= seen[1][1] + SWEEP_SECONDS

        asyncio.run(go())


class TestSweep:
    @pytest.mark.parametrize("ended", [True, False])
    def test_it_asks_this_airflow(self, monkeypatch: pytest.MonkeyPatch, ended: bool):
        """The daemon's active jobs, the states of their tasks, the marks that these have left."""
        daemon = Daemon()

        class Tasks:
            def ended(self, tasks: set[TaskKey]) -> set[TaskKey]:
                assert tasks == {TASK}
                return tasks if ended else set()

            def has_ended(self, task: TaskKey) -> bool:
                return ended

            def claim(self, task: TaskKey) -> Claim:
                return Claim(MARK, "keep")

        async def aget_conn(hook: HyperSDKHook) -> object:
            return client_of(daemon)

        monkeypatch.setattr(HyperSDKHook, "aget_conn", aget_conn)
        monkeypatch.setattr(task_ends, "AirflowTasks", Tasks)
        asyncio.run(sweep_once(HOOK))
        assert daemon.cancelled == (["job-1"] if ended else [])
