"""A zone's card: its grid now and for the next 48 hours, with what waits there drawn in."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from fastapi.responses import HTMLResponse

from airflow_provider_hypercarbon.carbon.zones import zone_key
from airflow_provider_hypercarbon.plugin.page.cards import Problem, problem_of
from airflow_provider_hypercarbon.plugin.page.curves import CurveView, Planned, level_of
from airflow_provider_hypercarbon.plugin.page.reader import Reader
from airflow_provider_hypercarbon.plugin.page.rendering import document
from airflow_provider_hypercarbon.plugin.page.waits_view import WaitView, wait_view
from airflow_provider_hypercarbon.plugin.page.words import Clock
from airflow_provider_hypercarbon.plugin.routes.grid import forecast
from airflow_provider_hypercarbon.plugin.running import waits_in_progress
from airflow_provider_hypercarbon.plugin.schemas.grid import ForecastAnswer
from airflow_provider_hypercarbon.plugin.schemas.runs import WaitRow

AHEAD = timedelta(hours=48)
_BACK = timedelta(hours=4)
#: Sources publish with a delay of an hour or two; what is older than this is said to be old.
_OLD = timedelta(hours=2, minutes=30)
_NAMES = {
    "electricity_maps": "Electricity Maps", "energy_charts": "Energy-Charts", "neso": "NESO", "watttime": "WattTime",
    "ember_yearly": "Ember", "trace": "the trace", "mock": "mock source", "chain": "the sources",
    "keyless": "NESO or Energy-Charts",
}  # fmt: skip
#: A list below a curve names no more waits than these.
_OTHERS_SHOWN = 20


def part(zone: str, reader: Reader) -> HTMLResponse:
    """Return the card's content."""
    values = _values(zone, reader)
    return document("zone.html", reader.clock, failed=values["curve"] is None, **values)


def show(zone: str, reader: Reader) -> HTMLResponse:
    """Return the card as a page of its own: for readers without scripts."""
    return document(
        "zone_page.html", reader.clock, view="overview", title=f"{zone} · Carbon", **_values(zone, reader)
    )


def source_name(name: str | None) -> str:
    """Return a source's name as people write it."""
    return _NAMES.get(name or "", (name or "no source").replace("_", " "))


def _values(zone: str, reader: Reader) -> dict[str, Any]:
    empty = {
        "zone": zone, "name": None, "present": None, "curve": None, "problem": None, "stale": None, "synthetic": None,
        "lowest": None, "source": "", "measured_at": None, "basis": None, "others": [], "others_more": 0,
    }  # fmt: skip
    try:
        key = zone_key(zone)
        source = reader.ask.hook().get_conn()
        answer = forecast(
            key, source, reader.clock.now, hours=AHEAD / timedelta(hours=1), hours_back=_BACK / timedelta(hours=1)
        )
    except Exception as error:  # noqa: BLE001 - one card's failure is that card's
        return {**empty, "problem": problem_of(f"The grid of {zone}", error)}
    waits = [row for row in waits_in_progress(reader.dags.ids) if row.zone == key]
    return {**empty, **_drawn(answer, waits, reader.clock)}


def _drawn(answer: ForecastAnswer, waits: list[WaitRow], clock: Clock) -> dict[str, Any]:
    decided = [(row, row.decision) for row in waits if row.decision is not None]
    others: list[WaitView] = [wait_view(row, clock) for row, _ in decided[1 : 1 + _OTHERS_SHOWN]]
    newest = answer.measured[-1] if answer.measured else None
    curve = CurveView(
        clock=clock,
        measured=answer.measured,
        # The running slot is measured already, mostly as an estimate.
        ahead=[point for point in answer.forecast if newest is None or point.time >= newest.end],
        start=clock.now - _BACK,
        end=clock.now + AHEAD,
        mark=clock.now,
        planned=Planned.of(decided[0][1]) if decided else None,
    )
    present = None
    if newest is not None and clock.now - newest.end <= _OLD:
        present = SimpleNamespace(value=newest.intensity, kind="estimated" if newest.estimated else "", level="")
    elif answer.forecast:
        present = SimpleNamespace(value=answer.forecast[0].intensity, kind="forecast", level="")
    if present is not None:
        present.level = str(level_of(present.value))
    return {
        "zone": answer.zone,
        "name": answer.name,
        "present": present,
        "curve": curve if curve.has_data else None,
        "problem": _problem(answer, waits, clock),
        "stale": newest.end if newest is not None and clock.now - newest.end > _OLD else None,
        "synthetic": answer.synthetic,
        "lowest": curve.lowest(),
        "source": source_name(answer.source),
        "measured_at": None if newest is None else newest.end if newest.end <= clock.now else newest.time,
        "basis": answer.basis,
        "others": others,
        "others_more": max(0, len(decided) - 1 - len(others)),
    }


def _problem(answer: ForecastAnswer, waits: list[WaitRow], clock: Clock) -> Problem | None:
    """Say what the source did not give, and what that means for those who wait."""
    if not answer.problems:
        return None
    missing = "forecast" if not answer.forecast else "measurements" if not answer.measured else ""
    if not missing:
        return None
    keep = " Waiting runs keep their last plan and their deadline." if waits else ""
    checks = [row.decision.check_again_at for row in waits if row.decision and row.decision.check_again_at]
    next_check = min((at for at in checks if at > clock.now), default=None)
    again = f" They try again at {clock.time(next_check)}." if next_check else ""
    nothing = not answer.forecast and not answer.measured
    return Problem(
        f"No {missing} for {answer.zone}",
        f"{answer.problems[0]} That was at {clock.time(clock.now)}.{keep}{again}", alert=nothing,
        button="Try now" if nothing else "", href="page?view=overview",
    )  # fmt: skip
