"""Databases that a release before this one made, from its own statements, with its own rows."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from airflow_provider_hypercarbon.carbon.footprint import CarbonReport
from airflow_provider_hypercarbon.exceptions import ReportStoreError
from airflow_provider_hypercarbon.report_store import CarbonReportStore, Head, ResultsDatabase, verify
from airflow_provider_hypercarbon.report_store import migrations as migrations_module
from airflow_provider_hypercarbon.report_store.migrations import found_version, newest_version
from airflow_provider_hypercarbon.report_store.schema import metadata
from tests.carbon.grid import NOW
from tests.report_store.databases import KINDS, fresh_database, run_as_owner
from tests.report_store.test_store import CONTEXT, in_processes, report, rows

HERE = Path(__file__).parent / "version_1"
ROWS: dict[str, list[dict[str, Any]]] = json.loads((HERE / "rows.json").read_text())
OLD = {row["operation_id"]: row for row in ROWS["hypercarbon_reports"]}
VERSION_3 = Path(__file__).parent / "version_3"
ROWS_3: dict[str, list[dict[str, Any]]] = json.loads((VERSION_3 / "rows.json").read_text())
HEAD_3 = Head(*(ROWS_3["hypercarbon_ledger_head"][0][name] for name in ("position", "hash")))
#: What version 2 added.
VERSION_2 = [
    "CREATE TABLE hypercarbon_answers (scope VARCHAR(64) NOT NULL, zone VARCHAR(64) NOT NULL, question VARCHAR(64) "
    "NOT NULL, document TEXT NOT NULL, saved_at VARCHAR(32) NOT NULL, PRIMARY KEY (scope, zone, question))",
    "CREATE TABLE hypercarbon_turns (scope VARCHAR(64) NOT NULL, zone VARCHAR(64) NOT NULL, holder VARCHAR(64) NOT "
    "NULL, held_until DOUBLE PRECISION NOT NULL, spent INTEGER NOT NULL, period VARCHAR(64) NOT NULL, "
    "PRIMARY KEY (scope, zone))",
    "UPDATE hypercarbon_schema SET version = 2",
]


def old_database(kind: str, folder: Path) -> Iterator[str]:
    """Make a database as version 1 did."""
    for url in fresh_database(kind, folder):
        statements = (HERE / f"{kind}.sql").read_text().split(";\n")
        run_as_owner(url, *(statement for statement in statements if statement.strip()))
        put_rows(url, ROWS)
        yield url


def put_rows(url: str, given: dict[str, list[dict[str, Any]]]) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for table, old in given.items():
            for row in old:
                connection.execute(old_insert(table, row), row)
    engine.dispose()


def old_insert(table: str, row: dict[str, Any]) -> sa.TextClause:
    """What a task of the release before writes."""
    return sa.text(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(f':{name}' for name in row)})")


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield from old_database(request.param, tmp_path)


@pytest.fixture
def store(url: str) -> Iterator[CarbonReportStore]:
    engine = sa.create_engine(url)
    yield CarbonReportStore(engine)
    engine.dispose()


def assert_all_is_there(store: CarbonReportStore) -> None:
    """Every old report is the first revision of its operation, the ledger is whole, the old table is gone."""
    for name, row in OLD.items():
        (first, *_) = store.trail(name)
        assert (first.why, first.revision, first.saved_at.isoformat()) == (
            "imported",
            1,
            row["saved_at"][:19] + "+00:00",
        )
        document = json.loads(row["document"])
        assert first.report == CarbonReport.model_validate(document)
        assert {name: getattr(first.context, name) for name in ("dag_id", "map_index", "try_number", "vm_path")} == {
            name: row[name] for name in ("dag_id", "map_index", "try_number", "vm_path")
        }
    with store.database.engine.connect() as connection:
        assert found_version(connection) == newest_version()
    assert set(sa.inspect(store.database.engine).get_table_names()) == set(metadata.tables)
    verdict = verify(store.database)
    assert verdict.broken is None


def kept_in_columns(store: CarbonReportStore) -> None:
    for row in rows(store):
        old = OLD[row["operation_id"]]
        assert {name: row[name] for name in old if name != "document"} == {n: old[n] for n in old if n != "document"}


class TestUpgrade:
    def test_by_the_first_writer(self, store: CarbonReportStore):
        """A task of the new release reports: nothing that was there is lost or changed."""
        store.save(report("new"), CONTEXT, now=NOW)
        assert_all_is_there(store)
        assert store.head().position == len(OLD) + 1  # type: ignore[union-attr]

    def test_by_the_first_reader(self, store: CarbonReportStore):
        """The page after an upgrade shows the old reports at once, with exact columns and sums."""
        page = store.page()
        assert {stored.report.operation_id for stored in page.reports} == set(OLD)
        kept_in_columns(store)
        assert_all_is_there(store)
        real = [row for row in OLD.values() if not row["synthetic"]]
        assert sum(part.operations for part in store.sums(("month",))) == len(real)

    def test_from_the_version_after_the_first(self, url: str, store: CarbonReportStore):
        """With the cache of answers, without a ledger."""
        run_as_owner(url, *VERSION_2)
        store.database.ensure()
        assert_all_is_there(store)

    def test_an_empty_one(self, url: str, store: CarbonReportStore):
        """Tables without a row."""
        run_as_owner(url, "DELETE FROM hypercarbon_reports")
        store.database.ensure()
        assert store.page().reports == ()
        assert verify(store.database).broken is None

    def test_other_tables_are_left_alone(self, store: CarbonReportStore):
        """Readings stay."""
        store.database.ensure()
        (first, second) = rows(store, "SELECT * FROM hypercarbon_readings ORDER BY start_at")
        assert [dict(first), dict(second)] == ROWS["hypercarbon_readings"]

    def test_more_than_a_batch(self, store: CarbonReportStore, monkeypatch: pytest.MonkeyPatch):
        """Also where many started at the same instant."""
        monkeypatch.setattr(migrations_module, "_BATCH", 2)
        store.database.ensure()
        assert_all_is_there(store)

    def test_a_damaged_row_is_kept(self, url: str, store: CarbonReportStore):
        """It is no report, but it is evidence; the others are not held up."""
        run_as_owner(url, "UPDATE hypercarbon_reports SET document = '{' WHERE operation_id = 'job-2'")
        store.database.ensure()
        assert len(rows(store)) == len(OLD)
        with pytest.raises(ReportStoreError, match="'job-2' at position"):
            store.get("job-2")
        assert verify(store.database).broken is None
        store.save(report("job-2"), CONTEXT, now=NOW)
        assert store.get("job-2").revision == 2  # type: ignore[union-attr]
        assert verify(store.database).broken is None


def ensure(url: str, number: int) -> None:
    engine = sa.create_engine(url)
    store = CarbonReportStore(engine)
    store.save(report(f"new-{number}"), CONTEXT, now=NOW)
    engine.dispose()


def migrate_and_die(url: str, stop: int) -> None:
    """Migrate in another process, which is killed before it changes something for the ``stop``th time."""
    child = os.fork()
    if not child:
        engine = sa.create_engine(url)
        changes = 0

        @sa.event.listens_for(engine, "before_cursor_execute")
        def count(connection: object, cursor: object, statement: str, *rest: object) -> None:
            nonlocal changes
            changes += not statement.startswith(("SELECT", "PRAGMA", "SHOW", "DESCRIBE"))
            if changes == stop:
                os.kill(os.getpid(), signal.SIGKILL)

        ResultsDatabase(engine).ensure()
        os._exit(0)
    os.waitpid(child, 0)


class TestMeetings:
    def test_eight_processes_migrate_at_once(self, url: str, store: CarbonReportStore):
        """One does it, the others wait, all write."""
        assert in_processes(8, ensure, url) == [0] * 8
        assert_all_is_there(store)
        assert len(rows(store)) == len(OLD) + 8

    def test_a_task_of_the_old_release_cannot_write_past_the_ledger(self, url: str, store: CarbonReportStore):
        """It looked at the version before the upgrade and writes after it: the database refuses."""
        store.database.ensure()
        row = {**OLD["job-1"], "operation_id": "late"}
        with pytest.raises(sa.exc.DBAPIError, match="document"), store.database.engine.begin() as connection:
            connection.execute(old_insert("hypercarbon_reports", row), row)
        assert store.get("late") is None
        assert_all_is_there(store)

    def test_a_task_of_the_old_release_that_is_writing(self, url: str, store: CarbonReportStore):
        """Its transaction is open while another process migrates: it is waited for, and its row is in the ledger."""
        if url.startswith("sqlite"):
            pytest.skip("a file has one writer at a time anyway")
        document = OLD["job-1"]["document"].replace('"job-1"', '"last"')
        row = {**OLD["job-1"], "operation_id": "last", "document": document}
        with store.database.engine.begin() as connection:
            connection.execute(old_insert("hypercarbon_reports", row), row)
            migrating = os.fork()
            if not migrating:
                try:
                    ResultsDatabase(sa.create_engine(url)).ensure()
                finally:
                    os._exit(0)
            time.sleep(0.5)
        os.waitpid(migrating, 0)
        assert store.get("last").why == "imported"  # type: ignore[union-attr]
        assert_all_is_there(store)

    @pytest.mark.parametrize("stop", range(1, 30, 4))
    def test_a_migration_that_is_killed_is_done_again(self, url: str, store: CarbonReportStore, stop: int):
        """At whatever statement: the next process finds what it needs, and nothing is there twice."""
        migrate_and_die(url, stop)
        store.database.ensure()
        assert_all_is_there(store)


@pytest.fixture(params=KINDS)
def url_3(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of version 3: a ledger, and sums by month only."""
    for url in fresh_database(request.param, tmp_path):
        statements = (VERSION_3 / f"{request.param}.sql").read_text().split(";\n")
        run_as_owner(url, *(statement for statement in statements if statement.strip()))
        run_as_owner(url, "DELETE FROM hypercarbon_ledger_head")
        put_rows(url, ROWS_3)
        yield url


@pytest.fixture
def store_3(url_3: str) -> Iterator[CarbonReportStore]:
    engine = sa.create_engine(url_3)
    yield CarbonReportStore(engine)
    engine.dispose()


def assert_nothing_changed(store: CarbonReportStore, more: int = 0) -> None:
    """The ledger and the reports are as they were, and every table of sums says what they say."""
    for table, key in (("hypercarbon_ledger", "position"), ("hypercarbon_reports", "operation_id")):
        old = {row[key]: row for row in ROWS_3[table]}
        found = {row[key]: dict(row) for row in rows(store, f"SELECT * FROM {table}")}
        assert len(found) == len(old) + more
        for name, row in old.items():
            assert {column: found[name][column] for column in row} == row
    with store.database.engine.connect() as connection:
        assert found_version(connection) == newest_version()
    assert set(sa.inspect(store.database.engine).get_table_names()) == set(metadata.tables)
    verdict = verify(store.database, expected=HEAD_3)
    assert verdict.broken is None
    operations = len(ROWS_3["hypercarbon_reports"]) + more
    for period in ("month", "day", "hour"):
        (counted,) = rows(store, f"SELECT SUM(operations) AS found FROM hypercarbon_{period}_sums")
        assert counted["found"] == operations


class TestUpgradeFromVersion3:
    def test_by_the_first_writer_or_reader(self, store_3: CarbonReportStore):
        """The sums by day and hour are there at once, the chain goes on where it was."""
        assert store_3.sums(("month",))
        assert_nothing_changed(store_3)
        store_3.save(report("new"), CONTEXT, now=NOW)
        assert_nothing_changed(store_3, 1)

    def test_eight_processes_at_once(self, url_3: str, store_3: CarbonReportStore):
        """One does it, the others wait, all write."""
        assert in_processes(8, ensure, url_3) == [0] * 8
        assert_nothing_changed(store_3, 8)

    def test_a_task_of_the_old_release_cannot_write_past_the_sums(self, url_3: str, store_3: CarbonReportStore):
        """It looked at the version before the upgrade and writes after it: the database refuses."""
        store_3.database.ensure()
        row = ROWS_3["hypercarbon_sums"][0]
        with pytest.raises(sa.exc.DBAPIError, match="hypercarbon_sums"), store_3.database.engine.begin() as old:
            old.execute(old_insert("hypercarbon_sums", row), row)

    @pytest.mark.parametrize("stop", range(1, 26, 3))
    def test_killed_at_any_statement(self, url_3: str, store_3: CarbonReportStore, stop: int):
        """The next process does it again, and nothing is counted twice."""
        migrate_and_die(url_3, stop)
        store_3.database.ensure()
        assert_nothing_changed(store_3)


def test_the_frozen_rows_are_old():
    """Nobody fills them from the present code."""
    assert {row["software_version"] for row in OLD.values()} == {"0.1.0"}
    assert all("energy_tier" not in row["document"] for row in OLD.values())
