from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from airflow_provider_hypercarbon.exceptions import AuthenticationError, ExportLostError
from airflow_provider_hypercarbon.hypersdk import watch as watching
from airflow_provider_hypercarbon.hypersdk.models import ExportJob
from airflow_provider_hypercarbon.hypersdk.watch import ExportWatch, ended_too_late
from tests.hypersdk.fake_daemon import answering, client_of, completed, job_json, lost


class Lines(list):
    """A log that keeps its lines."""

    def info(self, message, *args):
        self.append(message % args)

    warning = info


def at(percent: float, phase: str = "exporting"):
    return job_json(progress={"phase": phase, "percent_complete": percent})


def test_a_daemon_that_is_down_is_no_failed_job():
    """An outage is one line when it begins and one when it ends; the looks in between say nothing."""
    log = Lines()
    down = httpx.Response(503)
    three_tries = [down] * 3
    watch = ExportWatch(client_of(answering(*three_tries, *three_tries, at(5))), "job-1", log)
    assert watch.look() is None
    assert watch.look() is None
    assert watch.look().percent == 5
    assert len(log) == 3
    assert "asking again" in log[0]
    assert "answers again after 2 silent looks" in log[1]


@pytest.mark.parametrize(("answer", "error"), [(lost(), ExportLostError), (httpx.Response(401), AuthenticationError)])
def test_what_waiting_cannot_mend_is_an_error(answer, error):
    """A lost job and a refused credential end the wait."""
    with pytest.raises(error):
        ExportWatch(client_of(answering(answer)), "job-1", Lines()).look()


def test_progress_is_told_in_tenths():
    """A log of a long export stays short: a line a phase, a tenth, an end."""
    log = Lines()
    looks = [at(0, "connecting"), at(1), at(2), at(9.9), at(10), at(12), completed()]
    watch = ExportWatch(client_of(answering(*looks)), "job-1", log)
    for _ in looks:
        watch.look()
    assert log == [
        "Export job-1: running, connecting.",
        "Export job-1: running, exporting, 1 %.",
        "Export job-1: running, exporting, 10 %.",
        "Export job-1: completed.",
    ]


def test_a_silent_export_says_now_and_then_that_it_lives():
    """A method without a percentage still leaves a sign of life."""
    log = Lines()
    watch = ExportWatch(client_of(answering(job_json())), "job-1", log)
    job = ExportJob.from_daemon(job_json())
    start = datetime(2026, 2, 4, 2, tzinfo=UTC)
    for minutes in range(25):
        watch._tell(job, start + timedelta(minutes=minutes))
    assert len(log) == 1 + 24 // (watching.SILENCE // timedelta(minutes=1))


def test_a_wait_that_is_over_says_what_goes_on():
    """The export is not cancelled with the wait."""
    error = ended_too_late("job-1", datetime(2026, 2, 4, 14, tzinfo=UTC))
    assert "left running" in str(error)
    assert error.retryable
