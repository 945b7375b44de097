"""A zone's curve for the page: what the chart draws, the sentence that says the same, and the table below it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from airflow_provider_hypercarbon.carbon.decision import StartDecision
from airflow_provider_hypercarbon.carbon.intensity import IntensityLevel
from airflow_provider_hypercarbon.plugin.page.words import Clock, intensity
from airflow_provider_hypercarbon.plugin.schemas.grid import GridPoint

_HOUR = timedelta(hours=1)
#: Wider spans get fewer ticks: hours between them, for spans up to so many hours.
_TICK_HOURS = ((16, 2), (30, 3), (96, 6))


class Planned(NamedTuple):
    """What is drawn of a wait: the job's planned time, the latest start, and where the wait began."""

    start_at: datetime
    end_at: datetime
    deadline: datetime
    ready_at: datetime
    threshold: float | None
    at_deadline: bool

    @classmethod
    def of(cls, decision: StartDecision) -> Planned:
        """Take a decision's plan."""
        return cls(
            start_at=decision.start_at,
            end_at=decision.start_at + decision.duration,
            deadline=decision.deadline,
            ready_at=decision.ready_at,
            threshold=decision.max_intensity,
            at_deadline=not decision.due and decision.start_at >= decision.deadline,
        )


@dataclass(frozen=True)
class CurveView:
    """A curve with everything that is drawn over it.

    :param measured: what was measured, and ``ahead`` what is expected; with low and high where an error is known.
    :param also: measured later than the decision that is looked at, drawn over what was expected then.
    """

    clock: Clock
    measured: Sequence[GridPoint]
    ahead: Sequence[GridPoint]
    start: datetime
    end: datetime
    mark: datetime
    mark_words: str = "now"
    planned: Planned | None = None
    also: Sequence[GridPoint] = ()

    @property
    def has_data(self) -> bool:
        return bool(self.measured or self.ahead)

    def spec(self) -> dict[str, Any]:
        """Return what the chart draws; instants are milliseconds, so that days of 23 or 25 hours come out right."""
        plan = self.planned
        spec: dict[str, Any] = {
            "kind": "curve",
            "zone": self.clock.zone.key,
            "from": _ms(self.start),
            "to": _ms(self.end),
            "measured": [_drawn(point) for point in self.measured],
            "ahead": [[*_drawn(p), _one(p.low), _one(p.high)] for p in self.ahead],
            "also": [_drawn(point) for point in self.also],
            "ticks": list(_ticks(self.clock, self.start, self.end)),
            "mark": {"at": _ms(self.mark), "label": self.mark_words},
            "gaps": [[_ms(a), _ms(b)] for a, b in self._gaps()],
        }
        if plan is not None:
            when = self.clock.time(plan.start_at)
            spec["plan"] = {
                "at": _ms(plan.start_at),
                "end": _ms(plan.end_at),
                "label": f"start at deadline {when}" if plan.at_deadline else f"start {when}",
            }
            if not plan.at_deadline:
                spec["deadline"] = {
                    "at": _ms(plan.deadline), "label": f"deadline {self.clock.time(plan.deadline)}"
                }  # fmt: skip
            if plan.ready_at >= self.start:
                spec["scheduled"] = _ms(plan.ready_at)
            if plan.threshold is not None:
                spec["threshold"] = plan.threshold
        return spec

    def sentence(self) -> str:
        """Say what the chart shows, for those who do not see it."""
        parts = []
        if self.measured:
            newest = self.measured[-1]
            when = self.clock.time(newest.time)
            parts.append(f"Measured {when}: {intensity(newest.intensity)} grams per kilowatt hour, {newest.quality}.")
        if self.ahead:
            lowest = min(self.ahead, key=lambda point: point.intensity)
            highest = max(self.ahead, key=lambda point: point.intensity)
            for word, point in (("Lowest", lowest), ("highest", highest)):
                parts.append(f"{word} expected {intensity(point.intensity)} at {self.clock.time(point.time)}.")
        else:
            parts.append("There is no forecast.")
        if plan := self.planned:
            parts.append(f"Planned start {self.clock.time(plan.start_at)}.")
            parts.append(f"Deadline {self.clock.time(plan.deadline)}.")
        return " ".join(parts)

    def lowest(self) -> GridPoint | None:
        """Return the lowest slot ahead."""
        return min(self.ahead, key=lambda point: point.intensity, default=None)

    def hours(self) -> list[tuple[GridPoint, str]]:
        """Return a slot an hour, with what kind of value it is: the table below the chart."""
        rows = []
        named = [(p, "measured") for p in self.measured] + [(p, "forecast") for p in self.ahead]
        last: datetime | None = None
        for point, kind in sorted(named, key=lambda pair: pair[0].time):
            hour = point.time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
            if last is None or hour > last:
                rows.append((point, f"{kind}, estimated" if point.estimated else kind))
                last = hour
        return rows

    def _gaps(self) -> Iterator[tuple[datetime, datetime]]:
        """Yield where nothing is known for an hour or more, the end of the forecast included."""
        at = self.start
        for point in sorted([*self.measured, *self.ahead], key=lambda p: p.time):
            if point.time - at >= _HOUR:
                yield at, point.time
            at = max(at, point.end)
        if self.end - at >= _HOUR:
            yield at, self.end


def _drawn(point: GridPoint) -> list[float]:
    return [_ms(point.time), _ms(point.end), round(point.intensity, 1)]


def _one(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _ms(instant: datetime) -> int:
    return round(instant.timestamp() * 1000)


def _ticks(clock: Clock, start: datetime, end: datetime) -> Iterator[tuple[int, str, bool]]:
    """Yield ticks at full local hours; midnight carries the day. An hour that comes twice has two."""
    hours = (end - start) / _HOUR
    step = next((step for most, step in _TICK_HOURS if hours <= most), 12)
    at = start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    while at <= end:
        # Time zones off the full hour have their full hours at the half or quarter of ours.
        local = clock.local(at)
        if local.minute:
            at += timedelta(minutes=60 - local.minute)
            continue
        if at >= start and local.hour % step == 0:
            midnight = local.hour == 0
            yield _ms(at), f"{local:%a}" if midnight else f"{local:%H:%M}", midnight
        at += _HOUR


def level_of(value: float) -> IntensityLevel:
    """Return the level's word."""
    return IntensityLevel.of(value)
