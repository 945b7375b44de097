"""Which daily start hour and which window would have saved most."""

from __future__ import annotations

from datetime import timedelta, tzinfo

from airflow_provider_hypercarbon.carbon.intensity import Frozen
from airflow_provider_hypercarbon.carbon.scores import Backtest

_HOUR = timedelta(hours=1)


class Suggestion(Frozen):
    """A daily start hour and a window, and what our policy would have made of it.

    :param group: the local hour at which the job becomes ready.
    :param mean_gco2eq_per_kwh: mean intensity of the runs.
    :param saving_percent: against starting at once at a random hour of the day, so that hours can be compared.
    """

    zone: str
    group: int
    window_hours: float
    duration_hours: float
    mean_gco2eq_per_kwh: float
    saving_percent: float
    mean_delay_hours: float
    dirtier_percent: float
    jobs: int


def rank(played: Backtest, zone: tzinfo) -> list[Suggestion]:
    """Return the start hours and windows of a replay, the cleanest first; among equals the shorter delay."""
    found = []
    for (_, window, duration), outcomes in played.outcomes.items():
        any_hour = sum(outcomes.mean_now) / max(1, len(outcomes.ready_at))
        for hour, group in outcomes.by(lambda ready_at: ready_at.astimezone(zone).hour):
            jobs = len(group.ready_at)
            mean = sum(group.mean_at_start) / jobs
            found.append(
                Suggestion(
                    zone=played.zone,
                    group=hour,
                    window_hours=window / _HOUR,
                    duration_hours=duration / _HOUR,
                    mean_gco2eq_per_kwh=mean,
                    saving_percent=100 * (1 - mean / any_hour) if any_hour else 0.0,
                    mean_delay_hours=sum(group.delays) / jobs,
                    dirtier_percent=100 * group.dirtier / jobs,
                    jobs=jobs,
                )
            )
    return sorted(found, key=lambda each: (each.mean_gco2eq_per_kwh, each.mean_delay_hours, each.group))
