from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
import sqlalchemy as sa

from airflow_provider_hypercarbon.demo.local_airflow import LocalAirflow
from tests.system.provider import LoopbackProvider

#: Updates of the provider that a test of some minutes can touch.
UPDATES = 2


class TestSharedAnswers:
    @pytest.mark.parametrize("dag_id", ["many_rescheduled", "many_deferred"])
    def test_waits_of_many_workers_share_two_requests_a_zone(
        self, airflow: LocalAirflow, provider: LoopbackProvider, results: sa.Engine, dag_id: str
    ):
        """By the results database on PostgreSQL, from workers and triggerer alike; each starts at its deadline."""
        run_id = airflow.trigger(dag_id)
        assert airflow.wait_for_run(dag_id, run_id, 600) == "success"
        decisions = [airflow.xcom(dag_id, run_id, "wait", map_index=index) for index in range(16)]
        assert {decision["reason"] for decision in decisions} == {"deadline"}
        asked = Counter(zone for zone, _, _ in provider.asked)
        begin, end = provider.asked[0][2], provider.asked[-1][2]
        print(f"{dag_id}: {dict(asked)} requests so far, within {end - begin}")
        assert set(asked) == {"DE", "FR"}
        assert max(asked.values()) <= 2 * (UPDATES if end - begin < timedelta(hours=1) else 3)
        with results.connect() as connection:
            query = "SELECT DISTINCT zone, question FROM hypercarbon_answers WHERE zone <> ''"
            kept = {tuple(row) for row in connection.execute(sa.text(query))}
            readings = connection.execute(sa.text("SELECT count(*) FROM hypercarbon_readings")).scalar_one()
            forecasts = connection.execute(sa.text("SELECT count(*) FROM hypercarbon_forecasts")).scalar_one()
        assert {("DE", "measured"), ("DE", "forecast"), ("FR", "measured"), ("FR", "forecast")} <= kept
        assert readings >= 2 * 7 * 24
        assert forecasts == 2
