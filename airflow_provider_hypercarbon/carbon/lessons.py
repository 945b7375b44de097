"""What a log teaches about each hour ahead: a regression whose prior is a fixed curve."""

from __future__ import annotations

import math
from collections.abc import Iterator

from airflow_provider_hypercarbon.carbon.hours import Hours, Row
from airflow_provider_hypercarbon.carbon.intensity import Frozen
from airflow_provider_hypercarbon.carbon.ridge import Ridge

#: Shares of a forecast's rise and of the usual day's rise that come true, before anything was learned.
_PRIOR_SHARE = 0.5
_FORECAST_MEMORY = 0.95
_USUAL_MEMORY = 0.98
_PRIOR_HABIT = 0.4
_PRIOR_MOMENTUM = 0.1


class Lesson(Frozen):
    """What was learned about one lead, for people. Shares are fractions; they may be negative or above 1.

    :param samples: rows learned from, as far as remembered; 0 leaves the prior.
    :param forecast_share: how much of the forecast's rise comes true; None without forecasts.
    :param forecast_error_faded: how much of the forecast's present error is gone by then.
    :param usual_share: how much of the usual day's rise comes true.
    :param usual_error_faded: how much of today's difference from the usual day is gone by then.
    :param habit_share: how much of the forecast's usual error at that hour is corrected.
    :param momentum_share: how much of the last hour's change is added.
    """

    lead_hours: int
    samples: int
    forecast_share: float | None = None
    forecast_error_faded: float | None = None
    usual_share: float
    usual_error_faded: float
    habit_share: float | None = None
    momentum_share: float

    @property
    def sentence(self) -> str:
        """The row as a line."""
        ahead, learned = f"{self.lead_hours} h ahead:", f"({self.samples} hours learned from)."
        usual = (
            f"{self.usual_share:.0%} of the usual day's rise, {self.usual_error_faded:.0%} of its present error fades"
        )
        if self.forecast_share is None:
            return f"{ahead} {usual} {learned}"
        forecast = (
            f"{self.forecast_share:.0%} of the forecast's rise, {self.forecast_error_faded:.0%} of its present error "
            f"fades, {self.habit_share:.0%} of its usual error at that hour"
        )
        return f"{ahead} {forecast}; {usual} {learned}"


class Lessons:
    """How far each of a :class:`Row`'s numbers moves the grid, by lead, learned from one UTC day after another.

    A lead is learned when it is first asked for, and continued when a later day is.

    :param hours: what is learned from; rows only look back, so it may hold more than was known.
    """

    def __init__(self, hours: Hours) -> None:
        self._hours = hours
        self._ridges: dict[tuple[int, bool], tuple[Ridge, int]] = {}
        self._day = -1
        self._found: tuple[dict[int, tuple[float, ...]], ...] = ({}, {})  # without and with a forecast, by lead

    def coefficients(self, lead: int, day: int, *, with_forecast: bool) -> tuple[float, ...]:
        """Return one factor a number of the row, as learned from the targets measured before ``day``.

        :param day: UTC days since 1970; never before the day asked for last.
        """
        if day != self._day:
            self._day, self._found = day, ({}, {})
        found = self._found[with_forecast]
        if lead not in found:
            found[lead] = self.ridge(lead, day, with_forecast=with_forecast).coefficients(day)
        return found[lead]

    def ridge(self, lead: int, day: int, *, with_forecast: bool) -> Ridge:
        """Return the regression of a lead with all days before ``day``."""
        key = (lead, with_forecast)
        first = self._hours.first_forecast if with_forecast else self._hours.first_measured
        first = first if self._hours.measured else 24 * day
        ridge, next_day = self._ridges.get(key) or (Ridge(prior(lead, with_forecast=with_forecast)), first // 24)
        for each in range(next_day, day):
            self._learn(ridge, lead, each, with_forecast)
        self._ridges[key] = (ridge, max(day, next_day))
        return ridge

    def changes(self, row: Row, leads: range, day: int) -> Iterator[tuple[float, bool]]:
        """Return for each lead the change expected after a row, and whether a forecast had its say.

        NaN when not even a day was measured.
        """
        _, error, usual_day, usual_error, habits, momentum = row
        ahead = () if math.isnan(error + usual_error) else row.ahead
        reach = len(ahead)
        for lead in leads:
            at = (lead - 1) % 24
            usual, rise = usual_day[at], ahead[lead] - ahead[0] if lead < reach else math.nan
            if rise + usual != rise + usual:  # NaN
                a, b, c = self.coefficients(lead, day, with_forecast=False)
                yield a * usual + b * usual_error + c * momentum, False
                continue
            a, b, c, d, e, f = self.coefficients(lead, day, with_forecast=True)
            yield a * rise + b * error + c * usual + d * usual_error + e * habits[at] + f * momentum, True

    def lesson(self, lead: int, day: int, *, with_forecast: bool) -> Lesson:
        """Return what was learned about a lead by the begin of a day."""
        factors = self.coefficients(lead, day, with_forecast=with_forecast)
        samples = round(self.ridge(lead, day, with_forecast=with_forecast).rows)
        if not with_forecast:
            a, b, c = factors
            return Lesson(lead_hours=lead, samples=samples, usual_share=a, usual_error_faded=-b, momentum_share=c)
        a, b, c, d, e, f = factors
        return Lesson(
            lead_hours=lead, samples=samples, forecast_share=a, forecast_error_faded=-b, usual_share=c,
            usual_error_faded=-d, habit_share=e, momentum_share=f,
        )  # fmt: skip

    def _learn(self, ridge: Ridge, lead: int, day: int, with_forecast: bool) -> None:
        first, measured, at = 24 * day - lead, self._hours.measured, (lead - 1) % 24
        rows = [self._hours.row(hour) for hour in range(first, first + 24)]
        columns = [[row.usual[at] for row in rows], [row.usual_error for row in rows]]
        if with_forecast:
            columns[:0] = [[row.rise(lead) for row in rows], [row.forecast_error for row in rows]]
            columns.append([row.habit[at] for row in rows])
        columns.append([row.momentum for row in rows])
        changes = [
            measured.get(hour + lead, math.nan) - measured.get(hour, math.nan) for hour in range(first, first + 24)
        ]
        ridge.learn(day, columns, changes, first)


def prior(lead: int, *, with_forecast: bool) -> tuple[float, ...]:
    """Return the factors before anything was learned, in the order of :meth:`Row.features`."""
    fading = 1 - _USUAL_MEMORY**lead
    if not with_forecast:
        return 1.0, -fading, _PRIOR_MOMENTUM
    forecast_fading = 1 - _FORECAST_MEMORY**lead
    return (
        _PRIOR_SHARE, -_PRIOR_SHARE * forecast_fading, 1 - _PRIOR_SHARE, -(1 - _PRIOR_SHARE) * fading,
        _PRIOR_HABIT, _PRIOR_MOMENTUM,
    )  # fmt: skip
