"""Errors as JSON: a type for machines, a sentence for people, the field that is wrong."""

from __future__ import annotations

import logging
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from airflow_provider_hypercarbon.exceptions import (
    AccessDeniedError,
    AuthenticationError,
    ConfigurationError,
    HyperCarbonError,
    NoDataError,
    RateLimitedError,
    RemoteError,
    ReportStoreError,
    UnknownZoneError,
)

log = logging.getLogger(__name__)

#: The first that fits names an error; each with its HTTP status.
_KINDS: tuple[tuple[type[HyperCarbonError], str, int], ...] = (
    (UnknownZoneError, "unknown_zone", 422),
    (ConfigurationError, "not_set_up", 409),
    (AuthenticationError, "source_refused", 502),
    (AccessDeniedError, "source_refused", 502),
    (RateLimitedError, "source_limited", 503),
    (RemoteError, "source_unavailable", 503),
    (NoDataError, "no_data", 503),
    (ReportStoreError, "results_unavailable", 503),
)
_STATUS_TYPES = {
    401: "not_signed_in",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
}


_NO_OBJECT = "The request needs a body: a JSON object, sent with Content-Type: application/json."


class WrongFieldError(Exception):
    """A field of the request is wrong in a way that its type does not tell.

    :param field: which.
    :param message: what is wrong, and what would be right.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Problem(BaseModel):
    """What went wrong."""

    type: str = Field(examples=["unknown_zone"], description="One word for programs; it stays the same.")
    message: str = Field(
        examples=["Unknown zone 'SE-SE9'. Did you mean SE-SE4 or SE-SE3?"], description="One or two sentences."
    )
    field: str | None = Field(None, examples=["zone"], description="The field of the request that is wrong.")

    @classmethod
    def of_status(cls, status: int, message: str) -> Problem:
        """Return the problem for an HTTP status."""
        known = _STATUS_TYPES.get(status, HTTPStatus(status).phrase.lower().replace(" ", "_"))
        return cls(type=known, message=message if message.endswith(".") else f"{message}.")


def answer(problem: Problem, status: int, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return a problem as a response."""
    return JSONResponse(problem.model_dump(), status_code=status, headers=headers)


def install(app: FastAPI) -> None:
    """Make every error of the application one of these."""

    @app.exception_handler(HTTPException)
    async def on_status(_: Request, error: HTTPException) -> JSONResponse:
        return answer(Problem.of_status(error.status_code, str(error.detail)), error.status_code, error.headers)

    @app.exception_handler(RequestValidationError)
    async def on_wrong_request(_: Request, error: RequestValidationError) -> JSONResponse:
        # Never the value itself: it may be a secret in the wrong place.
        first = error.errors()[0]
        where = [str(part) for part in first["loc"] if part not in ("body", "query", "path", "header")]
        if first["type"] == "json_invalid":
            words = str(first.get("ctx", {}).get("error", "")).lower().rstrip(".")
            return answer(
                Problem(type="invalid", message=f"The body is no JSON: {words} at character {where[0]}."), 422
            )
        if not where and first["type"] != "value_error":
            return answer(Problem(type="invalid", message=_NO_OBJECT), 422)
        field, words = ".".join(where) or None, first["msg"].removeprefix("Value error, ").rstrip(".")
        return answer(
            Problem(type="invalid", message=f"{field}: {words}." if field else f"{words}.", field=field), 422
        )

    @app.exception_handler(WrongFieldError)
    async def on_wrong_field(_: Request, error: WrongFieldError) -> JSONResponse:
        return answer(Problem(type="invalid", message=str(error), field=error.field), 422)

    @app.exception_handler(HyperCarbonError)
    async def on_our_error(_: Request, error: HyperCarbonError) -> JSONResponse:
        kind, status = next(((k, s) for of, k, s in _KINDS if isinstance(error, of)), ("failed", 500))
        headers = {}
        if isinstance(error, RateLimitedError) and error.retry_after:
            headers["Retry-After"] = str(round(error.retry_after))
        field = "zone" if isinstance(error, UnknownZoneError) else None
        return answer(Problem(type=kind, message=str(error), field=field), status, headers)

    @app.exception_handler(Exception)
    async def on_bug(request: Request, error: Exception) -> JSONResponse:
        log.exception("%s %s failed", request.method, request.url.path, exc_info=error)
        return answer(Problem(type="failed", message="This went wrong here; the API server's log says how."), 500)


def may_answer(*statuses: tuple[int, str]) -> dict[int | str, dict[str, object]]:
    """Return for the OpenAPI document what a route may answer besides its own: statuses and what they mean."""
    return {status: {"model": Problem, "description": words} for status, words in statuses}


#: What every route may answer.
RESPONSES = may_answer(
    *(
        (401, "Not signed in to Airflow."),
        (403, "Signed in, with too little access."),
        (409, "Something is not set up: a connection is missing or wrong."),
        (422, "The request is wrong; `field` says where."),
        (502, "The carbon source refused our credential or plan."),
        (503, "The source or the results database gives no answer now."),
    )
)
#: What a route with a body may answer as well.
BODY_RESPONSES = may_answer((400, "The body cannot be read."), (413, "The body is larger than any request."))
