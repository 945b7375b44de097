"""What a try does about an export, for every pair of what the task has noted and what the daemon says.

A table and a look-up, nothing else: no I/O, no clock. :mod:`submission` carries the moves out.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from airflow_provider_hypercarbon.hypersdk.models import JobStatus

if TYPE_CHECKING:
    from airflow_provider_hypercarbon.hypersdk.models import ExportJob


class Known(StrEnum):
    """What the task has noted about its last job. The note outlives workers, retries and clears."""

    #: No note: the first try, or the note was lost.
    NOTHING = "nothing"
    #: About to submit. Whether the submit arrived, or will arrive late, nobody knows.
    INTENDED = "intended"
    #: The daemon has acknowledged the job.
    ACCEPTED = "accepted"
    #: We asked the daemon to cancel it; its files stay where they are.
    ABANDONED = "abandoned"
    #: It ended, and its files are wanting or were set aside.
    UNUSABLE = "unusable"
    #: It ended well, and its result is in the note.
    FINISHED = "finished"


class Said(StrEnum):
    """What the daemon says about the job."""

    #: Nothing that can be used: down, cut off, overloaded, not itself.
    SILENT = "silent"
    #: It does not know the id: the submit never arrived, or the daemon was restarted.
    FORGOTTEN = "forgotten"
    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    #: Only a mark: the exporter behind it runs on, and its end replaces the mark.
    CANCELLED = "cancelled"
    #: A word of a later daemon, without an end.
    STRANGE = "strange"
    #: A word of a later daemon, with an end.
    STRANGE_END = "strange_end"
    #: The id belongs to another export.
    FOREIGN = "foreign"


class Move(StrEnum):
    """What a try does."""

    #: Submit the first job of this generation.
    SUBMIT = "submit"
    #: Look at the files. Provably whole: take them. Others: the submit had arrived, so the next attempt. None: submit
    #: the same id once more; whichever arrives second is refused as a duplicate.
    REPEAT = "repeat"
    #: Submit the next attempt, under a new id and into a folder of its own.
    NEXT = "next"
    #: Follow the job to its end.
    ATTACH = "attach"
    #: Verify the files of the completed job, and return its result.
    TAKE = "take"
    #: Return the result that is in the note.
    RETURN = "return"
    #: Look at the files. Provably whole: take them. Else the next attempt.
    RECOVER = "recover"
    #: Submit nothing, and ask again in a retry.
    WAIT = "wait"
    #: Submit nothing, and say why.
    REFUSE = "refuse"


_ORDER = tuple(Said)
_W, _R, _N, _A, _T = Move.WAIT, Move.REPEAT, Move.NEXT, Move.ATTACH, Move.TAKE
_S, _O, _K, _X = Move.SUBMIT, Move.RECOVER, Move.RETURN, Move.REFUSE

# fmt: off
#           silent forgotten pending running completed failed cancelled strange strange_end foreign
_RETRY = {
    Known.NOTHING:   (_W, _S,      _A,     _A,     _T,       _N,    _N,       _A,     _N,         _X),
    Known.INTENDED:  (_W, _R,      _A,     _A,     _T,       _N,    _N,       _A,     _N,         _X),
    Known.ACCEPTED:  (_W, _O,      _A,     _A,     _T,       _N,    _N,       _A,     _N,         _X),
    Known.ABANDONED: (_W, _N,      _N,     _N,     _T,       _N,    _N,       _N,     _N,         _X),
    Known.UNUSABLE:  (_W, _N,      _N,     _N,     _N,       _N,    _N,       _N,     _N,         _X),
    Known.FINISHED:  (_K, _K,      _K,     _K,     _K,       _K,    _K,       _K,     _K,         _K),
}
#: After a user's clear an export that still runs is adopted; anything else is exported anew.
_CLEARED = {
    Known.NOTHING:   (_W, _S,      _A,     _A,     _T,       _N,    _N,       _A,     _N,         _X),
    Known.INTENDED:  (_W, _S,      _A,     _A,     _S,       _S,    _S,       _A,     _S,         _S),
    Known.ACCEPTED:  (_W, _S,      _A,     _A,     _S,       _S,    _S,       _A,     _S,         _S),
    Known.ABANDONED: (_W, _S,      _S,     _S,     _S,       _S,    _S,       _S,     _S,         _S),
    Known.UNUSABLE:  (_W, _S,      _S,     _S,     _S,       _S,    _S,       _S,     _S,         _S),
    Known.FINISHED:  (_W, _S,      _S,     _S,     _S,       _S,    _S,       _S,     _S,         _S),
}
# fmt: on


def decide(known: Known, said: Said, *, cleared: bool = False) -> Move:
    """Return what to do.

    :param cleared: the note is of an earlier generation: a user has cleared the task since.
    """
    return (_CLEARED if cleared else _RETRY)[known][_ORDER.index(said)]


def said_of(job: ExportJob | None, *, vm_path: str, owner: str) -> Said:
    """Return what a job's answer amounts to; None is a daemon that does not know the id.

    :param vm_path: the VM that the task wants.
    :param owner: the task, as our own metadata name it.
    """
    if job is None:
        return Said.FORGOTTEN
    if job.vm_path != vm_path or (job.owner and job.owner != owner):
        return Said.FOREIGN
    if job.status is JobStatus.UNKNOWN:
        return Said.STRANGE_END if job.has_ended else Said.STRANGE
    return Said(job.status.value)
