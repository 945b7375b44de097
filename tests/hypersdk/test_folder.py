from __future__ import annotations

import logging
from collections import namedtuple
from datetime import UTC, datetime
from pathlib import Path

import pytest

from airflow_provider_hypercarbon.exceptions import ConfigurationError, NoSpaceError
from airflow_provider_hypercarbon.hypersdk import folder as folders
from airflow_provider_hypercarbon.hypersdk.attempt_files import AttemptFiles, put_away_cancelled
from airflow_provider_hypercarbon.hypersdk.folder import bytes_below, check_room, prepare, set_aside, was_set_aside
from airflow_provider_hypercarbon.hypersdk.models import ExportJob
from airflow_provider_hypercarbon.hypersdk.note import ExportNote
from airflow_provider_hypercarbon.hypersdk.verify import verify_export
from tests.hypersdk.fake_daemon import UNSEEN_DIR, export_request

NOW = datetime(2026, 2, 4, 3, tzinfo=UTC)
Usage = namedtuple("Usage", "total used free")
log = logging.getLogger(__name__)


@pytest.fixture
def disk(monkeypatch):
    """Let every disk have so many bytes free."""

    def free(size):
        monkeypatch.setattr(folders.shutil, "disk_usage", lambda place: Usage(10**12, 0, size))

    return free


class TestPrepare:
    def test_makes_the_folder_like_the_one_above(self, tmp_path):
        """The daemon may run as somebody else: owner and mode are those of the folder that it may write to."""
        tmp_path.chmod(0o2775)
        assert prepare(str(tmp_path / "run-1" / "job-1"))
        assert (tmp_path / "run-1" / "job-1").stat().st_mode & 0o7777 == 0o2775
        assert prepare(str(tmp_path / "run-1" / "job-1"))

    @pytest.mark.parametrize("path", [f"{UNSEEN_DIR}/job-1", str(Path(UNSEEN_DIR).with_name("job-1"))])
    def test_makes_nothing_where_the_path_means_nothing(self, path):
        """The path is the daemon's; a worker without its disk must not fill its own."""
        assert prepare(path) is False

    def test_a_folder_that_cannot_be_made_is_not_seen(self, tmp_path):
        """The daemon makes it then, and nobody verifies."""
        (tmp_path / "file").touch()
        assert prepare(str(tmp_path / "file" / "job-1")) is False


class TestRoom:
    def test_too_little_is_refused_with_numbers(self, disk, tmp_path):
        """Before the start, not at 97 %."""
        disk(10 * 10**9)
        with pytest.raises(NoSpaceError, match=r"has 10\.0 GB free, and the export needs about 11\.0 GB"):
            check_room(str(tmp_path / "not" / "yet"), 10 * 10**9)

    @pytest.mark.parametrize("expected", [None, 0, 9 * 10**9])
    def test_enough_or_unknown_passes(self, disk, tmp_path, expected):
        """What nobody knows is no reason to refuse."""
        disk(10 * 10**9)
        check_room(str(tmp_path), expected)

    def test_a_disk_that_is_not_seen_passes(self, disk):
        """The worker's own root disk says nothing."""
        disk(1)
        check_room(UNSEEN_DIR, 10**9)

    def test_the_last_export_tells_how_much_it_needs(self, disk, tmp_path):
        """Without data_gb."""
        old = tmp_path / "old"
        old.mkdir()
        (old / "disk.vmdk").write_bytes(b"x" * 1000)
        verify_export(ExportJob(id="old", status="completed", vm_path="/DC0/vm/db-prod", output_dir=str(old)))
        files = AttemptFiles(str(tmp_path), "/DC0/vm/db-prod", "keep", log)
        disk(1050)
        with pytest.raises(NoSpaceError):
            files.prepare(export_request(output_dir=str(tmp_path / "new")))
        disk(1200)
        assert files.prepare(export_request(output_dir=str(tmp_path / "new")))


def test_who_must_verify_must_see(tmp_path):
    """Refused before hours of export, with a way out."""
    files = AttemptFiles(UNSEEN_DIR, "vm", "keep", log, must_see=True)
    with pytest.raises(ConfigurationError, match="verify to 'where_visible'"):
        files.prepare(export_request(output_dir=f"{UNSEEN_DIR}/job-1"))


class TestSetAside:
    @pytest.fixture
    def folder(self, tmp_path):
        own = tmp_path / "job-1"
        own.mkdir()
        (own / "half.vmdk").write_bytes(b"x")
        return own

    def test_quarantine_keeps_the_files_and_the_reason(self, folder):
        """For whoever wants to look, out of the way of whoever wants backups."""
        words = set_aside(str(folder), "quarantine", why="It failed.", now=NOW)
        kept = folder.parent / ".quarantine" / "job-1"
        assert words == f"Its files were moved to {kept}."
        assert (kept / "WHY.txt").read_text() == "2026-02-04 03:00:00 UTC: It failed.\n"
        assert was_set_aside(str(folder))

    def test_a_second_one_does_not_replace_the_first(self, folder):
        """An exporter that runs on may make its folder again."""
        set_aside(str(folder), "quarantine", why="one", now=NOW)
        folder.mkdir()
        set_aside(str(folder), "quarantine", why="two", now=NOW)
        assert len(list((folder.parent / ".quarantine").iterdir())) == 2

    def test_remove_removes(self, folder):
        """Nothing is left."""
        assert "removed" in set_aside(str(folder), "remove", why="x", now=NOW)
        assert list(folder.parent.iterdir()) == []

    def test_keep_and_unseen_stay(self, folder):
        """And the sentence says where."""
        assert set_aside(str(folder), "keep", why="x", now=NOW) == f"Its files stay in {folder}."
        assert "does not see" in set_aside(UNSEEN_DIR, "remove", why="x", now=NOW)

    def test_a_folder_of_others_is_never_touched(self, folder):
        """A job that was submitted by hand may share its folder with anything."""
        files = AttemptFiles(str(folder.parent), "vm", "remove", log)
        files.set_aside(ExportNote(job_id="other", generation=1, attempt=1, output_dir=str(folder)), "x")
        put_away_cancelled(ExportJob(id="other", status="cancelled", output_dir=str(folder)), "remove", log)
        put_away_cancelled(ExportJob(id="job-1", status="completed", output_dir=str(folder)), "remove", log)
        assert folder.exists()
        put_away_cancelled(ExportJob(id="job-1", status="cancelled", output_dir=str(folder)), "remove", log)
        assert not folder.exists()


def test_bytes_below_counts_what_is_written(tmp_path):
    """A disk that was given its full length before it was filled has not been exported yet."""
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(10**9)
    assert bytes_below(str(tmp_path)) < 10**6
    assert bytes_below(UNSEEN_DIR) is None
