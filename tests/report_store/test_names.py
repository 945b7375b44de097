from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from airflow_provider_hypercarbon.report_store import (
    CarbonReportStore,
    ReportFilters,
    ResultsDatabase,
    dags_and_zones,
)
from tests.carbon.grid import HOUR, series
from tests.report_store.databases import KINDS, fresh_database
from tests.report_store.test_store import CONTEXT, report

NOW = datetime(2026, 11, 23, 18, tzinfo=UTC)
#: DAG, zone, VM, hours ago, whether made up, whether final.
ROWS = [
    ("nightly", "DE", "/vm/1", 1, None, True),
    ("nightly", "GB", "/vm/2", 30, None, True),
    ("weekly", "DE", "/vm/1", 3, None, False),
    ("old", "SE", "/vm/3", 24 * 60, None, True),
    ("toy", "DE", "/vm/1", 2, "mock", True),
]
CASES = {
    "everything": ({}, {"nightly DE", "nightly GB", "weekly DE", "old SE"}),
    "some days": ({"since": NOW - 48 * HOUR}, {"nightly DE", "nightly GB", "weekly DE"}),
    "days long ago": ({"until": NOW - 40 * 24 * HOUR}, {"old SE"}),
    "a zone": ({"zone": "GB"}, {"nightly GB"}),
    "a DAG": ({"dag_id": "nightly"}, {"nightly DE", "nightly GB"}),
    "DAGs one may read": ({"dag_ids": ["weekly", "unknown"]}, {"weekly DE"}),
    "no DAG": ({"dag_ids": []}, set()),
    "a VM": ({"vm_path": "/vm/1"}, {"nightly DE", "weekly DE"}),
    "one report": ({"operation_id": "job-2"}, {"weekly DE"}),
    "what may change": ({"provisional": True}, {"weekly DE"}),
    "what is final": ({"provisional": False}, {"nightly DE", "nightly GB", "old SE"}),
    "made up": ({"synthetic": True}, {"toy DE"}),
}


@pytest.fixture(scope="module", params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ResultsDatabase]:
    for url in fresh_database(request.param, tmp_path_factory.mktemp("results")):
        engine = sa.create_engine(url)
        store = CarbonReportStore(engine)
        for number, (dag_id, zone, vm_path, hours, synthetic, final) in enumerate(ROWS):
            start = NOW - hours * HOUR
            slots = series([300.0] * 6, start - HOUR, zone=zone)
            if not final:
                slots = slots.model_copy(update={"slots": tuple(s._replace(estimated=True) for s in slots.slots)})
            made = report(
                f"job-{number}", zone=zone, started_at=start, ended_at=start + HOUR, scheduled_at=None,
                series=slots, data_gb=9, synthetic=synthetic,
            )  # fmt: skip
            store.save(made, CONTEXT.model_copy(update={"dag_id": dag_id, "vm_path": vm_path}), now=NOW)
        yield ResultsDatabase(engine)
        engine.dispose()


@pytest.mark.parametrize("case", CASES)
def test_names_are_those_of_the_reports(database: ResultsDatabase, case: str):
    """Which DAGs reported for which zones, among what a filter leaves."""
    asked, wanted = CASES[case]
    filters = ReportFilters.model_validate({"synthetic": False, **asked})
    assert {f"{dag} {zone}" for dag, zone in dags_and_zones(database, filters)} == wanted


def test_a_name_that_no_report_bears_any_more(database: ResultsDatabase):
    """A report that moved to another DAG leaves its old one."""
    store = CarbonReportStore(database)
    (stored,) = store.stream(ReportFilters(operation_id="job-3"))
    store.save(stored.report, stored.context.model_copy(update={"dag_id": "new"}), now=NOW)
    try:
        assert ("new", "SE") in dags_and_zones(database, ReportFilters())
        assert ("old", "SE") not in dags_and_zones(database, ReportFilters())
    finally:
        store.save(stored.report, stored.context, now=NOW)


def test_nobody_wrote_yet(tmp_path: Path):
    """Where no table is, there are no names."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'results.db'}")
    assert dags_and_zones(ResultsDatabase(engine), ReportFilters()) == set()
    engine.dispose()
