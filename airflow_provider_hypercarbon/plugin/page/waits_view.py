"""Waits and exports that go on, in words."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from airflow_provider_hypercarbon.carbon.decision import StartDecision
from airflow_provider_hypercarbon.plugin.page.words import Clock, gigabytes, number, span, vm_name
from airflow_provider_hypercarbon.plugin.schemas.runs import ExportRow, TaskAddress, WaitRow


class WaitView(NamedTuple):
    """A wait: who waits, why, how long, and where it stands between its begin and its last possible end.

    :param done: and the other shares: per cent of the track.
    """

    where: TaskAddress
    task: str
    zone: str
    vms: str
    sentence: str
    tags: tuple[str, ...]
    planned_at: datetime
    deadline: datetime
    countdown: str
    until: str
    left: str
    done: float
    plan_left: float
    plan_width: float
    deadline_left: float


def wait_view(row: WaitRow, clock: Clock) -> WaitView:
    """Write a wait; before its first decision only the deadline is known."""
    decision, now = row.decision, clock.now
    planned_at = min(decision.start_at, row.deadline) if decision else row.deadline
    duration = decision.duration if decision else timedelta(0)
    whole = max(row.deadline + duration - row.ready_at, timedelta(seconds=1))

    def share(instant: datetime) -> float:
        return round(min(100.0, max(0.0, 100 * (instant - row.ready_at) / whole)), 2)

    tags = []
    if decision and _waits_in_vain(decision):
        tags.append("deadline start")
    if decision and decision.failed_checks:
        tags.append("old data")
    if decision and decision.synthetic:
        tags.append(decision.synthetic)
    at_deadline = decision is None or _waits_in_vain(decision)
    vms = len(row.vm_paths)
    return WaitView(
        where=row,
        task=f"{row.task_id} [{row.map_index}]" if row.map_index >= 0 else row.task_id,
        zone=row.zone or (decision.zone if decision else ""),
        vms=vm_name(row.vm_paths[0]) if vms == 1 else f"{number(vms)} VMs" if vms else "",
        sentence=clock.sentence(decision.sentence, decision.decided_at) if decision else "It has not decided yet.",
        tags=tuple(tags),
        planned_at=planned_at,
        deadline=row.deadline,
        countdown=span(planned_at - now) if planned_at > now else "now",
        until="until it starts anyway" if at_deadline else "until planned start",
        left=span(row.deadline - now) if row.deadline > now else "",
        done=share(now),
        plan_left=share(planned_at),
        plan_width=max(0.6, round(share(planned_at + duration) - share(planned_at), 2)) if decision else 0,
        deadline_left=share(row.deadline),
    )


def _waits_in_vain(decision: StartDecision) -> bool:
    """Whether nothing good enough is in sight, so that only the deadline will start it."""
    return decision.start_at >= decision.deadline and decision.mean_at_start_gco2eq_per_kwh is None


class ExportView(NamedTuple):
    """An export: who, how far, how long still.

    :param percent: None when the size is not known.
    """

    where: TaskAddress
    job_id: str
    name: str
    since: datetime | None
    percent: float | None
    amount: str
    left: str
    problem: str


def export_view(row: ExportRow) -> ExportView:
    """Write an export."""
    percent = row.percent
    if percent is None and row.bytes_done is not None and row.bytes_total:
        percent = min(100.0, 100 * row.bytes_done / row.bytes_total)
    sizes = ""
    if row.bytes_done is not None:
        done = gigabytes(row.bytes_done)
        sizes = f"{done} of {gigabytes(row.bytes_total)} GB" if row.bytes_total else f"{done} GB so far"
    shown = f"{number(percent)} %" if percent is not None else ""
    waiting = row.phase or row.status or "not started yet"
    left = f"about {span(timedelta(seconds=row.seconds_left))} left" if row.seconds_left else ""
    return ExportView(
        where=row,
        job_id=row.job_id,
        name=vm_name(row.vm_path) if row.vm_path else row.job_id,
        since=row.started_at,
        percent=percent,
        amount=", ".join(filter(None, (shown, sizes))) or waiting,
        left=left or ("" if percent is not None else "size not known yet"),
        problem=row.problem or "",
    )
