"""Bodies of requests are JSON, whatever a client calls them."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

_CALLED = b"content-type"
_FORM = b"application/x-www-form-urlencoded"
_JSON = b"application/json"


class JsonBodies:
    """ASGI middleware: what ``curl -d`` calls a form is read as JSON, as the HyperSDK documents' examples send it.

    There are no forms here. A form that another site makes a signed-in browser send stays one: it carries a cookie
    and no token.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = list(scope["headers"])
            has_token = any(name == b"authorization" for name, _ in headers)
            if has_token and (_CALLED, _FORM) in headers:
                headers[headers.index((_CALLED, _FORM))] = (_CALLED, _JSON)
                scope = {**scope, "headers": headers}
        await self.app(scope, receive, send)
