from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import Any

import pytest

from airflow_provider_hypercarbon.airflow_cli import get_airflow_commands
from airflow_provider_hypercarbon.cli import parser

pytestmark = pytest.mark.airflow


@pytest.fixture(scope="module")
def commands() -> dict[str, Any]:
    (group,) = get_airflow_commands()
    assert group.name == "hypercarbon"
    return {command.name: command for command in group.subcommands}


def run(command: Any, *words: str) -> int:
    made = argparse.ArgumentParser()
    for arg in command.args:
        arg.add_to_parser(made)
    with pytest.raises(SystemExit) as ended:
        command.func(made.parse_args(words))
    return int(ended.value.code or 0)


#: A log's handler that is there already, one that asks for the stream, and our answer between them.
_LOGGING = """
import sys, structlog
structlog.configure(logger_factory=structlog.WriteLoggerFactory())  # as Airflow does
handler = sys.stdout
from airflow_provider_hypercarbon.airflow_cli import _logs_apart
with _logs_apart():
    print("our answer")
    handler.write("an old log\\n"); handler.flush()
    structlog.get_logger().warning("a new log")
print("afterwards")
"""


class TestAirflowCommands:
    def test_what_airflow_logs_does_not_stand_in_the_answer(self):
        """Airflow logs to standard output; there ``--json`` promises one document and nothing else."""
        done = subprocess.run(
            [sys.executable, "-c", _LOGGING], capture_output=True, text=True, check=True, timeout=60
        )
        assert done.stdout == "our answer\nafterwards\n"
        assert "an old log" in done.stderr
        assert "a new log" in done.stderr

    def test_the_same_commands(self, commands: dict[str, Any]):
        """What ``hypercarbon`` offers, ``airflow hypercarbon`` offers."""
        (group,) = (a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
        assert set(commands) == set(group.choices)

    def test_a_connection_takes_the_place_of_a_token(self, commands: dict[str, Any], capsys):
        """Without ``--source`` the Airflow connection is asked."""
        assert run(commands["estimate"], "--zone", "GB", "--json") == 0
        assert json.loads(capsys.readouterr().out)["zone"] == "GB"

    def test_a_connection_that_is_not_there(self, commands: dict[str, Any], capsys):
        """A missing connection is exit code 2, and how to define it."""
        assert run(commands["estimate"], "--carbon-conn-id", "nowhere") == 2
        assert "airflow connections add nowhere" in capsys.readouterr().err

    def test_the_doctor_finds_what_is_missing(self, commands: dict[str, Any], capsys, airflow_db):
        """Carbon, results and plugin are there in these tests, a daemon is not: exit code 1, with the way out."""
        assert run(commands["doctor"], "--json", "--zone", "GB", "--hypersdk-conn-id", "nowhere") == 1
        found = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
        assert found["Carbon page and REST API"]["ok"]
        assert found["hypercarbon_results"]["ok"]
        assert found["GB, forecast"]["ok"]
        assert found["nowhere"]["ok"] is False
        assert "airflow connections add" in found["nowhere"]["advice"]
