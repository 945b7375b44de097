"""The record beside an export: ``SHA256SUMS`` for people and tools, ``hypercarbon-export.json`` as the last word.

The JSON is written last and at once (a rename): a folder that has it holds a verified export, any other does not.
"""

from __future__ import annotations

import hashlib
import json
import os
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from airflow_provider_hypercarbon.carbon.intensity import Frozen
from airflow_provider_hypercarbon.hypersdk.models import UtcTime

if TYPE_CHECKING:
    from collections.abc import Iterator

MANIFEST = "hypercarbon-export.json"
SUMS = "SHA256SUMS"
OWN_FILES = frozenset({MANIFEST, SUMS})
#: How many folders a search for earlier exports looks into.
MOST_FOLDERS = 2_000


class ExportedFile(Frozen):
    """One file of an export; ``path`` is relative to the export's folder, ``sha256`` None when not computed."""

    path: str
    size_bytes: int
    sha256: str | None = None


class ExportManifest(Frozen):
    """A verified export.

    :param vm_path: the VM, as it was asked for.
    :param data_bytes: sum of the files.
    :param checks: what was found in order, in words.
    """

    job_id: str
    vm_path: str
    vcenter: str = ""
    owner: str = ""
    export_method: str = ""
    format: str = ""
    started_at: UtcTime | None = None
    ended_at: UtcTime | None = None
    verified_at: UtcTime
    data_bytes: int
    files: tuple[ExportedFile, ...]
    checks: tuple[str, ...]


def write_manifest(folder: Path, manifest: ExportManifest) -> str:
    """Write both files, the JSON last; return the SHA-256 of the JSON."""
    if all(file.sha256 for file in manifest.files):
        sums = "".join(f"{file.sha256} *{file.path}\n" for file in manifest.files)
        _write(folder / SUMS, sums.encode())
    content = json.dumps(manifest.model_dump(mode="json"), indent=1).encode() + b"\n"
    _write(folder / MANIFEST, content)
    return hashlib.sha256(content).hexdigest()


def read_manifest(folder: Path) -> tuple[ExportManifest, str] | None:
    """Return an export's manifest and its SHA-256; None where there is none that can be read."""
    try:
        content = (folder / MANIFEST).read_bytes()
        return ExportManifest.model_validate_json(content), hashlib.sha256(content).hexdigest()
    except (OSError, ValidationError):
        return None


def earlier_exports(output_dir: str, vm_path: str) -> Iterator[ExportManifest]:
    """Yield the verified exports of a VM in ``output_dir``, and in its neighbours where each run has its own."""
    here = Path(output_dir)
    paths = chain(here.glob(f"*/{MANIFEST}"), here.parent.glob(f"*/*/{MANIFEST}"))
    for path in dict.fromkeys(islice(paths, MOST_FOLDERS)):
        found = read_manifest(path.parent)
        if found and found[0].vm_path == vm_path:
            yield found[0]


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, also when the machine loses power."""
    draft = path.with_name(f".{path.name}.new")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
