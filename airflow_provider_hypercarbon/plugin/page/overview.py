"""The overview: first what waits, then what runs, then the grid."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

from fastapi.responses import HTMLResponse

from airflow_provider_hypercarbon.carbon.zones import find_zone
from airflow_provider_hypercarbon.plugin.exports import running_exports
from airflow_provider_hypercarbon.plugin.page.cards import Card, make
from airflow_provider_hypercarbon.plugin.page.ledger_view import row_of
from airflow_provider_hypercarbon.plugin.page.reader import Reader
from airflow_provider_hypercarbon.plugin.page.rendering import document
from airflow_provider_hypercarbon.plugin.page.waits_view import ExportView, WaitView, export_view, wait_view
from airflow_provider_hypercarbon.plugin.page.words import DASH, Clock, mass, number
from airflow_provider_hypercarbon.plugin.page.zone import source_name
from airflow_provider_hypercarbon.plugin.routes import ledger
from airflow_provider_hypercarbon.plugin.routes.grid import watched_zones
from airflow_provider_hypercarbon.plugin.running import exports_in_all, waits_in_all, waits_in_progress
from airflow_provider_hypercarbon.plugin.schemas.grid import WatchedZone
from airflow_provider_hypercarbon.report_store import ReportFilters

_WAITS_SHOWN, _EXPORTS_SHOWN, _REPORTS_SHOWN, _ZONES_SHOWN = 20, 12, 4, 12
#: Zones of exports in these days are shown even when nothing waits there now.
_RECENT = timedelta(days=7)


def show(reader: Reader, *, find: str = "", number: int = 1) -> HTMLResponse:
    """Return the overview."""
    made = make(
        {
            "waits": ("What waits", lambda: _waits(reader)),
            "exports": ("What is exported", lambda: _exports(reader)),
            "today": ("The ledger", lambda: _today(reader)),
            "zones": ("The zones", lambda: watched_zones(reader.ask.hook(), reader.dags).zones),
            "source": ("The source", lambda: _source(reader)),
        }
    )
    zones = _zones(made["zones"], made["today"], find)
    pages = -(-len(zones) // _ZONES_SHOWN)
    begin = (min(number, max(1, pages)) - 1) * _ZONES_SHOWN
    return document(
        "overview.html",
        reader.clock,
        view="overview",
        here="page?view=overview",
        waits=made["waits"],
        exports=made["exports"],
        today=made["today"],
        # Nobody says "never" who cannot read what was.
        ever=made["today"].value is None or made["today"].value.ever,
        figures=_figures(made, reader.clock),
        zones=zones[begin : begin + _ZONES_SHOWN],
        zones_problem=made["zones"].problem,
        source=made["source"].value or "the source",
        many_zones=bool(find) or len(zones) > _ZONES_SHOWN,
        find=find,
        other_pages=[
            (
                page,
                "page?" + urlencode({"view": "overview", "find": find, "page": page}),
                page - 1 == begin // _ZONES_SHOWN,
            )
            for page in range(1, pages + 1)
        ]
        if pages > 1
        else [],
    )


def _source(reader: Reader) -> str:
    name = source_name(reader.ask.hook().get_conn().name)
    return f"the {name}" if name.endswith("source") else name


def _waits(reader: Reader) -> SimpleNamespace:
    rows = waits_in_progress(reader.dags.ids)
    shown: list[WaitView] = [wait_view(row, reader.clock) for row in rows[:_WAITS_SHOWN]]
    total = waits_in_all(len(rows), reader.dags.ids)
    return SimpleNamespace(shown=shown, more=total - len(shown), total=total, cut=total > len(rows))


def _exports(reader: Reader) -> SimpleNamespace:
    rows = running_exports(reader.dags.ids, now=reader.clock.now)
    shown: list[ExportView] = [export_view(row) for row in rows[:_EXPORTS_SHOWN]]
    total = exports_in_all(len(rows), reader.dags.ids)
    return SimpleNamespace(
        shown=shown, more=total - len(shown), total=total,
        unsized=sum(1 for view in shown if view.percent is None),
    )  # fmt: skip


def _today(reader: Reader) -> SimpleNamespace:
    begin = datetime.combine(reader.clock.today, time(), tzinfo=reader.clock.zone)
    results = reader.ask.results()
    real = ReportFilters(dag_ids=reader.dags.ids, synthetic=False)
    last = ledger.reports(real, results, limit=_REPORTS_SHOWN).reports
    # Somebody who only tries things out has nothing else to look at; the rows carry their mark.
    made_up = ReportFilters(dag_ids=reader.dags.ids, synthetic=True)
    shown = last or ledger.reports(made_up, results, limit=_REPORTS_SHOWN).reports
    sums = ledger.sums(real.model_copy(update={"since": begin}), results, by=None, tz=reader.clock.zone.key).total
    recent = real.model_copy(update={"since": reader.clock.now - _RECENT})
    zones = ledger.sums(recent, results, by="zone", tz=reader.clock.zone.key).groups
    return SimpleNamespace(
        rows=[row_of(stored, reader.clock) for stored in shown],
        sums=sums,
        zones=[group.key for group in zones],
        ever=bool(shown),
    )


def _zones(watched: Card, today: Card, find: str) -> list[WatchedZone]:
    rows = {row.zone: row for row in watched.value or []}
    for zone in today.value.zones if today.value else []:
        if zone and zone not in rows:
            entry = find_zone(zone)
            rows[zone] = WatchedZone(
                zone=zone, name=entry.name if entry else None, waits=0, is_default=False, next_start_at=None
            )
    wanted = find.strip().lower()
    return [row for row in rows.values() if not wanted or wanted in f"{row.zone} {row.name or ''}".lower()]


def _figures(made: dict[str, Card], clock: Clock) -> list[SimpleNamespace]:
    waits, exports, today = made["waits"].value, made["exports"].value, made["today"].value

    def figure(name: str, value: str, note: str) -> SimpleNamespace:
        card = made[{"Waiting": "waits", "Exporting": "exports"}.get(name, "today")]
        return SimpleNamespace(
            name=name, value=value, note=note, problem=card.problem.title if card.problem else ""
        )  # fmt: skip

    next_wait = waits.shown[0] if waits and waits.shown else None
    next_words = "nothing is held"
    if next_wait:
        next_words = ", ".join(filter(None, (f"next start {clock.time(next_wait.planned_at)}", next_wait.zone)))
    unsized = {0: "each of known size", 1: "one without a known size"}
    export_words = "" if not exports else "none at the moment"
    if exports and exports.total:
        export_words = unsized.get(exports.unsized, f"{exports.unsized} without a known size")
    found = [
        figure("Waiting", number(waits.total) if waits else DASH, next_words if waits else "unknown"),
        figure("Exporting", number(exports.total) if exports else DASH, export_words or "unknown"),
    ]
    return found + _figures_today(today, figure)


def _figures_today(today: Any, figure: Any) -> list[SimpleNamespace]:
    sums = today.sums if today else None
    if sums is None or not sums.reports:
        note = "unknown" if sums is None else "nothing was reported today"
        value = DASH if sums is None else "0"
        return [
            figure("Reported today", value, note),
            figure("Emitted today", DASH, note),
            figure("Difference to scheduled starts", DASH, note),
        ]
    emitted = mass(sums.emissions_kgco2eq, sums.emissions_low_kgco2eq, sums.emissions_high_kgco2eq)
    change = mass(sums.difference_kgco2eq, sums.difference_low_kgco2eq, sums.difference_high_kgco2eq, signed=True)
    provisional = f"{number(sums.provisional)} provisional" if sums.provisional else "all final"
    known = sums.reports > sums.unknown
    return [
        figure("Reported today", number(sums.reports), provisional),
        figure(
            "Emitted today", emitted.value if known else DASH, f"CO₂eq, {emitted.span}" if emitted.span else "CO₂eq"
        ),
        figure(
            "Difference to scheduled starts",
            change.value if sums.differences else DASH,
            change.span if sums.differences else "no scheduled start is known",
        ),
    ]
