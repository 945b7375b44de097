from __future__ import annotations

import httpx
import pytest

from airflow_provider_hypercarbon.exceptions import ExportLostError
from airflow_provider_hypercarbon.hypersdk.progress import Progress
from airflow_provider_hypercarbon.hypersdk.watch import ExportWatch, seen_bytes
from tests.hypersdk.fake_daemon import UNSEEN_DIR, answering, client_of, completed, job_json, lost
from tests.hypersdk.test_progress import Lines, a_job


def watching(log, *answers):
    return ExportWatch(client_of(answering(*answers)), "job-1", Progress("job-1", log))


def test_a_daemon_that_is_down_is_no_failed_job():
    """An outage is one line when it begins and one when it ends; the looks in between say nothing."""
    log = Lines()
    tries = [httpx.Response(503)] * 3
    watch = watching(log, *tries, *tries, job_json(progress={"phase": "exporting", "percent_complete": 5}))
    assert watch.look() is None
    assert watch.look() is None
    assert watch.look().percent == 5
    assert len(log) == 3
    assert "asking again" in log[0]
    assert "answers again after 2 silent looks" in log[1]


def test_a_refused_credential_says_nothing_about_the_export():
    """Somebody may mend the connection while the export goes on."""
    watch = watching(Lines(), httpx.Response(401), completed())
    assert watch.look() is None
    assert watch.look().status == "completed"


def test_a_lost_job_is_an_error():
    """Waiting does not help there."""
    with pytest.raises(ExportLostError):
        watching(Lines(), lost()).look()


def test_bytes_on_the_disk_stand_in_for_bytes_reported(tmp_path):
    """Only where the daemon reports none, and this machine sees the folder."""
    (tmp_path / "disk.vmdk").write_bytes(b"x" * 100_000)
    assert seen_bytes(a_job(output_dir=str(tmp_path))) >= 100_000
    assert seen_bytes(a_job(output_dir=str(tmp_path), percent=5.0)) is None
    assert seen_bytes(a_job(output_dir=UNSEEN_DIR)) is None
