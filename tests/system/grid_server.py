"""An Electricity Maps of our own on loopback: always dirty, or refusing everybody."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class GridServer:
    """Answers ``latest`` with a dirty hour; with ``refuse`` set, 401 to everything."""

    def __init__(self) -> None:
        self.refuse = False
        self.requests = 0
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.requests += 1
                status, body = owner._answer(self.path)
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> GridServer:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, path: str) -> tuple[int, dict[str, Any]]:
        if self.refuse:
            return 401, {"error": "Invalid auth-token"}
        if "/latest" not in path:
            return 401, {"error": "Request unauthorized for zoneKey=DE,requestType=forecast."}
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        return 200, {
            "zone": "DE",
            "carbonIntensity": 500,
            "datetime": hour.isoformat(),
            "updatedAt": datetime.now(UTC).isoformat(),
            "emissionFactorType": "lifecycle",
            "isEstimated": False,
            "temporalGranularity": "hourly",
        }
