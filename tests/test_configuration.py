from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_hypercarbon import configuration
from airflow_provider_hypercarbon.exceptions import ConfigurationError


class TestDefaults:
    def test_they_are_those_of_the_mission(self):
        """Waiting on, California, 200 g, 4 h, 15 min, start without data."""
        assert configuration.enabled() is True
        assert configuration.default_zone() == "US-CAL-CISO"
        assert configuration.default_max_intensity() == 200
        assert configuration.default_max_delay() == timedelta(hours=4)
        assert configuration.check_interval() == timedelta(minutes=15)
        assert configuration.fallback_on_error() is True
        assert configuration.minimum_poke_interval() == timedelta(seconds=60)

    def test_the_environment_wins(self, monkeypatch: pytest.MonkeyPatch):
        """As for any option of Airflow."""
        monkeypatch.setenv("AIRFLOW__HYPERCARBON__DEFAULT_MAX_DELAY", "PT12H")
        assert configuration.default_max_delay() == timedelta(hours=12)

    def test_a_wrong_span_names_the_option(self, monkeypatch: pytest.MonkeyPatch):
        """So that nobody has to search for it."""
        monkeypatch.setenv("AIRFLOW__HYPERCARBON__CHECK_INTERVAL", "often")
        with pytest.raises(ConfigurationError, match=r"\[hypercarbon\] check_interval"):
            configuration.check_interval()
