"""The submit protocol under every interleaving that hypothesis finds: deaths, lost answers, restarts, cancels."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_hypercarbon.exceptions import (
    ExportLostError,
    HyperCarbonError,
    OvertakenError,
    UnavailableError,
)
from airflow_provider_hypercarbon.hypersdk.models import ExportJob, JobStatus
from airflow_provider_hypercarbon.hypersdk.note import ExportNote
from airflow_provider_hypercarbon.hypersdk.owner import owner_of
from airflow_provider_hypercarbon.hypersdk.protocol import Known
from airflow_provider_hypercarbon.hypersdk.submission import Submission
from tests.hypersdk.fake_daemon import UNSEEN_DIR, export_request

WHOSE = {"dag_id": "nightly", "run_id": "r1", "task_id": "export", "map_index": -1}
T0 = datetime(2026, 2, 4, tzinfo=UTC)
log = logging.getLogger(__name__)
#: More of them with HYPERCARBON_MODEL_EXAMPLES=5000, before a change of the protocol lands.
EXAMPLES = int(os.environ.get("HYPERCARBON_MODEL_EXAMPLES", "200"))


class Death(BaseException):
    """The process is killed here."""


@dataclass
class World:
    """A daemon, its disk and Airflow's store, with a process in between that may die at any step."""

    jobs: dict[str, ExportJob] = field(default_factory=dict)
    exporters: set[str] = field(default_factory=set)  # what really runs
    whole: set[str] = field(default_factory=set)  # job ids whose folder holds a whole export
    touched: set[str] = field(default_factory=set)  # job ids whose folder holds any file
    gone: set[str] = field(default_factory=set)  # set aside
    cancelled: set[str] = field(default_factory=set)
    completed: list[str] = field(default_factory=list)  # the daemon's own log
    late: list = field(default_factory=list)
    stored: ExportNote | None = None
    clock: int = 0
    steps_to_death: int | None = None
    faults: list[str] = field(default_factory=list)

    name = "The daemon"

    # --- what the process sees: every call is a step before which, and after which, it may die

    def step(self):
        if self.steps_to_death is not None:
            self.steps_to_death -= 1
            if self.steps_to_death < 0:
                raise Death

    def fault(self) -> str:
        return self.faults.pop(0) if self.faults else "none"

    def get_job(self, job_id):
        self.step()
        if self.fault() != "none":
            raise UnavailableError("The daemon did not answer.")
        if job_id not in self.jobs:
            raise ExportLostError("The daemon does not know it.")
        self.step()
        return self.jobs[job_id]

    def ensure_submitted(self, request):
        self.step()
        fault = self.fault()
        if fault == "never arrives":
            raise UnavailableError("cut")
        if fault == "arrives late":
            self.late.append(request)
            raise UnavailableError("cut")
        self.arrive(request)
        self.step()
        if fault == "answer lost":
            raise UnavailableError("cut")
        return self.jobs[request.id]

    def active_jobs(self):
        self.step()
        if self.fault() == "answer lost":
            raise UnavailableError("cut")
        return [job for job in self.jobs.values() if job.status in ("pending", "running")]

    def cancel(self, job_ids):
        self.step()
        for job_id in job_ids:
            self.mark_cancelled(job_id)
        return {}

    def load(self):
        self.step()
        return self.stored

    def save(self, note):
        self.step()
        self.stored = ExportNote.from_store(note.model_dump(mode="json"))
        self.step()

    def prepare(self, request):
        self.step()
        return True

    def recover(self, note):
        self.step()
        if note.job_id not in self.whole:
            return None
        return ExportJob(id=note.job_id, status="completed", vm_path="/DC0/vm/db-prod", output_dir=note.output_dir)

    def any_of(self, note):
        self.step()
        return note.job_id in self.touched

    def set_aside(self, note, why):
        self.step()
        self.whole.discard(note.job_id)
        self.gone.add(note.job_id)
        self.step()

    # --- what happens in the daemon

    def arrive(self, request):
        if request.id in self.jobs:
            return
        running = self.exporters - self.cancelled
        assert not running, f"{request.id} starts while {running} runs"
        self.clock += 1
        self.jobs[request.id] = ExportJob(
            id=request.id,
            status="running",
            vm_path=request.vm_path,
            vcenter=request.vcenter.server,
            owner=owner_of(**WHOSE),
            output_dir=request.output_dir,
            created_at=T0 + timedelta(seconds=self.clock),
        )
        self.exporters.add(request.id)
        assert request.id not in self.touched, f"{request.id} exports into a used folder"
        self.touched.add(request.id)

    def mark_cancelled(self, job_id):
        job = self.jobs.get(job_id)
        if job is not None and job.status == "running":
            self.jobs[job_id] = job.model_copy(update={"status": JobStatus.CANCELLED})
            self.cancelled.add(job_id)

    def end(self, status):
        """The exporters come to their end; that replaces a mark of a cancel."""
        for job_id in sorted(self.exporters):
            self.jobs[job_id] = ExportJob(**(dict(self.jobs[job_id]) | {"status": status}))
            if status == "completed":
                self.completed.append(job_id)
                if job_id not in self.gone:
                    self.whole.add(job_id)
        self.exporters.clear()

    def restart(self):
        """Jobs, exporters and open connections are gone; files stay."""
        self.jobs.clear()
        self.exporters.clear()
        self.late.clear()

    def happen(self, event):
        match event:
            case "restart":
                self.restart()
            case "deliver":
                self.deliver()
            case "cancel":
                for job_id in list(self.jobs):
                    self.mark_cancelled(job_id)
            case status:
                self.end(status)

    def deliver(self):
        for request in self.late:
            self.arrive(request)
        self.late.clear()


def one_try(world: World, try_number: int, generation: int, ending: str) -> dict | None:
    """What the operator does in one try; the result when it ends green.

    :param ending: what the daemon does while the try follows the export: ``completed``, ``failed``, ``restart``.
    """

    def make_request(job_id):
        return export_request(id=job_id, output_dir=f"{UNSEEN_DIR}/{job_id}")

    submission = Submission(
        world,
        world,
        world,
        whose=WHOSE,
        generation=generation,
        try_number=try_number,
        make_request=make_request,
        vm_path="/DC0/vm/db-prod",
        log=log,
        now=lambda: T0,
    )
    begun = submission.begin()
    if begun.result is not None:
        return begun.result
    job = begun.job
    assert job is not None
    if job.status in ("pending", "running"):
        world.step()
        world.restart() if ending == "restart" else world.end(ending)
        job = world.get_job(job.id)
    if job.status == "completed" and job.id in world.whole:
        result = {"job_id": job.id}
        submission.save(Known.FINISHED, result=result)
        world.step()
        return result
    world.set_aside(submission.note, "no use")
    submission.save(Known.UNUSABLE)
    return None


FAULT = st.sampled_from(["none"] * 4 + ["answer lost", "arrives late", "never arrives"])
TRY = st.fixed_dictionaries(
    {
        "death": st.none() | st.integers(0, 25),
        "faults": st.lists(FAULT, max_size=8),
        "ending": st.sampled_from(["completed", "completed", "failed", "restart"]),
    }
)
EVENT = st.sampled_from(["completed", "failed", "restart", "deliver"])


def chaos(world: World, happenings: list) -> dict | None:
    """Let it happen; then let everything be well, and retry until it is green."""
    result, number = None, 0
    for happening in happenings:
        if result is not None:
            break
        if isinstance(happening, str):
            world.happen(happening)
            continue
        number += 1
        world.steps_to_death, world.faults = happening["death"], list(happening["faults"])
        try:
            result = one_try(world, number, 1, happening["ending"])
        except (Death, HyperCarbonError):
            continue
    world.steps_to_death, world.faults = None, []
    world.deliver()
    for _ in range(4):
        if result is not None:
            break
        number += 1
        result = one_try(world, number, 1, "completed")
    return result


@settings(max_examples=EXAMPLES)
@given(st.lists(TRY | EVENT, max_size=12))
def test_exactly_one_completed_export_whatever_dies(happenings):
    """However deaths, lost and late answers, failures and restarts fall: one completed export, and it is the result.

    Never two exporters at a time (the world asserts that at each submit).
    """
    world = World()
    result = chaos(world, happenings)
    assert result is not None
    assert result["job_id"] in world.whole
    assert world.completed == [result["job_id"]]


@settings(max_examples=EXAMPLES)
@given(st.lists(TRY | EVENT | st.just("cancel"), max_size=12))
def test_a_cancel_from_outside_costs_one_more_at_most(happenings):
    """The exporter behind a cancelled job runs on; what it completes is taken or set aside, never both."""
    world = World()
    result = chaos(world, happenings)
    assert result is not None
    assert result["job_id"] in world.whole
    kept = [job_id for job_id in world.completed if job_id not in world.gone and job_id not in world.cancelled]
    assert len(kept) <= 1


def test_an_overtaken_try_says_nothing_more():
    """The process of a killed worker wakes up behind its second try: its note must not replace the later one."""
    world = World()
    first = one_try(world, 1, 1, "failed")
    assert first is None
    assert one_try(world, 3, 1, "completed")
    before = world.stored
    zombie = Submission(
        world,
        world,
        world,
        whose=WHOSE,
        generation=1,
        try_number=2,
        make_request=lambda job_id: export_request(id=job_id),
        vm_path="/DC0/vm/db-prod",
        log=log,
        now=lambda: T0,
    )
    zombie.note = before
    with pytest.raises(OvertakenError, match="Try 3"):
        zombie.save(Known.UNUSABLE)
    assert world.stored == before


@settings(max_examples=EXAMPLES)
@given(st.lists(TRY | EVENT, max_size=6), st.lists(TRY, max_size=3))
def test_a_clear_exports_once_more(before, after):
    """A finished export, a clear, chaos again: two completed exports, one a generation."""
    world = World()
    first = chaos(world, before)
    second, number = None, 100
    for happening in after:
        number += 1
        world.steps_to_death, world.faults = happening["death"], list(happening["faults"])
        try:
            second = one_try(world, number, 2, happening["ending"])
        except (Death, HyperCarbonError):
            continue
        if second is not None:
            break
    world.steps_to_death, world.faults = None, []
    world.deliver()
    for _ in range(4):
        if second is not None:
            break
        number += 1
        second = one_try(world, number, 2, "completed")
    assert first is not None
    assert second is not None
    assert first["job_id"] != second["job_id"]
    assert sorted(world.completed) == sorted([first["job_id"], second["job_id"]])
