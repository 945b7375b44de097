from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from airflow_provider_hypercarbon.carbon.record import record_of
from airflow_provider_hypercarbon.carbon.start import decide_start
from airflow_provider_hypercarbon.exceptions import ReportStoreError
from airflow_provider_hypercarbon.report_store import DecisionLog, ResultsDatabase, RunContext
from tests.carbon.grid import HOUR, NOW, PLAIN, outlook, series, window
from tests.report_store.databases import KINDS, fresh_database

RUN = RunContext(dag_id="nightly", run_id="manual__1", task_id="wait")
FORECAST = [500.0, 500, 100, 100, 500, 500, 500]


@pytest.fixture(params=KINDS)
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DecisionLog]:
    for url in fresh_database(request.param, tmp_path):
        engine = sa.create_engine(url)
        yield DecisionLog(ResultsDatabase(engine))
        engine.dispose()


def record(hours: float = 0):
    now = NOW + hours * HOUR
    decision = decide_start(outlook(FORECAST), PLAIN, window(), now=now)
    return record_of(decision, outlook(FORECAST), PLAIN, window(), now=now)


class TestDecisionLog:
    def test_what_is_kept_comes_back_the_same(self, log: DecisionLog):
        """Curve, candidates, inputs and reason, in the order of time."""
        log.save(record(1), RUN)
        log.save(record(0), RUN)
        assert log.of_run("nightly", "manual__1") == [record(0), record(1)]

    def test_a_retry_keeps_one_row(self, log: DecisionLog):
        """The same decision saved twice is one."""
        log.save(record(), RUN)
        log.save(record(), RUN)
        assert len(log.of_run("nightly", "manual__1", "wait")) == 1

    def test_runs_tasks_and_map_indexes_are_kept_apart(self, log: DecisionLog):
        """Each mapped sensor has its own records."""
        log.save(record(), RUN)
        log.save(record(), RUN.model_copy(update={"map_index": 3}))
        log.save(record(), RUN.model_copy(update={"run_id": "manual__2"}))
        assert len(log.of_run("nightly", "manual__1")) == 2
        assert len(log.of_run("nightly", "manual__1", "wait", 3)) == 1
        assert log.of_run("nightly", "manual__1", "another") == []

    def test_no_table_has_no_records(self, log: DecisionLog):
        """Reading creates nothing."""
        assert log.of_run("nightly", "manual__1") == []
        assert sa.inspect(log.database.engine).get_table_names() == []

    def test_a_damaged_row_is_named(self, log: DecisionLog):
        """The error says which row, and what to do."""
        log.save(record(), RUN)
        with log.database.engine.begin() as connection:
            connection.execute(sa.text("UPDATE hypercarbon_decisions SET document = '{\"decision\": {}}'"))
        with pytest.raises(ReportStoreError, match="Delete its row"):
            log.of_run("nightly", "manual__1")

    def test_a_record_is_small(self):
        """A day in 5-minute slots stays under 64 kB."""
        values = [300.0 + i % 7 for i in range(12 * 30)]
        known = outlook().model_copy(update={"forecast": series(values, slot=timedelta(minutes=5))})
        decision = decide_start(known, PLAIN, window(24), now=NOW)
        kept = record_of(decision, known, PLAIN, window(24), now=NOW)
        assert len(kept.candidates) > 12 * 24
        assert len(kept.model_dump_json()) < 65536
