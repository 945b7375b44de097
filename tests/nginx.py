"""Airflow below a path of another server, as companies have it: nginx in front of an API server."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATH = "/airflow"
#: Debian keeps it where only root looks for commands.
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")

# The prefix stays on the way: Airflow routes by it, and does not work behind a proxy that cuts it off.
_CONFIGURATION = """
daemon off;
error_log stderr;
pid {folder}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location {path}/ {{
            proxy_pass http://127.0.0.1:{upstream};
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}
}}
"""


@contextmanager
def nginx(port: int, upstream: int, folder: Path) -> Iterator[str]:
    """Pass what comes to ``port`` below :data:`PATH` on to ``upstream``; yield the address that people type."""
    if NGINX is None:
        raise FileNotFoundError("nginx is not installed")
    folder.mkdir(parents=True)
    folder.chmod(0o777)  # nginx's workers run as somebody else
    configuration = folder / "nginx.conf"
    configuration.write_text(_CONFIGURATION.format(folder=folder, port=port, path=PATH, upstream=upstream))
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([NGINX, "-c", configuration, "-e", "stderr"], stderr=log)
    try:
        _wait_until_open(port)
        yield f"http://127.0.0.1:{port}{PATH}"
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(10)


def _wait_until_open(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("nginx does not answer.")
