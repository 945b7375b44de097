"""Keep exports under way, strike by plan, wait for calm, and gather what became of everything."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count

import httpx

from tests.chaos import daemon_log
from tests.chaos.components import until
from tests.chaos.deployment import Deployment
from tests.chaos.plan import CUTS, Blow
from tests.chaos.survival import GOES_ON_AT_MOST, Export, Struck

DAGS = ("in_triggerer", "on_worker")
#: Exports that are under way at any time, and long ones among them for a user to give up.
UNDER_WAY = 9
LONG_ONES = 3
#: States of a task that a user can break into.
BUSY = ("running", "deferred")
OVER = ("success", "failed")
#: How long everything may take to come to rest after the last blow.
CALM_SECONDS = 900.0
HELP_AFTER_SECONDS = 240.0
#: A victim may take this long to appear; meanwhile blows after it may be dealt.
PATIENCE_SECONDS = 240.0
LOOK_AHEAD = 6


class Storm:
    """One seeded storm over a deployment."""

    def __init__(self, deployment: Deployment, blows: list[Blow], say: Callable[[str], None]) -> None:
        self._deployment = deployment
        self._components = deployment.components
        self._airflow = deployment.airflow
        self._blows = blows
        self._say = say
        self._numbers = count()
        self._waiting: list[Export] = []
        self._states: dict[tuple[str, str], str] = {}
        self._looked_at = 0.0
        self._feeding = False
        self.exports: list[Export] = []
        self.struck: list[Struck] = []

    def rage(self) -> None:
        """Deal every blow, see every user's kill through, then wait for calm."""
        until(self._deployment.is_up, 400, "Airflow is not up", self._tend)
        self._feeding = True
        until(lambda: len(self._with_state(*BUSY)) >= 4, 240, "No export has begun", self._tend)
        left = list(self._blows)
        while left:
            end = time.monotonic() + left[0].pause
            while time.monotonic() < end:
                self._tend()
                time.sleep(0.3)
            until(lambda: self._strike_one_of(left), PATIENCE_SECONDS, f"No {left[0].kind} to strike", self._tend)
            if len(self.struck) % 10 == 0:
                self._say(f"{len(self.struck)} of {len(self._blows)} blows; {self._summary()}")
        self._feeding = False
        self._waiting.clear()
        end = GOES_ON_AT_MOST.total_seconds()
        until(lambda: not self._orphans(), end, "An export goes on after a user's kill", self._tend)
        until(self._deployment.hurry_the_daemon, 60, "No daemon", self._tend)
        try:
            until(self._is_calm, HELP_AFTER_SECONDS, "Not calm", self._tend)
        except TimeoutError:
            # A LocalExecutor whose worker dies with a task in its hands, not yet begun, holds it for queued until
            # the scheduler starts anew. That is Airflow's, and what a person would do.
            until(lambda: self._components.is_settled("scheduler"), 60, "No scheduler", self._tend)
            self._components.kill("scheduler", 0.0)
            until(self._is_calm, CALM_SECONDS, "Not calm", self._tend)

    def _strike_one_of(self, left: list[Blow]) -> bool:
        """Deal the next blow; one whose victim is not up yet lets those after it go first."""
        for blow in left[:LOOK_AHEAD]:
            if self._strike(blow):
                self.struck.append(Struck(blow.kind, _now()))
                left.remove(blow)
                return True
        return False

    def _strike(self, blow: Blow) -> bool:
        components, kind, down, choice = self._components, blow.kind, blow.down, blow.choice
        match kind:
            case "task":
                return components.kill_a_task(choice)
            case "supervisor":
                return components.kill_a_supervisor(choice)
            case "network":
                self._deployment.network.cut(CUTS[int(choice * len(CUTS))], 1 + down)
                return True
            case "postgres":
                return self._deployment.kill_a_backend()
            case "mark failed":
                return self._mark_failed(choice)
            case "clear":
                return self._clear(choice)
            case "orphan":
                return self._orphan(choice, down)
        name = self._deployment.workers[int(choice * 1000) % 2] if kind == "celery worker" else kind
        if not components.is_settled(name):
            return False
        if kind == "triggerer" and choice < 1 / 3:
            return components.kill_a_child(name, choice)
        components.kill(name, down, alone=choice > 2 / 3)
        return True

    def _mark_failed(self, choice: float) -> bool:
        """A user gives up a long export that the daemon works on."""
        victim = self._pick(choice, long=True)
        return victim is not None and self._give_up(victim)

    def _orphan(self, choice: float, down: float) -> bool:
        """A user gives up a deferred export, and the triggerer dies before it has heard of that."""
        victim = self._pick(choice, long=True, state="deferred")
        if victim is None or not self._components.is_settled("triggerer") or not self._give_up(victim):
            return False
        self._components.kill("triggerer", down)
        victim.orphaned = True
        return True

    def _give_up(self, victim: Export) -> bool:
        path = f"/dags/{victim.dag_id}/dagRuns/{victim.run_id}/taskInstances/export"
        victim.marked_failed_at = _now()
        if self._ask("PATCH", path, {"new_state": "failed"}):
            return True
        victim.marked_failed_at = None
        return False

    def _clear(self, choice: float) -> bool:
        """A user clears an export that is under way."""
        victim = self._pick(choice, long=False)
        if victim is None:
            return False
        body = {"dry_run": False, "only_failed": False, "task_ids": ["export"], "dag_run_id": victim.run_id}
        if self._ask("POST", f"/dags/{victim.dag_id}/clearTaskInstances", body):
            victim.cleared_at.append(_now())
            return True
        return False

    def _pick(self, choice: float, *, long: bool, state: str = "") -> Export | None:
        at_work = {
            vm for vm, jobs in daemon_log.read(self._deployment.daemon_log()).items() if any(j.goes_on for j in jobs)
        }
        victims = [
            export
            for export in self._with_state(*([state] if state else BUSY))
            if export.vm.startswith("long") == long and export.vm in at_work and not export.marked_failed_at
        ]
        return victims[int(choice * len(victims))] if victims else None

    def _ask(self, method: str, path: str, body: dict[str, object]) -> bool:
        try:
            self._airflow.api(method, path, json=body)
        except httpx.HTTPError:
            return False
        except RuntimeError as error:
            self._say(str(error)[:200])
            return False
        return True

    def _tend(self) -> None:
        self._components.tend()
        if time.monotonic() - self._looked_at < 1.0:
            return
        rows = self._deployment.rows("SELECT dag_id, run_id, state FROM task_instance")
        self._states = {(dag_id, run_id): state or "" for dag_id, run_id, state in rows} or self._states
        if self._feeding:
            self._feed()
        self._looked_at = time.monotonic()

    def _feed(self) -> None:
        under_way = [export for export in self.exports if self._state(export) not in OVER]
        if not self._waiting and len(under_way) < UNDER_WAY:
            long_ones = [export for export in under_way if export.vm.startswith("long")]
            self._waiting.append(self._another([export.dag_id for export in long_ones]))
        for export in list(self._waiting):
            run = {"dag_run_id": export.run_id, "logical_date": None}
            run["conf"] = {"vm": export.vm, "output_dir": str(export.output_dir)}
            try:
                self._airflow.api("POST", f"/dags/{export.dag_id}/dagRuns", json=run)
            except (httpx.HTTPError, RuntimeError) as error:
                if "409" not in str(error):  # There already: only the answer was lost.
                    return
            self._waiting.remove(export)
            self.exports.append(export)

    def _another(self, long_ones: list[str]) -> Export:
        """Return the next export.

        :param long_ones: DAGs of the long ones under way. Users find one in either: the rarer goes first.
        """
        number, long = next(self._numbers), len(long_ones) < LONG_ONES
        vm, image = self._deployment.image(number, long=long)
        dag_id = min(DAGS, key=long_ones.count) if long else DAGS[number % len(DAGS)]
        return Export(dag_id, f"run-{number:04d}", vm, self._deployment.home / "exports" / vm, image, _now())

    def _orphans(self) -> list[str]:
        """The VMs whose export goes on although a user has given it up."""
        lives = daemon_log.read(self._deployment.daemon_log())
        given_up = [export.vm for export in self.exports if export.marked_failed_at]
        return [vm for vm in given_up if any(life.goes_on for life in lives.get(vm, []))]

    def _with_state(self, *states: str) -> list[Export]:
        return [export for export in self.exports if self._state(export) in states]

    def _state(self, export: Export) -> str:
        return self._states.get((export.dag_id, export.run_id), "")

    def _is_calm(self) -> bool:
        if any(self._state(export) not in OVER for export in self.exports):
            return False
        lives = daemon_log.read(self._deployment.daemon_log()).values()
        return not any(life.goes_on for jobs in lives for life in jobs)

    def _summary(self) -> str:
        counts: dict[str, int] = {}
        for export in self.exports:
            state = self._state(export) or "new"
            counts[state] = counts.get(state, 0) + 1
        return ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))

    def gather(self) -> None:
        """Write down how everything ended."""
        until(self._deployment.is_up, 240, "Airflow is not up", self._components.tend)
        lives = daemon_log.read(self._deployment.daemon_log())
        found = self._deployment.rows("SELECT dag_id, run_id, state, try_number, end_date FROM task_instance")
        tasks = {(row.dag_id, row.run_id): row for row in found}
        for export in self.exports:
            task = tasks.get((export.dag_id, export.run_id))
            if task is None:
                export.state = "no task"
                continue
            export.state, export.tries, export.ended_at = task.state or "", task.try_number, task.end_date
            export.jobs = lives.get(export.vm, [])
            if export.state == "success":
                export.xcom = self._airflow.xcom(export.dag_id, export.run_id, "export")


def _now() -> datetime:
    return datetime.now(UTC)
