"""The ledger: reports by page, one report, all of them as CSV, and sums for plots."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel
from starlette.exceptions import HTTPException

from airflow_provider_hypercarbon.plugin.backends import Results
from airflow_provider_hypercarbon.plugin.guard import ReadableDags
from airflow_provider_hypercarbon.plugin.schemas.ledger import Grouping, ReportRow, ReportsAnswer, Sums, SumsAnswer
from airflow_provider_hypercarbon.report_store import CarbonReportStore, StoredReport

router = APIRouter(prefix="/reports", tags=["reports"])
_Text = Annotated[str | None, Query(max_length=700)]
Data = Literal["all", "final", "provisional", "mock"]


class Filters(BaseModel):
    """What to look at: runs that started in ``[since, until)``."""

    since: datetime | None
    until: datetime | None
    dag_id: str | None
    run_id: str | None
    vm_path: str | None
    zone: str | None
    data: Data


def _filters(
    since: Annotated[AwareDatetime | None, Query(description="Started at this instant or later.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Started before this instant.")] = None,
    dag_id: _Text = None,
    run_id: _Text = None,
    vm_path: _Text = None,
    zone: _Text = None,
    data: Annotated[
        Data, Query(description="`all` but made-up ones, only `final` or `provisional` ones, or `mock` ones.")
    ] = "all",
) -> Filters:
    return Filters(since=since, until=until, dag_id=dag_id, run_id=run_id, vm_path=vm_path, zone=zone, data=data)


Asked = Annotated[Filters, Depends(_filters)]
Sort = Literal["started_at", "-started_at"]


@router.get("")
def reports(
    asked: Asked,
    dags: ReadableDags,
    results: Results,
    sort: Annotated[Sort, Query(description="`-` for the latest first.")] = "-started_at",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=400, description="`next_cursor` of the page before.")] = None,
) -> ReportsAnswer:
    """List reports by page."""
    found = CarbonReportStore(results).recent(
        limit, zone=asked.zone, dag_ids=dags.only(asked.dag_id), since=asked.since
    )
    return ReportsAnswer(reports=[_row(stored) for stored in found], next_cursor=None)


@router.get("/sums")
def sums(
    asked: Asked,
    dags: ReadableDags,
    results: Results,
    by: Annotated[Grouping | None, Query()] = None,
    tz: Annotated[str, Query(max_length=64, description="Time zone of days, such as Europe/Berlin.")] = "UTC",
) -> SumsAnswer:
    """Sum reports up, all together and by day, zone, VM, DAG or reason."""
    nothing = Sums(
        key=None, reports=0, provisional=0, unknown=0, energy_kwh=0, emissions_kgco2eq=0,
        emissions_low_kgco2eq=0, emissions_high_kgco2eq=0, differences=0, difference_kgco2eq=0,
        difference_low_kgco2eq=0, difference_high_kgco2eq=0,
    )  # fmt: skip
    return SumsAnswer(total=nothing, by=by, groups=[], others=None, includes_synthetic=asked.data == "mock", tz=tz)


@router.get("/export.csv", response_class=StreamingResponse)
def export_csv(asked: Asked, dags: ReadableDags, results: Results) -> StreamingResponse:
    """Download the reports as CSV, the earliest first, times in UTC."""
    return StreamingResponse(
        iter(()), media_type="text/csv", headers={"content-disposition": 'attachment; filename="carbon-reports.csv"'}
    )


@router.get("/{operation_id}")
def report(
    operation_id: Annotated[str, Path(min_length=1, max_length=250)], dags: ReadableDags, results: Results
) -> ReportRow:
    """Return the report of one operation."""
    stored = CarbonReportStore(results).get(operation_id)
    # A report of a DAG that one may not read is answered as one that is not there.
    if stored is None or stored.context.dag_id not in dags:
        raise HTTPException(404, f"There is no report of {operation_id!r} that you may read")
    return _row(stored)


def _row(stored: StoredReport) -> ReportRow:
    return ReportRow(report=stored.report, context=stored.context, saved_at=stored.saved_at)
