"""The decision as a value: what was chosen, why, and the sentence that says so everywhere."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from airflow_provider_hypercarbon.carbon.instants import clock_time, words
from airflow_provider_hypercarbon.carbon.intensity import Frozen, Signal, Synthetic, UtcDatetime
from airflow_provider_hypercarbon.carbon.outlook import Outlook
from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow


class StartReason(StrEnum):
    """Why a decision is what it is; the first group starts the job, the second holds it."""

    CLEAN_ENOUGH = "clean_enough"
    CLEANEST = "cleanest"
    NO_BETTER_START = "no_better_start"
    DEADLINE = "deadline"
    NO_DATA = "no_data"
    NOT_CARBON_AWARE = "not_carbon_aware"

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
    :param estimated: the newest measurement is the provider's estimate.
    :param synthetic: the data were made up (mock or sandbox).
    :param failed_checks: asks in a row that gave nothing to decide with.
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
    current_gco2eq_per_kwh: float | None = None
    mean_now_gco2eq_per_kwh: float | None = None
    mean_at_start_gco2eq_per_kwh: float | None = None
    source: str | None = None
    signal: Signal | None = None
    estimated: bool | None = None
    synthetic: Synthetic | None = None
    problems: tuple[str, ...] = ()
    failed_checks: int = 0


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
) -> StartDecision:
    """Make the decision for a choice that was made on data.

    :param mean_now: expected mean of starting now, gCO2eq/kWh.
    :param planned: the start to wait for, with its mean when known; None to start now.
    """
    basis = outlook.forecast or outlook.measured or outlook.current
    current = outlook.current
    check_again_at = None
    if planned is not None:
        wait = policy.check_interval if mean_planned is None else policy.replan_interval
        check_again_at = min(planned, now + wait, window.deadline)
    choice = _starting(policy, reason, mean_now) if planned is None else (
        _holding(policy, reason, mean_now, planned, mean_planned, now)
    )  # fmt: skip
    return without_curve(
        outlook.zone, policy, window, now=now, reason=reason, planned=planned,
        sentence=f"{_present(outlook, mean_now)} {choice} Deadline {clock_time(window.deadline, now=now)}.",
        check_again_at=check_again_at,
        current_gco2eq_per_kwh=current.gco2eq_per_kwh if current else None,
        mean_now_gco2eq_per_kwh=mean_now,
        mean_at_start_gco2eq_per_kwh=mean_now if planned is None else mean_planned,
        source=basis.source if basis else None,
        signal=basis.signal if basis else None,
        estimated=current.estimated if current else None,
        synthetic=outlook.synthetic,
        problems=outlook.problems,
    )  # fmt: skip


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
