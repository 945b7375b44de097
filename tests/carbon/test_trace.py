from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_hypercarbon.carbon.intensity import Signal
from airflow_provider_hypercarbon.carbon.readings import IssuedForecast, ReadingsLog, Stretch
from airflow_provider_hypercarbon.carbon.trace import read_trace, ready_times
from airflow_provider_hypercarbon.exceptions import BadDataError
from tests.carbon.grid import HOUR

HEADER = "datetime_utc,ci_g_per_kwh"
FORECASTS = "issue_utc,h0,h1,h2"
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)


def measured(*rows: str) -> Stretch:
    return read_trace("DE", [HEADER, *rows]).measured


def issues(*rows: str) -> tuple[IssuedForecast, ...]:
    return read_trace("DE", [HEADER, "2026-03-02,300"], [FORECASTS, *rows]).issues


class TestMeasured:
    def test_hours(self):
        """Two columns become hours of a zone, with their source and signal."""
        trace = read_trace("DE", [HEADER, "2026-03-02T00:00:00,300", "2026-03-02T01:00:00,250.5"])
        assert trace.measured == Stretch(start_at=MIDNIGHT, values=(300, 250.5))
        assert (trace.zone, trace.source, trace.signal, trace.issues) == ("DE", "trace", Signal(), ())

    def test_source_and_signal_are_kept(self):
        """Who measured, and what it counts, is the caller's to say."""
        marginal = Signal(kind="marginal")
        trace = read_trace("DE", [HEADER, "2026-03-02,300"], source="a file", signal=marginal)
        assert (trace.source, trace.signal) == ("a file", marginal)

    @pytest.mark.parametrize(
        "text",
        ["2026-03-02", "2026-03-02 00:00", "2026-03-02T00:00Z", "2026-03-02T01:00+01:00", " 2026-03-01T19:00-05:00 "],
    )
    def test_a_time_without_an_offset_is_utc(self, text: str):
        """As the column says; an offset is heeded."""
        assert measured(f"{text},300").start_at == MIDNIGHT

    def test_local_hours_over_a_clock_change(self):
        """With offsets, the hour that the clock skips is no gap."""
        found = measured("2026-03-29T01:00+01:00,300", "2026-03-29T03:00+02:00,310", "2026-03-29T04:00+02:00,320")
        assert found == Stretch(start_at=datetime(2026, 3, 29, tzinfo=UTC), values=(300, 310, 320))

    def test_quarter_hours(self):
        """The closest two rows tell the slot."""
        found = measured("2026-03-02 00:00,300", "2026-03-02 00:15,310", "2026-03-02 01:00,340")
        assert found.slot_length == timedelta(minutes=15)
        assert found.values == (300, 310, None, None, 340)

    def test_a_single_row_is_an_hour(self):
        """Nothing else tells its length."""
        assert measured("2026-03-02 00:00,300").slot_length == HOUR

    @pytest.mark.parametrize(
        "row", ["2026-03-02 01:00,", "2026-03-02 01:00,nan", "2026-03-02 01:00, ", "2026-03-02 01:00", ""]
    )
    def test_a_row_without_a_value_is_a_gap(self, row: str):
        """And so is a row that is not there."""
        assert measured("2026-03-02 00:00,300", row, "2026-03-02 02:00,320", "2026-03-02 03:00,330").values == (
            300, None, 320, 330,
        )  # fmt: skip

    def test_order_does_not_matter(self):
        """Rows are sorted; the last of two for a time counts."""
        found = measured("2026-03-02 01:00,310", "2026-03-02 00:00,1", "2026-03-02 00:00,300")
        assert found.values == (300, 310)


class TestForecasts:
    def test_a_row_an_issue(self):
        """h0 is the hour from the issue on."""
        assert issues("2026-03-02T06:00,300,310,320") == (
            IssuedForecast(issued_at=MIDNIGHT + 6 * HOUR, start_at=MIDNIGHT + 6 * HOUR, values=(300, 310, 320)),
        )

    def test_gaps_and_shorter_rows(self):
        """An empty cell is a gap; a row may end early; an empty line is none."""
        found = issues("2026-03-02T06:00,300,,320", "", "2026-03-02T12:00,200")
        assert [issue.values for issue in found] == [(300, None, 320), (200,)]

    def test_issues_are_sorted(self):
        """By their time, whatever the file does."""
        found = issues("2026-03-03,1,2,3", "2026-03-02T02:00+02:00,4,5,6")
        assert [issue.issued_at for issue in found] == [MIDNIGHT, MIDNIGHT + DAY]

    def test_none_but_the_header(self):
        """A file without rows has no forecasts."""
        assert issues() == ()


class TestRefusals:
    @pytest.mark.parametrize(
        "header", ["", "ci_g_per_kwh,datetime_utc", "datetime,ci_g_per_kwh", "2026-03-02,300", HEADER + ",x"]
    )
    def test_another_header(self, header: str):
        """The columns are named, or the file is another one."""
        with pytest.raises(BadDataError, match='The first line of a trace is "datetime_utc,ci_g_per_kwh"') as refused:
            read_trace("DE", [header, "2026-03-02,300"])
        assert refused.value.problem == "header"

    @pytest.mark.parametrize("header", [HEADER, "issue_utc", "issue_utc,h1,h2"])
    def test_another_header_of_forecasts(self, header: str):
        """A file of measured values is not a file of forecasts."""
        with pytest.raises(BadDataError, match="The first line of forecasts is") as refused:
            read_trace("DE", [HEADER, "2026-03-02,300"], [header])
        assert refused.value.problem == "header"

    @pytest.mark.parametrize("lines", [[], [HEADER], [HEADER, "", ""]])
    def test_nothing(self, lines: list[str]):
        """A trace of nothing cannot be replayed."""
        with pytest.raises(BadDataError, match="no rows") as refused:
            read_trace("DE", lines)
        assert refused.value.problem == "empty"

    @pytest.mark.parametrize("text", ["yesterday", "", "2026-13-01", "02.03.2026 00:00", "1772409600"])
    def test_not_a_time(self, text: str):
        """The line is named, counted as an editor counts."""
        with pytest.raises(BadDataError, match=f"^Line 3: '{text}' is not a time") as refused:
            measured("2026-03-02,300", f"{text},310")
        assert refused.value.problem == "time"
        with pytest.raises(BadDataError, match=f"^Line 2: '{text}' is not a time"):
            issues(f"{text},1,2,3")

    @pytest.mark.parametrize("text", ["low", "300 g", "1,5"])
    def test_not_a_number(self, text: str):
        """In a forecast as in what was measured."""
        shown = text.split(",")[0] if "," not in text else text
        with pytest.raises(BadDataError, match=f"^Line 2: '{shown}' is not a number") as refused:
            measured(f'2026-03-02,"{text}"')
        assert refused.value.problem == "not_a_number"
        with pytest.raises(BadDataError, match=f"^Line 3: '{shown}' is not a number"):
            issues("2026-03-02,300", f'2026-03-03,300,"{text}"')

    @pytest.mark.parametrize(
        ("text", "problem"), [("-5", "negative"), ("0", "zero"), ("3000", "absurd"), ("inf", "not_a_number")]
    )
    def test_bad_values_never_mean_clean(self, text: str, problem: str):
        """What no grid is, is refused, measured or forecast."""
        for read in (measured, issues):
            with pytest.raises(BadDataError) as refused:
                read(f"2026-03-02,{text}")
            assert refused.value.problem == problem

    def test_zero_where_construction_does_not_count(self):
        """Of direct emissions a grid may have none."""
        trace = read_trace("DE", [HEADER, "2026-03-02,0"], signal=Signal(factors="direct"))
        assert trace.measured.values == (0,)

    @pytest.mark.parametrize("text", ["-5", "0", "3000", "inf"])
    def test_a_bad_value_is_named_by_its_line(self, text: str):
        """Among 8,760 lines nobody finds it otherwise."""
        with pytest.raises(BadDataError, match=r"^Line 3: "):
            measured("2026-03-02 00:00,300", f"2026-03-02 01:00,{text}")

    def test_a_time_that_is_no_instant_in_utc(self):
        """The year 0 is not a time, as any other word is not."""
        with pytest.raises(BadDataError, match=r"^Line 2: "):
            measured("0001-01-01T00:00+14:00,300")

    @pytest.mark.parametrize(
        "rows",
        [
            ["2026-03-02 00:00,300", "2026-03-02 01:00,300", "2026-03-02 02:30,300"],  # off the slots
            ["2026-03-02 00:00,300", "2026-03-02 00:01,300", "2026-03-02 06:00,300"],  # nearly all gaps
        ],
    )
    def test_no_slots(self, rows: list[str]):
        """Rows that do not make equal slots, or hardly ever do, are a mistake."""
        with pytest.raises(BadDataError, match="not in slots of") as refused:
            measured(*rows)
        assert refused.value.problem == "slots"


def trace_of(hours: int, begin: datetime = MIDNIGHT, issued: Sequence[datetime] = ()) -> ReadingsLog:
    return ReadingsLog(
        zone="DE",
        source="test",
        measured=Stretch(start_at=begin, values=(300.0,) * hours),
        issues=tuple(IssuedForecast(issued_at=at, start_at=at, values=(300.0,) * 96) for at in issued),
    )


def ready(trace: ReadingsLog, window: float = 4, duration: float = 2, **more: Sequence[int]) -> list[datetime]:
    return ready_times(trace, windows=[HOUR, window * HOUR], durations=[duration * HOUR, HOUR], **more)


class TestReadyTimes:
    def test_from_a_week_on_until_the_longest_wait_still_ends(self):
        """The last job may start 4 h later and run 2 h, all of it measured."""
        found = ready(trace_of(24 * 9))
        assert found == [MIDNIGHT + 7 * DAY + i * HOUR for i in range(48 - 6 + 1)]
        assert found[-1] + 6 * HOUR == MIDNIGHT + 9 * DAY

    @pytest.mark.parametrize(("hours", "count"), [(24 * 7 + 6, 1), (24 * 7 + 5, 0), (24 * 7, 0), (10, 0)])
    def test_the_shortest_trace(self, hours: int, count: int):
        """A week, and one wait and run; less has no jobs."""
        assert len(ready(trace_of(hours))) == count

    def test_full_hours(self):
        """A trace that begins within an hour has its first job at the next."""
        found = ready(trace_of(24 * 8, MIDNIGHT + timedelta(minutes=20)))
        assert found[0] == MIDNIGHT + 7 * DAY + HOUR
        assert found[-1] == MIDNIGHT + 8 * DAY - 6 * HOUR

    def test_with_forecasts(self):
        """Jobs are ready from the first issue to a day after the last, less the longest wait and run."""
        issued = [MIDNIGHT + 8 * DAY + 6 * HOUR, MIDNIGHT + 9 * DAY]
        found = ready(trace_of(24 * 20, issued=issued))
        assert found[0] == issued[0]
        assert found[-1] == issued[-1] + DAY - 6 * HOUR

    def test_forecasts_do_not_shorten_the_week(self):
        """Nor do they lengthen what was measured."""
        issued = [MIDNIGHT, MIDNIGHT + 30 * DAY]
        assert ready(trace_of(24 * 9, issued=issued)) == ready(trace_of(24 * 9))

    def test_hours_of_the_day(self):
        """Only those that a schedule would have, in UTC."""
        found = ready(trace_of(24 * 10), hours=[22, 3])
        assert {at.hour for at in found} == {3, 22}
        assert len(found) == 5
