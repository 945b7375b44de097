"""One wait: what was asked for, and its memory between pokes, retries and restarts."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_hypercarbon.carbon.decision import StartDecision
    from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow
    from airflow_provider_hypercarbon.sensors.vm_history import VmHistory

#: Key in Airflow's task state store, which outlives reschedule, retry, clear and restart (30 days by default).
WAIT_KEY = "hypercarbon_wait"


class Limits(NamedTuple):
    """What comes before carbon.

    :param finish_by: the job ends by this instant, or by the next such time of day in the DAG's time zone.
    :param max_backup_age: no VM's last good backup becomes older than this before the next has ended.
    :param vm_paths: the VMs that the wait is for.
    :param results_conn_id: where their past is kept.
    """

    finish_by: str | None = None
    max_backup_age: timedelta | None = None
    vm_paths: tuple[str, ...] = ()
    results_conn_id: str | None = None


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


def open_wait(
    context: Context,
    zone: str,
    policy: StartPolicy,
    limits: Limits,
    *,
    now: datetime,
    unaware_because: str = "",
) -> Wait:
    """Return the wait of this task instance: the one that was begun, or a new one that begins now.

    Window and duration are fixed at the first poke. A retry, a restart or a clear finds them again; after a clear
    next week the deadline has passed, and the job starts at once.
    """
    from airflow_provider_hypercarbon.carbon.decision import StartDecision
    from airflow_provider_hypercarbon.carbon.policy import StartWindow
    from airflow_provider_hypercarbon.sensors.vm_history import VmHistory, read_history

    if kept := context["task_state_store"].get(WAIT_KEY):
        window = StartWindow.model_validate(kept["window"])
        last_plan = StartDecision.model_validate(kept["last_plan"]) if kept["last_plan"] else None
        policy = policy.model_copy(update=_duration(kept["duration"]))
        return Wait(zone, policy, window, last_plan, unaware_because)
    asks_for_past = limits.max_backup_age is not None or policy.duration_from == "default"
    past = read_history(limits.results_conn_id, limits.vm_paths) if asks_for_past else VmHistory()
    if policy.duration_from == "default" and past.usual_duration is not None:
        policy = policy.model_copy(update={"duration": past.usual_duration, "duration_from": "history"})
    window = StartWindow.opening(
        now,
        policy.max_delay,
        duration=policy.duration,
        finish_by=_finish_by(limits.finish_by, context, now),
        protected_until=_protected_until(limits.max_backup_age, past, now),
    )
    wait = Wait(zone, policy, window, unaware_because=unaware_because)
    remember(context, wait, None)  # before anything can fail: a retry must not begin a new wait
    return wait


def remember(context: Context, wait: Wait, decision: StartDecision | None) -> None:
    """Keep what was fixed and what was decided for the next poke."""
    kept: dict[str, Any] = {
        "window": wait.window.model_dump(mode="json"),
        "last_plan": decision.model_dump(mode="json") if decision else None,
        "duration": wait.policy.model_dump(mode="json", include={"duration", "duration_from"}),
    }
    context["task_state_store"].set(WAIT_KEY, kept)


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


def own_share(context: Context, span: timedelta) -> timedelta:
    """Return this task instance's share of a span: the same at each try, spread evenly over the instances."""
    ti = context["ti"]
    name = json.dumps([ti.dag_id, ti.run_id, ti.task_id, ti.map_index])
    digest = hashlib.sha256(name.encode()).digest()
    return span * (int.from_bytes(digest[:4], "big") / 2**32)


def _duration(kept: dict[str, Any]) -> dict[str, Any]:
    from airflow_provider_hypercarbon.carbon.instants import parse_span

    return {"duration": parse_span(kept["duration"]), "duration_from": kept["duration_from"]}


def _finish_by(text: str | None, context: Context, now: datetime) -> datetime | None:
    from airflow_provider_hypercarbon.carbon.instants import next_instant
    from airflow_provider_hypercarbon.exceptions import ConfigurationError

    if text is None:
        return None
    zone = getattr(context.get("dag"), "timezone", None) or UTC
    try:
        return next_instant(text, after=now, zone=zone)
    except ValueError as error:
        raise ConfigurationError(f"finish_by: {error} Or write a time of day, such as 06:00.") from error


def _protected_until(max_age: timedelta | None, past: VmHistory, now: datetime) -> datetime | None:
    """When the last good backup becomes too old; now when there is none that anybody knows of."""
    if max_age is None:
        return None
    return now if past.last_good_at is None else past.last_good_at + max_age
