"""The ledger: what is appended when, and that nobody can change it unseen."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from airflow_provider_hypercarbon.cli import main
from airflow_provider_hypercarbon.exceptions import ReportStoreError
from airflow_provider_hypercarbon.report_store import CarbonReportStore, Head, ReportFilters, verify
from airflow_provider_hypercarbon.report_store.ledger import canonical, lock_head
from tests.carbon.grid import HOUR, NOW
from tests.report_store.databases import KINDS, fresh_database, run_as_owner
from tests.report_store.test_store import CONTEXT, LEDGER, in_processes, report, rows

#: Rows that sixteen processes write together; 20,000 in the full run.
WRITES = int(os.environ.get("HYPERCARBON_LEDGER_WRITES", "160"))
WRITERS = 16


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield from fresh_database(request.param, tmp_path)


@pytest.fixture
def store(url: str) -> Iterator[CarbonReportStore]:
    engine = sa.create_engine(url)
    yield CarbonReportStore(engine)
    engine.dispose()


@pytest.fixture
def full(store: CarbonReportStore) -> CarbonReportStore:
    """Three operations, five revisions."""
    for number, data_gb in enumerate((500.0, 600.0, 700.0)):
        store.save(report("job-1", data_gb=data_gb), CONTEXT.model_copy(update={"try_number": number + 1}), now=NOW)
    store.save(report("job-2"), CONTEXT, now=NOW)
    store.save(report("job-3", start=24 * 40), CONTEXT, now=NOW)
    return store


class TestTrail:
    def test_each_revision_says_why(self, store: CarbonReportStore):
        """First report, a retry with other numbers, a report anew by another task, a reconciliation."""
        first = store.save(report(), CONTEXT, now=NOW)
        retry = store.save(report(data_gb=1.0), CONTEXT.model_copy(update={"try_number": 2}), now=NOW + HOUR)
        anew = store.save(report(data_gb=2.0), CONTEXT.model_copy(update={"run_id": "manual__2"}), now=NOW)
        current = store.get("job-1")
        assert current is not None
        final = store.reconcile(current, report(data_gb=3.0), now=NOW + 2 * HOUR)
        assert final is not None
        assert [saved.why for saved in (first, retry, anew, final)] == [
            "first_report",
            "retry",
            "re_report",
            "reconciliation",
        ]
        trail = store.trail("job-1")
        assert [stored.report.data_gb for stored in trail] == [500, 1, 2, 3]
        assert [stored.revision for stored in trail] == [1, 2, 3, 4]
        assert [stored.hash for stored in trail] == [saved.hash for saved in (first, retry, anew, final)]
        assert store.get("job-1") == trail[-1]
        assert len(rows(store)) == 1
        assert verify(store.database).broken is None

    def test_saying_the_same_adds_nothing(self, store: CarbonReportStore):
        """A retry after the worker died: the report is there already, and its place comes back."""
        first = store.save(report(), CONTEXT, now=NOW)
        again = store.save(report(), CONTEXT.model_copy(update={"try_number": 2}), now=NOW + HOUR)
        assert (first.is_new, again.is_new) == (True, False)
        assert again.position == first.position
        assert len(rows(store, LEDGER)) == 1

    def test_an_operation_nobody_reported(self, full: CarbonReportStore):
        """No trail."""
        assert full.trail("job-9") == []
        assert full.trail("JOB-1") == []

    def test_a_reconciliation_of_an_older_revision_is_dropped(self, store: CarbonReportStore):
        """Somebody reported anew meanwhile."""
        store.save(report(), CONTEXT, now=NOW)
        old = store.get("job-1")
        assert old is not None
        store.save(report(data_gb=2.0), CONTEXT, now=NOW)
        assert store.reconcile(old, report(data_gb=3.0), now=NOW) is None
        assert [stored.report.data_gb for stored in store.trail("job-1")] == [500, 2]

    def test_anybody_can_compute_the_hashes(self, full: CarbonReportStore):
        """SHA-256 of the hash before, a line feed and the document, as it stands; documented for auditors."""
        last = "0" * 64
        for row in rows(full, LEDGER):
            assert row["prev_hash"] == last
            last = hashlib.sha256(f"{last}\n{row['document']}".encode()).hexdigest()
            assert row["hash"] == last
            assert row["document"] == canonical(json.loads(row["document"]))
        assert full.head() == Head(5, last)

    def test_revisions_leave_the_sums_exact(self, full: CarbonReportStore):
        """What was replaced is in no sum, also when a revision moves to another month and zone."""
        full.save(report("job-3", start=24 * 80, zone="GB"), CONTEXT, now=NOW)
        found = {(p.group["month"], p.group["zone"]): p.operations for p in full.sums(("month", "zone"))}
        assert found == {("2026-03", "DE"): 2, ("2026-05", "GB"): 1}
        (whole,) = [part for part in full.sums() if part.signal_kind]
        (counted,) = [part for part in full.sums((), ReportFilters(since=NOW - HOUR)) if part.signal_kind]
        assert whole.totals == counted.totals


TAMPERING = {
    "a figure in a document": (
        "UPDATE hypercarbon_ledger SET document = REPLACE(document, '\"data_gb\":600.0', '\"data_gb\":60.0') "
        "WHERE position = 2",
        "Position 2 .* was changed: its hash is not that of its document",
    ),
    "a document and its hash": (None, "Position 3 does not follow the one before"),
    "a revision removed": (
        "DELETE FROM hypercarbon_ledger WHERE position = 4",
        "Position 4 is missing",
    ),
    "the last one removed": (
        "DELETE FROM hypercarbon_ledger WHERE position = 5",
        "ends at position 4; it once reached 5",
    ),
    "the reason": ("UPDATE hypercarbon_ledger SET why = 'first_report' WHERE position = 2", "why is 'first_report'"),
    "two swapped": (
        "UPDATE hypercarbon_ledger SET position = CASE position WHEN 4 THEN 100 ELSE 4 END WHERE position IN (4, 5)",
        "Position 4 does not follow",
    ),
    "a current figure": (
        "UPDATE hypercarbon_reports SET energy_kwh = 0.01 WHERE operation_id = 'job-2'",
        "current report of operation 'job-2' .* energy_kwh is 0.01, the ledger says 0.25",
    ),
    "a current report removed": (
        "DELETE FROM hypercarbon_reports WHERE operation_id = 'job-2'",
        "is the last of its operation, but not the current report",
    ),
    "an earlier revision made the current one": (
        "UPDATE hypercarbon_reports SET ledger_position = 1, revision = 1 WHERE operation_id = 'job-1'",
        "Position 3 .* is the last of its operation, but not the current report",
    ),
    "a report past the ledger": (
        "UPDATE hypercarbon_reports SET operation_id = 'mine' WHERE operation_id = 'job-2'",
        "job-2.* not the current report",
    ),
    **{
        f"the sums by {period}": (
            f"UPDATE hypercarbon_{period}_sums SET energy_kwh = energy_kwh - 1",
            f"hypercarbon_{period}_sums disagrees",
        )
        for period in ("month", "day", "hour")
    },
}


class TestVerify:
    def test_whole(self, full: CarbonReportStore):
        """It says how much it read, and the head to note down."""
        verdict = verify(full.database)
        assert (verdict.broken, verdict.revisions, verdict.operations) == (None, 5, 3)
        assert verdict.head == full.head()
        assert verify(full.database, expected=verdict.head).broken is None

    def test_nothing_there(self, store: CarbonReportStore):
        """An empty ledger is whole, and so is none."""
        assert verify(store.database).broken is None
        store.database.ensure()
        assert verify(store.database).broken is None

    @pytest.mark.parametrize("what", TAMPERING)
    def test_tampering_is_found(self, full: CarbonReportStore, what: str):
        """Whoever may write to the database changed it past us: the first place is named."""
        statement, words = TAMPERING[what]
        with full.database.engine.begin() as connection:
            if statement:
                connection.exec_driver_sql(statement)
                if "CASE" in statement:
                    connection.exec_driver_sql("UPDATE hypercarbon_ledger SET position = 5 WHERE position = 100")
            else:
                second = rows(full, LEDGER)[1]
                document = second["document"].replace('"data_gb":600.0', '"data_gb":60.0')
                hashed = hashlib.sha256(f"{second['prev_hash']}\n{document}".encode()).hexdigest()
                change = sa.text(
                    "UPDATE hypercarbon_ledger SET document = :document, hash = :hash WHERE position = 2"
                )
                connection.execute(change, {"document": document, "hash": hashed})
        broken = verify(full.database).broken
        assert broken is not None
        assert re.search(words, broken), broken

    def test_a_head_noted_down_shows_that_the_end_was_cut_off(self, full: CarbonReportStore):
        """The newest revision was removed and everything else made to fit: only the noted head tells."""
        noted = full.head()
        fourth = rows(full, LEDGER)[3]
        with full.database.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM hypercarbon_ledger WHERE position = 5")
            connection.exec_driver_sql("DELETE FROM hypercarbon_reports WHERE operation_id = 'job-3'")
            for period in ("month", "day", "hour"):
                connection.exec_driver_sql(f"DELETE FROM hypercarbon_{period}_sums WHERE {period} >= '2026-04'")
            connection.exec_driver_sql(f"UPDATE hypercarbon_ledger_head SET position = 4, hash = '{fourth['hash']}'")
        assert verify(full.database).broken is None
        assert "it once reached 5" in (verify(full.database, expected=noted).broken or "")

    def test_a_head_noted_down_shows_that_all_was_written_anew(self, full: CarbonReportStore):
        """A perfect forgery has other hashes."""
        forged = Head(3, "f" * 64)
        assert "Position 3 has the hash" in (verify(full.database, expected=forged).broken or "")

    def test_the_command(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
        """0 and the head for a whole ledger, 1 and the place for a broken one, 2 for wrong use."""
        path = tmp_path / "results.db"
        store = CarbonReportStore(sa.create_engine(f"sqlite:///{path}"))
        for data_gb in (1.0, 2.0):
            store.save(report(data_gb=data_gb), CONTEXT, now=NOW)
        assert main(["verify", str(path)]) == 0
        assert f"Whole: 2 revisions of 1 operations.\nHead: {store.head()}" in capsys.readouterr().out
        assert main(["verify", f"sqlite:///{path}", "--expect", str(store.head()), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["broken"] is None
        run_as_owner(f"sqlite:///{path}", "DELETE FROM hypercarbon_ledger WHERE position = 1")
        assert main(["verify", str(path)]) == 1
        assert "Broken: Position 1 is missing" in capsys.readouterr().out
        for wrong in (
            ["verify", str(tmp_path / "no.db")],
            ["verify", str(path), "--expect", "12"],
            ["verify", "x://"],
        ):
            assert main(wrong) == 2

    def test_the_database_from_the_environment(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
        """Passwords do not belong on a command line; without a name nothing is guessed."""
        monkeypatch.delenv("HYPERCARBON_RESULTS_URL", raising=False)
        assert main(["migrate"]) == 2
        path = tmp_path / "results.db"
        path.touch()
        monkeypatch.setenv("HYPERCARBON_RESULTS_URL", f"sqlite:///{path}")
        assert main(["migrate"]) == 0
        assert "have version" in capsys.readouterr().out


def save_many(url: str, number: int, count: int) -> None:
    engine = sa.create_engine(url)
    store = CarbonReportStore(engine)
    for i in range(count):
        # Every fifth is an operation that all writers report, each with other numbers.
        name = f"shared-{i}" if i % 5 == 4 else f"job-{number}-{i}"
        store.save(report(name, data_gb=float(number + 1)), CONTEXT.model_copy(update={"map_index": number}), now=NOW)
    engine.dispose()


class TestManyWriters:
    def test_sixteen_processes_lose_nothing(self, url: str, store: CarbonReportStore):
        """Every revision of every writer is in the chain, one current row an operation, exact sums."""
        each = -(-WRITES // WRITERS)
        assert in_processes(WRITERS, save_many, url, each, patience=3600) == [0] * WRITERS
        shared = each // 5
        verdict = verify(store.database)
        assert verdict.broken is None
        assert verdict.revisions == WRITERS * each
        assert verdict.operations == len(rows(store)) == WRITERS * (each - shared) + shared
        assert sum(part.operations for part in store.sums(("month",))) == verdict.operations
        counted = Counter(row["operation_id"] for row in rows(store, "SELECT operation_id FROM hypercarbon_ledger"))
        assert all(count == (WRITERS if name.startswith("shared") else 1) for name, count in counted.items())

    def test_a_writer_killed_at_any_instant(self, url: str, store: CarbonReportStore):
        """SIGKILL in the middle of anything: the others go on at once, and the chain is whole."""
        store.database.ensure()
        for turn in range(8):
            victims = []
            for number in range(3):
                pid = os.fork()
                if not pid:
                    try:
                        save_many(url, 100 * turn + number, 10_000)
                    finally:
                        os._exit(0)
                victims.append(pid)
            time.sleep(0.3 + 0.037 * turn)
            for pid in victims:
                os.kill(pid, signal.SIGKILL)
            for pid in victims:
                os.waitpid(pid, 0)
            began = time.monotonic()
            store.save(report(f"survivor-{turn}"), CONTEXT, now=NOW)
            assert time.monotonic() - began < 25
        verdict = verify(store.database)
        assert verdict.broken is None
        assert len(rows(store)) == verdict.operations

    @pytest.mark.parametrize("stop", range(1, 8))
    def test_killed_at_every_statement(self, url: str, store: CarbonReportStore, stop: int):
        """Before the lock, between ledger, current row, sums and head: all of it or nothing."""
        store.save(report(), CONTEXT, now=NOW)
        child = os.fork()
        if not child:
            engine = sa.create_engine(url)
            other = CarbonReportStore(engine)
            other.database.ensure()
            done = 0

            @sa.event.listens_for(engine, "after_cursor_execute")
            def count(*_: object) -> None:
                nonlocal done
                done += 1
                if done == stop:
                    os.kill(os.getpid(), signal.SIGKILL)

            other.save(report(data_gb=2.0), CONTEXT, now=NOW)
            os._exit(0)
        os.waitpid(child, 0)
        assert verify(store.database).broken is None
        store.save(report(data_gb=2.0), CONTEXT, now=NOW)
        assert [stored.report.data_gb for stored in store.trail("job-1")] == [500, 2]
        assert verify(store.database).broken is None

    def test_a_machine_that_vanishes_does_not_hold_the_others_up(self, url: str, store: CarbonReportStore):
        """It holds the lock and never comes back: the server ends its session by itself."""
        store.database.ensure()
        with store.database.engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                pytest.skip("a file's locks end with the process")
            lock_head(connection)
            name = "idle_in_transaction_session_timeout" if "postgres" in url else "idle_transaction_timeout"
            found = connection.exec_driver_sql(
                f"SHOW {name}" if "postgres" in url else f"SELECT @@SESSION.{name}"
            ).scalar()
            assert found in ("30s", 30)
            if "postgres" in url:
                assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == "1min"


def test_a_ledger_without_its_head_is_refused(tmp_path: Path):
    """Somebody deleted the row: nothing is guessed."""
    store = CarbonReportStore(sa.create_engine(f"sqlite:///{tmp_path / 'results.db'}"))
    store.save(report(), CONTEXT, now=NOW)
    run_as_owner(f"sqlite:///{tmp_path / 'results.db'}", "DELETE FROM hypercarbon_ledger_head")
    with pytest.raises(ReportStoreError, match="has lost its row"):
        store.save(report("job-2"), CONTEXT, now=NOW)
