from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from airflow_provider_hypercarbon.exceptions import BadAnswerError
from airflow_provider_hypercarbon.hypersdk.models import (
    MAX_WORDS,
    ExportJob,
    JobStatus,
    VCenter,
    scrub,
    utc_time,
)
from tests.hypersdk.fake_daemon import CANARY, completed, export_request, job_json


@pytest.mark.parametrize(
    ("word", "status", "terminal"),
    [
        ("pending", JobStatus.PENDING, False),
        ("running", JobStatus.RUNNING, False),
        ("completed", JobStatus.COMPLETED, True),
        ("failed", JobStatus.FAILED, True),
        ("cancelled", JobStatus.CANCELLED, True),
        ("hibernating", JobStatus.UNKNOWN, False),
    ],
)
def test_status_words(word, status, terminal):
    """Each of the daemon's words has its status; a word of a later daemon is unknown, and kept."""
    job = ExportJob.from_daemon(job_json(status=word))
    assert (job.status, job.status_word, job.status.is_terminal, job.has_ended) == (status, word, terminal, terminal)


def test_unknown_status_with_an_end_has_ended():
    """A job of an unknown status is waited for until it has an end, and no longer."""
    assert ExportJob.from_daemon(job_json(status="archived", completed_at="2026-02-04T04:00:00Z")).has_ended


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-02-04T02:00:00Z", datetime(2026, 2, 4, 2, tzinfo=UTC)),
        ("2026-02-04T02:00:00.1Z", datetime(2026, 2, 4, 2, 0, 0, 100_000, tzinfo=UTC)),
        ("2026-02-04T07:30:00.123456789+05:30", datetime(2026, 2, 4, 2, 0, 0, 123_456, tzinfo=UTC)),
        ("2026-02-03T21:00:00-05:00", datetime(2026, 2, 4, 2, tzinfo=UTC)),
    ],
)
def test_go_times_become_utc(text, expected):
    """Go writes up to nine decimals and any offset; we keep UTC to the microsecond."""
    job = ExportJob.from_daemon(job_json(started_at=text))
    assert job.started_at == expected
    assert job.started_at.utcoffset() == timedelta(0)


@given(
    time=st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1)),  # noqa: DTZ001
    minutes=st.integers(-14 * 60, 14 * 60),
    decimals=st.integers(0, 999_999_999),
)
def test_any_offset_and_any_decimals_are_read(time, minutes, decimals):
    """Whatever zone the daemon lives in, the instant is right."""
    sign, (hours, rest) = ("-" if minutes < 0 else "+"), divmod(abs(minutes), 60)
    written = f"{time:%Y-%m-%dT%H:%M:%S}.{decimals:09d}{sign}{hours:02d}:{rest:02d}"
    expected = time.replace(microsecond=decimals // 1000, tzinfo=UTC) - timedelta(minutes=minutes)
    assert utc_time(written) == expected


@pytest.mark.parametrize(
    "value", ["2026-02-04T02:00:00", "yesterday", "9999-12-31T23:59:59-05:00", 1_770_170_400, ["2026"], True]
)
def test_unreadable_times_are_refused(value):
    """A time without an offset, or no time at all, makes the whole answer a bad one, by the field's name."""
    with pytest.raises(BadAnswerError, match="started_at"):
        ExportJob.from_daemon(job_json(started_at=value))


def test_go_zero_time_is_no_time():
    """Go writes an unset time as year one."""
    assert ExportJob.from_daemon(job_json(completed_at="0001-01-01T00:00:00Z")).completed_at is None


def test_password_stays_outside():
    """The daemon echoes the vCenter password, also in its words; nothing of it reaches a job."""
    words = f"ovftool vi://u:{CANARY}@vc/x: login with canary%2Fp4ss%40word failed"
    job = ExportJob.from_daemon(
        job_json(
            status="failed",
            error=words,
            progress={"phase": CANARY, "current_step": CANARY},
            definition={"password": "top-level"},
            result={"error": "top-level"},
        )
    )
    text = job.model_dump_json() + repr(job) + job.progress
    assert "canary" not in text
    assert "p4ss" not in text
    assert job.error == "ovftool vi://***@vc/x: login with *** failed"
    assert "canary" not in str(ExportJob.from_daemon(job_json(result={"error": CANARY})))


def test_words_are_cut():
    """A daemon that talks without end does not fill a log or an XCom."""
    assert len(scrub("x" * 10_000)) == MAX_WORDS


@pytest.mark.parametrize("field", ["progress", "result", "error", "started_at", "completed_at"])
@pytest.mark.parametrize("value", [None, "absent"])
def test_null_and_absent_fields_are_fine(field, value):
    """Null and absent mean the same to Go."""
    payload = completed() | {field: None}
    if value == "absent":
        del payload[field]
    assert ExportJob.from_daemon(payload).id == "job-1"


def test_unknown_fields_are_ignored():
    """A later daemon may say more."""
    payload = job_json(new=1, progress={"new": []}, result={"new": {}}, definition={"new": None})
    assert ExportJob.from_daemon(payload).id == "job-1"


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        "job",
        {},
        {"status": "running"},
        job_json(status=None),
        job_json(status=5),
        job_json(definition={"id": ""}),
        job_json(definition={"id": 7}),
        {"definition": [], "status": "running"},
    ],
)
def test_what_is_no_job_is_a_bad_answer(payload):
    """A job needs an id and a status; anything else is named as the daemon's fault, without its values."""
    with pytest.raises(BadAnswerError) as caught:
        ExportJob.from_daemon(payload)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("size", "expected"),
    [(0, None), (-1, None), (True, None), ("5", None), (1.5, None), (2**63, None), (None, None), (7, 7)],
)
def test_size_only_when_the_daemon_knows_it(size, expected):
    """Most methods say 0 for "unknown"; 0 is never a size."""
    assert ExportJob.from_daemon(completed(total_size=size)).data_bytes == expected


@pytest.mark.parametrize(
    ("percent", "expected"), [(0, None), (float("nan"), None), (101, None), (-3, None), ("9", None), (45.5, 45.5)]
)
def test_percent_only_when_reported(percent, expected):
    """A method that reports no percentage says 0; nonsense is not shown."""
    assert ExportJob.from_daemon(job_json(progress={"percent_complete": percent})).percent == expected


def test_files_of_either_field():
    """``output_files`` is what the web method fills, ``files`` what a later daemon may; null is none."""
    assert ExportJob.from_daemon(completed(output_files=["/e/a.vmdk", 3])).files == ("/e/a.vmdk",)
    assert ExportJob.from_daemon(completed(files=["/e/b.vmdk"])).files == ("/e/b.vmdk",)
    assert ExportJob.from_daemon(completed()).files == ()


def test_progress_line():
    """A log line says where the export is, with what this method reports."""
    numbers = {"phase": "exporting", "percent_complete": 45, "bytes_transferred": 2e9, "total_bytes": 0}
    assert ExportJob.from_daemon(job_json(progress=numbers)).progress == "running, exporting, 45 %"
    numbers |= {"bytes_transferred": 2_000_000_000, "total_bytes": 4_000_000_000}
    assert ExportJob.from_daemon(job_json(progress=numbers)).progress == "running, exporting, 45 %, 2.00 of 4.00 GB"
    numbers |= {"total_bytes": 0, "percent_complete": 0}
    assert ExportJob.from_daemon(job_json(progress=numbers)).progress == "running, exporting, 2.00 GB"
    step = {"phase": "exporting", "current_step": "disk-0"}
    assert ExportJob.from_daemon(job_json(progress=step)).progress == "running, exporting, disk-0"
    assert ExportJob.from_daemon(completed() | {"progress": step}).progress == "completed"
    assert ExportJob(id="x", status=JobStatus.PENDING).progress == "pending"


def test_job_survives_json():
    """A job goes through a trigger event as plain JSON and comes back the same; a foreign field does not."""
    job = ExportJob.from_daemon(completed(total_size=5, output_files=["/a"]))
    plain = json.loads(json.dumps(job.model_dump(mode="json")))
    assert ExportJob.model_validate(plain) == job
    with pytest.raises(ValidationError):
        ExportJob.model_validate(plain | {"extra": 1})


def test_request_reveals_the_password_only_to_the_daemon():
    """The submit holds the password; printing the request does not."""
    request = export_request(compress=True, metadata={"carbon_aware": False})
    body = request.to_json()
    assert body["vcenter"] == {"server": "vc", "username": "u", "password": CANARY, "insecure": False}
    assert body["compress"] is True
    assert body["metadata"] == {"carbon_aware": False}
    json.dumps(body)
    assert "canary" not in repr(request) + str(request) + request.model_dump_json()


@pytest.mark.parametrize(
    "changes",
    [{"id": "a/b"}, {"id": ""}, {"id": "../x"}, {"vm_path": ""}, {"output_dir": ""}, {"format": "qcow2"}],
)
def test_request_refuses_what_cannot_work(changes):
    """The daemon would accept it and fail later."""
    with pytest.raises(ValidationError):
        export_request(**changes)


@pytest.mark.parametrize("server", ["https://vc", "", "vc/sdk", "user@vc"])
def test_vcenter_server_is_a_host(server):
    """The daemon puts it into ``https://<server>/sdk``."""
    with pytest.raises(ValidationError):
        VCenter(server=server, username="u", password="p")
