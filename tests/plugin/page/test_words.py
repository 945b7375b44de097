from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_hypercarbon.plugin.page.words import (
    Clock,
    MassUnit,
    gigabytes,
    intensity,
    kwh,
    mass,
    number,
    span,
)

BERLIN = ZoneInfo("Europe/Berlin")


def plain(text: str) -> str:
    return text.replace("\u202f", " ")


class TestNumbers:
    @pytest.mark.parametrize(
        ("kg", "words"),
        [
            (0.0, "0.0 g"), (0.00004, "<0.1 g"), (0.0042, "4.2 g"), (0.058, "58 g"), (0.9994, "999 g"),
            (0.9996, "1.00 kg"), (1.264, "1.26 kg"), (17.48, "17.5 kg"), (1234.5, "1 234.5 kg"), (None, "–"),
        ],
    )  # fmt: skip
    def test_grams_become_kilograms(self, kg: float | None, words: str):
        """Below 10 g one decimal, below 1,000 g whole, then kg with two, from 10 kg with one; unknown is a dash."""
        assert plain(MassUnit.of(kg).text(kg)) == words

    def test_a_range_takes_the_unit_of_its_value(self):
        """The smaller bound stands first, in the unit and with the decimals of the central value."""
        found = mass(0.743, 0.445, 1.264)
        assert (plain(found.value), plain(found.span)) == ("743 g", "445 g to 1 264 g")
        change = mass(-0.177, -0.113, -0.282, signed=True)
        assert (plain(change.value), plain(change.span)) == ("−177 g", "−282 g to −113 g")

    def test_bounds_that_look_alike_are_no_range(self):
        """ "<0.1 g to <0.1 g" says nothing."""
        assert mass(0.000_02, 0.000_01, 0.000_04).span == ""

    def test_signs(self):
        """A true minus, a plus only where asked for, and none on zero."""
        assert number(-3.2, 1) == "−3.2"
        assert number(3.2, 1, signed=True) == "+3.2"
        assert number(-0.01, 1, signed=True) == "0.0"

    def test_other_units(self):
        """Intensities are whole, below 10 with a decimal; small energies keep a third one; GB are 10^9 bytes."""
        assert [intensity(value) for value in (212.4, 9.6, None)] == ["212", "9.6", "–"]
        assert [kwh(value) for value in (0.32, 0.0524, 0.00001, None)] == ["0.32", "0.052", "<0.001", "–"]
        assert [gigabytes(count) for count in (478e9, 84.2e9, 40e6)] == ["478", "84.2", "0.04"]

    @pytest.mark.parametrize(
        ("minutes", "words"),
        [
            (380, "6 h 20 min"),
            (420, "7 h"),
            (1.5, "90 s"),
            (0, "0 s"),
            (45, "45 min"),
            (3000, "2 d 2 h"),
            (-45, "−45 min"),
        ],
    )
    def test_spans(self, minutes: float, words: str):
        """Hours and minutes, below two minutes seconds, above a day without minutes."""
        assert plain(span(timedelta(minutes=minutes))) == words


class TestClock:
    NOW = datetime(2026, 11, 23, 19, 10, tzinfo=UTC)

    def test_the_day_is_said_when_it_is_not_today(self):
        """Today by the clock alone, this week with the weekday, else with the date; all on the reader's clock."""
        clock = Clock(self.NOW, BERLIN)
        times = [timedelta(hours=3), timedelta(hours=7, minutes=20), timedelta(days=-12), timedelta(seconds=90)]
        assert [clock.time(self.NOW + span) for span in times] == ["23:10", "Tue 03:30", "11 Nov 20:10", "20:11:30"]
        assert clock.full(self.NOW) == "Mon 23 Nov 2026, 20:10"
        assert clock.name == "Europe/Berlin (CET)"
        assert clock.iso(self.NOW) == "2026-11-23T20:10:00+01:00"

    def test_utc_has_no_second_name(self):
        """UTC is called UTC."""
        assert Clock(self.NOW, ZoneInfo("UTC")).name == "UTC"

    @pytest.mark.parametrize(
        ("said", "shown"),
        [
            ("Cleanest 2 h start 18:00 UTC. Deadline 22:47 UTC.", "Cleanest 2 h start 19:00. Deadline 23:47."),
            ("Deadline Tue 00:17 UTC.", "Deadline Tue 01:17."),
            ("Start 23:30 UTC.", "Start Tue 00:30."),
            ("Waited since Sun 22:59 UTC.", "Waited since Sun 23:59."),
            ("Waited since Sun 23:00 UTC.", "Waited since 00:00."),
            ("Start 18:00:05 UTC, at 412 g.", "Start 19:00:05, at 412 g."),
            ("Nothing at 12:00 here.", "Nothing at 12:00 here."),
        ],
    )
    def test_sentences_of_decisions(self, said: str, shown: str):
        """Their times, which are UTC, are written on the reader's clock, with the weekday where it is another."""
        decided_at = datetime(2026, 11, 23, 18, 20, tzinfo=UTC)  # a Monday
        assert Clock(decided_at, ZoneInfo("Europe/Berlin")).sentence(said, decided_at) == shown
