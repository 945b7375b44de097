from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from airflow_provider_hypercarbon.exceptions import ConfigurationError
from airflow_provider_hypercarbon.report_store import SUMMED, CarbonReportStore, Order, ReportFilters, Total
from airflow_provider_hypercarbon.report_store.group_sums import billionths
from airflow_provider_hypercarbon.report_store.places import Sorted
from airflow_provider_hypercarbon.report_store.recount import in_billionths
from tests.carbon.grid import HOUR, NOW, series
from tests.report_store.databases import KINDS, fresh_database
from tests.report_store.test_store import CONTEXT, report

COUNT = 60


@pytest.fixture(scope="module", params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CarbonReportStore]:
    """Sixty reports: three DAGs, four VMs, two zones, three months; some share their start, one has no figures."""
    for url in fresh_database(request.param, tmp_path_factory.mktemp("results")):
        engine = sa.create_engine(url)
        store = CarbonReportStore(engine)
        draw = random.Random(7)
        for number in range(COUNT):
            start = NOW + timedelta(days=number // 2 * 3)
            made = report(
                f"job-{number:02}",
                zone=("DE", "GB")[number % 2],
                started_at=start,
                ended_at=start + HOUR * draw.uniform(0, 5),
                scheduled_at=None,
                series=series([draw.uniform(20, 900)] * 6, start, zone=("DE", "GB")[number % 2]),
                data_gb=None if number == 5 else draw.uniform(0.001, 9000),
                synthetic="mock" if number == 7 else None,
            )
            context = CONTEXT.model_copy(update={"dag_id": f"dag-{number % 3}", "vm_path": f"/vm/{number % 4}"})
            store.save(made, context, now=NOW)
        yield store
        engine.dispose()


def names(store: CarbonReportStore, filters: ReportFilters, limit: int, **more: Order) -> list[str]:
    """Walk through all pages."""
    found: list[str] = []
    after: str | None = None
    while True:
        page = store.page(filters, after=after, limit=limit, **more)
        assert len(page.reports) <= limit
        found += [stored.report.operation_id for stored in page.reports]
        if (after := page.next) is None:
            return found


class TestPages:
    @pytest.mark.parametrize("limit", [1, 7, COUNT - 1, COUNT, 500])
    def test_every_report_once_in_order(self, store: CarbonReportStore, limit: int):
        """Newest first, whatever the size of a page, also where two runs started together."""
        assert names(store, ReportFilters(), limit) == [f"job-{n:02}" for n in reversed(range(COUNT))]
        assert names(store, ReportFilters(), limit, order=Order(descending=False)) == [
            f"job-{n:02}" for n in range(COUNT)
        ]

    @pytest.mark.parametrize("descending", [True, False])
    @pytest.mark.parametrize("by", ["energy_kwh", "emissions_kgco2eq", "difference_to_scheduled_kgco2eq"])
    def test_every_report_once_by_a_figure(self, store: CarbonReportStore, by: Sorted, descending: bool):
        """Largest or smallest first, equal ones by their ids, those without the figure last."""
        known, unknown = [], []
        for stored in store.stream():
            value = getattr(stored.report, by)
            (unknown if value is None else known).append((value or 0, stored.report.operation_id))
        wanted = [name for part in (known, unknown) for _, name in sorted(part, reverse=descending)]
        for limit in (1, 7, 500):
            assert names(store, ReportFilters(), limit, order=Order(by, descending)) == wanted

    def test_a_place_of_another_order(self, store: CarbonReportStore):
        """Means nothing in this one, and is refused."""
        by_start, by_energy = store.page(limit=1).next, store.page(limit=1, order=Order("energy_kwh")).next
        for after, order in ((by_start, Order("energy_kwh")), (by_energy, Order())):
            with pytest.raises(ConfigurationError, match="no place to go on from"):
                store.page(after=after, order=order)

    @pytest.mark.parametrize(
        ("filters", "wanted"),
        [
            ({"dag_id": "dag-1"}, lambda n: n % 3 == 1),
            ({"dag_ids": ["dag-0", "dag-2"]}, lambda n: n % 3 != 1),
            ({"dag_ids": []}, lambda n: False),
            ({"vm_path": "/vm/3", "zone": "GB"}, lambda n: n % 4 == 3),
            ({"zone": "FR"}, lambda n: False),
            ({"since": NOW + timedelta(days=30), "until": NOW + timedelta(days=33)}, lambda n: n in (20, 21)),
            ({"synthetic": True}, lambda n: n == 7),
            ({"synthetic": False}, lambda n: n != 7),
            ({"operation_id": "job-09"}, lambda n: n == 9),
            ({"run_id": "elsewhere"}, lambda n: False),
        ],
    )
    def test_filters(self, store: CarbonReportStore, filters: dict[str, object], wanted):
        """Each alone and together, in pages and in a stream."""
        expected = [f"job-{n:02}" for n in range(COUNT) if wanted(n)]
        chosen = ReportFilters.model_validate(filters)
        assert sorted(names(store, chosen, 5)) == expected
        assert [stored.report.operation_id for stored in store.stream(chosen)] == expected

    @pytest.mark.parametrize("word", ["", "x", "%%%", "WzFd", "WzEsMl0", "é"])
    def test_a_word_that_is_no_place(self, store: CarbonReportStore, word: str):
        """Somebody changed the URL: wrong use, said as such."""
        with pytest.raises(ConfigurationError, match="no place to go on from"):
            store.page(after=word)


class TestSums:
    @pytest.mark.parametrize("group_by", [(), ("month",), ("zone", "dag_id"), ("vm_path",), ("month", "source")])
    def test_parts_sum_to_the_whole(self, store: CarbonReportStore, group_by):
        """To the last digit, by whatever the reports are told apart: nothing is lost in rounding."""
        whole: Counter[str] = Counter()
        for stored in store.stream(ReportFilters(synthetic=False)):
            for name in SUMMED:
                if (value := getattr(stored.report, name)) is not None:
                    whole[name] += billionths(value)
        parts = store.sums(group_by)
        assert sum(part.operations for part in parts) == COUNT - 1
        for name in SUMMED:
            total = sum((part.totals[name] for part in parts), Total())
            assert total.billionths == whole[name]
        assert {tuple(part.group) for part in parts} == {group_by}

    def test_halves_of_a_time_sum_to_the_whole(self, store: CarbonReportStore):
        """Cut anywhere."""
        (whole,) = store.sums()
        for days in (1, 44.5, 80):
            cut = NOW + timedelta(days=days)
            (first,), (second,) = store.sums((), ReportFilters(until=cut)), store.sums((), ReportFilters(since=cut))
            for name in SUMMED:
                assert first.totals[name] + second.totals[name] == whole.totals[name]

    def test_months_are_those_of_the_start_in_utc(self, store: CarbonReportStore):
        """A run belongs to one month, the one it started in."""
        wanted = Counter((NOW + timedelta(days=n // 2 * 3)).strftime("%Y-%m") for n in range(COUNT) if n != 7)
        assert {part.group["month"]: part.operations for part in store.sums(("month",))} == wanted

    def test_unknown_is_not_zero(self, store: CarbonReportStore):
        """A report without a figure is counted as such; where no report has it, there is no sum."""
        (whole,) = store.sums()
        assert (whole.operations, whole.totals["energy_kwh"].known) == (COUNT - 1, COUNT - 2)
        assert whole.totals["difference_to_scheduled_kgco2eq"].value is None
        assert (whole.signal_kind, whole.signal_factors) == ("average", "lifecycle")

    def test_made_up_reports_are_not_for_any_sum(self, store: CarbonReportStore):
        """Unless somebody asks for them."""
        (made_up,) = store.sums((), ReportFilters(synthetic=True))
        assert made_up.operations == 1

    def test_truth_values_come_back_as_such(self, store: CarbonReportStore):
        """Also from databases that know only numbers."""
        assert {part.group["provisional"] for part in store.sums(("provisional",))} <= {True, False}

    def test_another_word_is_refused(self, store: CarbonReportStore):
        """Never put into the SQL."""
        with pytest.raises(ConfigurationError, match="cannot be grouped by 'document; DROP'"):
            store.sums(("document; DROP",))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_different_signals_are_never_summed(kind: str, tmp_path: Path):
    """Life-cycle and direct: a row each. A marginal signal gives no footprint, so nothing of it is summed."""
    for url in fresh_database(kind, tmp_path):
        engine = sa.create_engine(url)
        store = CarbonReportStore(engine)
        for number, signal in enumerate(({"kind": "average"}, {"kind": "marginal"}, {"factors": "direct"})):
            store.save(report(f"job-{number}", series=series([100] * 4, signal=signal)), CONTEXT, now=NOW)
        store.save(report("job-4", series=None), CONTEXT, now=NOW)
        found = {(part.signal_kind, part.signal_factors): part.operations for part in store.sums()}
        assert found == {
            ("average", "lifecycle"): 1,
            ("average", "direct"): 1,
            (None, None): 2,
        }
        engine.dispose()


def test_nobody_wrote_yet(tmp_path: Path):
    """No table is no reports, and asking makes none."""
    store = CarbonReportStore(sa.create_engine(f"sqlite:///{tmp_path / 'results.db'}"))
    assert store.page().reports == ()
    assert list(store.stream()) == []
    assert store.sums() == []


@pytest.mark.parametrize("kind", KINDS)
def test_databases_round_as_we_do(kind: str, tmp_path: Path):
    """To the same billionth, also below zero and at ties."""
    values = [0.0, 1e-10, 4.9e-10, 5e-10, -5e-10, -1.25e-9, 0.25, -0.1, 123456.789, 1e6 / 3, -7e5 / 9, 2.5e6 + 2**-20]
    for url in fresh_database(kind, tmp_path):
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            for value in values:
                column = sa.select(sa.literal(value, sa.Double).label("x")).subquery().c.x
                query = sa.select(in_billionths(column, engine.dialect.name))
                assert connection.execute(query).scalar() == billionths(value)
        engine.dispose()


def test_when_is_told_in_any_offset():
    """Filters take aware instants and hold UTC."""
    assert ReportFilters(since="2026-03-02T19:00:00+01:00").since == datetime(2026, 3, 2, 18, tzinfo=UTC)
