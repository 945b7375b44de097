"""The requirements on several sources in an order: the first with an answer, never two bases in one comparison."""

from __future__ import annotations

from datetime import datetime

import pytest

from airflow_provider_hypercarbon.carbon.decision import StartDecision, StartReason
from airflow_provider_hypercarbon.carbon.intensity import CarbonIntensity, IntensitySeries, Signal, Slot
from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow
from airflow_provider_hypercarbon.carbon.zones import Zone, catalogue
from airflow_provider_hypercarbon.exceptions import (
    AccessDeniedError,
    AuthenticationError,
    ConfigurationError,
    HyperCarbonError,
    NoDataError,
    RateLimitedError,
    RemoteError,
    UnavailableError,
    UnknownZoneError,
)
from airflow_provider_hypercarbon.sources import CarbonSource, SourceConfig, open_source
from airflow_provider_hypercarbon.sources.chain import ChainSource, KeylessSource
from airflow_provider_hypercarbon.sources.ember import EmberYearlySource
from airflow_provider_hypercarbon.sources.planning import fetch_outlook, look_at_grid, plan_start
from tests.carbon.grid import HOUR, NOW

LIFECYCLE, COMBUSTION = Signal(), Signal(factors="operational")
MARGINAL = Signal(kind="marginal", factors="operational")
DOWN = UnavailableError("The service answered 500. It may work later.")
DENIED = AccessDeniedError("The plan does not include this.")
POLICY = StartPolicy(duration=HOUR)
WINDOW = StartWindow.opening(NOW, 4 * HOUR)
DIP = [600.0, 600, 300, 300, 600, 600]


class Source:
    """A source that gives what it is made of; an error is raised. It keeps what it was asked."""

    def __init__(
        self,
        name: str,
        signal: Signal = LIFECYCLE,
        *,
        forecast: object = DOWN,
        history: object = DOWN,
        latest: object = DOWN,
        synthetic: str | None = None,
        zone: str = "DE",
    ) -> None:
        self.name, self.signal, self.synthetic, self.zone = name, signal, synthetic, zone
        self.given = {"forecast": forecast, "history": history, "latest": latest}
        self.asked: list[tuple[str, str]] = []

    def latest(self, zone: str, *, now: datetime) -> CarbonIntensity:
        return self._series("latest", zone, NOW).readings()[0]

    def forecast(self, zone: str, until: datetime, *, now: datetime) -> IntensitySeries:
        return self._series("forecast", zone, NOW)

    def history(self, zone: str, start: datetime, end: datetime, *, now: datetime) -> IntensitySeries:
        given = self.given["history"]
        return self._series("history", zone, NOW - len(given) * HOUR if isinstance(given, list) else NOW)

    def zones(self) -> tuple[Zone, ...]:
        return tuple(zone for zone in catalogue() if zone.key == self.zone)

    def _series(self, what: str, zone: str, begin: datetime) -> IntensitySeries:
        self.asked.append((what, zone))
        given = self.given[what]
        if isinstance(given, Exception):
            raise given
        values = given if isinstance(given, list) else [given]
        slots = tuple(Slot(begin + HOUR * i, value) for i, value in enumerate(values))
        return IntensitySeries.model_validate(
            {"zone": self.zone, "source": self.name, "slots": slots, "signal": self.signal,
             "synthetic": self.synthetic}
        )  # fmt: skip


def full(name: str, signal: Signal = LIFECYCLE, level: float = 1.0, **more: object) -> Source:
    given = {"forecast": [v * level for v in DIP], "history": [600.0 * level] * 24, "latest": 600.0 * level}
    return Source(name, signal, **{**given, **more})  # type: ignore[arg-type]


def decide(*members: CarbonSource, last: StartDecision | None = None, zone: str = "DE") -> StartDecision:
    return plan_start(ChainSource(members), zone, POLICY, WINDOW, now=NOW, last_plan=last)


class TestOrder:
    def test_the_first_is_enough(self):
        """As long as it answers, nobody else is asked."""
        first, second = full("first"), full("second")
        decision = decide(first, second)
        assert (decision.reason, decision.source, decision.problems) == (StartReason.CLEANER_LATER, "first", ())
        assert second.asked == []

    def test_each_question_goes_to_the_first_that_answers_it(self):
        """A key without a forecast is used for what it has; why another was asked stands in the decision."""
        first, second = full("first", forecast=DENIED), full("second")
        decision = decide(first, second)
        assert decision.reason is StartReason.CLEANER_LATER
        assert decision.problems == ("No forecast from first: The plan does not include this.",)
        assert [what for what, _ in first.asked] == ["forecast", "history", "latest"]
        assert [what for what, _ in second.asked] == ["forecast"]

    def test_one_that_is_down_is_asked_once(self):
        """The rest of the decision does without it."""
        first, second = Source("first"), full("second")
        decision = decide(first, second)
        assert (decision.source, len(first.asked)) == ("second", 1)
        assert decision.problems == (f"No forecast from first: {DOWN}",)

    def test_without_any_answer_every_reason_is_told(self):
        """And one that may pass is worth asking again."""
        decision = decide(Source("first"), Source("second", forecast=UnknownZoneError("It knows no DE.")))
        assert decision.reason is StartReason.ASK_AGAIN
        assert decision.problems == (f"No forecast from first: {DOWN}", "No forecast from second: It knows no DE.")

    def test_a_single_question_goes_down_the_chain_too(self):
        """Now, history and forecast for whoever asks for one of them: a report, a hook."""
        chain = ChainSource([Source("first", history=DENIED), full("second")])
        assert chain.latest("DE", now=NOW).source == "second"
        assert chain.history("DE", NOW - HOUR, NOW, now=NOW).source == "second"
        assert chain.forecast("DE", NOW, now=NOW).source == "second"
        assert [zone.key for zone in chain.zones()] == ["DE"]

    @pytest.mark.parametrize(
        ("errors", "kind", "retryable"),
        [
            ([DOWN, DENIED], UnavailableError, True),
            ([NoDataError("None."), DENIED], NoDataError, True),
            ([RateLimitedError("Later.", retry_after=7), UnknownZoneError("No.")], RateLimitedError, True),
            ([AuthenticationError("Refused."), UnknownZoneError("No.")], RemoteError, False),
            ([UnknownZoneError("No."), UnknownZoneError("Neither.")], ConfigurationError, False),
            ([DENIED], AccessDeniedError, False),
        ],
    )
    def test_the_error_of_all_is_the_most_hopeful(
        self, errors: list[HyperCarbonError], kind: type[HyperCarbonError], retryable: bool
    ):
        """A report waits for a service that comes back, and does not for a plan that is too small."""
        chain = ChainSource([Source(f"s{i}", history=error) for i, error in enumerate(errors)])
        with pytest.raises(kind) as raised:
            chain.history("DE", NOW - HOUR, NOW, now=NOW)
        assert raised.value.retryable is retryable
        for error in errors:
            assert str(error) in str(raised.value)


class TestBasis:
    def test_two_bases_are_never_compared(self):
        """The forecast says what counts; history that counts otherwise is passed over with the words why."""
        decision = decide(full("maps", forecast=DENIED), full("neso", COMBUSTION, 0.5))
        assert (decision.source, decision.signal) == ("neso", COMBUSTION)
        assert decision.mean_now_gco2eq_per_kwh == pytest.approx(300)
        refused = [problem for problem in decision.problems if "Two bases are never compared" in problem]
        assert len(refused) == 2  # history, and the present value
        assert "average, lifecycle" in refused[0]
        assert "average, operational" in refused[0]

    @pytest.mark.parametrize("other", [COMBUSTION, MARGINAL, Signal(factors="direct")], ids=str)
    def test_a_basis_alone_is_no_data_for_the_other(self, other: Signal):
        """History of one kind does not fill in for a forecast of another."""
        outlook = fetch_outlook(
            ChainSource([Source("a", forecast=DIP), Source("b", other, history=[600.0] * 24)]),
            "DE", POLICY, WINDOW, now=NOW,
        )  # fmt: skip
        assert outlook.forecast is not None
        assert outlook.measured is None

    def test_a_change_of_basis_is_told(self):
        """The plan before counted other emissions; nobody compares its mean with the new one."""
        plan = decide(full("watttime", MARGINAL, 1.5), full("maps"))
        later = decide(Source("watttime", MARGINAL), full("maps"), last=plan)
        assert (plan.signal, later.signal) == (MARGINAL, LIFECYCLE)
        assert "their means are not compared" in later.problems[-1]

    def test_a_status_compares_only_what_counts_the_same(self):
        """The hours ahead are of the present's basis, or there are none."""
        chain = ChainSource([full("maps", forecast=DENIED), full("neso", COMBUSTION)])
        state = look_at_grid(chain, "DE", 200, 4, now=NOW)
        assert (state.current.source, state.forecast) == ("maps", ())
        assert "Two bases are never compared" in state.problems[-1]
        with pytest.raises(UnavailableError):
            look_at_grid(ChainSource([Source("a"), Source("b")]), "DE", 200, 4, now=NOW)

    def test_sandbox_data_give_way_to_real_ones(self):
        """Made-up values are for trying a single source out."""
        sandbox = full("maps", synthetic="sandbox")
        decision = decide(sandbox, full("second"))
        assert (decision.source, decision.synthetic) == ("second", None)
        assert "sandbox data, which are made up" in decision.problems[0]
        assert decide(sandbox).synthetic == "sandbox"


class TestYearlyAverage:
    def test_it_never_makes_a_job_wait(self):
        """Nothing else to ask for ever: the job starts at once, with the reason and the figure."""
        decision = decide(Source("maps", forecast=DENIED, history=DENIED, latest=DENIED), EmberYearlySource())
        assert (decision.due, decision.reason) == (True, StartReason.NO_MEASURED_BASIS)
        assert decision.sentence.startswith(
            "Grid DE at 342 gCO2eq/kWh, average of a year. Starting now: ember_yearly"
        )
        assert (decision.mean_now_gco2eq_per_kwh, decision.current_gco2eq_per_kwh) == (None, 342.06)
        alone = plan_start(EmberYearlySource(), "DE", POLICY, WINDOW, now=NOW)
        assert (alone.due, alone.reason) == (True, StartReason.NO_MEASURED_BASIS)

    def test_a_better_source_that_failed_in_passing_is_asked_again(self):
        """A moment's failure does not cost the wait; when it goes on, the job starts with that reason."""
        last, decisions = None, []
        while last is None or not last.due:
            last = decide(Source("maps"), EmberYearlySource(), last=last)
            decisions.append(last.reason)
        assert decisions == [StartReason.ASK_AGAIN] * 3 + [StartReason.NO_MEASURED_BASIS]

    def test_a_plan_that_was_made_on_data_is_kept(self):
        """What was known an hour ago is worth more than an average of a year."""
        plan = decide(full("maps"), EmberYearlySource())
        later = decide(Source("maps"), EmberYearlySource(), last=plan)
        assert (later.reason, later.start_at) == (StartReason.PLAN_KEPT, plan.start_at)

    def test_it_is_never_mixed_with_hours(self):
        """A forecast next to it stands alone."""
        outlook = fetch_outlook(
            ChainSource([Source("maps", forecast=DIP, history=DENIED, latest=DENIED), EmberYearlySource()]),
            "DE", POLICY, WINDOW, now=NOW,
        )  # fmt: skip
        assert (outlook.measured, outlook.current, outlook.static) == (None, None, False)
        assert "by the year" in outlook.problems[-1]

    def test_it_accounts(self):
        """A report gets the average where nothing better was measured."""
        series = ChainSource([Source("maps"), EmberYearlySource()]).history("DE", NOW - HOUR, NOW, now=NOW)
        assert (series.source, series.static, series.slots[0].estimated) == ("ember_yearly", True, True)


class TestZones:
    def test_a_table_names_the_zone_of_a_region(self):
        """The user's own word goes before the provider's."""
        source = full("maps")
        chain = ChainSource([source], regions={"aws:eu-central-1": "EU-DE", "Frankfurt": "DE"})
        decision = plan_start(chain, "AWS:eu-central-1", POLICY, WINDOW, now=NOW)
        assert decision.zone == "DE"
        assert {zone for _, zone in source.asked} == {"DE"}
        assert chain.latest("frankfurt", now=NOW).zone == "DE"

    def test_a_region_that_the_provider_looks_up(self):
        """Nobody named a zone: the decision carries the one that the answers are of."""
        decision = plan_start(full("maps"), "aws:eu-central-1", POLICY, WINDOW, now=NOW)
        assert decision.zone == "DE"

    def test_keyless_asks_whoever_knows_the_zone(self):
        """And passes nobody over for knowing other zones."""
        neso, charts = full("neso", COMBUSTION, zone="GB"), full("charts")
        keyless = KeylessSource([neso, charts])
        decision = plan_start(keyless, "DE", POLICY, WINDOW, now=NOW)
        assert (decision.source, decision.problems, neso.asked) == ("charts", (), [])
        assert plan_start(keyless, "UK", POLICY, WINDOW, now=NOW).source == "neso"
        with pytest.raises(ConfigurationError, match="No source without a key knows JP-TK"):
            keyless.latest("JP-TK", now=NOW)
        lost = plan_start(keyless, "JP-TK", POLICY, WINDOW, now=NOW)
        assert (lost.due, lost.reason) == (True, StartReason.NO_DATA)
        assert "No source without a key knows JP-TK" in lost.sentence


class TestConfiguration:
    def test_a_chain_is_opened_in_its_order(self):
        """From a list, or from words with commas between them; each member wrapped by itself."""
        wrapped = []

        def wrap(source: CarbonSource, config: SourceConfig) -> CarbonSource:
            wrapped.append((source.name, config.source, config.scope))
            return source

        for sources in (["electricity_maps", "energy_charts", "ember_yearly"],
                        "electricity_maps, energy_charts,ember_yearly"):  # fmt: skip
            config = SourceConfig.model_validate({"sources": sources, "token": "t"})
            chain = open_source(config, wrap=wrap)
            assert isinstance(chain, ChainSource)
            assert [member.name for member in chain.members] == ["electricity_maps", "energy_charts", "ember_yearly"]
        assert [name for name, _, _ in wrapped[:2]] == ["electricity_maps", "energy_charts"]
        assert len({scope for _, _, scope in wrapped}) == 2

    def test_one_source_is_no_chain(self):
        """Unless names have to be looked up for it."""
        assert open_source(SourceConfig(source="neso")).name == "neso"
        assert open_source(SourceConfig(source="neso", regions={"site": "GB"})).name == "chain"
        assert open_source(SourceConfig(source="keyless")).name == "keyless"
        assert open_source(SourceConfig(source="ember_yearly")).name == "ember_yearly"

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"source": "watttime"}, "login and password"),
            ({"source": "watttime", "login": "me"}, "login and password"),
            ({"source": "trace"}, "needs a path"),
            ({"source": "trace", "path": "/srv/grid.csv"}, "does not say its zone"),
            ({"source": "electricity_maps"}, "needs an API token"),
            ({"source": "electricity_maps", "token": "t", "emission_factors": "operational"}, "lifecycle"),
        ],
    )
    def test_what_is_missing_is_named(self, fields: dict[str, object], said: str):
        """Before anything is asked."""
        with pytest.raises(ConfigurationError, match=said):
            open_source(SourceConfig.model_validate(fields))

    @pytest.mark.parametrize(
        "fields",
        [{"sources": ["mock", "neso"]}, {"sources": ["neso", "neso"]}, {"sources": "crystal-ball"},
         {"regions": "not json"}],
    )  # fmt: skip
    def test_what_cannot_be_is_refused(self, fields: dict[str, object]):
        """The mock in company, one source twice, a source that does not exist."""
        with pytest.raises(ValueError, match=r"mock|once|electricity_maps|regions"):
            SourceConfig.model_validate(fields)

    def test_answers_are_shared_only_by_those_with_the_same_credential(self):
        """The fingerprint tells two passwords apart and shows none."""
        one, other = (SourceConfig(watttime_password=word, login="me") for word in ("a-secret", "another"))  # type: ignore[arg-type]
        assert one.scope != other.scope
        assert "secret" not in one.scope + repr(one)
