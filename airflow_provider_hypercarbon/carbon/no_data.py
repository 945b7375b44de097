"""What becomes of a wait when there are no data, or none that say anything about the hours to come."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_hypercarbon.carbon.basis import at_once
from airflow_provider_hypercarbon.carbon.decision import (
    StartDecision,
    StartReason,
    deadline_words,
    without_curve,
)
from airflow_provider_hypercarbon.carbon.instants import clock_time, words
from airflow_provider_hypercarbon.carbon.outlook import Outlook
from airflow_provider_hypercarbon.carbon.policy import NoData, StartPolicy, StartWindow
from airflow_provider_hypercarbon.exceptions import BadDataError, NoBasisError, NoDataError


def without_basis(
    outlook: Outlook,
    error: NoBasisError,
    policy: StartPolicy,
    window: StartWindow,
    now: datetime,
    last_plan: StartDecision | None,
) -> StartDecision:
    """Start now, unless a better source may answer soon or has answered before."""
    planned = last_plan is not None and last_plan.mean_now_gco2eq_per_kwh is not None
    failed_checks = (last_plan.failed_checks if last_plan else 0) + 1
    soon = bool(outlook.problems) and not outlook.permanent and failed_checks <= policy.no_data_retries
    if outlook.static and (planned or soon):
        return without_data(outlook, error, policy, window, now, last_plan)
    return at_once(outlook, error, policy, window, now=now)


def without_data(
    outlook: Outlook,
    error: NoDataError,
    policy: StartPolicy,
    window: StartWindow,
    now: datetime,
    last_plan: StartDecision | None,
) -> StartDecision:
    """Keep a plan that was made on data; else ask again a few times, and then do as the policy says.

    No outcome is later than the deadline.

    :raises NoDataError: the policy for this kind of failure is to fail.
    """
    # That data came and do not fit together says more than what else is missing.
    own = (str(error),) if isinstance(error, BadDataError) or not outlook.problems else ()
    problems = (*own, *outlook.problems)
    failed_checks = (last_plan.failed_checks if last_plan else 0) + 1
    why = f"No data for {outlook.zone}: {problems[0]}"

    def decide(reason: StartReason, sentence: str, planned: datetime | None, again: datetime | None) -> StartDecision:
        return without_curve(
            outlook.zone, policy, window, now=now, reason=reason, sentence=f"{why} {sentence}", planned=planned,
            check_again_at=again, problems=problems, failed_checks=failed_checks, synthetic=outlook.synthetic,
            mean_now_gco2eq_per_kwh=last_plan.mean_now_gco2eq_per_kwh if last_plan and planned else None,
            mean_at_start_gco2eq_per_kwh=last_plan.mean_at_start_gco2eq_per_kwh if last_plan else None,
        )  # fmt: skip

    deadline, away = deadline_words(policy, window, now=now), outlook.retry_after or timedelta(0)
    if last_plan is not None and last_plan.mean_now_gco2eq_per_kwh is not None:  # it was made on data
        planned = min(last_plan.start_at, window.deadline)
        if planned <= now:
            return decide(StartReason.PLAN_KEPT, "Starting now, as planned before.", None, None)
        # Held to the deadline for want of anything better: better may come into sight with the next data.
        wait = policy.check_interval if planned == window.deadline else policy.replan_interval
        sentence = f"The plan to start at {clock_time(planned, now=now)} is kept. {deadline}"
        return decide(StartReason.PLAN_KEPT, sentence, planned, min(planned, now + max(wait, away)))
    if failed_checks <= policy.no_data_retries and not outlook.permanent:
        again = min(now + max(policy.no_data_retry_interval, away), window.deadline)
        sentence = f"Asking again in {words(again - now)}. {deadline}"
        return decide(StartReason.ASK_AGAIN, sentence, window.deadline, again)
    kind = NoData.BAD_DATA if own and isinstance(error, BadDataError) else outlook.why
    action = policy.without_data(kind)
    if action == "fail":
        failure = NoDataError(f"{why} The policy for this ({kind}) is to fail.")
        failure.retryable = not outlook.permanent
        raise failure
    if action == "wait":
        again = min(now + max(policy.check_interval, away), window.deadline)
        return decide(StartReason.ASK_AGAIN, f"Waiting for data. {deadline}", window.deadline, again)
    return decide(StartReason.NO_DATA, "Starting now, without knowing the grid.", None, None)
