from __future__ import annotations

import json
import multiprocessing
import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from airflow_provider_hypercarbon.carbon.energy_models import HYPERSDK_ENERGY_MODEL
from airflow_provider_hypercarbon.carbon.footprint import CarbonReport, make_report
from airflow_provider_hypercarbon.exceptions import ReportStoreError
from airflow_provider_hypercarbon.report_store import CarbonReportStore, RunContext
from airflow_provider_hypercarbon.report_store import database as database_module
from airflow_provider_hypercarbon.report_store.columns import instant_text
from airflow_provider_hypercarbon.report_store.migrations import MIGRATIONS, found_version, migrate, newest_version
from airflow_provider_hypercarbon.report_store.table import ledger, reports
from tests.carbon.grid import HOUR, NOW, series
from tests.report_store.databases import KINDS, SERVERS, fresh_database, run_as_owner

CONTEXT = RunContext(dag_id="backup", run_id="manual__1", task_id="report", vm_path="/DC/vm/web")


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield from fresh_database(request.param, tmp_path)


@pytest.fixture
def store(url: str) -> Iterator[CarbonReportStore]:
    yield from opened(url)


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[CarbonReportStore]:
    yield from opened(f"sqlite:///{tmp_path / 'results.db'}")


def opened(url: str) -> Iterator[CarbonReportStore]:
    engine = sa.create_engine(url)
    yield CarbonReportStore(engine)
    engine.dispose()


def report(operation_id: str = "job-1", start: float = 0, **more: object) -> CarbonReport:
    fields = {
        "operation_id": operation_id,
        "zone": "DE",
        "started_at": NOW + timedelta(hours=start),
        "ended_at": NOW + timedelta(hours=start + 2),
        "series": series([400, 300, 200, 100], zone=str(more.get("zone", "DE"))),
        "data_gb": 500.0,
        "scheduled_at": NOW,
        "start_reason": "cleanest",
        "energy_model": HYPERSDK_ENERGY_MODEL,
        **more,
    }
    return make_report(**fields)  # type: ignore[arg-type]


LEDGER = "SELECT * FROM hypercarbon_ledger ORDER BY position"


def rows(store: CarbonReportStore, sql: str = "SELECT * FROM hypercarbon_reports") -> list[sa.RowMapping]:
    with store.database.engine.connect() as connection:
        return list(connection.execute(sa.text(sql)).mappings())


def tables(store: CarbonReportStore) -> set[str]:
    return set(sa.inspect(store.database.engine).get_table_names())


class TestSave:
    def test_what_is_saved_is_read(self, store: CarbonReportStore):
        """A report comes back as it was, with its task instance and the time of saving."""
        saved = report(start=1)
        store.save(saved, CONTEXT, now=NOW)
        found = store.get("job-1")
        assert found is not None
        assert (found.report, found.context, found.saved_at) == (saved, CONTEXT, NOW)
        assert store.get("job-2") is None

    def test_unknown_figures_come_back_as_unknown(self, store: CarbonReportStore):
        """Null is stored as NULL, never as zero."""
        saved = report(series=None, data_gb=None, scheduled_at=None, synthetic="sandbox")
        store.save(saved, RunContext(dag_id="d", run_id="r", task_id="t"), now=NOW)
        assert store.recent()[0].report == saved
        assert store.recent()[0].context.vm_path is None
        row = rows(store)[0]
        assert row["emissions_kgco2eq"] is None
        assert row["scheduled_at"] is None
        assert row["signal_kind"] is None
        assert row["synthetic"] == "sandbox"

    def test_a_retry_leaves_one_row_with_the_later_values(self, store: CarbonReportStore):
        """The same operation again replaces the whole row."""
        store.save(report(), CONTEXT, now=NOW)
        store.save(report(data_gb=1000.0), CONTEXT.model_copy(update={"try_number": 2}), now=NOW + HOUR)
        store.save(report(data_gb=1000.0), CONTEXT.model_copy(update={"try_number": 2}), now=NOW + HOUR)
        (row,) = rows(store)
        assert (row["data_gb"], row["try_number"]) == (1000, 2)
        assert row["saved_at"] == "2026-03-02T19:00:00.000000+00:00"
        assert row["revision"] == 2
        first, second = rows(store, LEDGER)
        assert (first["why"], second["why"]) == ("first_report", "retry")
        assert json.loads(second["document"])["report"]["data_gb"] == 1000

    def test_ids_are_exact(self, store: CarbonReportStore):
        """Case, accents and trailing spaces tell operations apart, also where the database would not."""
        for name in ("Job", "job", "jöb", "😀"):
            store.save(report(name), CONTEXT, now=NOW)
        assert len(rows(store)) == 4
        found = store.get("job")
        assert found is not None
        assert found.report.operation_id == "job"
        assert store.get("job ") is None
        assert store.get("JOB") is None

    def test_any_writing_system(self, store: CarbonReportStore):
        """Paths of VMs hold whatever people type."""
        context = CONTEXT.model_copy(update={"vm_path": "/Rechenzentrum Süd/vm/会計 😀'; --\\"})
        store.save(report(missing=("Größe «unbekannt» 😀",)), context, now=NOW)
        found = store.get("job-1")
        assert found is not None
        assert found.context.vm_path == context.vm_path
        assert found.report.missing == ("Größe «unbekannt» 😀",)

    def test_columns_can_be_queried(self, store: CarbonReportStore):
        """Figures, factors and ids are columns, not only JSON."""
        store.save(report(start=1), CONTEXT, now=NOW)
        (row,) = rows(store)
        assert row["started_at"] == "2026-03-02T19:00:00.000000+00:00"
        assert row["scheduled_at"] == "2026-03-02T18:00:00.000000+00:00"
        assert row["energy_kwh"] == pytest.approx(0.25)
        assert row["mean_gco2eq_per_kwh"] == pytest.approx(250)
        assert row["emissions_kgco2eq"] == pytest.approx(0.0625)
        assert row["difference_to_scheduled_kgco2eq"] == pytest.approx(-0.025)
        assert (row["signal_kind"], row["signal_factors"]) == ("average", "lifecycle")
        assert (row["zone"], row["source"], row["start_reason"]) == ("DE", "test", "cleanest")
        assert (row["dag_id"], row["run_id"], row["task_id"], row["map_index"]) == (
            "backup",
            "manual__1",
            "report",
            -1,
        )
        assert not row["provisional"]
        (total,) = rows(store, "SELECT SUM(emissions_kgco2eq) AS kg FROM hypercarbon_reports WHERE zone = 'DE'")
        assert total["kg"] == pytest.approx(0.0625)

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
    def test_what_is_no_number_is_never_stored(self, store: CarbonReportStore, value: float):
        """NaN and infinity are refused on every database alike."""
        with pytest.raises(ReportStoreError, match=r"emissions_kgco2eq is -?(nan|inf)"):
            store.save(report().model_copy(update={"emissions_kgco2eq": value}), CONTEXT, now=NOW)
        assert store.recent() == []

    @pytest.mark.parametrize("name", ["", " ", "job ", "\tjob"])
    def test_ids_that_databases_compare_differently_are_refused(self, sqlite_store: CarbonReportStore, name: str):
        """MySQL takes 'job ' for 'job': such an id could replace the report of another operation."""
        with pytest.raises(ReportStoreError, match="spaces at an end"):
            sqlite_store.save(report(name), CONTEXT, now=NOW)

    def test_long_ids(self, store: CarbonReportStore):
        """250 characters of four bytes fit everywhere; more would be cut by a lax MySQL, so it is refused."""
        full = "😀" * 250
        context = RunContext(dag_id=full, run_id=full, task_id=full)
        store.save(report(full), context, now=NOW)
        found = store.get(full)
        assert found is not None
        assert found.context == context
        with pytest.raises(ReportStoreError, match="operation_id has 251 characters; at most 250"):
            store.save(report(full + "x"), CONTEXT, now=NOW)

    def test_a_database_without_an_upsert_of_its_own(self, sqlite_store: CarbonReportStore):
        """Elsewhere the row is deleted and inserted, in one transaction."""
        sqlite_store.database.ensure()
        sqlite_store.database.engine.dialect.name = "another"
        for data_gb in (1.0, 2.0):
            sqlite_store.save(report(data_gb=data_gb), CONTEXT, now=NOW)
        assert [row["data_gb"] for row in rows(sqlite_store)] == [2]


class TestRecent:
    def test_the_latest_start_comes_first(self, store: CarbonReportStore):
        """Sorted by start, limited."""
        for hour in (1, 3, 0, 2):
            store.save(report(f"job-{hour}", hour), CONTEXT, now=NOW)
        assert [stored.report.operation_id for stored in store.recent(3)] == ["job-3", "job-2", "job-1"]

    def test_filters(self, store: CarbonReportStore):
        """By zone, by DAG, by the DAGs a person may see, by time."""
        for number, (zone, dag) in enumerate([("DE", "a"), ("GB", "a"), ("GB", "b")]):
            context = CONTEXT.model_copy(update={"dag_id": dag})
            store.save(report(f"job-{number}", number, zone=zone), context, now=NOW)

        def found(**filters: object) -> str:
            return "".join(sorted(s.report.operation_id[-1] for s in store.recent(**filters)))  # type: ignore[arg-type]

        assert found(zone="GB") == "12"
        assert found(dag_id="a") == "01"
        assert found(zone="GB", dag_id="b") == "2"
        assert found(dag_ids={"a", "b"}) == "012"
        assert found(dag_ids=["b", "c"]) == "2"
        assert found(dag_ids=[]) == ""
        assert found(since=NOW + HOUR) == "12"
        assert found(since=(NOW + HOUR).astimezone(timezone(timedelta(hours=-5)))) == "12"

    def test_a_reader_creates_nothing(self, store: CarbonReportStore):
        """Without a table there are no reports, and looking does not make one."""
        assert store.recent() == []
        assert store.get("job-1") is None
        assert tables(store) == set()

    def test_times_sort_as_text(self):
        """Always 32 characters in UTC, with or without microseconds, from whatever zone."""
        local = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
        texts = [instant_text(local + timedelta(microseconds=n)) for n in (0, 1, 999_999, 1_000_000)]
        assert texts == sorted(texts)
        assert {len(text) for text in texts} == {32}
        assert texts[0] == "2026-03-02T18:00:00.000000+00:00"

    def test_a_later_release_may_add_to_the_document(self, sqlite_store: CarbonReportStore):
        """A field that this release does not know is left out."""
        sqlite_store.save(report(), CONTEXT, now=NOW)
        document = json.loads(rows(sqlite_store, LEDGER)[0]["document"])
        document = {**document, "report": {**document["report"], "of_a_later_release": 1.5}, "more": 1}
        with sqlite_store.database.engine.begin() as connection:
            connection.execute(ledger.update().values(document=json.dumps(document)))
        found = sqlite_store.get("job-1")
        assert found is not None
        assert found.report == report()

    @pytest.mark.parametrize("document", ["{", "[]", "{}", "null", '{"report": {}, "context": {}}'])
    def test_a_damaged_row_is_named(self, sqlite_store: CarbonReportStore, document: str):
        """Somebody edited the table: the error says which row and what to do."""
        sqlite_store.save(report(), CONTEXT, now=NOW)
        with sqlite_store.database.engine.begin() as connection:
            connection.execute(ledger.update().values(document=document))
        with pytest.raises(ReportStoreError, match=r"'job-1' at position 1 of hypercarbon_ledger is damaged"):
            sqlite_store.recent()


def save_some(url: str, number: int, name: str, count: int) -> None:
    """One writer: its own process, its own engine, no table known."""
    engine = sa.create_engine(url)
    store = CarbonReportStore(engine)
    context = CONTEXT.model_copy(update={"map_index": number})
    for i in range(count):
        store.save(report(name.format(number=number, i=i)), context, now=NOW + i * HOUR)
    engine.dispose()


def in_processes(count: int, work: Callable[..., None], *arguments: object, patience: float = 60) -> list[int | None]:
    """Run ``work(url, number, ...)`` in as many processes at once; return their exit codes."""
    fork = multiprocessing.get_context("fork")
    barrier = fork.Barrier(count)

    def run(number: int) -> None:
        barrier.wait(30)
        work(arguments[0], number, *arguments[1:])

    processes = [fork.Process(target=run, args=(number,)) for number in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(patience)
    return [process.exitcode for process in processes]


class TestManyWriters:
    def test_first_use_by_sixteen_at_once(self, store: CarbonReportStore, url: str):
        """The table does not exist and sixteen tasks end at the same moment: nobody fails, nothing is lost."""
        assert in_processes(16, save_some, url, "job-{number}-{i}", 2) == [0] * 16
        assert len(rows(store)) == 32
        assert rows(store, "SELECT component, version FROM hypercarbon_schema") == [
            {"component": "reports", "version": newest_version()}
        ]

    def test_eight_writers_of_one_operation(self, store: CarbonReportStore, url: str):
        """Zombie and retry write the same operation: one whole row remains."""
        store.database.ensure()
        assert in_processes(8, save_some, url, "job", 10) == [0] * 8
        assert len(rows(store)) == 1
        found = store.get("job")
        assert found is not None
        assert found.report == report("job")

    def test_eight_writers_of_many_operations(self, store: CarbonReportStore, url: str):
        """Mapped tasks write side by side."""
        store.database.ensure()
        assert in_processes(8, save_some, url, "job-{number}-{i}", 10) == [0] * 8
        assert len(rows(store)) == 80


def failing(engine: sa.Engine, times: int, error: Exception) -> list[str]:
    """Make the next statements of an engine fail; return the list of those that were tried."""
    tried: list[str] = []

    @sa.event.listens_for(engine, "before_cursor_execute")
    def fail(connection: object, cursor: object, statement: str, *rest: object) -> None:
        tried.append(statement)
        if len(tried) <= times:
            raise error

    return tried


def locked() -> sa.exc.OperationalError:
    return sa.exc.OperationalError("INSERT", {}, sqlite3.OperationalError("database is locked"))


class TestRetry:
    @pytest.fixture(autouse=True)
    def _impatient(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(database_module, "_FIRST_PAUSE_SECONDS", 0)

    def test_a_writer_in_the_way_is_waited_for(self, sqlite_store: CarbonReportStore):
        """A lock or a deadlock passes: the transaction is done again."""
        sqlite_store.database.ensure()
        tried = failing(sqlite_store.database.engine, 2, locked())
        sqlite_store.save(report(), CONTEXT, now=NOW)
        assert tried[0] == tried[1] == tried[2]
        assert len(sqlite_store.trail("job-1")) == 1

    def test_not_for_ever(self, sqlite_store: CarbonReportStore):
        """After six tries the task is told, and may retry later."""
        sqlite_store.database.ensure()
        tried = failing(sqlite_store.database.engine, 99, locked())
        with pytest.raises(ReportStoreError, match="did not do what was asked: database is locked") as raised:
            sqlite_store.save(report(), CONTEXT, now=NOW)
        assert len(tried) == 6
        assert raised.value.retryable

    def test_what_cannot_pass_is_not_tried_again(self, sqlite_store: CarbonReportStore):
        """A refused value stays refused."""
        sqlite_store.database.ensure()
        error = sa.exc.DataError("INSERT", {}, sqlite3.DataError("bad value"))
        tried = failing(sqlite_store.database.engine, 99, error)
        with pytest.raises(ReportStoreError, match="bad value") as raised:
            sqlite_store.save(report(), CONTEXT, now=NOW)
        assert len(tried) == 1
        assert not raised.value.retryable


class TestVersions:
    def test_a_newer_table_is_refused(self, store: CarbonReportStore):
        """Neither written nor read by code that does not know it; the error says to upgrade."""
        store.save(report(), CONTEXT, now=NOW)
        with store.database.engine.begin() as connection:
            connection.execute(sa.text("UPDATE hypercarbon_schema SET version = 99"))
        fresh = CarbonReportStore(store.database.engine)
        for use in (
            fresh.database.ensure,
            fresh.recent,
            lambda: fresh.get("job-1"),
            lambda: fresh.save(report(), CONTEXT, now=NOW),
        ):
            with pytest.raises(ReportStoreError, match=r"version 99, this software knows \d+\. Upgrade") as raised:
                use()
            assert not raised.value.retryable

    def test_a_stopped_creation_is_finished(self, store: CarbonReportStore):
        """The first process was killed after the table and before indexes and version: the next one goes on."""
        with store.database.engine.begin() as connection:
            reports.create(connection)
            for index in reports.indexes:
                index.drop(connection)
        store.save(report(), CONTEXT, now=NOW)
        names = {index["name"] for index in sa.inspect(store.database.engine).get_indexes("hypercarbon_reports")}
        assert {index.name for index in reports.indexes} <= names
        assert len(rows(store)) == 1

    def test_migrations_go_forward_in_order_and_once(self, store: CarbonReportStore):
        """Two more steps, keeping the rows; then nothing."""
        done: list[int] = []

        def add_column(connection: sa.Connection) -> None:
            done.append(2)
            connection.execute(sa.text("ALTER TABLE hypercarbon_reports ADD COLUMN added VARCHAR(10)"))

        steps = (*MIGRATIONS, add_column, lambda connection: done.append(3))
        newest = newest_version(steps)
        store.save(report(), CONTEXT, now=NOW)
        for _ in range(2):
            with store.database.engine.begin() as connection:
                migrate(connection, steps)
            with store.database.engine.begin() as connection:
                assert found_version(connection, newest=newest) == newest
        assert done == [2, 3]
        assert [row["added"] for row in rows(store)] == [None]

    def test_the_statements_for_an_administrator_are_enough(self, store: CarbonReportStore, url: str):
        """Run by hand they make what the code would make."""
        run_as_owner(url, *(s for s in store.database.create_statements().split(";\n") if s.strip()))
        with store.database.engine.connect() as connection:
            assert found_version(connection) == newest_version()
        store.save(report(), CONTEXT, now=NOW)
        assert len(rows(store)) == 1


class TestErrors:
    @pytest.mark.parametrize("kind", [pytest.param(kind, marks=pytest.mark.database) for kind in SERVERS])
    def test_a_login_that_may_not_create(self, kind: str, tmp_path: Path):
        """The error says which rights are needed and shows the statements, without the password."""
        for url in fresh_database(kind, tmp_path):
            at = sa.make_url(url)
            if kind == "postgres":
                run_as_owner(url, "DROP ROLE IF EXISTS reader", "CREATE ROLE reader LOGIN")
            else:
                run_as_owner(
                    url,
                    "CREATE OR REPLACE USER reader@'127.0.0.1' IDENTIFIED BY 'throw-away'",
                    f"GRANT SELECT ON {at.database}.* TO reader@'127.0.0.1'",
                )
            store = CarbonReportStore(sa.create_engine(at.set(username="reader"), poolclass=sa.NullPool))
            with pytest.raises(ReportStoreError, match="Grant the login SELECT, INSERT and UPDATE") as raised:
                store.save(report(), CONTEXT, now=NOW)
            assert not raised.value.retryable
            assert "CREATE TABLE hypercarbon_reports" in raised.value.__notes__[0]
            assert "throw-away" not in str(raised.value)
            assert store.recent() == []

    def test_a_file_that_may_only_be_read(self, tmp_path: Path):
        """SQLite opened read-only: the same words."""
        path = tmp_path / "results.db"
        sqlite3.connect(path).close()
        (store,) = opened(f"sqlite:///file:{path}?mode=ro&uri=true")
        with pytest.raises(ReportStoreError, match="readonly database") as raised:
            store.database.ensure()
        assert not raised.value.retryable

    def test_a_folder_that_does_not_exist(self, tmp_path: Path):
        """A wrong path does not burn retries."""
        (store,) = opened(f"sqlite:///{tmp_path / 'nowhere' / 'results.db'}")
        with pytest.raises(ReportStoreError, match=r"nowhere/results\.db cannot be reached") as raised:
            store.database.ensure()
        assert not raised.value.retryable

    @pytest.mark.database
    @pytest.mark.parametrize("kind", SERVERS)
    def test_a_server_that_is_down(self, kind: str, tmp_path: Path):
        """Nobody listens: later may work; host and database are named, the password is not."""
        for url in fresh_database(kind, tmp_path):
            down = sa.make_url(url).set(port=1, password="top-secret")
            (store,) = opened(down.render_as_string(hide_password=False))
            with pytest.raises(ReportStoreError, match=r"127\.0\.0\.1:1/hypercarbon_\w+ cannot be reached") as raised:
                store.recent()
            assert raised.value.retryable
            assert "top-secret" not in str(raised.value)

    @pytest.mark.database
    def test_a_wrong_password(self, tmp_path: Path):
        """MariaDB says so with a code: no retry mends it."""
        for url in fresh_database("mysql", tmp_path):
            (store,) = opened(sa.make_url(url).set(password="wrong").render_as_string(hide_password=False))
            with pytest.raises(ReportStoreError, match="login and database") as raised:
                store.database.ensure()
            assert not raised.value.retryable
