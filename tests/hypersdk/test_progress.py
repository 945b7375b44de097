from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_hypercarbon.exceptions import ExportOverdueError, ExportStalledError, UnavailableError
from airflow_provider_hypercarbon.hypersdk.models import ExportJob
from airflow_provider_hypercarbon.hypersdk.progress import SILENCE, Progress, in_words

T0 = datetime(2026, 2, 4, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Lines(list):
    """A log that keeps its lines."""

    def info(self, message, *args):
        self.append(message % args)

    warning = info


def a_job(**fields) -> ExportJob:
    return ExportJob(**({"id": "job-1", "status": "running", "phase": "exporting", "started_at": T0} | fields))


def after(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def test_progress_is_told_in_steps():
    """A log of a long export stays short: a line a phase, a tenth, an end."""
    log = Lines()
    progress = Progress("job-1", log)
    looks = [a_job(phase="connecting"), *(a_job(percent=p) for p in (1.0, 2.0, 9.9, 10.0, 12.0))]
    for job in [*looks, a_job(status="completed")]:
        progress.saw(job, T0)
    assert log == [
        "Export job-1: running, connecting.",
        "Export job-1: running, exporting, 1 %.",
        "Export job-1: running, exporting, 10 %.",
        "Export job-1: completed.",
    ]


def test_a_line_says_what_a_person_wants():
    """Phase, percentage, bytes, rate and time left."""
    log = Lines()
    progress = Progress("job-1", log)
    for minutes, percent in ((1, 10), (2, 20)):
        job = a_job(percent=float(percent), bytes_done=percent * 10**9, bytes_total=100 * 10**9)
        progress.saw(job, after(minutes))
    assert log[-1] == "Export job-1: running, exporting, 20 %, 20.00 of 100.00 GB, 166.7 MB/s, about 8 min left."


def test_a_percentage_alone_gives_the_time_left():
    """ovftool reports no bytes."""
    log = Lines()
    Progress("job-1", log).saw(a_job(percent=25.0), after(60))
    assert log[-1].endswith("25 %, about 3 h left.")


def test_a_silent_export_says_now_and_then_that_it_lives():
    """A method without a percentage still leaves a sign of life."""
    log = Lines()
    progress = Progress("job-1", log)
    for minutes in range(25):
        progress.saw(a_job(), after(minutes))
    assert len(log) == 1 + 24 // (SILENCE // timedelta(minutes=1))


@pytest.mark.parametrize("change", [{"percent": 2.0}, {"step": "disk 2"}, {"bytes_done": 5}, {"phase": "closing"}])
def test_an_export_that_moves_has_not_stalled(change):
    """Any sign of progress counts, for every method that gives one."""
    progress = Progress("job-1", Lines(), max_stall=HOUR)
    progress.saw(a_job(export_method="ovftool"), T0)
    progress.saw(a_job(export_method="ovftool", **change), after(61))
    with pytest.raises(ExportStalledError, match="no progress for 61 min"):
        progress.saw(a_job(export_method="ovftool", **change), after(122))


def test_a_method_that_tells_nothing_cannot_be_told_to_stall():
    """Unless its files are seen: then they tell."""
    progress = Progress("job-1", Lines(), max_stall=HOUR)
    progress.saw(a_job(export_method="web"), T0)
    progress.saw(a_job(export_method="web"), after(600))
    seen = Progress("job-1", Lines(), max_stall=HOUR)
    seen.saw(a_job(export_method="web"), T0, bytes_seen=1)
    seen.saw(a_job(export_method="web"), after(59), bytes_seen=2)
    seen.saw(a_job(export_method="web"), after(118), bytes_seen=2)
    with pytest.raises(ExportStalledError):
        seen.saw(a_job(export_method="web"), after(120), bytes_seen=2)


def test_a_daemon_that_is_away_is_no_stall():
    """Nobody could see progress meanwhile."""
    progress = Progress("job-1", Lines(), max_stall=HOUR)
    progress.saw(a_job(export_method="govc"), T0)
    progress.missed(UnavailableError("away"), after(59))
    progress.saw(a_job(export_method="govc"), after(90))
    progress.saw(a_job(export_method="govc"), after(149))


def test_an_export_that_takes_too_long_is_an_error():
    """Whether the daemon answers or not; one that has ended is none."""
    progress = Progress("job-1", Lines(), give_up_at=after(60))
    progress.saw(a_job(), after(59))
    progress.saw(a_job(status="completed"), after(61))
    with pytest.raises(ExportOverdueError, match="2026-02-04 03:00 UTC"):
        progress.saw(a_job(), after(60))
    with pytest.raises(ExportOverdueError):
        progress.missed(UnavailableError("away"), after(60))


@pytest.mark.parametrize(
    ("minutes", "job", "pause"),
    [
        (0, {}, 5),
        (1, {}, 6),
        (10, {}, 30),
        (3, {"percent": 99.0}, 5),
        (600, {"percent": 99.9}, 18),
    ],
)
def test_looks_come_soon_when_something_may_happen(minutes, job, pause):
    """While the export is young, and near its end; else at the poll interval."""
    progress = Progress("job-1", Lines())
    progress.saw(a_job(**job), after(minutes))
    assert round(progress.look_again_in(a_job(**job), 30, after(minutes))) == pause


def test_a_daemon_that_is_away_is_asked_less_and_less():
    """Up to the poll interval."""
    progress, pauses = Progress("job-1", Lines()), []
    for _ in range(5):
        progress.missed(UnavailableError("away"), T0)
        pauses.append(progress.look_again_in(None, 60, T0))
    assert pauses == [5, 10, 20, 40, 60]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (89, "89 s"),
        (90, "2 min"),
        (5340, "89 min"),
        (7200, "2 h"),
        (12000, "3 h 20 min"),
        (187200, "2 d 4 h"),
    ],
)
def test_spans_in_words(seconds, words):
    """As a person says them."""
    assert in_words(seconds) == words
