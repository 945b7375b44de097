"""The development daemon's VMs: disk images in a folder, copied with their holes."""

from __future__ import annotations

import os
import random
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CHUNK = 256 * 1024
SAMPLE_VMS = {"db-prod": 512, "file-server": 384, "web-frontend": 256}  # apparent MB
SAMPLE_DATA_MB = 4
OVF = """<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1">
  <References><File ovf:id="file1" ovf:href="{disk}" ovf:size="{size}"/></References>
  <DiskSection><Info>Disks</Info>
    <Disk ovf:diskId="disk1" ovf:fileRef="file1" ovf:capacity="{size}"/></DiskSection>
  <VirtualSystem ovf:id="{name}"><Info>{name}</Info></VirtualSystem>
</Envelope>
"""


def vm_names(vm_dir: Path) -> list[str]:
    """Return the names of the VMs in the folder: ``db-prod.img`` is ``db-prod``."""
    return sorted(path.stem for path in vm_dir.glob("*.img"))


def ensure_vms(vm_dir: Path) -> None:
    """Make the folder, and put a few sparse samples into it when it has no VM."""
    vm_dir.mkdir(parents=True, exist_ok=True)
    if vm_names(vm_dir):
        return
    for name, megabytes in SAMPLE_VMS.items():
        noise = random.Random(name)  # noqa: S311  (the same sample on every machine, not a secret)
        with (vm_dir / f"{name}.img").open("wb") as image:
            for part in range(SAMPLE_DATA_MB):
                image.seek(part * megabytes * 1_000_000 // SAMPLE_DATA_MB)
                image.write(noise.randbytes(1_000_000))
            image.truncate(megabytes * 1_000_000)


def copy_image(image: Path, disk: Path, on_chunk: Callable[[int, int], None]) -> int:
    """Copy an image and keep its holes; return its apparent size.

    :param on_chunk: told (bytes done, bytes in all) after each chunk; what it raises ends the copy.
    """
    total, done = image.stat().st_size, 0
    with image.open("rb") as reader, disk.open("wb") as writer:
        while chunk := reader.read(CHUNK):
            if chunk.count(0) == len(chunk):
                writer.seek(len(chunk), os.SEEK_CUR)
            else:
                writer.write(chunk)
            done += len(chunk)
            on_chunk(done, total)
        writer.truncate(total)
    return total


def write_descriptor(disk: Path, size: int, name: str) -> None:
    """Put a small OVF descriptor beside the disk."""
    text = OVF.format(disk=escape(disk.name), size=size, name=escape(name))
    disk.with_name(f"{name}.ovf").write_text(text, encoding="utf-8")
