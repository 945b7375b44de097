"""One wait: what was asked for, and its memory between pokes, retries and restarts."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_hypercarbon.carbon.decision import StartDecision
    from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow

#: Key in Airflow's task state store, which outlives reschedule, retry, clear and restart (30 days by default).
WAIT_KEY = "hypercarbon_wait"


class Wait(NamedTuple):
    """What a sensor's wait is about.

    :param unaware_because: why the grid is not looked at; empty when it is.
    :param last_plan: the decision before the next; None at the first.
    """

    zone: str
    policy: StartPolicy
    window: StartWindow
    last_plan: StartDecision | None = None
    unaware_because: str = ""


def open_wait(context: Context, zone: str, policy: StartPolicy, *, now: datetime, unaware_because: str = "") -> Wait:
    """Return the wait of this task instance: the one that was begun, or a new one that begins now.

    The window is fixed at the first poke. A retry, a restart or a clear finds it again; after a clear next week
    the deadline has passed, and the job starts at once.
    """
    from airflow_provider_hypercarbon.carbon.decision import StartDecision
    from airflow_provider_hypercarbon.carbon.policy import StartWindow

    kept = context["task_state_store"].get(WAIT_KEY)
    if not kept:
        window = StartWindow.opening(now, policy.max_delay)
        return Wait(zone, policy, window, unaware_because=unaware_because)
    window = StartWindow.model_validate(kept["window"])
    return Wait(zone, policy, window, StartDecision.model_validate(kept["last_plan"]), unaware_because)


def remember(context: Context, wait: Wait, decision: StartDecision) -> None:
    """Keep the window and the decision for the next poke."""
    context["task_state_store"].set(
        WAIT_KEY,
        {"window": wait.window.model_dump(mode="json"), "last_plan": decision.model_dump(mode="json")},
    )


def start_unaware(wait: Wait, *, now: datetime) -> StartDecision:
    """Start at once because somebody switched waiting off."""
    from airflow_provider_hypercarbon.carbon.decision import StartReason, without_curve
    from airflow_provider_hypercarbon.carbon.zones import zone_key

    return without_curve(
        zone_key(wait.zone),
        wait.policy,
        wait.window,
        now=now,
        reason=StartReason.NOT_CARBON_AWARE,
        sentence=f"Starting now, without looking at the grid: {wait.unaware_because}.",
    )
