"""The starts worth comparing at one moment, and the best of them for any deadline."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from airflow_provider_hypercarbon.carbon.blend import HOUR
from airflow_provider_hypercarbon.carbon.curve import Curve
from airflow_provider_hypercarbon.carbon.decision import StartReason
from airflow_provider_hypercarbon.carbon.policy import StartPolicy

#: Means closer than this are the same; the earlier start wins.
_TIE_GCO2EQ_PER_KWH = 1e-9


class Choice(NamedTuple):
    """What was chosen.

    :param start: seconds after the begin of the curve; the moment of the choice when the job starts now.
    :param mean_at_start: None when held without a better start in sight.
    """

    reason: StartReason
    start: float
    mean_now: float
    mean_at_start: float | None


class Options:
    """All starts from ``now`` to ``latest`` where the lowest mean can be, compared once for all jobs that wait now.

    All times are seconds after the begin of the curve.

    :param latest: no deadline is later.
    """

    def __init__(self, curve: Curve, policy: StartPolicy, *, now: float, latest: float) -> None:
        self._curve = curve
        self._policy = policy
        self._limit = policy.max_intensity
        self._span = policy.duration.total_seconds()
        self._starts, self._means = curve.means_along(now, latest, self._span)
        self.mean_now = self._means[0]
        self._cost = policy.wait_cost_per_hour * (self.mean_now or 0.0) / HOUR
        # Whatever the deadline, the best start is the best one before it: so they are all found in one pass.
        self._best: list[int] = []
        best, threshold, cost, found = 0, (self.mean_now or 0.0) - _TIE_GCO2EQ_PER_KWH, self._cost, self._best.append
        for index, (start, mean) in enumerate(zip(self._starts, self._means, strict=True)):
            if mean is not None and (score := mean + cost * (start - now)) < threshold:
                best, threshold = index, score - _TIE_GCO2EQ_PER_KWH
            found(best)

    def choose(self, deadline: float, *, entering: bool) -> Choice | None:
        """Return the best choice for a job that must start by ``deadline``; None when the mean of now is unknown.

        :param entering: the wait would begin now, so it must be worth ``min_saving``.
        """
        mean_now, starts = self.mean_now, self._starts
        if mean_now is None:
            return None
        until = bisect_right(starts, deadline)
        # Of the deadlines of all jobs that wait now, only those off the slot edges are not among the starts.
        more = None if starts[until - 1] == deadline else self._curve.means_from((deadline,), self._span)[0]
        if self._limit is not None:
            if mean_now <= self._limit:
                return Choice(StartReason.CLEAN_ENOUGH, starts[0], mean_now, mean_now)
            found = self._first_under(self._limit, until, deadline, more)
            if found is not None:
                return Choice(StartReason.CLEANER_LATER, found[0], mean_now, found[1])
            if self._policy.strategy == "threshold":
                return Choice(StartReason.TOO_DIRTY, deadline, mean_now, None)
        best = self._best[until - 1]
        start, mean = starts[best], self._means[best]
        score = mean_now if mean is None else mean + self._cost * (start - starts[0])
        if more is not None and more + self._cost * (deadline - starts[0]) < score - _TIE_GCO2EQ_PER_KWH:
            start, mean, score = deadline, more, more + self._cost * (deadline - starts[0])
        # Only a wait that begins must be worth it: asked again at every look this would end good waits.
        if not start > starts[0] or (entering and mean_now - score < self._policy.min_saving * mean_now):
            reason = StartReason.NO_BETTER_START if entering else StartReason.CLEANEST
            return Choice(reason, starts[0], mean_now, mean_now)
        return Choice(StartReason.CLEANER_LATER, start, mean_now, mean)

    def _first_under(
        self, limit: float, until: int, deadline: float, at_deadline: float | None
    ) -> tuple[float, float] | None:
        for index in range(until):
            mean = self._means[index]
            if mean is not None and mean <= limit:
                return self._starts[index], mean
        return (deadline, at_deadline) if at_deadline is not None and at_deadline <= limit else None
