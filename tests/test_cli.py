from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_hypercarbon import __version__, cli


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
        assert cli.main(["status"]) == cli.WRONG_USE
        assert "token" in capsys.readouterr().err
        assert cli.main(["status", "--source", "mock", "--zone", "Atlantis"]) == cli.WRONG_USE
        assert "hypercarbon zones" in capsys.readouterr().err

    def test_no_answer_exits_with_3(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
        """A source that is out of reach: one sentence, no traceback."""
        from airflow_provider_hypercarbon import sources
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
