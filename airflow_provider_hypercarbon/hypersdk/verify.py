"""Whether a completed export is what it says it is: its files exist, have their sizes, digests and a sound form."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tarfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_hypercarbon.carbon.energy import BYTES_PER_GB
from airflow_provider_hypercarbon.exceptions import ExportUnusableError
from airflow_provider_hypercarbon.hypersdk.descriptors import stated_digests, stated_files
from airflow_provider_hypercarbon.hypersdk.folder import files_below
from airflow_provider_hypercarbon.hypersdk.manifest import (
    OWN_FILES,
    ExportedFile,
    ExportManifest,
    read_manifest,
    write_manifest,
)
from airflow_provider_hypercarbon.hypersdk.models import ExportJob, JobStatus

if TYPE_CHECKING:
    from airflow_provider_hypercarbon.hypersdk.note import ExportNote

CHUNK = 4 * 1024 * 1024
DISKS = frozenset({".vmdk", ".qcow2", ".vdi", ".vhd", ".vhdx"})
#: qemu-img reads the whole disk of some formats.
QEMU_TIMEOUT = timedelta(hours=2)
#: Hashing tells how far it is this often.
TELL_EVERY_SECONDS = 30.0

Tell = Callable[[str], object]


class Verified(NamedTuple):
    """A verified export: its manifest, where that lies, and the SHA-256 of it."""

    manifest: ExportManifest
    path: str
    sha256: str


def verify_export(
    job: ExportJob, *, checksums: bool = True, tell: Tell = lambda _: None, now: datetime | None = None
) -> Verified:
    """Look at the files of a completed export, and write the manifest beside them.

    A second call finds the manifest of the first and only compares sizes: the worker may have died after it.

    :param checksums: read every file for its SHA-256, and compare the digests of a ``.mf`` manifest.
    :param tell: told how far the reading is.
    :raises ExportUnusableError: a file is missing, empty, cut off, corrupt, or still being written.
    """
    folder = Path(job.output_dir)
    sizes = _sizes(folder)
    if not sizes:
        raise ExportUnusableError(
            f"The export {job.id} completed, but its folder {folder} holds no file. Look at the daemon's disk; if "
            "this machine does not share it, set verify to 'never'."
        )
    before = read_manifest(folder)
    if before and before[0].job_id == job.id and {f.path: f.size_bytes for f in before[0].files} == sizes:
        return Verified(before[0], str(folder), before[1])
    checks = [f"{len(sizes)} files exist, {sum(sizes.values()) / BYTES_PER_GB:.3f} GB"]
    checks += _check_reported(job, sizes) + _check_descriptors(folder) + _check_archives(folder, sizes)
    checks += [said for name in sizes if (said := _check_disk(folder / name))]
    digests: dict[str, str] = {}
    if checksums:
        digests, words = _read_all(folder, sizes, tell)
        checks += words
    if _sizes(folder) != sizes:
        raise ExportUnusableError(
            f"The export {job.id} completed, but something still writes into {folder}. A retry exports anew."
        )
    manifest = ExportManifest(
        job_id=job.id,
        vm_path=job.vm_path,
        vcenter=job.vcenter,
        owner=job.owner,
        export_method=job.export_method,
        format=job.format,
        started_at=job.started_at,
        ended_at=job.completed_at,
        verified_at=now or datetime.now(UTC),
        data_bytes=sum(sizes.values()),
        files=tuple(ExportedFile(path=n, size_bytes=size, sha256=digests.get(n)) for n, size in sizes.items()),
        checks=tuple(checks),
    )
    try:
        return Verified(manifest, str(folder), write_manifest(folder, manifest))
    except OSError as error:
        raise ExportUnusableError(
            f"The manifest of {job.id} cannot be written into {folder} ({error.strerror}). Let workers write there, "
            "or set verify to 'never'."
        ) from None


def whole_export(note: ExportNote, *, vm_path: str) -> ExportJob | None:
    """Return a completed job for files that prove themselves whole, though no daemon says so; None otherwise.

    Proof is the manifest of an earlier try, or a descriptor that gives the size of each of its files, was written
    after all of them, and is right.
    """
    folder = Path(note.output_dir)
    found = read_manifest(folder)
    try:
        sizes = _sizes(folder)
        if not (found and {f.path: f.size_bytes for f in found[0].files} == sizes) and not _proves_itself(folder):
            return None
        ended = max((folder / name).stat().st_mtime for name in sizes)
    except (OSError, ValueError, ExportUnusableError):
        return None
    return ExportJob(
        id=note.job_id,
        status=JobStatus.COMPLETED,
        status_word="completed",
        vm_path=vm_path,
        output_dir=note.output_dir,
        started_at=found[0].started_at if found else note.submitted_at,
        completed_at=found[0].ended_at if found else datetime.fromtimestamp(ended, UTC),
        export_method=found[0].export_method if found else "",
    )


def _proves_itself(folder: Path) -> bool:
    descriptors = [path for path, _ in files_below(folder) if path.suffix == ".ovf"]
    stated = {descriptor: stated_files(descriptor) for descriptor in descriptors}
    return bool(descriptors) and all(
        files
        and all(
            file.size is not None
            and file.path.is_file()
            and file.path.stat().st_size == file.size
            and file.path.stat().st_mtime_ns <= descriptor.stat().st_mtime_ns
            for file in files
        )
        for descriptor, files in stated.items()
    )


def _sizes(folder: Path) -> dict[str, int]:
    found = {path.relative_to(folder).as_posix(): facts.st_size for path, facts in files_below(folder)}
    # Drafts of our own files are not part of the export either.
    return {
        name: size for name, size in found.items() if name.removeprefix(".").removesuffix(".new") not in OWN_FILES
    }


def _check_reported(job: ExportJob, sizes: dict[str, int]) -> list[str]:
    """Each file that the daemon names in the export's folder is there, and no disk is empty."""
    for name in job.files:
        path = PurePosixPath(name)
        if path.is_relative_to(job.output_dir) and str(path.relative_to(job.output_dir)) not in sizes:
            raise ExportUnusableError(f"The export {job.id} completed, but {name} is missing. A retry exports anew.")
    if empty := [name for name, size in sizes.items() if not size and Path(name).suffix in DISKS]:
        raise ExportUnusableError(f"The export {job.id} completed, but {empty[0]} is empty. A retry exports anew.")
    return [f"{len(job.files)} files that the daemon named are there"] if job.files else []


def _check_descriptors(folder: Path) -> list[str]:
    checks = []
    for descriptor in (path for path, _ in files_below(folder) if path.suffix == ".ovf"):
        stated = stated_files(descriptor)
        for file in stated:
            size = file.path.stat().st_size if file.path.is_file() else None
            if size is None or (file.size is not None and size != file.size):
                has = "is missing" if size is None else f"has {size} bytes"
                raise ExportUnusableError(
                    f"{descriptor.name} names {file.path.name} with {file.size} bytes, but it {has}. "
                    "A retry exports anew."
                )
        sized = sum(file.size is not None for file in stated)
        checks.append(f"{descriptor.name}: {len(stated)} files exist, {sized} sizes match")
    return checks


def _check_archives(folder: Path, sizes: dict[str, int]) -> list[str]:
    checks = []
    for name in (name for name in sizes if name.endswith(".ova")):
        try:
            with tarfile.open(folder / name) as archive:
                checks.append(f"{name}: an archive of {len(archive.getmembers())} files")
        except (tarfile.TarError, EOFError) as error:
            raise ExportUnusableError(f"{name} is cut off or corrupt ({error}). A retry exports anew.") from None
    return checks


def _check_disk(disk: Path) -> str:
    """What qemu-img says of a disk, where it is installed; only what it calls corrupt is an error."""
    tool = shutil.which("qemu-img") if disk.suffix in DISKS else None
    if tool is None:
        return ""
    try:
        done = subprocess.run(  # noqa: S603  (the tool of that name on the PATH, and a path of ours)
            [tool, "check", "--output=json", "--force-share", str(disk)],
            capture_output=True,
            timeout=QEMU_TIMEOUT.total_seconds(),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"{disk.name}: qemu-img did not finish"
    if done.returncode == 2:
        raise ExportUnusableError(f"qemu-img check calls {disk.name} corrupt ({_errors(done.stdout)}). Export again.")
    if done.returncode == 63:
        return f"{disk.name}: a form that qemu-img cannot check"
    if done.returncode not in (0, 3):  # 3: space that nothing uses, which costs room and no data
        return f"{disk.name}: qemu-img could not check it"
    return f"{disk.name}: qemu-img finds no error"


def _errors(report: bytes) -> str:
    try:
        return f"{json.loads(report)['corruptions']} corruptions"
    except (ValueError, KeyError, TypeError):
        return "no details"


def _read_all(folder: Path, sizes: dict[str, int], tell: Tell) -> tuple[dict[str, str], list[str]]:
    """Read every file once; return SHA-256 by name, and what was compared with an OVF manifest."""
    stated = {
        path.resolve(): digest
        for name in sizes
        if name.endswith(".mf")
        for path, digest in stated_digests(folder / name).items()
    }
    total, done, told_at, compared = sum(sizes.values()), 0, time.monotonic(), 0
    digests = {}
    for name in sizes:
        path = folder / name
        algorithm, expected = stated.get(path.resolve(), ("sha256", ""))
        sha256, other = hashlib.sha256(), hashlib.new(algorithm, usedforsecurity=False)
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                sha256.update(chunk)
                if algorithm != "sha256":
                    other.update(chunk)
                done += len(chunk)
                if time.monotonic() - told_at >= TELL_EVERY_SECONDS:
                    tell(f"Verifying: {done / BYTES_PER_GB:.1f} of {total / BYTES_PER_GB:.1f} GB read.")
                    told_at = time.monotonic()
        digests[name] = sha256.hexdigest()
        found = digests[name] if algorithm == "sha256" else other.hexdigest()
        if expected and found != expected:
            raise ExportUnusableError(
                f"{name} does not have the {algorithm.upper()} that the export's own manifest states. Export again."
            )
        compared += bool(expected)
    words = [f"SHA-256 of {len(digests)} files"]
    if stated:
        words.append(f"{compared} digests of the export's own manifest match")
    return digests, words
