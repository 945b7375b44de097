"""Exact time-weighted means of a measured series: over a run, and over every start of a window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from airflow_provider_hypercarbon.carbon.curve import Curve
from airflow_provider_hypercarbon.carbon.intensity import Frozen, IntensitySeries, UtcDatetime

#: Slots beyond this are no window that anybody waits in: 40 days of five minutes.
_MOST_SLOTS = 12_000


class SeriesMean(Frozen):
    """Mean intensity over an interval: its value, the share of the interval it rests on, and its quality."""

    mean: float | None
    coverage: float
    estimated: bool

    @property
    def provisional(self) -> bool:
        return self.estimated or self.coverage < 1


NO_MEAN = SeriesMean(mean=None, coverage=0.0, estimated=False)


class WindowMeans(Frozen):
    """What a run of one length would have met, over all starts of a window.

    :param mean: of the means of all starts, each as likely: what a start at random would have met.
    :param worst: the highest of them.
    :param worst_start_at: the earliest start that meets it.
    :param estimated: some value behind it is an estimate.
    """

    mean: float
    worst: float
    worst_start_at: UtcDatetime
    estimated: bool


def series_mean(series: IntensitySeries | None, start: datetime, end: datetime) -> SeriesMean:
    """Return the time-weighted mean of a series over ``[start, end)``, over the part of it that has values.

    An instant (``start == end``) takes the value of its slot.
    """
    if series is None or not series.slots:
        return NO_MEAN
    weighted, covered, estimated = [], [], False
    span = (end - start).total_seconds()
    for slot in series.slots:
        slot_end = slot.start_at + series.slot_length
        if span == 0:
            seconds = float(slot.start_at <= start < slot_end)
        else:
            seconds = (min(end, slot_end) - max(start, slot.start_at)).total_seconds()
        if seconds > 0:
            weighted.append(seconds * slot.gco2eq_per_kwh)
            covered.append(seconds)
            estimated = estimated or slot.estimated is not False
    if not covered:
        return NO_MEAN
    known = math.fsum(covered)
    # Seconds are not exact: what is covered to the end must not lack a trillionth of it, and be provisional for ever.
    coverage = round(known / (span or 1.0), 9)
    return SeriesMean(mean=math.fsum(weighted) / known, coverage=coverage, estimated=estimated)


def window_means(
    series: IntensitySeries | None, first: datetime, last: datetime, duration: timedelta
) -> WindowMeans | None:
    """Return what the starts from ``first`` to ``last`` would have met; None unless all of it is known.

    The mean over a run is linear in its start between the points where a slot enters or leaves it, so its highest
    value lies at one of them, and its integral is a sum of trapezoids: both are exact.
    """
    if series is None or not series.slots or last < first:
        return None
    curve = _curve(series, first, last + duration)
    if curve is None:
        return None
    span = duration.total_seconds()
    starts, means = curve.means_along(curve.seconds_to(first), curve.seconds_to(last), span)
    known = [mean for mean in means if mean is not None]
    if len(known) < len(means):
        return None
    worst, end = max(known), last + duration
    touched = [
        slot
        for slot in series.slots
        if first < slot.start_at + series.slot_length and (slot.start_at < end or slot.start_at <= last)
    ]
    return WindowMeans(
        mean=_average(starts, known, steps=span == 0),
        worst=worst,
        worst_start_at=curve.instant(starts[known.index(worst)]),
        estimated=any(slot.estimated is not False for slot in touched),
    )


def _average(starts: Sequence[float], means: Sequence[float], *, steps: bool) -> float:
    """Return the mean over time of a function that is linear, or for a run without length constant, in between."""
    if len(starts) < 2:
        return means[0]
    pieces = zip(starts, starts[1:], means, means[1:], strict=False)
    areas = [(b - a) * (left if steps else (left + right) / 2) for a, b, left, right in pieces]
    return math.fsum(areas) / (starts[-1] - starts[0])


def _curve(series: IntensitySeries, first: datetime, end: datetime) -> Curve | None:
    """Return the slots that a window touches, with gaps where there are none."""
    length = series.slot_length
    slots = [slot for slot in series.slots if first < slot.start_at + length and slot.start_at <= end]
    if not slots:
        return None
    begin = slots[0].start_at
    count = (slots[-1].start_at - begin) // length + 1
    if count > _MOST_SLOTS:
        return None
    values: list[float | None] = [None] * count
    for slot in slots:
        values[(slot.start_at - begin) // length] = slot.gco2eq_per_kwh
    return Curve(begin, length, values)
