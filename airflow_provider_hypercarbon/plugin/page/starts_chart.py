"""When the runs of a DAG started, after their schedule, as a chart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_hypercarbon.carbon.decision import StartReason
from airflow_provider_hypercarbon.plugin.page.words import THIN, Clock, span
from airflow_provider_hypercarbon.plugin.schemas.runs import Start, WaitRow

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
    other = 0 if schedule is None else sum(1 for row in rows if not _same_time(row["ready"], schedule, clock))
    for row in rows:
        row.pop("ready")
    return {
        "kind": "starts",
        "rows": rows,
        "ticks": ticks,
        "labels": [row.pop("label") for row in rows],
        # Their marks say how long they waited; the clock beside them is that of the others.
        "note": f"{other} of these runs {'was' if other == 1 else 'were'} not scheduled at "
        f"{clock.local(schedule):%H:%M}: drawn by how long {'it' if other == 1 else 'they'} waited."
        if schedule is not None and other
        else "",
    }


def _same_time(one: datetime, other: datetime, clock: Clock) -> bool:
    return f"{clock.local(one):%H:%M}" == f"{clock.local(other):%H:%M}"


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
