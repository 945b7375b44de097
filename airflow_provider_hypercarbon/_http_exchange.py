"""One request and its answer over HTTP, bounded in wall-clock time and in bytes."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from airflow_provider_hypercarbon.exceptions import (
    BadAnswerError,
    NoAnswerError,
    RequestRefusedError,
    UnavailableError,
)

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

CONNECT_SECONDS = 3.0
#: How much of a refusal is read: enough for its words, whatever page comes with them.
REFUSAL_BYTES = 8 * 1024


@dataclass(frozen=True)
class Request:
    """What to ask, and of whom.

    :param service: the service's name as people know it, for messages.
    :param headers: may hold a credential, so that no picture of this object shows them.
    """

    service: str
    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    params: Mapping[str, str | int] | None = None
    body: object = None


class Answer(NamedTuple):
    """What came back: the whole content of a success, the beginning of a refusal's."""

    status: int
    headers: Mapping[str, str]
    content: bytes


def exchange(
    request: Request,
    *,
    seconds: float,
    max_bytes: int,
    verify: ssl.SSLContext | bool = True,
    transport: httpx.BaseTransport | None = None,
) -> Answer:
    """Return the answer to a request, whatever its status.

    httpx bounds each read, not their sum, and nothing bounds a look-up in the DNS: a server that drips a byte a
    second would hold a worker for ever. So another thread asks, and this one waits for so long and no longer.

    :raises NoAnswerError: sent, and not finished in time.
    :raises UnavailableError: out of reach, or cut, or not even sent in time.
    :raises BadAnswerError: too large, or compressed.
    :raises RequestRefusedError: the address is not a URL.
    """
    line = _Line()
    future: Future[Answer] = Future()

    def ask() -> None:
        try:
            future.set_result(_ask(request, seconds, max_bytes, verify, transport, line))
        except BaseException as error:  # noqa: BLE001  # it is raised where the result is awaited
            future.set_exception(error)
        finally:
            line.hang_up()

    threading.Thread(target=ask, name="hypercarbon-http", daemon=True).start()
    try:
        return future.result(timeout=seconds)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
        # A host name that is too long is a UnicodeError.
        # From None: the library's words repeat the address, which may hold a password.
        raise RequestRefusedError(f"The address of {request.service} is not a URL. Check the host.") from None
    except (httpx.HTTPError, OSError) as error:
        # An OSError is the end of our own wait (TimeoutError), or of the certificate files.
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise UnavailableError(
                f"{request.service} shows a certificate that this machine does not trust. Give the connection the "
                "authority that signed it, or install that on the machine."
            ) from error
        slow = isinstance(error, httpx.TimeoutException | TimeoutError)
        what = "did not answer in time" if slow else "cannot be reached"
        was_sent = isinstance(error, httpx.ReadTimeout | httpx.WriteTimeout) or (
            isinstance(error, TimeoutError) and line.is_used
        )
        kind = NoAnswerError if was_sent else UnavailableError
        raise kind(f"{request.service} {what} ({type(error).__name__}). It may work later.") from error
    finally:
        line.cut()


def _ask(
    request: Request,
    seconds: float,
    max_bytes: int,
    verify: ssl.SSLContext | bool,
    transport: httpx.BaseTransport | None,
    line: _Line,
) -> Answer:
    with (
        httpx.Client(
            # A compressed answer may unfold to any size before it can be measured.
            headers={**request.headers, "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds)),
            follow_redirects=False,
            verify=verify,
            transport=transport,
        ) as client,
        client.stream(
            request.method,
            request.url,
            params=request.params,
            json=request.body,
            extensions={"trace": line.watch},
        ) as response,
    ):
        content = _read(response, request.service, max_bytes)
        return Answer(response.status_code, response.headers, content)


def _read(response: httpx.Response, service: str, max_bytes: int) -> bytes:
    is_refusal = response.status_code >= 300
    limit = REFUSAL_BYTES if is_refusal else max_bytes
    encoding = response.headers.get("Content-Encoding", "identity").lower()
    if encoding != "identity":
        if is_refusal:
            return b""
        raise BadAnswerError(
            f"{service} sent a compressed answer ({encoding[:20]}), which was not asked for; it was dropped.",
            status=response.status_code,
        )
    content = bytearray()
    # Not response.iter_bytes(), which decodes; what there is to decode was refused above.
    assert isinstance(response.stream, httpx.SyncByteStream)
    for chunk in response.stream:
        content += chunk
        if len(content) > limit:
            if is_refusal:
                break
            raise BadAnswerError(
                f"{service} sent more than {limit} bytes; the answer was dropped.",
                status=response.status_code,
            )
    return bytes(content[:limit])


class _Line:
    """The connection of one request, which another thread may cut to end the request."""

    def __init__(self) -> None:
        #: Whether anything of the request went out.
        self.is_used = False
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._is_cut = False

    def watch(self, event: str, info: Mapping[str, Any]) -> None:
        """Take note of the connection when httpx tells of it (its ``trace`` extension).

        :raises ConnectionAbortedError: nobody waits any more, so nothing is sent.
        """
        if event.endswith("send_request_headers.started"):
            with self._lock:
                if self._is_cut:
                    raise ConnectionAbortedError
                self.is_used = True
        if not event.endswith("connect_tcp.complete"):
            return
        with self._lock:
            # A duplicate stays good while TLS takes the original over.
            self._socket = info["return_value"].get_extra_info("socket").dup()
            came_late = self._is_cut
        if came_late:
            self.cut()

    def cut(self) -> None:
        """Wake up whoever waits for the connection. Harmless when it is not there yet, or no more."""
        with self._lock:
            self._is_cut = True
            if self._socket is not None:
                try:
                    self._socket.shutdown(socket.SHUT_RDWR)
                except OSError:
                    return  # the other side was faster

    def hang_up(self) -> None:
        """Forget the connection; it is over."""
        with self._lock:
            if self._socket is not None:
                self._socket.close()
                self._socket = None
