from __future__ import annotations

import re

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from airflow_provider_hypercarbon.plugin.app import create_app
from airflow_provider_hypercarbon.plugin.guard import MAX_BODY_BYTES

pytestmark = pytest.mark.airflow


def _routes() -> list[tuple[str, str]]:
    routes = [route for route in create_app().routes if isinstance(route, APIRoute)]
    assert len(routes) == len(create_app().routes), "something is mounted that is no route"
    return [
        (method, re.sub(r"{(\w+)(:path)?}", r"\1", route.path))
        for route in routes
        for method in sorted(route.methods or ())
    ]


ROUTES = _routes()


class TestGuard:
    @pytest.mark.parametrize(("method", "path"), ROUTES)
    def test_nobody_gets_in_without_a_login(self, client, method: str, path: str):
        """Every route of the application's own list answers 401, with our kind of error."""
        answer = client().request(method, path.lstrip("/"))
        assert answer.status_code == 401
        assert answer.json()["type"] == "not_signed_in"

    @pytest.mark.parametrize(("method", "path"), ROUTES)
    def test_too_little_access_is_refused(self, client, method: str, path: str):
        """Somebody who is signed in and may read no DAG gets 403 from every route."""
        answer = client(token=_token_without_role()).request(method, path.lstrip("/"))
        assert answer.status_code == 403
        assert answer.json()["type"] == "not_allowed"

    @pytest.mark.parametrize(("method", "path"), ROUTES)
    def test_a_forged_token_is_refused(self, client, method: str, path: str):
        """A token that Airflow did not sign gets 403 from every route."""
        assert client(token="forged").request(method, path.lstrip("/")).status_code == 403

    @pytest.mark.parametrize(
        "path", ["", "nope", "api/v1", "api/v1/nope", "docs", "openapi.json", "static/../app.py"]
    )
    def test_what_does_not_exist_is_guarded_as_well(self, client, path: str):
        """Without a login nobody learns which addresses exist."""
        answer = client().get(path) if path != "static/../app.py" else client().get("static/%2e%2e/app.py")
        assert answer.status_code == 401

    def test_a_broken_body_says_nothing_before_the_login(self, client):
        """The login comes before the body is read."""
        assert client().post("api/v1/carbon/status", content=b"{").status_code == 401

    def test_a_browser_is_signed_in_by_airflows_cookie(self, client):
        """The page in Airflow's frame needs no token of its own."""
        assert client("viewer", cookie=True).get("api/v1/carbon/zones").status_code == 200

    def test_another_site_cannot_use_the_cookie(self, client):
        """A form on another site gets nowhere, also where a proxy made the cookie travel."""
        foreign = {"Sec-Fetch-Site": "cross-site"}
        asked = client("viewer", cookie=True).post("api/v1/carbon/status", json={"zone": "DE"}, headers=foreign)
        assert asked.status_code == 403
        with_token = client("viewer").post("api/v1/carbon/status", json={"zone": "DE"}, headers=foreign)
        assert with_token.status_code == 200

    def test_a_form_is_no_json(self, client):
        """What a plain form can send is refused, whatever is in it."""
        body = '{"zone": "DE"}'
        asked = client("viewer").post(
            "api/v1/carbon/status", content=body, headers={"Content-Type": "text/plain;charset=UTF-8"}
        )
        assert asked.status_code == 422

    def test_a_huge_body_is_cut_off(self, client):
        """No request makes the server read more than it needs."""
        asked = client("viewer").post("api/v1/carbon/status", content=b"x" * (MAX_BODY_BYTES + 1))
        assert asked.status_code == 413

    def test_answers_are_kept_nowhere_and_framed_by_airflow_only(self, client):
        """Neither a cache nor another site's frame holds an answer."""
        headers = client("viewer").get("api/v1/carbon/zones").headers
        assert headers["cache-control"] == "no-store"
        assert "frame-ancestors 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"

    def test_files_outside_the_folder_are_not_served(self, client):
        """The static route serves the static folder only."""
        answer = client("admin").get("static/%2e%2e/__init__.py")
        assert answer.status_code == 404


class TestInstall:
    def test_airflow_finds_the_plugin(self, api_server: FastAPI):
        """The entry point makes the application part of the API server."""
        assert any(getattr(route, "path", "") == "/hypercarbon" for route in api_server.routes)

    def test_every_operation_has_an_id_of_its_own(self):
        """Clients are generated from the document; their functions are named after the routes."""
        document = create_app().openapi()
        names = [route["operationId"] for path in document["paths"].values() for route in path.values()]
        assert len(names) == len(set(names)) > 10


def _token_without_role() -> str:
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    return get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="nobody", role=None))
