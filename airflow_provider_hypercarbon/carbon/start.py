"""When to start: compare every candidate on the curve, and say which and why."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_hypercarbon.carbon.curve import Curve, believe
from airflow_provider_hypercarbon.carbon.decision import StartDecision, StartReason, at_deadline, from_outlook
from airflow_provider_hypercarbon.carbon.outlook import Outlook
from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow
from airflow_provider_hypercarbon.exceptions import NoDataError

#: Means closer than this are the same; the earlier start wins.
_TIE_GCO2EQ_PER_KWH = 1e-9


def decide_start(
    outlook: Outlook,
    policy: StartPolicy,
    window: StartWindow,
    *,
    now: datetime,
    last_plan: StartDecision | None = None,
) -> StartDecision:
    """Decide from what is known at ``now``. Same inputs, same decision.

    :param last_plan: the decision before this one; None at the first, where ``min_saving`` applies.
    :raises NoDataError: nothing to decide with; ``sources.planning`` knows what follows from that.
    """
    if now >= window.deadline:
        return at_deadline(outlook.zone, policy, window, now=now)
    until = window.deadline + policy.duration
    curve = believe(outlook.measured, outlook.forecast, now=now, until=until, model=policy.curve)
    starts = candidates(curve, now, window.deadline, policy.duration)
    found = zip(starts, curve.means(starts, policy.duration), strict=True)
    means = {start: mean for start, mean in found if mean is not None}
    if now not in means:
        return _by_present_value(outlook, policy, window, now)
    mean_now, limit = means[now], policy.max_intensity
    if limit is not None and mean_now <= limit:
        return from_outlook(outlook, policy, window, now=now, reason=StartReason.CLEAN_ENOUGH, mean_now=mean_now)
    planned = _first_clean_enough(means, limit)
    if planned is None:
        if policy.strategy == "threshold":
            return _hold_to_deadline(outlook, policy, window, now, mean_now)
        planned = _lowest(means, now, policy, entering=not _was_planned(last_plan))
    if planned == now:
        reason = StartReason.CLEANEST if _was_planned(last_plan) else StartReason.NO_BETTER_START
        return from_outlook(outlook, policy, window, now=now, reason=reason, mean_now=mean_now)
    return from_outlook(
        outlook, policy, window, now=now, reason=StartReason.CLEANER_LATER, mean_now=mean_now,
        planned=planned, mean_planned=means[planned],
    )  # fmt: skip


def candidates(curve: Curve, now: datetime, deadline: datetime, duration: timedelta) -> list[datetime]:
    """Return the starts worth comparing, in order: now, the deadline, slot edges, slot edges minus the duration.

    The mean is linear between them, so its minimum is at one of them.
    """
    starts = {now, deadline, *curve.edges(now, deadline)}
    starts.update(edge - duration for edge in curve.edges(now + duration, deadline + duration))
    return sorted(starts)


def _first_clean_enough(means: dict[datetime, float], limit: float | None) -> datetime | None:
    return None if limit is None else next((start for start, mean in means.items() if mean <= limit), None)


def _was_planned(last_plan: StartDecision | None) -> bool:
    """Whether a wait has begun for a reason found in data."""
    return last_plan is not None and last_plan.mean_at_start_gco2eq_per_kwh is not None


def _lowest(means: dict[datetime, float], now: datetime, policy: StartPolicy, *, entering: bool) -> datetime:
    """Return the start with the lowest mean plus wait cost, the earliest among equals.

    Only a wait that begins must be worth ``min_saving``: asked again at every look it would end good waits.
    """
    cost_per_second = policy.wait_cost_per_hour * means[now] / 3600
    best, best_score = now, means[now]
    for start, mean in means.items():
        score = mean + cost_per_second * (start - now).total_seconds()
        if score < best_score - _TIE_GCO2EQ_PER_KWH:
            best, best_score = start, score
    if entering and means[now] - best_score < policy.min_saving * means[now]:
        return now
    return best


def _by_present_value(outlook: Outlook, policy: StartPolicy, window: StartWindow, now: datetime) -> StartDecision:
    """Decide without a curve: only an absolute limit can be compared with the newest measurement."""
    current, limit = outlook.current, policy.max_intensity
    if current is None or limit is None or now - current.start_at > policy.curve.max_measured_age:
        raise NoDataError(f"There is neither a forecast nor a day of history for {outlook.zone}.")
    value = current.gco2eq_per_kwh
    if value <= limit:
        return from_outlook(outlook, policy, window, now=now, reason=StartReason.CLEAN_ENOUGH, mean_now=value)
    return _hold_to_deadline(outlook, policy, window, now, value)


def _hold_to_deadline(
    outlook: Outlook, policy: StartPolicy, window: StartWindow, now: datetime, mean_now: float
) -> StartDecision:
    return from_outlook(
        outlook, policy, window, now=now, reason=StartReason.TOO_DIRTY, mean_now=mean_now,
        planned=window.deadline,
    )  # fmt: skip
