from __future__ import annotations

import json
import logging
import re
import socket
import threading
import time
from datetime import datetime

import httpx
import pytest

from airflow_provider_hypercarbon.exceptions import AuthenticationError, ConfigurationError, ExportLostError
from airflow_provider_hypercarbon.hypersdk import devserver
from airflow_provider_hypercarbon.hypersdk.client import HyperSDKClient
from airflow_provider_hypercarbon.hypersdk.dev_vms import ensure_vms, vm_names
from airflow_provider_hypercarbon.hypersdk.devserver import DevDaemon, serve
from tests.hypersdk.fake_daemon import CANARY, export_request, small_daemon, until_ended

VCENTER = {"server": "vc", "username": "u", "password": CANARY}


@pytest.fixture
def daemon(tmp_path):
    with small_daemon(tmp_path) as running:
        yield running


@pytest.fixture
def http(daemon):
    with httpx.Client(base_url=daemon.url, trust_env=False) as client:
        yield client


@pytest.fixture
def client(daemon):
    return HyperSDKClient(daemon.url)


def submit(http, tmp_path, **fields):
    job = {"id": "j1", "vm_path": "/DC0/vm/db-prod", "output_dir": str(tmp_path / "out"), "vcenter": VCENTER} | fields
    return http.post("/jobs/submit", json=job)


def test_an_export_copies_the_disk_with_its_holes(client, tmp_path):
    """The disk is there, whole and sparse, beside a descriptor; the client sees it end."""
    request = export_request(output_dir=str(tmp_path / "out"))
    assert client.ensure_submitted(request).id == "job-1"
    job = until_ended(client, "job-1")
    disk = tmp_path / "out" / "db-prod" / "db-prod-disk-0.vmdk"
    assert job.status == "completed"
    assert disk.read_bytes() == (tmp_path / "vms" / "db-prod.img").read_bytes()
    assert disk.stat().st_blocks * 512 < disk.stat().st_size
    assert "db-prod-disk-0.vmdk" in disk.with_name("db-prod.ovf").read_text()
    assert job.started_at <= job.completed_at


def test_web_tells_the_size_and_govc_does_not(client, http, tmp_path):
    """Results say as little as the real ones, by method."""
    submit(http, tmp_path, id="web", export_method="web")
    submit(http, tmp_path, id="govc", method="govc")
    web, govc = until_ended(client, "web"), until_ended(client, "govc")
    assert (web.data_bytes, govc.data_bytes) == (1_000_000, None)
    assert web.files == (str(tmp_path / "out" / "db-prod" / "db-prod-disk-0.vmdk"),)
    assert http.get("/jobs/govc").json()["result"]["files"] is None


@pytest.mark.parametrize(
    ("method", "percent", "step"), [("ovftool", True, False), ("govc", False, True), ("web", False, False)]
)
def test_progress_is_what_the_method_gives(client, http, tmp_path, method, percent, step):
    """ovftool gives numbers, govc a line of text, web nothing; what was last said stays with the ended job."""
    submit(http, tmp_path, export_method=method)
    job = until_ended(client, "j1")
    assert (bool(job.percent), bool(job.bytes_total), bool(job.step)) == (percent, percent, step)


def test_an_export_can_be_slowed_down(daemon, client, http, tmp_path):
    """A demo wants to see an export run; the speed can change on the way."""
    http.post("/dev/speed", json={"bytes_per_second": 5_000_000})
    started = time.monotonic()
    submit(http, tmp_path)
    until_ended(client, "j1")
    assert time.monotonic() - started >= 0.19
    http.post("/dev/speed", json={"bytes_per_second": None})
    assert daemon.exports.bytes_per_second is None


def test_a_second_job_of_an_id_is_rejected_with_status_200(http, tmp_path):
    """The daemon answers 200 and says rejected inside."""
    first, second = submit(http, tmp_path), submit(http, tmp_path)
    assert (first.json()["accepted"], "errors" in first.json()) == (1, False)
    assert second.status_code == 200
    assert (second.json()["rejected"], second.json()["job_ids"]) == (1, [])
    assert second.json()["errors"] == ["job with ID j1 already exists"]


def test_password_is_echoed(http, tmp_path):
    """The leak that clients must stop at their door; the top-level password is not read from JSON."""
    submit(http, tmp_path)
    assert http.get("/jobs/j1").json()["definition"]["vcenter"]["password"] == CANARY
    submit(http, tmp_path, id="j2", vcenter=None, vcenter_url="vc", username="u", password="top")
    assert http.get("/jobs/j2").json()["definition"]["vcenter"]["password"] == ""


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"output_dir": ""}, "validate job definition: output_dir is required"),
        ({"vcenter": None}, "validate job definition: vcenter server is required"),
        ({"vcenter": {"server": "vc"}, "export_method": "web"}, "vcenter username is required"),
        ({"vm_path": "/DC0/vm/nobody"}, "vm '/DC0/vm/nobody' not found"),
        ({"vm_path": "/DC0/vm/../vms/db-prod/.."}, "not found"),
        ({"output_dir": "/dev/null/x"}, "Not a directory"),
    ],
)
def test_a_wrong_job_is_accepted_and_fails(client, http, tmp_path, fields, words):
    """Validation comes after the answer."""
    assert submit(http, tmp_path, **fields).json()["accepted"] == 1
    job = until_ended(client, "j1")
    assert job.status == "failed"
    assert words in job.error


def test_where_ctl_is_found_it_is_the_default_and_fails(tmp_path):
    """The reason why a client must choose the method itself."""
    with small_daemon(tmp_path, methods=("ctl", "web")) as running, httpx.Client(base_url=running.url) as http:
        submit(http, tmp_path, export_method="nonsense")
        job = until_ended(HyperSDKClient(running.url), "j1")
        assert http.get("/capabilities").json()["default_method"] == "ctl"
    assert "hyperctl export failed" in job.error


def test_cancel_flips_the_status_and_the_export_goes_on(daemon, client, http, tmp_path):
    """A cancelled job ends as completed: a cancel is a wish."""
    daemon.exports.pause()
    submit(http, tmp_path)
    while client.get_job("j1").status != "running":
        time.sleep(0.01)
    assert client.cancel(["j1", "j9"]) == {"j9": "job not found: j9"}
    assert client.get_job("j1").status == "cancelled"
    assert client.cancel(["j1"]) == {"j1": "job j1 cannot be cancelled (status: cancelled)"}
    http.post("/dev/resume")
    assert until_ended(client, "j1", status="completed")


def test_a_restart_forgets(daemon, client, http, tmp_path):
    """Jobs live in memory: after a restart they are unknown and their exports have ended."""
    http.post("/dev/pause")
    submit(http, tmp_path)
    assert http.post("/dev/restart").json() == {"done": "restart"}
    with pytest.raises(ExportLostError):
        client.get_job("j1")
    http.post("/dev/resume")
    assert client.status()["total_jobs"] == 0


def test_the_next_export_fails_on_demand(client, http, tmp_path):
    """A test or a demo can see a failure, once."""
    http.post("/dev/fail-next", json={"error": "lease expired"})
    submit(http, tmp_path)
    assert until_ended(client, "j1").error == "lease expired"
    submit(http, tmp_path, id="j2")
    assert until_ended(client, "j2").status == "completed"


@pytest.mark.parametrize("speed", [0, -1, "fast", True])
def test_a_speed_is_a_positive_number(http, speed):
    """Anything else is refused."""
    assert http.post("/dev/speed", json={"bytes_per_second": speed}).status_code == 400


def test_query_precedence(http, client, tmp_path):
    """Ids before all before status and limit; null for none; GET and an empty object mean all."""
    for job_id in ("a", "b"):
        submit(http, tmp_path, id=job_id)
        until_ended(client, job_id)

    def ask(body):
        answer = http.post("/jobs/query", json=body).json()
        return sorted(job["definition"]["id"] for job in answer["jobs"] or []), answer["total"]

    assert http.post("/jobs/query", json={"job_ids": ["x"]}).json()["jobs"] is None
    assert ask({"job_ids": ["a", "x"], "status": ["failed"], "limit": 1}) == (["a"], 1)
    assert ask({"all": True, "status": ["failed"], "limit": 1}) == (["a", "b"], 2)
    assert ask({"status": ["failed"]}) == ([], 0)
    assert ask({"status": ["completed"], "limit": 1})[1] == 1
    assert ask({}) == (["a", "b"], 2)
    assert http.get("/jobs/query?all=true").json()["total"] == 2
    assert http.post("/jobs/query").json()["error"] == "invalid request: EOF"


def test_jobs_come_in_no_order(http, tmp_path):
    """The daemon walks a Go map; a client that relies on an order breaks here as well."""
    for number in range(8):
        submit(http, tmp_path, id=f"j{number}", output_dir="")
    orders = set()
    for _ in range(10):
        orders.add(tuple(job["definition"]["id"] for job in http.get("/jobs/query").json()["jobs"]))
    assert len(orders) > 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/carbon/status", 404),
        ("GET", "/version", 404),
        ("GET", "/dev/pause", 404),
        ("POST", "/dev/nothing", 404),
        ("GET", "/jobs/submit", 405),
        ("POST", "/health", 405),
    ],
)
def test_unknown_routes_answer_in_plain_text(http, method, path, status):
    """Not every error is JSON."""
    answer = http.request(method, path)
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_unknown_jobs_answer_in_json(http):
    """The daemon's own 404."""
    answer = http.get("/jobs/nobody")
    assert (answer.status_code, answer.json()["error"]) == (404, "job not found: nobody")
    assert http.get("/jobs/").status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"jobs": []}',
        '{"vm_path": ""}',
        '{"vm_path": "x", "compress": "yes"}',
        '{"vm_path": "x", "metadata": []}',
        "[5]",
        "5",
        "[" * 100_000,
    ],
)
def test_any_wrong_body_has_one_message(http, body):
    """The decoder's reason is swallowed."""
    answer = http.post("/jobs/submit", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"] == "failed to parse jobs: invalid JSON format"


@pytest.mark.parametrize("body", ["{", "[]"])
def test_wrong_requests(http, body):
    """Query and cancel want an object."""
    assert http.post("/jobs/cancel", content=body).status_code == 400


def test_batches_in_both_forms(http):
    """An array or an object with jobs, not validated at all; a job without an id gets one."""
    for body in ([{"output_path": "x"}], {"jobs": [{"unknown": 1}]}):
        answer = http.post("/jobs/submit", json=body).json()
        assert answer["accepted"] == 1
        assert len(answer["job_ids"][0]) == 36


def test_a_body_over_ten_megabytes_is_refused(http):
    """The daemon stops reading there."""
    answer = http.post("/jobs/submit", content=b" " * (10 * 1024 * 1024 + 1), timeout=30)
    assert answer.status_code == 400
    assert "too large" in answer.json()["error"]


def test_times_are_as_go_writes_them(http, tmp_path):
    """Up to nine decimals, no trailing zero, an offset or Z."""
    submit(http, tmp_path)
    text = http.get("/jobs/j1").json()["definition"]["created_at"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?(Z|[+-]\d\d:\d\d)", text)
    assert datetime.fromisoformat(http.get("/health").json()["timestamp"]).microsecond == 0


def test_progress_logs_and_eta(client, http, tmp_path):
    """The views of a job; the one for the ETA drops the connection."""
    submit(http, tmp_path)
    until_ended(client, "j1")
    assert http.get("/jobs/progress/j1").json()["status"] == "completed"
    logs = http.get("/jobs/logs/j1").json()
    assert (logs["log_count"], logs["logs"][-1]["message"]) == (3, "Job completed")
    with pytest.raises(httpx.RemoteProtocolError):
        http.get("/jobs/eta/j1")


def test_health_status_capabilities(client):
    """What the client asks a daemon about itself."""
    assert client.health() == "healthy"
    assert client.status()["version"] == "0.0.1"
    assert client.choose_export_method() == "govc"


def test_a_page_in_a_browser_is_turned_away(http):
    """A development daemon writes files: no web page may talk to it."""
    assert http.post("/dev/pause", headers={"Origin": "http://evil.example"}).status_code == 403


@pytest.mark.parametrize(
    ("auth", "token", "let_in"), [("api_key", "k", True), ("bearer", "k", True), ("bearer", "x", False)]
)
def test_a_hardened_daemon_asks_for_the_key(tmp_path, auth, token, let_in):
    """With a key it behaves like a fork or a proxy that wants one; health stays open."""
    with small_daemon(tmp_path, api_key="k") as running:
        client = HyperSDKClient(running.url, token=token, auth=auth)
        assert client.health() == "healthy"
        if let_in:
            assert client.status()["total_jobs"] == 0
        else:
            with pytest.raises(AuthenticationError):
                client.status()


def test_an_empty_folder_gets_sample_vms(tmp_path):
    """Somebody without VMs can try it: a few sparse images, large to see and small on disk."""
    ensure_vms(tmp_path / "vms")
    assert vm_names(tmp_path / "vms") == ["db-prod", "file-server", "web-frontend"]
    sizes = [path.stat() for path in (tmp_path / "vms").iterdir()]
    assert sum(facts.st_size for facts in sizes) == 1_152_000_000
    assert sum(facts.st_blocks * 512 for facts in sizes) < 20_000_000


def test_events_are_logged_a_line_each(client, http, tmp_path, caplog):
    """Who runs it sees accepted, started, completed, failed, cancelled; and no password."""
    caplog.set_level(logging.INFO, logger="airflow_provider_hypercarbon.hypersdk")
    http.post("/dev/pause")
    submit(http, tmp_path)
    while client.get_job("j1").status != "running":
        time.sleep(0.01)
    client.cancel(["j1"])
    http.post("/dev/resume")
    until_ended(client, "j1", status="completed")
    submit(http, tmp_path, id="j2", output_dir="")
    until_ended(client, "j2")
    text = caplog.text
    for line in ("j1 accepted", "j1 started", "j1 cancelled", "j1 completed", "j2 failed: validate"):
        assert f"Job {line}" in text
    assert "canary" not in text


def test_a_taken_port_is_said(tmp_path):
    """And what to do about it."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConfigurationError, match="--port"):
        DevDaemon(tmp_path / "vms", port=taken.getsockname()[1])


def test_serve_runs_until_ctrl_c(tmp_path, monkeypatch, caplog):
    """The command line's entry: it says where it listens, and ends in order."""
    caplog.set_level(logging.INFO, logger="airflow_provider_hypercarbon.hypersdk")

    def ctrl_c(server):
        raise KeyboardInterrupt

    monkeypatch.setattr(devserver.ThreadingHTTPServer, "serve_forever", ctrl_c)
    serve(vm_dir=tmp_path / "vms", port=0, bytes_per_second=1e6)
    assert "Development daemon on http://127.0.0.1:" in caplog.text
    assert "stopped" in caplog.text


def test_many_exports_at_once(client, http, tmp_path):
    """Each job has its own thread, as in the daemon; none is lost and each ends once."""

    def one(number):
        response = httpx.post(
            f"{http.base_url}/jobs/submit",
            json={
                "id": f"j{number % 8}",
                "vm_path": "/DC0/vm/db-prod",
                "output_dir": str(tmp_path / f"out{number % 8}"),
                "vcenter": VCENTER,
            },
        )
        accepted.append(response.json()["accepted"])

    accepted: list[int] = []
    threads = [threading.Thread(target=one, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(accepted) == 8
    for number in range(8):
        assert until_ended(client, f"j{number}").status == "completed"
    assert client.status()["completed_jobs"] == 8
    json.dumps(client.status())
