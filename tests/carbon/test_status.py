from __future__ import annotations

from datetime import timedelta

from airflow_provider_hypercarbon.carbon.intensity import IntensityLevel
from airflow_provider_hypercarbon.carbon.status import grid_status
from tests.carbon.grid import HOUR, NOW, reading, series


class TestGridStatus:
    def test_at_the_threshold_is_optimal(self):
        """200 against a threshold of 200 is optimal, and its level is moderate: the cut points differ."""
        status = grid_status(reading(200), [], 200, now=NOW)
        assert status.optimal_for_backup
        assert status.level is IntensityLevel.MODERATE
        assert status.next_optimal_at is None

    def test_the_first_slot_at_or_under_the_threshold_is_next(self):
        """The moment when it would next be good to start."""
        status = grid_status(reading(300), series([300, 250, 180, 90]).readings(), 200, now=NOW)
        assert status.next_optimal_at == NOW + 2 * HOUR
        assert "above 200 until 20:00 UTC (180)" in status.sentence

    def test_slots_in_the_past_do_not_count(self):
        """A clean hour that is over is not the next one."""
        forecast = series([50, 300, 300], NOW - 2 * HOUR).readings()
        status = grid_status(reading(300), forecast, 200, now=NOW)
        assert status.next_optimal_at is None
        assert "until at least 19:00" in status.sentence

    def test_the_running_slot_begins_now(self):
        """A slot that has begun is good from now on, not from its begin."""
        forecast = series([150, 150], NOW).readings()
        status = grid_status(reading(300), forecast, 200, now=NOW + timedelta(minutes=20))
        assert status.next_optimal_at == NOW + timedelta(minutes=20)

    def test_no_forecast_is_said_to_be_none(self):
        """A missing forecast is not "no cleaner period"."""
        status = grid_status(reading(300), [], 200, now=NOW)
        assert "there is no forecast" in status.sentence

    def test_made_up_data_are_marked(self):
        """The sentence names mock data."""
        assert "mock data" in grid_status(reading(100, synthetic="mock"), [], 200, now=NOW).sentence
