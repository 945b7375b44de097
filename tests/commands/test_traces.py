"""The requirement that a backtest runs straight from the history of every source that has one."""

from __future__ import annotations

import json

import pytest
import time_machine

from airflow_provider_hypercarbon import cli, sources
from tests.sources.dialects import ALL, NOW, Dialect, Service


@pytest.mark.parametrize("dialect", ALL, ids=repr)
def test_a_sources_history_is_replayed(
    dialect: Dialect, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """In the source's own steps, of five minutes or an hour."""
    source = Service(dialect).source()
    monkeypatch.setattr(sources, "open_source", lambda _: source)
    with time_machine.travel(NOW, tick=False):
        arguments = ["backtest", "--source", dialect.name, "--zone", dialect.zone, "--days", "12"]
        assert cli.main([*arguments, "--windows", "4h", "--cron", "0 18 * * *", "--json"]) == cli.DONE
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {row["jobs"] for row in rows} <= {4, 5}  # a slot of an hour reaches into the first evening


def test_a_yearly_average_is_not_replayed(capsys: pytest.CaptureFixture[str]):
    """Every hour is as good as another."""
    assert cli.main(["backtest", "--source", "ember_yearly", "--zone", "DE"]) == cli.WRONG_USE
    assert "yearly averages" in capsys.readouterr().err
