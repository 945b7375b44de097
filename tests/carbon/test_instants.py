"""The requirements on instants and spans: aware UTC inside, words for people outside."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_hypercarbon.carbon.instants import (
    as_utc,
    clock_time,
    next_instant,
    parse_instant,
    parse_span,
    words,
)

NOW = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # the night when clocks change in Europe


class TestInstants:
    @pytest.mark.parametrize(
        "text",
        [
            "2026-03-29T00:30:00Z",
            "2026-03-29T00:30:00.000Z",
            "2026-03-29T00:30:00+00:00",
            "2026-03-29T02:30:00+02:00",
            "2026-03-28T19:00:00-05:30",
            "2026-03-29T00:30:00.000000000Z",
            "20260329T003000Z",
        ],
    )
    def test_any_offset_is_read_as_the_same_instant_in_utc(self, text: str):
        """An offset is applied, never overwritten."""
        instant = parse_instant(text)
        assert instant == NOW
        assert instant.tzinfo is UTC

    @pytest.mark.parametrize(
        "text",
        ["2026-03-29T00:30:00", "2026-03-29", "soon", "", None, 1774744200, True, [], "9999-12-31T23:59:59-10:00"],
    )
    def test_what_is_no_instant_is_refused(self, text: object):
        """A naive time, a date, a number, a word, a time outside of the calendar: a ValueError and nothing else."""
        with pytest.raises(ValueError, match=r".+"):
            parse_instant(text)

    def test_a_naive_instant_is_refused_at_the_door(self):
        """Nobody knows its zone."""
        with pytest.raises(ValueError, match="no time zone"):
            as_utc(datetime(2026, 3, 29))  # noqa: DTZ001  # that is the point

    def test_an_aware_instant_becomes_utc(self):
        """The same instant, told in UTC."""
        assert as_utc(datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=2)))) == NOW

    @given(st.text())
    def test_no_text_makes_another_error(self, text: str):
        """Whatever a service sends."""
        with suppress(ValueError):
            parse_instant(text)


class TestSpans:
    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("2h", 7200),
            ("1h30m", 5400),
            ("1 h 30 min", 5400),
            ("90 MIN", 5400),
            ("1.5h", 5400),
            ("2d", 172800),
            ("45s", 45),
            ("PT2H", 7200),
            ("pt1h30m", 5400),
            ("P1D", 86400),
            ("3600", 3600),
            (" 3600 ", 3600),
            (3600, 3600),
            (0, 0),
            (0.5, 0.5),
            (timedelta(minutes=5), 300),
        ],
    )
    def test_spans_as_people_write_them(self, value: object, seconds: float):
        """Words, ISO 8601, and a bare number of seconds."""
        assert parse_span(value) == timedelta(seconds=seconds)

    @pytest.mark.parametrize(
        "value",
        ["", " ", "soon", "2 weeks", "h", "2h later", "P", "PT", "-2h", "-1", "1e3", None, True, [], {}, b"2h"],
    )
    def test_what_is_no_span_is_refused(self, value: object):
        """With words that say how to write one."""
        with pytest.raises(ValueError, match=r"span of time|between zero and a year"):
            parse_span(value)

    @pytest.mark.parametrize(
        "value",
        [-1, -0.5, timedelta(seconds=-1), 367 * 86400, "400d", 7_200_000_000_000, float("nan"), float("inf"),
         "9" * 400, "9" * 400 + "h", "P99999999D"],
    )  # fmt: skip
    def test_a_span_is_between_zero_and_a_year(self, value: object):
        """Two hours in nanoseconds, a negative delay: a wrong unit is not a plan."""
        with pytest.raises(ValueError, match=r"between zero and a year|is not a span of time"):
            parse_span(value)

    @given(st.one_of(st.text(), st.floats(), st.integers(), st.from_regex(r"\d+(\.\d+)? ?(h|m|d|s|min)")))
    def test_no_value_makes_another_error(self, value: object):
        """A span within bounds, or a ValueError."""
        with suppress(ValueError):
            assert timedelta(0) <= parse_span(value) <= timedelta(days=366)


class TestWords:
    @pytest.mark.parametrize(
        ("seconds", "expected"),
        [
            (0, "0 s"),
            (95, "95 s"),
            (119.4, "119 s"),
            (119.6, "2 min"),
            (2700, "45 min"),
            (3599, "1 h"),
            (7200, "2 h"),
            (22800, "6 h 20 min"),
            (90000, "25 h"),
            (-30, "-30 s"),
            (-5400, "-1 h 30 min"),
        ],
    )
    def test_a_span_in_words(self, seconds: float, expected: str):
        """Short, with units, to the minute."""
        assert words(timedelta(seconds=seconds)) == expected

    @pytest.mark.parametrize(
        ("instant", "expected"),
        [
            (NOW + timedelta(hours=2, minutes=30), "03:00 UTC"),
            (NOW + timedelta(seconds=15), "00:30:15 UTC"),
            (NOW + timedelta(minutes=4), "00:34 UTC"),
            (NOW + timedelta(days=1, seconds=15), "Mon 00:30 UTC"),
            (NOW.astimezone(timezone(timedelta(hours=-5))), "00:30 UTC"),
        ],
    )
    def test_an_instant_in_words(self, instant: datetime, expected: str):
        """In UTC; with the weekday when it is not today, with seconds when it is near."""
        assert clock_time(instant, now=NOW) == expected


class TestNextInstant:
    BERLIN = ZoneInfo("Europe/Berlin")

    @pytest.mark.parametrize(
        ("after", "expected"),
        [
            ("2026-03-02T18:00:00+00:00", "2026-03-03T05:00:00+00:00"),
            ("2026-03-03T04:59:00+00:00", "2026-03-03T05:00:00+00:00"),
            ("2026-03-03T05:00:00+00:00", "2026-03-04T05:00:00+00:00"),
            # The nights when clocks go forward and back: six on the wall is four, then five, in UTC.
            ("2026-03-28T20:00:00+00:00", "2026-03-29T04:00:00+00:00"),
            ("2026-10-24T20:00:00+00:00", "2026-10-25T05:00:00+00:00"),
        ],
    )
    def test_a_time_of_day_is_its_next_occurrence_on_the_wall(self, after: str, expected: str):
        """06:00 in Berlin, whatever the offset of that day."""
        found = next_instant("06:00", after=datetime.fromisoformat(after), zone=self.BERLIN)
        assert found == datetime.fromisoformat(expected)

    def test_an_instant_is_taken_as_it_is(self):
        """ISO 8601 with an offset."""
        found = next_instant("2026-03-03T06:00:00+01:00", after=datetime.now(UTC), zone=self.BERLIN)
        assert found == datetime(2026, 3, 3, 5, tzinfo=UTC)

    @pytest.mark.parametrize("text", ["25:00", "soon", "2026-03-03T06:00:00"])
    def test_anything_else_is_refused(self, text: str):
        """No such time, no time, and a naive one."""
        with pytest.raises(ValueError):  # noqa: PT011 - each has its own words
            next_instant(text, after=datetime.now(UTC), zone=self.BERLIN)
