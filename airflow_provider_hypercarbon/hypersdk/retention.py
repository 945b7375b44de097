"""Which verified exports may go: the youngest of each VM stay, and nothing goes that is not surely replaced.

Only a folder with our manifest is ever looked at as an export. What has none may be an export under way, a
quarantine, or somebody's own files: it is left alone, and does not count.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from airflow_provider_hypercarbon.exceptions import ConfigurationError
from airflow_provider_hypercarbon.hypersdk.manifest import MANIFEST, ExportManifest, read_manifest

#: Exports lie below the output folder, below a folder of their run in it, or below one of their VM in that.
DEPTH = 3
#: A folder with more entries than this is not one of exports.
MOST_FOLDERS = 200_000
#: How a folder is called while it is being deleted; a deletion that was cut off is finished by the next one.
DOOMED = ".deleting-"


class KeptExport(NamedTuple):
    """A verified export on disk.

    :param wrong: what is no longer as the manifest says; empty for a good one.
    """

    folder: Path
    manifest: ExportManifest
    wrong: str = ""

    @property
    def made_at(self) -> datetime:
        """When it was exported: the point in time that it restores to."""
        return self.manifest.started_at or self.manifest.verified_at


class Retention(NamedTuple):
    """What becomes of the exports of one VM; each with the reason."""

    keep: list[tuple[KeptExport, str]]
    remove: list[tuple[KeptExport, str]]


def find_exports(root: Path) -> list[KeptExport]:
    """Return the verified exports below a folder, whatever their VM.

    :raises ConfigurationError: this machine does not see the folder.
    """
    if not root.is_dir():
        raise ConfigurationError(
            f"This machine sees no folder {root}. Run the task on a worker that mounts the daemon's output folder."
        )
    found: list[KeptExport] = []
    looked_at = 0
    for at, folders, files in os.walk(root):
        looked_at += 1 + len(folders)
        if looked_at > MOST_FOLDERS:
            raise ConfigurationError(f"{root} holds more than {MOST_FOLDERS} folders. Name the one of the exports.")
        here = Path(at)
        if MANIFEST in files and here != root:
            folders.clear()
            if read := read_manifest(here):
                found.append(KeptExport(here, read[0], _what_is_wrong(here, read[0])))
        elif len(here.relative_to(root).parts) >= DEPTH:
            folders.clear()
        else:
            folders[:] = [name for name in folders if not name.startswith(".") and not (here / name).is_symlink()]
    return found


def plan_retention(
    exports: Iterable[KeptExport],
    *,
    keep_last: int,
    keep_for: timedelta | None = None,
    now: datetime,
    unreported: Collection[str] = (),
) -> Retention:
    """Decide about the exports of one VM.

    :param keep_last: so many good ones stay, the youngest.
    :param keep_for: and every one that is younger than this.
    :param unreported: ids of jobs whose footprint is not on record yet: they stay.
    """
    if keep_last < 1:
        raise ConfigurationError(f"keep_last is {keep_last}. Keep 1 at least: the last good export is never removed.")
    plan = Retention([], [])
    good = 0
    for export in sorted(exports, key=lambda export: (export.made_at, str(export.folder)), reverse=True):
        if export.wrong:
            # It may be all that is left of a backup; a person has to look at it.
            plan.keep.append((export, export.wrong))
            continue
        good += 1
        if good <= keep_last:
            plan.keep.append((export, f"number {good} of the last {keep_last}"))
        elif keep_for is not None and now - export.made_at < keep_for:
            plan.keep.append((export, f"younger than {keep_for}"))
        elif export.manifest.job_id in unreported:
            plan.keep.append((export, "its footprint is not on record yet"))
        else:
            plan.remove.append((export, f"{good - keep_last} beyond the last {keep_last}"))
    return plan


def remove_export(export: KeptExport, root: Path) -> None:
    """Delete an export's folder. It is gone at once, under its name, and then from the disk.

    :raises OSError: the folder cannot be moved or emptied.
    """
    folder = export.folder
    if folder.is_symlink() or not folder.resolve().is_relative_to(root.resolve()) or folder == root:
        raise ConfigurationError(
            f"{folder} does not lie in {root}. Nothing was deleted. Look for a link in its path."
        )
    doomed = folder.with_name(DOOMED + folder.name)
    try:
        folder.rename(doomed)
    except FileNotFoundError:
        return  # another run of this task was quicker
    shutil.rmtree(doomed)


def finish_deletions(root: Path) -> list[Path]:
    """Delete what an earlier run had begun to delete when it died; return what it was."""
    found = [
        Path(at, name)
        for at, folders, _ in os.walk(root)
        if len(Path(at).relative_to(root).parts) < DEPTH
        for name in folders
        if name.startswith(DOOMED)
    ]
    for folder in found:
        shutil.rmtree(folder, ignore_errors=True)
    return found


def _what_is_wrong(folder: Path, manifest: ExportManifest) -> str:
    """Say how the files differ from the manifest: sizes only, a digest would read every byte again."""
    for file in manifest.files:
        try:
            size = (folder / file.path).stat().st_size
        except OSError:
            return f"{file.path} is missing"
        if size != file.size_bytes:
            return f"{file.path} has {size} bytes and not {file.size_bytes}"
    return "" if manifest.files else "its manifest names no file"
