from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_hypercarbon.carbon.scores import Backtest, BacktestRow, Outcomes, over_zones
from tests.carbon.grid import HOUR

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
KEY = ("learned", 4 * HOUR, 2 * HOUR)


def outcomes(
    now: list[float], start: list[float], best: list[float] | None = None, ready: list[datetime] | None = None
) -> Outcomes:
    """Return jobs of an hour's delay and two looks each."""
    count = len(now)
    times = ready or [MIDNIGHT + HOUR * i for i in range(count)]
    return Outcomes(times, now, start, best or start, [1.0] * count, [2] * count)


def row(**fields: object) -> BacktestRow:
    return BacktestRow.model_validate(
        {
            "policy": "learned", "zone": "DE", "window_hours": 4, "duration_hours": 2, "saving_percent": 10,
            "share_of_perfect_foresight_percent": None, "mean_delay_hours": 1, "dirtier_percent": 2,
            "calls_per_job": 3, "jobs": 100, "possible_saving_percent": 20, **fields,
        }
    )  # fmt: skip


class TestRows:
    def test_the_figures_of_a_policy(self):
        """Savings are of sums, not means of percentages: a clean hour saves little, whatever its percentage."""
        found = Outcomes([MIDNIGHT, MIDNIGHT + HOUR], [400, 100], [300, 90], [200, 100], delays=[3, 0], calls=[4, 1])
        (only,) = Backtest("DE", {KEY: found}).rows()
        assert only == row(
            saving_percent=22,
            possible_saving_percent=40,
            share_of_perfect_foresight_percent=55,
            mean_delay_hours=1.5,
            dirtier_percent=0,
            calls_per_job=2.5,
            jobs=2,
        )

    def test_a_policy_may_do_harm(self):
        """A negative saving is shown as one, and so is its share."""
        (only,) = Backtest("DE", {KEY: outcomes([100, 100], [110, 120], [50, 50])}).rows()
        assert only.saving_percent == pytest.approx(-15)
        assert only.share_of_perfect_foresight_percent == pytest.approx(-30)

    def test_a_flat_grid_has_no_share(self):
        """Where nothing can be saved there is nothing to have a share of."""
        (only,) = Backtest("DE", {KEY: outcomes([300.0] * 3, [300.0] * 3)}).rows()
        assert only.saving_percent == 0
        assert only.share_of_perfect_foresight_percent is None

    def test_a_grid_without_emissions(self):
        """Nothing emitted, nothing saved, nothing divided by zero."""
        (only,) = Backtest("IS", {KEY: outcomes([0.0], [0.0])}).rows()
        assert (only.saving_percent, only.share_of_perfect_foresight_percent) == (0, None)

    def test_no_job_no_row(self):
        """Of a policy whose jobs could not be judged nothing is said."""
        assert Backtest("DE", {KEY: outcomes([], [])}).rows() == []

    @pytest.mark.parametrize(("mean", "count"), [(105, 0), (105.01, 1), (90, 0)])
    def test_dirtier_is_more_than_five_percent(self, mean: float, count: int):
        """Less is the noise of any choice."""
        found = outcomes([100, 100], [mean, 100])
        assert found.dirtier == count
        (only,) = Backtest("DE", {KEY: found}).rows()
        assert only.dirtier_percent == 50 * count


class TestGroups:
    def test_by_hour_of_the_day(self):
        """The same hour of several days is one group, in order of the hour."""
        ready = [MIDNIGHT + 5 * HOUR, MIDNIGHT + 3 * HOUR, MIDNIGHT + 29 * HOUR]
        found = Backtest("DE", {KEY: outcomes([100, 200, 300], [90, 100, 110], ready=ready)}).by_hour()
        assert [(each.group, each.jobs) for each in found] == [(3, 1), (5, 2)]
        assert found[0].saving_percent == 50
        assert found[1].saving_percent == 50

    def test_the_hour_is_local(self):
        """22:00 UTC is 23:00 in a winter of Berlin, midnight in its summer."""
        ready = [MIDNIGHT + 22 * HOUR, MIDNIGHT + timedelta(days=90, hours=22)]
        found = Backtest("DE", {KEY: outcomes([100, 200], [90, 100], ready=ready)}).by_hour(BERLIN)
        assert [each.group for each in found] == [0, 23]

    def test_by_month(self):
        """Local as well: the last hour of April in UTC is of May in Berlin."""
        ready = [MIDNIGHT, datetime(2026, 4, 30, 23, tzinfo=UTC)]
        played = Backtest("DE", {KEY: outcomes([100, 200], [90, 100], ready=ready)})
        assert [each.group for each in played.by_month()] == [3, 4]
        assert [each.group for each in played.by_month(BERLIN)] == [3, 5]

    def test_groups_keep_a_job_together(self):
        """What became of a job stays with it."""
        found = Outcomes([MIDNIGHT, MIDNIGHT + HOUR], [1, 2], [3, 4], [5, 6], [7, 8], [9, 10])
        groups = dict(found.by(lambda at: -at.hour))
        assert list(groups) == [-1, 0]
        assert groups[-1] == ([MIDNIGHT + HOUR], [2], [4], [6], [8], [10])

    def test_each_policy_has_its_groups(self):
        """Policies, windows and durations are never mixed."""
        other = ("run_now", *KEY[1:])
        played = Backtest("DE", {KEY: outcomes([100, 100], [50, 50]), other: outcomes([100, 100], [100, 100])})
        found = played.by_hour()
        assert [(each.policy, each.group, each.saving_percent) for each in found] == [
            ("learned", 0, 50), ("learned", 1, 50), ("run_now", 0, 0), ("run_now", 1, 0),
        ]  # fmt: skip


class TestOverZones:
    def test_zones_weigh_alike(self):
        """A zone counts once, however many jobs its trace has; the share is that of the mean savings."""
        rows = [
            row(
                zone="DE", saving_percent=10, possible_saving_percent=15, jobs=1000, mean_delay_hours=2,
                dirtier_percent=0, calls_per_job=4,
            ),
            row(
                zone="FR", saving_percent=2, possible_saving_percent=5, jobs=10, mean_delay_hours=0,
                dirtier_percent=8, calls_per_job=2,
            ),
        ]  # fmt: skip
        assert over_zones(rows) == [
            row(
                zone="all",
                saving_percent=6,
                possible_saving_percent=10,
                share_of_perfect_foresight_percent=60,
                mean_delay_hours=1,
                dirtier_percent=4,
                calls_per_job=3,
                jobs=1010,
            )
        ]

    def test_windows_and_durations_stay_apart(self):
        """Means are over zones alone."""
        rows = [row(), row(window_hours=12), row(duration_hours=6), row(zone="FR", window_hours=12)]
        assert [(each.window_hours, each.duration_hours, each.jobs) for each in over_zones(rows)] == [
            (4, 2, 100), (12, 2, 200), (4, 6, 100),
        ]  # fmt: skip

    def test_where_nothing_can_be_saved_there_is_no_share(self):
        """Zones without any dip."""
        assert over_zones([row(possible_saving_percent=0)])[0].share_of_perfect_foresight_percent is None

    def test_rounding_is_no_saving(self):
        """What is no share in each zone is none over all of them."""
        played = Backtest("DE", {KEY: outcomes([300.0] * 3, [301.0] * 3, [300 - 1e-10] * 3)})
        assert played.rows()[0].share_of_perfect_foresight_percent is None
        assert over_zones(played.rows())[0].share_of_perfect_foresight_percent is None

    def test_nothing(self):
        """No zones, no rows."""
        assert over_zones([]) == []
