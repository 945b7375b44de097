from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from airflow_provider_hypercarbon import __version__, cli, sources
from airflow_provider_hypercarbon.sources.chain import KeylessSource
from tests.sources.dialects import EnergyCharts, Grid, Neso, Service


class TestCommands:
    def test_zones(self, capsys: pytest.CaptureFixture[str]):
        """A table for people, JSON for scripts, twelve zones in both."""
        assert cli.main(["zones"]) == cli.DONE
        assert "US-MIDW-MISO" in capsys.readouterr().out
        assert cli.main(["zones", "--json"]) == cli.DONE
        found = json.loads(capsys.readouterr().out)
        assert found["total"] == len(found["zones"]) == 12

    def test_status_of_the_mock(self, capsys: pytest.CaptureFixture[str]):
        """The sentence first, then the hours ahead; invented data are said to be."""
        assert cli.main(["status", "--source", "mock", "--zone", "EU-DE"]) == cli.DONE
        shown = capsys.readouterr().out
        assert shown.startswith("Grid DE at ")
        assert "mock data" in shown
        assert cli.main(["status", "--source", "mock", "--zone", "SE", "--json"]) == cli.DONE
        found = json.loads(capsys.readouterr().out)
        assert found["status"]["zone"] == found["plan"]["zone"] == "SE"

    def test_status_says_what_a_job_would_do(self, capsys: pytest.CaptureFixture[str]):
        """The plan with its reason, and which curve the expected means come from."""
        arguments = ["status", "--source", "mock", "--zone", "GB", "--duration", "90min", "--max-delay", "12h"]
        assert cli.main(arguments) == cli.DONE
        shown = " ".join(capsys.readouterr().out.split())
        assert "A job of 1 h 30 min that is ready now: Grid GB at" in shown
        assert "Curve: fixed, from mock; job of 1 h 30 min (given)." in shown

    def test_wrong_settings_exit_with_2(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
        """No token, or no such zone: one sentence on the error stream."""
        monkeypatch.delenv("ELECTRICITY_MAPS_TOKEN", raising=False)
        assert cli.main(["status", "--source", "electricity_maps"]) == cli.WRONG_USE
        assert "token" in capsys.readouterr().err
        assert cli.main(["status", "--source", "crystal-ball"]) == cli.WRONG_USE
        assert "There are: electricity_maps, neso" in capsys.readouterr().err
        assert cli.main(["status", "--source", "mock", "--zone", "Atlantis"]) == cli.WRONG_USE
        assert "hypercarbon zones" in capsys.readouterr().err

    def test_every_zone_can_be_looked_for(self, capsys: pytest.CaptureFixture[str]):
        """By key, name or country; who knows it, who needs no key for it, and where no job waits."""
        assert cli.main(["zones", "--all", "--json"]) == cli.DONE
        assert json.loads(capsys.readouterr().out)["total"] == 397
        assert cli.main(["zones", "hong", "--json"]) == cli.DONE
        (hong_kong,) = json.loads(capsys.readouterr().out)["zones"]
        assert (hong_kong["key"], hong_kong["modelled"]) == ("HK", True)
        assert hong_kong["sources"] == ["electricity_maps", "ember_yearly"]
        assert cli.main(["zones", "london"]) == cli.DONE
        shown = capsys.readouterr().out
        assert "GB-NESO-13" in shown
        assert "neso" in shown
        assert cli.main(["zones", "Atlantis"]) == cli.WRONG_USE
        assert "Unknown zone" in capsys.readouterr().err

    @pytest.mark.parametrize(("zone", "who"), [("GB", "NESO"), ("DE", "Energy-Charts")])
    def test_without_a_key_the_zones_own_source_is_asked(
        self, zone: str, who: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ):
        """It says so, before the state, and in JSON."""
        monkeypatch.delenv("ELECTRICITY_MAPS_TOKEN", raising=False)
        grid = Grid(now=datetime.now(UTC))
        keyless = KeylessSource([Service(dialect, grid).source() for dialect in (Neso(), EnergyCharts())])
        monkeypatch.setattr(sources, "open_source", lambda config: keyless if config.source == "keyless" else None)
        assert cli.main(["status", "--zone", zone]) == cli.DONE
        shown = " ".join(capsys.readouterr().out.split())
        assert shown.startswith(f"No key is set, so {who} is asked, which needs none. Grid {zone} at ")
        assert cli.main(["status", "--zone", zone, "--json"]) == cli.DONE
        assert who in json.loads(capsys.readouterr().out)["note"]

    @pytest.mark.parametrize("zone", ["GB", "DE"])
    def test_without_a_key_and_out_of_reach_it_is_one_sentence(
        self, zone: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ):
        """Who was asked, that there was no answer, and how to look around meanwhile; exit code 3."""
        monkeypatch.delenv("ELECTRICITY_MAPS_TOKEN", raising=False)

        def respond(_: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("refused")

        members = [Service(dialect, respond=respond).source() for dialect in (Neso(), EnergyCharts())]
        monkeypatch.setattr(sources, "open_source", lambda _: KeylessSource(members))
        assert cli.main(["status", "--zone", zone]) == cli.NO_ANSWER
        said = capsys.readouterr()
        assert said.out == ""
        sentence, way_out = said.err.splitlines()
        assert sentence.startswith("No key is set, so ")
        assert sentence.count(". ") == 0
        assert way_out == "To look around meanwhile, with made-up data: add --source mock."
        assert cli.main(["status", "--zone", "JP-TK"]) == cli.WRONG_USE
        sentence, way_out = capsys.readouterr().err.splitlines()
        assert sentence.startswith("No source without a key knows JP-TK")
        assert "ELECTRICITY_MAPS_TOKEN" in way_out

    def test_several_sources_in_their_order(self, capsys: pytest.CaptureFixture[str]):
        """With commas; what one could not tell is told."""
        arguments = ["status", "--source", "trace,ember_yearly", "--path", "/nowhere/{zone}.csv", "--zone", "DE"]
        assert cli.main(arguments) == cli.DONE
        shown = " ".join(capsys.readouterr().out.split())
        assert "ember_yearly (average, lifecycle), an estimate, a yearly average" in shown
        assert "No present value from trace: There is no file /nowhere/DE.csv." in shown

    def test_no_answer_exits_with_3(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
        """A source that is out of reach: one sentence, no traceback."""
        from airflow_provider_hypercarbon.exceptions import UnavailableError

        def no_source(_: object) -> None:
            raise UnavailableError("The grid is down. It may work later.")

        monkeypatch.setattr(sources, "open_source", no_source)
        assert cli.main(["status", "--source", "mock"]) == cli.NO_ANSWER
        assert capsys.readouterr().err == "The grid is down. It may work later.\n"

    def test_devserver_and_demo_hand_over(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
        """The options arrive where the work is done; Ctrl-C ends with 130."""
        from airflow_provider_hypercarbon.demo import show
        from airflow_provider_hypercarbon.hypersdk import devserver

        heard: list[object] = []
        monkeypatch.setattr(devserver, "serve", lambda **options: heard.append(options))
        assert cli.main(["devserver", "--port", "1234", "--vm-dir", str(tmp_path)]) == cli.DONE
        assert heard == [{"host": "127.0.0.1", "port": 1234, "vm_dir": tmp_path, "bytes_per_second": 200e6}]
        monkeypatch.setattr(show, "show", lambda *, keep: 7 if keep else 8)
        assert cli.main(["demo", "--keep"]) == 7

        def interrupted(**_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(devserver, "serve", interrupted)
        assert cli.main(["devserver"]) == 130

    def test_version_and_help(self, capsys: pytest.CaptureFixture[str]):
        """Exit codes are part of the help."""
        with pytest.raises(SystemExit):
            cli.main(["--version"])
        assert __version__ in capsys.readouterr().out
        with pytest.raises(SystemExit):
            cli.main(["--help"])
        assert "Exit codes" in capsys.readouterr().out

    def test_it_does_not_import_airflow(self):
        """Importing Airflow costs seconds; a status should not."""
        code = "import sys; from airflow_provider_hypercarbon.cli import main; main(['zones', '--json']); "
        code += "sys.exit(any(name.split('.')[0] == 'airflow' for name in sys.modules))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
        assert done.returncode == 0
