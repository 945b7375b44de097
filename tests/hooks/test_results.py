from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from airflow.providers.common.sql.hooks.sql import DbApiHook
from airflow.sdk import BaseHook

from airflow_provider_hypercarbon.carbon.footprint import make_report
from airflow_provider_hypercarbon.exceptions import ConfigurationError, ReportStoreError
from airflow_provider_hypercarbon.hooks.results import open_results
from airflow_provider_hypercarbon.report_store import CarbonReportStore, RunContext
from tests.carbon.grid import NOW, series
from tests.report_store.databases import KINDS, airflow_uri, fresh_database

REPORT = make_report(
    operation_id="job-1",
    zone="DE",
    started_at=NOW,
    ended_at=NOW + timedelta(hours=2),
    series=series([300, 500]),
    data_gb=500.0,
)
CONTEXT = RunContext(dag_id="backup", run_id="manual__1", task_id="report")


@pytest.fixture
def define(monkeypatch: pytest.MonkeyPatch):
    """Define the connection ``results`` in the environment."""
    return lambda value: monkeypatch.setenv("AIRFLOW_CONN_RESULTS", value)


@pytest.mark.parametrize("kind", KINDS)
def test_each_database_works_through_its_airflow_hook(kind: str, tmp_path: Path, define):
    """A connection of type sqlite, postgres or mysql is all that the results table needs."""
    for url in fresh_database(kind, tmp_path):
        define(airflow_uri(url))
        assert isinstance(BaseHook.get_hook("results"), DbApiHook)
        for _ in range(2):
            with open_results("results") as database:
                CarbonReportStore(database).save(REPORT, CONTEXT, now=NOW)
        with open_results("results") as database:
            (stored,) = CarbonReportStore(database).recent()
        assert (stored.report, stored.context) == (REPORT, CONTEXT)


@pytest.mark.parametrize("form", ["sqlite://{}", "sqlite:///{}", "json"])
def test_every_common_form_of_an_sqlite_connection_means_the_same_file(form: str, tmp_path: Path, define):
    """Three slashes, four slashes, or JSON with the path as the host."""
    path = tmp_path / "results.db"
    define(json.dumps({"conn_type": "sqlite", "host": str(path)}) if form == "json" else form.format(path))
    with open_results("results") as database:
        CarbonReportStore(database).save(REPORT, CONTEXT, now=NOW)
    engine = sa.create_engine(f"sqlite:///{path}")
    assert sa.inspect(engine).has_table("hypercarbon_reports")
    engine.dispose()


@pytest.mark.parametrize("uri", ["sqlite://", "sqlite:///:memory:", "sqlite://results.db"])
def test_a_file_that_each_task_would_have_of_its_own_is_refused(uri: str, define):
    """In memory, or in whatever folder a worker runs in: the error shows a whole path."""
    define(uri)
    with (
        pytest.raises(ConfigurationError, match=r"not a whole path\. Write sqlite:///srv"),
        open_results("results"),
    ):
        pass


def test_a_missing_connection_says_how_to_define_it():
    """No default connections exist: the error shows the command and the variable."""
    with pytest.raises(ConfigurationError, match="airflow connections add results_nowhere --conn-uri") as raised:
        open_results("results_nowhere").__enter__()
    assert "AIRFLOW_CONN_RESULTS_NOWHERE='sqlite:///" in str(raised.value)


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("hypercarbon://", "has the type 'hypercarbon', which is no SQL database"),
        ("oracle-of-delphi://x", "Unknown hook type"),
    ],
)
def test_what_is_no_database_is_refused(uri: str, why: str, define):
    """Another type of connection, and one of a provider that is not installed."""
    define(uri)
    with pytest.raises(ConfigurationError, match=why), open_results("results"):
        pass


def test_a_missing_driver_names_the_extra(define, monkeypatch: pytest.MonkeyPatch):
    """The provider is there and its driver is not: the error names what to install."""
    define("postgresql://user:top-secret@127.0.0.1:1/results")
    BaseHook.get_hook("results")  # Airflow remembers for the whole process which hooks can be imported
    monkeypatch.setitem(sys.modules, "airflow.providers.postgres.hooks.postgres", None)
    with pytest.raises(ConfigurationError, match=r"airflow-provider-hypercarbon\[postgres\]") as raised:
        open_results("results").__enter__()
    assert "top-secret" not in str(raised.value)


def test_connections_are_closed_also_after_an_error(tmp_path: Path, define):
    """Whatever happens inside, no connection to the database stays open."""
    define(f"sqlite://{tmp_path / 'results.db'}")
    opened = open_results("results")
    database = opened.__enter__()
    before = database.engine.pool
    assert not opened.__exit__(ReportStoreError, ReportStoreError("upset"), None)
    assert database.engine.pool is not before  # disposing gives an engine a new pool
