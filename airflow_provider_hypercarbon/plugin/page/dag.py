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
from airflow_provider_hypercarbon.plugin.routes import runs
from airflow_provider_hypercarbon.plugin.running import waits_in_all, waits_in_progress
from airflow_provider_hypercarbon.plugin.schemas.runs import WaitRow

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
    waits = waits_in_progress(reader.dags.only(dag_id))
    made = make(
        {
            "starts": ("When it started", lambda: _starts(dag_id, waits, reader)),
            "sums": ("The ledger", lambda: _sums(dag_id, reader)),
        }
    )
    sums = made["sums"].value
    days = sums.days if sums else []
    return document(
        "dag.html",
        reader.clock,
        problem=None,
        waits=[wait_view(row, reader.clock) for row in waits[:_WAITS_SHOWN]],
        more=max(0, waits_in_all(len(waits), reader.dags.only(dag_id)) - _WAITS_SHOWN),
        starts=made["starts"],
        sums=made["sums"],
        mock=bool(sums and sums.mock),
        emissions=emissions_chart(days, reader.clock),
        differences=difference_chart(days, reader.clock),
        **values,
    )


def _starts(dag_id: str, waits: list[WaitRow], reader: Reader) -> SimpleNamespace:
    rows = runs.starts(dag_id, reader.ask.results(), limit=30).starts
    late = sum(1 for row in rows if row.reason == "deadline")
    words = f"{len(rows)} starts, {late} of them at the deadline." if rows else ""
    return SimpleNamespace(
        rows=rows, chart=starts_chart(rows, waits[0] if waits else None, reader.clock), words=words
    )


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
