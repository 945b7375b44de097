from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_hypercarbon.hypersdk import folder
from airflow_provider_hypercarbon.hypersdk.measure import ExportResult, export_result, hours_between
from airflow_provider_hypercarbon.hypersdk.models import ExportJob
from tests.hypersdk.fake_daemon import completed

START = datetime(2026, 2, 4, 2, 0, 0, 123_456, tzinfo=UTC)


def job(folder, **result) -> ExportJob:
    payload = completed(**result)
    payload["definition"]["output_dir"] = str(folder)
    return ExportJob.from_daemon(payload)


def write(path, size: int, age: timedelta = timedelta(0)):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size)
    moment = (START + timedelta(minutes=5) - age).timestamp()
    os.utime(path, (moment, moment))


def test_the_daemons_size_comes_first(tmp_path):
    """What the daemon knows is not measured again."""
    write(tmp_path / "db-prod" / "disk.vmdk", 5)
    result = export_result(job(tmp_path, total_size=53_700_000_000, output_files=["/e/d.vmdk"]), declared_gb=1)
    assert (result.data_bytes, result.data_gb, result.data_bytes_from) == (53_700_000_000, 53.7, "daemon")
    assert result.files == ("/e/d.vmdk",)
    assert (result.started_at, result.duration_hours, result.vm_name) == (START, 2.0, "db-prod")


def test_else_the_files_of_this_export(tmp_path):
    """Apparent sizes of what is new in the attempt's folder: no older file, no link, none of ours."""
    disk = tmp_path / "db-prod" / "disk.vmdk"
    write(disk, 2_000_000)
    write(tmp_path / "db-prod" / "last-week.vmdk", 7_000_000, age=timedelta(days=7))
    write(tmp_path / "SHA256SUMS", 9_000_000)
    write(tmp_path / "hypercarbon-export.json", 9_000_000)
    (tmp_path / "db-prod" / "link").symlink_to(tmp_path / "SHA256SUMS")
    result = export_result(job(tmp_path), declared_gb=1)
    assert (result.data_bytes, result.data_bytes_from, result.files) == (2_000_000, "output_dir", (str(disk),))


def test_a_method_without_a_folder_of_the_vm(tmp_path):
    """The web method writes into the output folder itself."""
    write(tmp_path / "disk-0.vmdk", 2_000_000)
    assert export_result(job(tmp_path)).data_bytes == 2_000_000


@pytest.mark.parametrize("declared", [None, 0.5])
def test_else_what_was_declared_else_nothing(tmp_path, declared):
    """An unknown size is null, never 0."""
    result = export_result(job(tmp_path / "not-here"), declared_gb=declared)
    expected = (None, None, None) if declared is None else (500_000_000, 0.5, "declared")
    assert (result.data_bytes, result.data_gb, result.data_bytes_from) == expected
    assert result.files == ()


def test_files_cannot_be_told_from_older_ones_without_a_start(tmp_path):
    """Without the daemon's start nothing in the folder counts."""
    write(tmp_path / "db-prod" / "disk.vmdk", 5)
    result = export_result(job(tmp_path).model_copy(update={"started_at": None}))
    assert (result.data_bytes, result.started_at, result.duration_hours) == (None, None, None)


def test_a_folder_that_is_no_export_is_left_alone(tmp_path, monkeypatch):
    """A shared folder with very many files is not walked to its end."""
    monkeypatch.setattr(folder, "MOST_FILES", 2)
    for number in range(3):
        write(tmp_path / f"{number}.vmdk", 5)
    assert export_result(job(tmp_path)).data_bytes is None


def test_a_file_that_vanishes_costs_the_measure_only(tmp_path, monkeypatch):
    """The daemon may still tidy up; a finished export stays finished."""
    monkeypatch.setattr(folder.os, "walk", lambda top: [(str(tmp_path), [], ["gone.vmdk"])])
    assert export_result(job(tmp_path)).data_bytes is None


@pytest.mark.parametrize(
    ("decision", "zone", "synthetic"),
    [
        (None, None, None),
        ({"zone": "DE", "synthetic": "mock"}, "DE", "mock"),
        ({"zone": "DE", "synthetic": "sandbox"}, "DE", "sandbox"),
        ({"zone": 5, "synthetic": "other"}, None, None),
    ],
)
def test_the_decision_gives_zone_and_mark(tmp_path, decision, zone, synthetic):
    """A result on invented grid data says so."""
    result = export_result(job(tmp_path), decision=decision)
    assert (result.zone, result.synthetic) == (zone, synthetic)
    plain = json.loads(json.dumps(result.model_dump(mode="json"), allow_nan=False))
    assert ExportResult.model_validate(plain) == result
    assert plain["started_at"] == "2026-02-04T02:00:00.123456Z"


def test_hours_between():
    """Hours by the daemon's two times; unknown when one is missing or its clock ran backwards."""
    start = datetime(2026, 2, 4, 2, tzinfo=UTC)
    assert hours_between(start, start + timedelta(minutes=90)) == 1.5
    assert hours_between(None, start) is None
    assert hours_between(start, None) is None
    assert hours_between(start, start - timedelta(seconds=1)) is None
