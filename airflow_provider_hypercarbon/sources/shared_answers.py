"""What is known of a source by all who ask it: read, kept and counted; one at a time asks."""

from __future__ import annotations

import logging
import random
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from pydantic import ValidationError

from airflow_provider_hypercarbon.carbon.intensity import Frozen
from airflow_provider_hypercarbon.sources.answer_store import AnswerStore, MemoryAnswers
from airflow_provider_hypercarbon.sources.kept import Failure, Kept

log = logging.getLogger(__name__)

#: A turn covers one request with its tries, and is prolonged by the next; a killed holder's ends by itself.
TURN_SECONDS = 10.0
#: A shared store that failed is left alone for so long.
_STORE_RESTS_SECONDS = 60.0

T = TypeVar("T")
FrozenT = TypeVar("FrozenT", bound=Frozen)


class Notes(Frozen):
    """What is noted of a whole scope, or of a zone's hour.

    :param failure: the last failure of a source that is down or does not want us; None after a good answer.
    :param hour: the time between two updates of the provider that the rest is about.
    :param spent: requests that were made in it.
    :param repeats: how many more of them were failures that may be made up for.
    """

    failure: Failure | None = None
    hour: str = ""
    spent: int = 0
    repeats: int = 0


class Known(NamedTuple):
    """What is known before asking: about the question, the whole scope, and the zone's hour.

    :param is_unreadable: something is kept for the question, by another release or damaged, that cannot be read.
    """

    kept: Kept
    scope: Notes
    hour: Notes
    is_unreadable: bool = False


class SharedAnswers:
    """The memory of this process before a store that all share; a store that fails is done without.

    :param store: shared with other processes; None for this process alone.
    :param scope: one credential at one host.
    """

    def __init__(
        self,
        store: AnswerStore | None,
        scope: str,
        *,
        memory: MemoryAnswers | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.scope = scope
        self._store = store
        self._memory = _memory if memory is None else memory
        self._sleep = sleep
        self._holder = uuid.uuid4().hex
        self._store_rests_until = 0.0

    def look(self, zone: str, question: str, is_enough: Callable[[Known], bool]) -> Known:
        """Return what this process knows when that is enough, else what all know."""
        known = _read(self._memory.read(self.scope, zone), question)
        if self._store is None or is_enough(known):
            return known
        found = self._shared(lambda store: store.read(self.scope, zone), None)
        if found is None:
            return known
        for name, document in found.items():
            self._memory.write(self.scope, "" if name == _SCOPE else zone, name, document)
        return _read(found, question)

    def keep(self, zone: str, question: str, kept: Kept) -> None:
        self._keep(zone, question, kept)

    def note_scope(self, notes: Notes) -> None:
        self._keep("", _SCOPE, notes)

    def note_hour(self, zone: str, notes: Notes) -> None:
        self._keep(zone, _HOUR, notes)

    def spend(self, zone: str, period: int, limit: int) -> bool:
        """Count a request of this process, and of all; False when the limit of the period is used up."""
        return self._memory.spend(self.scope, zone, period, limit) and self._shared(
            lambda store: store.spend(self.scope, zone, period, limit), True
        )

    @contextmanager
    def turn(self, zone: str, seconds: float, is_over: Callable[[], bool]) -> Iterator[bool]:
        """Wait for the turn to ask about a zone, until that is over or has lasted too long; yield whether it came.

        :param seconds: of patience; without any, the turn is taken if it is free.
        :param is_over: looks whether another's answer has come.
        """
        ends, pause, is_mine = time.monotonic() + seconds, 0.05, False
        lock = _locks[self.scope, zone]
        has_lock = lock.acquire(timeout=max(0.0, seconds))
        try:
            while has_lock and not is_over():
                is_mine = self.take_turn(zone)
                if is_mine or time.monotonic() >= ends:
                    break
                self._sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  (no secret)
                pause = min(2 * pause, 0.5)
            yield is_mine
        finally:
            if is_mine:
                self._shared(lambda store: store.end_turn(self.scope, zone, self._holder), None)
            if has_lock:
                lock.release()

    def take_turn(self, zone: str) -> bool:
        """Take or prolong the turn; without a store, a lock of this process is all there is."""
        return self._shared(lambda store: store.take_turn(self.scope, zone, self._holder, TURN_SECONDS), True)

    def _keep(self, zone: str, name: str, what: Frozen) -> None:
        document = what.model_dump_json(exclude_none=True)
        self._memory.write(self.scope, zone, name, document)
        self._shared(lambda store: store.write(self.scope, zone, name, document), None)

    def _shared(self, use: Callable[[AnswerStore], T], otherwise: T) -> T:
        """Use the shared store; when it fails, say so once, and do without it for a minute."""
        if self._store is None or time.monotonic() < self._store_rests_until:
            return otherwise
        try:
            return use(self._store)
        except Exception as error:  # noqa: BLE001 - a cache has no say in whether a backup runs
            log.warning("Answers are not shared with other workers for now: %s", error)
            self._store_rests_until = time.monotonic() + _STORE_RESTS_SECONDS
            return otherwise


#: Rows that are no questions, but hold what is noted.
_SCOPE, _HOUR = "scope", "hour"
_memory = MemoryAnswers()
_locks: defaultdict[tuple[str, str], threading.Lock] = defaultdict(threading.Lock)


def _read(documents: dict[str, str], question: str) -> Known:
    def parsed(name: str, model: type[FrozenT]) -> FrozenT:
        try:
            return model.model_validate_json(documents[name])
        except (KeyError, ValidationError):  # never written, or by another release
            return model()

    kept = parsed(question, Kept)
    return Known(kept, parsed(_SCOPE, Notes), parsed(_HOUR, Notes), question in documents and kept == Kept())
