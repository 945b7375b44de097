from __future__ import annotations

import httpx
import pytest

from airflow_provider_hypercarbon.exceptions import (
    AuthenticationError,
    BadAnswerError,
    ConfigurationError,
    ExportLostError,
    ExportRejectedError,
    RateLimitedError,
    RequestRefusedError,
    UnavailableError,
)
from airflow_provider_hypercarbon.hypersdk.models import JobStatus
from tests.hypersdk.fake_daemon import (
    CANARY,
    answering,
    body_of,
    client_of,
    completed,
    export_request,
    job_json,
    lost,
)

ACCEPTED = {"job_ids": ["job-1"], "accepted": 1, "rejected": 0, "timestamp": "2026-02-04T02:00:00.1Z"}
EXISTS = {"job_ids": [], "accepted": 0, "rejected": 1, "errors": ["job with ID job-1 already exists"]}

HOSTILE = [
    (httpx.Response(401, text="unauthorized\n"), AuthenticationError),
    (httpx.Response(403, text="forbidden"), AuthenticationError),
    (httpx.Response(400, json={"error": "no"}), RequestRefusedError),
    (httpx.Response(429, headers={"Retry-After": "120"}), RateLimitedError),
    (httpx.Response(500, json={"error": "boom"}), UnavailableError),
    (httpx.Response(503, text="<html>down</html>"), UnavailableError),
    (httpx.Response(302, headers={"Location": "http://elsewhere"}), BadAnswerError),
    (httpx.Response(200, text="<html>login</html>"), BadAnswerError),
    (httpx.Response(200, text='{"status": "runn'), BadAnswerError),
    (httpx.Response(200, text=""), BadAnswerError),
    (httpx.Response(200, text="null"), BadAnswerError),
    (httpx.Response(200, json=[]), BadAnswerError),
    (httpx.Response(200, json=job_json(started_at=17)), BadAnswerError),
    (httpx.ReadTimeout("slow"), UnavailableError),
    (httpx.ConnectError("refused"), UnavailableError),
    (httpx.RemoteProtocolError("cut"), UnavailableError),
]


@pytest.mark.parametrize(("answer", "error"), HOSTILE)
def test_each_hostile_answer_has_a_named_outcome(answer, error):
    """Whatever answers in the daemon's place ends in one error of our tree."""
    with pytest.raises(error):
        client_of(answering(answer)).get_job("job-1")


@pytest.mark.parametrize(("answer", "error"), HOSTILE[:-4])
def test_a_hostile_answer_to_a_submit_keeps_the_password(answer, error):
    """A refusal that repeats the request does not repeat the password."""
    echo = answer if answer.status_code != 400 else httpx.Response(400, json={"error": f"bad: {CANARY}"})
    with pytest.raises(error) as caught:
        client_of(answering(echo, lost())).ensure_submitted(export_request())
    assert "canary" not in f"{caught.value} {caught.value.detail}"


def test_submit_is_plain_json_and_goes_out_once():
    """The daemon compares the content type as a whole, and takes each submit for a new job."""
    seen = []

    def handler(request):
        seen.append(request)
        return httpx.Response(200, json=ACCEPTED)

    job = client_of(handler).ensure_submitted(export_request())
    assert (job.id, job.status, job.vm_path) == ("job-1", JobStatus.PENDING, "/DC0/vm/db-prod")
    assert [(request.method, request.url.path) for request in seen] == [("POST", "/jobs/submit")]
    assert seen[0].headers["Content-Type"] == "application/json"
    assert body_of(seen[0])["id"] == "job-1"
    assert body_of(seen[0])["vcenter"]["password"] == CANARY


def test_no_unneeded_route_is_called():
    """``/jobs/eta`` takes the daemon's connection down: no call of ours goes there."""
    paths = []

    def handler(request):
        paths.append(request.url.path)
        return httpx.Response(200, json=completed() | {"capabilities": {}, "jobs": None})

    client = client_of(handler)
    for call in (client.health, client.status, client.capabilities):
        call()
    client.get_job("job-1")
    client.query(["job-1"])
    client.cancel(["job-1"])
    assert not [path for path in paths if "eta" in path]


def test_an_existing_job_is_attached_to():
    """Status 200 with ``rejected`` and a job of our id: it is ours."""
    job = client_of(answering(EXISTS, job_json())).ensure_submitted(export_request())
    assert job.status is JobStatus.RUNNING


def test_a_rejection_has_the_daemons_words():
    """Rejected, and no job of our id: the reason is the daemon's."""
    answer = EXISTS | {"errors": [f"daemon is shutting down {CANARY}"]}
    with pytest.raises(ExportRejectedError, match=r"daemon is shutting down \*\*\*"):
        client_of(answering(answer, lost())).ensure_submitted(export_request())


def test_a_rejection_without_words():
    """``errors`` may be absent or null."""
    with pytest.raises(ExportRejectedError, match="no reason given"):
        client_of(answering(EXISTS | {"errors": None}, lost())).ensure_submitted(export_request())


def test_another_deployments_job_is_not_ours():
    """Two Airflows with the same DAG and run must not take each other's exports for their own."""
    other = job_json(definition={"vm_path": "/DC0/vm/other"})
    with pytest.raises(ExportRejectedError, match="Two Airflow deployments"):
        client_of(answering(EXISTS, other)).ensure_submitted(export_request())


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("cut"),
        httpx.Response(502, text="bad gateway"),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={}),
    ],
)
def test_a_lost_answer_is_looked_for(answer):
    """A submit without an answer may have arrived: we ask for the id before we say anything."""
    assert client_of(answering(answer, job_json())).ensure_submitted(export_request()).id == "job-1"
    with pytest.raises((UnavailableError, BadAnswerError)):
        client_of(answering(answer, lost())).ensure_submitted(export_request())


def test_the_daemons_own_id_is_taken():
    """A daemon that ignores our id gives one; that is then the job."""
    job = client_of(answering(ACCEPTED | {"job_ids": ["theirs"]})).ensure_submitted(export_request())
    assert job.id == "theirs"
    assert client_of(answering(ACCEPTED | {"job_ids": None})).ensure_submitted(export_request()).id == "job-1"


def test_not_a_daemon():
    """404 to a submit is a wrong address, and no retry mends it."""
    with pytest.raises(RequestRefusedError, match="Check the connection's host") as caught:
        client_of(answering(httpx.Response(404, text="not found"))).ensure_submitted(export_request())
    assert not caught.value.retryable


def test_a_forgotten_job_is_lost():
    """The daemon's own 404 means that it was restarted."""
    with pytest.raises(ExportLostError, match="restarted"):
        client_of(answering(lost())).get_job("job-1")


@pytest.mark.parametrize("text", ["404 page not found\n", "<html>404</html>", "", '{"message": "no route"}'])
def test_a_proxys_404_is_no_lost_job(text):
    """A proxy whose daemon is down for a moment answers 404 too; the export may go on behind it."""
    with pytest.raises(UnavailableError):
        client_of(answering(httpx.Response(404, text=text))).get_job("job-1")


def test_ids_are_quoted():
    """An id is one part of the path, whatever is in it."""
    seen = []

    def handler(request):
        seen.append(request.url.raw_path)
        return httpx.Response(200, json=job_json())

    client_of(handler).get_job("a/b?c")
    assert seen == [b"/jobs/a%2Fb%3Fc"]


def test_query_keeps_our_order():
    """The daemon answers in random order, drops unknown ids, and says null for none."""
    rows = [job_json(definition={"id": job_id}) for job_id in ("c", "a")]
    client = client_of(answering({"jobs": rows}, {"jobs": None, "total": 0}))
    assert [job.id for job in client.query(["a", "b", "c"])] == ["a", "c"]
    assert client.query(["a"]) == []


def test_nothing_asked_nothing_called():
    """An empty list would mean all jobs to the daemon."""
    client = client_of(answering(AssertionError("called")))
    assert client.query([]) == []
    assert client.cancel([]) == {}


def test_cancel_tells_what_was_not_cancelled():
    """The daemon's words for each job that it would not cancel."""
    answer = {"cancelled": ["a"], "failed": ["b"], "errors": {"b": "job b cannot be cancelled (status: completed)"}}
    assert client_of(answering(answer)).cancel(["a", "b"]) == {
        "b": "job b cannot be cancelled (status: completed)",
    }
    assert client_of(answering({"cancelled": None})).cancel(["a"]) == {"a": "no reason given"}


CAPABILITIES = {
    "capabilities": {
        "ctl": {"available": True},
        "govc": {"available": True},
        "ovftool": {"available": False},
        "web": {"available": True},
        "odd": None,
    },
    "default_method": "ctl",
}


def test_export_method_is_chosen_by_us():
    """The wanted one, else govc, else web; never the daemon's default, which fails every job."""
    client = client_of(answering(CAPABILITIES))
    assert client.capabilities() == {"ctl", "govc", "web"}
    assert client.choose_export_method() == "govc"
    assert client.choose_export_method("web") == "web"
    only_web = {"capabilities": {"ctl": {"available": True}, "web": {"available": True}}}
    assert client_of(answering(only_web)).choose_export_method() == "web"


def test_a_method_that_the_daemon_lacks_is_refused():
    """The daemon would take its default without a word."""
    with pytest.raises(
        ConfigurationError, match=r"no export method 'ovftool'\. Choose one that it has: ctl, govc, web"
    ):
        client_of(answering(CAPABILITIES)).choose_export_method("ovftool")


def test_capabilities_of_a_wrong_shape():
    """No guess about what a daemon can do."""
    with pytest.raises(BadAnswerError, match="export methods"):
        client_of(answering({"capabilities": None})).capabilities()


@pytest.mark.parametrize(
    ("options", "header", "value"),
    [
        ({"token": "k"}, "X-API-Key", "k"),
        ({"token": "k", "auth": "bearer"}, "Authorization", "Bearer k"),
        ({}, "X-API-Key", None),
    ],
)
def test_credential_goes_where_the_connection_says(options, header, value):
    """An API key or a bearer token, or none for a daemon as shipped."""
    seen = []

    def handler(request):
        seen.append(request.headers)
        return httpx.Response(200, json={"status": "healthy"})

    assert client_of(handler, **options).health() == "healthy"
    assert seen[0].get(header) == value


def test_name_holds_no_credential():
    """Messages name the daemon by its address alone."""
    from airflow_provider_hypercarbon.hypersdk.client import HyperSDKClient

    assert HyperSDKClient("http://u:p@host:1").name == "The HyperSDK daemon at host:1"
