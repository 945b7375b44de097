"""Waits, exports, the story of one run and the starts of a DAG, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from airflow_provider_hypercarbon.carbon.decision import StartDecision, StartReason
from airflow_provider_hypercarbon.carbon.intensity import IntensityLevel
from airflow_provider_hypercarbon.plugin.page.words import THIN, Clock, gigabytes, intensity, number, span, vm_name
from airflow_provider_hypercarbon.plugin.schemas.runs import Decided, ExportRow, Start, TaskAddress, WaitRow

#: A plan that moves by less is the same plan.
_SAME = timedelta(minutes=1)
_STARTS_SHOWN = 5


class WaitView(NamedTuple):
    """A wait: who waits, why, how long, and where it stands between its begin and its last possible end.

    :param done: and the other shares: per cent of the track.
    """

    where: TaskAddress
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
        zone=row.zone or (decision.zone if decision else ""),
        vms=vm_name(row.vm_paths[0]) if vms == 1 else f"{vms} VMs" if vms else "",
        sentence=clock.sentence(decision.sentence, decision.decided_at) if decision else "It has not decided yet.",
        tags=tuple(tags),
        planned_at=planned_at,
        deadline=row.deadline,
        countdown=span(planned_at - now) if planned_at > now else "now",
        until="until it starts anyway" if at_deadline else "until planned start",
        left=span(row.deadline - now) if row.deadline > now else "",
        done=share(now),
        plan_left=share(planned_at),
        plan_width=max(0.6, round(share(planned_at + duration) - share(planned_at), 2)),
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


class Line(NamedTuple):
    """One line of what happened, or will."""

    at: datetime
    words: str
    ahead: bool


def story(decisions: Sequence[StartDecision], clock: Clock, *, waiting: bool) -> list[Line]:
    """Tell a wait from its decisions, one line each; plans that stayed as they were share a line.

    :param waiting: it still goes on, so what comes is told too.
    """
    lines: list[Line] = []
    if not decisions:
        return lines
    first = decisions[0]
    grid = first.current_gco2eq_per_kwh
    known = f" Grid {first.zone} at {intensity(grid)} g/kWh, {IntensityLevel.of(grid)}." if grid is not None else ""
    lines.append(Line(first.ready_at, f"Scheduled.{known}", False))
    before: StartDecision | None = None
    unchanged = 0
    for decision in decisions:
        same = before is not None and not decision.due and not before.due
        if same and before is not None and abs(decision.start_at - before.start_at) < _SAME:
            unchanged += 1
        else:
            if unchanged:
                lines.append(_unchanged(before, unchanged))
            unchanged = 0
            lines.append(Line(decision.decided_at, _said(decision, before, clock), False))
        before = decision
    if unchanged:
        lines.append(_unchanged(before, unchanged))
    last = decisions[-1]
    if waiting and not last.due:
        if last.check_again_at and clock.now < last.check_again_at < last.start_at:
            lines.append(Line(last.check_again_at, "Next check", True))
        if last.start_at < last.deadline:
            lines.append(Line(last.start_at, "Planned start", True))
        lines.append(Line(last.deadline, "Starts at the latest, whatever the grid", True))
    return lines


def _unchanged(decision: StartDecision | None, times: int) -> Line:
    assert decision is not None
    looks = "Looked again" if times == 1 else f"Looked again {times} times"
    return Line(decision.decided_at, f"{looks}; the plan stayed.", False)


def _said(decision: StartDecision, before: StartDecision | None, clock: Clock) -> str:
    if decision.due or decision.failed_checks:
        return clock.sentence(decision.sentence, decision.decided_at)
    if before is None or before.failed_checks:
        fixed = f"Deadline fixed at {clock.time(decision.deadline)}; retries keep it."
        return (
            f"First plan: {clock.time(decision.start_at)}. {fixed}"
            if before is None
            else clock.sentence(decision.sentence, decision.decided_at)
        )
    moved = decision.start_at - before.start_at
    way = "later" if moved > timedelta(0) else "earlier"
    return f"Plan moved {span(abs(moved))} {way}: {clock.time(decision.start_at)}."


class Candidate(NamedTuple):
    """A start that was compared, against starting at once."""

    start_at: datetime
    mean: float
    change: str
    note: str
    chosen: bool


def starts_compared(decided: Decided, clock: Clock) -> list[Candidate]:
    """Return five starts: at once, the chosen one, the deadline, and others evenly between."""
    decision = decided.record.decision
    known = [(start, mean) for start, mean in decided.record.candidates if mean is not None]
    if not known:
        return []
    chosen = min(known, key=lambda pair: abs(pair[0] - decision.start_at))
    latest = known[-1]
    keep = {known[0], chosen, latest}
    spare = _STARTS_SHOWN - len(keep)
    others = [pair for pair in known if pair not in keep]
    keep |= {others[len(others) * (2 * i + 1) // (2 * spare)] for i in range(min(spare, len(others)))}
    at_once = known[0][1]
    rows = []
    for start, mean in sorted(keep):
        notes = []
        if start == known[0][0]:
            notes.append("start at once")
        if (start, mean) == chosen:
            notes.append("started" if decision.due else "planned")
        if start >= decision.deadline:
            notes.append("deadline, latest start")
        change = 100 * (mean / at_once - 1) if at_once else 0.0
        words = f"{number(change, signed=True)} %"
        rows.append(Candidate(start, mean, words, ", ".join(notes), (start, mean) == chosen))
    return rows


class Verdict(NamedTuple):
    """What became of a wait, or what it is up to."""

    title: str
    sentence: str


def verdict(decision: StartDecision, clock: Clock, *, waiting: bool) -> Verdict:
    """Say in a line where a wait stands."""
    sentence = clock.sentence(decision.sentence, decision.decided_at)
    if decision.due:
        waited = decision.decided_at - decision.ready_at
        after = f"after a wait of {span(waited)}" if waited >= _SAME else "without a wait"
        return Verdict(f"Started {clock.time(decision.start_at)}, {after}", sentence)
    if not waiting:
        return Verdict("The wait ended before its start", sentence)
    left = decision.start_at - clock.now
    again = decision.check_again_at
    check = f" It checks again at {clock.time(again)}." if again and again > clock.now else ""
    title = f"Waiting for {clock.time(decision.start_at)}"
    return Verdict(f"{title}, {span(left)} from now" if left > timedelta(0) else title, sentence + check)


#: How a start is drawn, by its reason; everything else is a dot, by plan.
_SHAPES = {
    StartReason.NO_BETTER_START: "ring",
    StartReason.NOT_CARBON_AWARE: "ring",
    StartReason.OBSERVED: "ring",
    StartReason.DEADLINE: "square",
    StartReason.NO_DATA: "triangle",
}
_SHAPE_WORDS = {
    "dot": "by plan",
    "ring": "at once",
    "square": "at the deadline",
    "triangle": "without data",
    "open": "planned",
}


def starts_chart(starts: Sequence[Start], waiting: WaitRow | None, clock: Clock) -> dict[str, Any] | None:
    """Return how long after its schedule each run started, downwards, in hours; oldest first."""
    rows = list(_starts(starts, waiting, clock))
    if not rows:
        return None
    schedule = _usual_schedule([row["ready"] for row in rows], clock)
    most = max(row["deadline"] for row in rows)
    step = next(step for step in (0.25, 0.5, 1, 2, 4, 6, 12, 24, 1e9) if most / step <= 8)
    ticks = []
    while len(ticks) * step <= most + step / 2:
        hours = len(ticks) * step
        at = None if schedule is None or step >= 12 else clock.local(schedule + timedelta(hours=hours))
        ticks.append([hours, f"{at:%H:%M}" if at else f"+{hours:g}{THIN}h"])
    for row in rows:
        row.pop("ready")
    return {"kind": "starts", "rows": rows, "ticks": ticks, "labels": [row.pop("label") for row in rows]}


def _usual_schedule(ready: Sequence[datetime], clock: Clock) -> datetime | None:
    """Return a start of the time of day at which most runs were scheduled; None when they come at any time."""
    times = Counter(f"{clock.local(one):%H:%M}" for one in ready)
    usual, count = times.most_common(1)[0]
    # The latest one: the axis is on today's side of a change of clocks.
    return (
        next(one for one in reversed(ready) if f"{clock.local(one):%H:%M}" == usual)
        if 2 * count > len(ready)
        else None
    )


def _starts(starts: Sequence[Start], waiting: WaitRow | None, clock: Clock) -> Iterator[dict[str, Any]]:
    for start in sorted(starts, key=lambda one: one.ready_at):
        shape = _SHAPES.get(StartReason(start.reason), "dot") if start.reason in list(StartReason) else "dot"
        yield _start_row(start.ready_at, start.started_at, start.deadline, shape, clock)
    if waiting is not None and waiting.decision is not None:
        yield _start_row(waiting.ready_at, waiting.decision.start_at, waiting.deadline, "open", clock)


def _start_row(ready: datetime, start: datetime, deadline: datetime, shape: str, clock: Clock) -> dict[str, Any]:
    hour = timedelta(hours=1)
    day = clock.day(clock.local(ready).date())
    return {
        "ready": ready,
        "label": day,
        "v": round((start - ready) / hour, 3),
        "deadline": round((deadline - ready) / hour, 3),
        "shape": shape,
        "t": f"{day}: {clock.time(start)}, {_SHAPE_WORDS[shape]}, {span(start - ready)} after the schedule; "
        f"deadline {clock.time(deadline)}",
    }
