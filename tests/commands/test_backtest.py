from __future__ import annotations

import gzip
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hypercarbon import cli
from airflow_provider_hypercarbon.commands import backtest
from tests.carbon.grid import HOUR, NOW, solar_day

#: Twenty days of a grid with a dip at noon, from a midnight on.
BEGIN = NOW.replace(hour=0) - timedelta(days=20)
LINES = ["datetime_utc,ci_g_per_kwh"]
LINES += [f"{BEGIN + i * HOUR:%Y-%m-%dT%H:%MZ},{solar_day(BEGIN + i * HOUR) + i % 5:.2f}" for i in range(480)]


@pytest.fixture
def trace(tmp_path: Path) -> str:
    path = tmp_path / "trace.csv"
    path.write_text("\n".join(LINES))
    return str(path)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert cli.main([*arguments, "--json"]) == cli.DONE
    return json.loads(capsys.readouterr().out)


class TestBacktest:
    def test_the_rows_hold_what_scripts_need(self, capsys: pytest.CaptureFixture[str], trace: str):
        """One row a policy and window; perfect foresight is the best, starting at once saves nothing."""
        rows = run(capsys, "backtest", trace, "--zone", "GB", "--windows", "4h,12h")["rows"]
        wanted = {
            "policy", "zone", "window_hours", "duration_hours", "saving_percent",
            "share_of_perfect_foresight_percent", "mean_delay_hours", "dirtier_percent", "calls_per_job",
        }  # fmt: skip
        assert all(wanted <= set(row) for row in rows)
        assert {row["window_hours"] for row in rows} == {4, 12}
        found = {row["policy"]: row for row in rows if row["window_hours"] == 12}
        assert found["run_now"]["saving_percent"] == 0
        assert found["perfect_foresight"]["share_of_perfect_foresight_percent"] == pytest.approx(100)
        assert 80 < found["history"]["share_of_perfect_foresight_percent"] <= 100.001
        assert found["history"]["zone"] == "GB"

    def test_people_get_a_table_with_the_words_why(self, capsys: pytest.CaptureFixture[str], trace: str):
        """Attributional, average, location-based; never avoided."""
        assert cli.main(["backtest", trace, "--windows", "4h"]) == cli.DONE
        shown = " ".join(capsys.readouterr().out.split())
        assert "perfect_foresight" in shown
        assert "average, location-based" in shown
        assert "avoided" not in shown

    def test_a_cron_is_read_in_its_time_zone(self, capsys: pytest.CaptureFixture[str], trace: str):
        """01:00 in Berlin in winter is midnight in UTC: one job a day."""
        arguments = ["backtest", trace, "--cron", "0 1 * * *", "--timezone", "Europe/Berlin", "--windows", "12h"]
        rows = run(capsys, *arguments, "--by", "hour")["rows"]
        assert {row["group"] for row in rows} == {1}
        assert 10 <= rows[0]["jobs"] <= 13

    def test_by_month_and_as_a_picture(self, capsys: pytest.CaptureFixture[str], trace: str, tmp_path: Path):
        """A breakdown is drawn as lines, the whole as bars; three kinds of file."""
        for name in ("whole.png", "whole.svg", "whole.html"):
            run(capsys, "backtest", trace, "--windows", "4h", "--plot", str(tmp_path / name))
        run(capsys, "backtest", trace, "--windows", "4h", "--by", "month", "--plot", str(tmp_path / "months.svg"))
        assert (tmp_path / "whole.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (tmp_path / "whole.svg").read_text()
        page = (tmp_path / "whole.html").read_text()
        assert page.startswith("<!doctype html>")
        assert "Backtest of DE" in page

    def test_compressed_files_and_forecasts_are_read(
        self, capsys: pytest.CaptureFixture[str], trace: str, tmp_path: Path
    ):
        """With issued forecasts our policy has two more curves."""
        packed = tmp_path / "trace.csv.gz"
        packed.write_bytes(gzip.compress("\n".join(LINES).encode()))
        issues = ["issue_utc," + ",".join(f"h{i}" for i in range(48))]
        for day in range(20):
            start = BEGIN + timedelta(days=day)
            values = ",".join(f"{solar_day(start + i * HOUR):.1f}" for i in range(48))
            issues.append(f"{start:%Y-%m-%dT%H:%MZ},{values}")
        forecasts = tmp_path / "forecasts.csv"
        forecasts.write_text("\n".join(issues))
        rows = run(capsys, "backtest", str(packed), "--forecasts", str(forecasts), "--windows", "12h")["rows"]
        assert {"fixed", "learned"} <= {row["policy"] for row in rows}

    def test_several_zones_stand_side_by_side(self, capsys: pytest.CaptureFixture[str], trace: str, tmp_path: Path):
        """One zone a trace, each with its rows, and the mean over them; drawn below each other."""
        picture = tmp_path / "zones.svg"
        arguments = [trace, trace, "--zone", "DE, FR", "--windows", "4h", "--plot", str(picture)]
        rows = run(capsys, "backtest", *arguments)["rows"]
        assert [row["zone"] for row in rows if row["policy"] == "history"] == ["DE", "FR", "all"]
        assert picture.exists()
        assert cli.main(["backtest", *arguments[:6]]) == cli.DONE
        assert "FR" in capsys.readouterr().out

    def test_by_season(self, capsys: pytest.CaptureFixture[str], trace: str):
        """Twenty days before March are winter; people read the months, scripts the first of them."""
        arguments = ["backtest", trace, "--windows", "4h", "--by", "season"]
        assert {row["group"] for row in run(capsys, *arguments)["rows"]} == {12, 3}
        assert cli.main(arguments) == cli.DONE
        assert "Dec-Feb" in capsys.readouterr().out

    def test_two_processes_find_what_one_finds(
        self, capsys: pytest.CaptureFixture[str], trace: str, monkeypatch: pytest.MonkeyPatch
    ):
        """A long replay uses a second core; rows and their order stay."""
        alone = run(capsys, "backtest", trace, "--windows", "4h,12h")
        monkeypatch.setattr(backtest, "_WORTH_A_PROCESS", 0)
        assert run(capsys, "backtest", trace, "--windows", "4h,12h") == alone

    def test_a_sources_history_can_be_replayed(self, capsys: pytest.CaptureFixture[str]):
        """The mock has a past as well."""
        rows = run(capsys, "backtest", "--source", "mock", "--zone", "GB", "--days", "15", "--windows", "4h")["rows"]
        assert rows[0]["zone"] == "GB"

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ([], "Give CSV files, or --source"),
            (["TRACE", "TRACE"], "Name one zone a trace"),
            (["TRACE", "--forecasts", "a.csv", "--forecasts", "b.csv"], "once for each trace"),
            (["nowhere.csv"], "cannot be read"),
            (["TRACE", "--source", "mock"], "one of them"),
            (["TRACE", "--timezone", "Mars/Olympus"], "no time zone"),
            (["TRACE", "--cron", "now and then"], "no cron expression"),
            (["TRACE", "--windows", "500h"], "too short"),
            (["TRACE", "--plot", "out.pdf", "--windows", "4h"], "no picture"),
        ],
    )
    def test_mistakes_are_one_sentence(
        self, capsys: pytest.CaptureFixture[str], trace: str, arguments: list[str], said: str
    ):
        """Exit code 2, and what to do."""
        given = [trace if argument == "TRACE" else argument for argument in arguments]
        assert cli.main(["backtest", *given]) == cli.WRONG_USE
        assert said in capsys.readouterr().err

    def test_a_broken_trace_names_the_line(self, capsys: pytest.CaptureFixture[str], tmp_path: Path):
        """Exit code 3: the data cannot be used."""
        path = tmp_path / "broken.csv"
        path.write_text("\n".join([*LINES[:5], "2026-03-02T18:00Z,much"]))
        assert cli.main(["backtest", str(path)]) == cli.NO_ANSWER
        assert "Line 6" in capsys.readouterr().err


class TestSuggestCron:
    def test_the_best_hour_comes_first(self, capsys: pytest.CaptureFixture[str], trace: str):
        """The dip at noon is worth waiting for from the morning on."""
        found = run(capsys, "suggest-cron", trace, "--windows", "4h,12h")["suggestions"]
        assert len(found) == 5
        savings = [row["saving_percent"] for row in found]
        assert savings == sorted(savings, reverse=True)

    def test_one_zone_at_a_time(self, capsys: pytest.CaptureFixture[str], trace: str):
        """Each zone has hours of its own."""
        assert cli.main(["suggest-cron", trace, trace, "--zone", "DE,FR"]) == cli.WRONG_USE
        assert "One trace at a time" in capsys.readouterr().err

    def test_people_get_a_schedule_to_copy(self, capsys: pytest.CaptureFixture[str], trace: str):
        """A cron expression and a max_delay."""
        assert cli.main(["suggest-cron", trace, "--windows", "12h", "--most", "2"]) == cli.DONE
        shown = capsys.readouterr().out
        assert "* * *" in shown
        assert "12h" in shown
