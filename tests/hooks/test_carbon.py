from __future__ import annotations

import asyncio
import json
import logging
import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from airflow_provider_hypercarbon.carbon.intensity import Signal
from airflow_provider_hypercarbon.carbon.zones import catalogue
from airflow_provider_hypercarbon.exceptions import ConfigurationError
from airflow_provider_hypercarbon.hooks.carbon import EXAMPLE_CONNECTION, CarbonHook, source_config
from airflow_provider_hypercarbon.hooks.connections import extra_of
from airflow_provider_hypercarbon.hooks.readings import log_loader
from airflow_provider_hypercarbon.hooks.sharing import host_file
from airflow_provider_hypercarbon.report_store import DatabaseAnswers
from airflow_provider_hypercarbon.sources.answer_store import FileAnswers, MemoryAnswers
from airflow_provider_hypercarbon.sources.cached import CachedSource
from airflow_provider_hypercarbon.sources.electricity_maps import ElectricityMapsSource
from airflow_provider_hypercarbon.sources.mock import MockSource
from tests.sources.electricity_maps_api import DAY, NOW, Api, denied

HOUR = timedelta(hours=1)


@pytest.fixture
def define(monkeypatch: pytest.MonkeyPatch) -> Any:
    def define(**fields: Any) -> CarbonHook:
        connection = {"conn_type": "hypercarbon", **fields}
        monkeypatch.setenv("AIRFLOW_CONN_GRID", json.dumps(connection))
        return CarbonHook("grid")

    return define


@pytest.fixture(autouse=True)
def fresh_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left over from the test before."""
    from airflow_provider_hypercarbon.sources import shared_answers

    monkeypatch.setattr(shared_answers, "_memory", MemoryAnswers())


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

    def test_a_missing_default_asks_the_sources_without_a_key(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ):
        """What a newcomer expects; the log says who is asked, in a trigger too. A named one stays an error."""
        monkeypatch.delenv("AIRFLOW_CONN_HYPERCARBON_DEFAULT")
        caplog.set_level(logging.INFO)
        hooks = CarbonHook(), asyncio.run(CarbonHook().aload())
        assert [hook.get_conn().name for hook in hooks] == ["keyless", "keyless"]
        assert [hook.default_zone for hook in hooks] == ["US-CAL-CISO", "US-CAL-CISO"]

    def test_the_fields_of_the_form_reach_the_sources(self, define: Any):
        """Several sources, their passwords, tables as JSON text or as objects."""
        hook = define(
            login="me",
            password="token",
            extra={
                "sources": "watttime, electricity_maps, ember_yearly",
                "watttime_password": "secret",
                "watttime_regions": '{"US-TEX-ERCO": "ERCOT"}',
                "regions": {"aws:us-east-1": "US-MIDA-PJM"},
                "refuse_estimated": True,
            },
        )
        chain = hook.get_conn()
        assert [member.name for member in chain.members] == ["watttime", "electricity_maps", "ember_yearly"]
        assert chain.key("aws:us-east-1") == "US-MIDA-PJM"
        assert "US-TEX-ERCO" in {zone.key for zone in chain.members[0].zones()}

    def test_the_button_tells_about_each_source(self, define: Any, tmp_path: Path):
        """What works, and what is wrong with the rest."""
        hook = define(extra={"zone": "DE", "sources": "trace, ember_yearly", "path": f"{tmp_path}/{{zone}}.csv"})
        done, said = hook.test_connection()
        assert done
        assert "trace: There is no file" in said
        assert "DE at 342 gCO2eq/kWh from ember_yearly." in said

    def test_the_example_of_the_error_works(self, monkeypatch: pytest.MonkeyPatch):
        """What we tell people to type is a connection that works."""
        monkeypatch.setenv("AIRFLOW_CONN_GRID", EXAMPLE_CONNECTION)
        assert isinstance(CarbonHook("grid").get_conn(), MockSource)
        assert asyncio.run(CarbonHook("grid").aload()).default_zone == "US-CAL-CISO"

    def test_electricity_maps_is_the_default_source(self, define: Any):
        """A connection with nothing but a token asks Electricity Maps."""
        assert isinstance(define(password="a-token").get_conn().source, ElectricityMapsSource)

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
        """The mock has the whole catalogue."""
        assert mock.list_zones() == list(catalogue())

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


class TestSharing:
    def test_answers_are_shared_by_the_results_database(self, define: Any):
        """Where its connection is defined: every installation that keeps reports has one."""
        source = define(password="a-token").get_conn()
        assert isinstance(source, CachedSource)
        assert isinstance(define(password="a-token").sharing.store, DatabaseAnswers)

    def test_without_a_database_by_a_file_of_this_host(
        self, define: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ):
        """In Airflow's home, in a folder of the user's own."""
        monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
        for extra in ({"results_conn_id": "nowhere"}, {"share_answers": "host"}):
            store = define(password="a-token", extra=extra).sharing.store
            assert isinstance(store, FileAnswers)
            assert store.path == tmp_path / f"hypercarbon-{os.getuid()}" / "answers.db"
        monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "not" / "there"))
        assert host_file().parent.parent == Path(tempfile.gettempdir())

    def test_it_can_be_switched_off(self, define: Any):
        """Then every process asks for itself."""
        assert define(password="a-token", extra={"share_answers": "off"}).sharing.store is None

    def test_the_mock_is_asked_as_it_is(self, mock: CarbonHook):
        """It costs no request."""
        assert isinstance(mock.get_conn(), MockSource)

    @pytest.mark.parametrize("extra", [{"share_answers": "redis"}, {"requests_per_minute": "many"}])
    def test_a_wrong_field_is_named(self, define: Any, extra: dict[str, Any]):
        """With the connection and the value."""
        with pytest.raises(ConfigurationError, match=next(iter(extra))):
            define(password="a-token", extra=extra).get_conn()

    def test_a_trigger_fetches_the_results_connection_too(self, define: Any):
        """While nobody waits for it; none is defined, none is used."""
        hook = asyncio.run(define(password="a-token").aload())
        assert hook.sharing.results.conn_type == "sqlite"
        hook = asyncio.run(define(password="a-token", extra={"results_conn_id": "nowhere"}).aload())
        assert hook.sharing.results is None

    def test_a_database_that_is_away_is_done_without(self, define: Any, monkeypatch: pytest.MonkeyPatch):
        """The hook works; what cannot be shared is not."""
        monkeypatch.setenv("AIRFLOW_CONN_HYPERCARBON_RESULTS", json.dumps({"conn_type": "http", "host": "nowhere"}))
        assert isinstance(define(password="a-token").sharing.store, FileAnswers)


class TestLogOfReadings:
    @pytest.fixture
    def logging_hook(self, define: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CarbonHook:
        results = json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "results.db")})
        monkeypatch.setenv("AIRFLOW_CONN_HYPERCARBON_RESULTS", results)
        hook = define(password="a-token", extra={"zone": "DE", "readings_log": True})
        api = Api()
        hook.source = hook.sharing.wrap(api.source(), source_config(hook.connection))
        hook.api = api
        return hook

    def test_whoever_asks_keeps_the_answer(self, logging_hook: CarbonHook):
        """Measured values and the forecast, by the connection's choice."""
        with time_machine.travel(NOW, tick=False):
            logging_hook.get_current_intensity()
            logging_hook.get_forecast()
        found = log_loader("hypercarbon_results", now=NOW)("DE", "electricity_maps", Signal())
        assert found is not None
        assert len(found.measured.values) >= 7 * 24
        assert len(found.issues) == 1

    def test_collecting_says_what_was_kept(self, logging_hook: CarbonHook):
        """And costs nothing when somebody asked before."""
        with time_machine.travel(NOW, tick=False):
            first = logging_hook.collect_readings()
            count = len(logging_hook.api.requests)
            assert logging_hook.collect_readings() == first
        assert first == "DE from electricity_maps: 168 measured slots and a forecast of 25 slots."
        assert len(logging_hook.api.requests) == count == 2

    def test_a_report_on_last_week_comes_from_the_log(self, logging_hook: CarbonHook):
        """When the plan no longer tells."""
        with time_machine.travel(NOW, tick=False):
            logging_hook.collect_readings()
        logging_hook.api.answers["past_range"] = denied("past-range")
        with time_machine.travel(NOW + 2 * DAY, tick=False):
            report = logging_hook.generate_report("tape-17", NOW - 30 * HOUR, NOW - 28 * HOUR, 500)
        assert report.mean_gco2eq_per_kwh is not None
        assert report.intensity_coverage == 1
        assert report.provisional

    def test_collecting_without_a_database_says_what_to_do(self, define: Any):
        """No log is kept in silence."""
        hook = define(extra={"source": "mock", "zone": "GB", "results_conn_id": "nowhere"})
        with pytest.raises(ConfigurationError, match="There is no results database 'nowhere'"):
            hook.collect_readings()

    def test_made_up_values_are_not_kept(self, mock: CarbonHook):
        """And said to be made up."""
        assert "mock data, so nothing was kept" in mock.collect_readings()
