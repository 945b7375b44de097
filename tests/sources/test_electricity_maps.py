"""The requirements on Electricity Maps: what is asked, what is taken, and what is refused by which name."""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from airflow_provider_hypercarbon.carbon.zones import ZONES
from airflow_provider_hypercarbon.exceptions import (
    AccessDeniedError,
    AuthenticationError,
    BadAnswerError,
    BadDataError,
    ConfigurationError,
    NoDataError,
    NotFoundError,
    RequestRefusedError,
    UnknownZoneError,
)
from airflow_provider_hypercarbon.sources import CarbonSource, SourceConfig, open_source
from airflow_provider_hypercarbon.sources.electricity_maps import ElectricityMapsSource
from tests.sources.electricity_maps_api import (
    DAY,
    HOUR,
    NOW,
    RUNNING,
    TOKEN,
    Api,
    denied,
    forecast,
    history,
    iso,
    latest,
    row,
)


def problem_of(**answers: object) -> str:
    """Return the name of the problem that one spoilt answer is refused with."""
    (what,) = answers
    source = Api(**answers).source()
    with pytest.raises(BadDataError) as caught:
        ask(source, what)
    assert "DE" in str(caught.value)
    assert len(str(caught.value)) < 300
    return caught.value.problem


class TestOpening:
    def test_it_is_a_source(self):
        """Opened by configuration, with the token out of sight."""
        config = SourceConfig.model_validate({"source": "electricity_maps", "token": TOKEN})
        source: CarbonSource = open_source(config)
        assert source.name == "electricity_maps"
        assert TOKEN not in repr(config)

    @pytest.mark.parametrize("token", [None, ""])
    def test_it_needs_a_token(self, token: str | None):
        """And says where to put it."""
        with pytest.raises(ConfigurationError, match="connection's password"):
            open_source(SourceConfig.model_validate({"source": "electricity_maps", "token": token}))

    @pytest.mark.parametrize("token", [" ", "“quoted”", "two\nlines"])
    def test_a_token_with_odd_characters_is_refused(self, token: str):
        """Without repeating it."""
        with pytest.raises(ConfigurationError, match="Copy it again"):
            ElectricityMapsSource(token)

    def test_blanks_around_a_token_do_not_matter(self):
        """It is pasted with a line break more often than not."""
        api = Api()
        source = ElectricityMapsSource(f" {TOKEN}\n", transport=httpx.MockTransport(api))
        source.latest("DE", now=NOW)
        assert api.requests[0].headers["auth-token"] == TOKEN


class TestAsking:
    @pytest.mark.parametrize(
        ("more", "url"),
        [
            ({}, "https://api.electricitymaps.com/v4/carbon-intensity/latest"),
            ({"api_version": "v3"}, "https://api.electricitymaps.com/v3/carbon-intensity/latest"),
            ({"base_url": "http://localhost:1/em/"}, "http://localhost:1/em/v4/carbon-intensity/latest"),
            ({"base_url": "https://x.test/v4"}, "https://x.test/v4/carbon-intensity/latest"),
        ],
    )
    def test_host_and_version_are_settings(self, more: dict[str, object], url: str):
        """Version 4 at the provider's own host unless told; the version may stand in the address, too."""
        api = Api()
        api.source(**more).latest("DE", now=NOW)
        assert str(api.requests[0].url).split("?")[0] == url

    @pytest.mark.parametrize("factors", ["lifecycle", "direct"])
    @pytest.mark.parametrize("what", ["latest", "forecast", "history", "past-range"])
    def test_every_request_says_the_zone_the_factors_and_not_to_guess(self, what: str, factors: str):
        """Without disableCallerLookup, a zone can silently become that of the caller's address."""
        api = Api(**{what.replace("-", "_"): httpx.Response(500)})
        source = api.source(emission_factors=factors)
        with pytest.raises(Exception, match="500"):
            ask(source, what)
        assert api.paths == [f"/v4/carbon-intensity/{what}"] * 3
        assert api.params["zone"] == "DE"
        assert api.params["disableCallerLookup"] == "true"
        assert api.params["emissionFactorType"] == factors
        assert api.requests[0].headers["auth-token"] == TOKEN

    @pytest.mark.parametrize(
        ("hours", "horizon"), [(0, 6), (5, 6), (6, 6), (6.5, 24), (24, 24), (30, 48), (60, 72), (72, 72), (500, 72)]
    )
    def test_the_forecast_is_asked_for_as_far_as_needed(self, hours: float, horizon: int):
        """One of the four horizons the provider has."""
        api = Api()
        api.source().forecast("DE", NOW + hours * HOUR, now=NOW)
        assert api.params["horizonHours"] == str(horizon)

    def test_aliases_and_places_are_asked_for_by_their_key(self):
        """The provider knows its own keys only."""
        api = Api(latest=latest(zone="US-MIDW-MISO"))
        assert api.source().latest("US-MISO", now=NOW).zone == "US-MIDW-MISO"
        assert api.params["zone"] == "US-MIDW-MISO"

    @pytest.mark.parametrize("zone", ["", "Atlantis", "DE&zone=FR"])
    def test_what_cannot_be_a_zone_is_not_asked_for(self, zone: str):
        """No request goes out."""
        api = Api()
        with pytest.raises(UnknownZoneError):
            api.source().latest(zone, now=NOW)
        assert api.requests == []


def ask(source: ElectricityMapsSource, what: str) -> object:
    if what == "latest":
        return source.latest("DE", now=NOW)
    if what == "forecast":
        return source.forecast("DE", NOW + HOUR, now=NOW)
    return source.history("DE", NOW - (6 * HOUR if what == "history" else 3 * DAY), NOW, now=NOW)


class TestLatest:
    def test_a_value_comes_with_its_provenance(self):
        """Zone, slot, source, signal, estimate mark, update."""
        value = (
            Api(latest=latest(412, isEstimated=True, estimationMethod="FORECASTS_HIERARCHY"))
            .source()
            .latest("DE", now=NOW)
        )
        assert (value.zone, value.gco2eq_per_kwh, value.source) == ("DE", 412.0, "electricity_maps")
        assert (value.start_at, value.end_at) == (RUNNING, RUNNING + HOUR)
        assert (value.estimated, value.estimation_method) == (True, "FORECASTS_HIERARCHY")
        assert (value.updated_at, value.synthetic) == (NOW - HOUR / 2, None)
        assert (value.signal.kind, value.signal.factors) == ("average", "lifecycle")

    def test_the_fewest_fields_are_enough(self):
        """Version 3 has fewer; unknown stays unknown."""
        fields = {"zone": "DE", "carbonIntensity": 75, "datetime": iso(RUNNING)}
        value = Api(latest=fields).source().latest("DE", now=NOW)
        assert (value.estimated, value.estimation_method, value.updated_at) == (None, None, None)
        assert value.end_at - value.start_at == HOUR

    def test_extra_fields_and_unknown_words_are_taken(self):
        """The provider may add what it likes."""
        value = Api(
            latest=latest(
                newField={"a": [1]}, estimationMethod="NEW_METHOD", isEstimated="maybe",
                emissionFactorType="ipcc-2030", temporalGranularity="12_parsecs", updatedAt="just now",
            )
        ).source().latest("DE", now=NOW)  # fmt: skip
        assert (value.gco2eq_per_kwh, value.estimated, value.estimation_method) == (400.0, True, "NEW_METHOD")
        assert value.updated_at is None

    @pytest.mark.parametrize(
        "text", ["2026-03-04T20:00:00+02:00", "2026-03-04T12:30:00-05:30", "2026-03-04T18:07:30Z"]
    )
    def test_offsets_are_converted_and_the_slot_is_the_one_that_holds_the_time(self, text: str):
        """An offset that is overwritten would be two hours of error."""
        assert Api(latest=latest(datetime=text)).source().latest("DE", now=NOW).start_at == RUNNING

    @pytest.mark.parametrize(("granularity", "minutes"), [("hourly", 60), ("15_minutes", 15), ("5_minutes", 5)])
    def test_the_granularity_is_the_length_of_the_slot(self, granularity: str, minutes: int):
        """Some plans have finer values."""
        value = Api(latest=latest(temporalGranularity=granularity)).source().latest("DE", now=NOW)
        assert value.end_at - value.start_at == timedelta(minutes=minutes)

    @pytest.mark.parametrize(
        ("spoilt", "problem"),
        [
            ({"carbonIntensity": None}, "null"),
            ({"carbonIntensity": "412"}, "not_a_number"),
            ({"carbonIntensity": -5}, "negative"),
            ({"carbonIntensity": 0}, "zero"),
            ({"carbonIntensity": 45_000}, "absurd"),
            ({"carbonIntensity": 10**400}, "not_a_number"),
            ({"zone": "FR"}, "wrong_zone"),
            ({"zone": None}, "wrong_zone"),
            ({"zone": ["DE"]}, "wrong_zone"),
            ({"zone": "X" * 10_000}, "wrong_zone"),
            ({"emissionFactorType": "direct"}, "mixed_signal"),
            ({"datetime": None}, "time"),
            ({"datetime": 1772647200}, "time"),
            ({"datetime": "soon" * 1000}, "time"),
            ({"datetime": "2026-03-04T18:00:00"}, "time"),
            ({"datetime": "2026-03-04"}, "time"),
            ({"datetime": iso(NOW + 3 * HOUR)}, "time"),
            ({"datetime": iso(NOW + 14 * DAY)}, "time"),
            ({"datetime": "9999-12-31T23:00:00Z"}, "time"),
            ({"datetime": "0001-01-01T00:00:00+14:00"}, "time"),
            ({"datetime": iso(RUNNING - 7 * HOUR)}, "stale"),
            ({"datetime": iso(RUNNING - 14 * DAY)}, "stale"),
        ],
    )
    def test_a_bad_value_is_refused_by_name(self, spoilt: dict[str, object], problem: str):
        """Bad data never mean clean."""
        assert problem_of(latest=latest(**spoilt)) == problem

    def test_a_missing_zone_is_not_taken_for_the_right_one(self):
        """An answer that does not say what it is about is about nothing."""
        fields = latest()
        del fields["zone"]
        assert problem_of(latest=fields) == "wrong_zone"

    @pytest.mark.parametrize("hours", [-1.9, 0, 5.9])
    def test_a_value_near_the_present_is_taken(self, hours: float):
        """Up to six hours late, and clocks may differ by two."""
        assert Api(latest=latest(datetime=iso(NOW - hours * HOUR))).source().latest("DE", now=NOW)

    @pytest.mark.parametrize("answer", [None, [], [latest()], "DE", 412, True])
    def test_what_is_no_object_is_a_bad_answer(self, answer: object):
        """Never a bare error of Python."""
        with pytest.raises(BadAnswerError, match="object"):
            Api(latest=httpx.Response(200, text=json.dumps(answer))).source().latest("DE", now=NOW)

    @pytest.mark.parametrize(
        "mark", [{"estimationMethod": "SANDBOX_MODE_DATA"}, {"_disclaimer": "This data is in Sandbox mode: ..."}]
    )
    def test_values_of_a_sandbox_token_are_marked(self, mark: dict[str, object]):
        """They are shuffled; nobody may take them for the grid."""
        assert Api(latest=latest(**mark)).source().latest("DE", now=NOW).synthetic == "sandbox"
        marked = {**forecast(), **mark}
        assert Api(forecast=marked).source().forecast("DE", NOW, now=NOW).synthetic == "sandbox"
        rows = {"zone": "DE", "history": [row(RUNNING - HOUR, **mark), row(RUNNING - 2 * HOUR)]}
        assert Api(history=rows).source().history("DE", NOW - DAY / 2, NOW, now=NOW).synthetic == "sandbox"


class TestForecast:
    def test_it_reaches_from_the_running_hour_to_the_one_asked_for(self):
        """No more, whatever the answer holds; with the time it was made."""
        answer = forecast([100 + i for i in range(30)], start=RUNNING - 2 * HOUR)
        series = Api(forecast=answer).source().forecast("DE", NOW + 3 * HOUR, now=NOW)
        assert [slot.start_at for slot in series.slots] == [RUNNING + i * HOUR for i in range(4)]
        assert [slot.gco2eq_per_kwh for slot in series.slots] == [102, 103, 104, 105]
        assert (series.issued_at, series.slot_length, series.zone) == (NOW - HOUR, HOUR, "DE")
        assert {slot.estimated for slot in series.slots} == {None}

    @pytest.mark.parametrize("key", ["forecast", "data", "history"])
    def test_the_list_may_have_any_of_three_names(self, key: str):
        """The versions of the API differ."""
        answer = forecast()
        answer[key] = answer.pop("forecast")
        assert len(Api(forecast=answer).source().forecast("DE", NOW + HOUR, now=NOW).slots) == 2

    def test_rows_are_brought_into_order(self):
        """The curve needs them so."""
        answer = forecast([1, 2, 3, 4])
        assert isinstance(answer["forecast"], list)
        answer["forecast"].reverse()
        series = Api(forecast=answer).source().forecast("DE", NOW + 9 * HOUR, now=NOW)
        assert [slot.gco2eq_per_kwh for slot in series.slots] == [1, 2, 3, 4]

    @pytest.mark.parametrize("bad", [None, "412", -1, 0, 45_000, True, {}])
    def test_a_single_bad_value_is_a_gap(self, bad: object):
        """Never a zero, and no reason to drop the rest."""
        series = Api(forecast=forecast([400, bad, 300])).source().forecast("DE", NOW + 9 * HOUR, now=NOW)
        assert [(slot.start_at, slot.gco2eq_per_kwh) for slot in series.slots] == [
            (RUNNING, 400),
            (RUNNING + 2 * HOUR, 300),
        ]
        assert series.slot_length == HOUR

    @pytest.mark.parametrize(
        "bad", [None, 7, "row", [], {}, {"datetime": "2026-03-04T19:00:00"}, row(NOW, zone="FR")]
    )
    def test_a_single_bad_row_is_a_gap(self, bad: object):
        """A row that is no object, has no time, or is of another zone."""
        answer = forecast([400, 300])
        assert isinstance(answer["forecast"], list)
        answer["forecast"].insert(1, bad)
        assert len(Api(forecast=answer).source().forecast("DE", NOW + 9 * HOUR, now=NOW).slots) == 2

    @pytest.mark.parametrize(
        ("rows", "problem"),
        [
            ([], "empty"),
            ([None] * 3, "time"),
            ([{"carbonIntensity": None, "datetime": iso(RUNNING)}], "null"),
            ([{"carbonIntensity": 0, "datetime": iso(RUNNING)}] * 3, "zero"),
            ([{"carbonIntensity": 1, "datetime": "2026-03-04T18:00:00"}], "time"),
            ([{"carbonIntensity": 1, "datetime": iso(RUNNING)}] * 2, "time"),
            (
                [{"carbonIntensity": 1, "datetime": iso(RUNNING + 60 * i * timedelta.resolution)} for i in (0, 1)],
                "time",
            ),
            ([{"carbonIntensity": 1, "datetime": iso(RUNNING + 7 * timedelta(minutes=1))}], "time"),
            ([{"carbonIntensity": 1, "datetime": iso(RUNNING + 14 * DAY)}], "time"),
            ([{"carbonIntensity": 1, "datetime": "9999-12-31T23:00:00Z"}], "time"),
            ([{"carbonIntensity": 1, "datetime": iso(RUNNING - 2 * HOUR)}], "stale"),
            ([{"carbonIntensity": 1, "datetime": iso(RUNNING - 14 * DAY)}], "stale"),
        ],
    )
    def test_without_a_usable_row_it_is_refused(self, rows: list[object], problem: str):
        """With the name of what is wrong."""
        assert problem_of(forecast={"zone": "DE", "forecast": rows, "temporalGranularity": "hourly"}) == problem

    @pytest.mark.parametrize(
        ("spoilt", "problem"),
        [
            ({"zone": "FR"}, "wrong_zone"),
            ({"emissionFactorType": "direct"}, "mixed_signal"),
            ({"updatedAt": iso(NOW - 49 * HOUR)}, "stale"),
            ({"updatedAt": "2026-03-04T18:00:00"}, "time"),
        ],
    )
    def test_a_forecast_of_something_else_is_refused(self, spoilt: dict[str, object], problem: str):
        """Of another zone, of other emissions, or made too long ago."""
        assert problem_of(forecast=forecast(**spoilt)) == problem

    def test_it_may_not_say_when_it_was_made(self):
        """Then its rows alone tell whether it is of today."""
        series = Api(forecast=forecast(updatedAt=None)).source().forecast("DE", NOW, now=NOW)
        assert series.issued_at is None

    @pytest.mark.parametrize("rows", [None, {}, "none", 3])
    def test_no_list_is_a_bad_answer(self, rows: object):
        """Never a bare error of Python."""
        with pytest.raises(BadAnswerError, match="without rows"):
            Api(forecast={"zone": "DE", "forecast": rows}).source().forecast("DE", NOW, now=NOW)

    @pytest.mark.parametrize(
        ("said", "minutes", "expected"),
        [
            ({"temporalGranularity": "15_minutes"}, 15, 15),
            ({"temporalGranularity": "5_minutes"}, 5, 5),
            ({"temporalGranularity": "5_minutes"}, 15, 5),
            ({"temporalGranularity": "hourly"}, 15, 15),
            ({"temporalGranularity": "30_minutes"}, 30, 30),
            ({"temporalGranularity": "daily"}, 1440, 1440),
            ({"temporalGranularity": 7}, 30, 30),
            ({}, 15, 15),
            ({}, 120, 60),
        ],
    )
    def test_the_length_of_the_slots(self, said: dict[str, object], minutes: int, expected: int):
        """As the granularity says; else from row to row; an hour when nothing is said and rows are missing."""
        midnight = RUNNING.replace(hour=0)
        rows = [
            {"carbonIntensity": 400, "datetime": iso(midnight + i * timedelta(minutes=minutes))} for i in range(300)
        ]
        series = Api(forecast={"zone": "DE", "forecast": rows, **said}).source().forecast("DE", NOW + HOUR, now=NOW)
        assert series.slot_length == timedelta(minutes=expected)


class TestHistory:
    def test_the_last_day_has_an_endpoint_of_its_own(self):
        """Which is in every plan."""
        api = Api()
        series = api.source().history("DE", NOW - 6 * HOUR, NOW, now=NOW)
        assert api.paths == ["/v4/carbon-intensity/history"]
        assert [slot.start_at for slot in series.slots] == [RUNNING - i * HOUR for i in range(6, 0, -1)]
        assert series.issued_at == NOW - HOUR / 2
        assert {slot.estimated for slot in series.slots} == {False}

    def test_what_began_earlier_is_asked_for_as_a_range(self):
        """In full hours, all in UTC."""
        api = Api()
        series = api.source().history("DE", NOW - 7 * DAY, NOW, now=NOW)
        assert api.paths == ["/v4/carbon-intensity/past-range"]
        assert (api.params["start"], api.params["end"]) == ("2026-02-25T18:00:00Z", "2026-03-04T19:00:00Z")
        assert len(series.slots) == 7 * 24

    def test_a_request_is_for_at_most_ten_days(self):
        """The provider has no more in one answer; more is asked for in parts, the newest first."""

        def as_asked(request: httpx.Request) -> httpx.Response:
            begin, end = (datetime.fromisoformat(request.url.params[name]) for name in ("start", "end"))
            assert end - begin <= timedelta(days=10)
            return httpx.Response(200, json=history(begin, end, key="data"))

        api = Api(past_range=as_asked)
        series = api.source().history("DE", NOW - 40 * DAY, NOW, now=NOW)
        assert len(api.requests) == 5
        assert len(series.slots) == 40 * 24 + 1
        starts = [slot.start_at for slot in series.slots]
        assert starts == sorted(set(starts))

    def test_a_past_that_ends_somewhere_is_as_long_as_it_is(self):
        """Older parts that a plan does not include, or that nobody measured, are missing; the rest is there."""

        def recent_only(request: httpx.Request) -> httpx.Response:
            begin, end = (datetime.fromisoformat(request.url.params[name]) for name in ("start", "end"))
            return denied("past-range") if begin < NOW - 15 * DAY else httpx.Response(200, json=history(begin, end))

        api = Api(past_range=recent_only)
        series = api.source().history("DE", NOW - 40 * DAY, NOW, now=NOW)
        assert timedelta(days=9) < NOW - series.slots[0].start_at < timedelta(days=10)

    def test_the_future_is_not_asked_for(self):
        """A range ends with the running hour."""
        api = Api(past_range=history(RUNNING - 2 * DAY, RUNNING + 5 * HOUR, "data"))
        series = api.source().history("DE", NOW - 2 * DAY, NOW + 5 * DAY, now=NOW)
        assert datetime.fromisoformat(api.params["end"]) <= NOW + 2 * HOUR
        assert series.slots[-1].start_at == RUNNING

    def test_a_plan_without_the_past_has_the_last_day(self):
        """Then that is returned, and the slots say what is missing."""
        api = Api(past_range=denied("past-range"))
        series = api.source().history("DE", NOW - 7 * DAY, NOW, now=NOW)
        assert api.paths == ["/v4/carbon-intensity/past-range", "/v4/carbon-intensity/history"]
        assert (series.slots[0].start_at, len(series.slots)) == (RUNNING - 23 * HOUR, 23)

    def test_a_plan_without_the_past_has_nothing_older(self):
        """Neither is the last day passed off as another."""
        api = Api(past_range=denied("past-range"))
        with pytest.raises(AccessDeniedError, match="past-range for DE"):
            api.source().history("DE", NOW - 7 * DAY, NOW - 2 * DAY, now=NOW)
        assert api.paths == ["/v4/carbon-intensity/past-range"]

    def test_values_that_have_not_come_yet_are_no_data(self):
        """The last hours often come late; that is no bad data."""
        api = Api(history=history(end=RUNNING - 3 * HOUR))
        with pytest.raises(NoDataError, match="not yet") as caught:
            api.source().history("DE", NOW - HOUR, NOW, now=NOW)
        assert not isinstance(caught.value, BadDataError)

    @pytest.mark.parametrize("endpoint", ["history", "past_range"])
    @pytest.mark.parametrize("days", [-14, 14])
    def test_an_answer_from_elsewhere_is_refused(self, endpoint: str, days: int):
        """Fourteen days away, to either side."""
        answer = history(RUNNING - DAY + days * DAY, RUNNING + days * DAY)
        source = Api(**{endpoint: answer}).source()
        with pytest.raises(BadDataError, match="not asked for") as caught:
            ask(source, endpoint.replace("_", "-"))
        assert caught.value.problem == "time"

    def test_a_bad_row_is_a_gap(self):
        """Also an update time that cannot be read does no harm."""
        answer = history()
        rows = answer["history"]
        assert isinstance(rows, list)
        rows[-1]["carbonIntensity"] = None
        rows[-2]["updatedAt"] = "yesterday"
        series = Api(history=answer).source().history("DE", NOW - 4 * HOUR, NOW, now=NOW)
        assert [slot.start_at for slot in series.slots] == [RUNNING - i * HOUR for i in (4, 3, 2)]
        assert problem_of(history={"zone": "DE", "history": [row(RUNNING, None)]}) == "null"


class TestRefusals:
    def test_a_plan_that_is_too_small_is_not_a_bad_token(self):
        """Both come as 401; the difference decides what a person does about it."""
        with pytest.raises(AccessDeniedError, match="does not include forecast for DE") as caught:
            Api(forecast=denied()).source().forecast("DE", NOW, now=NOW)
        assert not caught.value.retryable
        with pytest.raises(AuthenticationError, match="Check the connection's token"):
            Api(forecast=httpx.Response(401, json={"error": "Invalid auth-token"})).source().forecast(
                "DE", NOW, now=NOW
            )

    @pytest.mark.parametrize(
        "answer",
        [
            httpx.Response(200, json={"status": "no-data"}),
            httpx.Response(404, json={"status": "error", "message": "No recent data for zone DE"}),
        ],
        ids=["200", "404"],
    )
    def test_no_data_is_no_data(self, answer: httpx.Response):
        """In both of the provider's ways to say it."""
        with pytest.raises(NoDataError, match="DE") as caught:
            Api(latest=answer).source().latest("DE", now=NOW)
        assert caught.value.retryable

    @pytest.mark.parametrize("status", [400, 404, 422])
    @pytest.mark.parametrize("words", ["Zone 'FR' does not exist.", "zoneKey FR not found", "Invalid zone parameter"])
    def test_a_zone_that_the_provider_does_not_know_is_unknown(self, status: int, words: str):
        """Trying again cannot help."""
        api = Api(latest=httpx.Response(status, json={"status": "error", "message": words}))
        with pytest.raises(UnknownZoneError, match="Unknown zone 'FR'"):
            api.source().latest("FR", now=NOW)

    @pytest.mark.parametrize(
        ("status", "words", "error"),
        [
            (400, 'Missing or invalid date parameter "start"', RequestRefusedError),
            (400, "Zone US-CAL-DE2 is retired", RequestRefusedError),
            (404, "<html>Not Found</html>", NotFoundError),
        ],
    )
    def test_other_refusals_are_not_about_the_zone(self, status: int, words: str, error: type[Exception]):
        """A wrong address or parameter is what it is."""
        with pytest.raises(error) as caught:
            Api(latest=httpx.Response(status, text=words)).source().latest("DE", now=NOW)
        assert type(caught.value) is error

    def test_the_token_is_never_repeated(self, caplog: pytest.LogCaptureFixture):
        """In no error and in no log, whatever the service answers."""
        caplog.set_level(logging.DEBUG)
        for status in (400, 401, 403, 404, 429, 500, 302):
            api = Api(latest=httpx.Response(status, text=f"token {TOKEN}; zoneKey={TOKEN}"))
            with pytest.raises(Exception) as caught:  # noqa: PT011  # whichever it is
                api.source().latest("DE", now=NOW)
            told = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
            assert TOKEN not in told
        assert TOKEN not in caplog.text


class TestZones:
    DENMARK = {  # noqa: RUF012  # a constant of the test
        "zoneKey": "DK-DK2", "zoneName": "East Denmark", "countryName": "Denmark",
        "access": ["carbon-intensity/latest", "carbon-intensity/history"],
    }  # fmt: skip

    @pytest.mark.parametrize("shape", ["list", "keyed", "zones", "data"])
    def test_those_with_access_are_listed(self, shape: str):
        """In every form the list may have; entries of the catalogue as they stand there, China's both."""
        entries = [
            self.DENMARK,
            {"zoneKey": "DE", "zoneName": "Germany", "access": ["carbon-intensity/latest"]},
            {"zoneKey": "CN", "access": ["*"]},
            {"zoneKey": "FR", "zoneName": "France", "access": []},
            {"zoneKey": "NO-NEW", "zoneName": None},
            {"zoneKey": "not a key", "access": ["*"]},
            {"zoneKey": None, "access": ["*"]},
            "noise",
        ]
        keyed = {str(entry["zoneKey"]): entry for entry in entries if isinstance(entry, dict)}
        answer = {"list": entries, "keyed": keyed, "zones": {"zones": entries}, "data": {"data": keyed}}[shape]
        zones = Api(zones=answer).source().zones()
        assert [zone.key for zone in zones] == ["DK-DK2", "DE", "CN", "CN", "NO-NEW"]
        assert zones[0].name == "East Denmark"
        assert (zones[0].region, zones[0].typical_gco2eq_per_kwh, zones[0].modelled) == ("Denmark", None, False)
        assert set(zones[1:4]) == {zone for zone in ZONES if zone.key in ("DE", "CN")}
        assert zones[4].name == "NO-NEW"

    def test_access_tells_what_a_token_may_ask(self):
        """One request probes the connection."""
        api = Api(zones=[self.DENMARK, {"zoneKey": "FR", "access": None}])
        assert api.source().access("DK-DK2") == {"carbon-intensity/latest", "carbon-intensity/history"}
        assert api.source().access("FR") == frozenset()
        assert api.paths == ["/v4/zones"] * 2
        with pytest.raises(UnknownZoneError):
            api.source().access("XX")

    @pytest.mark.parametrize("answer", [None, 7, "zones", {"zones": 7}])
    def test_what_is_no_list_is_a_bad_answer(self, answer: object):
        """Never a bare error of Python."""
        with pytest.raises(BadAnswerError, match="zones"):
            Api(zones=httpx.Response(200, text=json.dumps(answer))).source().zones()


def test_times_of_the_caller_may_have_any_offset():
    """As long as they have one."""
    berlin = datetime.fromisoformat("2026-03-04T19:20:00+01:00")
    assert Api().source().latest("DE", now=berlin).start_at.tzinfo is UTC
    with pytest.raises(ValueError, match="no time zone"):
        Api().source().forecast("DE", datetime(2026, 3, 5), now=berlin)  # noqa: DTZ001  # that is the point
