from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_hypercarbon.hypersdk.owner import TaskKey, owner_metadata
from airflow_provider_hypercarbon.hypersdk.sweep import CANCEL_SECONDS, Claim, sweep
from tests.hypersdk.fake_daemon import UNSEEN_DIR, body_of, client_of, job_json

TASK = TaskKey("nightly", "run/1", "export", 3)
MARK = "0123abcd"
log = logging.getLogger(__name__)


class Tasks:
    """An Airflow in which the task has ended."""

    def __init__(
        self,
        *,
        ended: Collection[TaskKey] = (TASK,),
        claims: dict[TaskKey, Claim] | None = None,
        ended_at_last: bool = True,
    ):
        self._ended = set(ended)
        self._claims = {TASK: Claim(MARK, "keep")} if claims is None else claims
        self._ended_at_last = ended_at_last
        self.asked: list[str] = []

    def ended(self, tasks: Collection[TaskKey]) -> set[TaskKey]:
        self.asked.append("ended")
        return self._ended & set(tasks)

    def claim(self, task: TaskKey) -> Claim | None:
        self.asked.append("claim")
        return self._claims.get(task)

    def has_ended(self, task: TaskKey) -> bool:
        self.asked.append("has_ended")
        return self._ended_at_last


class Daemon:
    """Knows one job, and cancels it when asked."""

    def __init__(self, *, status: str = "running", output_dir: str = f"{UNSEEN_DIR}/job-1", **metadata: object):
        whose = owner_metadata(**TASK._asdict(), mark=MARK)
        definition = {"metadata": {**whose, **metadata}, "output_dir": output_dir}
        self.job = job_json(definition=definition, status=status)
        self.cancelled: list[str] = []
        self.stubborn = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/jobs/query":
            return httpx.Response(200, json={"jobs": [self.job]})
        if request.url.path == "/jobs/cancel":
            self.cancelled += body_of(request)["job_ids"]
            if not self.stubborn:
                self.job["status"] = "cancelled"
            return httpx.Response(200, json={"cancelled": self.cancelled})
        return httpx.Response(200, json=self.job)

    def swept(self, tasks: Tasks) -> list[str]:
        client = client_of(self)
        return [job.id for job in sweep(client, client.active_jobs(), tasks, log)]


def test_an_export_whose_task_has_ended_is_cancelled():
    """Whoever was to do it had died. The last question to Airflow comes right before the cancel."""
    daemon, tasks = Daemon(), Tasks()
    assert daemon.swept(tasks) == ["job-1"] == daemon.cancelled
    assert tasks.asked == ["ended", "claim", "has_ended"]


@pytest.mark.parametrize(
    ("tasks", "metadata"),
    [
        pytest.param(Tasks(ended=()), {}, id="its task lives, or nobody knows it"),
        pytest.param(Tasks(ended=(TASK._replace(map_index=4),)), {}, id="only its neighbour has ended"),
        pytest.param(Tasks(claims={TASK: Claim("another", "keep")}), {}, id="the same names in another Airflow"),
        pytest.param(Tasks(claims={}), {}, id="a cleared task has left no claim"),
        pytest.param(Tasks(ended_at_last=False), {}, id="it was cleared a moment ago"),
        pytest.param(Tasks(), {"airflow_mark": ""}, id="submitted before there were marks"),
        pytest.param(Tasks(claims={TASK: Claim("", "keep")}), {"airflow_mark": ""}, id="two without a mark"),
        pytest.param(Tasks(), {"airflow_mark": ["x"]}, id="a mark that is none"),
        pytest.param(Tasks(), {"airflow_dag_id": None}, id="not from Airflow"),
        pytest.param(Tasks(), {"airflow_map_index": "3"}, id="an index that is none"),
        pytest.param(Tasks(), {"airflow_run_id": 5}, id="a run that is none"),
    ],
)
def test_what_may_be_somebody_else_s_stays(tasks: Tasks, metadata: dict[str, object]):
    """A cancelled backup is worse than one too many."""
    daemon = Daemon(**metadata)
    assert daemon.swept(tasks) == [] == daemon.cancelled


@given(
    ended=st.booleans(),
    at_last=st.booleans(),
    claim=st.sampled_from([None, "", MARK, "another"]),
    mark=st.sampled_from(["", MARK, "another", None, 5]),
    known=st.booleans(),
)
def test_nothing_goes_but_by_every_sign(ended: bool, at_last: bool, claim: str | None, mark: object, known: bool):
    """Of all combinations one cancels: ended, twice asked, named, and the same mark on both sides."""
    daemon = Daemon(airflow_mark=mark, **({} if known else {"airflow_task_id": ""}))
    tasks = Tasks(
        ended=(TASK,) if ended else (),
        claims={} if claim is None else {TASK: Claim(claim, "keep")},
        ended_at_last=at_last,
    )
    assert bool(daemon.swept(tasks)) is (ended and at_last and known and bool(mark) and mark == claim)


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_what_has_ended_is_left(status: str):
    """A finished export stays, whatever became of its task."""
    daemon = Daemon(status=status)
    assert daemon.swept(Tasks()) == [] == daemon.cancelled


def test_nobody_is_asked_about_jobs_from_elsewhere():
    """Airflow hears nothing where no job is ours."""
    tasks = Tasks()
    Daemon(airflow_mark="").swept(tasks)
    assert tasks.asked == []


def test_the_cancel_is_quick_or_not_at_all():
    """A cancel that lingers might meet the next try of a cleared task."""
    client = client_of(Daemon())
    sweep(client, client.active_jobs(), Tasks(), log)
    assert client._http._total_seconds == CANCEL_SECONDS < 3


def test_one_that_runs_on_is_tried_again_the_next_time():
    """HyperSDK sets a job running again that was pending: one cancel a sweep, and the count tells the truth."""
    daemon = Daemon()
    daemon.stubborn = True
    assert (daemon.swept(Tasks()), daemon.cancelled) == ([], ["job-1"])
    daemon.stubborn = False
    assert daemon.swept(Tasks()) == ["job-1"]


@pytest.mark.parametrize(
    ("on_partial", "left"), [("quarantine", {".quarantine"}), ("remove", set()), ("keep", {"job-1"})]
)
def test_its_files_go_where_the_task_wants_them(tmp_path: Path, on_partial: str, left: set[str]):
    """As if the task itself had cancelled it."""
    (tmp_path / "job-1").mkdir()
    (tmp_path / "job-1" / "half.vmdk").write_bytes(b"x")
    daemon = Daemon(output_dir=str(tmp_path / "job-1"))
    daemon.swept(Tasks(claims={TASK: Claim(MARK, on_partial)}))  # type: ignore[arg-type]
    assert {path.name for path in tmp_path.iterdir()} == left


def test_a_daemon_that_goes_down_meanwhile_is_told_of(caplog: pytest.LogCaptureFixture):
    """The next sweep finds the job again."""
    daemon = Daemon()
    jobs = client_of(daemon).active_jobs()

    def down(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    assert sweep(client_of(down), jobs, Tasks(), log) == []
    assert "Could not cancel the export job-1" in caplog.text
