from __future__ import annotations

import json

import pytest

from airflow_provider_hypercarbon.commands.doctor import Check, basics, show

CHECKS = [
    Check("one", True, "there", "nothing"),
    Check("two", None, "not there", "get it, if you want"),
    Check("three", False, "broken", "airflow connections add three --conn-uri 'x://y' " * 4),
]


class TestDoctor:
    def test_what_is_wrong_is_the_exit_code(self, capsys: pytest.CaptureFixture[str]):
        """A note is no fault; a fault is exit code 1, and its advice stands whole on one line."""
        assert show(CHECKS[:2], as_json=False) == 0
        assert "Nothing is wrong." in capsys.readouterr().out
        assert show(CHECKS, as_json=False) == 1
        out = capsys.readouterr().out
        assert CHECKS[2].advice.strip() in out
        assert "1 to mend." in out

    def test_for_scripts(self, capsys: pytest.CaptureFixture[str]):
        """JSON holds every check."""
        assert show(CHECKS, as_json=True) == 1
        found = json.loads(capsys.readouterr().out)
        assert [check["name"] for check in found["checks"]] == ["one", "two", "three"]
        assert found["wrong"] == 1

    def test_basics(self):
        """Versions are told without Airflow."""
        assert {check.name for check in basics()} >= {"airflow-provider-hypercarbon", "Python"}
