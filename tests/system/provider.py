"""Electricity Maps on loopback: a good provider that counts who asks."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from tests.sources.test_cached import Provider


class LoopbackProvider:
    """Serves what the provider in memory says, at the present time."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, datetime]] = []
        provider, asked = Provider(), self.asked

        class Answering(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                request = httpx.Request("GET", f"http://loopback{self.path}")
                provider.now = datetime.now(UTC)
                zone = request.url.params["zone"]
                asked.append((zone, request.url.path.rpartition("/")[2], provider.now))
                answer = provider(request)
                content = answer.content.replace(b'"DE"', f'"{zone}"'.encode())
                self.send_response(answer.status_code)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> LoopbackProvider:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
