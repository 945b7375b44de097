"""Who may ask: Airflow's own rules, before anything else looks at a request.

Airflow does not guard a plugin's application. This does, for all of it at once: routes, files, documentation, and
addresses that do not exist.
"""

from __future__ import annotations

import uuid
from typing import Annotated, Any, NamedTuple

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import bearer_scheme, get_user, requires_access_dag
from airflow.configuration import conf
from airflow.models.dag import DagModel
from airflow.utils.session import create_session
from fastapi import Depends, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import select
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_provider_hypercarbon.plugin.errors import Problem, answer

#: Larger than any request of ours.
MAX_BODY_BYTES = 64 * 1024
_READING = ("GET", "HEAD", "OPTIONS")
#: On every answer that sets none of its own. Airflow shows the page in a frame of the same origin; nobody else may.
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'self'; base-uri 'none'",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}


class Guard:
    """ASGI middleware: no valid login, or no DAG that may be read, and nothing behind it is reached."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # we have no web sockets
            return
        request = Request(scope)
        try:
            user = await _user(request)
            _refuse_other_sites(request)
            await run_in_threadpool(_require_any_dag, user)
        except HTTPException as refused:
            problem = Problem.of_status(refused.status_code, str(refused.detail))
            await answer(problem, refused.status_code)(scope, receive, _with_headers(send))
            return
        if "\0" in scope["path"] or b"%00" in scope.get("query_string", b""):
            # PostgreSQL fails on it, where others find nothing.
            problem = Problem(type="invalid", message="There is a NUL character in the address; no name has one.")
            await answer(problem, 422)(scope, receive, _with_headers(send))
            return
        scope.setdefault("state", {})["hypercarbon_user"] = user
        await self.app(scope, _bounded(receive), _with_headers(send))


def current_user(request: Request) -> BaseUser:
    """Return who asks; the guard let them in."""
    user = getattr(request.state, "hypercarbon_user", None)
    if user is None:
        raise HTTPException(401, "Not authenticated")
    return user


CurrentUser = Annotated[BaseUser, Depends(current_user)]

#: For routes that name a DAG in their path or query: what its task instances tell may be read.
READS_DAG = Depends(requires_access_dag("GET", DagAccessEntity.TASK_INSTANCE))


class DagAccess(NamedTuple):
    """Which DAGs a person may read; lists leave the others out, and so do sums.

    :param ids: the DAGs; None for every DAG, also for those that are no longer there.
    """

    ids: frozenset[str] | None

    def __contains__(self, dag_id: object) -> bool:
        return self.ids is None or dag_id in self.ids

    def only(self, dag_id: str | None) -> frozenset[str] | None:
        """Return the ids to filter by when one DAG is asked for, or all."""
        if dag_id is None:
            return self.ids
        return frozenset({dag_id}) if dag_id in self else frozenset()


def readable_dags(user: CurrentUser) -> DagAccess:
    """Ask the auth manager which DAGs this person may read.

    Whoever may read each DAG there is, and one that does not exist as well, may read the history of deleted ones.
    """
    manager = get_auth_manager()
    ids = frozenset(manager.get_authorized_dag_ids(user=user, method="GET"))
    if conf.getboolean("core", "multi_team", fallback=False):  # a team's deleted DAG is nobody's any more
        return DagAccess(ids)
    reads_any = manager.is_authorized_dag(method="GET", details=DagDetails(id=str(uuid.uuid4())), user=user)
    return DagAccess(None if reads_any and ids >= _all_dags() else ids)


ReadableDags = Annotated[DagAccess, Depends(readable_dags)]


def _all_dags() -> set[str]:
    with create_session() as session:
        return set(session.scalars(select(DagModel.dag_id)))


async def _user(request: Request) -> BaseUser:
    return await get_user(request, None, await bearer_scheme(request))


def _refuse_other_sites(request: Request) -> None:
    """Refuse what another site makes a signed-in browser send.

    Airflow's cookie is SameSite=Lax, so that a browser does not send it with such a request; this holds where a
    proxy or a setting has changed the cookie.
    """
    from_elsewhere = request.headers.get("sec-fetch-site") == "cross-site"
    if from_elsewhere and request.method not in _READING and "authorization" not in request.headers:
        raise HTTPException(403, "A request from another site, with the browser's cookie, is refused.")


def _require_any_dag(user: BaseUser) -> None:
    """Refuse whoever may read no DAG at all: carbon data belong to what runs here."""
    allowed = get_auth_manager().is_authorized_dag(
        method="GET", access_entity=DagAccessEntity.TASK_INSTANCE, details=DagDetails(), user=user
    )
    if not allowed:
        raise HTTPException(403, "You may read no DAG here. Ask an administrator for a role that reads DAGs.")


def _bounded(receive: Receive) -> Receive:
    """Cut a body off that is larger than any of ours."""
    seen = 0

    async def limited() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MAX_BODY_BYTES:
            raise HTTPException(413, f"The request is larger than {MAX_BODY_BYTES // 1024} kB.")
        return message

    return limited


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers: list[Any] = message.setdefault("headers", [])
            given = {name.lower() for name, _ in headers}
            headers += [
                (name.encode(), value.encode()) for name, value in _HEADERS.items() if name.encode() not in given
            ]
        await send(message)

    return sending
