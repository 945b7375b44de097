"""A server on a loopback socket that says byte by byte what a test wants, also what no HTTP library would."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Behaviour = Callable[["Visit"], None]


class Visit:
    """One connection: what was asked, and a way to answer until the client or the test has gone."""

    def __init__(self, connection: socket.socket, over: threading.Event) -> None:
        self._connection = connection
        self.over = over
        self.sent = 0
        self.request = b""
        while b"\r\n\r\n" not in self.request and (read := connection.recv(65536)):
            self.request += read

    def send(self, content: bytes) -> None:
        self._connection.sendall(content)
        self.sent += len(content)

    def drip(self, content: bytes = b" ", pause: float = 0.02) -> None:
        """Send the same again and again, slowly, for ever."""
        while not self.over.wait(pause):
            self.send(content)


class Loopback:
    """A listening socket; each connection is served by the behaviour in a thread of its own."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._over = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.visits: list[Visit] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            visit = Visit(connection, self._over)
            self.visits.append(visit)
            self._behaviour(visit)

    def close(self) -> None:
        self._over.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts; close() alone does not
        self._listening.close()


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[Loopback]:
    """Serve while the block runs."""
    server = Loopback(behaviour)
    try:
        yield server
    finally:
        server.close()


def answer(content: bytes, *, status: str = "200 OK", headers: str = "") -> Behaviour:
    """Return a behaviour that gives one complete answer."""

    def behave(visit: Visit) -> None:
        head = f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
        visit.send(head.encode() + content)

    return behave
