"""The state of a grid in one look: now, the next hours, and when it would next be good to start."""

from __future__ import annotations

from datetime import datetime

from airflow_provider_hypercarbon.carbon.instants import clock_time
from airflow_provider_hypercarbon.carbon.intensity import CarbonIntensity, Frozen, IntensityLevel, UtcDatetime


class GridStatus(Frozen):
    """A zone's present intensity against a threshold, with the hours ahead.

    :param threshold: gCO2eq/kWh.
    :param optimal_for_backup: the present value is at or under the threshold.
    :param forecast: the slots ahead; empty when the source gives none.
    :param next_optimal_at: begin of the first slot ahead at or under the threshold; None when already optimal,
        when none is in sight, or without a forecast.
    :param problems: one sentence for each thing that could not be had.
    """

    zone: str
    current: CarbonIntensity
    level: IntensityLevel
    threshold: float
    optimal_for_backup: bool
    forecast: tuple[CarbonIntensity, ...]
    next_optimal_at: UtcDatetime | None
    sentence: str
    problems: tuple[str, ...] = ()


def grid_status(
    current: CarbonIntensity,
    forecast: list[CarbonIntensity],
    threshold: float,
    *,
    now: datetime,
    problems: tuple[str, ...] = (),
) -> GridStatus:
    """Put the present value and a forecast together; ``forecast`` may be empty, which is said."""
    ahead = tuple(slot for slot in forecast if slot.end_at > now)
    optimal = current.gco2eq_per_kwh <= threshold
    following = None if optimal else next((s for s in ahead if s.gco2eq_per_kwh <= threshold), None)
    return GridStatus(
        zone=current.zone,
        current=current,
        level=current.level,
        threshold=threshold,
        optimal_for_backup=optimal,
        forecast=ahead,
        next_optimal_at=max(following.start_at, now) if following else None,
        sentence=_sentence(current, threshold, optimal, following, ahead, now),
        problems=problems,
    )


def _sentence(
    current: CarbonIntensity,
    threshold: float,
    optimal: bool,
    following: CarbonIntensity | None,
    ahead: tuple[CarbonIntensity, ...],
    now: datetime,
) -> str:
    made_up = f" ({current.synthetic} data)" if current.synthetic else ""
    present = f"Grid {current.zone} at {current.gco2eq_per_kwh:.0f} gCO2eq/kWh{made_up}, {current.level}"
    if optimal:
        return f"{present}: at or under {threshold:g}."
    if following is not None:
        when = clock_time(max(following.start_at, now), now=now)
        return f"{present}: above {threshold:g} until {when} ({following.gco2eq_per_kwh:.0f})."
    if ahead:
        return f"{present}: above {threshold:g} until at least {clock_time(ahead[-1].end_at, now=now)}."
    return f"{present}: above {threshold:g}; there is no forecast."
