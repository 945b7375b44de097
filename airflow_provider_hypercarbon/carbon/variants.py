"""Two turns that a finished decision can take: only observed, or spread over a fleet."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_hypercarbon.carbon.decision import StartDecision, StartReason
from airflow_provider_hypercarbon.carbon.instants import clock_time, words
from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow

_NO_DATA_BEHIND = (
    StartReason.DEADLINE,
    StartReason.NO_DATA,
    StartReason.NO_MEASURED_BASIS,
    StartReason.NOT_CARBON_AWARE,
)


def observed(decision: StartDecision) -> StartDecision:
    """Start at once, and record the start that would have been waited for."""
    if decision.due:
        return decision
    if decision.mean_at_start_gco2eq_per_kwh is None:  # no data to have planned with
        update = {"due": True, "reason": StartReason.NO_DATA, "start_at": decision.decided_at, "check_again_at": None}
        return decision.model_copy(update={**update, "sentence": f"{decision.sentence} Only observed: starting now."})
    change = f"Only observed: starting now, not at {clock_time(decision.start_at, now=decision.decided_at)}."
    return decision.model_copy(
        update={
            "due": True,
            "reason": StartReason.OBSERVED,
            "sentence": f"{decision.sentence} {change}",
            "start_at": decision.decided_at,
            "check_again_at": None,
            "mean_at_start_gco2eq_per_kwh": decision.mean_now_gco2eq_per_kwh,
            "observed_start_at": decision.start_at,
            "observed_mean_gco2eq_per_kwh": decision.mean_at_start_gco2eq_per_kwh,
        }
    )


def spread(decision: StartDecision, policy: StartPolicy, window: StartWindow, *, now: datetime) -> StartDecision:
    """Hold a start that is due by this job's own share of the jitter, never past the deadline."""
    then = min(now + policy.start_jitter, window.deadline)
    if not decision.due or decision.reason in _NO_DATA_BEHIND or then <= now:
        return decision
    by = f"Spread by {words(then - now)}: starting {clock_time(then, now=now)}."
    return decision.model_copy(
        update={
            "due": False,
            "sentence": f"{decision.sentence.replace('Starting now: t', 'T')} {by}",
            "start_at": then,
            "check_again_at": then,
            "spread": then - now,
        }
    )


def end_of_spread(last_plan: StartDecision | None, *, now: datetime) -> StartDecision | None:
    """Return the decision after a spread: hold on until its end, then start, whatever the grid does by then.

    None when no spread was begun.
    """
    if last_plan is None or not last_plan.spread:
        return None
    if now < last_plan.start_at:
        return last_plan
    sentence = f"Starting now, {words(last_plan.spread)} after the chosen moment, to spread the fleet."
    return last_plan.model_copy(
        update={
            "due": True,
            "sentence": sentence,
            "decided_at": now,
            "start_at": now,
            "check_again_at": None,
            "spread": timedelta(0),
        }
    )
