"""What an export says about its own files: the OVF descriptor's sizes, the ``.mf`` manifest's digests."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote
from xml.etree import ElementTree

from airflow_provider_hypercarbon.exceptions import ExportUnusableError

#: A descriptor of a VM with sixty disks is some 100 kB.
MOST_DESCRIPTOR_BYTES = 8 * 1024 * 1024
_OVF = "{http://schemas.dmtf.org/ovf/envelope/1}"
_DIGEST = re.compile(r"(SHA1|SHA256|SHA512)\s*\((.+)\)\s*=\s*([0-9a-fA-F]{40,128})\s*")


class Stated(NamedTuple):
    """A file that a descriptor names; size None where it gives none, or gives it in parts."""

    path: Path
    size: int | None


def stated_files(descriptor: Path) -> list[Stated]:
    """Return the files that an OVF descriptor names.

    :raises ExportUnusableError: it cannot be read, as when its writer was cut off.
    """
    if descriptor.stat().st_size > MOST_DESCRIPTOR_BYTES:
        raise ExportUnusableError(f"{descriptor.name} is too large for an OVF descriptor. Look at the export.")
    text = descriptor.read_bytes()
    try:
        if b"<!DOCTYPE" in text or b"<!ENTITY" in text:  # OVF has neither; both are how XML is made to explode.
            raise ElementTree.ParseError("a document type")
        root = ElementTree.fromstring(text)  # noqa: S314  (without a document type there are no entities to expand)
    except ElementTree.ParseError as error:
        raise ExportUnusableError(
            f"{descriptor.name} is no readable OVF descriptor ({error}): the export was cut off. Export again."
        ) from None
    found = []
    for file in root.iter(f"{_OVF}File"):
        href, size = file.get(f"{_OVF}href", ""), file.get(f"{_OVF}size", "")
        if not href or "://" in href:
            continue
        path = (descriptor.parent / unquote(href)).resolve()
        if not path.is_relative_to(descriptor.parent.resolve()):
            raise ExportUnusableError(
                f"{descriptor.name} names a file outside its folder: {href}. Look at the export."
            )
        in_parts = file.get(f"{_OVF}chunkSize") is not None
        if not in_parts:
            found.append(Stated(path, int(size) if size.isdecimal() else None))
    return found


def stated_digests(manifest: Path) -> dict[Path, tuple[str, str]]:
    """Return algorithm and digest by file, of an OVF ``.mf`` manifest."""
    digests = {}
    for line in manifest.read_text(encoding="utf-8", errors="replace").splitlines():
        if found := _DIGEST.fullmatch(line.strip()):
            algorithm, name, digest = found.groups()
            digests[manifest.parent / name] = (algorithm.lower(), digest.lower())
    return digests
