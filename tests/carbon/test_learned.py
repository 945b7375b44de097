from __future__ import annotations

import math
from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_hypercarbon.carbon.curve import CurveModel
from airflow_provider_hypercarbon.carbon.intensity import Signal, Slot
from airflow_provider_hypercarbon.carbon.learned import _lessons, believe_outlook, learned_from, what_was_learned
from airflow_provider_hypercarbon.carbon.outlook import Outlook
from airflow_provider_hypercarbon.carbon.readings import IssuedForecast, ReadingsLog, Stretch
from airflow_provider_hypercarbon.carbon.start import decide_start
from tests.carbon.grid import HOUR, NOW, PLAIN, series, window

DAY = timedelta(days=1)
#: The UTC midnight before NOW, up to which the log learns.
TODAY = NOW - 18 * HOUR


def grid(hours: int, seed: int = 1, *, scale: float = 1.0, flat: bool = False) -> list[float]:
    """Return a grid with a daily swing and a random wander, the last hour being the one of NOW."""
    random, wander, found = Random(seed), 0.0, []
    for hour in range(-hours + 1, 30):
        wander = 0.9 * wander + random.gauss(0, 20)
        found.append(300.0 if flat else scale * (300 + 80 * math.cos((hour + 18) / 24 * math.tau) + wander))
    return found


def known(
    days: int = 40, issue_every: int = 24, values: list[float] | None = None, *, forecast: bool = True,
    now: datetime = NOW, **log_fields: object,
) -> Outlook:  # fmt: skip
    """Return what a source and a log of so many days say at NOW; forecasts are too high by a tenth."""
    hours = days * 24 + 19  # from a midnight to NOW
    truth = values or grid(hours)
    begin = now - (hours - 1) * HOUR
    issues = tuple(
        IssuedForecast(
            issued_at=begin + at * HOUR, start_at=begin + at * HOUR,
            values=tuple(1.1 * value for value in truth[at : min(at + 48, len(truth))]),
        )
        for at in range(0, hours if forecast else 0, issue_every)
    )  # fmt: skip
    log = ReadingsLog.model_validate(
        {
            "zone": "DE", "source": "test", "issues": issues,
            "measured": Stretch(start_at=begin, values=tuple(truth[: days * 24])), **log_fields,
        }
    )  # fmt: skip
    told = None
    if forecast:
        last = issues[-1]
        told = series(last.values, last.start_at, issued_at=last.issued_at)
    measured = series(truth[hours - 168 : hours], now - 167 * HOUR)
    return Outlook(zone="DE", measured=measured, forecast=told, log=log)


def curve_values(outlook: Outlook, hours: float = 8, now: datetime = NOW) -> tuple[float | None, ...]:
    return believe_outlook(outlook, now=now, until=now + hours * HOUR).values


class TestWhichCurve:
    def test_the_learned_one_where_the_log_allows_it(self):
        """The decision says so."""
        decision = decide_start(known(), PLAIN, window(12), now=NOW)
        assert decision.curve == "learned"

    def test_measured_values_alone_teach_as_well(self):
        """Without any forecast there is still the usual day."""
        decision = decide_start(known(forecast=False), PLAIN, window(12), now=NOW)
        assert decision.curve == "learned_history"

    def test_without_a_log_the_fixed_one(self):
        """Nobody has to keep a log."""
        bare = known().model_copy(update={"log": None})
        assert decide_start(bare, PLAIN, window(), now=NOW).curve == "fixed"
        forecast_only = bare.model_copy(update={"measured": None})
        assert decide_start(forecast_only, PLAIN, window(), now=NOW).curve == "forecast"
        history_only = bare.model_copy(update={"forecast": None})
        assert decide_start(history_only, PLAIN, window(), now=NOW).curve == "history"

    @pytest.mark.parametrize("more", [{"zone": "FR"}, {"source": "other"}, {"signal": Signal(kind="marginal")}])
    def test_a_log_of_something_else_is_not_used(self, more: dict[str, object]):
        """A change of zone, source or signal begins anew."""
        assert believe_outlook(known(**more), now=NOW, until=NOW + 2 * HOUR).kind == "fixed"

    def test_a_few_measured_days_teach_less_than_the_fixed_profile_knows(self):
        """Under a week and without forecasts the fixed curve stays."""
        few = known(days=3, values=grid(3 * 24 + 19, 2), forecast=False)
        few = few.model_copy(update={"measured": None})
        assert believe_outlook(few, now=TODAY, until=TODAY + HOUR).kind is None
        seven = known(days=8, values=grid(8 * 24 + 19, 2), forecast=False)
        assert believe_outlook(seven, now=NOW, until=NOW + 2 * HOUR).kind == "learned_history"

    def test_slots_longer_than_an_hour_are_not_learned(self):
        """Three hours in one say too little."""
        coarse = known()
        slots = coarse.forecast.slots[::3]
        longer = coarse.forecast.model_copy(update={"slots": slots, "slot_length": 3 * HOUR})
        measured = coarse.measured.model_copy(update={"slots": coarse.measured.slots[::3], "slot_length": 3 * HOUR})
        outlook = coarse.model_copy(update={"forecast": longer, "measured": measured})
        assert believe_outlook(outlook, now=NOW, until=NOW + 6 * HOUR).kind == "fixed"

    def test_a_stale_log_says_nothing_about_the_present(self):
        """Without a newer measurement a log that ended yesterday is no present."""
        stale = known().model_copy(update={"measured": None})
        assert believe_outlook(stale, now=NOW, until=NOW + HOUR).kind == "forecast"


class TestCurve:
    def test_the_prior_alone_by_hand(self):
        """With one day in the log nothing was learned: half the forecast's rise, half the usual day's, and so on."""
        truth = grid(24 + 19, 3)
        outlook = known(days=1, values=truth)
        u = 24 + 18  # the hour of NOW
        outlook = outlook.model_copy(update={"measured": series(truth[: u + 1], NOW - u * HOUR)})

        def usual(at: int) -> float:
            days = [truth[at - 24 * k] for k in range(2) if at - 24 * k >= 0]
            return sum(v * 0.85**k for k, v in enumerate(days)) / sum(0.85**k for k in range(len(days)))

        def error(at: int) -> float:  # of the issue at each midnight: a tenth too high
            return truth[at] - 1.1 * truth[at]

        def usual_error(at: int) -> float:
            days = [error(at - 24 * k) for k in range(2) if at - 24 * k >= 0]
            return sum(v * 0.85**k for k, v in enumerate(days)) / sum(0.85**k for k in range(len(days)))

        for lead in (1, 5):
            rise, ep = usual(u + lead - 24) - usual(u - 24), truth[u] - usual(u - 24)
            f, ef = 1.1 * (truth[u + lead] - truth[u]), error(u)
            habit = usual_error(u + lead - 24) - usual_error(u - 24)
            expected = truth[u] + 0.5 * f - 0.5 * (1 - 0.95**lead) * ef + 0.5 * rise - 0.5 * (1 - 0.98**lead) * ep
            expected += 0.4 * habit + 0.1 * (truth[u] - truth[u - 1])
            assert curve_values(outlook)[lead] == pytest.approx(expected)

    def test_a_forecast_that_is_always_right_but_too_high_is_learned(self):
        """After weeks the curve is nearer to what comes than the fixed one, whose bias it knows."""
        outlook = known(days=40)
        truth = grid(40 * 24 + 19)[-30:-6]

        def error(values: tuple[float | None, ...]) -> float:
            return sum(abs(value - true) for value, true in zip(values[:24], truth, strict=True) if value is not None)

        fixed = curve_values(outlook.model_copy(update={"log": None}), 25)
        assert error(curve_values(outlook, 25)) < 0.6 * error(fixed)

    def test_a_constant_grid_waits_for_nothing(self):
        """Flat measured, flat forecast: start now."""
        flat = known(values=grid(40 * 24 + 19, flat=True))
        decision = decide_start(flat, PLAIN, window(24), now=NOW)
        assert decision.due
        assert decision.curve == "learned"

    def test_where_nothing_is_known_the_fixed_curve_stays(self):
        """A log of two hours cannot say what is usual."""
        truth = [300.0] * 70
        log = ReadingsLog(zone="DE", source="test", measured=Stretch(start_at=NOW - 5 * HOUR, values=(1, 2)))
        outlook = Outlook(
            zone="DE", measured=series([300, 310], NOW - HOUR), forecast=series(truth, issued_at=NOW), log=log
        )
        curve = believe_outlook(outlook, now=NOW, until=NOW + 2 * HOUR)
        assert curve.kind == "forecast"
        assert (
            curve.values
            == believe_outlook(outlook.model_copy(update={"log": None}), now=NOW, until=curve.end_at).values
        )

    def test_never_below_zero(self):
        """A steep fall ends at nothing."""
        values = grid(40 * 24 + 19)
        values[40 * 24 + 18] = 1.0
        assert min(value for value in curve_values(known(values=values)) if value is not None) >= 0

    def test_quarters_keep_their_shape_within_the_hour(self):
        """The hour's level is learned; its slots differ as in the fixed curve."""
        outlook = known()
        quarter = timedelta(minutes=15)
        slots = tuple(
            Slot(start + quarter * part, value + part)
            for start, value, _ in outlook.forecast.slots
            for part in range(4)
        )
        fine = outlook.forecast.model_copy(update={"slots": slots, "slot_length": quarter})
        curve = believe_outlook(outlook.model_copy(update={"forecast": fine}), now=NOW, until=NOW + 6 * HOUR)
        fixed = believe_outlook(
            outlook.model_copy(update={"forecast": fine, "log": None}), now=NOW, until=NOW + 6 * HOUR
        )
        assert curve.kind == "learned"
        assert curve.values[:4] == fixed.values[:4]
        for hour in range(1, 6):
            ours, theirs = curve.values[4 * hour : 4 * hour + 4], fixed.values[4 * hour : 4 * hour + 4]
            moved = [mine - other for mine, other in zip(ours, theirs, strict=True)]
            assert moved == pytest.approx([moved[0]] * 4)
            assert abs(moved[0]) > 0.01

    def test_gaps_of_the_fixed_curve_are_filled_where_the_log_knows(self):
        """A source that gives quarters of ten hours only, and a log of weeks."""
        outlook, quarter = known(forecast=False), timedelta(minutes=15)
        values = [slot.gco2eq_per_kwh for slot in outlook.measured.slots[-10:] for _ in range(4)]
        short = series(values, NOW - 9 * HOUR, quarter)
        curve = believe_outlook(outlook.model_copy(update={"measured": short}), now=NOW, until=NOW + 3 * HOUR)
        assert curve.kind == "learned_history"
        assert None not in curve.values[4:]


class TestLearning:
    def test_same_inputs_same_curve(self):
        """Twice the same, whether what was learned is remembered or not."""
        first = curve_values(known())
        _lessons.cache_clear()
        assert curve_values(known()) == first

    def test_when_the_source_was_asked_does_not_matter(self):
        """A log with today's hours in it learns the same as one without: the day teaches when it is over."""
        outlook = known()
        with_today = outlook.log.model_copy(
            update={
                "measured": outlook.log.measured.model_copy(
                    update={"values": tuple(grid(40 * 24 + 19)[: 40 * 24 + 19])}
                )
            }
        )
        ours, theirs = learned_from(outlook.log, NOW), learned_from(with_today, NOW + 3 * HOUR)
        assert ours is theirs

    def test_an_issue_received_again_changes_nothing(self):
        """Two polls that find the same forecast are one forecast."""
        outlook = known()
        twice = tuple(issue for issue in outlook.log.issues for _ in range(2))
        again = outlook.model_copy(update={"log": outlook.log.model_copy(update={"issues": twice})})
        assert curve_values(again) == curve_values(outlook)

    def test_one_issue_hour_teaches_nothing(self):
        """Measured at three hours of the day only, the prior stays: what they teach does not hold for others."""
        outlook = known()
        values = tuple(
            value if hour % 24 in (0, 1, 2) else None for hour, value in enumerate(outlook.log.measured.values)
        )
        sparse = outlook.log.model_copy(
            update={"measured": outlook.log.measured.model_copy(update={"values": values})}
        )
        rows = what_was_learned(sparse, NOW, leads=(1, 24))
        assert rows[0].samples > 10
        assert rows[0].forecast_share == rows[0].usual_share == 0.5

    def test_what_was_learned_can_be_read(self):
        """A row a lead, in shares, with a sentence."""
        rows = what_was_learned(known().log, NOW, leads=(1, 8, 24))
        assert [row.lead_hours for row in rows] == [1, 8, 24]
        assert all(0 < row.forecast_share < 1.5 for row in rows)
        assert rows[1].samples > 300
        assert rows[1].sentence.startswith("8 h ahead: ")
        assert "of the forecast's rise" in rows[1].sentence

    def test_without_issues_the_table_is_about_the_usual_day(self):
        """There is no forecast to say anything about."""
        rows = what_was_learned(known(forecast=False).log, NOW, leads=(4,))
        assert rows[0].forecast_share is None
        assert rows[0].sentence.startswith("4 h ahead: ")
        assert "forecast" not in rows[0].sentence


class TestProperties:
    @settings(max_examples=6, deadline=None)
    @given(st.integers(-300, 300), st.floats(0.2, 2), st.integers(0, 5))
    def test_shifting_and_scaling(self, days: int, scale: float, seed: int):
        """All times shifted by days: the start shifts along. All intensities scaled: the start stays."""
        values = grid(20 * 24 + 19, seed)
        base = decide_start(known(20, values=values), PLAIN, window(8), now=NOW)
        then = NOW + days * DAY
        shifted = decide_start(known(20, values=values, now=then), PLAIN, window(8, then), now=then)
        scaled = decide_start(known(20, values=[v * scale for v in values]), PLAIN, window(8), now=NOW)
        assert shifted.start_at - days * DAY == base.start_at
        assert scaled.start_at == base.start_at
        assert base.curve == "learned"

    def test_the_future_of_the_log_is_not_looked_at(self):
        """Hours and issues after now change nothing."""
        outlook = known()
        values = outlook.log.measured.values
        later = IssuedForecast(issued_at=NOW + HOUR, start_at=NOW, values=(1.0,) * 48)
        more = outlook.log.model_copy(
            update={
                "measured": outlook.log.measured.model_copy(
                    update={"values": (*values, *grid(40 * 24 + 19)[len(values) : len(values) + 19], 1.0, 2.0, 3.0)}
                ),
                "issues": (*outlook.log.issues, later),
            }
        )
        assert curve_values(outlook.model_copy(update={"log": more})) == curve_values(outlook)

    def test_a_model_of_ones_own_is_used(self):
        """The age that makes a forecast useless holds for the log as well."""
        impatient = CurveModel(max_forecast_age=HOUR)
        curve = believe_outlook(known(), now=NOW, until=NOW + 2 * HOUR, model=impatient)
        assert curve.kind == "learned_history"
