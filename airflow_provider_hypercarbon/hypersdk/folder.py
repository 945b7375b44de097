"""The folder of one attempt: its name, its room, and what becomes of it when the attempt was for nothing.

Every attempt exports into a folder of its own. HyperSDK's cancel does not stop an exporter, so a second one may
write while the first still does; and its method ``web`` continues a file that it finds, so that an export into the
folder of an earlier one would append today's disk to yesterday's.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

from airflow_provider_hypercarbon.carbon.energy import BYTES_PER_GB
from airflow_provider_hypercarbon.exceptions import NoSpaceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

OnPartial = Literal["quarantine", "remove", "keep"]
QUARANTINE = ".quarantine"
WHY = "WHY.txt"
#: An export is rarely exactly as large as the last one.
HEADROOM = 1.1
#: A folder with more entries than this is not an export.
MOST_FILES = 10_000


def attempt_folder(output_dir: str, job_id: str) -> str:
    """Return the folder of an attempt, on the daemon's machine."""
    return str(PurePosixPath(output_dir, job_id))


def is_visible(folder: str) -> bool:
    """Whether this machine sees the folder."""
    return bool(folder) and Path(folder).is_dir()


def prepare(folder: str) -> bool:
    """Make the attempt's folder where this machine sees the one above it; return whether it does.

    Not every exporter makes its folder. It gets the owner and the mode of the one above, so that the daemon may
    write into it, whoever it runs as. Nothing is made where not even the parent of ``output_dir`` exists: there the
    path means something on the daemon's machine only.
    """
    own = Path(folder)
    if own.is_dir():
        return True
    try:
        for missing in [path for path in (own.parent, own) if not path.is_dir()]:
            above = missing.parent
            if above == Path(above.anchor) or not above.is_dir():
                return False
            facts = above.stat()
            missing.mkdir()
            missing.chmod(stat.S_IMODE(facts.st_mode))
            if os.geteuid() == 0:
                os.chown(missing, facts.st_uid, facts.st_gid)
    except FileExistsError:
        return own.is_dir()
    except OSError:
        return False
    return True


def check_room(folder: str, expected_bytes: int | None) -> None:
    """Raise :class:`NoSpaceError` when the folder's disk cannot hold what the export will be.

    Nothing is known, and nothing refused, when this machine does not see the disk or nobody knows the size.
    """
    place = next((path for path in (Path(folder), *Path(folder).parents) if path.is_dir()), None)
    if not expected_bytes or place is None or place == Path(place.anchor):
        return
    try:
        free = shutil.disk_usage(place).free
    except OSError:
        return
    if free < expected_bytes * HEADROOM:
        raise NoSpaceError(
            f"{place} has {free / BYTES_PER_GB:.1f} GB free, and the export needs about "
            f"{expected_bytes * HEADROOM / BYTES_PER_GB:.1f} GB. Free some, or choose another output_dir."
        )


def set_aside(folder: str, how: OnPartial, *, why: str, now: datetime) -> str:
    """Take an attempt's files out of the way; return a sentence about it.

    An exporter that still runs behind a cancelled job finds its folder gone at the next file.

    :param why: stands in a text beside quarantined files.
    """
    own = Path(folder)
    if how == "keep" or not is_visible(folder):
        seen = "" if how == "keep" else ", which this machine does not see"
        return f"Its files stay in {folder}{seen}."
    try:
        if how == "remove":
            gone = own.with_name(f".{own.name}.removed")
            own.rename(gone)
            shutil.rmtree(gone)
            return f"Its files in {folder} were removed."
        target = own.parent / QUARANTINE / own.name
        target.parent.mkdir(exist_ok=True)
        if target.exists():
            target = target.with_name(f"{own.name}-{now:%Y%m%dT%H%M%S%f}")
        own.rename(target)
        (target / WHY).write_text(f"{now:%Y-%m-%d %H:%M:%S} UTC: {why}\n", encoding="utf-8")
    except OSError as error:
        return f"Its files stay in {folder}: they could not be moved ({error.strerror})."
    return f"Its files were moved to {target}."


def was_set_aside(folder: str) -> bool:
    """Whether the attempt's files lie in quarantine."""
    own = Path(folder)
    return not own.is_dir() and (own.parent / QUARANTINE / own.name).is_dir()


def files_below(folder: str | Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield the regular files below a folder, with their facts; nothing when there are absurdly many."""
    paths = [Path(at, name) for at, _, names in os.walk(folder) for name in names]
    if len(paths) > MOST_FILES:
        return
    for path in sorted(paths):
        facts = path.lstat()
        if stat.S_ISREG(facts.st_mode):
            yield path, facts


def bytes_below(folder: str) -> int | None:
    """Return how much there is in the folder, as far as this machine sees it; files may come and go meanwhile."""
    if not is_visible(folder):
        return None
    try:
        # Blocks, not length: a disk may be given its full length before it is filled.
        return sum(facts.st_blocks * 512 for _, facts in files_below(folder))
    except OSError:
        return None
