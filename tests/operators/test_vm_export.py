from __future__ import annotations

import json
import logging
import subprocess
import traceback
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import httpx
import pendulum
import pytest
from airflow.sdk import AssetAlias
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowRuntimeError,
    AirflowTaskTimeout,
    ErrorType,
    TaskDeferralError,
    TaskDeferralTimeout,
    TaskDeferred,
)
from airflow.sdk.execution_time.context import OutletEventAccessors

from airflow_provider_hypercarbon.hooks.task_ends import CLAIM_KEY
from airflow_provider_hypercarbon.hypersdk.measure import ExportResult
from airflow_provider_hypercarbon.hypersdk.models import ExportJob, VCenter
from airflow_provider_hypercarbon.hypersdk.owner import owner_metadata
from airflow_provider_hypercarbon.operators.task_job import JOB_KEY
from airflow_provider_hypercarbon.operators.vm_export import VMExportOperator
from tests.hypersdk.fake_daemon import (
    CANARY,
    UNSEEN_DIR,
    answering,
    body_of,
    client_of,
    completed,
    job_json,
    lost,
    small_daemon,
)

DECISION = {"due": True, "zone": "DE", "current_gco2eq_per_kwh": 118.5, "synthetic": "mock"}
CAPABILITIES = {"capabilities": {"govc": {"available": True}, "web": {"available": True}}}


class Store(dict):
    """The part of Airflow's task state store that is used; it takes JSON only."""

    def set(self, key, value):
        self[key] = json.loads(json.dumps(value))


def context_of(store=None, *, max_tries=1, map_index=-1, run_id="scheduled__2026-02-04", try_number=1):
    ti = SimpleNamespace(
        dag_id="nightly",
        run_id=run_id,
        task_id="export",
        map_index=map_index,
        max_tries=max_tries,
        try_number=try_number,
        xcom_push=lambda key, value: None,
    )
    return {"ti": ti, "task_state_store": Store() if store is None else store}


class FakeDaemon:
    """A daemon that keeps jobs by id; each submitted one starts as ``first``, and a look moves it on."""

    def __init__(self, *looks, capabilities=CAPABILITIES):
        self.looks = list(looks)
        self.jobs = {}
        self.submitted = []
        self.cancelled = []
        self.others = []  # active jobs that somebody else has submitted
        self.capabilities = capabilities

    def __call__(self, request):
        path = request.url.path
        if path == "/capabilities":
            return httpx.Response(200, json=self.capabilities)
        if path == "/jobs/query":
            active = [job for job in [*self.others, *self.jobs.values()] if job["status"] in ("pending", "running")]
            return httpx.Response(200, json={"jobs": active or None, "total": len(active)})
        if path == "/jobs/cancel":
            self.cancelled += body_of(request)["job_ids"]
            for job_id in body_of(request)["job_ids"]:
                self.jobs[job_id]["status"] = "cancelled"
            return httpx.Response(200, json={"cancelled": self.cancelled})
        if path == "/jobs/submit":
            body = body_of(request)
            self.submitted.append(body)
            self.jobs[body["id"]] = job_json(definition=body, status="pending")
            return httpx.Response(200, json={"job_ids": [body["id"]], "accepted": 1, "rejected": 0})
        job_id = path.rpartition("/")[2]
        if job_id not in self.jobs:
            return lost(job_id)
        if self.looks:
            look = self.looks.pop(0)
            if isinstance(look, Exception):
                raise look
            if isinstance(look, httpx.Response):
                return look
            self.jobs[job_id] |= {key: value for key, value in look.items() if key != "definition"}
        return httpx.Response(200, json=self.jobs[job_id])


def operator_of(handler, **arguments):
    """An operator whose hook leads to the handler, and which does not wait."""

    class Hook:
        hypersdk_conn_id = "hypersdk_default"

        def get_conn(self):
            return client_of(handler)

        def vcenter(self, conn_id):
            assert conn_id == "vcenter_default"
            return VCenter(server="vc", username="svc", password=CANARY)

    class Operator(VMExportOperator):
        hook = Hook()

    fields = {"task_id": "export", "vm_path": "/DC0/vm/db-prod", "output_dir": UNSEEN_DIR, "deferrable": False}
    operator = Operator(**(fields | arguments))
    operator.pauses = []

    def sleep(seconds):
        operator.pauses.append(seconds)
        assert len(operator.pauses) < 60, "the fake daemon never ends this export"

    operator._sleep = sleep
    return operator


class Death(BaseException):
    """The process is killed."""


def die_watching(operator, context):
    """The worker dies while it waits."""

    def die(seconds):
        raise Death

    operator._sleep = die
    with pytest.raises(Death):
        operator.execute(context)


def test_an_export_is_submitted_and_waited_for():
    """The result is plain JSON with the daemon's own times and size."""
    daemon = FakeDaemon(job_json(), job_json(), completed(total_size=53_700_000_000))
    operator = operator_of(daemon, decision=DECISION, compress=True)
    context = context_of()
    result = operator.execute(context)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert ExportResult.model_validate(result).data_gb == 53.7
    assert result["job_id"] == daemon.submitted[0]["id"] == context["task_state_store"][JOB_KEY]["job_id"]
    assert (result["status"], result["duration_hours"], result["data_bytes_from"]) == ("completed", 2.0, "daemon")
    assert (result["zone"], result["synthetic"], result["vm_name"]) == ("DE", "mock", "db-prod")
    assert operator.pauses == [30, 30]
    body = daemon.submitted[0]
    assert (body["export_method"], body["format"], body["compress"]) == ("govc", "ovf", True)
    assert body["metadata"]["airflow_dag_id"] == "nightly"
    assert (body["metadata"]["carbon_aware"], body["metadata"]["carbon_zone"]) == (False, "DE")


def test_the_id_is_remembered_before_the_submit():
    """A process that dies in the submit leaves the id for the next try."""
    store = Store()

    def handler(request):
        if request.url.path == "/jobs/submit":
            assert store[JOB_KEY]["job_id"] == body_of(request)["id"]
            raise httpx.ReadTimeout("slow")
        if request.url.path == "/jobs/query":
            return httpx.Response(200, json={"jobs": None})
        return httpx.Response(200, json=CAPABILITIES) if request.url.path == "/capabilities" else lost()

    with pytest.raises(AirflowException, match="did not answer in time"):
        operator_of(handler).execute(context_of(store))
    assert store[JOB_KEY]["attempt"] == 1


def test_a_retry_attaches_to_the_running_export():
    """One export over two tries, with the answer of the first submit lost on the way."""
    daemon, store = FakeDaemon(httpx.ReadTimeout("x"), httpx.ReadTimeout("x"), httpx.ReadTimeout("x")), Store()
    die_watching(operator_of(daemon), context_of(store))
    daemon.looks = [job_json(), completed()]
    assert operator_of(daemon).execute(context_of(store))["status"] == "completed"
    assert len(daemon.submitted) == 1


def test_a_retry_takes_a_finished_export():
    """The worker died after the export ended: nothing runs again."""
    daemon, store = FakeDaemon(completed()), Store()
    first = operator_of(daemon).execute(context_of(store))
    again = operator_of(daemon)
    assert again.execute(context_of(store)) == first
    assert (len(daemon.submitted), again.pauses) == (1, [])


def test_a_clear_exports_anew():
    """A user who clears a finished task wants a new export; its own retries then share that one."""
    daemon, store = FakeDaemon(completed()), Store()
    first = operator_of(daemon).execute(context_of(store))
    daemon.looks = [completed(), completed()]  # of the old job, and of the new one
    second = operator_of(daemon).execute(context_of(store, max_tries=3))
    third = operator_of(daemon).execute(context_of(store, max_tries=3))
    assert first["job_id"] != second["job_id"] == third["job_id"]
    assert len(daemon.submitted) == 2


def test_a_clear_adopts_an_export_that_still_runs():
    """Two exports of one VM into one folder would spoil each other; the adopted one counts as the new one."""
    daemon, store = FakeDaemon(job_json()), Store()
    die_watching(operator_of(daemon), context_of(store))
    daemon.looks = [job_json(), completed()]
    result = operator_of(daemon).execute(context_of(store, max_tries=5))
    assert store[JOB_KEY]["generation"] == 5
    assert operator_of(daemon).execute(context_of(store, max_tries=5)) == result
    assert len(daemon.submitted) == 1


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_a_retry_after_a_failed_export_exports_anew(end):
    """A failed or cancelled job cannot be used again, nor can its id."""
    daemon, store = FakeDaemon(job_json(status=end, error="disk full")), Store()
    with pytest.raises(AirflowException, match="disk full" if end == "failed" else "was cancelled"):
        operator_of(daemon).execute(context_of(store))
    daemon.looks = [job_json(status=end), completed()]
    assert operator_of(daemon).execute(context_of(store))["status"] == "completed"
    ids = [body["id"] for body in daemon.submitted]
    assert len(set(ids)) == 2
    assert store[JOB_KEY]["attempt"] == 2


def test_a_lost_export_is_submitted_again(tmp_path):
    """The daemon was restarted: a retry exports anew, into a folder of its own; the half export is set aside."""
    daemon, store = FakeDaemon(job_json()), Store()
    operator = operator_of(daemon, output_dir=str(tmp_path))

    def restart(_):
        folder = Path(daemon.submitted[0]["output_dir"])
        (folder / "half.vmdk").write_bytes(b"x")
        daemon.jobs.clear()

    operator._sleep = restart
    with pytest.raises(AirflowException, match="restarted"):
        operator.execute(context_of(store))
    daemon.looks = [job_json(), completed()]
    operator_of(daemon, output_dir=str(tmp_path), verify="never").execute(context_of(store))
    first, second = daemon.submitted
    assert first["id"] != second["id"]
    assert (tmp_path / ".quarantine" / first["id"] / "half.vmdk").exists()
    assert Path(second["output_dir"]) == tmp_path / second["id"]


def test_mapped_tasks_have_their_own_exports():
    """Each index of a mapped task, and each run, is its own export."""
    daemon = FakeDaemon()
    for context in (
        context_of(map_index=0),
        context_of(map_index=1),
        context_of(run_id="manual"),
        context_of(map_index=None),
    ):
        daemon.looks = [completed()]
        operator_of(daemon).execute(context)
    assert len({body["id"] for body in daemon.submitted}) == 4


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(401), AirflowFailException),
        (httpx.Response(403), AirflowFailException),
        (httpx.Response(400), AirflowFailException),
        (httpx.Response(404), AirflowException),  # a proxy whose daemon is down says so as well
        (httpx.Response(429), AirflowException),
        (httpx.Response(500), AirflowException),
        (httpx.Response(200, text="<html>"), AirflowException),
        (httpx.Response(200, text='{"capab'), AirflowException),
        (httpx.Response(200, json=None), AirflowException),
        (httpx.Response(200, json=[]), AirflowException),
        (httpx.ReadTimeout("hang"), AirflowException),
        (httpx.ConnectError("refused"), AirflowException),
    ],
)
def test_what_a_retry_cannot_mend_burns_none(answer, error):
    """A refused credential fails at once; a daemon that is down is retried."""
    with pytest.raises(AirflowException) as caught:
        operator_of(answering(answer)).execute(context_of())
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"vm_path": ""}, "vm_path"),
        ({"output_dir": ""}, "output_dir"),
        ({"export_format": "qcow2"}, "format"),
        ({"export_method": "ovftool"}, "no export method 'ovftool'"),
    ],
)
def test_wrong_arguments_burn_no_retry(arguments, words):
    """They are named before anything is submitted."""
    daemon = FakeDaemon()
    with pytest.raises(AirflowFailException, match=words):
        operator_of(daemon, **arguments).execute(context_of())
    assert daemon.submitted == []


def test_a_poll_interval_is_positive():
    """Refused when the DAG is read."""
    with pytest.raises(ValueError, match="poll_interval"):
        operator_of(FakeDaemon(), poll_interval=0)


def test_an_unknown_end_is_an_error():
    """A status that we do not know is never green."""
    daemon = FakeDaemon(job_json(status="archived", completed_at="2026-02-04T04:00:00Z"))
    with pytest.raises(AirflowException, match="archived, which is no end"):
        operator_of(daemon).execute(context_of())


def test_waiting_outlives_an_outage_of_the_daemon():
    """A daemon that is down for a while costs looks, not the task."""
    down = [httpx.ConnectError("refused")] * 6
    operator = operator_of(FakeDaemon(job_json(), *down, completed()))
    assert operator.execute(context_of())["status"] == "completed"


def test_an_orphan_ends():
    """The process of a killed worker stops when another try has taken over, and cancels nothing."""
    daemon, store = FakeDaemon(job_json(), job_json()), Store()
    operator = operator_of(daemon)
    operator._sleep = lambda seconds: store.set(
        JOB_KEY, {"job_id": "next", "generation": 1, "attempt": 1, "try_number": 2}
    )
    with pytest.raises(AirflowException, match="Another try works on"):
        operator.execute(context_of(store))
    assert daemon.cancelled == []


def test_an_orphan_without_a_supervisor_ends():
    """Talking to Airflow fails when the supervisor is gone."""

    class Gone(Store):
        calls = 0

        def get(self, key, default=None):
            self.calls += 1
            if self.calls > 4:
                raise EOFError("supervisor is gone")
            return super().get(key, default)

    with pytest.raises(EOFError):
        operator_of(FakeDaemon(job_json(), job_json())).execute(context_of(Gone()))


def test_an_outage_of_airflows_api_does_not_end_the_wait():
    """The supervisor lives and says that the API does not answer: no reason to drop an export."""

    class Away(Store):
        calls = 0

        def get(self, key, default=None):
            self.calls += 1
            if self.calls > 4:
                raise AirflowRuntimeError(SimpleNamespace(error=ErrorType.GENERIC_ERROR, detail={}))
            return super().get(key, default)

    assert operator_of(FakeDaemon(job_json(), completed())).execute(context_of(Away()))["status"] == "completed"


def deferral(operator, context=None) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as caught:
        operator.execute(context or context_of())
    return caught.value


def test_a_deferral_carries_plain_times_only():
    """A DAG's author writes pendulum.duration; Airflow's supervisor cannot carry one, and would lose the deferral."""
    deferred = deferral(operator_of(FakeDaemon(job_json()), deferrable=True, max_duration=pendulum.duration(hours=2)))
    assert type(deferred.timeout) is timedelta


def test_a_deferred_export_waits_in_the_triggerer():
    """Submitted and remembered first; the trigger knows its end and nothing secret."""
    daemon, store = FakeDaemon(job_json()), Store()
    deferred = deferral(operator_of(daemon, deferrable=True, poll_interval=45), context_of(store))
    kwargs = deferred.trigger.serialize()[1]
    assert deferred.method_name == "execute_complete"
    assert kwargs["job_id"] == store[JOB_KEY]["job_id"] == daemon.submitted[0]["id"]
    assert kwargs["poll_interval"] == 45
    left = datetime.fromisoformat(kwargs["give_up_at"]) - datetime.now().astimezone()
    assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24) < deferred.timeout
    assert "canary" not in json.dumps(kwargs)


def test_an_export_that_ended_is_not_deferred():
    """One look after the submit: a trigger that fires at once can cost the task."""
    operator = operator_of(FakeDaemon(completed()), deferrable=True)
    assert operator.execute(context_of())["status"] == "completed"


def test_a_silent_daemon_after_the_submit_is_waited_for():
    """The submit went through; the trigger asks again."""
    deferral(operator_of(FakeDaemon(*[httpx.ConnectError("x")] * 3), deferrable=True))


def test_the_deferred_result_is_the_same():
    """Both ways of waiting end in the same XCom."""
    job = ExportJob.from_daemon(completed(total_size=5))
    operator = operator_of(FakeDaemon(), decision=DECISION)
    result = operator.execute_complete(context_of(), {"job": job.model_dump(mode="json"), "error": None})
    assert (result["status"], result["data_bytes"], result["zone"]) == ("completed", 5, "DE")
    json.dumps(result, allow_nan=False)


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        [],
        "completed",
        {"job": None},
        {"job": {"id": "x"}},
        {"job": {"id": "x", "status": "completed", "extra": 1}},
        {"error": {}},
        {"error": "x", "job": None},
    ],
)
def test_an_event_of_a_wrong_shape_is_an_error(event):
    """An event of None must not end green."""
    with pytest.raises(AirflowException, match="no outcome") as caught:
        operator_of(FakeDaemon()).execute_complete(context_of(), event)
    assert not isinstance(caught.value, AirflowFailException)


@pytest.mark.parametrize("status", ["running", "pending", "paused", "failed", "cancelled"])
def test_only_a_completed_job_is_green(status):
    """Whatever else the trigger brings is an error."""
    job = ExportJob(id="job-1", status=status).model_dump(mode="json")
    with pytest.raises(AirflowException):
        operator_of(FakeDaemon()).execute_complete(context_of(), {"job": job, "error": None})


@pytest.mark.parametrize(("retryable", "error"), [(True, AirflowException), (False, AirflowFailException)])
def test_the_triggers_errors_keep_their_kind(retryable, error):
    """A refused credential in the triggerer burns no retry either."""
    event = {"job": None, "error": {"kind": "X", "message": "the reason", "retryable": retryable}}
    with pytest.raises(AirflowException, match="the reason") as caught:
        operator_of(FakeDaemon()).execute_complete(context_of(), event)
    assert type(caught.value) is error


NOTE = {JOB_KEY: {"job_id": "job-1", "generation": 1, "attempt": 1}}


@pytest.mark.parametrize(
    ("cause", "lost_error"), [("Trigger timeout", TaskDeferralTimeout), ("Trigger failure", TaskDeferralError)]
)
def test_a_dead_triggerer_does_not_cost_a_finished_export(cause, lost_error):
    """The worker looks itself; only an export that still runs leaves the error to Airflow's retry."""
    fail = ("__fail__", {"error": cause})
    operator = operator_of(answering(completed()))
    assert operator.resume_execution(*fail, context_of(Store(NOTE)))["status"] == "completed"
    with pytest.raises(lost_error):
        operator_of(answering(job_json())).resume_execution(*fail, context_of(Store(NOTE)))
    with pytest.raises(lost_error):
        operator_of(answering(completed())).resume_execution(*fail, context_of())
    with pytest.raises(AirflowException, match="restarted"):
        operator_of(answering(lost())).resume_execution(*fail, context_of(Store(NOTE)))


def test_resuming_leads_to_execute_complete():
    """The usual way back from the triggerer."""
    job = ExportJob.from_daemon(completed()).model_dump(mode="json")
    operator = operator_of(FakeDaemon())
    resumed = operator.resume_execution("execute_complete", {"event": {"job": job, "error": None}}, context_of())
    assert resumed["job_id"] == "job-1"


EVENT = {"event": {"job": ExportJob.from_daemon(completed()).model_dump(mode="json"), "error": None}}


@pytest.mark.parametrize(
    "resumed",
    [None, ("execute_complete", EVENT), ("take_turn", EVENT), ("__fail__", {"error": "Trigger timeout"})],
    ids=["executed", "resumed", "after a turn", "after a lost trigger"],
)
def test_however_it_ends_its_outlets_tell_of_it_once(resumed):
    """Other DAGs are scheduled on the export; the lineage has the same result."""
    outlet = AssetAlias("nightly")
    context = context_of(Store(NOTE)) | {"outlet_events": OutletEventAccessors()}
    operator = operator_of(answering(completed()), outlets=[outlet], decision=DECISION)
    result = operator.resume_execution(*resumed, context) if resumed else operator.execute(context)
    (event,) = context["outlet_events"][outlet].asset_alias_events
    assert event.dest_asset_key.uri == f"hypersdk://hypersdk_default{UNSEEN_DIR}/DC0/vm/db-prod"
    assert (event.extra["path"], event.extra["carbon"]["zone"]) == (result["output_dir"], "DE")


@pytest.fixture
def state(monkeypatch):
    """Let Airflow say that the task is in a state."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    def put(word):
        answer = {"scheduled__2026-02-04": {"export": word}}
        monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", lambda **query: answer)

    return put


@pytest.mark.parametrize(
    ("word", "cancels"),
    [
        *dict.fromkeys(("failed", "success", "skipped", "removed", "upstream_failed"), True).items(),
        *dict.fromkeys(
            ("running", "restarting", "queued", "scheduled", "up_for_retry", "deferred", None), False
        ).items(),
    ],
)
def test_only_a_user_s_end_cancels_the_export(state, word, cancels):
    """A worker that is shut down, or overtaken by a second try, is asked to end as well: its export goes on."""
    state(word)
    daemon = FakeDaemon(job_json())
    operator = operator_of(daemon)
    operator.on_kill()
    die_watching(operator, context_of())
    operator.on_kill()
    assert daemon.cancelled == ([daemon.submitted[0]["id"]] if cancels else [])


def test_the_end_of_its_time_cancels_the_export(state):
    """Airflow's execution_timeout: the task runs still, and its export has had its chance."""
    state("running")
    daemon = FakeDaemon(job_json())
    operator = operator_of(daemon)
    die_watching(operator, context_of())
    try:
        raise AirflowTaskTimeout
    except AirflowTaskTimeout:
        operator.on_kill()
    assert daemon.cancelled == [daemon.submitted[0]["id"]]


def test_a_killed_export_leaves_its_files_in_quarantine(state, tmp_path):
    """What it had written is out of the way, with the reason beside it; a retry does not take it for an export."""
    state("failed")
    daemon, store = FakeDaemon(job_json()), Store()
    operator = operator_of(daemon, output_dir=str(tmp_path))
    die_watching(operator, context_of(store))
    job_id = daemon.submitted[0]["id"]
    (tmp_path / job_id / "half.vmdk").write_bytes(b"x")
    operator.on_kill()
    assert (tmp_path / ".quarantine" / job_id / "half.vmdk").exists()
    assert "The task was ended" in (tmp_path / ".quarantine" / job_id / "WHY.txt").read_text()
    assert store[JOB_KEY]["state"] == "unusable"


def test_a_cancel_that_fails_is_only_logged(state, caplog):
    """The task ends all the same, and says what is left to do."""
    state("failed")
    operator = operator_of(FakeDaemon(job_json()))
    die_watching(operator, context_of())
    operator._try.client = client_of(answering(httpx.ConnectError("refused")))
    operator.on_kill()


def test_an_overdue_export_is_cancelled(tmp_path):
    """Max_duration counts from the submit, over all tries; the next try exports anew."""
    daemon, store = FakeDaemon(job_json()), Store()
    die_watching(operator_of(daemon), context_of(store))
    store[JOB_KEY]["submitted_at"] = "2026-02-04T02:00:00Z"
    daemon.jobs[daemon.submitted[0]["id"]]["definition"]["created_at"] = "2026-02-04T02:00:00Z"
    with pytest.raises(AirflowException, match="max_duration"):
        operator_of(daemon).execute(context_of(store, try_number=2))
    assert daemon.cancelled == [daemon.submitted[0]["id"]]
    daemon.looks = [job_json(status="cancelled"), completed()]
    operator_of(daemon).execute(context_of(store, try_number=3))
    assert len(daemon.submitted) == 2


def test_an_export_that_completes_in_the_last_moment_is_taken():
    """The cancel of an overdue export finds it completed: as good as any."""
    daemon = FakeDaemon(job_json(), completed())
    operator = operator_of(daemon, max_duration=timedelta(0))
    assert operator.execute(context_of())["status"] == "completed"


OTHER = {"id": "other", "metadata": {"airflow_dag_id": "d", "airflow_run_id": "r", "airflow_task_id": "t"}}


def test_a_vm_that_is_being_exported_is_queued_for():
    """Two runs for one VM at the same time: the second waits for the end of the first."""
    daemon = FakeDaemon()
    daemon.others = [job_json(definition=OTHER)]
    operator = operator_of(daemon)

    def sleep(seconds):
        assert daemon.submitted == []
        daemon.others, daemon.looks = [], [completed()]

    operator._sleep = sleep
    assert operator.execute(context_of())["status"] == "completed"


def test_a_vm_that_is_being_exported_can_be_refused():
    """The sentence names the other export and says what to do; no retry is burnt."""
    daemon = FakeDaemon()
    daemon.others = [job_json(definition=OTHER)]
    with pytest.raises(AirflowFailException, match="already exporting /DC0/vm/db-prod as other") as caught:
        operator_of(daemon, on_concurrent="refuse").execute(context_of())
    assert "on_concurrent" in str(caught.value)
    assert daemon.submitted == []


def test_a_deferred_task_queues_in_the_triggerer():
    """The trigger waits for the other's job, and must never cancel it."""
    daemon = FakeDaemon()
    daemon.others = [job_json(definition=OTHER)]
    operator = operator_of(daemon, deferrable=True)
    deferred = deferral(operator)
    assert (deferred.method_name, deferred.trigger.job_id, deferred.trigger.own) == ("take_turn", "other", False)
    daemon.others, daemon.looks = [], [completed()]
    assert operator.take_turn(context_of(), {"job": None, "error": None})["status"] == "completed"
    overdue = {"error": {"kind": "ExportOverdueError", "message": "x", "retryable": True}}
    with pytest.raises(AirflowFailException, match="no turn"):
        operator.take_turn(context_of(), overdue)


def test_of_two_at_the_same_moment_the_later_stands_back():
    """Neither saw the other before its submit; the daemon's clock decides, and the loser's job is cancelled."""
    daemon = FakeDaemon()

    class Late(FakeDaemon):
        def __call__(self, request):
            answer = super().__call__(request)
            if request.url.path == "/jobs/submit":
                self.others = [job_json(definition=OTHER | {"created_at": "2020-02-04T02:00:00Z"})]
            return answer

    daemon = Late()
    with pytest.raises(AirflowFailException, match="already exporting"):
        operator_of(daemon, on_concurrent="refuse").execute(context_of())
    assert daemon.cancelled == [daemon.submitted[0]["id"]]


def orphaned(**metadata):
    """A running export of the same VM, of a task of this Airflow that has ended."""
    whose = owner_metadata(dag_id="d", run_id="r", task_id="t", map_index=-1, mark="m")
    return job_json(definition={"id": "orphan", "metadata": whose | metadata})


@pytest.mark.parametrize(
    ("state_word", "claimed", "swept"), [("failed", "m", True), ("running", "m", False), ("failed", "n", False)]
)
def test_an_export_that_nobody_waits_for_makes_room(monkeypatch, state_word, claimed, swept):
    """Its task was ended while nobody could cancel it. The next export on that daemon does, and does not queue."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
    from airflow.sdk.execution_time.xcom import XCom

    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", lambda **query: {"r": {"t": state_word}})
    monkeypatch.setattr(XCom, "get_one", lambda **query: {"mark": claimed, "on_partial": "keep"})
    daemon = FakeDaemon(job_json(status="cancelled"), completed()) if swept else FakeDaemon()
    daemon.jobs["orphan"] = orphaned()
    operator = operator_of(daemon, on_concurrent="refuse")
    if swept:
        assert operator.execute(context_of())["status"] == "completed"
    else:
        with pytest.raises(AirflowFailException, match="already exporting"):
            operator.execute(context_of())
    assert daemon.cancelled == (["orphan"] if swept else [])


def test_a_sweep_that_fails_costs_no_export(monkeypatch):
    """Airflow does not tell: the export of another VM begins all the same."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    def away(**query):
        raise AirflowRuntimeError(SimpleNamespace(error=ErrorType.GENERIC_ERROR, detail={}))

    monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", away)
    daemon = FakeDaemon(completed())
    daemon.others = [job_json(definition=orphaned()["definition"] | {"vm_path": "/DC0/vm/other"})]
    assert operator_of(daemon).execute(context_of())["status"] == "completed"


def test_a_task_leaves_its_mark_before_it_submits():
    """The same over all tries, another for another task instance: what a sweep knows its jobs by."""
    store, left = Store(), []

    def marked(daemon, context):
        context["ti"].xcom_push = lambda key, value: left.append((key, value, len(daemon.submitted)))
        operator_of(daemon, on_partial="remove").execute(context)
        return daemon.submitted[0]["metadata"]["airflow_mark"]

    first = marked(FakeDaemon(completed()), context_of(store))
    del store[JOB_KEY]
    assert marked(FakeDaemon(completed()), context_of(store, try_number=2)) == first
    assert marked(FakeDaemon(completed()), context_of()) != first
    claims = [(value, submitted) for key, value, submitted in left if key == CLAIM_KEY]
    assert claims[:2] == [({"mark": first, "on_partial": "remove"}, 0)] * 2


@pytest.mark.parametrize("name", ["on_concurrent", "on_partial", "verify"])
def test_a_choice_is_one_of_its_words(name):
    """Refused when the DAG is read, with the words."""
    with pytest.raises(ValueError, match=f"{name} is 'maybe'. It can be: "):
        operator_of(FakeDaemon(), **{name: "maybe"})


def test_a_finished_result_outlives_the_daemon():
    """The worker died after the end, and the daemon was restarted: the note has the result."""
    daemon, store = FakeDaemon(completed()), Store()
    first = operator_of(daemon).execute(context_of(store))
    assert operator_of(answering(httpx.ConnectError("down"))).execute(context_of(store, try_number=2)) == first


@pytest.mark.parametrize(
    ("data_gb", "expected"),
    [(None, None), ("", None), ("None", None), (500, 500.0), ("0.5", 0.5), ("lots", None), (-1, None), ("nan", None)],
)
def test_a_declared_size_is_the_last_resort(data_gb, expected):
    """Nonsense counts as unknown: a reporting figure never costs a backup."""
    result = operator_of(FakeDaemon(completed()), data_gb=data_gb).execute(context_of())
    assert result["data_gb"] == expected
    assert result["data_bytes_from"] == ("declared" if expected else None)


@pytest.mark.parametrize(
    ("decision", "zone"),
    [
        (None, None),
        ("", None),
        ("None", None),
        ("null", None),
        (json.dumps(DECISION), "DE"),
        ("{'zone': 'DE', 'check_again_at': None}", "DE"),
        ("waiting", None),
        (["DE"], None),
        (DECISION, "DE"),
    ],
)
def test_an_unreadable_decision_costs_the_metadata_only(decision, zone):
    """The backup runs, whatever a template made of the decision."""
    daemon = FakeDaemon(completed())
    result = operator_of(daemon, decision=decision).execute(context_of())
    assert result["zone"] == zone
    assert daemon.submitted[0]["metadata"]["carbon_aware"] is False


def test_template_fields_are_plain_attributes():
    """Airflow renders what the author may template, and nothing of it is touched before."""
    operator = operator_of(FakeDaemon(), vm_path="{{ params.vm }}", decision="{{ x }}", data_gb="{{ y }}")
    assert operator.vm_path == "{{ params.vm }}"
    for field in VMExportOperator.template_fields:
        assert hasattr(operator, field)
    assert {"vm_path", "output_dir", "decision", "data_gb", "vcenter_conn_id"} <= set(
        VMExportOperator.template_fields
    )


@pytest.fixture
def connections(monkeypatch):
    def define(url):
        monkeypatch.setenv("AIRFLOW_CONN_HYPERSDK_DEFAULT", json.dumps({"conn_type": "hypersdk", "host": url}))
        monkeypatch.setenv(
            "AIRFLOW_CONN_VCENTER_DEFAULT",
            json.dumps({"conn_type": "generic", "host": "vc", "login": "svc", "password": CANARY}),
        )

    return define


@pytest.mark.parametrize("method", ["govc", "web", "ovftool"])
def test_a_real_export_by_the_development_daemon(connections, tmp_path, method):
    """From the connections to the file on the disk, with the size from whoever knows it."""
    with small_daemon(tmp_path) as daemon:
        connections(daemon.url)
        operator = VMExportOperator(
            task_id="export",
            vm_path="/DC0/vm/db-prod",
            output_dir=str(tmp_path / "out"),
            export_method=method,
            poll_interval=0.02,
            deferrable=False,
        )
        result = operator.execute(context_of())
    assert result["data_bytes_from"] == ("daemon" if method == "web" else "output_dir")
    assert result["data_bytes"] == 1_000_000 + (0 if method == "web" else len(_descriptor(tmp_path)))
    folder = tmp_path / "out" / result["job_id"]
    assert (folder / "db-prod/db-prod-disk-0.vmdk").stat().st_size == 1_000_000
    assert result["verified"] is True
    assert "1 sizes match" in str(result["checks"])
    assert Path(result["output_dir"]) == folder
    sums = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=folder, capture_output=True, text=True, check=False)
    assert sums.returncode == 0, sums.stdout
    assert sha256((folder / "hypercarbon-export.json").read_bytes()).hexdigest() == result["digest"]
    assert result["export_method"] == method


def _descriptor(tmp_path) -> bytes:
    return next((tmp_path / "out").glob("*/db-prod/db-prod.ovf")).read_bytes()


def test_the_vcenter_password_turns_up_nowhere(connections, tmp_path, caplog, capfd):
    """Not in a log, an exception, an XCom, a rendered field, the store or a trigger's arguments."""
    caplog.set_level(logging.DEBUG)
    seen = []
    with small_daemon(tmp_path) as daemon:
        connections(daemon.url)
        arguments = {"task_id": "export", "vm_path": "/DC0/vm/db-prod", "output_dir": str(tmp_path / "out")}
        arguments |= {"poll_interval": 0.02, "deferrable": False}
        store = Store()
        done = VMExportOperator(**arguments)
        seen += [done.execute(context_of(store)), store, vars(done), repr(done)]
        daemon.exports.fail_next(f"login svc:{CANARY}@vc refused (vi://svc:{CANARY}@vc)")
        with pytest.raises(AirflowException) as failed:
            VMExportOperator(**arguments).execute(context_of(run_id="fails"))
        seen.append("".join(traceback.format_exception(failed.value)))
        daemon.exports.pause()
        deferred = deferral(VMExportOperator(**(arguments | {"deferrable": True})), context_of(run_id="defers"))
        seen += [deferred.trigger.serialize(), repr(deferred.trigger)]
        daemon.exports.restart()
    # The daemon's own log is the daemon's business; here it was told the words to fail with.
    seen += [record.getMessage() for record in caplog.records if ".dev" not in record.name]
    seen += capfd.readouterr()
    assert "***" in seen[4]
    for text in map(str, seen):
        assert "canary" not in text
        assert "p4ss" not in text


def test_the_link_is_there_while_the_export_runs():
    """Airflow reads it where it keeps all links, and would store it only when the task ends."""
    pushed, context = {}, context_of()
    context["ti"].xcom_push = lambda key, value: pushed.update({key: value})
    die_watching(operator_of(FakeDaemon(job_json())), context)
    assert "dag_id=nightly" in pushed["_link_ExportJobLink"]
