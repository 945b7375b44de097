from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from airflow_provider_hypercarbon.exceptions import ExportUnusableError
from airflow_provider_hypercarbon.hypersdk import verify
from airflow_provider_hypercarbon.hypersdk.descriptors import stated_files
from airflow_provider_hypercarbon.hypersdk.manifest import MANIFEST, SUMS, earlier_exports, read_manifest
from airflow_provider_hypercarbon.hypersdk.models import ExportJob
from airflow_provider_hypercarbon.hypersdk.note import ExportNote
from airflow_provider_hypercarbon.hypersdk.verify import verify_export, whole_export

QEMU = shutil.which("qemu-img")
OVF = """<?xml version="1.0"?><Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1"
 xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"><References>{files}</References></Envelope>"""


def describe(folder: Path, **files) -> None:
    """Write a descriptor that gives each file its size; it is the last that a good exporter writes."""
    rows = "".join(
        f'<File ovf:href="{name}"' + (f' ovf:size="{size}"' if size is not None else "") + "/>"
        for name, size in files.items()
    )
    (folder / "vm.ovf").write_text(OVF.format(files=rows))


@pytest.fixture
def folder(tmp_path) -> Path:
    """A good export."""
    own = tmp_path / "exports" / "run-1" / "job-1" / "db-prod"
    own.mkdir(parents=True)
    (own / "disk-0.vmdk").write_bytes(b"disk" * 1000)
    describe(own, **{"disk-0.vmdk": 4000})
    return own.parent


def job(folder: Path, **fields) -> ExportJob:
    given = {"id": "job-1", "status": "completed", "vm_path": "/DC0/vm/db-prod", "output_dir": str(folder)}
    return ExportJob(**(given | fields))


def note(folder: Path) -> ExportNote:
    return ExportNote(job_id="job-1", generation=1, attempt=1, output_dir=str(folder))


class TestAGoodExport:
    def test_gets_a_manifest_of_every_file(self, folder):
        """SHA256SUMS is what sha256sum -c reads; the JSON has sizes, digests, times and what was checked."""
        found = verify_export(job(folder, started_at="2026-02-04T02:00:00Z"), now=datetime(2026, 2, 4, 5, tzinfo=UTC))
        done = subprocess.run(["sha256sum", "-c", SUMS], cwd=folder, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout.count("OK")) == (0, 2), done.stdout
        document = json.loads((folder / MANIFEST).read_text())
        assert document["data_bytes"] == sum(file["size_bytes"] for file in document["files"])
        assert hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest() == found.sha256
        assert read_manifest(folder)[0] == found.manifest
        assert any("1 sizes match" in check for check in found.manifest.checks)

    def test_is_not_read_twice(self, folder, monkeypatch):
        """The worker died after the manifest: the next try compares sizes and goes on."""
        first = verify_export(job(folder))
        monkeypatch.setattr(verify, "_read_all", lambda *_: pytest.fail("read again"))
        assert verify_export(job(folder)) == first

    def test_is_read_again_when_a_size_has_changed(self, folder):
        """Somebody touched it since."""
        verify_export(job(folder))
        with (folder / "db-prod" / "disk-0.vmdk").open("ab") as disk:
            disk.write(b"x")
        with pytest.raises(ExportUnusableError):
            verify_export(job(folder))

    def test_may_go_without_digests(self, folder):
        """For whom reading a terabyte again is too much."""
        found = verify_export(job(folder), checksums=False)
        assert found.manifest.files[0].sha256 is None
        assert not (folder / SUMS).exists()

    def test_tells_how_far_the_reading_is(self, folder, monkeypatch):
        """A person sees that a long verification lives."""
        monkeypatch.setattr(verify, "TELL_EVERY_SECONDS", 0)
        lines = []
        verify_export(job(folder), tell=lines.append)
        assert "GB read" in lines[0]

    def test_may_have_an_ovf_manifest(self, folder):
        """Its digests are compared while the files are read once."""
        digest = hashlib.sha1((folder / "db-prod" / "disk-0.vmdk").read_bytes()).hexdigest()
        (folder / "db-prod" / "vm.mf").write_text(f"SHA1(disk-0.vmdk)= {digest}\n")
        checks = verify_export(job(folder)).manifest.checks
        assert "1 digests of the export's own manifest match" in checks


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda own: (own / "disk-0.vmdk").unlink(), "it is missing"),
        (lambda own: (own / "disk-0.vmdk").write_bytes(b"half"), "it has 4 bytes"),
        (lambda own: (own / "vm.ovf").write_text("<Envelope"), "no readable OVF descriptor"),
        (lambda own: (own / "vm.ovf").write_text('<!DOCTYPE x [<!ENTITY a "b">]><x/>'), "no readable OVF descriptor"),
        (lambda own: describe(own, **{"../../../etc/passwd": None}), "outside its folder"),
        (lambda own: (own / "vm.mf").write_text("SHA256(disk-0.vmdk)= " + "0" * 64), "SHA256"),
        (lambda own: (own / "disk-1.vmdk").touch(), "is empty"),
        (lambda own: shutil.rmtree(own), "holds no file"),
        (lambda own: (own / "vm.ova").write_bytes(b"no archive"), "cut off or corrupt"),
    ],
)
def test_a_bad_export_is_refused_with_a_sentence(folder, spoil, words):
    """What is wrong, with which file, and what to do; no manifest is written."""
    spoil(folder / "db-prod")
    with pytest.raises(ExportUnusableError, match=words) as caught:
        verify_export(job(folder))
    assert str(caught.value).endswith(".")
    assert not (folder / MANIFEST).exists()


def test_a_file_that_the_daemon_names_must_be_there(folder):
    """The web method says which files it wrote."""
    there = str(folder / "db-prod" / "disk-0.vmdk")
    assert "1 files that the daemon named" in str(verify_export(job(folder, files=(there,))).manifest.checks)
    (folder / MANIFEST).unlink()
    with pytest.raises(ExportUnusableError, match=r"disk-9\.vmdk is missing"):
        verify_export(job(folder, files=(str(folder / "disk-9.vmdk"),)))


def test_a_file_that_still_grows_is_no_export(folder, monkeypatch):
    """The exporter of an earlier attempt, or a daemon that says completed too early."""
    read_all = verify._read_all

    def read_and_grow(*arguments):
        with (folder / "db-prod" / "log").open("ab") as file:
            file.write(b"x")
        return read_all(*arguments)

    monkeypatch.setattr(verify, "_read_all", read_and_grow)
    with pytest.raises(ExportUnusableError, match="still writes"):
        verify_export(job(folder))


def test_an_archive_that_is_cut_off_is_refused(folder):
    """An OVA is a tar: its end tells."""
    archive = folder / "vm.ova"
    with tarfile.open(archive, "w") as made:
        made.add(folder / "db-prod" / "disk-0.vmdk", "disk-0.vmdk")
    assert "an archive of 1 files" in str(verify_export(job(folder)).manifest.checks)
    (folder / MANIFEST).unlink()
    os.truncate(archive, 2000)
    with pytest.raises(ExportUnusableError, match="cut off"):
        verify_export(job(folder))


@pytest.mark.skipif(QEMU is None, reason="needs qemu-img (Debian: qemu-utils)")
class TestQemu:
    def test_a_sound_disk_is_found_sound(self, folder):
        """With the real tool, on a disk as vSphere exports it."""
        disk = folder / "db-prod" / "disk-1.vmdk"
        subprocess.run([QEMU, "create", "-q", "-f", "vmdk", disk, "16M"], check=True)
        assert "disk-1.vmdk: qemu-img finds no error" in verify_export(job(folder)).manifest.checks

    def test_a_corrupt_disk_is_refused(self, folder):
        """What the tool calls corrupt never ends green."""
        disk = folder / "db-prod" / "disk-1.qcow2"
        subprocess.run([QEMU, "create", "-q", "-f", "qcow2", disk, "16M"], check=True)
        with disk.open("r+b") as file:  # the first table of clusters leads to nowhere
            file.seek(40)
            table = int.from_bytes(file.read(8), "big")
            file.seek(table)
            file.write((0x8000_0000_7FFF_0000).to_bytes(8, "big"))
        with pytest.raises(ExportUnusableError, match="corrupt"):
            verify_export(job(folder))


class TestAForgottenExport:
    def test_is_taken_when_its_files_prove_it(self, folder):
        """The daemon was restarted after the end: the descriptor, written last, is right about every file."""
        found = whole_export(note(folder), vm_path="/DC0/vm/db-prod")
        assert (found.id, found.status) == ("job-1", "completed")
        assert found.completed_at is not None

    def test_is_taken_when_it_was_verified(self, folder):
        """The manifest of an earlier try."""
        verify_export(job(folder, completed_at="2026-02-04T04:00:00Z"))
        (folder / "db-prod" / "vm.ovf").touch()
        assert whole_export(note(folder), vm_path="x").completed_at == datetime(2026, 2, 4, 4, tzinfo=UTC)

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda own: (own / "disk-0.vmdk").write_bytes(b"half"),
            lambda own: (own / "vm.ovf").unlink(),
            lambda own: describe(own, **{"disk-0.vmdk": None}),
            lambda own: describe(own),
            lambda own: (own / "vm.ovf").write_text("<Envelope"),
            lambda own: os.utime(own / "vm.ovf", (1, 1)),  # written before its disks: it proves nothing
            lambda own: shutil.rmtree(own.parent),
        ],
    )
    def test_is_not_taken_on_less(self, folder, spoil):
        """An export too many is better than half of one."""
        spoil(folder / "db-prod")
        assert whole_export(note(folder), vm_path="x") is None


def test_earlier_exports_of_a_vm_are_found(folder):
    """In the same folder, and in the neighbour's where each run has its own."""
    verify_export(job(folder))
    assert [found.job_id for found in earlier_exports(str(folder.parent), "/DC0/vm/db-prod")] == ["job-1"]
    assert list(earlier_exports(str(folder.parent), "/DC0/vm/other")) == []
    other_run = folder.parent.parent / "run-2"
    other_run.mkdir()
    assert "job-1" in [found.job_id for found in earlier_exports(str(other_run), "/DC0/vm/db-prod")]


def test_a_descriptor_of_parts_is_not_sized(tmp_path):
    """A disk in chunks has names of its own."""
    describe(tmp_path)
    text = (tmp_path / "vm.ovf").read_text()
    row = '<References><File ovf:href="d.vmdk" ovf:size="5" ovf:chunkSize="2"/>'
    (tmp_path / "vm.ovf").write_text(text.replace("<References>", row))
    assert stated_files(tmp_path / "vm.ovf") == []
