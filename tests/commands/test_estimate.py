from __future__ import annotations

import json

import pytest

from airflow_provider_hypercarbon.cli import main


class TestEstimate:
    def test_for_people(self, capsys: pytest.CaptureFixture[str]):
        """Now and best stand side by side, with what the figures are."""
        assert main(["estimate", "--source", "mock", "--zone", "GB", "--before", "in 12h"]) == 0
        out = capsys.readouterr().out
        assert "now" in out
        assert "attributional" in out

    def test_for_scripts(self, capsys: pytest.CaptureFixture[str]):
        """JSON holds the estimate, whose parts fit together."""
        assert main(["estimate", "--source", "mock", "--data", "750", "--duration", "2h30m", "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["data_gb"], found["duration_hours"]) == (750, 2.5)
        assert found["difference_kgco2eq"] == pytest.approx(found["best_kgco2eq"] - found["now_kgco2eq"])

    @pytest.mark.parametrize(
        "words", [["--before", "noon"], ["--before", "in 90h"], ["--before", "06:00", "--timezone", "Mars/Phobos"]]
    )
    def test_what_cannot_be_read(self, words: list[str], capsys: pytest.CaptureFixture[str]):
        """A wrong moment is exit code 2 with a sentence."""
        assert main(["estimate", "--source", "mock", *words]) == 2
        assert capsys.readouterr().err.strip().endswith(".")
