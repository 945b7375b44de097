from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest
import sqlalchemy as sa

from airflow_provider_hypercarbon.exceptions import ReportStoreError
from airflow_provider_hypercarbon.report_store import DatabaseAnswers, ResultsDatabase
from airflow_provider_hypercarbon.report_store.migrations import migrate
from airflow_provider_hypercarbon.report_store.schema import schema
from airflow_provider_hypercarbon.report_store.wait_tables import answers, turns
from tests.report_store.databases import KINDS, fresh_database

T = TypeVar("T")

#: As many writers as the cold start of the benchmark has.
MANY = 16


class Clock:
    """Seconds since 1970 that pass when the test says so."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield from fresh_database(request.param, tmp_path)


@pytest.fixture
def store(url: str, clock: Clock) -> Iterator[DatabaseAnswers]:
    engine = sa.create_engine(url)
    yield DatabaseAnswers(ResultsDatabase(engine), clock=clock)
    engine.dispose()


def at_once(count: int, work: object) -> list[object]:
    """Call ``work`` with 0, 1, ... in as many threads, all starting together."""
    gate = threading.Barrier(count)

    def go(number: int) -> object:
        gate.wait()
        return work(number)  # type: ignore[operator]

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(go, range(count)))


class TestDocuments:
    def test_the_last_one_written_is_read(self, store: DatabaseAnswers):
        """One row a question; the documents of the scope come with those of the zone."""
        store.write("scope", "DE", "measured", "first")
        store.write("scope", "DE", "measured", "second")
        store.write("scope", "", "circuit", "closed")
        store.write("scope", "FR", "measured", "of France")
        store.write("other", "DE", "measured", "of another credential")
        assert store.read("scope", "DE") == {"measured": "second", "circuit": "closed"}

    def test_reading_creates_nothing(self, store: DatabaseAnswers):
        """A reader may look before anybody wrote."""
        assert store.read("scope", "DE") == {}
        assert sa.inspect(store.database.engine).get_table_names() == []

    def test_a_long_answer_fits(self, store: DatabaseAnswers):
        """Ten days of five-minute slots are about 60 kB; MySQL's TEXT ends at 64."""
        store.write("scope", "DE", "measured", "x" * 200_000)
        assert len(store.read("scope", "DE")["measured"]) == 200_000

    def test_what_nobody_asks_for_is_forgotten(self, store: DatabaseAnswers, clock: Clock):
        """After a month, by the way of a write; a process looks for it once an hour."""
        store.write("scope", "DE", "measured", "old")
        clock.seconds += 29 * 86400
        store.write("scope", "FR", "measured", "new")
        assert store.read("scope", "DE") == {"measured": "old"}
        clock.seconds += 2 * 86400
        store.write("scope", "SE", "measured", "newest")
        assert store.read("scope", "DE") == {}
        assert store.read("scope", "FR") == {"measured": "new"}
        clock.seconds -= 40 * 86400
        store.write("scope", "DE", "measured", "older still")
        clock.seconds += 40 * 86400 + 60
        store.write("scope", "SE", "measured", "newest")
        assert store.read("scope", "DE") == {"measured": "older still"}
        clock.seconds += 3600
        store.write("scope", "SE", "measured", "newest")
        assert store.read("scope", "DE") == {}

    def test_a_login_that_may_not_delete_keeps_them(self, url: str, clock: Clock):
        """And writes all the same."""

        class NeverDeletes(ResultsDatabase):
            def change(self, work: Callable[[sa.Connection], T]) -> T:
                def refuse(_: sa.Connection, clause: object, *__: object) -> None:
                    if isinstance(clause, sa.Delete):
                        raise ReportStoreError("DELETE command denied")

                sa.event.listen(self.engine, "before_execute", refuse)
                try:
                    return super().change(work)
                finally:
                    sa.event.remove(self.engine, "before_execute", refuse)

        engine = sa.create_engine(url)
        store = DatabaseAnswers(NeverDeletes(engine), clock=clock)
        store.write("scope", "DE", "measured", "old")
        clock.seconds += 31 * 86400
        store.write("scope", "FR", "measured", "new")
        assert store.read("scope", "DE") == {"measured": "old"}
        assert store.read("scope", "FR") == {"measured": "new"}
        engine.dispose()


class TestTurns:
    def test_one_at_a_time(self, store: DatabaseAnswers):
        """Another zone is another turn; the same holder may prolong its own."""
        assert store.take_turn("scope", "DE", "me", 10)
        assert store.take_turn("scope", "DE", "me", 10)
        assert not store.take_turn("scope", "DE", "you", 10)
        assert store.take_turn("scope", "FR", "you", 10)
        store.end_turn("scope", "DE", "you")
        assert not store.take_turn("scope", "DE", "you", 10)
        store.end_turn("scope", "DE", "me")
        assert store.take_turn("scope", "DE", "you", 10)

    def test_a_killed_holder_is_survived(self, store: DatabaseAnswers, clock: Clock):
        """Its turn ends by itself."""
        assert store.take_turn("scope", "DE", "killed", 10)
        clock.seconds += 10.1
        assert store.take_turn("scope", "DE", "you", 10)

    def test_of_many_at_once_one_gets_it(self, store: DatabaseAnswers):
        """Also when the tables do not exist yet."""
        got = at_once(MANY, lambda number: store.take_turn("scope", "DE", f"holder {number}", 10))
        assert got.count(True) == 1


class TestSpending:
    def test_a_period_has_its_limit(self, store: DatabaseAnswers):
        """The next period begins anew."""
        assert [store.spend("scope", "DE", 7, 2) for _ in range(3)] == [True, True, False]
        assert [store.spend("scope", "DE", 8, 2) for _ in range(3)] == [True, True, False]
        assert store.spend("scope", "DE", 8, 3)
        assert store.spend("scope", "FR", 8, 2)
        assert store.spend("other", "DE", 8, 2)

    def test_many_at_once_do_not_overspend(self, store: DatabaseAnswers):
        """The count is the database's."""
        got = at_once(MANY, lambda _: store.spend("scope", "DE", 7, 5))
        assert got.count(True) == 5

    def test_who_comes_late_counts_in_the_present(self, store: DatabaseAnswers):
        """At the turn of the hour two periods never begin each other anew; a clock that is far off stops nobody."""
        got = [store.spend("scope", "DE", period, 2) for period in (7, 8, 7, 8, 7)]
        assert got == [True, True, True, False, False]
        assert store.spend("scope", "DE", 5_000_000, 2)
        assert store.spend("scope", "DE", 8, 2)

    def test_turns_and_spending_do_not_disturb_each_other(self, store: DatabaseAnswers):
        """The row of the scope is not that of a zone."""
        assert store.spend("scope", "", 7, 1)
        assert store.take_turn("scope", "DE", "me", 10)
        assert store.spend("scope", "DE", 7, 1)
        assert not store.take_turn("scope", "DE", "you", 10)
        assert not store.spend("scope", "", 7, 1)
        assert not store.spend("scope", "DE", 7, 1)


class TestUpgrade:
    def test_a_database_of_the_first_version_gets_the_tables(self, store: DatabaseAnswers):
        """Whoever has reports keeps them, and answers find their place."""
        engine = store.database.engine
        with engine.begin() as connection:
            migrate(connection)
            answers.drop(connection)
            turns.drop(connection)
            connection.execute(schema.update().values(version=1))
        store.write("scope", "DE", "measured", "there")
        assert store.read("scope", "DE") == {"measured": "there"}
        assert store.take_turn("scope", "DE", "me", 1)
