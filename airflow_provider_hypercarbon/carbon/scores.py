"""What became of replayed jobs, and the figures drawn from it.

All figures are differences of average, location-based intensities over the runs: attributional, not what the grid
would have emitted otherwise. The energy of a job is the same whenever it runs, so intensities stand for emissions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from airflow_provider_hypercarbon.carbon.intensity import Frozen

PERFECT = "perfect_foresight"
#: A job that ran this much dirtier than at once is counted as dirtier.
_DIRTIER = 1.05
#: Less than so many percent are the rounding errors of a grid where nothing can be saved.
_NOTHING = 1e-7
_HOUR = timedelta(hours=1)


class Outcomes(NamedTuple):
    """What became of the jobs of one policy, window and duration. Means are gCO2eq/kWh over the run, as measured.

    :param mean_best: of the start that perfect foresight chooses.
    :param delays: hours from ready to start.
    :param calls: how often the policy looked at the grid.
    """

    ready_at: Sequence[datetime]
    mean_now: Sequence[float]
    mean_at_start: Sequence[float]
    mean_best: Sequence[float]
    delays: Sequence[float]
    calls: Sequence[int]

    @property
    def dirtier(self) -> int:
        """How many jobs were more than 5 % dirtier than started at once."""
        return sum(mean > _DIRTIER * now for mean, now in zip(self.mean_at_start, self.mean_now, strict=True))

    def by(self, group_of: Callable[[datetime], int]) -> Iterator[tuple[int, Outcomes]]:
        """Return the outcomes in groups by the moment at which the jobs became ready."""
        groups: dict[int, list[int]] = {}
        for job, ready_at in enumerate(self.ready_at):
            groups.setdefault(group_of(ready_at), []).append(job)
        for group in sorted(groups):
            yield group, Outcomes(*([column[job] for job in groups[group]] for column in self))  # type: ignore[arg-type]


class BacktestRow(Frozen):
    """One policy in one zone, window and duration.

    :param share_of_perfect_foresight_percent: saving in percent of what perfect foresight saves; None on a grid
        where nothing can be saved.
    :param possible_saving_percent: what perfect foresight saves.
    :param dirtier_percent: share of jobs more than 5 % dirtier than started at once.
    :param calls_per_job: how often the policy looked at the grid.
    :param group: the hour of day, the month, or the first month of the season, in a breakdown.
    """

    policy: str
    zone: str
    window_hours: float
    duration_hours: float
    saving_percent: float
    share_of_perfect_foresight_percent: float | None
    mean_delay_hours: float
    dirtier_percent: float
    calls_per_job: float
    jobs: int
    possible_saving_percent: float
    group: int | None = None


class Backtest(NamedTuple):
    """The outcomes of a replay, by policy, window and duration."""

    zone: str
    outcomes: Mapping[tuple[str, timedelta, timedelta], Outcomes]

    def rows(self) -> list[BacktestRow]:
        """Return one row a policy, window and duration."""
        return [self._row(key, found) for key, found in self.outcomes.items() if found.ready_at]

    def by_hour(self, zone: tzinfo = UTC) -> list[BacktestRow]:
        """Return the rows by the local hour of day at which jobs became ready; ``group`` is the hour."""
        return self._grouped(lambda ready_at: ready_at.astimezone(zone).hour)

    def by_month(self, zone: tzinfo = UTC) -> list[BacktestRow]:
        """Return the rows by local month; ``group`` is 1 to 12."""
        return self._grouped(lambda ready_at: ready_at.astimezone(zone).month)

    def by_season(self, zone: tzinfo = UTC) -> list[BacktestRow]:
        """Return the rows by local season; ``group`` is its first month: 12, 3, 6 or 9."""
        return self._grouped(lambda ready_at: ready_at.astimezone(zone).month // 3 * 3 or 12)

    def _grouped(self, group_of: Callable[[datetime], int]) -> list[BacktestRow]:
        return [
            self._row(key, each, group) for key, found in self.outcomes.items() for group, each in found.by(group_of)
        ]

    def _row(self, key: tuple[str, timedelta, timedelta], found: Outcomes, group: int | None = None) -> BacktestRow:
        policy, window, duration = key
        now, jobs = sum(found.mean_now), len(found.ready_at)
        saved, possible = now - sum(found.mean_at_start), now - sum(found.mean_best)
        return BacktestRow(
            policy=policy,
            zone=self.zone,
            window_hours=window / _HOUR,
            duration_hours=duration / _HOUR,
            saving_percent=100 * saved / now if now else 0.0,
            share_of_perfect_foresight_percent=100 * saved / possible if 100 * possible > _NOTHING * now else None,
            mean_delay_hours=sum(found.delays) / jobs,
            dirtier_percent=100 * found.dirtier / jobs,
            calls_per_job=sum(found.calls) / jobs,
            jobs=jobs,
            possible_saving_percent=100 * possible / now if now else 0.0,
            group=group,
        )


def over_zones(rows: Iterable[BacktestRow]) -> list[BacktestRow]:
    """Return the mean over zones of each policy, window and duration; the share is that of the mean savings."""
    groups: dict[tuple[str, float, float], list[BacktestRow]] = {}
    for row in rows:
        groups.setdefault((row.policy, row.window_hours, row.duration_hours), []).append(row)
    found = []
    for (policy, window, duration), zones in groups.items():
        saved = sum(row.saving_percent for row in zones)
        possible = sum(row.possible_saving_percent for row in zones)

        def mean(field: str, zones: Sequence[BacktestRow] = zones) -> float:
            return sum(float(getattr(row, field)) for row in zones) / len(zones)

        found.append(
            BacktestRow(
                policy=policy,
                zone="all",
                window_hours=window,
                duration_hours=duration,
                saving_percent=mean("saving_percent"),
                share_of_perfect_foresight_percent=100 * saved / possible if possible > _NOTHING else None,
                mean_delay_hours=mean("mean_delay_hours"),
                dirtier_percent=mean("dirtier_percent"),
                calls_per_job=mean("calls_per_job"),
                jobs=sum(row.jobs for row in zones),
                possible_saving_percent=mean("possible_saving_percent"),
            )
        )
    return found
