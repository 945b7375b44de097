"""What the blows did to the exports: judged by Airflow's database, the daemon's own log and the files."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.chaos.daemon_log import JobLife

#: How long a job may go on after a user's kill, while things go on dying: three rounds of a sweep each minute.
GOES_ON_AT_MOST = timedelta(minutes=3)


@dataclass
class Export:
    """One run of a DAG that exports one VM of its own.

    :param marked_failed_at: when a user gave it up; its export is then to be cancelled.
    :param orphaned: the triggerer that was to cancel it was killed in the same moment.
    """

    dag_id: str
    run_id: str
    vm: str
    output_dir: Path
    image: Path
    began_at: datetime
    marked_failed_at: datetime | None = None
    cleared_at: list[datetime] = field(default_factory=list)
    orphaned: bool = False
    state: str = ""
    tries: int = 0
    ended_at: datetime | None = None
    xcom: dict[str, Any] | None = None
    jobs: list[JobLife] = field(default_factory=list)

    @property
    def kept(self) -> list[JobLife]:
        """Its finished exports by the daemon's log."""
        return [job for job in self.jobs if job.is_kept]

    def phase(self, at: datetime) -> str | None:
        """Where it stood at a moment; None before it began and after its end."""
        if at < self.began_at or (self.ended_at is not None and at > self.ended_at):
            return None
        if not any(job.accepted_at <= at for job in self.jobs):
            return "not submitted"
        finished = any(job.completed_at and job.completed_at <= at for job in self.kept)
        return "finished, not yet green" if finished else "exporting"


@dataclass(frozen=True)
class Struck:
    """A blow that was dealt."""

    kind: str
    at: datetime


def faults(export: Export) -> list[str]:
    """Say what is wrong with an export after everything has come to rest; nothing is what is wanted."""
    if export.marked_failed_at is not None:
        return ["goes on after a user's kill"] * len(orphans(export))
    found = []
    if export.state == "success":
        if not has_verified_file(export):
            found.append("green without a verified file")
        # A user's clear wants an export anew: the one under way may finish before the new try looks.
        if not 1 <= len(export.kept) <= 1 + len(export.cleared_at):
            found.append(f"green, finished {len(export.kept)} times")
    else:
        found.append(f"{export.state or 'no state'} {'with' if export.kept else 'without'} a finished export")
    return found


def orphans(export: Export) -> list[JobLife]:
    """Return the jobs that went on for long although a user had given up the task: each was to be cancelled."""
    return [job for job, took in after_the_kill(export) if took is None or took > GOES_ON_AT_MOST]


def after_the_kill(export: Export) -> list[tuple[JobLife, timedelta | None]]:
    """Return the jobs that a user's kill met, or that came after it, and how long each went on; None is to this day.

    A job that the daemon's own death ended was not cancelled in time, nor too late.
    """
    killed_at, found = export.marked_failed_at, []
    for job in export.jobs if killed_at is not None else []:
        since = max(killed_at, job.accepted_at)
        ended_at = job.cancelled_at or job.completed_at or job.failed_at or job.lost_at
        if ended_at is None:
            found.append((job, None))
        elif ended_at > since and (ended_at != job.lost_at or ended_at - since > GOES_ON_AT_MOST):
            found.append((job, ended_at - since))
    return found


def kills_table(exports: Iterable[Export]) -> str:
    """Return how soon users' kills were carried out, in all and where the triggerer died in that moment."""
    lines = []
    ended = list(exports)
    for words, some in (("users' kills", ended), ("of them with the triggerer", [e for e in ended if e.orphaned])):
        met = [(job, took) for export in some for job, took in after_the_kill(export)]
        took = sorted(t.total_seconds() for job, t in met if t is not None and job.cancelled_at)
        spread = f", after {took[len(took) // 2]:.0f} s (median), {took[-1]:.0f} s (longest)" if took else ""
        finished = sum(job.is_kept for job, _ in met)
        lines.append(f"{words}: {len(took)} jobs cancelled{spread}; {finished} finished before that")
    return "\n".join(lines)


def has_verified_file(export: Export) -> bool:
    """Whether the folder that the XCom names holds the VM's disk, byte by byte, and no other."""
    if export.xcom is None or export.xcom.get("vm_name") != export.vm:
        return False
    folder = Path(export.xcom["output_dir"])
    disks = list(folder.rglob("*.vmdk")) if folder.is_relative_to(export.output_dir) else []
    return len(disks) == 1 and _digest(disks[0]) == _digest(export.image)


def survival_table(struck: Iterable[Struck], exports: list[Export]) -> str:
    """Return what was struck how often, where the exports stood then, and how those ended."""
    phases = ("not submitted", "exporting", "finished, not yet green")
    columns = ("struck", "times", *phases, "green", "user ended", "red", "faults")
    rows = []
    by_kind: dict[str, list[datetime]] = {}
    for blow in struck:
        by_kind.setdefault(blow.kind, []).append(blow.at)
    for kind, moments in sorted(by_kind.items()):
        hits = Counter(phase for at in moments for export in exports if (phase := export.phase(at)))
        rows.append((kind, len(moments), *(hits[phase] for phase in phases), *_ends(_hit(exports, moments))))
    everything = [at for moments in by_kind.values() for at in moments]
    hits = Counter(phase for at in everything for export in exports if (phase := export.phase(at)))
    rows.append(("all", len(everything), *(hits[phase] for phase in phases), *_ends(exports)))
    return _as_text(columns, rows)


def _hit(exports: Iterable[Export], moments: Iterable[datetime]) -> list[Export]:
    moments = list(moments)
    return [export for export in exports if any(export.phase(at) for at in moments)]


def _ends(exports: Iterable[Export]) -> tuple[int, int, int, int]:
    ended = list(exports)
    given_up = sum(export.marked_failed_at is not None for export in ended)
    green = sum(export.state == "success" and export.marked_failed_at is None for export in ended)
    return green, given_up, len(ended) - green - given_up, sum(bool(faults(export)) for export in ended)


def _as_text(columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    cells = [tuple(map(str, row)) for row in (columns, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    lines = []
    for first, *others in cells:
        figures = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        lines.append(" | ".join([first.ljust(widths[0]), *figures]))
    return "\n".join([lines[0], "-+-".join("-" * width for width in widths), *lines[1:]])


def cancelled_unasked(exports: Iterable[Export]) -> int:
    """Return how many jobs were cancelled although no user had touched their task: lost work, not a lost backup."""
    left_alone = [export for export in exports if not export.marked_failed_at and not export.cleared_at]
    return sum(job.cancelled_at is not None for export in left_alone for job in export.jobs)


def tries_table(exports: Iterable[Export]) -> str:
    """Return how many tries the exports took."""
    counts: Mapping[int, int] = Counter(export.tries for export in exports)
    return ", ".join(f"{tries} tries: {count}" for tries, count in sorted(counts.items()))


def _digest(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
