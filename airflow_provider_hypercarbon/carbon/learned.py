"""The curve that learns from its own errors, wherever a log of measured values and issued forecasts exists.

It learns how much of a forecast's rise comes true in this zone, how much of the usual day's, and how fast present
errors fade. What that is worth, and what else was tried: docs/explanation/decision.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from operator import attrgetter

from airflow_provider_hypercarbon.carbon.blend import DAY, EPOCH, HOUR, CurveModel, seconds
from airflow_provider_hypercarbon.carbon.curve import Curve, believe
from airflow_provider_hypercarbon.carbon.hours import Hours, measured_hours
from airflow_provider_hypercarbon.carbon.lessons import Lesson, Lessons
from airflow_provider_hypercarbon.carbon.outlook import Outlook
from airflow_provider_hypercarbon.carbon.readings import IssuedForecast, ReadingsLog, Stretch, midnight

#: Without a forecast, fewer measured days teach less than the mean of the last seven knows.
MIN_DAYS_WITHOUT_FORECAST = 7
#: The leads, in hours, of the table for people.
_TOLD_LEADS = (1, 2, 4, 8, 12, 18, 24)


def believe_outlook(outlook: Outlook, *, now: datetime, until: datetime, model: CurveModel | None = None) -> Curve:
    """Build the curve that a decision compares starts on: the learned one where the outlook has a log for it.

    A log of another zone, source or signal is not used. Values finer than an hour are learned from by the hour,
    and keep their shape within it.

    :raises BadDataError: forecast and history are of different zones or signals.
    """
    model = model or CurveModel()
    fixed = believe(outlook.measured, outlook.forecast, now=now, until=until, model=model)
    log = outlook.log
    if log is None or log.zone != outlook.zone or fixed.slot_length > timedelta(seconds=HOUR):
        return fixed
    if not (log.fits(outlook.measured) and log.fits(outlook.forecast)):
        return fixed
    hours, second = _all_hours(log, outlook, now, model), seconds(now - EPOCH)
    newest = hours.newest(second)
    if newest is None or second - newest * HOUR > seconds(model.max_measured_age):
        return fixed
    lessons, present = learned_from(log, now, model), hours.measured[newest]
    return improve(fixed, hours, lessons, newest, present, now=now)


def learned_from(log: ReadingsLog, now: datetime, model: CurveModel | None = None) -> Lessons:
    """Return what a log taught by the begin of the UTC day; equal logs share it while the day lasts."""
    today = midnight(now)
    return _lessons(log.before(today), today, (model or CurveModel()).max_forecast_age)


def what_was_learned(log: ReadingsLog, now: datetime, *, leads: Iterable[int] = _TOLD_LEADS) -> list[Lesson]:
    """Return what a log taught by the begin of the UTC day, one row a lead."""
    lessons, day = learned_from(log, now), seconds(now - EPOCH) // DAY
    return [lessons.lesson(lead, day, with_forecast=bool(log.issues)) for lead in leads]


@lru_cache(maxsize=32)
def _lessons(log: ReadingsLog, today: datetime, max_forecast_age: timedelta) -> Lessons:
    """Return lessons that nobody continues on another day: threads may share them."""
    return Lessons(Hours(measured_hours(log.measured), log.issues, max_forecast_age))


def improve(fixed: Curve, hours: Hours, lessons: Lessons, newest: int, present: float, *, now: datetime) -> Curve:
    """Move a fixed curve to the hourly means that were learned; where nothing is known it stays.

    :param newest: the newest measured hour.
    :param present: its intensity, as far as measured at ``now``.
    """
    second, first = seconds(now - EPOCH), seconds(fixed.start_at - EPOCH)
    row, day = hours.row_known_at(newest, second, present), second // DAY
    enough_days = newest - hours.first_measured >= 24 * MIN_DAYS_WITHOUT_FORECAST
    slot, count = seconds(fixed.slot_length), len(fixed.values)
    last = (first + slot * (count - 1)) // HOUR
    told = enumerate(lessons.changes(row, range(1, last - newest + 1), day), newest + 1)
    known = [
        (hour, present + change, by_forecast)
        for hour, (change, by_forecast) in told
        if (by_forecast or enough_days) and change == change  # not NaN
    ]
    if not known:
        return fixed
    levels = {hour: level if level > 0 else 0.0 for hour, level, _ in known}
    if slot == HOUR:
        values = list(map(levels.get, range(first // HOUR, first // HOUR + count), fixed.values))
    else:
        values = _reshaped(fixed.values, [(first + slot * index) // HOUR for index in range(count)], levels)
    with_forecast = any(by_forecast for *_, by_forecast in known)
    return Curve(fixed.start_at, fixed.slot_length, values, "learned" if with_forecast else "learned_history")


def _reshaped(
    values: Sequence[float | None], hours_of: Sequence[int], levels: Mapping[int, float]
) -> list[float | None]:
    """Move the slots of each hour to its level together, so that they keep their shape."""
    shapes: dict[int, list[float]] = {}
    for hour, value in zip(hours_of, values, strict=True):
        if value is not None:
            shapes.setdefault(hour, []).append(value)
    shifts = {hour: level - sum(shapes[hour]) / len(shapes[hour]) for hour, level in levels.items() if hour in shapes}
    return [
        levels.get(hour) if value is None else max(0.0, value + shifts.get(hour, 0.0))
        for hour, value in zip(hours_of, values, strict=True)
    ]


def _all_hours(log: ReadingsLog, outlook: Outlook, now: datetime, model: CurveModel) -> Hours:
    """Join the log with what the source just said, which knows best."""
    newer = [Stretch.of(outlook.measured)] if outlook.measured else []
    issues = [issue for issue in log.issues if issue.issued_at <= now]
    if outlook.forecast is not None:
        # A source tells from the running slot on. The log has the same forecast from its begin, and is asked where
        # the newest measurement is older than that.
        issued_at = min(now, outlook.forecast.issued_at or now)
        issues.append(IssuedForecast.received(outlook.forecast.model_copy(update={"issued_at": issued_at})))
        issues.sort(key=attrgetter("issued_at"))
    return Hours(measured_hours(log.measured, *newer), issues, model.max_forecast_age)
