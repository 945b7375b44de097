from __future__ import annotations

import itertools

import pytest

from airflow_provider_hypercarbon.hypersdk.models import ExportJob
from airflow_provider_hypercarbon.hypersdk.protocol import Known, Move, Said, decide, said_of

PAIRS = list(itertools.product(Known, Said))
ALIVE = {Said.PENDING, Said.RUNNING, Said.STRANGE}
ENDED_BADLY = {Said.FAILED, Said.CANCELLED, Said.STRANGE_END}
#: The moves that may start an exporter.
STARTS = {Move.SUBMIT, Move.REPEAT, Move.NEXT, Move.RECOVER}


@pytest.mark.parametrize("cleared", [False, True])
@pytest.mark.parametrize(("known", "said"), PAIRS)
class TestEveryPair:
    def test_has_a_move(self, known: Known, said: Said, cleared: bool):
        """No pair is left to chance."""
        assert isinstance(decide(known, said, cleared=cleared), Move)

    def test_a_silent_daemon_is_sent_nothing(self, known: Known, said: Said, cleared: bool):
        """Whoever cannot be asked may be running the export already."""
        if said is Said.SILENT:
            assert decide(known, said, cleared=cleared) in (Move.WAIT, Move.RETURN)

    def test_a_running_export_is_never_doubled(self, known: Known, said: Said, cleared: bool):
        """What runs, and was not given up, is followed: by a retry as by a clear."""
        if said in ALIVE and known in (Known.NOTHING, Known.INTENDED, Known.ACCEPTED):
            assert decide(known, said, cleared=cleared) is Move.ATTACH

    def test_an_id_is_used_again_only_when_it_never_ran(self, known: Known, said: Said, cleared: bool):
        """Two exporters in one folder spoil each other; only a submit of unknown fate is repeated."""
        if decide(known, said, cleared=cleared) is Move.REPEAT:
            assert (known, said) == (Known.INTENDED, Said.FORGOTTEN)

    def test_a_finished_export_is_not_run_again_by_a_retry(self, known: Known, said: Said, cleared: bool):
        """Neither a daemon that forgot nor one that is down costs an export that was verified."""
        if known is Known.FINISHED and not cleared:
            assert decide(known, said) is Move.RETURN

    def test_a_clear_exports_anew_what_has_ended(self, known: Known, said: Said, cleared: bool):
        """The user wants a new backup, not the old result."""
        if cleared and known is not Known.NOTHING and said not in ALIVE | {Said.SILENT}:
            assert decide(known, said, cleared=True) is Move.SUBMIT

    def test_a_completed_export_is_taken_unless_its_files_are_gone(self, known: Known, said: Said, cleared: bool):
        """No task is red with a finished export: not even one whose cancel came too late."""
        if said is Said.COMPLETED and not cleared and known not in (Known.UNUSABLE, Known.FINISHED):
            assert decide(known, said) is Move.TAKE

    def test_a_bad_end_starts_the_next_attempt(self, known: Known, said: Said, cleared: bool):
        """Under a new id, in a folder of its own."""
        if said in ENDED_BADLY and not cleared and known is not Known.FINISHED:
            assert decide(known, said) is Move.NEXT

    def test_the_job_of_another_is_never_touched(self, known: Known, said: Said, cleared: bool):
        """Not followed, not taken; a retry does not go on either."""
        if said is Said.FOREIGN:
            expected = Move.RETURN if known is Known.FINISHED else Move.REFUSE
            assert decide(known, said) is expected
            assert decide(known, said, cleared=True) not in (Move.ATTACH, Move.TAKE)


def test_only_a_forgotten_job_is_looked_for_on_the_disk():
    """The daemon's word comes first; the files decide only when it has none."""
    assert [pair for pair in PAIRS if decide(*pair) is Move.RECOVER] == [(Known.ACCEPTED, Said.FORGOTTEN)]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"status": "pending"}, Said.PENDING),
        ({"status": "running"}, Said.RUNNING),
        ({"status": "completed"}, Said.COMPLETED),
        ({"status": "failed"}, Said.FAILED),
        ({"status": "cancelled"}, Said.CANCELLED),
        ({"status": "hibernating"}, Said.STRANGE),
        ({"status": "archived", "completed_at": "2026-02-04T02:00:00Z"}, Said.STRANGE_END),
        ({"status": "running", "vm_path": "/DC0/vm/other"}, Said.FOREIGN),
        ({"status": "completed", "owner": "other/r/t/-1"}, Said.FOREIGN),
        ({"status": "running", "owner": "d/r/t/-1"}, Said.RUNNING),
    ],
)
def test_what_a_job_amounts_to(fields, said):
    """A daemon's job is one of the columns of the table; the job of another VM or task is foreign."""
    job = ExportJob(**({"id": "x", "vm_path": "/DC0/vm/db"} | fields))
    assert said_of(job, vm_path="/DC0/vm/db", owner="d/r/t/-1") is said


def test_no_job_is_a_forgotten_one():
    """The daemon answered, and does not know the id."""
    assert said_of(None, vm_path="/DC0/vm/db", owner="d/r/t/-1") is Said.FORGOTTEN
