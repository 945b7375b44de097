"""The story of one wait, in words: its verdict, what happened, and the starts it chose among."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from airflow_provider_hypercarbon.carbon.decision import StartDecision
from airflow_provider_hypercarbon.carbon.intensity import IntensityLevel
from airflow_provider_hypercarbon.plugin.page.words import Clock, intensity, number, span
from airflow_provider_hypercarbon.plugin.schemas.runs import Decided

#: A plan that moves by less is the same plan.
_SAME = timedelta(minutes=1)
_STARTS_SHOWN = 5


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
