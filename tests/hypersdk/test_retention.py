from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_hypercarbon.exceptions import ConfigurationError
from airflow_provider_hypercarbon.hypersdk.manifest import ExportedFile, ExportManifest, write_manifest
from airflow_provider_hypercarbon.hypersdk.retention import (
    DOOMED,
    KeptExport,
    find_exports,
    finish_deletions,
    plan_retention,
    remove_export,
)
from tests.hypersdk.fake_daemon import UNSEEN_DIR

NOW = datetime(2026, 3, 10, 6, tzinfo=UTC)
VM = "/DC0/vm/db-prod"


def manifest_of(job_id: str, *, days: float, vm_path: str = VM, size: int = 5, vcenter: str = "vc") -> ExportManifest:
    at = NOW - timedelta(days=days)
    return ExportManifest(
        job_id=job_id,
        vm_path=vm_path,
        vcenter=vcenter,
        started_at=at,
        ended_at=at + timedelta(hours=1),
        verified_at=at + timedelta(hours=1),
        data_bytes=size,
        files=(ExportedFile(path="db-prod/disk-0.vmdk", size_bytes=size),),
        checks=("1 files exist",),
    )


def put_export(folder: Path, job_id: str, *, days: float, **more: object) -> Path:
    """Lay a verified export into a folder, as the export operator leaves it."""
    manifest = manifest_of(job_id, days=days, **more)  # type: ignore[arg-type]
    own = folder / job_id
    disk = own / manifest.files[0].path
    disk.parent.mkdir(parents=True)
    disk.write_bytes(b"x" * manifest.data_bytes)
    write_manifest(own, manifest)
    return own


def names(exports) -> list[str]:
    return [export.manifest.job_id for export, _ in exports]


class TestFinding:
    def test_exports_lie_in_the_folder_or_in_one_of_their_run(self, tmp_path: Path):
        """Both layouts of output_dir are found, and what has no manifest is nobody's."""
        put_export(tmp_path, "a", days=1)
        put_export(tmp_path / "run-2026-03-09", "b", days=2)
        (tmp_path / "under-way").mkdir()
        (tmp_path / "under-way" / "disk.vmdk").write_bytes(b"x")
        put_export(tmp_path / ".quarantine", "c", days=3)
        assert {export.manifest.job_id for export in find_exports(tmp_path)} == {"a", "b"}

    @pytest.mark.parametrize("damage", ["missing", "short", "damaged manifest"])
    def test_damage_is_seen(self, tmp_path: Path, damage: str):
        """A file that is gone or has another size; a manifest that cannot be read is none."""
        own = put_export(tmp_path, "a", days=1)
        disk = own / "db-prod/disk-0.vmdk"
        if damage == "missing":
            disk.unlink()
        elif damage == "short":
            disk.write_bytes(b"x")
        else:
            (own / "hypercarbon-export.json").write_text("{")
        found = find_exports(tmp_path)
        words = {"missing": "is missing", "short": "has 1 bytes and not 5"}
        assert [words[damage] in export.wrong for export in found] == ([] if damage == "damaged manifest" else [True])

    def test_a_folder_that_this_machine_does_not_see(self, tmp_path: Path):
        """Said, with what to do; not taken for an empty one."""
        with pytest.raises(ConfigurationError, match="worker that mounts"):
            find_exports(tmp_path / "elsewhere")

    def test_links_are_not_followed(self, tmp_path: Path):
        """A link may lead into somebody else's backups."""
        put_export(tmp_path / "theirs", "a", days=1)
        (tmp_path / "ours").mkdir()
        (tmp_path / "ours" / "link").symlink_to(tmp_path / "theirs")
        assert find_exports(tmp_path / "ours") == []


def export_of(job_id: str, *, days: float, wrong: str = "") -> KeptExport:
    return KeptExport(Path(UNSEEN_DIR, job_id), manifest_of(job_id, days=days), wrong)


class TestPlan:
    def test_the_youngest_stay(self):
        """By the moment of the export, whatever the order in which they are found."""
        plan = plan_retention([export_of(f"d{days}", days=days) for days in (3, 1, 4, 2)], keep_last=2, now=NOW)
        assert (names(plan.keep), names(plan.remove)) == (["d1", "d2"], ["d3", "d4"])

    def test_a_damaged_one_counts_for_nothing_and_stays(self):
        """The last good one is kept although younger ones exist, and a person may look at those."""
        exports = [export_of("d1", days=1, wrong="cut off"), export_of("d2", days=2), export_of("d3", days=3)]
        plan = plan_retention(exports, keep_last=1, now=NOW)
        assert (names(plan.keep), names(plan.remove)) == (["d1", "d2"], ["d3"])

    def test_young_ones_stay_beyond_the_count(self):
        """keep_for is for those who must keep a month whatever the schedule."""
        exports = [export_of(f"d{days}", days=days) for days in (1, 29, 31)]
        plan = plan_retention(exports, keep_last=1, keep_for=timedelta(days=30), now=NOW)
        assert (names(plan.keep), names(plan.remove)) == (["d1", "d29"], ["d31"])

    def test_one_without_a_report_stays(self):
        """Its footprint could not be reckoned any more."""
        exports = [export_of("d1", days=1), export_of("d2", days=2)]
        plan = plan_retention(exports, keep_last=1, unreported={"d2"}, now=NOW)
        assert names(plan.remove) == []

    @pytest.mark.parametrize("keep_last", [0, -1])
    def test_keeping_none_is_refused(self, keep_last: int):
        """The last good export is never removed, not even on demand."""
        with pytest.raises(ConfigurationError, match="Keep 1 at least"):
            plan_retention([], keep_last=keep_last, now=NOW)

    @given(st.lists(st.tuples(st.integers(0, 400), st.booleans()), max_size=30), st.integers(1, 40))
    def test_the_last_good_one_is_never_removed(self, found: list[tuple[int, bool]], keep_last: int):
        """Whatever lies there: nothing is lost, enough good ones stay, and all that go are older than those."""
        exports = [
            export_of(f"e{number}", days=days, wrong="" if good else "cut off")
            for number, (days, good) in enumerate(found)
        ]
        plan = plan_retention(exports, keep_last=keep_last, now=NOW)
        assert sorted(names(plan.keep) + names(plan.remove)) == sorted(e.manifest.job_id for e in exports)
        good = [export for export, _ in plan.keep if not export.wrong]
        assert len(good) == min(keep_last, sum(good for _, good in found))
        assert all(gone.made_at <= stays.made_at for gone, _ in plan.remove for stays in good)
        assert not any(gone.wrong for gone, _ in plan.remove)


class TestRemoving:
    def test_it_goes_with_all_its_files(self, tmp_path: Path):
        put_export(tmp_path, "a", days=1)
        (export,) = find_exports(tmp_path)
        remove_export(export, tmp_path)
        assert list(tmp_path.iterdir()) == []
        remove_export(export, tmp_path)  # a second run of the task finds it gone

    def test_a_deletion_that_was_cut_off_is_finished(self, tmp_path: Path):
        """Half an export never looks like one: its name is taken first."""
        own = put_export(tmp_path, "a", days=1)
        own.rename(own.with_name(DOOMED + own.name))
        assert find_exports(tmp_path) == []
        assert [path.name for path in finish_deletions(tmp_path)] == [DOOMED + "a"]
        assert list(tmp_path.iterdir()) == []

    def test_nothing_outside_the_folder_is_touched(self, tmp_path: Path):
        """Neither by a wrong root nor by a link."""
        own = put_export(tmp_path / "theirs", "a", days=1)
        (export,) = find_exports(tmp_path / "theirs")
        (tmp_path / "ours").mkdir()
        with pytest.raises(ConfigurationError, match="Nothing was deleted"):
            remove_export(export, tmp_path / "ours")
        (tmp_path / "ours" / "link").symlink_to(own)
        with pytest.raises(ConfigurationError, match="Nothing was deleted"):
            remove_export(export._replace(folder=tmp_path / "ours" / "link"), tmp_path / "ours")
        assert (own / "db-prod/disk-0.vmdk").exists()
