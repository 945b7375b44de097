from __future__ import annotations

import csv
import io
import json
import re
import sys
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from airflow_provider_hypercarbon.carbon.summary import Summary, SummaryRow, summarise
from airflow_provider_hypercarbon.exceptions import ConfigurationError
from airflow_provider_hypercarbon.summaries import KINDS, kind_of, render
from airflow_provider_hypercarbon.summaries.page import (
    MOST_BARS,
    MOST_LINES,
    differences_chart,
    emissions_chart,
    share,
    span_words,
)
from airflow_provider_hypercarbon.summaries.words import summary_sentences
from tests.carbon.test_summary import parts_of
from tests.summaries.table import NOW, VMS, some_reports

OCTOBER = (datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))


def made(by: str = "vm_path", days: int = 10, **more: Any) -> Summary:
    """Sum some reports up as a database would."""
    parts = []
    for vm in VMS if by == "vm_path" else [""]:
        reports = [r for r, context in some_reports(days) if not r.synthetic and vm in ("", context.vm_path)]
        for part in parts_of(reports, () if by == "vm_path" else (by,)):
            parts.append(part._replace(group={**part.group, **({"vm_path": vm} if vm else {})}))
    return summarise(parts, by=(by,), now=NOW, since=OCTOBER[0], until=OCTOBER[1], left_out=1, **more)


@pytest.fixture(scope="module")
def summary() -> Summary:
    return made()


@pytest.fixture(scope="module")
def empty() -> Summary:
    return summarise([], by=("zone",), now=NOW, left_out=2)


class TestMachines:
    def test_json_is_the_summary(self, summary: Summary):
        """It reads back as the same, and has no number that JSON does not know."""
        assert Summary.model_validate(json.loads(render(summary, "json"))) == summary

    def test_csv_has_a_line_a_group(self, summary: Summary):
        """Units in the names, nulls empty, every line as wide as the first."""
        lines = list(csv.DictReader(io.StringIO(render(summary, "csv").decode(), newline="")))
        assert len(lines) == len(summary.rows)
        for line, row in zip(lines, summary.rows, strict=True):
            assert None not in line
            assert line["since"] == "2026-10-01T00:00:00+00:00"
            assert int(line["operations"]) == row.operations
            assert line["signal"] == (row.signal or "")
            known = row.sums["difference_to_scheduled_kgco2eq"]
            assert line["difference_to_scheduled_kgco2eq"] == ("" if known is None else repr(known))
            tiers = ("measured", "instance", "default", "comparison", "unknown")
            assert sum(int(line[f"operations_{tier}"]) for tier in tiers) == row.operations

    def test_csv_holds_no_formula(self):
        """A spreadsheet takes a name that begins with = for one."""
        dangerous = summarise(
            [
                part._replace(group={**part.group, "zone": "=1+1"})
                for part in parts_of([some_reports(1)[0][0]], ["zone"])
            ],
            by=("zone",),
            now=NOW,
        )
        (line,) = csv.DictReader(io.StringIO(render(dangerous, "csv").decode()))
        assert line["zone"] == "'=1+1"

    def test_parquet_has_the_same_columns_with_types(self, summary: Summary, empty: Summary):
        """Also for a month without reports: whoever appends files finds one schema."""
        parquet = pytest.importorskip("pyarrow.parquet")
        table = parquet.read_table(io.BytesIO(render(summary, "parquet")))
        rows = table.to_pylist()
        assert [row["energy_kwh"] for row in rows] == [row.sums["energy_kwh"] for row in summary.rows]
        header = render(summary, "csv").decode().split("\r\n")[0].split(",")
        assert table.column_names == header
        assert str(table.schema.field("operations").type) == "int64"
        assert str(table.schema.field("scope2_location_kgco2eq").type) == "double"
        assert b"method" in table.schema.metadata
        other = parquet.read_table(io.BytesIO(render(empty, "parquet")))
        assert other.num_rows == 0
        assert other.schema.field("energy_kwh").type == table.schema.field("energy_kwh").type

    def test_an_empty_csv_has_its_header(self, empty: Summary):
        """One line."""
        assert render(empty, "csv").decode().count("\r\n") == 1


class Tags(HTMLParser):
    """Checks that every tag is closed in its order, and gathers the words."""

    VOID = frozenset({"meta", "br", "wbr", "path", "line"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            assert name not in ("src", "href", "onclick"), (tag, name, value)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def words_of(page: str) -> str:
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    return " ".join(" ".join(tags.words).split())


class TestPage:
    def test_it_says_what_people_ask(self, summary: Summary):
        """Span, sums with ranges, the difference, the quality, how to read it; and nothing that was promised."""
        words = words_of(render(summary, "html").decode())
        for wanted in (
            "October 2026",
            "Emissions, kgCO2eq",
            "Difference to the scheduled starts",
            "modelled by default",
            "Scope 2, location-based",
            "Software Carbon Intensity (ISO/IEC 21031)",
            "scenario bounds",
            "Left out for made-up data: 1 operation.",
            "make nobody compliant",
        ):
            assert wanted in words
        for promised in ("CSRD", "carbon neutral", "avoided emissions", "offset"):
            assert promised not in words

    def test_names_are_text(self, summary: Summary):
        """A VM named like markup does no harm."""
        page = render(summary, "html").decode()
        assert "<b>erp" not in page
        assert "&lt;b&gt;erp&lt;/b&gt;" in page

    def test_it_refers_to_nothing_outside(self, summary: Summary):
        """No script, no style sheet, no picture, no address: it can be kept and mailed."""
        page = render(summary, "html").decode()
        assert "<script" not in page
        assert re.findall(r"https?:|url\(|@import", page) == []

    def test_nothing_to_show(self, empty: Summary):
        """Said in a sentence."""
        words = words_of(render(empty, "html").decode())
        assert "There is no report of this time with real data; left out for made-up data: 2 operations." in words

    def test_a_long_table_is_cut_and_says_so(self, summary: Summary):
        """Thousands of VMs are for a spreadsheet."""
        row = next(row for row in summary.rows if row.sums["emissions_kgco2eq"])
        rows = tuple(row.model_copy(update={"group": {"vm_path": f"/vm/{n}"}}) for n in range(MOST_LINES + 1200))
        page = render(summary.model_copy(update={"rows": rows}), "html").decode()
        assert "And 1,200 more groups" in page
        assert page.count("<tr>") < MOST_LINES + 60

    def test_pdf(self, summary: Summary, empty: Summary):
        """The same page, for paper."""
        try:
            import weasyprint  # noqa: F401
        except (ImportError, OSError) as error:
            pytest.skip(f"WeasyPrint cannot draw here: {error}")
        for one in (summary, empty):
            assert render(one, "pdf").startswith(b"%PDF-")


def rows_with(name: str, values: list[float | None], group: str = "zone") -> list[SummaryRow]:
    row = made().rows[0]
    bounds = {"emissions_low_kgco2eq": 0.5, "emissions_high_kgco2eq": 2.0}
    found = []
    for number, value in enumerate(values):
        scaled = {key: None if value is None else value * factor for key, factor in bounds.items()}
        found.append(
            row.model_copy(update={"group": {group: f"{number:02}"}, "sums": {**row.sums, **scaled, name: value}})
        )
    return found


class TestCharts:
    def test_bars_are_to_scale_within_their_lines(self):
        """The longest line reaches the edge; a bar ends between low and high."""
        chart = emissions_chart(rows_with("emissions_kgco2eq", [1.0, 4.0, 0.0, None]))
        assert [bar.label for bar in chart.bars] == ["01", "00", "02"]
        assert chart.bars[0].high == pytest.approx(560)
        assert chart.bars[0].width == pytest.approx(280) == pytest.approx(4 * chart.bars[1].width)
        assert chart.bars[0].low < chart.bars[0].width < chart.bars[0].high  # type: ignore[operator]
        assert chart.left_out == 1

    def test_less_lies_left_of_zero_and_more_right(self):
        """All bars share the place of zero."""
        chart = differences_chart(rows_with("difference_to_scheduled_kgco2eq", [-3.0, 1.0, 0.0]))
        assert chart.zero == pytest.approx(420)
        less, more, none = chart.bars
        assert (less.start, less.width) == (pytest.approx(0), pytest.approx(420))
        assert (more.start, more.width) == (pytest.approx(420), pytest.approx(140))
        assert (none.width, none.text) == (0, "0 kg")

    def test_the_largest_are_drawn_but_months_in_their_order(self):
        """Twenty of thirty; time runs on."""
        values: list[float | None] = [float(n % 7 + n / 100) for n in range(30)]
        chart = emissions_chart(rows_with("emissions_kgco2eq", values))
        assert (len(chart.bars), chart.left_out) == (MOST_BARS, 10)
        months = emissions_chart(rows_with("emissions_kgco2eq", values, "month"))
        labels = [bar.label for bar in months.bars]
        assert labels == sorted(labels)

    def test_no_rows(self):
        """No bars, and no division by zero."""
        assert emissions_chart([]).bars == differences_chart([]).bars == ()
        assert emissions_chart(rows_with("emissions_kgco2eq", [0.0])).bars[0].width == 0


class TestWords:
    def test_the_log_has_a_line_a_signal(self, summary: Summary):
        """Runs, energy, emissions with range, difference, what may change."""
        first, second, third = summary_sentences(summary)
        assert re.fullmatch(
            r"October 2026: 48 runs, [\d.]+ kWh, [\d.]+ kgCO2eq \([\d.]+ to [\d.]+; average, lifecycle\)\. "
            r"Difference to the scheduled starts [+-][\d.]+ kgCO2eq \(attributional, 38 runs\)\. Provisional \d+ %\.",
            first,
        ), first
        assert re.fullmatch(r"October 2026: 1 run, [\d.]+ kWh, emissions unknown\.", second)
        assert third == "Left out for made-up data: 1 run."

    def test_nothing_to_say(self, empty: Summary):
        """Said."""
        assert summary_sentences(empty)[0] == "all reports: there is no report."

    @pytest.mark.parametrize(
        ("part", "words"), [(0, "0 %"), (0.004, "under 1 %"), (0.5, "50 %"), (0.999, "over 99 %"), (1, "100 %")]
    )
    def test_shares(self, part: float, words: str):
        """Nearly all is not all."""
        assert share(part) == words

    @pytest.mark.parametrize(
        ("since", "until", "words"),
        [
            (*OCTOBER, "October 2026"),
            (None, None, "all reports"),
            (OCTOBER[0], None, "from 2026-10-01 00:00"),
            (None, OCTOBER[0], "to 2026-10-01 00:00"),
            (OCTOBER[0], OCTOBER[0] + timedelta(days=7), "from 2026-10-01 00:00 to 2026-10-08 00:00"),
        ],
    )
    def test_spans(self, since: datetime | None, until: datetime | None, words: str):
        """A month by its name."""
        assert span_words(since, until) == words


class TestKinds:
    @pytest.mark.parametrize("kind", KINDS)
    def test_by_the_end_of_the_name(self, kind: str):
        """In any case of letters."""
        assert kind_of(f"a.b/report.{kind.upper()}") == kind

    @pytest.mark.parametrize("name", ["report", "report.xlsx", "csv", ""])
    def test_others_are_refused(self, name: str):
        """With those that exist."""
        with pytest.raises(ConfigurationError, match=r"must end in \.csv, \.json, \.parquet, \.html, \.pdf"):
            kind_of(name)

    @pytest.mark.parametrize(
        ("kind", "module", "extra"), [("pdf", "weasyprint", "[pdf]"), ("parquet", "pyarrow", "[parquet]")]
    )
    def test_a_missing_extra_is_named(self, summary: Summary, monkeypatch: pytest.MonkeyPatch, kind, module, extra):
        """What to install, and for PDF what pip does not bring."""
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(ConfigurationError, match=re.escape(f"Install airflow-provider-hypercarbon{extra}")):
            render(summary, kind)

    def test_an_unknown_kind(self, summary: Summary):
        """Said."""
        with pytest.raises(ConfigurationError, match="cannot be written as 'docx'"):
            render(summary, "docx")
