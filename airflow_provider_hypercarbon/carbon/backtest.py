"""Replay policies over a trace, each with only what was known at every moment, and say what they saved."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import product

from airflow_provider_hypercarbon.carbon import rivals
from airflow_provider_hypercarbon.carbon.blend import EPOCH
from airflow_provider_hypercarbon.carbon.policy import DEFAULT_DURATION, StartPolicy
from airflow_provider_hypercarbon.carbon.readings import ReadingsLog
from airflow_provider_hypercarbon.carbon.replay import Beliefs, Case, Timeline, replay
from airflow_provider_hypercarbon.carbon.scores import PERFECT, Backtest, BacktestRow, Outcomes, over_zones
from airflow_provider_hypercarbon.carbon.suggestions import Suggestion, rank
from airflow_provider_hypercarbon.carbon.trace import ready_times

__all__ = ["Backtest", "BacktestRow", "Suggestion", "backtest", "over_zones", "policies_for", "suggest_start"]

#: What HyperSDK calls clean, in gCO2eq/kWh; also the limit of the ``threshold`` policy.
CLEAN_GCO2EQ_PER_KWH = 200.0
WINDOWS = (timedelta(hours=4), timedelta(hours=12), timedelta(hours=24))

RIVALS: Mapping[str, rivals.Rival] = {
    "run_now": rivals.run_now,
    "threshold": rivals.threshold,
    "hypersdk": rivals.hypersdk,
    "electricity_maps": rivals.electricity_maps,
    "one_shot": rivals.one_shot,
    PERFECT: rivals.perfect_foresight,
}
#: Our policy by the curve it believes: whether issued forecasts are used, and whether the trace teaches.
OURS: Mapping[str, tuple[bool, bool]] = {
    "history": (False, False),
    "learned_history": (False, True),
    "fixed": (True, False),
    "learned": (True, True),
}


def policies_for(trace: ReadingsLog) -> list[str]:
    """Return the policies that a trace can compare; without issued forecasts ours has only history."""
    ours = [name for name, (with_forecast, _) in OURS.items() if trace.issues or not with_forecast]
    return [*(name for name in RIVALS if name != PERFECT), *ours, PERFECT]


def backtest(
    trace: ReadingsLog,
    *,
    windows: Sequence[timedelta] = WINDOWS,
    durations: Sequence[timedelta] = (DEFAULT_DURATION,),
    ready: Sequence[datetime] | None = None,
    policies: Sequence[str] | None = None,
    policy: StartPolicy | None = None,
    limit: float = CLEAN_GCO2EQ_PER_KWH,
    progress: Callable[[int, int], None] | None = None,
) -> Backtest:
    """Replay policies over a trace, each with only what was known at every moment.

    :param windows: from ready to the latest start.
    :param ready: when jobs become ready; None for every hour, see :func:`~.trace.ready_times`.
    :param policies: names from :func:`policies_for`; None for all of them.
    :param policy: ours; its ``max_delay`` and ``duration`` are those of the lists.
    :param limit: what ``threshold`` and ``hypersdk`` call clean, in gCO2eq/kWh.
    :param progress: is told how many starts of our policy there have been, of how many.
    """
    names, ours = policies_for(trace) if policies is None else policies, policy or StartPolicy()
    if ready is None:
        ready = ready_times(trace, windows=windows, durations=durations)
    timeline, at = Timeline(trace), [(moment - EPOCH).total_seconds() for moment in ready]
    starts: dict[tuple[str, timedelta, timedelta], Sequence[rivals.Start]] = {}
    for name in {*names, PERFECT} & RIVALS.keys():
        for duration in durations:
            found = _rival_starts(timeline, RIVALS[name], at, windows, duration, limit)
            starts.update(((name, window, duration), found[window]) for window in windows)
    cases: dict[tuple[str, timedelta, timedelta], Case] = {}
    for name in (name for name in names if name in OURS):
        with_forecast, learned = OURS[name]
        beliefs = Beliefs(timeline, ours.curve, with_forecast=with_forecast, learned=learned)
        for window, duration in product(windows, durations):
            one = ours.model_copy(update={"duration": duration})
            cases[name, window, duration] = Case(beliefs, one, int(window.total_seconds()), len(at))
    replay(list(cases.values()), at, progress=progress)
    for key, case in cases.items():
        starts[key] = list(map(rivals.Start, case.starts, case.looks))
    judges = {each: _Judge(timeline, ready, starts[PERFECT, *each], each[1]) for each in product(windows, durations)}
    keys = product(names, windows, durations)
    return Backtest(trace.zone, {key: judges[key[1:]].outcomes(starts[key]) for key in keys})


def suggest_start(
    trace: ReadingsLog,
    *,
    windows: Sequence[timedelta] = WINDOWS,
    duration: timedelta = DEFAULT_DURATION,
    zone: tzinfo = UTC,
    policy: StartPolicy | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Suggestion]:
    """Return every daily start hour and window, the one with the cleanest runs first.

    :param zone: whose clock the hours are of.
    """
    name = "learned" if trace.issues else "learned_history"
    played = backtest(
        trace, windows=windows, durations=(duration,), policies=(name,), policy=policy, progress=progress
    )
    return rank(played, zone)


def _rival_starts(
    timeline: Timeline,
    rival: rivals.Rival,
    ready: Sequence[float],
    windows: Sequence[timedelta],
    duration: timedelta,
    limit: float,
) -> dict[timedelta, list[rivals.Start]]:
    found: dict[timedelta, list[rivals.Start]] = {window: [] for window in windows}
    spans = [window.total_seconds() for window in windows]
    for at in ready:
        for window, start in zip(
            windows, rival(timeline, at, [at + span for span in spans], duration, limit), strict=True
        ):
            found[window].append(start)
    return found


class _Judge:
    """Says what starts really brought, for one window and duration."""

    def __init__(
        self, timeline: Timeline, ready: Sequence[datetime], best: Sequence[rivals.Start], duration: timedelta
    ) -> None:
        self._timeline, self._ready, self._span = timeline, ready, duration.total_seconds()
        self._at = [(moment - EPOCH).total_seconds() for moment in ready]
        self._now, self._best = self._means(self._at), self._means([start.at for start in best])

    def outcomes(self, starts: Sequence[rivals.Start]) -> Outcomes:
        """Return what became of the jobs; those whose runs were not measured in full are left out."""
        means = self._means([start.at for start in starts])
        delays = [(start.at - at) / 3600 for start, at in zip(starts, self._at, strict=True)]
        calls = [start.calls for start in starts]
        rows = zip(self._ready, self._now, means, self._best, delays, calls, strict=True)
        judged = [row for row in rows if None not in row]
        return Outcomes(*zip(*judged, strict=True)) if judged else Outcomes(*[()] * 6)

    def _means(self, starts: Sequence[float]) -> list[float | None]:
        truth, first = self._timeline.truth, self._timeline.first
        return truth.means_from([start - first for start in starts], self._span)
