from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from airflow_provider_hypercarbon.carbon.report import CarbonReport
from airflow_provider_hypercarbon.carbon.summary import FIGURES
from airflow_provider_hypercarbon.exceptions import ConfigurationError
from airflow_provider_hypercarbon.report_store import ReportFilters, ResultsDatabase
from airflow_provider_hypercarbon.summaries import gather, month_span
from tests.report_store.databases import KINDS, fresh_database
from tests.summaries.table import NOW, VMS, fill


@pytest.fixture(scope="module", params=KINDS)
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ResultsDatabase, list[CarbonReport]]]:
    """Twelve nights over the end of a month, on every database."""
    for url in fresh_database(request.param, tmp_path_factory.mktemp("summaries")):
        engine = sa.create_engine(url)
        database = ResultsDatabase(engine)
        yield database, fill(database, days=12, first_day=25)
        engine.dispose()


class TestGather:
    @pytest.mark.parametrize("by", [["month"], ["zone"], ["vm"], ["dag"], ["month", "vm"], []])
    def test_sums_equal_the_sum_of_the_reports(self, filled, by: list[str]):
        """Whatever they are told apart by; made-up data are left out, and counted."""
        database, reports = filled
        real = [report for report in reports if not report.synthetic]
        made = gather(database, by, now=NOW)
        assert made.left_out == len(reports) - len(real) == 1
        assert sum(row.operations for row in made.rows) == len(real)
        for name in FIGURES:
            values = [getattr(report, name) for report in real if getattr(report, name) is not None]
            assert sum(row.known[name] for row in made.rows) == len(values), name
            total = sum(row.sums[name] or 0.0 for row in made.rows)
            assert total == pytest.approx(sum(values), rel=1e-9, abs=len(values) * 1e-9), name

    def test_by_vm_and_zone(self, filled):
        """The names as they are, in order."""
        database, _ = filled
        made = gather(database, ["vm", "zone"], now=NOW)
        assert made.by == ("vm_path", "zone")
        assert [row.group["vm_path"] for row in made.rows if row.signal] == sorted(VMS)

    def test_a_month_is_that_of_the_start(self, filled):
        """A run over midnight of the last day belongs to the month that it started in; the next begins with its first
        instant."""
        database, reports = filled
        since, until = month_span("2026-08", now=NOW)
        made = gather(database, ["zone"], ReportFilters(since=since, until=until), now=NOW)
        assert sum(row.operations for row in made.rows) == sum(
            since <= report.started_at < until and not report.synthetic for report in reports
        )
        both = [gather(database, [], ReportFilters(**span), now=NOW) for span in ({"until": until}, {"since": until})]
        whole = gather(database, [], now=NOW)
        for name in FIGURES:
            parts = sum(total.sums[name] or 0.0 for half in both for total in half.totals)
            assert parts == pytest.approx(sum(total.sums[name] or 0.0 for total in whole.totals), abs=1e-8)

    def test_scopes_and_lifetime_are_summed_where_known(self, filled):
        """One VM's source gave no direct factors; only the French machines say what their making emitted."""
        database, _ = filled
        rows = {row.group["vm_path"]: row for row in gather(database, ["vm"], now=NOW).rows if row.signal}
        assert rows[VMS[1]].sums["scope2_location_kgco2eq"] is None
        split = rows[VMS[3]]
        scopes = (split.sums["scope2_location_kgco2eq"] or 0) + (split.sums["scope3_upstream_kgco2eq"] or 0)
        assert scopes == pytest.approx(split.sums["emissions_kgco2eq"])
        assert split.sci_gco2eq_per_gb is not None
        assert rows[VMS[0]].sci_gco2eq_per_gb is None
        assert (rows[VMS[0]].sums["retention_kgco2eq"] or 0) > 0

    def test_another_word_is_refused(self, filled):
        """With those that exist."""
        with pytest.raises(ConfigurationError, match=r"by .colour.. Choose among month, vm, dag, zone"):
            gather(filled[0], ["colour"], now=NOW)


def test_nobody_wrote_yet(tmp_path: Path):
    """No table is an empty summary, and asking makes none."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    assert gather(ResultsDatabase(engine), ["vm"], now=NOW).rows == ()
    assert sa.inspect(engine).get_table_names() == []


class TestMonth:
    @pytest.mark.parametrize(
        ("text", "begin", "end"),
        [
            ("2026-10", "2026-10-01", "2026-11-01"),
            ("2026-12", "2026-12-01", "2027-01-01"),
            ("2024-02", "2024-02-01", "2024-03-01"),
            ("last", "2026-10-01", "2026-11-01"),
        ],
    )
    def test_edges(self, text: str, begin: str, end: str):
        """In UTC, whatever the length of the month."""
        span = tuple(datetime.fromisoformat(f"{day}T00:00:00+00:00") for day in (begin, end))
        assert month_span(text, now=NOW) == span

    def test_the_month_before_is_told_in_utc(self):
        """In Tokyo November has begun; in UTC it is still October, so September is the month before."""
        tokyo = datetime(2026, 11, 1, 3, tzinfo=ZoneInfo("Asia/Tokyo"))
        assert month_span("last", now=tokyo)[0] == datetime(2026, 9, 1, tzinfo=UTC)

    @pytest.mark.parametrize("text", ["2026-13", "2026-1", "October", "", "1969-12", "2026-10-01"])
    def test_no_such_month(self, text: str):
        """Said with an example."""
        with pytest.raises(ConfigurationError, match="Write one such as 2026-10"):
            month_span(text, now=NOW)
