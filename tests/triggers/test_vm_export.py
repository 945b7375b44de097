from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import httpx
import pytest

from airflow_provider_hypercarbon.hooks.hypersdk import HyperSDKHook
from airflow_provider_hypercarbon.hypersdk.following import following
from airflow_provider_hypercarbon.hypersdk.models import ExportJob
from airflow_provider_hypercarbon.triggers import vm_export
from airflow_provider_hypercarbon.triggers.vm_export import FIRST_LOOK_SECONDS, VMExportTrigger
from tests.hypersdk.fake_daemon import body_of, client_of, completed, job_json

LATER = "2126-02-04T14:00:00+00:00"
PATH = "airflow_provider_hypercarbon.triggers.vm_export.VMExportTrigger"
NEEDED = {"hypersdk_conn_id": "daemon", "job_id": "job-1", "poll_interval": 30.0, "give_up_at": LATER}
KWARGS = {**NEEDED, "max_stall": 3600.0, "on_partial": "quarantine", "own": True}


@pytest.fixture
def daemon(monkeypatch):
    """Put a daemon of canned answers behind the trigger's connection."""

    def put(handler):
        async def aget_conn(hook):
            assert hook.hypersdk_conn_id == "daemon"
            return client_of(handler)

        monkeypatch.setattr(HyperSDKHook, "aget_conn", aget_conn)

    return put


def queried(*answers):
    """A daemon that answers queries: a dict is a job, None an empty answer."""
    left = list(answers)

    def handler(request):
        if request.url.path == "/status":
            return httpx.Response(200, json={"uptime": "42s"})
        assert (request.url.path, body_of(request)) == ("/jobs/query", {"job_ids": ["job-1"]})
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            return answer
        return httpx.Response(200, json={"jobs": [answer] if answer else None})

    return handler


def run(**changes):
    """Run a trigger to its end without waiting; return its events and all pauses."""
    pauses, now = [], [0.0]

    async def sleep(seconds):
        pauses.append(seconds)
        now[0] += seconds
        assert len(pauses) < 40, "the fake daemon never ends this export"

    async def collect():
        trigger = VMExportTrigger(**(KWARGS | changes), sleep=sleep)
        hub = following(trigger.hypersdk_conn_id, trigger.hook.aget_conn)
        hub._clock, hub._sleep = (lambda: now[0]), sleep
        return [event.payload async for event in trigger.run()]

    return asyncio.run(collect()), pauses


def test_serialisation():
    """Arguments go through the database as JSON, and make the same trigger again."""
    path, kwargs = VMExportTrigger(**KWARGS).serialize()
    assert (path, kwargs) == (PATH, KWARGS)
    assert json.loads(json.dumps(kwargs)) == kwargs
    assert VMExportTrigger(**kwargs).serialize() == (path, kwargs)


def test_validation():
    """A trigger without its end or its job is not made."""
    for missing in NEEDED:
        with pytest.raises(TypeError):
            VMExportTrigger(**{key: value for key, value in KWARGS.items() if key != missing})


def test_a_finished_export_fires_once(daemon):
    """One event, plain JSON, without the vCenter password; not within Airflow's dangerous first seconds."""
    daemon(queried(job_json(), job_json(), completed(total_size=5)))
    events, pauses = run()
    assert len(events) == 1
    assert "canary" not in json.dumps(events)
    assert events[0]["error"] is None
    assert ExportJob.model_validate(events[0]["job"]).data_bytes == 5
    assert pauses == [FIRST_LOOK_SECONDS, 30.0, 30.0]  # and not one for the first look itself
    assert FIRST_LOOK_SECONDS >= 15


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_any_end_is_the_operators_to_judge(daemon, status):
    """The trigger tells the end; the operator makes an error of it."""
    daemon(queried(job_json(status=status, error="disk full")))
    events, _ = run()
    assert events[0]["job"]["status"] == status


def test_a_daemon_that_is_down_is_asked_again(daemon):
    """An outage of the daemon is no failure of the export."""
    tries = [httpx.ConnectError("refused")] * 3
    daemon(queried(*tries, *tries, completed()))
    events, pauses = run()
    assert events[0]["job"]["status"] == "completed"
    assert pauses[1:3] == [5.0, 10.0]  # soon, then less and less often


@pytest.mark.parametrize("answer", [httpx.Response(401, text="unauthorized"), httpx.Response(400, text="bad")])
def test_a_refused_credential_does_not_end_the_wait(daemon, answer):
    """It says nothing about the export, and somebody may mend it meanwhile."""
    daemon(queried(answer, answer, completed()))
    events, _ = run()
    assert events[0]["job"]["status"] == "completed"


@pytest.mark.parametrize("answer", [job_json(), httpx.Response(503), httpx.Response(200, text="<html>")])
def test_the_wait_ends_in_time(daemon, answer):
    """Neither an endless export nor a dead daemon holds the task for ever."""
    daemon(queried(answer))
    events, _ = run(give_up_at=(datetime.now(UTC) - timedelta(seconds=1)).isoformat())
    assert events[0]["job"] is None
    assert events[0]["error"]["kind"] == "ExportOverdueError"
    assert events[0]["error"]["retryable"] is True
    assert "max_duration" in events[0]["error"]["message"]


def test_the_last_pause_ends_with_the_wait(daemon):
    """A long poll interval does not overrun the end."""
    daemon(queried(job_json(), completed()))
    _, pauses = run(poll_interval=3600.0, give_up_at=(datetime.now(UTC) + timedelta(minutes=5)).isoformat())
    assert 290 < pauses[1] <= 300


def test_a_lost_job_is_a_named_error(daemon):
    """The daemon answered twice without it; its uptime tells that it was restarted."""
    daemon(queried(job_json(), None))
    events, _ = run()
    json.dumps(events)
    assert (events[0]["error"]["kind"], events[0]["error"]["retryable"]) == ("ExportLostError", True)
    assert "up for 42 s" in events[0]["error"]["message"]


def test_one_answer_without_the_job_is_no_loss(daemon):
    """The query may have met a daemon that was just going down or coming up."""
    daemon(queried(None, completed()))
    events, _ = run()
    assert events[0]["job"]["status"] == "completed"


def test_a_stalled_export_is_a_named_error(daemon, monkeypatch):
    """The operator cancels it; the trigger only tells."""
    daemon(queried(job_json()))
    events, _ = run(max_stall=0.0001)
    assert events[0]["error"]["kind"] == "ExportStalledError"


def test_a_missing_connection_is_a_named_error():
    """It was there when the task started and is gone: nothing to wait for."""
    events, _ = run(hypersdk_conn_id="nowhere")
    assert events[0]["error"]["kind"] == "ConfigurationError"


@pytest.fixture
def kill(daemon, monkeypatch):
    """Kill a trigger whose task has the given states; return the ids that the daemon was asked to cancel."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    async def killed(trigger, cut_off):
        killing = asyncio.create_task(trigger.on_kill())
        if cut_off:
            await asyncio.sleep(0)
            killing.cancel()
        await asyncio.wait([killing])
        await asyncio.gather(*vm_export._ENDING)

    def do(states, map_index=-1, cut_off=False, **changes):
        cancelled, asked = [], []

        def handler(request):
            if request.url.path == "/jobs/cancel":
                cancelled.extend(body_of(request)["job_ids"])
                return httpx.Response(200, json={"cancelled": ["job-1"]})
            return httpx.Response(200, json=job_json(status="cancelled"))

        def get_task_states(**query):
            asked.append(query)
            return states

        daemon(handler)
        monkeypatch.setattr(RuntimeTaskInstance, "get_task_states", get_task_states)
        trigger = VMExportTrigger(**(KWARGS | changes))
        trigger.task_instance = SimpleNamespace(dag_id="d", task_id="t", run_id="r", map_index=map_index)
        asyncio.run(killed(trigger, cut_off))
        assert asked == [{"dag_id": "d", "task_ids": ["t"], "run_ids": ["r"], "map_index": map_index}]
        return cancelled

    return do


@pytest.mark.parametrize("state", ["failed", "success", "skipped", "removed", "upstream_failed"])
def test_a_task_that_a_user_ended_cancels_its_export(kill, state):
    """Mark failed, mark success: nobody waits for the export any more."""
    assert kill({"r": {"t": state}}) == ["job-1"]


def test_an_on_kill_that_airflow_cuts_off_goes_on(kill):
    """Airflow cancels a trigger anew each second: what takes longer is done all the same."""
    assert kill({"r": {"t": "failed"}}, cut_off=True) == ["job-1"]


@pytest.mark.parametrize("state", ["deferred", "running", "queued", "scheduled", "up_for_retry", "restarting", None])
def test_a_task_that_lives_keeps_its_export(kill, state):
    """Airflow also kills a trigger that moves to another triggerer, and the old trigger of a cleared task."""
    assert kill({"r": {"t": state}}) == []


@pytest.mark.parametrize("states", [{}, {"r": {}}, {"r": {"other": "failed"}}])
def test_a_state_that_cannot_be_told_keeps_the_export(kill, states):
    """A cancelled backup is worse than one too many."""
    assert kill(states) == []


def test_a_mapped_task_has_its_own_state(kill):
    """Airflow names the states of mapped tasks by index."""
    assert kill({"r": {"t_3": "failed", "t": "running"}}, map_index=3) == ["job-1"]
    assert kill({"r": {"t_3": "running", "t_4": "failed"}}, map_index=3) == []


def test_the_job_of_another_run_is_never_cancelled(kill):
    """A task that only queued behind it has no say."""
    assert kill({"r": {"t": "failed"}}, own=False) == []
