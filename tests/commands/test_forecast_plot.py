from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_hypercarbon.cli import main


class TestForecastPlot:
    def test_in_the_terminal(self, capsys: pytest.CaptureFixture[str]):
        """A bar an hour, and the planned start is marked once."""
        assert main(["status", "--source", "mock", "--zone", "GB", "--hours", "24", "--plot"]) == 0
        out = capsys.readouterr().out
        assert out.count("█") > 100
        assert out.count("◀ start") == 1

    @pytest.mark.parametrize("kind", [".png", ".svg", ".html"])
    def test_to_a_file(self, tmp_path: Path, kind: str):
        """The picture is of the kind that its name says."""
        pytest.importorskip("matplotlib")
        path = tmp_path / f"gb{kind}"
        assert main(["status", "--source", "mock", "--zone", "GB", "--plot", str(path)]) == 0
        begin = path.read_bytes()[:60]
        assert {".png": b"PNG", ".svg": b"<?xml", ".html": b"<!doctype html>"}[kind] in begin

    def test_another_kind(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
        """A name that is no picture's is refused before anybody is asked."""
        assert main(["status", "--source", "mock", "--plot", str(tmp_path / "gb.docx")]) == 2
        assert ".svg" in capsys.readouterr().err
