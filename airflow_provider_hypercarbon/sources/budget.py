"""What a zone may cost between two updates of its provider: a bound that holds whoever asks, and however slowly."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from airflow_provider_hypercarbon.carbon.instants import clock_time
from airflow_provider_hypercarbon.exceptions import (
    BadAnswerError,
    HyperCarbonError,
    NoAnswerError,
    NoDataError,
    NotAskedError,
    NotFoundError,
    RateLimitedError,
    RemoteError,
    UnavailableError,
)
from airflow_provider_hypercarbon.sources.questions import Question
from airflow_provider_hypercarbon.sources.shared_answers import Known, Notes, SharedAnswers

#: Measured values and forecast.
REQUESTS_PER_ZONE = 2
#: So many more, one for each that the provider answered with a failure, or that never went out. One that it did not
#: answer in time earns none: it may have counted, and on a machine that is overloaded the delay is our own.
REPEATS_PER_ZONE = 8
UPDATE_INTERVAL = timedelta(hours=1)

_EARN_A_REPEAT = (UnavailableError, RateLimitedError, BadAnswerError, NotFoundError, NoDataError)


class Hour(NamedTuple):
    """The time between two updates of a provider: an hour that begins some minutes after the full one.

    :param number: counted from 1970.
    """

    begin: datetime
    number: int

    @classmethod
    def of(cls, now: datetime, lag: timedelta) -> Hour:
        """Return the one that ``now`` is in, of a provider that publishes so long after the full hour."""
        full = (now - lag).replace(minute=0, second=0, microsecond=0)
        return cls(full + lag, int(full.timestamp()) // 3600)

    @property
    def end(self) -> datetime:
        return self.begin + UPDATE_INTERVAL

    def notes(self, known: Known) -> Notes:
        """Return what is noted of this hour; nothing is, where the notes are of another one."""
        return known.hour if known.hour.hour == self._name else Notes(hour=self._name)

    def allows(self, known: Known) -> int:
        """Return how many requests a zone may cost in this hour, by what is known."""
        # An answer that cannot be read, as another release wrote it, was paid for and helps nobody.
        return REQUESTS_PER_ZONE + min(self.notes(known).repeats + known.is_unreadable, REPEATS_PER_ZONE)

    def is_spent(self, known: Known) -> bool:
        """Whether the zone has cost all that it may."""
        return self.notes(known).spent >= self.allows(known)

    def enough(self, question: Question, now: datetime) -> NotAskedError:
        """Return the error for a question that is not asked any more."""
        return NotAskedError(
            f"The {question.name} of {question.zone} is asked for from {clock_time(self.end, now=now)} on: "
            f"{REQUESTS_PER_ZONE} requests a zone and hour are enough.",
            retry_after=(self.end - now).total_seconds(),
        )

    @property
    def _name(self) -> str:
        return self.begin.isoformat()


class Spending:
    """The requests that one question costs, each counted before it is made; ``_http`` tells of them.

    The count is the store's, so that it is one for all who share. What is noted beside the answers only saves asking
    the store in vain.

    :param known: what was known of the zone before.
    :param per_minute: limit over all zones.
    """

    def __init__(
        self, answers: SharedAnswers, question: Question, known: Known, hour: Hour, *, per_minute: int, now: datetime
    ) -> None:
        self.made = 0
        self._answers = answers
        self._question = question
        self._known = known
        self._hour = hour
        self._per_minute = per_minute
        self._now = now
        self._earned = 0
        self._has_failed = False
        # A source that was failing a moment ago gets one try, not three.
        self._is_failing = known.kept.failure is not None or known.scope.failure is not None

    def before(self) -> None:
        """Count a request.

        :raises NotAskedError: one more is too many.
        """
        answers, zone, now = self._answers, self._question.zone, self._now
        if not answers.spend("", int(now.timestamp()) // 60, self._per_minute):
            raise NotAskedError(
                f"{self._per_minute} requests a minute are the limit that this installation sets itself. The "
                "connection's requests_per_minute raises it.",
                retry_after=60.0 - now.second,
            )
        if self._question.budgeted and not answers.spend(zone, self._hour.number, self._limit):
            self._note(spent=self._limit)
            raise self._hour.enough(self._question, now)
        answers.take_turn(zone)
        self.made += 1
        self._has_failed = False

    def failed(self, error: RemoteError) -> bool:
        """Take note of a request that failed; whether it is worth trying again at once."""
        self._has_failed = True
        self._earn(error)
        return not isinstance(error, NoAnswerError) and not self._is_failing

    def end(self, error: HyperCarbonError | None = None) -> None:
        """Note what it cost, for those who come next."""
        if error is not None and not self._has_failed and self.made:
            self._earn(error)  # it came, and was of no use
        if self.made and self._question.budgeted:
            self._note(spent=self._hour.notes(self._known).spent + self.made)

    def _earn(self, error: HyperCarbonError) -> None:
        if isinstance(error, _EARN_A_REPEAT) and not isinstance(error, NoAnswerError | NotAskedError):
            self._earned += 1

    @property
    def _limit(self) -> int:
        return min(self._hour.allows(self._known) + self._earned, REQUESTS_PER_ZONE + REPEATS_PER_ZONE)

    def _note(self, *, spent: int) -> None:
        notes = self._hour.notes(self._known)
        repeats = self._limit - REQUESTS_PER_ZONE
        self._answers.note_hour(self._question.zone, notes.model_copy(update={"spent": spent, "repeats": repeats}))
