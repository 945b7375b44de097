"""The processes of an Airflow and its daemon: started, found, killed and started again, each by its pid."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

#: How long each needs before it is worth killing again.
SETTLING_SECONDS = {"daemon": 1.5}
SETTLING_SECONDS_OTHERS = 14.0
#: Workers that a killed scheduler or Celery worker left behind may finish what they do; then they go as well.
LEFTOVERS_GO_AFTER = 100.0


class Components:
    """Named long-lived processes, which come back when they die.

    :param home: their output goes to ``home/process-logs``.
    :param commands: how each is started.
    :param environment: of all of them.
    """

    def __init__(self, home: Path, commands: Mapping[str, list[str]], environment: Mapping[str, str]) -> None:
        self.logs = home / "process-logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self._commands = dict(commands)
        self._environment = dict(environment)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._started_at: dict[str, float] = {}
        self._start_at: dict[str, float] = {}
        self._own_pids: set[int] = set()
        self._left_behind: list[tuple[float, int]] = []
        self.ended_by_themselves: dict[str, int] = {}

    def start(self, name: str) -> None:
        self._start_at.pop(name, None)
        with (self.logs / f"{name.replace(' ', '-')}.log").open("ab") as log:
            process = subprocess.Popen(
                self._commands[name],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._processes[name] = process
        self._own_pids.add(process.pid)
        self._started_at[name] = time.monotonic()

    def tend(self) -> None:
        """Start again what is due, and what ended by itself, as an init system would."""
        now = time.monotonic()
        for name, process in list(self._processes.items()):
            if process.poll() is not None:
                self.ended_by_themselves[name] = self.ended_by_themselves.get(name, 0) + 1
                self._bury(name, 2.0)
        for name, due in list(self._start_at.items()):
            if now >= due:
                self.start(name)
        for due, group in list(self._left_behind):
            if now >= due:
                with suppress(ProcessLookupError):
                    os.killpg(group, signal.SIGKILL)
                self._left_behind.remove((due, group))

    def is_settled(self, name: str) -> bool:
        """Whether it lives, and has lived long enough to have taken up its work."""
        process = self._processes.get(name)
        needed = SETTLING_SECONDS.get(name, SETTLING_SECONDS_OTHERS)
        return process is not None and process.poll() is None and time.monotonic() - self._started_at[name] > needed

    def kill(self, name: str, down: float, *, alone: bool = False) -> None:
        """Kill a component, alone or with what it started; it comes back after ``down`` seconds."""
        process = self._processes[name]
        with suppress(ProcessLookupError):
            if alone:
                os.kill(process.pid, signal.SIGKILL)
            else:
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._bury(name, down)

    def kill_a_child(self, name: str, choice: float) -> bool:
        """Kill a process that the component started; it has to notice by itself."""
        children = [p for p in self._own() if p.ppid() == self._processes[name].pid]
        return _kill_one(children, choice)

    def kill_a_task(self, choice: float) -> bool:
        """Kill the process of a running task."""
        return _kill_one(self.tasks(), choice)

    def kill_a_supervisor(self, choice: float) -> bool:
        """Kill the process that watches a running task, but not the task's."""
        known = {process.pid: process for process in self._own()}
        watching = [known[task.ppid()] for task in self.tasks() if task.ppid() in known]
        # A scheduler that runs no task of its own has none to lose.
        return _kill_one([process for process in watching if process.pid not in self._own_pids], choice)

    def tasks(self) -> list[psutil.Process]:
        """Return the task processes, orphans too: Airflow gives each of them a process group of its own."""
        return [p for p in self._own() if p.pid not in self._own_pids and _leads_its_group(p)]

    def stop_all(self) -> None:
        """End everything that was ever started here, and leave nothing running."""
        self._start_at.clear()
        for process in self._processes.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        end = time.monotonic() + 10
        for process in self._processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, end - time.monotonic()))
        for process in self._own():
            with suppress(psutil.Error):
                process.kill()
        for popen in self._processes.values():
            popen.wait()
        self._processes.clear()

    def _bury(self, name: str, down: float) -> None:
        process = self._processes.pop(name)
        self._left_behind.append((time.monotonic() + LEFTOVERS_GO_AFTER, process.pid))
        self._start_at[name] = time.monotonic() + down

    def _own(self) -> list[psutil.Process]:
        """Everything that a component ever started: a session outlives its leader, and forks stay in it."""
        found = []
        for process in psutil.process_iter():
            with suppress(ProcessLookupError, psutil.Error):
                if os.getsid(process.pid) in self._own_pids and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found


def _leads_its_group(process: psutil.Process) -> bool:
    try:
        return os.getpgid(process.pid) == process.pid
    except ProcessLookupError:
        return False


def _kill_one(processes: list[psutil.Process], choice: float) -> bool:
    for process in sorted(processes, key=lambda p: p.pid)[int(choice * len(processes)) :]:
        with suppress(psutil.Error):
            process.kill()
            return True
    return False


def airflow_command(*words: str) -> list[str]:
    return [sys.executable, "-m", "airflow", *words]


def until(done: Callable[[], bool], seconds: float, otherwise: str, tend: Callable[[], None]) -> None:
    """Wait for something, and tend to what must go on meanwhile."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(f"{otherwise} after {seconds:.0f} s.")
        tend()
        time.sleep(0.4)
