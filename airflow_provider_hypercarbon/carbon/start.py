"""When to start: compare every candidate on the curve, and say which and why."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_hypercarbon.carbon.curve import Curve
from airflow_provider_hypercarbon.carbon.decision import StartDecision, StartReason, at_deadline, from_outlook
from airflow_provider_hypercarbon.carbon.learned import believe_outlook
from airflow_provider_hypercarbon.carbon.options import Options
from airflow_provider_hypercarbon.carbon.outlook import Outlook
from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow
from airflow_provider_hypercarbon.exceptions import NoDataError


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
    curve = believe_outlook(outlook, now=now, until=window.deadline + policy.duration, model=policy.curve)
    deadline = curve.seconds_to(window.deadline)
    options = Options(curve, policy, now=curve.seconds_to(now), latest=deadline)
    choice = options.choose(deadline, entering=not _was_planned(last_plan))
    if choice is None:
        return _by_present_value(outlook, policy, window, now)
    due = choice.reason in (StartReason.CLEAN_ENOUGH, StartReason.CLEANEST, StartReason.NO_BETTER_START)
    return from_outlook(
        outlook, policy, window, now=now, reason=choice.reason, mean_now=choice.mean_now,
        planned=None if due else curve.instant(choice.start), mean_planned=choice.mean_at_start, curve=curve.kind,
    )  # fmt: skip


def candidates(curve: Curve, now: datetime, deadline: datetime, duration: timedelta) -> list[datetime]:
    """Return the starts worth comparing, in order: now, the deadline, slot edges, slot edges minus the duration.

    The mean is linear between them, so its minimum is at one of them.
    """
    turns = curve.turns(curve.seconds_to(now), curve.seconds_to(deadline), duration.total_seconds())
    last = [deadline] if deadline > now else []
    return [now, *map(curve.instant, turns), *last]


def _was_planned(last_plan: StartDecision | None) -> bool:
    """Whether a wait has begun for a reason found in data."""
    return last_plan is not None and last_plan.mean_at_start_gco2eq_per_kwh is not None


def _by_present_value(outlook: Outlook, policy: StartPolicy, window: StartWindow, now: datetime) -> StartDecision:
    """Decide without a curve: only an absolute limit can be compared with the newest measurement."""
    current, limit = outlook.current, policy.max_intensity
    if current is None or limit is None or now - current.start_at > policy.curve.max_measured_age:
        raise NoDataError(f"There is neither a forecast nor a day of history for {outlook.zone}.")
    value = current.gco2eq_per_kwh
    if value <= limit:
        return from_outlook(outlook, policy, window, now=now, reason=StartReason.CLEAN_ENOUGH, mean_now=value)
    return from_outlook(
        outlook, policy, window, now=now, reason=StartReason.TOO_DIRTY, mean_now=value, planned=window.deadline,
    )  # fmt: skip
