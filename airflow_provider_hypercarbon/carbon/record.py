"""A decision with all that it was made on, small enough to keep: an argument about a late backup ends here."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_hypercarbon.carbon.decision import StartDecision
from airflow_provider_hypercarbon.carbon.intensity import (
    CarbonIntensity,
    Frozen,
    IntensitySeries,
    Signal,
    UtcDatetime,
)
from airflow_provider_hypercarbon.carbon.learned import believe_outlook
from airflow_provider_hypercarbon.carbon.outlook import Outlook
from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow
from airflow_provider_hypercarbon.carbon.start import candidates
from airflow_provider_hypercarbon.exceptions import BadDataError

#: Intensities are kept to this many decimals: finer than any source is right.
_DECIMALS = 1


class SeriesInput(Frozen):
    """What a series was, without its values.

    :param issued_at: when a forecast was made; for measured values, when they were last updated.
    :param first_at: begin of the first slot.
    :param end_at: end of the last slot.
    """

    source: str
    signal: Signal
    slots: int
    issued_at: UtcDatetime | None
    first_at: UtcDatetime | None
    end_at: UtcDatetime | None


class DecisionRecord(Frozen):
    """One decision: what was known, what was believed, what was compared, what was chosen.

    :param curve_start_at: begin of the curve's first slot; None when no curve could be made.
    :param curve_slot: length of its slots.
    :param curve_gco2eq_per_kwh: one value a slot; null is a gap.
    :param candidates: every start that was compared, with its mean over the job in gCO2eq/kWh.
    """

    decision: StartDecision
    current: CarbonIntensity | None = None
    measured: SeriesInput | None = None
    forecast: SeriesInput | None = None
    curve_start_at: UtcDatetime | None = None
    curve_slot: timedelta | None = None
    curve_gco2eq_per_kwh: tuple[float | None, ...] = ()
    candidates: tuple[tuple[UtcDatetime, float | None], ...] = ()


def record_of(
    decision: StartDecision, outlook: Outlook | None, policy: StartPolicy, window: StartWindow, *, now: datetime
) -> DecisionRecord:
    """Put a decision together with what it was made on; without an outlook nothing was asked."""
    if outlook is None:
        return DecisionRecord(decision=decision)
    inputs = {
        "decision": decision,
        "current": outlook.current,
        "measured": _input(outlook.measured),
        "forecast": _input(outlook.forecast),
    }
    until = window.deadline + policy.duration
    try:
        curve = believe_outlook(outlook, now=now, until=until, model=policy.curve)
    except BadDataError:  # they do not fit together, as the decision's problems say
        return DecisionRecord.model_validate(inputs)
    starts = candidates(curve, now, window.deadline, policy.duration)
    means = curve.means(starts, policy.duration)
    return DecisionRecord.model_validate(
        {
            **inputs,
            "curve_start_at": curve.start_at,
            "curve_slot": curve.slot_length,
            "curve_gco2eq_per_kwh": tuple(_rounded(value) for value in curve.values),
            "candidates": tuple((start, _rounded(mean)) for start, mean in zip(starts, means, strict=True)),
        }
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DECIMALS)


def _input(series: IntensitySeries | None) -> SeriesInput | None:
    if series is None:
        return None
    return SeriesInput(
        source=series.source,
        signal=series.signal,
        slots=len(series.slots),
        issued_at=series.issued_at,
        first_at=series.slots[0].start_at if series.slots else None,
        end_at=series.end_at,
    )
