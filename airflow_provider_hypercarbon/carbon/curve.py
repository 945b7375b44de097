"""What we believe the grid will do: one curve from a forecast and from measured days, and its exact means."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import accumulate

from airflow_provider_hypercarbon.carbon.blend import (
    EPOCH,
    HOUR,
    CurveKind,
    CurveModel,
    blend,
    is_current,
    seconds,
    strip_of,
)
from airflow_provider_hypercarbon.carbon.intensity import IntensitySeries
from airflow_provider_hypercarbon.exceptions import BadDataError

_DAY = timedelta(days=1)
__all__ = ["Curve", "CurveModel", "believe", "refuse_mixture"]


class Curve:
    """Intensity in gCO2eq/kWh over equal slots; ``None`` is a gap. Means over a gap do not exist.

    :param start_at: begin of the first slot (UTC).
    :param slot_length: length of every slot.
    :param values: one a slot.
    :param kind: what it was made from.
    """

    def __init__(
        self,
        start_at: datetime,
        slot_length: timedelta,
        values: Sequence[float | None],
        kind: CurveKind | None = None,
    ) -> None:
        self.start_at = start_at
        self.slot_length = slot_length
        self.values = tuple(values)
        self.kind = kind
        self._slot = slot_length.total_seconds()
        # Running sums make every mean two look-ups: of values, and of slots that are gaps.
        if None in self.values:
            self._sums = list(accumulate((value or 0.0 for value in self.values), initial=0.0))
            self._gaps = list(accumulate((value is None for value in self.values), initial=0))
        else:
            self._sums = list(accumulate(self.values, initial=0.0))  # type: ignore[arg-type]  # no gap is left
            self._gaps = [0] * len(self._sums)

    @property
    def end_at(self) -> datetime:
        return self.start_at + self.slot_length * len(self.values)

    def mean(self, start: datetime, duration: timedelta) -> float | None:
        """Return the exact time-weighted mean over ``[start, start + duration)`` in gCO2eq/kWh.

        The first and last slot count by the part that is covered. None when any part is unknown. A duration of
        zero is the value at ``start``.
        """
        return self.means([start], duration)[0]

    def means(self, starts: Iterable[datetime], duration: timedelta) -> list[float | None]:
        """Return the mean of :meth:`mean` for each start."""
        return self.means_from([self.seconds_to(start) for start in starts], duration.total_seconds())

    def means_from(self, begins: Iterable[float], span: float) -> list[float | None]:
        """Return the mean of :meth:`mean` for each start, all in seconds after the begin of the curve."""
        slot, sums, gaps, values, count = self._slot, self._sums, self._gaps, self.values, len(self.values)
        whole = 0 if span % slot else int(span // slot)  # slots, when a run that begins with one ends with one
        found: list[float | None] = []
        for begin in begins:
            first = int(begin // slot)
            if span <= 0:
                found.append(values[first] if 0 <= first < count else None)
                continue
            cut = begin - first * slot
            last = first + whole if whole and not cut else math.ceil((begin + span) / slot)
            if first < 0 or last > count or gaps[last] != gaps[first]:
                found.append(None)
            elif whole and not cut:
                found.append((sums[last] - sums[first]) / whole)
            else:
                inner = (sums[last] - sums[first]) * slot
                cut_back = (last * slot - begin - span) * (values[last - 1] or 0.0)
                found.append((inner - cut * (values[first] or 0.0) - cut_back) / span)
        return found

    def means_along(self, begin: float, end: float, span: float) -> tuple[Sequence[float], list[float | None]]:
        """Return all starts from ``begin`` to ``end``, both included, where the mean may turn, and their means."""
        if not span % self._slot and (inner := self._means_at_edges(begin, end, span)) is not None:
            return inner
        starts = [begin, *self.turns(begin, end, span), *([end] if end > begin else [])]
        return starts, self.means_from(starts, span)

    def _means_at_edges(self, begin: float, end: float, span: float) -> tuple[list[float], list[float | None]] | None:
        """Do what :meth:`means_along` does for a run of whole slots; None when a gap or an end is in the way.

        Between the two ends all starts are slot edges then, and their means differences of running sums.
        """
        slot, whole = self._slot, int(span // self._slot)
        first, last = math.ceil(begin / slot), int(end // slot)
        if not whole > 0 or not 0 <= first <= last or last + whole >= len(self._sums):
            return None
        if self._gaps[last + whole] != self._gaps[first]:
            return None
        sums = zip(self._sums[first : last + 1], self._sums[first + whole : last + whole + 1], strict=True)
        starts: list[float] = [slot * i for i in range(first, last + 1)]
        means: list[float | None] = [(b - a) / whole for a, b in sums]
        if begin < starts[0]:
            starts[:0], means[:0] = [begin], self.means_from((begin,), span)
        if end > starts[-1]:
            starts.append(end)
            means += self.means_from((end,), span)
        return starts, means

    def edges(self, begin: datetime, end: datetime) -> list[datetime]:
        """Return the slot boundaries strictly inside ``(begin, end)``."""
        return [self.instant(at) for at in self.turns(self.seconds_to(begin), self.seconds_to(end), 0)]

    def turns(self, begin: float, end: float, span: float) -> list[float]:
        """Return where the mean over ``span`` may turn, strictly inside ``(begin, end)``: all in seconds.

        These are the slot edges, and the slot edges minus ``span``. The mean is linear between them.
        """
        slot = self._slot
        found = {slot * i for i in range(max(0, math.floor(begin / slot) + 1), math.ceil(end / slot))}
        if span % slot:
            first, last = math.floor((begin + span) / slot) + 1, math.ceil((end + span) / slot)
            found.update(slot * i - span for i in range(max(0, first), last))
        return sorted(found)

    def seconds_to(self, instant: datetime) -> float:
        """Return the seconds from the begin of the curve to an instant."""
        return (instant - self.start_at).total_seconds()

    def instant(self, after_begin: float) -> datetime:
        """Return the instant so many seconds after the begin of the curve."""
        return self.start_at + timedelta(seconds=after_begin)

    def value_at(self, instant: datetime) -> float | None:
        """Return the value of the slot that holds ``instant``."""
        return self.mean(instant, timedelta(0))


def believe(
    measured: IntensitySeries | None,
    forecast: IntensitySeries | None,
    *,
    now: datetime,
    until: datetime,
    model: CurveModel | None = None,
) -> Curve:
    """Build the curve for every slot from the one that holds ``now`` to the one that holds ``until``.

    Forecast and the same-hour profile of measured days are each anchored to the newest measurement (their
    present error is expected to fade), then blended. Where only one exists it stands alone; where neither
    exists the curve has a gap.

    :raises BadDataError: forecast and history are of different zones or signals.
    """
    model = model or CurveModel()
    refuse_mixture(measured, forecast)
    finest = min((s for s in (measured, forecast) if s and s.slots), key=lambda s: s.slot_length, default=None)
    slot = seconds(finest.slot_length) if finest else HOUR
    phase = seconds(finest.slots[0].start_at - EPOCH) % slot if finest else 0
    second = seconds(now - EPOCH)
    first = second - (second - phase) % slot
    start_at = EPOCH + timedelta(seconds=first)
    count = max(1, math.ceil((until - start_at).total_seconds() / slot))
    if forecast is not None and not is_current(forecast.issued_at, now, model):
        forecast = None
    oldest, late = now - (model.profile_days + 1) * _DAY, now - model.max_measured_age - _DAY
    past = strip_of(measured, oldest, now + _DAY, slot=slot, phase=phase)
    future = strip_of(forecast, late, until, slot=slot, phase=phase)
    values, kind = blend(model, past, future, now=second, begin=first, count=count)
    return Curve(start_at, timedelta(seconds=slot), values, kind)


def refuse_mixture(measured: IntensitySeries | None, forecast: IntensitySeries | None) -> None:
    """Refuse to compare two zones or two signals.

    :raises BadDataError: with the words why.
    """
    if measured is None or forecast is None:
        return
    if measured.zone != forecast.zone:
        raise BadDataError(
            f"History is of {measured.zone}, the forecast of {forecast.zone}; they cannot be compared.",
            problem="wrong_zone",
        )
    if measured.signal != forecast.signal:
        raise BadDataError(
            f"History counts {measured.signal} emissions, the forecast {forecast.signal}; they are not compared.",
            problem="mixed_signal",
        )
