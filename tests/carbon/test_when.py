from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_hypercarbon.carbon.when import parse_when

#: A Monday, 14:30 in Berlin.
NOW = datetime(2026, 11, 23, 13, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


class TestWhen:
    @pytest.mark.parametrize(
        ("text", "meant"),
        [
            ("now", "2026-11-23T13:30"),
            ("in 2h", "2026-11-23T15:30"),
            ("in 1h30m", "2026-11-23T15:00"),
            ("90min ago", "2026-11-23T12:00"),
            ("03:00", "2026-11-24T02:00"),
            ("15:00", "2026-11-23T14:00"),
            ("tomorrow 03:00", "2026-11-24T02:00"),
            ("Tomorrow  3:00", "2026-11-24T02:00"),
            ("today 03:00", "2026-11-23T02:00"),
            ("yesterday 22:15", "2026-11-22T21:15"),
            ("yesterday", "2026-11-21T23:00"),
            ("Tue 22:30", "2026-11-24T21:30"),
            ("monday 14:00", "2026-11-30T13:00"),
            ("mon 15:00", "2026-11-23T14:00"),
            ("2026-12-01 04:00", "2026-12-01T03:00"),
            ("2026-12-01", "2026-11-30T23:00"),
            ("2026-12-01T04:00Z", "2026-12-01T04:00"),
            ("2026-12-01T04:00:00+05:30", "2026-11-30T22:30"),
        ],
    )
    def test_what_people_write(self, text: str, meant: str):
        """Words, weekdays, times of day and dates are read on the clock of the zone."""
        assert parse_when(text, now=NOW, zone=BERLIN) == datetime.fromisoformat(meant).replace(tzinfo=UTC)

    @pytest.mark.parametrize(
        "text", ["", "noon", "sunny 03:00", "tomorrow 25:00", "31:00", "in", "in two hours", "ago", "2026-13-01", "m"]
    )
    def test_what_nobody_can_read(self, text: str):
        """Anything else is refused, with examples of what works."""
        with pytest.raises(ValueError, match=r".*"):
            parse_when(text, now=NOW, zone=BERLIN)

    def test_the_night_when_clocks_go_back(self):
        """02:30 happens twice; the first is meant."""
        before = datetime(2026, 10, 24, 12, tzinfo=UTC)
        assert parse_when("tomorrow 02:30", now=before, zone=BERLIN) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
