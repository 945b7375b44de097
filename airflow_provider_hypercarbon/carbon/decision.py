"""The decision as a value: what was chosen, why, and the sentence that says so everywhere."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from airflow_provider_hypercarbon.carbon.blend import CurveKind
from airflow_provider_hypercarbon.carbon.certainty import expected_error
from airflow_provider_hypercarbon.carbon.instants import clock_time, words
from airflow_provider_hypercarbon.carbon.intensity import Frozen, Signal, Synthetic, UtcDatetime
from airflow_provider_hypercarbon.carbon.outlook import Outlook
from airflow_provider_hypercarbon.carbon.policy import Bound, StartPolicy, StartWindow


class StartReason(StrEnum):
    """Why a decision is what it is; the first group starts the job, the second holds it."""

    CLEAN_ENOUGH = "clean_enough"
    CLEANEST = "cleanest"
    NO_BETTER_START = "no_better_start"
    DEADLINE = "deadline"
    NO_DATA = "no_data"
    NO_MEASURED_BASIS = "no_measured_basis"
    NOT_CARBON_AWARE = "not_carbon_aware"
    OBSERVED = "observed"

    CLEANER_LATER = "cleaner_later"
    TOO_DIRTY = "too_dirty"
    PLAN_KEPT = "plan_kept"
    ASK_AGAIN = "ask_again"


class StartDecision(Frozen):
    """Whether to start now, why, and when to look again. Plain JSON by ``model_dump(mode="json")``.

    :param due: start now.
    :param reason: for machines.
    :param sentence: the same for people; log, XCom, page and command line print it unchanged.
    :param start_at: the planned start; the moment of the decision when due.
    :param check_again_at: when to decide again; None when due.
    :param current_gco2eq_per_kwh: newest measured intensity.
    :param mean_now_gco2eq_per_kwh: expected mean over the job's duration when started now.
    :param mean_at_start_gco2eq_per_kwh: the same when started at ``start_at``.
    :param expected_error_gco2eq_per_kwh: how far the mean at a planned start typically turns out to be off; None
        without a day of history.
    :param estimated: the newest measurement is the provider's estimate.
    :param synthetic: the data were made up (mock or sandbox).
    :param bound_by: the limit that made the deadline.
    :param duration_from: who says how long the job runs: ``given``, ``history`` or ``default``.
    :param observed_start_at: with strategy ``observe``, the start that would have been waited for.
    :param observed_mean_gco2eq_per_kwh: its expected mean.
    :param spread: how long after the chosen moment this job starts, so that a fleet does not start at once.
    :param failed_checks: asks in a row that gave nothing to decide with.
    :param curve: what the expected means come from: ``learned`` (issued forecasts and measured days, weighed by
        how well they did in this zone), ``learned_history`` (the same from measured days alone), ``fixed``
        (forecast and measured days in fixed weights), ``forecast`` or ``history`` (only one was there). None
        when nothing but the present was known, or nothing was asked.
    """

    due: bool
    reason: StartReason
    sentence: str
    zone: str
    decided_at: UtcDatetime
    ready_at: UtcDatetime
    deadline: UtcDatetime
    start_at: UtcDatetime
    check_again_at: UtcDatetime | None = None
    duration: timedelta
    strategy: str
    max_intensity: float | None = None
    bound_by: Bound = Bound.MAX_DELAY
    duration_from: str = "given"
    current_gco2eq_per_kwh: float | None = None
    mean_now_gco2eq_per_kwh: float | None = None
    mean_at_start_gco2eq_per_kwh: float | None = None
    expected_error_gco2eq_per_kwh: float | None = None
    source: str | None = None
    signal: Signal | None = None
    estimated: bool | None = None
    synthetic: Synthetic | None = None
    problems: tuple[str, ...] = ()
    failed_checks: int = 0
    observed_start_at: UtcDatetime | None = None
    observed_mean_gco2eq_per_kwh: float | None = None
    spread: timedelta | None = None
    curve: CurveKind | None = None


def without_curve(
    zone: str,
    policy: StartPolicy,
    window: StartWindow,
    *,
    now: datetime,
    reason: StartReason,
    sentence: str,
    planned: datetime | None = None,
    **more: object,
) -> StartDecision:
    """Make a decision that no curve stands behind: due now, or planned for later.

    :param planned: the start to wait for; None to start now.
    :param more: further fields of :class:`StartDecision`.
    """
    return StartDecision.model_validate(
        {
            "due": planned is None, "reason": reason, "sentence": sentence, "zone": zone, "decided_at": now,
            "ready_at": window.ready_at, "deadline": window.deadline, "start_at": planned or now,
            "duration": policy.duration, "strategy": policy.strategy, "max_intensity": policy.max_intensity,
            "bound_by": window.bound_by, "duration_from": policy.duration_from,
            **more,
        }
    )  # fmt: skip


def at_deadline(zone: str, policy: StartPolicy, window: StartWindow, *, now: datetime) -> StartDecision:
    """Start because the latest start has come. Needs no data."""
    late = now - window.deadline
    ago = f", {words(late)} ago" if late >= timedelta(seconds=1) else ""
    sentence = f"Starting now: the deadline {clock_time(window.deadline, now=now)} has come{ago}."
    return without_curve(zone, policy, window, now=now, reason=StartReason.DEADLINE, sentence=sentence)


def from_outlook(
    outlook: Outlook,
    policy: StartPolicy,
    window: StartWindow,
    *,
    now: datetime,
    reason: StartReason,
    mean_now: float,
    planned: datetime | None = None,
    mean_planned: float | None = None,
    curve: CurveKind | None = None,
) -> StartDecision:
    """Make the decision for a choice that was made on data.

    :param mean_now: expected mean of starting now, gCO2eq/kWh.
    :param planned: the start to wait for, with its mean when known; None to start now.
    :param curve: what the curve was made from.
    """
    basis = outlook.forecast or outlook.measured or outlook.current
    current = outlook.current
    check_again_at = None
    if planned is not None:
        check_again_at = next_look(policy, now, planned, found=mean_planned is not None)
    choice = _starting(policy, reason, mean_now) if planned is None else (
        _holding(policy, reason, mean_now, planned, mean_planned, now)
    )  # fmt: skip
    return without_curve(
        outlook.zone, policy, window, now=now, reason=reason, planned=planned,
        sentence=f"{_present(outlook, mean_now)} {choice} {deadline_words(policy, window, now=now)}",
        check_again_at=check_again_at,
        current_gco2eq_per_kwh=current.gco2eq_per_kwh if current else None,
        mean_now_gco2eq_per_kwh=mean_now,
        mean_at_start_gco2eq_per_kwh=mean_now if planned is None else mean_planned,
        expected_error_gco2eq_per_kwh=(
            None if planned is None else expected_error(outlook.measured, planned - now + policy.duration / 2)
        ),
        source=basis.source if basis else None,
        signal=basis.signal if basis else None,
        estimated=current.estimated if current else None,
        synthetic=outlook.synthetic,
        problems=outlook.problems,
        curve=curve,
    )  # fmt: skip


def basis_words(decision: StartDecision) -> str:
    """Say what a decision's expected means rest on, and how sure they are."""
    if decision.curve is None:
        return "There was no curve to compare starts on."
    error = decision.expected_error_gco2eq_per_kwh
    sure = "" if error is None else f" The mean at the planned start is typically off by {error:.0f} gCO2eq/kWh."
    job = f"job of {words(decision.duration)} ({decision.duration_from})"
    return f"Curve: {decision.curve}, from {decision.source}; {job}.{sure}"


def deadline_words(policy: StartPolicy, window: StartWindow, *, now: datetime) -> str:
    """Say when the latest start is, and which limit makes it when it is not the plain one."""
    why = {
        Bound.MAX_DELAY: "",
        Bound.FINISH_BY: f", to finish by {clock_time(window.deadline + policy.duration, now=now)}",
        Bound.MAX_BACKUP_AGE: ", before the last good backup is too old",
    }[window.bound_by]
    return f"Deadline {clock_time(window.deadline, now=now)}{why}."


#: Within so many re-planning intervals of the planned start nobody looks before it.
LAST_LOOK = 1.5


def next_look(policy: StartPolicy, now: datetime, planned: datetime, *, found: bool) -> datetime:
    """Return when to decide again.

    Shortly before the planned start nobody looks, since it is looked at again there: on real forecasts that is
    7 % fewer calls for a tenth of a point.

    :param found: a start was found in the data; else the deadline is waited for.
    """
    if not found:
        return min(planned, now + policy.check_interval)
    return planned if planned - now <= policy.replan_interval * LAST_LOOK else now + policy.replan_interval


def _present(outlook: Outlook, mean_now: float) -> str:
    made_up = f" ({outlook.synthetic} data)" if outlook.synthetic else ""
    if outlook.current is None:
        return f"Grid {outlook.zone} expected at {mean_now:.0f} gCO2eq/kWh{made_up}."
    return f"Grid {outlook.zone} at {outlook.current.gco2eq_per_kwh:.0f} gCO2eq/kWh{made_up}."


def _starting(policy: StartPolicy, reason: StartReason, mean_now: float) -> str:
    why = {
        StartReason.CLEAN_ENOUGH: f"is at or under {policy.max_intensity or 0:g}",
        StartReason.CLEANEST: "is the lowest before the deadline",
        StartReason.NO_BETTER_START: "is hardly lower later",
    }[reason]
    return f"Starting now: the mean of {mean_now:.0f} over {words(policy.duration)} {why}."


def _holding(
    policy: StartPolicy,
    reason: StartReason,
    mean_now: float,
    planned: datetime,
    mean_planned: float | None,
    now: datetime,
) -> str:
    limit = policy.max_intensity
    if reason is StartReason.TOO_DIRTY:
        return f"Holding: nothing at or under {limit or 0:g} is in sight."
    if mean_planned is None:
        return f"Holding until {clock_time(planned, now=now)}."
    first = "First clean enough" if limit is not None and mean_planned <= limit else "Cleanest"
    percent = 100 * (1 - mean_planned / mean_now) if mean_now else 0.0
    change = f"{percent:.0f} % lower" if percent >= 0 else f"{-percent:.0f} % higher"
    start = f"{words(policy.duration)} start {clock_time(planned, now=now)}"
    return f"{first} {start} (mean {mean_planned:.0f}, {change})."
