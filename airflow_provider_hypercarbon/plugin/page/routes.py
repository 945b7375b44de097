"""The page's addresses. Views and filters are plain URLs, so that Airflow's address bar can show and open them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import FileResponse, HTMLResponse

from airflow_provider_hypercarbon.plugin.backends import Now
from airflow_provider_hypercarbon.plugin.guard import ReadableDags
from airflow_provider_hypercarbon.plugin.page import dag, ledger, overview, run, zone
from airflow_provider_hypercarbon.plugin.page.ledger_filters import Asked
from airflow_provider_hypercarbon.plugin.page.reader import AskedBackends, Reader
from airflow_provider_hypercarbon.plugin.page.rendering import STATIC, reader_clock

router = APIRouter()
_Word = Annotated[str, Query(max_length=700)]


@router.get("/page")
def page(
    request: Request,
    dags: ReadableDags,
    now: Now,
    ask: AskedBackends,
    view: Annotated[str, Query(max_length=20)] = "overview",
    dag_id: _Word = "",
    run_id: _Word = "",
    task_id: _Word = "",
    map_index: Annotated[int, Query(ge=-1, le=2**31 - 1)] = -1,
    zone_key: Annotated[str, Query(alias="zone", max_length=64)] = "",
    find: Annotated[str, Query(max_length=64)] = "",
    number: Annotated[int, Query(alias="page", ge=1, le=1000)] = 1,
    first: Annotated[str, Query(alias="from", max_length=10)] = "",
    last: Annotated[str, Query(alias="to", max_length=10)] = "",
    vm: _Word = "",
    data: Annotated[str, Query(max_length=20)] = "all",
    operation_id: Annotated[str, Query(max_length=250)] = "",
    sort: Annotated[str, Query(max_length=20)] = "-started",
    cursor: Annotated[str, Query(max_length=600)] = "",
    tz: Annotated[str | None, Query(max_length=64)] = None,
) -> HTMLResponse:
    """Return a view of the page; an unknown one is the overview."""
    reader = Reader(dags, reader_clock(request, now, tz), ask)
    match view:
        case "ledger":
            asked = Asked(
                first=first,
                last=last,
                dag_id=dag_id,
                vm=vm,
                zone=zone_key,
                data=data,
                operation_id=operation_id,
                sort=sort,
                cursor=cursor,
            )
            return ledger.show(asked, reader)
        case "run" if dag_id and run_id:
            return run.show(run.Address(dag_id, run_id, task_id, map_index), reader)
        case "dag" if dag_id:
            return dag.show(dag_id, reader)
        case "zone" if zone_key:
            return zone.show(zone_key, reader)
    return overview.show(reader, find=find, number=number)


@router.get("/page/zone")
def zone_part(
    request: Request,
    dags: ReadableDags,
    now: Now,
    ask: AskedBackends,
    zone_key: Annotated[str, Query(alias="zone", min_length=1, max_length=64)],
    tz: Annotated[str | None, Query(max_length=64)] = None,
) -> HTMLResponse:
    """Return the card of a zone, which may have to wait for a source."""
    return zone.part(zone_key, Reader(dags, reader_clock(request, now, tz), ask))


@router.get("/static/{path:path}")
def static_file(path: str) -> FileResponse:
    """Return a script, the style sheet or a licence text; they hold no data."""
    wanted = (STATIC / path).resolve()
    if not wanted.is_relative_to(STATIC) or not wanted.is_file():
        raise HTTPException(404, f"There is no file {path}")
    kinds = {".js": "text/javascript", ".css": "text/css"}
    # Asked again each time, answered "unchanged" mostly: an upgrade shows at once.
    return FileResponse(
        wanted, media_type=kinds.get(wanted.suffix, "text/plain"), headers={"cache-control": "private, no-cache"}
    )
