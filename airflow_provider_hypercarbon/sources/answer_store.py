"""Where the answers of a source are kept between tasks: what a store must do, and the two that need no server.

The third, for several hosts, is the results database: ``report_store.answers``.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

#: How long a process waits for another one's write.
_BUSY_SECONDS = 5.0
_KEEP_SECONDS = 30 * 86400


class AnswerStore(Protocol):
    """Texts by scope, zone and question, and whose turn it is to ask; safe for many processes at once.

    A scope is one way to ask one source: another credential or base URL is another scope. It is a fingerprint, and
    says nothing about the credential. What belongs to the whole scope has the zone "".
    """

    def read(self, scope: str, zone: str) -> dict[str, str]:
        """Return the documents of a zone and those of the whole scope, by question."""

    def write(self, scope: str, zone: str, question: str, document: str) -> None:
        """Keep a document in place of the one before it."""

    def take_turn(self, scope: str, zone: str, holder: str, seconds: float) -> bool:
        """Take the turn to ask about a zone for so long; False while another has it."""

    def end_turn(self, scope: str, zone: str, holder: str) -> None:
        """Give the turn back, if it is still the holder's."""

    def spend(self, scope: str, zone: str, period: int, limit: int) -> bool:
        """Count one request against the limit of a period; False when it is used up.

        Periods are numbered. Whoever comes from the one before, its clock being late or its wait long, is counted in
        the present one: going back would begin both anew.
        """


class MemoryAnswers:
    """Keeps answers in this process, for all its threads.

    :param most: documents to keep; the ones written first are forgotten.
    """

    def __init__(self, most: int = 2000) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._documents: dict[tuple[str, str], dict[str, str]] = {}
        self._holders: dict[tuple[str, str], tuple[str, float]] = {}
        self._spent: dict[tuple[str, str], tuple[int, int]] = {}

    def read(self, scope: str, zone: str) -> dict[str, str]:
        with self._lock:
            return {**self._documents.get((scope, ""), {}), **self._documents.get((scope, zone), {})}

    def write(self, scope: str, zone: str, question: str, document: str) -> None:
        with self._lock:
            self._documents.setdefault((scope, zone), {})[question] = document
            while sum(map(len, self._documents.values())) > self._most:
                del self._documents[next(iter(self._documents))]

    def take_turn(self, scope: str, zone: str, holder: str, seconds: float) -> bool:
        with self._lock:
            other, until = self._holders.get((scope, zone), ("", 0.0))
            if other not in ("", holder) and until >= time.monotonic():
                return False
            self._holders[scope, zone] = (holder, time.monotonic() + seconds)
            return True

    def end_turn(self, scope: str, zone: str, holder: str) -> None:
        with self._lock:
            if self._holders.get((scope, zone), ("", 0.0))[0] == holder:
                del self._holders[scope, zone]

    def spend(self, scope: str, zone: str, period: int, limit: int) -> bool:
        with self._lock:
            counted, spent = self._spent.get((scope, zone), (period, 0))
            if counted not in (period, period + 1):
                counted, spent = period, 0
            if spent >= limit:
                return False
            self._spent[scope, zone] = (counted, spent + 1)
            return True


class FileAnswers:
    """Keeps answers in one SQLite file, for the processes of one host.

    The file is readable by its owner alone; a file or folder of somebody else is refused.

    :param path: the file; its folder is made when it is missing.
    :param clock: seconds since 1970; stands in for the time in tests.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._is_ready = False

    def read(self, scope: str, zone: str) -> dict[str, str]:
        rows = self._read("SELECT question, document FROM answers WHERE scope = ? AND zone IN (?, '')", scope, zone)
        return dict(rows)

    def write(self, scope: str, zone: str, question: str, document: str) -> None:
        now = self._clock()
        with self._transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?)", (scope, zone, question, document, now)
            )
            database.execute("DELETE FROM answers WHERE saved_at < ?", (now - _KEEP_SECONDS,))

    def take_turn(self, scope: str, zone: str, holder: str, seconds: float) -> bool:
        now = self._clock()

        def is_free(found: list[tuple[str, float]]) -> bool:
            return not found or found[0][0] == holder or found[0][1] < now

        query = "SELECT holder, held_until FROM turns WHERE scope = ? AND zone = ?"
        if not is_free(self._read(query, scope, zone)):  # most often; and who waits must not block the one who asks
            return False
        with self._transaction() as database:
            if not is_free(database.execute(query, (scope, zone)).fetchall()):
                return False
            database.execute("INSERT OR REPLACE INTO turns VALUES (?, ?, ?, ?)", (scope, zone, holder, now + seconds))
            return True

    def end_turn(self, scope: str, zone: str, holder: str) -> None:
        with self._transaction() as database:
            database.execute("DELETE FROM turns WHERE scope = ? AND zone = ? AND holder = ?", (scope, zone, holder))

    def spend(self, scope: str, zone: str, period: int, limit: int) -> bool:
        values = {"scope": scope, "zone": zone, "period": period, "limit": limit}
        with self._transaction() as database:
            done = database.execute(
                "INSERT INTO requests VALUES (:scope, :zone, :period, 1) ON CONFLICT (scope, zone) DO UPDATE SET "
                "made = CASE WHEN period IN (:period, :period + 1) THEN made + 1 ELSE 1 END, "
                "period = CASE WHEN period = :period + 1 THEN period ELSE :period END "
                "WHERE made < :limit OR period NOT IN (:period, :period + 1)",
                values,
            )
            return done.rowcount > 0

    def _read(self, query: str, *values: str) -> list[Any]:
        with self._open() as database:
            return database.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._open() as database:
            # A lock that is taken late, by the first write, may be refused at once.
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        if not self._is_ready:
            self._make()
        try:
            with closing(self._connect()) as database:
                yield database
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorname in _DAMAGED:  # answers can be had again
                self.path.unlink(missing_ok=True)
                self._is_ready = False
            raise

    def _connect(self) -> sqlite3.Connection:
        # In autocommit mode, so that BEGIN is ours. What a power cut damages is not worth waiting for the disk.
        database = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)
        database.execute("PRAGMA synchronous = OFF")
        return database

    def _make(self) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_what_is_not_ours(self.path.parent.lstat(), self.path.parent)
        # Made before SQLite sees it, since SQLite asks the umask.
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600))
        _refuse_what_is_not_ours(self.path.lstat(), self.path)
        with closing(self._connect()) as database:
            for statement in _TABLES:
                database.execute(statement)
        self._is_ready = True


_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_TABLES = (
    "CREATE TABLE IF NOT EXISTS answers (scope TEXT, zone TEXT, question TEXT, document TEXT NOT NULL, "
    "saved_at REAL NOT NULL, PRIMARY KEY (scope, zone, question)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS turns (scope TEXT, zone TEXT, holder TEXT NOT NULL, held_until REAL NOT NULL, "
    "PRIMARY KEY (scope, zone)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS requests (scope TEXT, zone TEXT, period INTEGER NOT NULL, made INTEGER NOT NULL, "
    "PRIMARY KEY (scope, zone)) WITHOUT ROWID",
)


def _refuse_what_is_not_ours(found: os.stat_result, path: Path) -> None:
    """A folder for temporary files is everybody's: somebody may have put a link or a file there before us."""
    if found.st_uid != os.getuid() or stat.S_ISLNK(found.st_mode) or found.st_mode & 0o022:
        raise PermissionError(f"{path} belongs to somebody else, or others may write to it.")
