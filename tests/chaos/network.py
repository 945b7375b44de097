"""The network between Airflow and the daemon: a TCP relay that can be cut in several ways."""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
#: How much of an answer still comes through when answers are torn.
TORN_AFTER = 60


class Network:
    """Relay connections to ``port``; listens on ``self.port`` of the loopback.

    ==============  =====================================================================
    refused         connections are reset, new and old
    silent          nothing comes through in either direction; connections stay open
    answers lost    requests arrive, answers do not
    answers torn    requests arrive, answers end after a few bytes
    ==============  =====================================================================
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._way = ""
        self._whole_at = 0.0
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, way: str, seconds: float) -> None:
        """Cut it for so long; what is under way is hit as well."""
        with self._lock:
            self._way, self._whole_at = way, time.monotonic() + seconds
            hit = list(self._open) if way == "refused" else []
        for connection in hit:
            _reset(connection)

    @property
    def way(self) -> str:
        """How the network fails at this moment; empty when it is whole."""
        return self._way if time.monotonic() < self._whole_at else ""

    def close(self) -> None:
        self._listening.close()
        with self._lock:
            still_open = list(self._open)
        for connection in still_open:
            _reset(connection)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            if self.way == "refused":
                _reset(client)
                continue
            try:
                daemon = socket.create_connection(("127.0.0.1", self._target), timeout=5)
            except OSError:
                _reset(client)  # as the kernel would for a daemon that is down
                continue
            daemon.settimeout(None)
            with self._lock:
                self._open |= {client, daemon}
            threading.Thread(target=self._relay, args=(client, daemon, True), daemon=True).start()
            threading.Thread(target=self._relay, args=(daemon, client, False), daemon=True).start()

    def _relay(self, source: socket.socket, sink: socket.socket, asking: bool) -> None:
        with suppress(OSError):
            while content := source.recv(65536):
                while self.way == "silent":
                    time.sleep(0.05)
                if not asking and self.way == "answers lost":
                    continue
                if not asking and self.way == "answers torn":
                    sink.sendall(content[:TORN_AFTER])
                    break
                sink.sendall(content)
        if self.way != "refused":
            with suppress(OSError):
                sink.shutdown(socket.SHUT_WR)
        if not asking:
            with self._lock:
                self._open -= {source, sink}
            for connection in (source, sink):
                connection.close()


def _reset(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        connection.shutdown(socket.SHUT_RD)  # wakes a thread that reads; writing to it would say goodbye politely
    connection.close()
