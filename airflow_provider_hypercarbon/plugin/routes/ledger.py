"""The ledger: reports by page, one report, all of them as CSV, and sums for plots."""

from __future__ import annotations

from itertools import chain
from typing import Annotated, Literal, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException

from airflow_provider_hypercarbon.carbon.intensity import UtcDatetime
from airflow_provider_hypercarbon.carbon.zones import zone_key
from airflow_provider_hypercarbon.exceptions import ConfigurationError
from airflow_provider_hypercarbon.plugin.backends import Results
from airflow_provider_hypercarbon.plugin.csv_export import csv_lines
from airflow_provider_hypercarbon.plugin.errors import WrongFieldError, may_answer
from airflow_provider_hypercarbon.plugin.guard import ReadableDags
from airflow_provider_hypercarbon.plugin.schemas.ledger import Grouping, ReportRow, ReportsAnswer, SumsAnswer
from airflow_provider_hypercarbon.plugin.sums import sum_up
from airflow_provider_hypercarbon.report_store import CarbonReportStore, ReportFilters, StoredReport
from airflow_provider_hypercarbon.report_store.places import Order, Sorted

router = APIRouter(prefix="/reports", tags=["reports"])
#: The newest report's place, for the documentation.
_CURSOR = "WyIyMDI2LTExLTIzVDIwOjE1OjAwLjAwMDAwMFoiLCAiOWYxYzJiN2U0ZCJd"
Data = Literal["all", "final", "provisional", "mock"]


def _filters(
    dags: ReadableDags,
    since: Annotated[
        UtcDatetime | None, Query(description="Started at this instant or later.", examples=["2026-10-01T00:00:00Z"])
    ] = None,
    until: Annotated[
        UtcDatetime | None, Query(description="Started before this instant.", examples=["2026-11-01T00:00:00+01:00"])
    ] = None,
    dag_id: Annotated[str | None, Query(max_length=250, examples=["nightly_backup"])] = None,
    run_id: Annotated[str | None, Query(max_length=250, examples=["scheduled__2026-11-23T19:00:00+00:00"])] = None,
    vm_path: Annotated[str | None, Query(max_length=700, examples=["/DC0/vm/db-prod"])] = None,
    zone: Annotated[str | None, Query(max_length=64, examples=["DE"])] = None,
    data: Annotated[
        Data, Query(description="`all` but made-up ones, only `final` or `provisional` ones, or `mock` ones.")
    ] = "all",
) -> ReportFilters:
    """Make a filter, which leaves out the DAGs that the person may not read."""
    return ReportFilters(
        since=since,
        until=until,
        dag_ids=dags.only(dag_id),
        run_id=run_id,
        vm_path=vm_path,
        zone=None if zone is None else zone_key(zone),
        provisional={"final": False, "provisional": True}.get(data),
        synthetic=data == "mock",
    )


Asked = Annotated[ReportFilters, Depends(_filters)]
Sort = Literal[
    "started_at", "-started_at", "energy_kwh", "-energy_kwh", "emissions_kgco2eq", "-emissions_kgco2eq",
    "difference_to_scheduled_kgco2eq", "-difference_to_scheduled_kgco2eq",
]  # fmt: skip


@router.get("")
def reports(
    asked: Asked,
    results: Results,
    sort: Annotated[
        Sort,
        Query(
            description="`started_at`, `energy_kwh`, `emissions_kgco2eq` or `difference_to_scheduled_kgco2eq`; "
            "with `-` the latest or largest first. Unknown figures come last."
        ),
    ] = "-started_at",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[
        str | None, Query(max_length=400, description="`next_cursor` of the page before.", examples=[_CURSOR])
    ] = None,
) -> ReportsAnswer:
    """List reports by page."""
    order = Order(cast("Sorted", sort.removeprefix("-")), descending=sort.startswith("-"))
    page = CarbonReportStore(results).page(asked, after=_cursor(cursor, order), limit=limit, order=order)
    return ReportsAnswer(reports=[_row(stored) for stored in page.reports], next_cursor=page.next)


@router.get("/sums")
def sums(
    asked: Asked,
    results: Results,
    by: Annotated[Grouping | None, Query(examples=["day"])] = None,
    tz: Annotated[str, Query(max_length=64, description="Time zone of days, such as Europe/Berlin.")] = "UTC",
) -> SumsAnswer:
    """Sum reports up, all together and by day, zone, VM, DAG or reason."""
    return sum_up(results, asked, by, _time_zone(tz))


@router.get("/export.csv", response_class=StreamingResponse)
def export_csv(asked: Asked, results: Results) -> StreamingResponse:
    """Download the reports as CSV, the earliest first, times in UTC."""
    lines = csv_lines(results, asked)
    first = next(lines)  # what cannot be read is an error, and no half of a file
    return StreamingResponse(
        chain([first], lines),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="carbon-reports.csv"'},
    )


@router.get("/{operation_id}", responses=may_answer((404, "There is no such report that you may read.")))
def report(
    operation_id: Annotated[str, Path(min_length=1, max_length=250, examples=["9f1c2b7e4d"])],
    dags: ReadableDags,
    results: Results,
) -> ReportRow:
    """Return the report of one operation."""
    stored = CarbonReportStore(results).get(operation_id)
    # A report of a DAG that one may not read is answered as one that is not there.
    if stored is None or stored.context.dag_id not in dags:
        raise HTTPException(404, f"There is no report of {operation_id!r} that you may read")
    return _row(stored)


def _row(stored: StoredReport) -> ReportRow:
    return ReportRow(report=stored.report, context=stored.context, saved_at=stored.saved_at)


def _time_zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise WrongFieldError("tz", f"{name!r} is no time zone. Write one such as Europe/Berlin.") from None


def _cursor(word: str | None, order: Order) -> str | None:
    try:
        if word is not None:
            order.read(word)
    except ConfigurationError as error:
        raise WrongFieldError("cursor", str(error)) from None
    return word
