"""JSON over HTTP: bounded in time, in tries and in size; every status becomes one error of our tree."""

from __future__ import annotations

import json
import re
import ssl
import time
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import httpx

from airflow_provider_hypercarbon import __version__
from airflow_provider_hypercarbon._http_exchange import Answer, Request, exchange
from airflow_provider_hypercarbon.exceptions import (
    AuthenticationError,
    BadAnswerError,
    ConfigurationError,
    NotFoundError,
    RateLimitedError,
    RemoteError,
    RequestRefusedError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Wall-clock bound of one call with all its tries. Three calls make one decision: 15 s of a worker at most.
TOTAL_SECONDS = 5.0
#: A 72 h forecast in 5-minute slots is under 200 kB; a year of hourly values under 3 MB.
MAX_BYTES = 8 * 1024 * 1024
TRIES = 3
FIRST_PAUSE_SECONDS = 0.25
#: How much of a refusal's own words an error repeats.
DETAIL_CHARACTERS = 200
#: A longer wish to be left alone says no more than this one.
_LONGEST_RETRY_AFTER = 7 * 86400.0
_HEADER_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")


class Counting(Protocol):
    """Whoever counts requests, or limits them."""

    def before(self) -> None:
        """Called before every request, each further try included; what it raises ends the call."""

    def failed(self, error: RemoteError) -> bool:
        """Called after every request that failed; whether the same may be tried again at once."""


#: Who counts the requests that are made in this context.
counting: ContextVar[Counting | None] = ContextVar("counting", default=None)


class JsonHttp:
    """Talk JSON to one service.

    A call raises :class:`RemoteError` (see ``exceptions`` for the tree) or returns the parsed body. Redirects
    are refused, so that a credential never follows one to another host.

    :param base_url: where the service lives, with its path prefix.
    :param service: its name as people know it, for messages.
    :param headers: sent with every request; may carry a credential, which no error or log repeats.
    :param total_seconds: wall-clock bound of one call with all its tries.
    :param verify: check the TLS certificate; or the path of a file with the authorities to check it by.
    :param transport: stands in for the network in tests.
    :param sleep: stands in for the pause between tries in tests.
    :raises ConfigurationError: a header holds what HTTP cannot carry, such as the line break after a token.
    """

    def __init__(
        self,
        base_url: str,
        *,
        service: str,
        headers: Mapping[str, str] | None = None,
        total_seconds: float = TOTAL_SECONDS,
        tries: int = TRIES,
        max_bytes: int = MAX_BYTES,
        verify: bool | str = True,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._service = service
        self._own_headers = dict(headers or {})
        for name, value in self._own_headers.items():
            # Left to the HTTP library, its error would quote the value.
            if not _HEADER_VALUE.fullmatch(value):
                raise ConfigurationError(
                    f"The {name} for {service} is empty or holds a character that HTTP cannot carry. "
                    "Copy it again, without spaces or line breaks around it."
                )
        self._total_seconds = total_seconds
        self._tries = tries
        self._max_bytes = max_bytes
        self._verify = verify
        self._transport = transport
        self._sleep = sleep

    def hurry(self, seconds: float) -> None:
        """Bound every later call, with all its tries, by so much wall-clock time."""
        self._total_seconds = seconds

    def get(self, path: str, params: Mapping[str, str | int] | None = None) -> object:
        """Return the parsed JSON answer to a GET; brief failures are tried again within the time bound."""
        return self._call("GET", path, params=params)

    def post(self, path: str, body: object, *, retry: bool = False) -> object:
        """Return the parsed JSON answer to a POST.

        :param retry: try again after a brief failure; only for requests that may safely arrive twice.
        """
        return self._call("POST", path, body=body, tries=self._tries if retry else 1)

    def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        body: object = None,
        tries: int | None = None,
    ) -> object:
        agent = f"airflow-provider-hypercarbon/{__version__}"
        headers = {"Accept": "application/json", "User-Agent": agent, **self._own_headers}
        request = Request(self._service, method, self._base_url + path, headers, params, body)
        pause, count, tls = FIRST_PAUSE_SECONDS, counting.get(), self._tls
        deadline = time.monotonic() + self._total_seconds  # for the service: what we need for ourselves is not its
        for tries_left in range((tries or self._tries) - 1, -1, -1):
            if count is not None:
                count.before()
            try:
                return self._once(request, max(0.05, deadline - time.monotonic()), tls)
            except RemoteError as error:
                may_go_on = count is None or count.failed(error)
                if not tries_left or not may_go_on or not isinstance(error, UnavailableError | RateLimitedError):
                    raise
                wait = getattr(error, "retry_after", None) or pause
                if time.monotonic() + wait >= deadline:
                    raise
            self._sleep(wait)
            pause *= 2
        raise AssertionError("unreachable")  # pragma: no cover

    def _once(self, request: Request, seconds: float, tls: ssl.SSLContext | bool) -> object:
        answer = exchange(
            request,
            seconds=seconds,
            max_bytes=self._max_bytes,
            verify=tls,
            transport=self._transport,
        )
        self._raise_for_status(answer)
        try:
            return json.loads(answer.content)
        except (ValueError, RecursionError) as error:
            raise BadAnswerError(f"{self._service} did not answer in JSON. It may work later.") from error

    @cached_property
    def _tls(self) -> ssl.SSLContext | bool:
        """What verifies certificates; made once, as reading the list of authorities takes 50 ms."""
        if self._transport:
            return bool(self._verify)
        if isinstance(self._verify, str):
            context = ssl.create_default_context(cafile=self._verify)
        else:
            context = httpx.create_ssl_context(verify=self._verify)
        # The first client loads what all of them need: 100 ms, which on a busy machine are seconds.
        httpx.Client(verify=context).close()
        return context

    def _raise_for_status(self, answer: Answer) -> None:
        status = answer.status
        if status < 300:
            return
        detail = self._without_credentials(answer.content.decode("utf-8", "replace"))[:DETAIL_CHARACTERS]
        said = f"{self._service} answered {status}"
        if status < 400:
            raise BadAnswerError(
                f"{said}, a redirect, which is not followed. Check the host.", status=status, detail=detail
            )
        if status in (401, 403):
            raise AuthenticationError(
                f"{said}: the credential was refused. Check the connection's token.",
                status=status,
                detail=detail,
            )
        if status == 404:
            raise NotFoundError(f"{said}: not found.", status=status, detail=detail)
        if status == 429:
            retry_after = _retry_after(answer.headers.get("Retry-After"))
            raise RateLimitedError(f"{said}, too many requests.", detail=detail, retry_after=retry_after)
        if status < 500:
            raise RequestRefusedError(f"{said}: the request was refused.", status=status, detail=detail)
        raise UnavailableError(f"{said}. It may work later.", status=status, detail=detail)

    def _without_credentials(self, text: str) -> str:
        """Take out what we sent in headers, in case the service repeats it."""
        for value in self._own_headers.values():
            for secret in (value, value.split()[-1]):  # "Bearer abc", and "abc"
                text = text.replace(secret, "***")
        return text


def _retry_after(value: str | None) -> float | None:
    """Seconds of a ``Retry-After`` header in either of its forms (RFC 9110, 10.2.3); None when unreadable."""
    if value is None:
        return None
    try:
        seconds = float(value) if value.strip().isdecimal() else _seconds_until(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(0.0, seconds), _LONGEST_RETRY_AFTER)


def _seconds_until(http_date: str) -> float:
    return (parsedate_to_datetime(http_date) - datetime.now(UTC)).total_seconds()
