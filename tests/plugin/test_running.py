from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from airflow_provider_hypercarbon.plugin import running
from tests.plugin.conftest import NOW
from tests.plugin.page.waits import decision

DAG, RUN, TASK, COUNT = "mapped", "manual__2026", "wait_for_clean_grid", 7
HOUR = timedelta(hours=1)


@pytest.fixture
def mapped_waits(airflow_db: None) -> Iterator[None]:
    """Seven waits of a mapped task; the first looked at the grid last."""
    from airflow.models.dagrun import DagRun
    from airflow.models.task_state_store import TaskStateStoreModel
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    with create_session() as session:
        run = {"dag_id": DAG, "run_id": RUN, "run_after": NOW, "state": "running", "run_type": "manual"}
        run_key = session.execute(sa.insert(DagRun.__table__).values(**run)).inserted_primary_key[0]
        for index in range(COUNT):
            where = {"dag_id": DAG, "run_id": RUN, "task_id": TASK, "map_index": index}
            task = {"id": uuid.uuid4(), "pool": "default_pool", "pool_slots": 1, "state": "up_for_reschedule"}
            session.execute(sa.insert(TaskInstance.__table__).values(**where, **task))
            made = decision(start_at=NOW + (COUNT - index) * HOUR, ready_at=NOW, deadline=NOW + 9 * HOUR)
            window = {"ready_at": NOW.isoformat(), "deadline": (NOW + 9 * HOUR).isoformat()}
            kept = json.dumps({"window": window, "last_plan": made.model_dump(mode="json")})
            at = NOW - index * HOUR
            row = {"dag_run_id": run_key, "key": running.WAIT_KEY, "value": kept, "updated_at": at}
            session.execute(sa.insert(TaskStateStoreModel.__table__).values(**where, **row))
    yield
    with create_session() as session:
        for table in (TaskStateStoreModel, TaskInstance, DagRun):
            session.execute(sa.delete(table).where(table.dag_id == DAG))


@pytest.mark.usefixtures("mapped_waits")
class TestManyWaits:
    def test_all_of_few(self):
        """By next start, and as many as there are."""
        rows = running.waits_in_progress({DAG})
        assert [row.map_index for row in rows] == list(reversed(range(COUNT)))
        assert running.waits_in_all(len(rows), {DAG}) == COUNT
        assert running.waits_in_progress({"another"}) == []

    def test_more_than_are_read(self, monkeypatch: pytest.MonkeyPatch, api: TestClient):
        """Those that looked last are listed; the number is that of all, on the page and over REST."""
        monkeypatch.setattr(running, "MOST_WAITS", 3)
        answer = api.get("waits").json()
        assert [row["map_index"] for row in answer["waits"]] == [2, 1, 0]
        assert answer["total"] == COUNT

    def test_one_of_many(self, monkeypatch: pytest.MonkeyPatch, api: TestClient):
        """The view of one wait asks for that one: it waits, however many others looked later."""
        monkeypatch.setattr(running, "MOST_WAITS", 3)
        view = {"view": "run", "dag_id": DAG, "run_id": RUN, "task_id": TASK, "map_index": 6}
        text = api.get("http://testserver/page", params=view).text
        assert "Waiting for" in text
        assert "The wait ended" not in text
