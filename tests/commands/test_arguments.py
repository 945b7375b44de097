from __future__ import annotations

import argparse
from datetime import timedelta

import pytest

from airflow_provider_hypercarbon.cli import main
from airflow_provider_hypercarbon.commands.arguments import gigabytes, hours, intensity, number, span, time_zone
from airflow_provider_hypercarbon.exceptions import ConfigurationError


class TestArguments:
    @pytest.mark.parametrize(
        ("text", "size"), [("500", 500), ("500GB", 500), ("1.5 TB", 1500), ("750mb", 0.75), ("1GiB", 2**30 / 1e9)]
    )
    def test_sizes_as_people_write_them(self, text: str, size: float):
        """A bare number is GB; the binary units are larger."""
        assert gigabytes(text) == pytest.approx(size)

    @pytest.mark.parametrize(("text", "ahead"), [("24", 24), ("24h", 24), ("2d", 48), ("90 min", 1.5)])
    def test_hours_ahead(self, text: str, ahead: float):
        """A bare number is hours here, not seconds."""
        assert hours(text) == ahead

    @pytest.mark.parametrize("text", ["2 hours", "2 hrs", "120 minutes", "1 hour 60 mins"])
    def test_spans_in_words(self, text: str):
        """The units may be written out."""
        assert span(text) == timedelta(hours=2)

    @pytest.mark.parametrize("name", ["europe/berlin", "Europe/Berlin"])
    def test_time_zones_in_any_case(self, name: str):
        """Nobody means another one."""
        assert time_zone(name).key == "Europe/Berlin"

    @pytest.mark.parametrize("name", ["", "/etc/passwd", "../Berlin", "Mars/Olympus", "a\0b"])
    def test_no_time_zone(self, name: str):
        """One sentence, whatever it is."""
        with pytest.raises(ConfigurationError, match=r"no time zone\. Write one such as"):
            time_zone(name)

    @pytest.mark.parametrize(
        ("read", "text"),
        [
            *((gigabytes, text) for text in ("nan", "-5", "0", "1e300", "5 bananas", "2000000")),
            *((hours, text) for text in ("nan", "0", "-4", "1e9", "400")),
            *((intensity, text) for text in ("nan", "-5", "0", "inf", "low")),
            *((number(1, 60), text) for text in ("0", "61", "-1", "1.5", "99999999999")),
            *((span, text) for text in ("2x", "400d", "2 months", "")),
        ],
    )
    def test_what_cannot_be_is_refused_with_a_sentence(self, read: object, text: str):
        """That says what was written, and what can be."""
        with pytest.raises(argparse.ArgumentTypeError) as refused:
            read(text)  # type: ignore[operator]
        assert repr(text) in str(refused.value)

    @pytest.mark.parametrize(
        "words",
        [
            ["status", "--hours", "nan"],
            ["status", "--hours", "1e9"],
            ["status", "--threshold", "nan"],
            ["estimate", "--data", "-5"],
            ["estimate", "--duration", "2x"],
            ["backtest", "--source", "mock", "--days", "99999999999"],
            ["backtest", "--source", "mock", "--windows", ""],
            ["suggest-cron", "--most", "-1"],
            ["devserver", "--port", "99999"],
        ],
    )
    def test_no_argument_ends_in_a_traceback(self, words: list[str], capsys: pytest.CaptureFixture[str]):
        """Exit code 2, and the sentence itself rather than the name of a function."""
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2
        said = capsys.readouterr().err
        assert repr(words[-1]) in said
        assert "invalid" not in said
