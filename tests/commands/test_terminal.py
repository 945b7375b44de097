from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_hypercarbon.cli import main

PLOT = [sys.executable, "-m", "airflow_provider_hypercarbon.cli", "status", "--source", "mock", "--plot"]


def run(*, stdout: int = subprocess.PIPE, words: list[str] = PLOT, **environment: str) -> tuple[int, str, str]:
    done = subprocess.run(
        words, stdout=stdout, stderr=subprocess.PIPE, env={**os.environ, **environment}, check=False, timeout=60
    )
    encoding = environment.get("PYTHONIOENCODING", "utf-8")
    return done.returncode, (done.stdout or b"").decode(encoding), done.stderr.decode(encoding)


class TestTerminal:
    def test_a_reader_who_goes_is_no_accident(self):
        """``hypercarbon zones --all --json | head -1``: no traceback, and the code that shells have for it."""
        reading, writing = os.pipe()
        os.close(reading)
        try:
            code, _, said = run(stdout=writing, words=[*PLOT[:3], "zones", "--all", "--json"])
        finally:
            os.close(writing)
        assert (code, said) == (141, "")

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
    def test_a_full_disk_is_a_sentence(self):
        """Whatever could not be written, it was not our answer."""
        with open("/dev/full", "wb") as full:
            code, _, said = run(stdout=full.fileno())
        assert code == 2
        assert said.startswith("The output cannot be written: ")
        assert said.count("\n") == 1

    @pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
    def test_a_terminal_without_blocks(self, encoding: str):
        """Bars and arrows of letters that every terminal has."""
        code, shown, said = run(PYTHONIOENCODING=encoding)
        assert (code, said) == (0, "")
        assert "#####" in shown
        assert "< start" in shown or "start" in shown
        assert shown.isascii()

    def test_a_narrow_terminal(self):
        """No line of the plot breaks."""
        _, shown, _ = run(COLUMNS="40")
        bars = [line for line in shown.splitlines() if "█" in line]
        assert len(bars) == 25
        assert max(map(len, bars)) <= 40

    def test_sentences_are_whole_in_a_pipe(self):
        """So that grep finds them."""
        _, shown, _ = run(COLUMNS="40")
        assert any(
            line.startswith("A job of 2 h that is ready now: ") and "Deadline" in line for line in shown.splitlines()
        )

    def test_a_picture_of_made_up_data_says_so(self, capsys: pytest.CaptureFixture[str], tmp_path: Path):
        """In the terminal, in the file, and in the estimate."""
        assert main(["status", "--source", "mock", "--plot"]) == 0
        assert "UTC, gCO2eq/kWh (mock data)" in capsys.readouterr().out
        assert main(["estimate", "--source", "mock"]) == 0
        assert "DE (mock data)" in capsys.readouterr().out
        pytest.importorskip("matplotlib")
        path = tmp_path / "de.svg"
        matplotlib = pytest.importorskip("matplotlib")
        with matplotlib.rc_context({"svg.fonttype": "none"}):
            assert main(["status", "--source", "mock", "--plot", str(path)]) == 0
        assert "(mock data)" in path.read_text()

    def test_without_a_command_there_is_help(self, capsys: pytest.CaptureFixture[str]):
        """All commands and a first one to try, on the error stream; exit code 2."""
        assert main([]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert "suggest-cron" in said.err
        assert "hypercarbon status --zone GB" in said.err

    @pytest.mark.parametrize("width", [40, 80, 200])
    def test_a_table_keeps_its_figures(self, capsys: pytest.CaptureFixture[str], monkeypatch, width: int):
        """In a terminal of any width no figure ends in dots."""
        monkeypatch.setenv("COLUMNS", str(width))
        for words in (["zones"], ["estimate", "--source", "mock"], ["zones", "spain"]):
            assert main(words) == 0
            assert "…" not in capsys.readouterr().out
