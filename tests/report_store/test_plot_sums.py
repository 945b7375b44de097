from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from airflow_provider_hypercarbon.report_store import CarbonReportStore, PlotGroup, ReportFilters, plot_sums
from airflow_provider_hypercarbon.report_store.group_sums import billionths
from airflow_provider_hypercarbon.report_store.plot_parts import COUNTS, Grouping
from airflow_provider_hypercarbon.report_store.plot_question import Question
from airflow_provider_hypercarbon.report_store.row import StoredReport
from tests.carbon.grid import HOUR, series
from tests.report_store.databases import KINDS, fresh_database
from tests.report_store.test_store import CONTEXT, report

UTC_ZONE = ZoneInfo("UTC")
#: Whole hours and not, far ahead and behind, clocks that change at midnight, by half an hour, or never.
ZONES = (
    "UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe",
    "America/Santiago", "America/Havana", "Atlantic/Azores", "Pacific/Auckland", "Pacific/Kiritimati",
    "Africa/Casablanca", "America/St_Johns",
)  # fmt: skip
FIRST, LAST = datetime(2025, 2, 20, 7, 13, tzinfo=UTC), datetime(2026, 4, 20, 5, 41, tzinfo=UTC)
GROUPINGS: tuple[Grouping | None, ...] = (None, "day", "zone", "vm", "dag", "reason")
FILTERS = {
    "everything": {},
    "a DAG": {"dag_id": "dag-1", "dag_ids": ["dag-1"]},
    "some DAGs": {"dag_ids": ["dag-0", "dag-2"]},
    "no DAG": {"dag_ids": []},
    "a VM": {"vm_path": "/vm/3"},
    "a zone": {"zone": "GB"},
    "what may change": {"provisional": True},
    "what is final": {"provisional": False},
    "what is final, of some DAGs": {"provisional": False, "dag_ids": ["dag-0", "dag-2"]},
    "a run": {"run_id": "other"},
    "one report": {"operation_id": "job-009"},
    "made up": {"synthetic": True},
}


def starts(draw: random.Random) -> Iterator[datetime]:
    """Any instants, and those at which a day, an hour or a time of summer begins somewhere."""
    yield from (FIRST, LAST)
    for _ in range(110):
        yield FIRST + draw.random() * (LAST - FIRST)
    for name in ZONES:
        for month, day in ((3, 1), (3, 30), (10, 26), (4, 6), (9, 7)):
            midnight = datetime(2025, month, day, tzinfo=ZoneInfo(name)).astimezone(UTC)
            yield midnight + draw.choice([-1, 0, 1, 29, 30, 59, 60]) * timedelta(minutes=1)


@pytest.fixture(scope="module", params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CarbonReportStore]:
    for url in fresh_database(request.param, tmp_path_factory.mktemp("results")):
        engine = sa.create_engine(url)
        store = CarbonReportStore(engine)
        draw = random.Random(11)
        for number, start in enumerate(starts(draw)):
            zone = ("DE", "GB", "SE")[number % 3]
            slots = series([draw.uniform(20, 900) for _ in range(12)], start - 2 * HOUR, zone=zone)
            if number % 7 == 0:
                slots = slots.model_copy(update={"slots": tuple(s._replace(estimated=True) for s in slots.slots)})
            made = report(
                f"job-{number:03}",
                zone=zone,
                started_at=start,
                ended_at=start + HOUR * draw.uniform(0, 3),
                scheduled_at=None if number % 5 == 0 else start - HOUR,
                series=None if number % 11 == 0 else slots,
                data_gb=None if number % 13 == 0 else draw.uniform(0.001, 9000),
                synthetic="mock" if number % 17 == 0 else None,
                start_reason=("cleanest", "deadline", None)[number % 3],
            )
            context = CONTEXT.model_copy(
                update={
                    "dag_id": f"dag-{number % 4}",
                    "vm_path": None if number % 19 == 0 else f"/vm/{number % 6}",
                    "run_id": "other" if number % 6 == 1 else "manual__1",
                }
            )
            store.save(made, context, now=LAST)
        yield store
        engine.dispose()


_OF_REPORTS, _OF_CONTEXTS = ("operation_id", "zone", "provisional"), ("dag_id", "vm_path", "run_id")


def chosen(stored: StoredReport, filters: ReportFilters) -> bool:
    report, context = stored.report, stored.context
    return (
        (filters.since is None or report.started_at >= filters.since)
        and (filters.until is None or report.started_at < filters.until)
        and (filters.dag_ids is None or context.dag_id in filters.dag_ids)
        and (filters.synthetic is None or filters.synthetic == (report.synthetic is not None))
        and all(
            getattr(filters, name) in (None, getattr(place, name))
            for place, names in (
                (report, ("operation_id", "zone", "provisional")),
                (context, ("dag_id", "vm_path", "run_id")),
            )
            for name in names
        )
    )


@lru_cache
def everything(store: CarbonReportStore) -> list[StoredReport]:
    return list(store.stream())


def by_hand(
    stored_reports: Iterable[StoredReport], filters: ReportFilters, by: Grouping | None, zone: ZoneInfo
) -> dict[PlotGroup, Counter[str]]:
    """Add the reports up one by one."""
    found: dict[PlotGroup, Counter[str]] = {}
    for stored in stored_reports:
        if not chosen(stored, filters):
            continue
        one = stored.report
        key = {
            None: None,
            "day": one.started_at.astimezone(zone).date().isoformat(),
            "zone": one.zone,
            "vm": stored.context.vm_path,
            "dag": stored.context.dag_id,
            "reason": one.start_reason,
        }[by]
        signal = (one.signal.kind, one.signal.factors) if one.signal else (None, None)
        counts = found.setdefault(PlotGroup(key, *signal), Counter())
        counts.update({"operations": 1, "provisional_operations": int(one.provisional)})
        for name, value in figures(stored).items():
            if value is not None:
                counts[name] += billionths(value)
                counts[f"{name}_known"] += 1
    return found


def figures(stored: StoredReport) -> dict[str, float | None]:
    one = stored.report
    names = ("energy_kwh", "emissions_kgco2eq", "emissions_low_kgco2eq", "emissions_high_kgco2eq")
    difference = one.difference_to_scheduled_kgco2eq
    found = {name: getattr(one, name) for name in (*names, "difference_to_scheduled_kgco2eq")}
    for bound, energy in (("low", one.energy_low_kwh), ("high", one.energy_high_kwh)):
        known = difference is not None and one.energy_kwh and energy is not None
        found[f"difference_to_scheduled_{bound}_kgco2eq"] = difference * (energy / one.energy_kwh) if known else None  # type: ignore[operator]
    return found


def assert_exact(store: CarbonReportStore, filters: ReportFilters, by: Grouping | None, zone: ZoneInfo) -> None:
    found = plot_sums(store.database, filters, by, zone)
    wanted = by_hand(everything(store), filters, by, zone)
    assert found == {group: tuple(counts[name] for name in COUNTS) for group, counts in wanted.items()}


@pytest.mark.parametrize("by", GROUPINGS)
@pytest.mark.parametrize("name", FILTERS)
def test_sums_are_those_of_the_reports(store: CarbonReportStore, name: str, by: Grouping | None):
    """To the last digit, over everything and over spans that begin and end anywhere."""
    draw = random.Random(f"{name} {by}")
    given: dict[str, object] = {"synthetic": False, **FILTERS[name]}  # type: ignore[dict-item]
    for _ in range(2):
        since, until = sorted(FIRST - HOUR + draw.random() * (LAST - FIRST + 2 * HOUR) for _ in range(2))
        for span in ({}, {"since": since}, {"until": until}, {"since": since, "until": until}):
            filters = ReportFilters.model_validate({**given, **span})
            assert_exact(store, filters, by, ZoneInfo(draw.choice(ZONES)))


@pytest.mark.parametrize("by", ["zone", "vm", "dag", "reason"])
@pytest.mark.parametrize("most", [1, 2, 100])
def test_the_keys_that_emit_most_and_the_rest(store: CarbonReportStore, by: Grouping, most: int):
    """A key is shown with all its reports or not at all; what is not shown is in the rest, to the last digit."""
    filters = ReportFilters(
        synthetic=False, since=FIRST + timedelta(days=40, hours=3), until=LAST - timedelta(days=9)
    )
    every = by_hand(everything(store), filters, by, UTC_ZONE)
    emitted: Counter[str | None] = Counter()
    for group, counts in every.items():
        emitted[group.key] += counts["emissions_kgco2eq"]
    shown = sorted(emitted, key=lambda key: (-emitted[key], key or ""))[:most]
    wanted: dict[PlotGroup, Counter[str]] = {}
    for group, counts in every.items():
        place = group if group.key in shown else group._replace(key=None, is_rest=True)
        wanted.setdefault(place, Counter()).update(counts)
    found = plot_sums(store.database, filters, by, UTC_ZONE, most)
    assert found == {group: tuple(counts[name] for name in COUNTS) for group, counts in wanted.items()}
    assert any(group.is_rest for group in found) == (len(emitted) > most)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("name", ["everything", "some DAGs", "a VM"])
def test_days_are_those_of_the_time_zone(store: CarbonReportStore, name: str, zone: str):
    """Whatever its offsets are, and where the clocks change."""
    filters = ReportFilters.model_validate({"synthetic": False, **FILTERS[name]})
    assert_exact(store, filters, "day", ZoneInfo(zone))


def test_spans_of_whole_periods_and_of_nothing(store: CarbonReportStore):
    """A month, a day, an hour, no time at all, before and after everything."""
    month, day = datetime(2025, 9, 1, tzinfo=UTC), datetime(2025, 9, 7, tzinfo=UTC)
    spans = [
        (month, datetime(2025, 10, 1, tzinfo=UTC)),
        (day, day + timedelta(days=1)),
        (day, day + HOUR),
        (day, day),
        (day, month),
        (LAST, LAST + HOUR),
        (FIRST, FIRST + timedelta(microseconds=1)),
        (LAST + HOUR, LAST + 2 * HOUR),
        (FIRST - 9 * HOUR, FIRST),
    ]
    for by in GROUPINGS:
        for since, until in spans:
            filters = ReportFilters(synthetic=False, since=since, until=until)
            assert_exact(store, filters, by, ZoneInfo("Asia/Kolkata"))


def test_too_many_spans_for_questions(store: CarbonReportStore, monkeypatch: pytest.MonkeyPatch):
    """Decades of days of a far time zone: the reports are read instead, and say the same."""
    monkeypatch.setattr(sys.modules[Question.__module__], "_MOST_SPANS", 10)
    filters = ReportFilters(synthetic=False, dag_ids=frozenset({"dag-0"}))
    assert_exact(store, filters, "day", ZoneInfo("Asia/Tokyo"))


def test_a_revision_moves_its_report(tmp_path: Path):
    """From one day, DAG and state to another: it is counted once."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'results.db'}")
    store = CarbonReportStore(engine)
    store.save(report("job-1"), CONTEXT, now=LAST)
    moved = report("job-1", start=30, zone="GB")
    store.save(moved, CONTEXT.model_copy(update={"dag_id": "other"}), now=LAST)
    for by in GROUPINGS:
        assert_exact(store, ReportFilters(), by, UTC_ZONE)
        (group,) = plot_sums(store.database, ReportFilters(), by, UTC_ZONE).values()
        assert group[COUNTS.index("operations")] == 1
    engine.dispose()


def test_nobody_wrote_yet(tmp_path: Path):
    """No table and no report are no groups."""
    store = CarbonReportStore(sa.create_engine(f"sqlite:///{tmp_path / 'results.db'}"))
    assert plot_sums(store.database, ReportFilters(), "day", UTC_ZONE) == {}
    store.database.ensure()
    assert plot_sums(store.database, ReportFilters(), "day", UTC_ZONE) == {}
