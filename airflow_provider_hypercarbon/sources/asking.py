"""Ask one source, or several in their order, what one comparison needs: answers that all count the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple, TypeVar

from airflow_provider_hypercarbon.carbon.intensity import CarbonIntensity, IntensitySeries, Signal
from airflow_provider_hypercarbon.carbon.policy import NoData
from airflow_provider_hypercarbon.exceptions import (
    AccessDeniedError,
    BadDataError,
    HyperCarbonError,
    NoDataError,
    NotAskedError,
    RateLimitedError,
    RequestRefusedError,
)
from airflow_provider_hypercarbon.sources import CarbonSource
from airflow_provider_hypercarbon.sources.chain import made_up_refused, members_of, none_of_them

T = TypeVar("T", CarbonIntensity, IntensitySeries)


class Basis(NamedTuple):
    """What numbers must share to be compared."""

    zone: str
    signal: Signal
    static: bool

    def __str__(self) -> str:
        return f"{self.signal}{', by the year' if self.static else ''}"


class Asking:
    """One comparison's questions, and what went wrong with them.

    The first answer sets the basis: zone, average or marginal, which emissions. Whoever counts otherwise is passed
    over with the words why. A source that is down, refuses our credential or does not know the zone is not asked
    again for the rest, unless it spares itself and may have an earlier answer.

    :param source: one, or a chain.
    :param zone: as the user wrote it.
    """

    def __init__(self, source: CarbonSource, zone: str) -> None:
        self.problems: list[str] = []
        self.permanent = True
        self._errors: list[tuple[CarbonSource, HyperCarbonError]] = []
        self._given_up: list[CarbonSource] = []
        self._basis: Basis | None = None
        self._set_by = ""
        try:
            self._members, self.zone = members_of(source, zone)
        except HyperCarbonError as error:
            self._members, self.zone = (), zone
            self._note(source, "data", error)

    def for_(self, what: str, ask: Callable[[CarbonSource], T]) -> T | None:
        """Return the first answer that can be used; None, with the problems noted, when there is none."""
        for source in self._members:
            if source in self._given_up:
                continue
            try:
                answer = made_up_refused(ask(source), alone=len(self._members) == 1)
                self._compare(answer)
            except HyperCarbonError as error:
                self._note(source, what, error)
                continue
            return answer
        return None

    def note(self, *answers: IntensitySeries | None) -> None:
        """Take over what stood in the way of newer answers: it may be gone the next time."""
        found = [problem for answer in answers if answer for problem in answer.problems]
        self.problems += found
        self.permanent = self.permanent and not found

    def refuse(self, what: str, error: HyperCarbonError) -> None:
        """Note an answer that turned out to be of no use."""
        self.problems.append(f"No {what}: {error}")
        self.permanent = self.permanent and not error.retryable
        self._errors.append((self._members[0], error))

    def error(self) -> HyperCarbonError:
        """Return one error for all that went wrong."""
        return none_of_them(self._errors)

    def why(self) -> NoData:
        """Return the kind of what went wrong; of several, the one that is over first."""
        kinds = [kind_of(error) for _, error in self._errors]
        return next((kind for kind in _SOONEST_FIRST if kind in kinds), NoData.NO_DATA)

    def retry_after(self) -> timedelta | None:
        """Return how long to stay away, when every source that failed wants that."""
        said: list[float] = [
            getattr(error, "retry_after", None) or 0.0 for _, error in self._errors if error.retryable
        ]
        return timedelta(seconds=min(said, default=0.0)) or None

    def _compare(self, answer: CarbonIntensity | IntensitySeries) -> None:
        basis = Basis(answer.zone, answer.signal, answer.static)
        if self._basis is None:
            self._basis, self._set_by = basis, answer.source
        elif basis != self._basis and len(self._members) > 1:
            other = BadDataError(
                f"it is of {basis.zone} and counts {basis}; {self._set_by}, which is used, is of {self._basis.zone} "
                f"and counts {self._basis}. Two bases are never compared.",
                problem="mixed_signal",
            )
            other.retryable = False
            raise other

    def _note(self, source: CarbonSource, what: str, error: HyperCarbonError) -> None:
        whose = f" from {source.name}" if len(self._members) > 1 else ""
        self.problems.append(f"No {what}{whose}: {error}")
        self.permanent = self.permanent and not error.retryable
        self._errors.append((source, error))
        this_only = isinstance(error, AccessDeniedError | RequestRefusedError | NoDataError)
        if not this_only and not getattr(source, "spares_itself", False):
            self._given_up.append(source)


_SOONEST_FIRST = (NoData.LIMITED, NoData.UNAVAILABLE, NoData.BAD_DATA, NoData.NO_DATA, NoData.DENIED)


def kind_of(error: HyperCarbonError) -> NoData:
    """Return which of the kinds an error is; the policy for each is the user's."""
    if isinstance(error, RateLimitedError | NotAskedError):
        return NoData.LIMITED
    if isinstance(error, BadDataError):
        return NoData.BAD_DATA
    if isinstance(error, NoDataError):
        return NoData.NO_DATA
    return NoData.UNAVAILABLE if error.retryable else NoData.DENIED
