"""A development daemon: the HyperSDK job API over real files, with its real quirks, and no vCenter.

It copies disk images from a folder instead of exporting VMs, and answers as the shipped daemon does: status 200
for a rejected job, ``null`` for no jobs, plain text for an unknown route, a password echoed in each job, a cancel
that does not stop the export, and a memory that ends with the process. It listens on the loopback by default
and asks for no credential, so keep it off other networks.

It has the routes under ``/jobs``, ``/health``, ``/status`` and ``/capabilities``; not logins, schedules or webhooks.
For tests and demos there is also, by POST:

=====================  ===============================================================================
``/dev/pause``         all exports stand still
``/dev/resume``        they go on
``/dev/fail-next``     the next export fails half-way; ``{"error": "..."}`` gives its words
``/dev/restart``       as after a restart: exports end where they are, jobs are forgotten
``/dev/speed``         ``{"bytes_per_second": 5000000}``; null is as fast as the disk
=====================  ===============================================================================
"""

from __future__ import annotations

import json
import logging
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from airflow_provider_hypercarbon.exceptions import ConfigurationError
from airflow_provider_hypercarbon.hypersdk.dev_definitions import (
    MAX_BODY,
    BadBodyError,
    JsonDict,
    go_now,
    read_definitions,
    read_request,
    strings,
)
from airflow_provider_hypercarbon.hypersdk.dev_exports import DEV_METHODS, METHOD_ORDER, DevExports, made_up_logs

log = logging.getLogger(__name__)

METHODS = {
    "/jobs/submit": ("POST",),
    "/jobs/query": ("GET", "POST"),
    "/jobs/cancel": ("POST",),
    "/health": ("GET",),
    "/status": ("GET",),
    "/capabilities": ("GET",),
}


class DevDaemon:
    """A development daemon in this process, for a test or a demo.

    :param vm_dir: folder of disk images; see :class:`DevExports`.
    :param port: 0 takes a free one.
    :param api_key: ask for it, as a hardened daemon would.
    """

    def __init__(
        self,
        vm_dir: str | Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        bytes_per_second: float | None = None,
        methods: tuple[str, ...] = DEV_METHODS,
        api_key: str | None = None,
    ) -> None:
        self.exports = DevExports(Path(vm_dir), bytes_per_second=bytes_per_second, methods=methods)
        # http.server makes a handler for each request; what they share is on their class.
        handler = type("Handler", (_Handler,), {"exports": self.exports, "api_key": api_key})
        try:
            self.server = ThreadingHTTPServer((host, port), handler)
        except OSError as error:
            raise ConfigurationError(
                f"Cannot listen on {host}:{port} ({error.strerror}). Choose another port with --port."
            ) from error
        self.server.daemon_threads = True
        self.url = f"http://{host}:{self.server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.close()

    def close(self) -> None:
        """End the exports and free the port."""
        self.server.server_close()
        self.exports.restart()


def serve(
    *, vm_dir: str | Path, host: str = "127.0.0.1", port: int = 8080, bytes_per_second: float | None = None
) -> None:
    """Run a development daemon until Ctrl-C."""
    daemon = DevDaemon(vm_dir, host=host, port=port, bytes_per_second=bytes_per_second)
    log.info("Development daemon on %s. VMs in %s: %s.", daemon.url, vm_dir, ", ".join(daemon.exports.vms()))
    try:
        daemon.server.serve_forever()
    except KeyboardInterrupt:
        log.info("Development daemon stopped.")
    finally:
        daemon.close()


class _Handler(BaseHTTPRequestHandler):
    exports: DevExports
    api_key: str | None = None
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)

    def _answer(self) -> None:
        body = self._read_body()
        path = urlsplit(self.path).path
        if self.headers.get("Origin"):  # No page in a browser has business here, with or without a preflight.
            self._send(403, "forbidden")
        elif path != "/health" and self.api_key and not self._has_key(self.api_key):
            self._send(401, "unauthorized")
        elif path in METHODS and self.command not in METHODS[path]:
            self._send(405, "Method not allowed")
        else:
            try:
                self._route(path, body)
            except BadBodyError as error:
                self._error(400, str(error))

    def _route(self, path: str, body: bytes) -> None:
        match path:
            case "/jobs/submit":
                self._send(200, self.exports.submit(read_definitions(body)))
            case "/jobs/query":
                self._send(200, self._query(body))
            case "/jobs/cancel":
                self._send(200, self.exports.cancel(strings(read_request(body).get("job_ids"))))
            case "/health":
                self._send(200, {"status": "healthy", "timestamp": _go_seconds()})
            case "/status":
                self._send(200, self.exports.status())
            case "/capabilities":
                self._send(200, self._capabilities())
            case _ if path.startswith("/dev/") and self.command == "POST":
                self._control(path.removeprefix("/dev/"), read_request(body) if body else {})
            case _ if path.startswith("/jobs/") and self.command == "GET":
                self._job(path.removeprefix("/jobs/"))
            case _:
                self._send(404, "404 page not found")

    def _query(self, body: bytes) -> JsonDict:
        if self.command == "GET":
            wanted: JsonDict = {"all": parse_qs(urlsplit(self.path).query).get("all") == ["true"]}
        else:
            wanted = read_request(body)
        limit = wanted.get("limit")
        jobs = self.exports.query(
            job_ids=strings(wanted.get("job_ids")),
            statuses=strings(wanted.get("status")),
            everything=wanted.get("all") is True,
            limit=limit if isinstance(limit, int) else 0,
        )
        return {"jobs": jobs or None, "total": len(jobs), "timestamp": go_now()}

    def _capabilities(self) -> JsonDict:
        methods = {
            name: {"method": name, "available": name in self.exports.methods, "priority": priority}
            for priority, name in enumerate(METHOD_ORDER, start=1)
        }
        return {"capabilities": methods, "default_method": self.exports.default_method, "timestamp": go_now()}

    def _job(self, rest: str) -> None:
        view, _, encoded = rest.rpartition("/")
        job_id = unquote(encoded)
        job = self.exports.get(job_id)
        if not job_id:
            self._error(400, "job ID required")
        elif job is None:
            self._error(404, f"job not found: {job_id}")
        elif view == "eta":  # The real one divides by zero and drops the connection.
            self.close_connection = True
        elif view == "progress":
            keys = ("status", "progress", "started_at", "completed_at", "error")
            self._send(200, {"job_id": job_id, "timestamp": go_now(), **{k: job[k] for k in keys if k in job}})
        elif view == "logs":
            self._send(200, made_up_logs(job_id, job))
        else:
            self._send(200, job)

    def _control(self, action: str, wanted: JsonDict) -> None:
        match action:
            case "pause":
                self.exports.pause()
            case "resume":
                self.exports.resume()
            case "restart":
                self.exports.restart()
            case "fail-next":
                self.exports.fail_next(str(wanted.get("error", "export failed: told to fail")))
            case "speed":
                speed = wanted.get("bytes_per_second")
                if speed is not None and (
                    isinstance(speed, bool) or not isinstance(speed, int | float) or speed <= 0
                ):
                    raise BadBodyError("bytes_per_second must be a positive number or null")
                self.exports.bytes_per_second = speed
            case _:
                self._send(404, "404 page not found")
                return
        self._send(200, {"done": action})

    def _has_key(self, api_key: str) -> bool:
        given = self.headers.get("X-API-Key") or self.headers.get("Authorization", "").removeprefix("Bearer ")
        return given == api_key

    def _read_body(self) -> bytes:
        length = self.headers.get("Content-Length", "0")
        left, kept = int(length) if length.isdigit() else 0, b""
        while left > 0 and (chunk := self.rfile.read(min(left, 1024 * 1024))):
            left -= len(chunk)
            kept += chunk if len(kept) <= MAX_BODY else b""
        return kept

    def _error(self, status: int, words: str) -> None:
        self._send(status, {"error": words, "timestamp": _go_seconds()})

    def _send(self, status: int, answer: JsonDict | str) -> None:
        text = isinstance(answer, str)
        content = f"{answer}\n".encode() if text else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8" if text else "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _go_seconds() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
