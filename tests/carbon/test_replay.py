from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from airflow_provider_hypercarbon.carbon.curve import CurveModel
from airflow_provider_hypercarbon.carbon.decision import StartDecision
from airflow_provider_hypercarbon.carbon.intensity import CarbonIntensity, IntensitySeries
from airflow_provider_hypercarbon.carbon.outlook import Outlook
from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow
from airflow_provider_hypercarbon.carbon.readings import IssuedForecast, ReadingsLog, Stretch
from airflow_provider_hypercarbon.carbon.replay import Beliefs, Case, Timeline, replay
from airflow_provider_hypercarbon.carbon.start import decide_start
from tests.carbon.grid import HOUR, PLAIN

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
MODEL = CurveModel()
QUARTER = timedelta(minutes=15)


def trace(days: int = 14, slot: timedelta = HOUR, every: float = 6, gaps: Sequence[int] = ()) -> ReadingsLog:
    """Return a grid that goes up and down by the day and by chance, with forecasts that err by chance.

    :param every: hours from issue to issue; 0 for no forecasts.
    :param gaps: slots that were not measured.
    """
    random, drift, truth = Random(11), 0.0, []
    for index in range(round(days * DAY / slot)):
        drift = 0.93 * drift + random.gauss(0, 14)
        truth.append(300 + 80 * math.sin(index * slot / DAY * math.tau) + drift)
    per_hour = round(HOUR / slot)
    hourly = [sum(truth[i : i + per_hour]) / per_hour for i in range(0, len(truth), per_hour)]
    issues = []
    for i in range(0, len(hourly), round(every) or len(hourly) + 1):
        values = tuple(value + random.gauss(0, 5 + lead) for lead, value in enumerate(hourly[i : i + 72]))
        if every:
            issues.append(IssuedForecast(issued_at=BEGIN + i * HOUR, start_at=BEGIN + i * HOUR, values=values))
    values_or_gaps = tuple(None if i in gaps else value for i, value in enumerate(truth))
    return ReadingsLog(
        zone="DE",
        source="test",
        measured=Stretch(start_at=BEGIN, slot_length=slot, values=values_or_gaps),
        issues=tuple(issues),
    )


def series_of(stretch: Stretch, until: datetime | None = None, **more: object) -> IntensitySeries:
    slots = tuple(slot for slot in stretch.slots() if until is None or slot.start_at <= until)
    return IntensitySeries.model_validate(
        {"zone": "DE", "source": "test", "slots": slots, "slot_length": stretch.slot_length, **more}
    )


def outlook_at(known: ReadingsLog, now: datetime, *, with_forecast: bool, learned: bool) -> Outlook:
    """Return what a source and the readings table would have said at a moment."""
    measured = series_of(known.measured, now)
    issues = tuple(issue for issue in known.issues if issue.issued_at <= now) if with_forecast else ()
    forecast = series_of(issues[-1], issued_at=issues[-1].issued_at) if issues else None
    log = known.model_copy(update={"measured": Stretch.of(measured), "issues": issues}) if learned else None
    newest = measured.slots[-1]
    current = CarbonIntensity(
        zone="DE",
        source="test",
        start_at=newest.start_at,
        end_at=newest.start_at + measured.slot_length,
        gco2eq_per_kwh=newest.gco2eq_per_kwh,
    )
    return Outlook(zone="DE", current=current, measured=measured, forecast=forecast, log=log)


def by_decisions(
    known: ReadingsLog, policy: StartPolicy, ready: datetime, window: timedelta, *, with_forecast: bool, learned: bool
) -> tuple[datetime, int]:
    """Let a job wait as a sensor does; return its start and how often it looked."""
    opened, last_plan, now, looks = StartWindow.opening(ready, window), None, ready, 0
    while now < opened.deadline:
        looks += 1
        outlook = outlook_at(known, now, with_forecast=with_forecast, learned=learned)
        decision: StartDecision = decide_start(outlook, policy, opened, now=now, last_plan=last_plan)
        if decision.due or decision.check_again_at is None:
            return now, looks
        now, last_plan = decision.check_again_at, decision
    return now, looks


def played(
    known: ReadingsLog,
    policy: StartPolicy,
    ready: Sequence[datetime],
    window: timedelta,
    *,
    with_forecast: bool = True,
    learned: bool = False,
) -> list[tuple[datetime, int]]:
    """Return each job's start and looks by the replay."""
    beliefs = Beliefs(Timeline(known), policy.curve, with_forecast=with_forecast, learned=learned)
    case = Case(beliefs, policy, int(window.total_seconds()), len(ready))
    replay([case], [moment.timestamp() for moment in ready])
    return [(datetime.fromtimestamp(at, UTC), n) for at, n in zip(case.starts, case.looks, strict=True)]


def jobs(count: int, *, first: timedelta = 8 * DAY, minutes: int = 60, seed: int = 5) -> list[datetime]:
    """Return moments of the days 9 to 12, some of them the same, in no order."""
    step = timedelta(minutes=minutes)
    return [BEGIN + first + step * Random(seed + i).randrange(4 * DAY // step) for i in range(count)]


OURS = [(False, False), (False, True), (True, False), (True, True)]


class TestAsDecideStart:
    """The replay is only worth something if it starts jobs exactly when the sensor would have."""

    @pytest.mark.parametrize(("with_forecast", "learned"), OURS)
    @pytest.mark.parametrize("window", [4, 24])
    def test_with_the_default_policy(self, with_forecast: bool, learned: bool, window: int):
        """The same start after the same looks, on each of our curves."""
        known, ready, how = trace(), jobs(6), {"with_forecast": with_forecast, "learned": learned}
        expected = [by_decisions(known, StartPolicy(), at, window * HOUR, **how) for at in ready]
        assert played(known, StartPolicy(), ready, window * HOUR, **how) == expected
        assert any(looks > 1 for _, looks in expected)

    @pytest.mark.parametrize(
        "policy",
        [
            StartPolicy(duration=timedelta(minutes=90), replan_interval=timedelta(minutes=40)),
            StartPolicy(max_intensity=260),
            StartPolicy(max_intensity=230, strategy="threshold"),
            StartPolicy(duration=timedelta(minutes=10), min_saving=0.1, wait_cost_per_hour=0.01),
            StartPolicy(duration=timedelta(0)),
            StartPolicy(curve=CurveModel(forecast_weight=1, profile_days=3, max_forecast_age=timedelta(hours=2))),
        ],
        ids=["off the edges", "limit", "threshold", "cautious", "no duration", "another model"],
    )
    def test_with_other_policies(self, policy: StartPolicy):
        """Whatever the user asks for, at any minute."""
        known, ready = trace(), jobs(6, minutes=7)
        expected = [by_decisions(known, policy, at, 12 * HOUR, with_forecast=True, learned=True) for at in ready]
        assert played(known, policy, ready, 12 * HOUR, learned=True) == expected

    @pytest.mark.parametrize("learned", [False, True])
    def test_with_quarter_hours(self, learned: bool):
        """Finer slots than those of the forecast, and jobs that are ready within an hour."""
        known, ready = trace(11, QUARTER), jobs(4, first=7 * DAY, minutes=5)
        expected = [
            by_decisions(known, StartPolicy(), at, 8 * HOUR, with_forecast=True, learned=learned) for at in ready
        ]
        assert played(known, StartPolicy(), ready, 8 * HOUR, learned=learned) == expected

    @pytest.mark.parametrize(("with_forecast", "learned"), OURS)
    def test_with_gaps_and_late_forecasts(self, with_forecast: bool, learned: bool):
        """Hours that were not measured, and forecasts that come so seldom that they grow too old."""
        at = Random(2)
        gaps = {at.randrange(24 * 14) for _ in range(40)} | set(range(24 * 9 + 5, 24 * 9 + 14))
        known, how = trace(every=66, gaps=sorted(gaps)), {"with_forecast": with_forecast, "learned": learned}
        ready = [at for at in jobs(12) if with_forecast or (at - BEGIN) // HOUR not in range(220, 236)]
        expected = [by_decisions(known, StartPolicy(), at, 3 * HOUR, **how) for at in ready]
        assert played(known, StartPolicy(), ready, 3 * HOUR, **how) == expected

    @pytest.mark.parametrize("strategy", ["cleanest", "threshold"])
    def test_with_nothing_but_the_present(self, strategy: str):
        """In the first hours of a trace only a limit can be compared, with the present, which is too dirty."""
        policy = StartPolicy.model_validate({"max_intensity": 50, "strategy": strategy})
        known, ready = trace(3, every=0), BEGIN + 5 * HOUR
        expected = by_decisions(known, policy, ready, 2 * HOUR, with_forecast=False, learned=False)
        assert expected[0] == ready + 2 * HOUR
        assert played(known, policy, [ready], 2 * HOUR, with_forecast=False) == [expected]


class TestReplay:
    def test_the_same_every_time(self):
        """Nothing depends on what was replayed before, or on the order of the jobs."""
        known, ready = trace(), jobs(10, minutes=20)
        first = played(known, StartPolicy(), ready, 12 * HOUR, learned=True)
        assert played(known, StartPolicy(), ready, 12 * HOUR, learned=True) == first
        assert played(known, StartPolicy(), ready[::-1], 12 * HOUR, learned=True) == first[::-1]

    def test_what_comes_later_is_not_known(self):
        """Another future after a job's start does not move the start."""
        known, ready = trace(), jobs(8)
        for (at, looks), job in zip(played(known, StartPolicy(), ready, 12 * HOUR, learned=True), ready, strict=True):
            count = (at - BEGIN) // HOUR + 1
            values = known.measured.values[:count] + (1.0,) * (24 * 14 - count)
            other = known.model_copy(
                update={
                    "measured": known.measured.model_copy(update={"values": values}),
                    "issues": tuple(issue for issue in known.issues if issue.issued_at <= at),
                }
            )
            assert played(other, StartPolicy(), [job], 12 * HOUR, learned=True) == [(at, looks)]

    def test_cases_do_not_disturb_each_other(self):
        """Windows, durations and curves replayed together do what each does alone."""
        known, ready = trace(), jobs(6, minutes=30)
        timeline, cases, alone = Timeline(known), [], []
        for with_forecast, learned in OURS:
            beliefs = Beliefs(timeline, MODEL, with_forecast=with_forecast, learned=learned)
            for window in (4, 12):
                for duration in (HOUR, 2.5 * HOUR):
                    policy = StartPolicy(duration=duration)
                    cases.append(Case(beliefs, policy, window * 3600, len(ready)))
                    how = {"with_forecast": with_forecast, "learned": learned}
                    alone.append(played(known, policy, ready, window * HOUR, **how))
        replay(cases, [at.timestamp() for at in ready])
        found = [
            [(datetime.fromtimestamp(at, UTC), n) for at, n in zip(c.starts, c.looks, strict=True)] for c in cases
        ]
        assert found == alone

    def test_progress(self):
        """It counts starts, and ends with all of them."""
        told: list[tuple[int, int]] = []
        ready = [at.timestamp() for at in jobs(5)]
        beliefs = Beliefs(Timeline(trace()), MODEL, with_forecast=True, learned=False)
        cases = [Case(beliefs, StartPolicy(), hours * 3600, 5) for hours in (4, 12)]
        replay(cases, ready, progress=lambda done, of: told.append((done, of)))
        assert told == sorted(told)
        assert told[-1] == (10, 10)

    def test_nothing_to_do(self):
        """No cases, or no jobs."""
        replay([], [BEGIN.timestamp()])
        assert played(trace(2), StartPolicy(), [], HOUR) == []

    def test_a_window_of_nothing(self):
        """The job starts when it is ready, and nobody looks."""
        ready = jobs(2)
        assert played(trace(), StartPolicy(), ready, timedelta(0)) == [(at, 0) for at in ready]


class TestWithoutData:
    """As ``sources.planning`` does: keep the plan, else ask a few more times, else start."""

    NONE = ReadingsLog(zone="DE", source="test", measured=Stretch(start_at=BEGIN, values=(300.0,) * 5))

    def test_asks_again_then_starts(self):
        """Three times more, every five minutes."""
        ready = BEGIN + 4 * HOUR
        assert played(self.NONE, PLAIN, [ready], 4 * HOUR) == [(ready + timedelta(minutes=15), 4)]

    def test_as_often_as_the_policy_says(self):
        """Not at all, or once after an hour."""
        ready = BEGIN + 4 * HOUR
        never = PLAIN.model_copy(update={"no_data_retries": 0})
        assert played(self.NONE, never, [ready], 4 * HOUR) == [(ready, 1)]
        once = PLAIN.model_copy(update={"no_data_retries": 1, "no_data_retry_interval": HOUR})
        assert played(self.NONE, once, [ready], 4 * HOUR) == [(ready + HOUR, 2)]

    def test_waits_when_the_policy_says_so(self):
        """With ``on_no_data="wait"`` a sensor waits until the deadline."""
        ready, policy = BEGIN + 4 * HOUR, PLAIN.model_copy(update={"on_no_data": "wait"})
        assert played(self.NONE, policy, [ready], 2 * HOUR)[0][0] == ready + 2 * HOUR

    def test_not_after_the_deadline(self):
        """The deadline comes first."""
        ready = BEGIN + 4 * HOUR
        assert played(self.NONE, PLAIN, [ready], timedelta(minutes=7)) == [(ready + timedelta(minutes=7), 2)]

    def test_data_that_come_back_are_used(self):
        """A forecast issued after the second look is what the third decides on."""
        at = BEGIN + 4 * HOUR
        late = IssuedForecast(
            issued_at=at + timedelta(minutes=8), start_at=at, values=(300, 300, 100, 100, 300, 300, 300)
        )
        known = self.NONE.model_copy(update={"issues": (late,)})
        (found,) = played(known, PLAIN, [at], 4 * HOUR)
        # 04:00 and 04:05 nothing, 04:10 a plan for 06:00, 05:10 the same, and 06:00.
        assert found == (at + 2 * HOUR, 5)

    @pytest.mark.parametrize(
        ("policy", "start", "looks"),
        [
            (PLAIN, 3, 4),
            (PLAIN.model_copy(update={"replan_interval": 1.5 * HOUR}), 3, 3),
            (StartPolicy(max_intensity=50, strategy="threshold"), 4, 16),
        ],
        ids=["planned", "planned, looks seldom", "too dirty"],
    )
    def test_a_plan_is_kept(self, policy: StartPolicy, start: int, looks: int):
        """The forecast grows too old while the job waits: it starts when it was planned to, or at the deadline."""
        ready = BEGIN + 3 * DAY
        values = tuple(100.0 if hour == 50 else 110.0 if hour == 51 else 300.0 for hour in range(70))
        old = IssuedForecast(issued_at=ready - 47.5 * HOUR, start_at=ready - 47 * HOUR, values=values)
        known = self.NONE.model_copy(update={"issues": (old,)})
        assert played(known, policy, [ready], 4 * HOUR) == [(ready + start * HOUR, looks)]


class TestTimeline:
    def test_the_newest_forecast(self):
        """Issued by then, and young enough; else none."""
        known = Timeline(trace(4, every=24))
        first = int(BEGIN.timestamp())
        assert known.forecast_at(first + 86399, 48 * 3600).first == first
        assert known.forecast_at(first + 86400, 48 * 3600).first == first + 86400
        assert not known.forecast_at(first - 1, 48 * 3600).values
        assert not known.forecast_at(first + 7201, 7200).values
        assert known.forecast_at(first + 7200, 7200).values

    def test_a_curve_is_built_once_a_moment(self):
        """Policies that ask at the same moment share it; the next moment has another."""
        known = Timeline(trace(10))
        now = int((BEGIN + 8 * DAY).timestamp())
        one = known.fixed(MODEL, now, 7200, with_forecast=True)
        assert known.fixed(MODEL, now, 7200, with_forecast=True) is one
        assert known.fixed(MODEL, now, 7200, with_forecast=False) is not one
        assert known.fixed(MODEL, now, 7200, with_forecast=True) is one
        assert known.fixed(MODEL, now + 60, 7200, with_forecast=True) is not one

    def test_another_model_has_another_curve(self):
        """Two policies on one timeline may weigh the forecast differently."""
        known = Timeline(trace(10))
        now = int((BEGIN + 8 * DAY).timestamp())
        one = known.fixed(MODEL, now, 7200, with_forecast=True)
        other = known.fixed(CurveModel(forecast_weight=0), now, 7200, with_forecast=True)
        assert other.values != one.values

    def test_the_truth(self):
        """What was measured in the slot that holds an instant; nothing outside."""
        log = trace(2, gaps=[3])
        known, first = Timeline(log), BEGIN.timestamp()
        assert known.intensity(first + 3599) == log.measured.values[0]
        assert known.intensity(first + 3 * 3600) is None
        assert known.intensity(first - 1) is None
        assert known.intensity(first + 48 * 3600) is None

    def test_what_a_provider_said(self):
        """The newest issue as it is; before the first there is none."""
        log = trace(3, every=24)
        known, first = Timeline(log), int(BEGIN.timestamp())
        assert known.said_at(first + 90000, first).values == log.issues[1].values
        assert known.said_at(first - 60, first).values == ()

    def test_without_issues_the_last_measured_day(self):
        """Repeated from the running slot on, as far as asked."""
        log = trace(3, every=0)
        known, now = Timeline(log), int((BEGIN + 30 * HOUR).timestamp())
        said, values = known.said_at(now, now + 40 * 3600), log.measured.values
        assert said.start_at == BEGIN + 30 * HOUR
        assert said.values[0] == values[30]
        assert said.values[1:25] == values[7:31]
        assert said.values[25:49] == values[7:31]

    def test_without_anything(self):
        """Before the first value nothing is said."""
        known, now = Timeline(trace(2, every=0, gaps=range(30))), int((BEGIN + 9 * HOUR).timestamp())
        assert set(known.said_at(now, now + 7200).values) == {None}

    def test_a_longer_wait_after_a_shorter_one(self):
        """Asked again at the same moment for more, it says more."""
        known, now = Timeline(trace(3, every=0)), int((BEGIN + 30 * HOUR).timestamp())
        known.said_at(now, now + 4 * 3600)
        assert known.said_at(now, now + 40 * 3600).end_at >= BEGIN + 70 * HOUR

    def test_slots_are_those_of_the_finest(self):
        """Hourly forecasts in a trace of quarter hours."""
        known = Timeline(trace(2, QUARTER))
        assert known.slot == 900
        assert known.forecast_at(known.first, 0).slot == 900
        hourly = known.trace.issues[0].values
        assert known.forecast_at(known.first, 0).values[:5] == [*[hourly[0]] * 4, hourly[1]]


class TestBeliefs:
    def curves(self, known: ReadingsLog, now: datetime, **how: bool) -> tuple[str | None, str | None]:
        """Return what the fixed and the learned curve were made from."""
        timeline = Timeline(known)
        kinds = [
            Beliefs(timeline, MODEL, learned=learned, **how).curve(int(now.timestamp()), 4 * 3600).kind
            for learned in (False, True)
        ]
        return kinds[0], kinds[1]

    def test_each_of_ours(self):
        """With and without forecasts, fixed and learned."""
        assert self.curves(trace(), BEGIN + 9 * DAY, with_forecast=True) == ("fixed", "learned")
        assert self.curves(trace(), BEGIN + 9 * DAY, with_forecast=False) == ("history", "learned_history")

    def test_slots_over_an_hour_teach_nothing(self):
        """The fixed curve stands in."""
        measured = Stretch(start_at=BEGIN, slot_length=2 * HOUR, values=(300.0,) * 120)
        known = ReadingsLog(zone="DE", source="test", measured=measured)
        assert self.curves(known, BEGIN + 9 * DAY, with_forecast=False) == ("history", "history")

    def test_before_anything_was_measured(self):
        """Nothing is believed."""
        assert self.curves(trace(every=0), BEGIN - HOUR, with_forecast=True) == (None, None)

    def test_an_old_measurement_does_not_teach(self):
        """Six hours without any: the forecast alone is believed."""
        known = trace(gaps=range(24 * 9, 24 * 10))
        assert self.curves(known, BEGIN + 9 * DAY + 5 * HOUR, with_forecast=True) == ("fixed", "learned")
        assert self.curves(known, BEGIN + 9 * DAY + 6 * HOUR, with_forecast=True) == ("forecast", "forecast")

    def test_the_present_of_a_running_hour(self):
        """A mean of its slots so far, in which a missing one does not count."""
        known = trace(11, QUARTER, gaps=[96 * 8 + 1])
        curve = Beliefs(Timeline(known), MODEL, with_forecast=True, learned=True).curve(
            int((BEGIN + 8 * DAY + 2 * QUARTER).timestamp()), 3600
        )
        assert curve.start_at == BEGIN + 8 * DAY + 2 * QUARTER
        assert curve.kind == "learned"
