"""One request for everybody: a source whose answers are shared between tasks, workers and hosts.

How long an answer is good for, what becomes of a failure and who may ask is decided here; what is done without data
is not: that is ``planning``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple

from airflow_provider_hypercarbon._http import counting
from airflow_provider_hypercarbon.carbon.instants import as_utc, clock_time
from airflow_provider_hypercarbon.carbon.intensity import CarbonIntensity, IntensitySeries
from airflow_provider_hypercarbon.carbon.zones import Zone, zone_key
from airflow_provider_hypercarbon.exceptions import (
    AccessDeniedError,
    HyperCarbonError,
    NoDataError,
    NotAskedError,
    RequestRefusedError,
    UnavailableError,
)
from airflow_provider_hypercarbon.sources import CarbonSource
from airflow_provider_hypercarbon.sources.answer_store import AnswerStore, MemoryAnswers
from airflow_provider_hypercarbon.sources.budget import Hour, Spending
from airflow_provider_hypercarbon.sources.kept import Failure, Kept
from airflow_provider_hypercarbon.sources.questions import (
    RECENT,
    Forecast,
    Latest,
    Measured,
    Past,
    Question,
    is_recent,
    newest_of,
)
from airflow_provider_hypercarbon.sources.shared_answers import Known, Notes, SharedAnswers

log = logging.getLogger(__name__)

REQUESTS_PER_MINUTE = 30
#: Providers publish an hour some minutes after it began. Each installation waits a little differently, so that they
#: do not all come in the same second.
_LAG, _LAG_SPREAD_SECONDS = timedelta(minutes=3), 300
#: How long to wait for another's answer in one decision: past the turn of one that was killed. With something older
#: at hand, much shorter.
PATIENCE_SECONDS = 14.0
_PATIENCE_WITH_OLDER_SECONDS = 3.0
#: Failures in a row after which a source is left alone.
FAILURES_TO_OPEN = 3


#: Called with the question's name, the answer, and when it was asked for.
OnAnswer = Callable[[str, IntensitySeries, datetime], None]


class _Outcome(NamedTuple):
    """What is kept, and why there is nothing newer; None when it is what was asked for."""

    kept: Kept
    why: HyperCarbonError | None = None


class CachedSource:
    """A source that is asked once for all who wait.

    An answer is good until the provider's next update is due. One process at a time asks about a zone; others wait
    a bounded time for its answer, then go on with an older one or with none. Failures are remembered too, and after
    three in a row nobody asks for a while. A store that fails is done without.

    :param source: the source to ask; any one, and not a chain, whose members are each cached.
    :param store: shared by all that ask with the same credential; None keeps answers in this process.
    :param scope: tells credentials, hosts and settings apart; a fingerprint, see ``SourceConfig.scope``.
    :param requests_per_minute: over all who share the store.
    :param on_answer: called with each answer that was just asked for.
    :param memory: of this process; stands in for the one that all sources share, in tests.
    :param sleep: stands in for the pause between looks at the store, in tests.
    """

    #: A source that is down costs a decision one try, however many questions follow: those have answers, maybe.
    spares_itself = True

    def __init__(
        self,
        source: CarbonSource,
        store: AnswerStore | None,
        *,
        scope: str,
        requests_per_minute: int = REQUESTS_PER_MINUTE,
        on_answer: OnAnswer | None = None,
        memory: MemoryAnswers | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.source = source
        #: How many requests this object made.
        self.requests = 0
        self._answers = SharedAnswers(store, scope, memory=memory, sleep=sleep)
        self._requests_per_minute = requests_per_minute
        self._on_answer = on_answer
        #: How long after the full hour an update is expected.
        self.lag = _LAG + timedelta(seconds=int.from_bytes(scope.encode()[:4], "big") % _LAG_SPREAD_SECONDS)
        self._decided_at: datetime | None = None
        self._waited = 0.0
        self._down: HyperCarbonError | None = None

    @property
    def name(self) -> str:
        return self.source.name

    def latest(self, zone: str, *, now: datetime) -> CarbonIntensity:
        """Return the newest measured slot: the end of the history, which costs no request of its own.

        Where that ends before the running slot, the newest is asked for if the hour has a request to spare.
        """
        key, now = zone_key(zone), as_utc(now)
        newest, why = None, ""
        try:
            measured = self._get(Measured(key, now - RECENT, now), now)
        except (AccessDeniedError, RequestRefusedError, NoDataError):
            newest = newest_of(self._get(Latest(key), now), now=now)
        else:
            newest, why = newest_of(measured, now=now), " ".join(measured.problems)
            if newest is not None and newest.end_at <= now and not why and self._has_forecast(key, now):
                with suppress(HyperCarbonError):
                    newest = newest_of(self._get(Latest(key), now), now=now) or newest
        if newest is None:
            why = why or "The source has nothing newer."
            raise NoDataError(f"The newest value for {key} is too old to tell the present. {why}")
        return newest

    def history(self, zone: str, start: datetime, end: datetime, *, now: datetime) -> IntensitySeries:
        """Return the measured slots that touch ``[start, end)``, as many of them as the source has."""
        key, start, end, now = zone_key(zone), as_utc(start), as_utc(end), as_utc(now)
        question = Measured(key, start, end) if is_recent(start, end, now=now) else Past(key, start, end)
        return self._get(question, now)

    def forecast(self, zone: str, until: datetime, *, now: datetime) -> IntensitySeries:
        """Return the forecast from the running slot to the one that holds ``until``, as far as it reaches."""
        key, now = zone_key(zone), as_utc(now)
        with suppress(HyperCarbonError):
            # First what is worth most where requests are counted, and is asked for next anyway.
            self._get(Measured(key, now - RECENT, now), now)
        return self._get(Forecast(key, as_utc(until)), now)

    def zones(self) -> tuple[Zone, ...]:
        """Return the zones this source can be asked about; asks it each time."""
        return self.source.zones()

    def _has_forecast(self, zone: str, now: datetime) -> bool:
        """Whether no request of this hour is needed for the forecast: there is one, or there is none to be had."""
        question = Forecast(zone, now)
        known = self._answers.look(zone, question.name, lambda known: self._settled(question, known, now) is not None)
        return known.kept.is_fresh(now) or known.kept.failure is not None

    def _get(self, question: Question, now: datetime) -> IntensitySeries:
        def look() -> Known:
            return self._answers.look(question.zone, question.name, lambda known: settled(known) is not None)

        def settled(known: Known) -> _Outcome | None:
            return self._settled(question, known, now)

        if self._decided_at != now:
            self._decided_at, self._waited, self._down = now, 0.0, None
        known = look()
        if (outcome := settled(known)) is None:
            has_older = _is_usable(question, known.kept, now)
            patience = _PATIENCE_WITH_OLDER_SECONDS if has_older else PATIENCE_SECONDS
            began = time.monotonic()
            with self._answers.turn(
                question.zone, patience - self._waited, lambda: settled(look()) is not None
            ) as mine:
                self._waited += time.monotonic() - began
                known = look()
                outcome = settled(known)
                if outcome is None and not mine:
                    outcome = _Outcome(known.kept, UnavailableError("Another worker is asking about it just now."))
                outcome = outcome or self._ask(question, known, now)
        return _given(question, outcome, now)

    def _settled(self, question: Question, known: Known, now: datetime) -> _Outcome | None:
        """Return what there is when the source need not or must not be asked."""
        kept, down = known.kept, known.scope.failure
        if kept.is_fresh(now) and question.is_covered(kept, now=now):
            return _Outcome(kept)
        if kept.failure is not None and now < kept.failure.until:
            return _Outcome(kept, kept.failure.error(now=now))
        if down is not None and now < down.until and (down.count >= FAILURES_TO_OPEN or down.is_unwanted):
            return _Outcome(kept, down.error(now=now))
        if self._down is not None:  # a moment ago, in the same decision
            return _Outcome(kept, self._down)
        hour = Hour.of(now, self.lag)
        if question.budgeted and hour.is_spent(known):
            again = kept.failure and kept.failure.model_copy(update={"until": hour.end})
            return _Outcome(kept, again.error(now=now) if again else hour.enough(question, now))
        return None

    def _ask(self, question: Question, known: Known, now: datetime) -> _Outcome:
        """Ask the source, and keep what comes of it."""
        hour = Hour.of(now, self.lag)
        spending = Spending(self._answers, question, known, hour, per_minute=self._requests_per_minute, now=now)
        token = counting.set(spending)
        try:
            kept = question.ask(self.source, known.kept, now=now, valid_until=hour.end)
        except HyperCarbonError as error:
            if not isinstance(error, NotAskedError):
                self._keep_failure(question, known, error, now)
            spending.end(error)
            return _Outcome(known.kept, error)
        finally:
            counting.reset(token)
            self.requests += spending.made
        self._answers.keep(question.zone, question.name, kept)
        spending.end()
        if known.scope.failure is not None:
            self._answers.note_scope(Notes())
        log.info("Asked %s about %s: %s, %d request(s).", self.name, question.zone, question.name, spending.made)
        self._tell(question, kept)
        return _Outcome(kept)

    def _keep_failure(self, question: Question, known: Known, error: HyperCarbonError, now: datetime) -> None:
        failure = Failure.of(error, known.kept.failure, now=now)
        self._answers.keep(question.zone, question.name, known.kept.model_copy(update={"failure": failure}))
        if failure.is_down:
            self._down = error
            self._answers.note_scope(Notes(failure=Failure.of(error, known.scope.failure, now=now)))

    def _tell(self, question: Question, kept: Kept) -> None:
        if self._on_answer is None or kept.answer is None or kept.asked_at is None:
            return
        try:
            self._on_answer(question.name, kept.answer.series(), kept.asked_at)
        except Exception as error:  # noqa: BLE001 - whoever listens has no say in whether a backup runs
            log.warning("The answer is used, but not kept in the log of readings: %s", error)


def _is_usable(question: Question, kept: Kept, now: datetime) -> bool:
    """Whether an answer that could not be renewed is still better than none."""
    return kept.answer is not None and kept.asked_at is not None and now - kept.asked_at <= question.max_age


def _given(question: Question, outcome: _Outcome, now: datetime) -> IntensitySeries:
    kept, why = outcome
    if why is not None and not _is_usable(question, kept, now):
        raise why
    assert kept.answer is not None
    assert kept.asked_at is not None
    series = question.give(kept.answer.series(), now=now)
    if why is None:
        return series
    older = f"The {question.name} of {question.zone} is from {clock_time(kept.asked_at, now=now)}: {why}"
    return series.model_copy(update={"problems": (older,)})
