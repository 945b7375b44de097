from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from airflow_provider_hypercarbon.carbon.intensity import Signal
from airflow_provider_hypercarbon.report_store import ReadingsStore, ResultsDatabase
from tests.carbon.grid import HOUR, NOW, series, series_of, solar_day
from tests.report_store.databases import KINDS, fresh_database

DAY = timedelta(days=1)


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ReadingsStore]:
    for url in fresh_database(request.param, tmp_path):
        engine = sa.create_engine(url)
        yield ReadingsStore(ResultsDatabase(engine))
        engine.dispose()


class TestReadingsStore:
    def test_measured_values_and_forecasts_come_back_as_received(self, store: ReadingsStore):
        """Gaps stay gaps; each forecast keeps the time of its issue."""
        measured = series_of(solar_day, NOW - DAY, NOW)
        gap = measured.model_copy(update={"slots": (*measured.slots[:5], *measured.slots[6:])})
        store.save_measured(gap)
        store.save_forecast(series([300, 200], NOW, issued_at=NOW))
        store.save_forecast(series([310, 210], NOW - HOUR, issued_at=NOW - HOUR))
        log = store.load("DE", "test", Signal(), now=NOW)
        assert log is not None
        assert list(log.measured.slots())[:5] == [slot._replace(estimated=None) for slot in gap.slots[:5]]
        assert log.measured.values[5] is None
        assert [(issue.issued_at, issue.values) for issue in log.issues] == [
            (NOW - HOUR, (310, 210)),
            (NOW, (300, 200)),
        ]

    def test_a_revised_value_replaces_the_earlier_one(self, store: ReadingsStore):
        """What the provider says last is what was measured."""
        store.save_measured(series([300], NOW - HOUR))
        store.save_measured(series([280], NOW - HOUR))
        log = store.load("DE", "test", Signal(), now=NOW)
        assert log is not None
        assert log.measured.values == (280,)

    def test_a_whole_answer_is_kept_at_once(self, store: ReadingsStore):
        """Ten days of quarters of an hour; a forecast without a time of issue was issued when it came."""
        quarter = timedelta(minutes=15)
        store.save(series_of(solar_day, NOW - 10 * DAY, NOW, quarter), is_forecast=False, received_at=NOW)
        store.save(series([300, 200]), is_forecast=True, received_at=NOW)
        log = store.load("DE", "test", Signal(), now=NOW)
        assert log is not None
        assert len(log.measured.values) == 10 * 96
        assert [issue.issued_at for issue in log.issues] == [NOW]

    def test_one_issue_in_three_hours_is_enough(self, store: ReadingsStore):
        """An hourly forecast teaches no more than one a day, and takes 24 times the room."""
        for hour in range(7):
            at = NOW + hour * HOUR
            store.save(series([300, 200], at, issued_at=at), is_forecast=True, received_at=at)
        log = store.load("DE", "test", Signal(), now=NOW + DAY)
        assert log is None
        store.save(series([300]), is_forecast=False, received_at=NOW)
        log = store.load("DE", "test", Signal(), now=NOW + DAY)
        assert log is not None
        assert [(issue.issued_at - NOW) / HOUR for issue in log.issues] == [0, 3, 6]

    def test_what_was_measured_of_an_interval(self, store: ReadingsStore):
        """For a report on a run that the source no longer tells of."""
        store.save_measured(series([100, 200, 300, 400], NOW))
        store.save_measured(series([50, 60], NOW, signal=Signal(factors="direct")))
        found = store.measured("DE", "test", NOW + 1.5 * HOUR, NOW + 3 * HOUR)
        assert [(s.signal.factors, [slot.gco2eq_per_kwh for slot in s.slots]) for s in found] == [
            ("direct", [60]),
            ("lifecycle", [200, 300]),
        ]
        assert store.measured("DE", "test", NOW - DAY, NOW) == []
        assert store.measured("FR", "test", NOW, NOW + HOUR) == []

    def test_series_are_kept_apart(self, store: ReadingsStore):
        """Another zone, source or signal is another log."""
        store.save_measured(series([300], NOW - HOUR))
        store.save_measured(series([50], NOW - HOUR, zone="SE"))
        assert store.load("FR", "test", Signal(), now=NOW) is None
        assert store.load("DE", "other", Signal(), now=NOW) is None
        assert store.load("DE", "test", Signal(kind="marginal"), now=NOW) is None
        swedish = store.load("SE", "test", Signal(), now=NOW)
        assert swedish is not None
        assert swedish.measured.values == (50,)

    def test_nothing_later_than_now_and_nothing_too_old(self, store: ReadingsStore):
        """A replay of the past sees what was known then."""
        store.save_measured(series([1, 2], NOW - 80 * DAY))
        store.save_measured(series([300, 200], NOW - HOUR))
        store.save_forecast(series([300], NOW, issued_at=NOW + HOUR))
        log = store.load("DE", "test", Signal(), now=NOW - HOUR / 2)
        assert log is not None
        assert log.measured.values == (300,)
        assert log.issues == ()

    def test_invented_values_are_not_learned_from(self, store: ReadingsStore):
        """The mock's grid teaches nothing about a real one."""
        store.save_measured(series([300], NOW - HOUR, synthetic="mock"))
        store.save_forecast(series([300], NOW, issued_at=NOW, synthetic="mock"))
        assert store.load("DE", "test", Signal(), now=NOW) is None

    def test_no_table_has_no_log(self, store: ReadingsStore):
        """Reading creates nothing."""
        assert store.load("DE", "test", Signal(), now=NOW) is None
        assert sa.inspect(store.database.engine).get_table_names() == []
