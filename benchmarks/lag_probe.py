"""A trigger that measures the event loop it runs in, for ``many_exports.py``; the triggerer loads it by name."""

from __future__ import annotations

import asyncio
import faulthandler
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

#: Where every thread is, on request.
faulthandler.register(signal.SIGUSR2, all_threads=True)
PAUSE_SECONDS = 0.02
WRITE_EVERY_SECONDS = 2.0


class LagProbe(BaseTrigger):
    """Sleep for moments, note how much later the loop came back, and write that down with the process's memory."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments."""
        return "lag_probe.LagProbe", {"path": self.path}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Never fire."""
        with Path(self.path).open("a", encoding="utf-8") as out:
            while True:
                lags = []
                until = time.monotonic() + WRITE_EVERY_SECONDS
                while time.monotonic() < until:
                    before = time.monotonic()
                    await asyncio.sleep(PAUSE_SECONDS)
                    lags.append(round((time.monotonic() - before - PAUSE_SECONDS) * 1000, 2))
                tasks = sum("/export/" in task.get_name() for task in asyncio.all_tasks()) - 1  # without this one
                out.write(
                    json.dumps(
                        {
                            "at": time.time(),
                            "lags_ms": lags,
                            "exports": tasks,
                            "runner_kb": resident_kb(os.getpid()),
                            "supervisor_kb": resident_kb(os.getppid()),
                            "runner_cpu_s": time.process_time(),
                        }
                    )
                    + "\n"
                )
                out.flush()
        yield TriggerEvent(None)


def resident_kb(pid: int) -> int:
    """Return the resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0
