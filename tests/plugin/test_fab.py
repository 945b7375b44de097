"""The same doors with the FAB auth manager, whose roles are finer. Needs its provider, which does not go with the
pinned versions of the other tests; .ci/run gives it an environment of its own:

    AIRFLOW__CORE__AUTH_MANAGER=airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager pytest tests/plugin/test_fab.py
"""  # noqa: E501  (a command is one line)

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from airflow_provider_hypercarbon.plugin import URL_PREFIX
from airflow_provider_hypercarbon.report_store import CarbonReportStore, ResultsDatabase
from tests.report_store.test_store import CONTEXT, report

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.skipif(
        "FabAuthManager" not in os.environ.get("AIRFLOW__CORE__AUTH_MANAGER", ""), reason="needs the FAB auth manager"
    ),
]
#: Role, and whether it may read DAGs.
ROLES = {"Admin": True, "Op": True, "User": True, "Viewer": True, "Public": False}


@pytest.fixture(scope="module")
def tokens(airflow_db: None, api_server: Any) -> dict[str, str]:
    """A person of each role, and one who may read a single DAG."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.models.dag import DagModel
    from airflow.models.dagbundle import DagBundleModel
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
    from airflow.utils.session import create_session

    with create_session() as session:
        session.merge(DagBundleModel(name="fab-bundle"))
        session.flush()
        for dag_id in ("seen", "hidden"):
            session.merge(DagModel(dag_id=dag_id, bundle_name="fab-bundle", is_stale=False))
    with get_application_builder() as builder:
        manager = builder.sm
        manager.sync_roles()
        one_dag = manager.find_role("OneDag") or manager.add_role("OneDag")
        manager.sync_perm_for_dag("seen", {"OneDag": {"DAGs": {"can_read"}}})
        for resource in ("DAG Runs", "Task Instances"):
            manager.add_permission_to_role(one_dag, manager.get_permission("can_read", resource))
        made = {}
        for name in (*ROLES, "OneDag"):
            role = manager.find_role(name)
            manager.add_user(name, name, name, f"{name}@example.com", role, password="password")
            made[name] = get_auth_manager().generate_jwt(manager.find_user(username=name))
    return made


def _routes() -> list[tuple[str, str]]:
    from tests.plugin.test_guard import ROUTES

    return ROUTES


class TestFab:
    @pytest.mark.parametrize(("method", "path"), _routes())
    def test_every_route_asks_for_a_role_that_reads(
        self, api_server: Any, tokens: dict[str, str], method: str, path: str
    ):
        """401 for nobody, 403 for the role Public, and no refusal for those who may read DAGs."""
        client = TestClient(api_server, base_url=f"http://testserver{URL_PREFIX}/", raise_server_exceptions=False)
        assert client.request(method, path.lstrip("/")).status_code == 401
        for role, reads in ROLES.items():
            answer = client.request(method, path.lstrip("/"), headers={"Authorization": f"Bearer {tokens[role]}"})
            assert (answer.status_code != 403) == reads, (role, answer.text)
            assert answer.status_code not in (401, 500), (role, answer.text)

    def test_who_reads_one_dag_reads_no_other(self, api_server: Any, tokens: dict[str, str]):
        """A role for one DAG opens its routes, and 403 answers for another DAG's."""
        client = TestClient(api_server, base_url=f"http://testserver{URL_PREFIX}/api/v1/")
        client.headers["Authorization"] = f"Bearer {tokens['OneDag']}"
        assert client.get("carbon/zones").status_code == 200
        assert client.get("dags/seen/starts").status_code == 200
        assert client.get("dags/hidden/starts").status_code == 403
        assert client.get("dags/hidden/runs/x/decisions").status_code == 403

    def test_nothing_shows_another_dags_name(
        self, api_server: Any, tokens: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        """The page's views, lists, sums and files of somebody who reads one DAG; an administrator sees both."""
        connection = {"conn_type": "sqlite", "host": str(tmp_path / "results.db")}
        monkeypatch.setenv("AIRFLOW_CONN_HYPERCARBON_RESULTS", json.dumps(connection))
        monkeypatch.setenv(
            "AIRFLOW_CONN_HYPERCARBON_DEFAULT", '{"conn_type": "hypercarbon", "extra": {"source": "mock"}}'
        )
        store = CarbonReportStore(ResultsDatabase(sa.create_engine(f"sqlite:///{tmp_path / 'results.db'}")))
        for dag_id in ("seen", "hidden"):
            context = CONTEXT.model_copy(
                update={"dag_id": dag_id, "run_id": f"{dag_id}-1", "vm_path": f"/vm/{dag_id}"}
            )
            store.save(report(f"job-{dag_id}"), context, now=datetime.now(UTC))
        views = [
            "page",
            "page?view=ledger&from=2020-01-01",
            "api/v1/reports",
            "api/v1/reports/export.csv",
            "api/v1/waits",
        ]
        views += [
            "api/v1/exports",
            "api/v1/reports/sums?by=dag",
            "api/v1/reports/sums?by=vm",
            "page?view=ledger&dag_id=hidden",
        ]
        client = TestClient(api_server, base_url=f"http://testserver{URL_PREFIX}/")
        texts = {}
        for name in ("OneDag", "Admin"):
            answers = [client.get(view, headers={"Authorization": f"Bearer {tokens[name]}"}) for view in views]
            assert [answer.status_code for answer in answers[:-1]] == [200] * (len(views) - 1)
            texts[name] = "".join(answer.text for answer in answers[:-1])
        assert "/vm/hidden" in texts["Admin"]
        assert "/vm/seen" in texts["OneDag"]
        assert "hidden-1" not in texts["OneDag"]
        assert "/vm/hidden" not in texts["OneDag"]
