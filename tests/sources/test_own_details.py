"""What only one source does: a login, units, file formats, regions without measured values, clouds."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from airflow_provider_hypercarbon.exceptions import (
    AccessDeniedError,
    AuthenticationError,
    BadAnswerError,
    BadDataError,
    ConfigurationError,
    NoDataError,
    UnknownZoneError,
)
from airflow_provider_hypercarbon.sources.electricity_maps import ElectricityMapsSource
from airflow_provider_hypercarbon.sources.probe import probe
from airflow_provider_hypercarbon.sources.trace import TraceSource
from airflow_provider_hypercarbon.sources.watttime import WattTimeSource
from tests.sources.dialects import (
    DAY,
    HOUR,
    NOW,
    SECRET,
    ElectricityMaps,
    EnergyCharts,
    Grid,
    NesoRegion,
    Service,
    WattTime,
    of_the_hour,
    span,
    write_trace,
)


class TestWattTime:
    def test_pounds_become_grams_once(self):
        """870 lb/MWh are 394.6 g/kWh, as the provider's own example says."""

        def respond(request: httpx.Request) -> httpx.Response:
            rows = [{"point_time": (NOW - HOUR / 12).isoformat(), "value": 870}]
            meta = {"region": "CAISO_NORTH", "signal_type": "co2_moer", "units": "lbs_co2_per_mwh"}
            return httpx.Response(200, json={"data": rows, "meta": meta})

        now = Service(WattTime(), respond=respond).source().latest("US-CAL-CISO", now=NOW)
        assert now.gco2eq_per_kwh == pytest.approx(394.6, abs=0.05)
        assert (now.signal.kind, now.signal.factors) == ("marginal", "operational")

    @pytest.mark.parametrize(
        ("meta", "problem"),
        [
            ({"units": "kg_co2_per_mwh"}, "units"),
            ({"units": None}, "units"),
            ({"signal_type": "co2_aoer"}, "mixed_signal"),
        ],
    )
    def test_other_units_or_signals_are_refused(self, meta: dict[str, object], problem: str):
        """A factor of two in silence is worse than no data."""
        dialect = WattTime()

        def respond(request: httpx.Request) -> httpx.Response:
            answer = dialect.answer(request, Grid())
            assert isinstance(answer, dict)
            return httpx.Response(200, json={**answer, "meta": {**answer["meta"], **meta}})

        with pytest.raises(BadDataError) as refused:
            Service(dialect, respond=respond).source().latest("US-CAL-CISO", now=NOW)
        assert refused.value.problem == problem

    def test_a_token_that_ran_out_is_renewed_once(self):
        """It lives for half an hour; a triggerer for weeks."""
        dialect, refusals = WattTime(), [401]

        def respond(request: httpx.Request) -> httpx.Response:
            if len(service.requests) > 2 and refusals:
                return httpx.Response(refusals.pop())
            return httpx.Response(200, text=json.dumps(dialect.answer(request, Grid())))

        service = Service(dialect, respond=respond)
        source = service.source()
        for _ in range(2):
            assert source.latest("US-CAL-CISO", now=NOW).source == "watttime"
        paths = [request.url.path for request in service.requests]
        assert paths == ["/login", "/v3/historical", "/v3/historical", "/login", "/v3/historical"]

    def test_a_plan_that_is_too_small_is_told_from_a_wrong_password(self):
        """403 is about the region, 401 about the account."""
        for status, error in ((403, AccessDeniedError), (401, AuthenticationError)):
            service = Service(WattTime(), respond=lambda _, status=status: httpx.Response(status))
            with pytest.raises(error):
                service.source().forecast("US-CAL-CISO", NOW + HOUR, now=NOW)

    def test_a_login_that_gives_no_token(self):
        """It is an answer that nobody can use, not a crash."""
        transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"token": None}))
        with pytest.raises(BadAnswerError, match="token"):
            WattTimeSource("me", SECRET, transport=transport).latest("US-CAL-CISO", now=NOW)

    def test_a_region_of_your_own(self):
        """Which of WattTime's regions a zone is, the user says; else nothing is sent."""
        asked = []

        def respond(request: httpx.Request) -> httpx.Response:
            asked.append(request.url.params.get("region"))
            return httpx.Response(200, json={"token": "t"}) if request.url.path == "/login" else httpx.Response(400)

        source = WattTimeSource("me", SECRET, regions={"EU-DE": "GER"}, transport=httpx.MockTransport(respond))
        with pytest.raises(Exception, match="400"):
            source.latest("DE", now=NOW)
        assert asked[-1] == "GER"
        with pytest.raises(UnknownZoneError, match=r'"watttime_regions": \{"FR"'):
            source.latest("FR", now=NOW)


class TestNeso:
    def test_a_region_has_no_measured_values(self):
        """Its past is what was expected: an estimate, so that a report stays provisional."""
        source = Service(NesoRegion()).source()
        assert source.latest("london", now=NOW).estimated is True
        past = source.history("GB-NESO-13", NOW - 3 * DAY, NOW, now=NOW)
        assert {slot.estimated for slot in past.slots} == {True}
        assert {slot.estimated for slot in source.forecast("london", NOW + HOUR, now=NOW).slots} == {None}

    @pytest.mark.parametrize("zone", ["GB-NESO-0", "GB-NESO-18", "GB-NIR"])
    def test_there_are_seventeen(self, zone: str):
        """And Northern Ireland is another grid."""
        with pytest.raises(UnknownZoneError):
            Service(NesoRegion()).source().latest(zone, now=NOW)


class TestEnergyCharts:
    def test_without_the_forecasts_own_address_the_day_has_it(self):
        """One endpoint foretells further, the other one is older."""
        dialect = EnergyCharts()

        def respond(request: httpx.Request) -> httpx.Response:
            if request.url.path == "/co2eq_forecast":
                return httpx.Response(404, json={"detail": "Not Found"})
            starts = list(span(NOW - 2 * HOUR, NOW + 5 * HOUR, dialect.slot))
            values = [of_the_hour(start) if start > NOW else None for start in starts]
            column = {"co2eq_forecast": values, "co2eq": [None] * len(starts)}
            return httpx.Response(200, json={"unix_seconds": [int(s.timestamp()) for s in starts], **column})

        series = Service(dialect, respond=respond).source().forecast("DE", NOW + DAY, now=NOW)
        assert series.slots[0].start_at - NOW <= dialect.slot
        assert series.end_at is not None
        assert series.end_at - NOW > 4 * HOUR

    def test_a_country_that_it_does_not_have(self):
        """In the words of the provider, which are an unknown zone."""
        words = "'xk' is not the code for an available country. Please refer to the API doc"
        service = Service(EnergyCharts(), respond=lambda _: httpx.Response(400, text=words))
        with pytest.raises(UnknownZoneError, match="no data for the country XK"):
            service.source().latest("XK", now=NOW)

    def test_no_content_is_no_data(self):
        """A range that nobody measured."""
        service = Service(
            EnergyCharts(), respond=lambda _: httpx.Response(404, text='{"detail": "no content available"}')
        )
        with pytest.raises(NoDataError):
            service.source().history("DE", NOW - DAY, NOW, now=NOW)


class TestElectricityMaps:
    def test_a_region_of_a_cloud_is_looked_up_by_the_provider(self):
        """Nobody here keeps a table of them; the answer says its zone, and nothing is the caller's own."""
        service = Service(ElectricityMaps())
        now = service.source().latest("aws:eu-central-1", now=NOW)
        params = service.requests[-1].url.params
        assert (params["dataCenterProvider"], params["dataCenterRegion"]) == ("aws", "eu-central-1")
        assert ("zone" in params, params["disableCallerLookup"]) == (False, "true")
        assert now.zone == "DE"

    def test_estimates_can_be_refused(self):
        """Then the provider is asked for none, and one that comes all the same has its problem's name."""
        requests = []

        def respond(request: httpx.Request) -> httpx.Response:
            requests.append(request)
            answer = ElectricityMaps().answer(request, Grid())
            assert isinstance(answer, dict)
            return httpx.Response(200, json={**answer, "isEstimated": True})

        source = ElectricityMapsSource(SECRET, refuse_estimated=True, transport=httpx.MockTransport(respond))
        with pytest.raises(BadDataError) as refused:
            source.latest("DE", now=NOW)
        assert refused.value.problem == "estimated"
        assert requests[0].url.params["disableEstimations"] == "true"

    def test_a_probe_tells_what_the_key_includes(self):
        """For the connection's button: one look at the list of zones."""
        (found,) = probe(Service(ElectricityMaps()).source(), "DE", now=NOW)
        assert "DE at " in found.sentence
        assert "The key includes: present; not: last 24 hours, past, forecast." in found.sentence
        (down,) = probe(
            Service(ElectricityMaps(), respond=lambda _: httpx.Response(401, text="bad")).source(), "DE", now=NOW
        )
        assert "refused" in down.sentence


class TestTrace:
    def test_compressed(self, tmp_path: Path):
        """As the traces that people publish are."""
        write_trace(tmp_path)
        (tmp_path / "DE.csv.gz").write_bytes(gzip.compress((tmp_path / "DE.csv").read_bytes()))
        assert TraceSource(f"{tmp_path}/{{zone}}.csv.gz").latest("germany", now=NOW).zone == "DE"

    @pytest.mark.parametrize("times", ["text", "timestamp"])
    def test_parquet(self, tmp_path: Path, times: str):
        """The same values as from CSV, whether times are text or timestamps; null is a gap."""
        pa = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        starts = list(span(NOW - 3 * DAY, NOW, HOUR))
        values = [None if index == 5 else of_the_hour(start) for index, start in enumerate(starts)]
        column = pa.array([s.isoformat() for s in starts]) if times == "text" else pa.array(starts)
        parquet.write_table(pa.table({"datetime_utc": column, "ci_g_per_kwh": values}), tmp_path / "DE.parquet")
        series = TraceSource(f"{tmp_path}/{{zone}}.parquet").history("DE", NOW - 3 * DAY, NOW, now=NOW)
        assert [slot.gco2eq_per_kwh for slot in series.slots] == [value for value in values if value is not None]
        (tmp_path / "FR.parquet").write_bytes(b"PAR1 no")
        with pytest.raises(BadDataError, match="no Parquet table"):
            TraceSource(f"{tmp_path}/{{zone}}.parquet").latest("FR", now=NOW)

    def test_wherever_fsspec_reaches(self, tmp_path: Path):
        """By its address; a file system without its package says what to install."""
        fsspec = pytest.importorskip("fsspec")
        write_trace(tmp_path)
        memory = fsspec.filesystem("memory")
        memory.pipe("/grid/DE.csv", (tmp_path / "DE.csv").read_bytes())
        trace = TraceSource("memory://grid/{zone}.csv")
        assert trace.latest("DE", now=NOW).gco2eq_per_kwh == of_the_hour(NOW.replace(minute=0))
        with pytest.raises(NoDataError, match="There is no file"):
            trace.latest("FR", now=NOW)
        with pytest.raises(ConfigurationError, match="airflow-provider-hypercarbon"):
            TraceSource("abfs://grid/{zone}.csv").latest("DE", now=NOW)

    def test_only_what_was_issued_is_a_forecast(self, tmp_path: Path):
        """The newest issue that was out at the time; before any there is none."""
        write_trace(tmp_path)
        trace = TraceSource(f"{tmp_path}/{{zone}}.csv", forecast_path=f"{tmp_path}/{{zone}}-ahead.csv")
        noon = NOW.replace(hour=12, minute=0)
        assert trace.forecast("DE", NOW + DAY, now=NOW).issued_at == noon
        with pytest.raises(NoDataError, match="no forecast"):
            trace.forecast("DE", NOW, now=noon - timedelta(minutes=1))

    def test_a_file_that_is_too_large_or_cannot_be_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        """Neither fills the worker's memory nor ends it."""
        from airflow_provider_hypercarbon.exceptions import UnavailableError
        from airflow_provider_hypercarbon.sources import trace

        write_trace(tmp_path)
        monkeypatch.setattr(trace, "MAX_BYTES", 100)
        with pytest.raises(BadDataError, match="more than 100 bytes"):
            TraceSource(f"{tmp_path}/{{zone}}.csv").latest("DE", now=NOW)
        (tmp_path / "FR.csv").mkdir()
        with pytest.raises(UnavailableError, match="cannot be read"):
            TraceSource(f"{tmp_path}/{{zone}}.csv").latest("FR", now=NOW)
