"""What the daemon itself wrote about its jobs, over all its lives."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

_JOB = re.compile(
    r"^(?P<at>\S+) Job (?P<job>\S+) (?P<what>accepted|started|completed|failed|cancelled)\b"
    r"(?:: \S*/(?P<vm>[^/\s.]+))?"
)
_DAEMON_STARTED = re.compile(r"^(?P<at>\S+) Development daemon on ")


@dataclass
class JobLife:
    """One job from its submit to its end. A restarted daemon forgets it, and the same id may come again."""

    job_id: str
    vm: str
    accepted_at: datetime
    completed_at: datetime | None = None
    failed_at: datetime | None = None
    cancelled_at: datetime | None = None
    lost_at: datetime | None = None

    @property
    def is_kept(self) -> bool:
        """Whether it ended as a finished export. A cancelled one goes on to its end, and counts for nothing."""
        return self.completed_at is not None and self.cancelled_at is None

    @property
    def goes_on(self) -> bool:
        return not (self.completed_at or self.failed_at or self.cancelled_at or self.lost_at)


def read(lines: Iterable[str]) -> dict[str, list[JobLife]]:
    """Return the jobs of each VM, in the order in which the daemon heard of them."""
    known: dict[str, JobLife] = {}
    by_vm: dict[str, list[JobLife]] = {}
    for line in lines:
        if found := _DAEMON_STARTED.match(line):
            at = datetime.fromisoformat(found["at"])
            for life in known.values():
                if life.goes_on:
                    life.lost_at = at
            known.clear()
        if not (found := _JOB.match(line)):
            continue
        at = datetime.fromisoformat(found["at"])
        if found["what"] == "accepted":
            known[found["job"]] = life = JobLife(found["job"], found["vm"] or "", at)
            by_vm.setdefault(life.vm, []).append(life)
        elif found["job"] in known and found["what"] != "started":
            setattr(known[found["job"]], f"{found['what']}_at", at)
    return by_vm
