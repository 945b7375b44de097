"""The tab of a DAG: what waits in it, when its last runs started, and what they emitted."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

from fastapi.responses import HTMLResponse

from airflow_provider_hypercarbon.plugin.page import ledger
from airflow_provider_hypercarbon.plugin.page.cards import Problem, make
from airflow_provider_hypercarbon.plugin.page.ledger_filters import DAYS_SHOWN, Asked, wanted
from airflow_provider_hypercarbon.plugin.page.ledger_view import days_of, difference_chart, emissions_chart
from airflow_provider_hypercarbon.plugin.page.reader import Reader
from airflow_provider_hypercarbon.plugin.page.rendering import document
from airflow_provider_hypercarbon.plugin.page.starts_chart import starts_chart
from airflow_provider_hypercarbon.plugin.page.waits_view import wait_view
from airflow_provider_hypercarbon.plugin.page.words import Clock
from airflow_provider_hypercarbon.plugin.routes import runs
from airflow_provider_hypercarbon.plugin.running import waits_in_all, waits_in_progress
from airflow_provider_hypercarbon.plugin.schemas.runs import Start, WaitRow

_WAITS_SHOWN = 3

NOT_READABLE = Problem(
    "You may not read this DAG",
    "Your role can open this page but not this DAG. Its runs and figures are left out here, from the sums too.",
    alert=False,
    button="",
)


def show(dag_id: str, reader: Reader) -> HTMLResponse:
    """Return the tab."""
    values = {"view": "dag", "tabs": False, "heading": "Carbon", "title": f"{dag_id} · Carbon", "dag_id": dag_id}
    if dag_id not in reader.dags:
        return document("dag.html", reader.clock, status=403, problem=NOT_READABLE, **values)
    made = make(
        {
            "waits": ("What waits", lambda: _waits(dag_id, reader)),
            "starts": ("When it started", lambda: runs.starts(dag_id, reader.ask.results(), limit=30).starts),
            "sums": ("The ledger", lambda: _sums(dag_id, reader)),
        }
    )
    waits, sums = made["waits"].value, made["sums"].value
    days = sums.days if sums else []
    return document(
        "dag.html",
        reader.clock,
        problem=None,
        waits=made["waits"],
        starts=made["starts"],
        chart=_chart(made["starts"].value or [], waits.next if waits else None, reader.clock),
        sums=made["sums"],
        mock=bool(sums and sums.mock),
        emissions=emissions_chart(days, reader.clock),
        differences=difference_chart(days, reader.clock),
        **values,
    )


def _waits(dag_id: str, reader: Reader) -> SimpleNamespace:
    rows = waits_in_progress(reader.dags.only(dag_id))
    return SimpleNamespace(
        next=rows[0] if rows else None,
        shown=[wait_view(row, reader.clock) for row in rows[:_WAITS_SHOWN]],
        more=max(0, waits_in_all(len(rows), reader.dags.only(dag_id)) - _WAITS_SHOWN),
    )


def _chart(rows: list[Start], wait: WaitRow | None, clock: Clock) -> SimpleNamespace:
    late = sum(1 for row in rows if row.reason == "deadline")
    words = f"{len(rows)} starts, {late} of them at the deadline." if rows else ""
    return SimpleNamespace(drawn=starts_chart(rows, wait, clock), words=words)


def _sums(dag_id: str, reader: Reader) -> SimpleNamespace:
    """Sum the last 30 days; of a DAG that only ever had mock data, those, marked as such."""
    real = wanted(Asked(dag_id=dag_id), reader.clock)
    for data in ("all", "mock"):
        want = real._replace(data=data)  # type: ignore[arg-type]
        sums = ledger.read_sums("day", want, reader)
        if sums.total.reports:
            break
    first = reader.clock.today - timedelta(days=DAYS_SHOWN - 1)
    days = days_of(ledger.all_days(sums.groups, first, reader.clock.today))
    return SimpleNamespace(total=sums.total, days=days, mock=data == "mock")
