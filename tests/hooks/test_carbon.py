from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_hypercarbon.exceptions import ConfigurationError
from airflow_provider_hypercarbon.hooks.carbon import EXAMPLE_CONNECTION, CarbonHook
from airflow_provider_hypercarbon.hooks.connections import extra_of
from airflow_provider_hypercarbon.sources.electricity_maps import ElectricityMapsSource
from airflow_provider_hypercarbon.sources.mock import MockSource

HOUR = timedelta(hours=1)


@pytest.fixture
def define(monkeypatch: pytest.MonkeyPatch) -> Any:
    def define(**fields: Any) -> CarbonHook:
        connection = {"conn_type": "hypercarbon", **fields}
        monkeypatch.setenv("AIRFLOW_CONN_GRID", json.dumps(connection))
        return CarbonHook("grid")

    return define


@pytest.fixture
def mock(define: Any) -> CarbonHook:
    return define(extra={"source": "mock", "zone": "GB"})


class TestConnection:
    def test_a_missing_one_shows_how_to_define_it(self):
        """The error can be copied into a shell; it never falls back to the mock."""
        with pytest.raises(ConfigurationError) as missing:
            CarbonHook("nowhere").get_conn()
        assert f"airflow connections add nowhere --conn-json '{EXAMPLE_CONNECTION}'" in str(missing.value)
        assert "AIRFLOW_CONN_NOWHERE" in str(missing.value)

    def test_a_missing_one_shows_it_in_a_trigger_too(self):
        """The asynchronous way ends in the same sentence."""
        with pytest.raises(ConfigurationError, match="AIRFLOW_CONN_NOWHERE"):
            asyncio.run(CarbonHook("nowhere").aload())

    def test_the_example_of_the_error_works(self, monkeypatch: pytest.MonkeyPatch):
        """What we tell people to type is a connection that works."""
        monkeypatch.setenv("AIRFLOW_CONN_GRID", EXAMPLE_CONNECTION)
        assert isinstance(CarbonHook("grid").get_conn(), MockSource)
        assert asyncio.run(CarbonHook("grid").aload()).default_zone == "US-CAL-CISO"

    def test_electricity_maps_is_the_default_source(self, define: Any):
        """A connection with nothing but a token asks Electricity Maps."""
        assert isinstance(define(password="a-token").get_conn(), ElectricityMapsSource)

    def test_without_a_token_it_says_so(self, define: Any):
        """Electricity Maps without a token is a mistake, not the mock."""
        with pytest.raises(ConfigurationError, match="token"):
            define().get_conn()

    @pytest.mark.parametrize(
        ("extra", "said"),
        [
            ({"source": "crystal-ball"}, "source"),
            ({"api_version": "v5"}, "api_version"),
            ({"emission_factors": "none"}, "emission_factors"),
            ({"source": "mock", "seconds_per_day": 1}, "seconds_per_day"),
        ],
    )
    def test_a_wrong_field_is_named_without_its_secrets(self, define: Any, extra: dict[str, Any], said: str):
        """The error names the connection and the field, and holds no token."""
        with pytest.raises(ConfigurationError, match=said) as wrong:
            define(password="canary-token", extra=extra).get_conn()
        assert "'grid'" in str(wrong.value)
        assert "canary-token" not in str(wrong.value)

    def test_empty_fields_of_the_form_are_not_set(self, define: Any):
        """Airflow's form stores an empty choice as null or as an empty text."""
        hook = define(extra={"source": "mock", "api_version": None, "emission_factors": "", "zone": None})
        assert hook.default_zone == "US-CAL-CISO"
        assert hook.get_conn().name == "mock"

    def test_the_button_asks_the_default_zone(self, mock: CarbonHook, define: Any):
        """Good or bad, a sentence comes back; mock data are said to be."""
        done, said = mock.test_connection()
        assert done
        assert said.startswith("GB at ")
        assert "mock data" in said
        done, said = define().test_connection()
        assert not done
        assert "token" in said


class TestQuestions:
    def test_each_answer_carries_zone_source_and_mark(self, mock: CarbonHook):
        """Nobody can mistake the mock's values for measured ones."""
        now = datetime.now(UTC)
        readings = [mock.get_current_intensity(), *mock.get_forecast(hours=6)]
        readings += mock.get_history("GB", now - 3 * HOUR, now)
        assert {(r.zone, r.source, r.synthetic) for r in readings} == {("GB", "mock", "mock")}
        assert mock.get_forecast("SE", 3)[0].zone == "SE"

    def test_the_forecast_reaches_as_far_as_asked(self, mock: CarbonHook):
        """From the running hour to the one that holds now plus the hours."""
        slots = mock.get_forecast(hours=6)
        assert slots[0].start_at <= datetime.now(UTC) < slots[0].end_at
        assert slots[-1].end_at >= datetime.now(UTC) + 6 * HOUR - timedelta(seconds=5)

    def test_the_status_compares_with_the_threshold(self, mock: CarbonHook):
        """The configured 200 is the threshold of those who give none."""
        assert mock.get_grid_status("DE").threshold == 200
        assert not mock.get_grid_status("IN-NO", threshold=1).optimal_for_backup
        assert mock.get_grid_status("SE", threshold=1000).optimal_for_backup

    def test_the_zones_are_the_sources(self, mock: CarbonHook):
        """Twelve of the mock."""
        assert len(mock.list_zones()) == 12

    def test_the_savings_estimate(self, mock: CarbonHook):
        """Energy by the named model; never worse than now, never later than the delay."""
        estimate = mock.estimate_savings("US-CAL-CISO", 500, 2 * HOUR, max_delay=24 * HOUR)
        assert estimate.energy_kwh == pytest.approx(0.042198)
        assert estimate.best_kgco2eq <= estimate.now_kgco2eq
        assert 0 <= estimate.delay_minutes <= 24 * 60
        assert mock.estimate_savings(None, 500, 2 * HOUR).zone == "GB"

    def test_a_report_of_anything(self, mock: CarbonHook):
        """Times, size and zone are enough; the table is not touched."""
        end = datetime.now(UTC) - HOUR
        report = mock.generate_report("tape-17", end - 2 * HOUR, end, 500, scheduled_at=end - 5 * HOUR)
        assert report.operation_id == "tape-17"
        assert report.emissions_kgco2eq == pytest.approx(0.092198 * report.mean_gco2eq_per_kwh / 1000)
        assert report.difference_to_scheduled_kgco2eq is not None
        assert report.synthetic == "mock"


class TestExtra:
    @pytest.mark.parametrize("extra", ["[1]", "not json", '"text"'])
    def test_an_extra_that_is_no_object_is_refused(self, extra: str):
        """The error names the connection."""
        from airflow.sdk import Connection

        with pytest.raises(ConfigurationError, match="'grid' is not a JSON object"):
            extra_of(Connection(conn_id="grid", conn_type="hypercarbon", extra=extra))
