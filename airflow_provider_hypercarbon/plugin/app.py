"""The application that Airflow's API server mounts: everything behind one guard, the API below a versioned path."""

from __future__ import annotations

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse

from airflow_provider_hypercarbon import __version__
from airflow_provider_hypercarbon.plugin import errors
from airflow_provider_hypercarbon.plugin.bodies import JsonBodies
from airflow_provider_hypercarbon.plugin.guard import Guard
from airflow_provider_hypercarbon.plugin.page import router as page
from airflow_provider_hypercarbon.plugin.reference import SECURITY, reference_page
from airflow_provider_hypercarbon.plugin.routes import backtest, grid, ledger, mission, runs

#: Below the mount point: the API's version is in its path, and a change that breaks a client gets another.
API_PREFIX = "/api/v1"

_DESCRIPTION = """
Carbon intensity, waits, exports and footprints of this Airflow. Log in as for Airflow's own REST API: a bearer token
from `POST /auth/token`, or the browser's session. Everybody who may read a DAG may ask about grids; what belongs to a
DAG is shown to those who may read it, and left out of lists and sums for the others. Intensities are gCO2eq/kWh,
times UTC.
"""


def create_app() -> FastAPI:
    """Return the application, guarded; every route is added behind the guard and cannot be reached around it."""
    app = FastAPI(
        title="HyperCarbon",
        version=__version__,
        description=_DESCRIPTION.strip(),
        # FastAPI's own would be outside our control, and its documentation page loads scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        responses=errors.RESPONSES,
        dependencies=[SECURITY],
        generate_unique_id_function=lambda route: route.name,
    )
    app.add_middleware(JsonBodies)
    app.add_middleware(Guard)  # the last one added is the first one asked
    errors.install(app)
    api = APIRouter(prefix=API_PREFIX, dependencies=[Depends(known_parameters)])
    for part in (mission, grid, runs, ledger, backtest):
        api.include_router(part.router)
    app.include_router(api)
    app.include_router(page, include_in_schema=False)

    @app.get(f"{API_PREFIX}/openapi.json", include_in_schema=False)
    def openapi(request: Request) -> JSONResponse:
        """Return the OpenAPI document, with the server's address as the client sees it."""
        return JSONResponse({**app.openapi(), "servers": [{"url": request.scope.get("root_path", "") or "/"}]})

    @app.get(f"{API_PREFIX}/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        """Return the routes as a page to read; it needs no script."""
        return HTMLResponse(reference_page(app.openapi()))

    return app


def known_parameters(request: Request) -> None:
    """Refuse a parameter that the route does not have: a filter with a typing error in its name would show all.

    :raises WrongFieldError: there is one.
    """
    operation = request.app.openapi()["paths"][request.scope["route"].path][request.method.lower()]
    known = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
    for name in request.query_params:
        if name not in known:
            there_are = f"There are: {', '.join(known)}." if known else "There is none."
            raise errors.WrongFieldError(name[:64], f"There is no parameter {name[:64]!r} here. {there_are}")
