from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_hypercarbon.carbon.scores import Backtest, Outcomes
from airflow_provider_hypercarbon.carbon.suggestions import Suggestion, rank
from tests.carbon.grid import HOUR

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)


def outcomes(*jobs: tuple[int, float, float, float]) -> Outcomes:
    """Return jobs of: hours after midnight, mean of now, mean at the start, delay in hours."""
    after, now, start, delays = zip(*jobs, strict=True) if jobs else ((), (), (), ())
    return Outcomes([MIDNIGHT + HOUR * i for i in after], now, start, start, delays, [1] * len(after))


def played(**windows: Outcomes) -> Backtest:
    """Return a replay with windows named as ``h4``."""
    return Backtest("DE", {("learned", int(name[1:]) * HOUR, 2 * HOUR): each for name, each in windows.items()})


class TestRank:
    def test_best_first(self):
        """The hour and window with the cleanest runs leads, over all windows."""
        found = rank(
            played(
                h4=outcomes((2, 300, 250, 1), (20, 400, 380, 2)),
                h12=outcomes((2, 300, 220, 8), (20, 400, 150, 9)),
            ),
            UTC,
        )
        assert [(each.group, each.window_hours, each.mean_gco2eq_per_kwh) for each in found] == [
            (20, 12, 150), (2, 12, 220), (2, 4, 250), (20, 4, 380),
        ]  # fmt: skip

    def test_among_equals_the_shorter_delay_then_the_earlier_hour(self):
        """Nobody waits for nothing, and the order is the same every time."""
        found = rank(played(h12=outcomes((9, 300, 200, 5), (8, 300, 200, 3), (7, 300, 200, 5))), UTC)
        assert [each.group for each in found] == [8, 7, 9]

    def test_the_saving_is_against_a_random_hour(self):
        """A job that is ready at a clean hour and starts at once has saved, too; so hours can be compared."""
        clean, dirty = rank(played(h4=outcomes((3, 100, 100, 0), (18, 300, 250, 1))), UTC)
        assert clean.saving_percent == pytest.approx(50)
        assert dirty.saving_percent == pytest.approx(-25)

    def test_all_that_is_said_of_an_hour(self):
        """Days of the same hour are one suggestion, with the means over them."""
        found = rank(played(h4=outcomes((3, 100, 100, 0), (27, 200, 220, 2))), UTC)
        assert found == [
            Suggestion(
                zone="DE",
                group=3,
                window_hours=4,
                duration_hours=2,
                mean_gco2eq_per_kwh=160,
                saving_percent=100 * (1 - 160 / 150),
                mean_delay_hours=1,
                dirtier_percent=50,
                jobs=2,
            )
        ]

    def test_hours_are_local(self):
        """A schedule is written in somebody's time zone."""
        (only,) = rank(played(h4=outcomes((22, 100, 100, 0))), ZoneInfo("Asia/Kolkata"))
        assert only.group == 3

    def test_a_grid_without_emissions(self):
        """Nothing can be saved, and nothing is divided by zero."""
        (only,) = rank(played(h4=outcomes((1, 0, 0, 0))), UTC)
        assert only.saving_percent == 0

    def test_no_jobs_no_suggestions(self):
        """A trace too short for any job suggests nothing."""
        assert rank(played(h4=outcomes()), UTC) == []
        assert rank(Backtest("DE", {}), UTC) == []
