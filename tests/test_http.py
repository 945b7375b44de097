"""The requirements on JSON over HTTP, against real sockets where a socket can misbehave."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import traceback
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from airflow_provider_hypercarbon._http import JsonHttp
from airflow_provider_hypercarbon._http_exchange import _Line
from airflow_provider_hypercarbon.exceptions import (
    AuthenticationError,
    BadAnswerError,
    ConfigurationError,
    NoAnswerError,
    NotFoundError,
    RateLimitedError,
    RemoteError,
    RequestRefusedError,
    UnavailableError,
)
from tests.loopback import Visit, answer, serving

TOKEN = "s3cret-t0ken-of-a-customer"
#: The bound of a call in these tests, and what a call may take on a busy machine.
BOUND_SECONDS = 0.4
PATIENCE_SECONDS = 5.0
BODY_BYTES = 1024 * 1024


def http(base_url: str = "https://grid.test", **more: object) -> JsonHttp:
    given: dict[str, object] = {"service": "The grid", "headers": {"auth-token": TOKEN}, **more}
    return JsonHttp(base_url, **given)  # type: ignore[arg-type]


def impatient(url: str) -> JsonHttp:
    """Return a client for a server that will not answer."""
    return http(url, total_seconds=BOUND_SECONDS, max_bytes=BODY_BYTES, tries=1)


def once(url: str) -> JsonHttp:
    """Return a client for a server that will answer, or break off, even when the machine is busy."""
    return http(url, total_seconds=PATIENCE_SECONDS, max_bytes=BODY_BYTES, tries=1)


def mocked(
    *responses: httpx.Response | Exception, **more: object
) -> tuple[JsonHttp, list[httpx.Request], list[float]]:
    """Return a client whose service gives these answers in turn, with what it was asked and how it paused."""
    asked: list[httpx.Request] = []
    pauses: list[float] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        given = responses[min(len(asked), len(responses)) - 1]
        if isinstance(given, Exception):
            raise given
        return given

    return http(transport=httpx.MockTransport(respond), sleep=pauses.append, **more), asked, pauses


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    """Whatever happened, the thread that asked ends soon."""
    yield
    for thread in threading.enumerate():
        if thread.name == "hypercarbon-http":
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()


@pytest.fixture
def in_time() -> Iterator[None]:
    """The test is over within the bound, with some patience for a busy machine."""
    begin = time.monotonic()
    yield
    assert time.monotonic() - begin < BOUND_SECONDS + PATIENCE_SECONDS


class TestAsking:
    def test_a_get_returns_the_parsed_answer(self):
        """Parameters are encoded; the credential and the product's name go along; nothing compressed is wanted."""
        with serving(answer(b'{"a": [1, null]}')) as server:
            assert http(server.url + "/v1/").get("/x", {"zone": "A&B=C"}) == {"a": [1, None]}
        request = server.visits[0].request
        assert request.startswith(b"GET /v1/x?zone=A%26B%3DC HTTP/1.1")
        lines = request.lower().split(b"\r\n")
        assert f"auth-token: {TOKEN}".encode() in lines
        assert b"accept-encoding: identity" in lines
        assert any(line.startswith(b"user-agent: airflow-provider-hypercarbon/") for line in lines)

    def test_a_post_sends_json(self):
        """The body goes out as JSON."""
        client, asked, _ = mocked(httpx.Response(200, json={"ok": True}))
        assert client.post("/jobs", {"name": "ü"}) == {"ok": True}
        assert (asked[0].method, asked[0].content) == ("POST", '{"name":"ü"}'.encode())


class TestMisbehavingServer:
    """Each within the time bound, and never more bytes kept than the size bound."""

    pytestmark = pytest.mark.usefixtures("in_time")

    @pytest.mark.parametrize(
        "behaviour",
        [
            pytest.param(lambda visit: visit.over.wait(), id="hangs"),
            pytest.param(lambda visit: visit.drip(b"H"), id="drips before the status line"),
            pytest.param(
                lambda visit: (visit.send(b"HTTP/1.1 200 OK\r\nX-Slow: "), visit.drip(b"a")), id="drips its headers"
            ),
            pytest.param(
                lambda visit: (visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"), visit.drip()),
                id="drips its body",
            ),
            pytest.param(
                lambda visit: (visit.send(b"HTTP/1.1 401 No\r\nContent-Length: 9999\r\n\r\n"), visit.drip()),
                id="drips its refusal",
            ),
        ],
    )
    def test_a_slow_server_is_left(self, behaviour: Callable[[Visit], None]):
        """httpx alone would stay as long as some byte comes now and then."""
        with serving(behaviour) as server, pytest.raises(NoAnswerError, match="did not answer in time"):
            impatient(server.url).get("/")

    def test_a_server_that_never_finishes_the_tls_handshake_is_left(self):
        """The bound holds before the first byte of HTTP, too."""
        with serving(lambda visit: visit.drip(b"\x16")) as server, pytest.raises(UnavailableError):
            impatient(server.url.replace("http:", "https:")).get("/")

    @pytest.mark.parametrize(
        "sent",
        [
            pytest.param(b"", id="at once"),
            pytest.param(b"HTTP/1.1 200 OK\r\nX-A", id="in the headers"),
            pytest.param(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"zone": "D', id="in the body"),
            pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", id="in a chunk"),
            pytest.param(b"220 smtp.example.com ESMTP\r\n", id="not HTTP at all"),
        ],
    )
    def test_a_connection_that_is_cut_is_unavailable(self, sent: bytes):
        """Half an answer is no answer."""
        with (
            serving(lambda visit: visit.send(sent)) as server,
            pytest.raises(UnavailableError, match="cannot be reached"),
        ):
            once(server.url).get("/")

    def test_nobody_listens(self):
        """A refused connection is unavailable."""
        with serving(answer(b"{}")) as server:
            pass
        with pytest.raises(UnavailableError, match=r"cannot be reached \(ConnectError\)"):
            once(server.url).get("/")

    def test_30_megabytes_are_not_read(self):
        """Reading stops at the bound; neither memory nor the wire sees the rest."""

        def flood(visit: Visit) -> None:
            visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 30000000\r\n\r\n")
            for _ in range(300):
                visit.send(b"1" * 100_000)

        tracemalloc.start()
        try:
            with serving(flood) as server, pytest.raises(BadAnswerError, match="more than 1048576 bytes"):
                once(server.url).get("/")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 5 * BODY_BYTES
        assert server.visits[0].sent < 25_000_000

    def test_a_compressed_bomb_is_not_unfolded(self):
        """30 kB that would become 30 MB are dropped unread."""
        bomb = gzip.compress(bytes(30_000_000))
        behaviour = answer(bomb, headers="Content-Encoding: gzip\r\n")
        with serving(behaviour) as server, pytest.raises(BadAnswerError, match=r"compressed answer \(gzip\)"):
            once(server.url).get("/")

    def test_endless_headers_are_not_collected(self):
        """Headers are bounded in size as well."""

        def flood(visit: Visit) -> None:
            visit.send(b"HTTP/1.1 200 OK\r\n")
            while not visit.over.is_set():
                visit.send(b"X-A: " + b"a" * 10_000 + b"\r\n")

        with serving(flood) as server, pytest.raises(UnavailableError):
            once(server.url).get("/")

    def test_a_redirect_is_not_followed(self):
        """A loop is one request, and a credential never follows to another host."""
        behaviour = answer(b"", status="302 Found", headers="Location: /again\r\n")
        with serving(behaviour) as server, pytest.raises(BadAnswerError, match="302, a redirect"):
            once(server.url).get("/")
        assert len(server.visits) == 1

    def test_a_refusal_with_a_huge_page_is_still_that_refusal(self):
        """The status says more than the page; only the page's beginning is read."""
        behaviour = answer(b"<p>" * 2_000_000, status="401 Unauthorized")
        with serving(behaviour) as server, pytest.raises(AuthenticationError) as caught:
            once(server.url).get("/")
        assert caught.value.detail == ("<p>" * 100)[:200]

    def test_a_compressed_refusal_has_no_words(self):
        """The status is enough."""
        behaviour = answer(gzip.compress(b"no"), status="404 No", headers="Content-Encoding: gzip\r\n")
        with serving(behaviour) as server, pytest.raises(NotFoundError) as caught:
            once(server.url).get("/")
        assert caught.value.detail == ""

    def test_a_name_that_is_never_resolved_is_left(self, monkeypatch: pytest.MonkeyPatch):
        """The system's resolver knows no time-out; the call ends without it, and the late connection at once."""
        resolver_answers = threading.Event()
        resolve = socket.getaddrinfo

        def slowly(host: object, port: object, *rest: object, **more: object) -> object:
            resolver_answers.wait(PATIENCE_SECONDS)
            return resolve("127.0.0.1", port, *rest, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(socket, "getaddrinfo", slowly)
        with serving(lambda visit: visit.over.wait()) as server:
            with pytest.raises(UnavailableError, match="did not answer in time") as caught:
                impatient(f"http://slow.test:{server.port}").get("/")
            assert not isinstance(caught.value, NoAnswerError)  # it was not even asked
            resolver_answers.set()
            for thread in threading.enumerate():
                if thread.name == "hypercarbon-http":
                    thread.join(PATIENCE_SECONDS)
                    assert not thread.is_alive()
            assert all(visit.request == b"" for visit in server.visits)

    def test_what_nobody_waits_for_is_not_sent(self):
        """Whoever counts requests may count on that."""
        line = _Line()
        line.cut()
        with pytest.raises(ConnectionAbortedError):
            line.watch("http11.send_request_headers.started", {})
        assert not line.is_used

    def test_cutting_a_connection_that_is_gone_does_no_harm(self):
        """The other side may be faster."""

        class Stream:
            def get_extra_info(self, _: str) -> socket.socket:
                return closed

        line = _Line()
        with socket.socket() as closed:
            line.watch("connection.connect_tcp.complete", {"return_value": Stream()})
            line.cut()
        line.hang_up()


class TestContent:
    @pytest.mark.parametrize(
        "content",
        [
            pytest.param(b"", id="empty"),
            pytest.param(b"<html>Sign in</html>", id="HTML"),
            pytest.param(b'{"zone": "DE", "carbon', id="truncated"),
            pytest.param(b"\xff\xfe\xfa\x00", id="not text"),
            pytest.param(b"[" * 200_000, id="nested without end"),
            pytest.param(b"1" * 5000, id="a number of 5,000 digits"),
        ],
    )
    def test_what_is_not_json_is_a_bad_answer(self, content: bytes):
        """Never a bare error of the parser; and one try, as the next would be the same."""
        client, asked, _ = mocked(httpx.Response(200, content=content))
        with pytest.raises(BadAnswerError, match="did not answer in JSON"):
            client.get("/")
        assert len(asked) == 1


class TestStatus:
    @pytest.mark.parametrize(
        ("status", "error", "retryable", "requests"),
        [
            (400, RequestRefusedError, False, 1),
            (401, AuthenticationError, False, 1),
            (403, AuthenticationError, False, 1),
            (404, NotFoundError, False, 1),
            (422, RequestRefusedError, False, 1),
            (429, RateLimitedError, True, 3),
            (500, UnavailableError, True, 3),
            (503, UnavailableError, True, 3),
            (301, BadAnswerError, True, 1),
            (307, BadAnswerError, True, 1),
        ],
    )
    def test_each_status_is_one_error(self, status: int, error: type[RemoteError], retryable: bool, requests: int):
        """With the status, the service's own words, and the right number of tries."""
        client, asked, pauses = mocked(httpx.Response(status, text="words " * 100))
        with pytest.raises(error) as caught:
            client.get("/")
        assert type(caught.value) is error
        assert (caught.value.status, caught.value.retryable) == (status, retryable)
        assert caught.value.detail == ("words " * 100)[:200]
        assert len(asked) == requests
        assert pauses == [0.25, 0.5][: requests - 1]


class TestTries:
    @pytest.mark.parametrize(
        "failure",
        [httpx.Response(500), httpx.Response(429), httpx.ConnectTimeout("slow"), httpx.ReadError("cut")],
        ids=["500", "429", "time-out", "cut"],
    )
    def test_a_brief_failure_is_tried_again(self, failure: httpx.Response | Exception):
        """Once failed, then fine: the caller does not notice."""
        client, asked, pauses = mocked(failure, httpx.Response(200, json=[]))
        assert client.get("/") == []
        assert (len(asked), pauses) == (2, [0.25])

    @pytest.mark.parametrize(("retry", "requests"), [(False, 1), (True, 3)])
    def test_a_post_is_tried_again_only_on_request(self, retry: bool, requests: int):
        """A request that may have an effect does not arrive twice by itself."""
        client, asked, _ = mocked(httpx.Response(500))
        with pytest.raises(UnavailableError):
            client.post("/jobs", {}, retry=retry)
        assert len(asked) == requests

    def test_the_service_says_how_long_to_stay_away(self):
        """A short Retry-After is obeyed."""
        client, asked, pauses = mocked(httpx.Response(429, headers={"Retry-After": "2"}), httpx.Response(200, json=1))
        assert client.get("/") == 1
        assert (len(asked), pauses) == (2, [2.0])

    def test_a_long_wait_is_left_to_the_caller(self):
        """Longer than the time bound: not tried again, and the error says how long."""
        client, asked, pauses = mocked(httpx.Response(429, headers={"Retry-After": "3600"}))
        with pytest.raises(RateLimitedError) as caught:
            client.get("/")
        assert (len(asked), pauses, caught.value.retry_after) == (1, [], 3600.0)

    def test_retry_after_may_be_a_date(self):
        """The other form of RFC 9110."""
        later = format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True)
        client, _, _ = mocked(httpx.Response(429, headers={"Retry-After": later}))
        with pytest.raises(RateLimitedError) as caught:
            client.get("/")
        assert 590 < (caught.value.retry_after or 0) <= 600

    @pytest.mark.parametrize(
        ("said", "understood"),
        [
            ("soon", None),
            ("-5", None),
            ("²", None),
            ("Wed, 21 Oct 2015 07:28:00 -0000", None),
            ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
            ("0", 0.0),
            ("9" * 400, 604800.0),
        ],
    )
    def test_an_odd_retry_after_does_no_harm(self, said: str, understood: float | None):
        """Unreadable is as if it were not there; never a bare error, never longer than a week."""
        headers = [(b"Retry-After", said.encode())]
        client, _, pauses = mocked(httpx.Response(429, headers=headers))
        with pytest.raises(RateLimitedError) as caught:
            client.get("/")
        assert caught.value.retry_after == understood
        assert pauses == ([] if understood else [0.25, 0.5])

    def test_all_tries_together_are_bounded(self):
        """However many tries are allowed, none begins after the time is over."""
        client, _, pauses = mocked(httpx.Response(500), tries=1000, total_seconds=1.0)
        with pytest.raises(UnavailableError):
            client.get("/")
        assert sum(pauses) <= 1.0


class TestConfiguration:
    @pytest.mark.parametrize("token", [TOKEN + "\n", "“" + TOKEN + "”", TOKEN + "\r\nX: y", f" {TOKEN}", ""])
    def test_a_token_that_http_cannot_carry_is_refused_without_repeating_it(self, token: str):
        """Pasted with a line break or typographic quotes; the HTTP library's own error would quote it."""
        with pytest.raises(ConfigurationError, match="auth-token for The grid") as caught:
            http(headers={"auth-token": token})
        assert TOKEN not in "".join(traceback.format_exception(caught.value))

    @pytest.mark.parametrize(
        "base_url",
        [
            "grid.test",
            "ftp://user:hidden@grid.test",
            "http://user:hidden@grid.test:port",
            f"http://{'a' * 70}.test",
            "",
        ],
    )
    def test_an_address_that_is_no_url_is_refused(self, base_url: str):
        """Trying again cannot help, and a password in it is not repeated."""
        with pytest.raises(RequestRefusedError, match="not a URL") as caught:
            http(base_url, total_seconds=PATIENCE_SECONDS).get("/")
        assert "hidden" not in "".join(traceback.format_exception(caught.value))

    def test_a_service_that_repeats_the_credential_is_not_quoted(self):
        """Whatever the service answers, no error holds what we sent."""
        words = f'{{"error": "Invalid auth-token {TOKEN}", "sent": "Bearer abc-123-def"}}'
        client, _, _ = mocked(
            httpx.Response(401, text=words),
            headers={"auth-token": TOKEN, "Authorization": "Bearer abc-123-def"},
        )
        with pytest.raises(AuthenticationError) as caught:
            client.get("/")
        assert caught.value.detail == '{"error": "Invalid auth-token ***", "sent": "***"}'

    def test_a_fault_of_ours_is_not_called_theirs(self):
        """An error that no network makes comes through as it is."""
        client, _, _ = mocked(ZeroDivisionError("a bug"))
        with pytest.raises(ZeroDivisionError):
            client.get("/")
