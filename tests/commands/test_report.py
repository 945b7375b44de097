from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from airflow_provider_hypercarbon import cli
from airflow_provider_hypercarbon.report_store import ResultsDatabase
from tests.summaries.table import fill


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Four nights from the 29th of August on."""
    path = tmp_path_factory.mktemp("report") / "results.db"
    engine = sa.create_engine(f"sqlite:///{path}")
    fill(ResultsDatabase(engine), days=4, first_day=28)
    engine.dispose()
    return str(path)


def rows(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert cli.main(["report", *arguments, "--json"]) == cli.DONE
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["rows"]
    return found


class TestReport:
    def test_by_zone(self, capsys: pytest.CaptureFixture[str], database: str):
        """Groups in order, each with what scripts need."""
        found = rows(capsys, database, "--by", "zone")
        assert [row["group"] for row in found if row["signal"]] == [{"zone": "DE"}, {"zone": "FR"}]
        assert found[0]["sums"]["emissions_kgco2eq"] > 0
        assert {"gco2eq_per_gb", "operations_by_tier", "provisional", "known"} <= set(found[0])

    def test_filters(self, capsys: pytest.CaptureFixture[str], database: str):
        """Month, days, zone, DAG and VM, alone and together."""

        def operations(*arguments: str) -> int:
            return sum(row["operations"] for row in rows(capsys, database, "--by", "zone", *arguments))

        assert operations() == 20
        assert operations("--month", "2026-09") + operations("--month", "2026-08") == 20
        assert operations("--since", "2026-08-30", "--until", "2026-08-31T00:00:00+00:00") in range(3, 8)
        assert operations("--zone", "germany") == operations("--dag", "nightly") == 12
        assert operations("--vm", "/DC0/vm/mail") == 4
        assert operations("--zone", "FR", "--vm", "/DC0/vm/mail") == 0

    def test_no_figure_is_cut_off_in_a_common_terminal(
        self, database: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ):
        """80 columns: the groups share one, two figures are left to the files, and none ends in dots."""
        monkeypatch.setenv("COLUMNS", "80")
        assert cli.main(["report", database, "--by", "vm,month"]) == cli.DONE
        shown = capsys.readouterr().out
        assert "…" not in shown
        table = [line for line in shown.splitlines() if "  " in line]
        assert max(map(len, table)) <= 80
        assert any("/DC0/vm/" in line for line in table)

    def test_people_get_a_table_with_ranges(
        self, capsys: pytest.CaptureFixture[str], database: str, monkeypatch: pytest.MonkeyPatch
    ):
        """With totals, and the words how to read it."""
        monkeypatch.setenv("COLUMNS", "160")
        assert cli.main(["report", database, "--by", "month,zone"]) == cli.DONE
        shown = " ".join(capsys.readouterr().out.split())
        assert "low to high" in shown
        assert "scenario bounds" in shown
        assert "│ all" in shown

    def test_files(self, database: str, tmp_path: Path):
        """Several at once, each whole; nothing else is left in the folder."""
        wanted = [tmp_path / "a.csv", tmp_path / "b.html"]
        assert (
            cli.main(["report", database, *(word for path in wanted for word in ("--output", str(path)))]) == cli.DONE
        )
        assert sorted(tmp_path.iterdir()) == wanted
        assert {line["month"] for line in csv.DictReader(wanted[0].read_text().splitlines())} == {
            "2026-08",
            "2026-09",
        }

    def test_the_database_may_stand_in_the_environment(
        self, capsys: pytest.CaptureFixture[str], database: str, monkeypatch: pytest.MonkeyPatch
    ):
        """A password on the command line would be seen by everybody."""
        monkeypatch.setenv("HYPERCARBON_RESULTS_URL", f"sqlite:///{database}")
        assert len(rows(capsys)) >= 2

    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            (["--by", "colour"], "Choose among month, vm, dag, zone"),
            (["--month", "October"], "is no month"),
            (["--month", "2026-10", "--since", "2026-10-01"], "Give --month, or --since and --until"),
            (["--since", "yesterday"], "Write 2026-10-01"),
            (["--since", "2026-10-01T00:00:00"], "no time zone"),
            (["--output", "report.xlsx"], "must end in"),
            (["--output", "/no/such/folder/report.csv"], "cannot be written"),
            (["--zone", "no such zone!"], "Unknown zone"),
        ],
    )
    def test_wrong_use_is_a_sentence(
        self, capsys: pytest.CaptureFixture[str], database: str, arguments: list[str], why: str
    ):
        """Exit code 2, and what to do instead."""
        assert cli.main(["report", database, *arguments]) == cli.WRONG_USE
        assert why in capsys.readouterr().err

    def test_an_empty_table(self, capsys: pytest.CaptureFixture[str], tmp_path: Path):
        """Said, not drawn."""
        path = tmp_path / "empty.db"
        path.touch()
        assert cli.main(["report", str(path)]) == cli.DONE
        assert "there is no report" in capsys.readouterr().out
