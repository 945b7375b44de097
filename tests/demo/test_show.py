from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from airflow_provider_hypercarbon.demo import show
from airflow_provider_hypercarbon.demo.local_airflow import LocalAirflow, free_port


class TestDemonstration:
    """The whole of it is run by ``make demo``; here are the parts that can go wrong quietly."""

    def test_the_daemon_runs_in_its_own_process_and_ends(self, tmp_path: Path):
        """Started on a free port, healthy at once, gone afterwards."""
        with show.DevelopmentDaemon(tmp_path) as daemon:
            assert daemon.jobs() == []
            process = daemon._process
        assert process.poll() is not None
        assert not daemon._is_healthy()

    def test_some_zone_is_worth_watching_at_any_hour(self):
        """Whatever the clock says, some mock zone has a wait of the right length."""
        worth = []
        for minute in range(0, 60, 3):
            now = datetime(2026, 3, 2, 18, minute, tzinfo=UTC)
            worth.append(show._worth_watching(show.plan_of(show.choose_zone(now), now))[0])
        assert sum(worth) >= 0.9 * len(worth)

    def test_the_example_is_found(self, tmp_path: Path):
        """In a checkout it lies beside the package."""
        assert [path.name for path in show._copy_example(tmp_path).iterdir()] == ["carbon_aware_backup.py"]

    @pytest.mark.parametrize(
        ("job", "percent"),
        [
            ({"status": "completed"}, 100),
            ({"status": "running", "progress": {"current_step": "Downloading disk... (42%)"}}, 42),
            ({"status": "running", "progress": None}, 0),
        ],
    )
    def test_progress_is_read_from_words(self, job: dict[str, object], percent: float):
        """govc tells its progress in text only."""
        assert show._percent(job) == percent


class TestLocalAirflow:
    def test_it_keeps_to_the_loopback_and_to_its_home(self, tmp_path: Path):
        """Nothing of the surrounding Airflow leaks in, and nothing listens elsewhere."""
        airflow = LocalAirflow(tmp_path, tmp_path / "dags", {"AIRFLOW_CONN_X": "y://"})
        assert airflow.environment["AIRFLOW_HOME"] == str(tmp_path)
        assert airflow.environment["AIRFLOW__API__HOST"] == "127.0.0.1"
        assert airflow.environment["AIRFLOW_CONN_X"] == "y://"
        assert airflow.environment["PATH"].endswith(os.environ["PATH"])
        airflow.stop_all()

    def test_a_failed_start_says_why_and_leaves_nothing_running(self, tmp_path: Path):
        """A database that cannot be reached ends with its words."""
        settings = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////no/such/folder/airflow.db"}
        with pytest.raises(RuntimeError, match="db migrate failed"), LocalAirflow(tmp_path, tmp_path, settings):
            pass

    def test_ports_differ(self):
        """Two services do not get one port."""
        assert free_port() > 0
