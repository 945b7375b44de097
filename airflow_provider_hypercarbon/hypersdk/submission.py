"""Carry the protocol out: ask the daemon, look into the table, note, submit, and look who else exports the VM.

Everything that can be cut off is cut between two steps that may both be repeated: the note is written before the
submit, the daemon refuses an id that it has, and what neither of them knows is decided by :mod:`protocol`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from airflow_provider_hypercarbon.exceptions import (
    ExportLostError,
    ExportRejectedError,
    OvertakenError,
    RemoteError,
)
from airflow_provider_hypercarbon.hypersdk.note import ExportNote, Notes, job_id
from airflow_provider_hypercarbon.hypersdk.owner import owner_of
from airflow_provider_hypercarbon.hypersdk.protocol import Known, Move, Said, decide, said_of
from airflow_provider_hypercarbon.hypersdk.rivals import OnConcurrent, Rivalry

if TYPE_CHECKING:
    from airflow_provider_hypercarbon.hypersdk.models import ExportJob, ExportRequest
    from airflow_provider_hypercarbon.hypersdk.progress import Log

#: Attempts that one try makes at most: each ends because the daemon already has a used-up job of that name.
MOST_ATTEMPTS = 20


class Daemon(Protocol):
    """The part of :class:`HyperSDKClient` that the protocol needs."""

    name: str

    def get_job(self, job_id: str) -> ExportJob: ...

    def ensure_submitted(self, request: ExportRequest) -> ExportJob: ...

    def active_jobs(self) -> list[ExportJob]: ...

    def cancel(self, job_ids: list[str]) -> dict[str, str]: ...


class Files(Protocol):
    """What is done with the folder of an attempt: :class:`AttemptFiles`, or a test's."""

    def prepare(self, request: ExportRequest) -> bool:
        """Check the room, make the folder; return whether this machine sees it."""

    def recover(self, note: ExportNote) -> ExportJob | None:
        """Return a completed job for an export that the daemon forgot and whose files are provably whole."""

    def any_of(self, note: ExportNote) -> bool:
        """Whether an exporter has written anything into the attempt's folder."""

    def set_aside(self, note: ExportNote, why: str) -> None:
        """Take the files of an attempt out of the way."""


class Begun(NamedTuple):
    """What a try has to do next: follow or judge ``job``, return ``result``, or wait for ``rival`` to end."""

    job: ExportJob | None = None
    result: dict[str, Any] | None = None
    rival: ExportJob | None = None


class Submission:
    """One task's export, over all its tries.

    :param whose: ``dag_id``, ``run_id``, ``task_id`` and ``map_index`` of the task.
    :param generation: a number that a user's clear changes and a retry does not.
    :param make_request: makes the request for a job id.
    :param sweep: takes the daemon's active jobs, ends those that nobody waits for, and returns the others.
    :param now: the clock.
    """

    def __init__(
        self,
        daemon: Daemon,
        notes: Notes,
        files: Files,
        *,
        whose: dict[str, Any],
        generation: int,
        try_number: int,
        make_request: Callable[[str], ExportRequest],
        vm_path: str,
        on_concurrent: OnConcurrent = "queue",
        sweep: Callable[[list[ExportJob]], list[ExportJob]] = list,
        log: Log,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._daemon = daemon
        self._notes = notes
        self._files = files
        self._whose = whose
        self._owner = owner_of(**whose)
        self._generation = generation
        self._try_number = try_number
        self._make_request = make_request
        self._vm_path = vm_path
        self._rivalry = Rivalry(self._owner, on_concurrent)
        self._sweep = sweep
        self._log = log
        self._now = now
        self.note: ExportNote | None = None

    def begin(self) -> Begun:
        """Attach to the export of an earlier try, take it, or submit one."""
        note = self._notes.load()
        known = note.state if note else Known.NOTHING
        cleared = note is not None and note.generation != self._generation
        said, job, silence = self._ask(note.job_id if note else self._id(1))
        match decide(known, said, cleared=cleared):
            case Move.RETURN if note:
                self._log.info("The export %s was finished by an earlier try.", note.job_id)
                return Begun(result=note.result)
            case Move.WAIT if silence:
                raise silence
            case Move.REFUSE if job:
                raise self._foreign(job)
            case Move.ATTACH | Move.TAKE if job:
                return self._attach(job, note)
            case (Move.RECOVER | Move.REPEAT) as move if note:
                if whole := self._files.recover(note):
                    self._log.info("The daemon forgot the export %s; its files are whole.", note.job_id)
                    self._save(note)
                    return Begun(job=whole)
                if move is Move.RECOVER or self._files.any_of(note):
                    return self._submit(note.attempt + 1, after=note)
                return self._submit(note.attempt, submitted_at=note.submitted_at)
            case Move.NEXT:
                return self._submit((note.attempt if note else 1) + 1, after=note)
            case _:
                return self._submit(1)

    def save(self, state: Known, **changes: Any) -> None:
        """Note what has become of the job."""
        if self.note is not None:
            self._save(self.note.model_copy(update={"state": state, **changes}))

    def _submit(
        self, attempt: int, *, after: ExportNote | None = None, submitted_at: datetime | None = None
    ) -> Begun:
        if after is not None and after.state in (Known.ACCEPTED, Known.ABANDONED, Known.INTENDED):
            self._files.set_aside(after, f"Attempt {after.attempt} ({after.job_id}) was not finished.")
        for number in range(attempt, attempt + MOST_ATTEMPTS):
            request = self._make_request(self._id(number))
            if rival := self._rivalry.first(request, self._sweep(self._daemon.active_jobs())):
                return self._yield_to(rival)
            visible = self._files.prepare(request)
            # Before the submit: if this process dies in between, the next try knows what to ask for.
            self._save(
                ExportNote(
                    job_id=request.id,
                    generation=self._generation,
                    attempt=number,
                    try_number=self._try_number,
                    output_dir=request.output_dir,
                    visible=visible,
                    submitted_at=submitted_at or self._now(),
                )
            )
            job = self._daemon.ensure_submitted(request)
            self.save(Known.ACCEPTED, job_id=job.id)
            said = said_of(job, vm_path=self._vm_path, owner=self._owner)
            if said is Said.FOREIGN:
                raise self._foreign(job)
            if decide(Known.ACCEPTED, said) is not Move.NEXT:
                break
            self.save(Known.UNUSABLE)  # A job of that name has failed before: its note was lost.
        else:
            raise ExportRejectedError(
                f"{self._daemon.name} has {MOST_ATTEMPTS} failed jobs of this task already. Clear the "
                "task for new ones."
            )
        self._log.info(
            "Export of %s submitted as %s, by %s to %s.",
            request.vm_path,
            job.id,
            request.export_method,
            request.output_dir,
        )
        return self._unless_late(request, job)

    def _unless_late(self, request: ExportRequest, job: ExportJob) -> Begun:
        """Look again: of two that submitted at the same moment, the later one stands back."""
        try:
            active = self._daemon.active_jobs()
        except RemoteError:  # Accepted is accepted; what is at stake here is only who goes first.
            return Begun(job=job)
        own = next((other for other in active if other.id == job.id), None)
        rival = self._rivalry.first(request, active, before=own)
        if own is None or rival is None:
            return Begun(job=job)
        self._daemon.cancel([job.id])
        if self.note is not None:
            self._files.set_aside(self.note, f"{rival.id} had begun to export {request.vm_path} a moment before.")
        self.save(Known.UNUSABLE)
        return self._yield_to(rival)

    def _attach(self, job: ExportJob, note: ExportNote | None) -> Begun:
        self._save(
            ExportNote(
                job_id=job.id,
                generation=self._generation,
                attempt=note.attempt if note else 1,
                state=Known.ACCEPTED,
                try_number=self._try_number,
                output_dir=job.output_dir or (note.output_dir if note else ""),
                visible=note.visible if note else False,
                submitted_at=job.created_at or (note.submitted_at if note else None) or self._now(),
            )
        )
        self._log.info("Attached to the export %s of an earlier try: %s.", job.id, job.progress)
        return Begun(job=job)

    def _ask(self, wanted: str) -> tuple[Said, ExportJob | None, RemoteError | None]:
        try:
            job = self._daemon.get_job(wanted)
        except ExportLostError:
            return Said.FORGOTTEN, None, None
        except RemoteError as error:
            if not error.retryable:
                raise
            return Said.SILENT, None, error
        return said_of(job, vm_path=self._vm_path, owner=self._owner), job, None

    def _yield_to(self, rival: ExportJob) -> Begun:
        self._log.info("%s", self._rivalry.yield_to(rival, self._daemon.name))
        return Begun(rival=rival)

    def _foreign(self, job: ExportJob) -> ExportRejectedError:
        error = ExportRejectedError(
            f"{self._daemon.name} already has a job {job.id}, for {job.vm_path} of {job.owner or 'somebody else'} "
            f"and not for {self._vm_path} of {self._owner}. Clear the task if its VM was changed; else two Airflow "
            "deployments with the same DAG and run share this daemon: rename one of the DAGs."
        )
        error.retryable = False
        return error

    def _id(self, attempt: int) -> str:
        return job_id(**self._whose, generation=self._generation, attempt=attempt)

    def _save(self, note: ExportNote) -> None:
        """Write the note, unless a later try has written one: a process may outlive its killed worker."""
        there = self._notes.load()
        if there is not None and there.try_number > self._try_number:
            raise OvertakenError(
                f"Try {there.try_number} works on the export of {self._vm_path} now; this one, {self._try_number}, "
                "ends. Look into the log of the later try."
            )
        self.note = note.model_copy(update={"try_number": self._try_number})
        self._notes.save(self.note)
