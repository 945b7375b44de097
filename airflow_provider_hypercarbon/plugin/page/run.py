"""One wait: its verdict, the curve as it was believed at the decision, what happened, and what it changed."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple

from fastapi.responses import HTMLResponse

from airflow_provider_hypercarbon.carbon.certainty import error_at
from airflow_provider_hypercarbon.carbon.decision import StartDecision
from airflow_provider_hypercarbon.carbon.record import DecisionRecord
from airflow_provider_hypercarbon.exceptions import HyperCarbonError
from airflow_provider_hypercarbon.plugin.page.cards import Problem, make
from airflow_provider_hypercarbon.plugin.page.curves import CurveView, Planned
from airflow_provider_hypercarbon.plugin.page.dag import NOT_READABLE
from airflow_provider_hypercarbon.plugin.page.reader import Reader
from airflow_provider_hypercarbon.plugin.page.rendering import document
from airflow_provider_hypercarbon.plugin.page.run_difference import difference
from airflow_provider_hypercarbon.plugin.page.run_story import starts_compared, story, verdict
from airflow_provider_hypercarbon.plugin.page.zone import source_name
from airflow_provider_hypercarbon.plugin.routes import ledger, runs
from airflow_provider_hypercarbon.plugin.running import waits_in_progress
from airflow_provider_hypercarbon.plugin.schemas.grid import GridPoint
from airflow_provider_hypercarbon.plugin.schemas.ledger import ReportRow
from airflow_provider_hypercarbon.plugin.schemas.runs import Decided
from airflow_provider_hypercarbon.report_store import ReportFilters

_BACK = timedelta(hours=4)
_AFTER = timedelta(hours=1)
#: A run of many mapped tasks is a list, of no more than these.
_WAITS_SHOWN = 100


class Address(NamedTuple):
    """One task instance; without a task, all waits of the run."""

    dag_id: str
    run_id: str
    task_id: str = ""
    map_index: int = -1


def show(where: Address, reader: Reader) -> HTMLResponse:
    """Return the view of a wait, or the list of a run's waits when there are several."""
    values = {
        "view": "run",
        "title": f"{where.dag_id} · Carbon",
        "where": where,
        "basis": "the basis stands in each report",
    }
    if where.dag_id not in reader.dags:
        return document("run.html", reader.clock, status=403, problem=NOT_READABLE, waits_of_run=[], **values)
    made = make({"all": ("This run", lambda: _read(where, reader))})["all"]
    if made.problem is not None:
        return document("run.html", reader.clock, problem=made.problem, waits_of_run=[], **values)
    read: _Read = made.value
    if len(read.by_task) > 1:
        rows = [SimpleNamespace(where=key, decision=found[-1].record.decision) for key, found in read.by_task.items()]
        rows.sort(key=lambda row: (row.decision.due, row.decision.start_at, row.where))
        shown = rows[:_WAITS_SHOWN]
        return document(
            "run.html", reader.clock, problem=None, waits_of_run=shown, cut=len(rows) > len(shown), **values
        )
    if not read.by_task:
        return document("run.html", reader.clock, problem=NOTHING_KEPT, waits_of_run=[], **values)
    address, decided = next(iter(read.by_task.items()))
    return document(
        "run.html",
        reader.clock,
        problem=None,
        waits_of_run=[],
        **{**values, "where": address, **_one(decided, read, reader)},
    )


NOTHING_KEPT = Problem(
    "No decision of this run is kept",
    "A CarbonIntensitySensor keeps its decisions when the results database is set up. This run has none there, or "
    "has not decided yet.",
    alert=False,
    button="",
)


class _Read(NamedTuple):
    """What is known of a run.

    :param waiting: the task instances that still wait.
    """

    by_task: dict[Address, list[Decided]]
    reports: list[ReportRow]
    waiting: set[Address]


def _read(where: Address, reader: Reader) -> _Read:
    task, index = where.task_id or None, where.map_index
    asked = ReportFilters(dag_id=where.dag_id, run_id=where.run_id)
    of = {"run_id": where.run_id}
    # Of a mapped task with thousands of waits, this one is asked for by name.
    waits = waits_in_progress(
        reader.dags.only(where.dag_id), **(of if task is None else {**of, "task_id": task, "map_index": index})
    )
    waiting = {Address(row.dag_id, row.run_id, row.task_id, row.map_index) for row in waits}
    by_task: dict[Address, list[Decided]] = defaultdict(list)
    results = reader.ask.results()
    for decided in runs.decisions(where.dag_id, where.run_id, results, task, index).decisions:
        by_task[Address(where.dag_id, where.run_id, decided.task_id, decided.map_index)].append(decided)
    for row in waits:
        # What a sensor remembers is newer than what is kept, and there without a results database.
        key = Address(row.dag_id, row.run_id, row.task_id, row.map_index)
        asked_for = task is None or (key.task_id == task and key.map_index == index)
        known = by_task.get(key)
        if (
            asked_for
            and row.decision
            and (not known or known[-1].record.decision.decided_at < row.decision.decided_at)
        ):
            record = DecisionRecord(decision=row.decision)
            by_task[key].append(Decided(task_id=row.task_id, map_index=row.map_index, record=record, curve=[]))
    if not by_task and task is not None and not where.map_index >= 0:
        # A link from an export or a report names its own task: show the waits of its run.
        return _read(where._replace(task_id=""), reader)
    reports = ledger.reports(asked, results, limit=50).reports
    return _Read(dict(by_task), reports, waiting)


def _one(decided: list[Decided], read: _Read, reader: Reader) -> dict[str, Any]:
    decisions = [one.record.decision for one in decided]
    last = decisions[-1]
    waiting = next(iter(read.by_task)) in read.waiting
    shown = _with_curve(decided)
    curve = _curve(shown, reader) if shown else None
    about = shown.record.decision if shown else last
    record = shown.record if shown else decided[-1].record
    issued = record.forecast.issued_at if record.forecast else None
    notes = [
        f"decided {reader.clock.time(about.decided_at)}",
        about.zone,
        source_name(about.source) if about.source else "",
        f"forecast issued {reader.clock.time(issued)}" if issued else "",
        f"curve: {about.curve.replace('_', ' ')}" if about.curve else "",
    ]
    return {
        "decision": last,
        "verdict": verdict(last, reader.clock, waiting=waiting),
        "curve": curve,
        "curve_note": " · ".join(filter(None, notes)) if curve else "",
        "no_curve": "Nothing was asked, or nothing could be had, when it was made." if len(decided) else "",
        "starts": starts_compared(shown, reader.clock) if shown else [],
        "story": story(decisions, reader.clock, waiting=waiting),
        "difference": difference(last, read.reports),
        "basis": f"location-based; {last.signal} factors"
        if last.signal
        else "the basis of this decision is not known",
    }


def _with_curve(decided: list[Decided]) -> Decided | None:
    """Return the newest decision whose curve was kept: a start at the deadline asks nobody any more."""
    return next((one for one in reversed(decided) if one.curve), None)


def _curve(shown: Decided, reader: Reader) -> CurveView:
    decision = shown.record.decision
    end = max(decision.deadline, decision.start_at) + decision.duration + _AFTER
    start = min(decision.decided_at, max(decision.ready_at, decision.decided_at - timedelta(days=1))) - _BACK
    measured, since = _measured(decision, start, min(end, reader.clock.now), reader)
    return CurveView(
        clock=reader.clock,
        measured=measured,
        ahead=[_with_error(point, decision) for point in shown.curve if point.time < end],
        also=since,
        start=start,
        end=end,
        mark=decision.decided_at,
        mark_words=f"decided {reader.clock.time(decision.decided_at)}",
        planned=Planned.of(decision),
    )


def _measured(
    decision: StartDecision, start: datetime, end: datetime, reader: Reader
) -> tuple[list[GridPoint], list[GridPoint]]:
    """Return what was measured before the decision, and what was measured since; nothing when it cannot be had."""
    try:
        source = reader.ask.hook().get_conn()
        slots = source.history(decision.zone, start, end, now=reader.clock.now).readings()
    except HyperCarbonError:
        return [], []
    points = [
        GridPoint(
            time=slot.start_at, end=slot.end_at, intensity=slot.gco2eq_per_kwh, quality=slot.level,
            estimated=slot.estimated, low=None, high=None,
        )
        for slot in slots
    ]  # fmt: skip
    before = [point for point in points if point.end <= decision.decided_at]
    return before, [point for point in points if point.end > decision.decided_at]


def _with_error(point: GridPoint, decision: StartDecision) -> GridPoint:
    """Give a slot the error that was expected for it: that of the planned start, at the slot's own lead."""
    known, lead = (
        decision.expected_error_gco2eq_per_kwh,
        decision.start_at - decision.decided_at + decision.duration / 2,
    )
    error = None if known is None else error_at(known, lead, max(timedelta(0), point.time - decision.decided_at))
    if error is None:
        return point
    return point.model_copy(update={"low": max(0.0, point.intensity - error), "high": point.intensity + error})
