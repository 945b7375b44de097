from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_hypercarbon.carbon.backtest import backtest, policies_for, suggest_start
from airflow_provider_hypercarbon.carbon.intensity import IntensitySeries, Slot
from airflow_provider_hypercarbon.carbon.outlook import Outlook
from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow
from airflow_provider_hypercarbon.carbon.readings import IssuedForecast, ReadingsLog, Stretch
from airflow_provider_hypercarbon.carbon.start import decide_start
from airflow_provider_hypercarbon.carbon.trace import ready_times
from airflow_provider_hypercarbon.exceptions import NoDataError
from tests.carbon.grid import HOUR, NOW

BEGIN = NOW - 18 * HOUR
TWO_H = 2 * HOUR
PLAIN = StartPolicy(min_saving=0)


def trace(
    days: int = 12, *, issue_every: int | None = 24, slot: timedelta = HOUR, gaps: Sequence[int] = (), seed: int = 1
) -> ReadingsLog:
    """Return a grid with a daily swing and chance in it, and forecasts that err more the farther they look."""
    random, count, wander = Random(seed), round(days * 24 * HOUR / slot), 0.0
    values: list[float | None] = []
    for index in range(count):
        wander = 0.9 * wander + random.gauss(0, 25)
        values.append(300 + 90 * math.cos((index * slot / HOUR - 3) / 24 * math.tau) + wander)
    issues, ahead = [], round(48 * HOUR / slot)
    for begin in range(0, count, round((issue_every or 0) * HOUR / slot) or count + 1):
        if issue_every:
            said = tuple((v or 0) + random.gauss(0, 3 + 0.5 * i) for i, v in enumerate(values[begin : begin + ahead]))
            at = BEGIN + slot * begin
            issues.append(IssuedForecast(issued_at=at, start_at=at, slot_length=slot, values=said))
    for gap in gaps:
        values[gap] = None
    measured = Stretch(start_at=BEGIN, slot_length=slot, values=tuple(values))
    return ReadingsLog(zone="DE", source="test", measured=measured, issues=tuple(issues))


def series(
    known: ReadingsLog, slots: tuple[Slot, ...], length: timedelta, issued_at: datetime | None
) -> IntensitySeries:
    return IntensitySeries(
        zone="DE", source="test", slots=slots, slot_length=length, signal=known.signal, issued_at=issued_at
    )


def outlook_at(known: ReadingsLog, now: datetime, *, with_forecast: bool, learned: bool) -> Outlook:
    """Return what a source, and a log from the begin of the trace, say at ``now``: nothing later."""
    measured = known.measured
    slots = tuple(slot for slot in measured.slots() if slot.start_at <= now)
    week = tuple(slot for slot in slots if slot.start_at > now - timedelta(days=7) - measured.slot_length)
    issues = tuple(issue for issue in known.issues if issue.issued_at <= now) if with_forecast else ()
    forecast = None
    if issues:
        last = issues[-1]
        forecast = series(known, tuple(last.slots()), last.slot_length, last.issued_at)
    log = None
    if learned:
        begun = max(0, math.floor((now - measured.start_at) / measured.slot_length) + 1)
        past = measured.model_copy(update={"values": measured.values[:begun]})
        log = known.model_copy(update={"measured": past, "issues": issues})
    return Outlook(zone="DE", measured=series(known, week, measured.slot_length, None), forecast=forecast, log=log)


def wait(
    known: ReadingsLog,
    policy: StartPolicy,
    ready_at: datetime,
    window: timedelta,
    *,
    with_forecast: bool,
    learned: bool,
) -> tuple[float, int]:
    """Return how many hours a job waits and how often it looks, decided by ``decide_start`` look by look."""
    job, now, last, looks, failed = StartWindow.opening(ready_at, window), ready_at, None, 0, 0
    while now < job.deadline:
        looks += 1
        outlook = outlook_at(known, now, with_forecast=with_forecast, learned=learned)
        try:
            decision = decide_start(outlook, policy, job, now=now, last_plan=last)
        except NoDataError:  # as sources.planning does
            if last is None:
                if failed >= policy.no_data_retries:
                    break
                failed, now = failed + 1, min(now + policy.no_data_retry_interval, job.deadline)
                continue
            if last.start_at <= now:
                break
            step = policy.check_interval if last.start_at == job.deadline else policy.replan_interval
            now = min(last.start_at, now + step)
            continue
        if decision.due:
            break
        last, now = decision, decision.check_again_at
    return (now - ready_at) / HOUR, looks


OURS = {
    "history": (False, False),
    "learned_history": (False, True),
    "fixed": (True, False),
    "learned": (True, True),
}


class TestDecidesAsTheSensorDoes:
    @pytest.mark.parametrize("name", OURS)
    @pytest.mark.parametrize(
        ("known", "policy", "duration", "minutes"),
        [
            (trace(), PLAIN, TWO_H, 0),
            (trace(issue_every=6, seed=2), StartPolicy(), 1.5 * HOUR, 0),
            (trace(seed=3), StartPolicy(min_saving=0, replan_interval=4 * HOUR), TWO_H, 37),
            (trace(days=10, slot=timedelta(minutes=30), seed=4), PLAIN, 1.75 * HOUR, 12),
            (trace(gaps=range(200, 210), issue_every=None, seed=5), PLAIN, TWO_H, 0),
            (trace(seed=6), StartPolicy(max_intensity=260), TWO_H, 20),
            (trace(seed=7), StartPolicy(strategy="threshold", max_intensity=240), TWO_H, 20),
        ],
        ids=["plain", "six-hourly", "rare looks", "half hours", "a gap", "clean enough", "threshold"],
    )
    def test_every_job_starts_when_decide_start_says(
        self, name: str, known: ReadingsLog, policy: StartPolicy, duration: timedelta, minutes: int
    ):
        """The fast replay is no other policy: same start, same number of looks, job by job."""
        windows = (3 * HOUR, 10 * HOUR)
        every = ready_times(known, windows=windows, durations=[duration])
        ready = [hour + timedelta(minutes=minutes) for hour in every[1::17]]
        played = backtest(known, windows=windows, durations=[duration], ready=ready, policies=[name], policy=policy)
        with_forecast, learned = OURS[name]
        one = policy.model_copy(update={"duration": duration})
        for window in windows:
            outcomes = played.outcomes[name, window, duration]
            assert len(outcomes.ready_at) > 3
            for at, delay, looks in zip(outcomes.ready_at, outcomes.delays, outcomes.calls, strict=True):
                expected = wait(known, one, at, window, with_forecast=with_forecast, learned=learned)
                assert (pytest.approx(delay), looks) == expected

    def test_the_future_is_not_looked_at(self):
        """Whatever comes after a moment, what was decided until then stays."""
        known, changed = trace(), trace()
        half = 9 * 24
        values = (*changed.measured.values[:half], *(1000.0 - 3 * i for i in range(3 * 24)))
        issues = tuple(issue for issue in changed.issues if issue.issued_at < BEGIN + half * HOUR)
        other = changed.model_copy(
            update={"measured": changed.measured.model_copy(update={"values": values}), "issues": issues}
        )
        ready = [BEGIN + hour * HOUR for hour in range(7 * 24, half - 6)]
        ours, theirs = (
            backtest(
                each, windows=[4 * HOUR], ready=ready, policies=[*OURS, "one_shot", "hypersdk", "electricity_maps"]
            )
            for each in (known, other)
        )
        for key, outcomes in ours.outcomes.items():
            assert outcomes.delays == theirs.outcomes[key].delays, key


class TestFigures:
    def test_shares_lie_between_nothing_and_perfect_foresight(self):
        """Nobody beats perfect foresight, and starting at once saves nothing."""
        played = backtest(trace(), windows=[4 * HOUR, 12 * HOUR], policy=PLAIN)
        rows = {(row.policy, row.window_hours): row for row in played.rows()}
        for (policy, window), row in rows.items():
            best = rows["perfect_foresight", window]
            assert row.saving_percent <= best.saving_percent + 1e-9
            assert row.mean_delay_hours <= window
            assert row.jobs == best.jobs
            if policy == "run_now":
                assert (row.saving_percent, row.mean_delay_hours, row.calls_per_job) == (0, 0, 0)
        assert rows["perfect_foresight", 4].share_of_perfect_foresight_percent == pytest.approx(100)
        assert rows["perfect_foresight", 12].dirtier_percent == 0
        assert rows["fixed", 12].share_of_perfect_foresight_percent > 50

    def test_a_flat_grid_has_no_share_and_no_delay(self):
        """Where nothing can be saved nobody waits, and no share is invented."""
        flat = ReadingsLog(zone="SG", source="test", measured=Stretch(start_at=BEGIN, values=(480.0,) * 24 * 20))
        for row in backtest(flat, policy=PLAIN).rows():
            assert row.share_of_perfect_foresight_percent is None
            if row.policy in OURS:
                assert row.mean_delay_hours == 0

    def test_without_forecasts_ours_has_only_history(self):
        """A policy that would be the same twice is listed once."""
        names = policies_for(trace(issue_every=None))
        assert "history" in names
        assert "fixed" not in names
        assert policies_for(trace())[-1] == "perfect_foresight"

    def test_progress_ends_with_all_jobs(self):
        """A bar reaches its end."""
        told: list[tuple[int, int]] = []
        backtest(trace(10), windows=[4 * HOUR], policies=["fixed"], progress=lambda *at: told.append(at))
        assert told[-1][0] == told[-1][1] > 0
        assert told == sorted(told)

    def test_jobs_whose_run_was_not_measured_are_left_out(self):
        """A gap in the truth is no emission."""
        known = trace(gaps=[8 * 24])
        full = backtest(trace(), windows=[4 * HOUR], policies=["run_now"]).rows()[0].jobs
        assert backtest(known, windows=[4 * HOUR], policies=["run_now"]).rows()[0].jobs < full

    def test_no_jobs_no_rows(self):
        """A trace shorter than a week and a window judges nothing."""
        assert backtest(trace(5), policy=PLAIN).rows() == []


class TestSuggestions:
    def test_the_cleanest_hour_comes_first(self):
        """The grid is cleanest around 15:00 UTC: a short wait suggests to be ready near it."""
        found = suggest_start(trace(20), windows=[timedelta(0), 4 * HOUR])
        assert len(found) == 48
        assert found[0].mean_gco2eq_per_kwh <= found[-1].mean_gco2eq_per_kwh
        at_once = next(each for each in found if each.window_hours == 0)
        assert at_once.group in (13, 14, 15)
        assert at_once.saving_percent > 10

    def test_hours_are_those_of_the_local_clock(self):
        """The same hour, called otherwise in Tokyo."""
        here = suggest_start(trace(20), windows=[timedelta(0)])[0].group
        there = suggest_start(trace(20), windows=[timedelta(0)], zone=ZoneInfo("Asia/Tokyo"))[0].group
        assert there == (here + 9) % 24
