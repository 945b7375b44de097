"""Ask a source, then the core: with data or without, a wait is decided here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from airflow_provider_hypercarbon.carbon.basis import basis_changed, refuse_without_basis
from airflow_provider_hypercarbon.carbon.decision import StartDecision, at_deadline
from airflow_provider_hypercarbon.carbon.energy import EnergyModel
from airflow_provider_hypercarbon.carbon.energy_models import DEFAULT_ENERGY_MODEL
from airflow_provider_hypercarbon.carbon.intensity import CarbonIntensity, IntensitySeries, Signal, Slot
from airflow_provider_hypercarbon.carbon.learned import believe_outlook
from airflow_provider_hypercarbon.carbon.no_data import without_basis, without_data
from airflow_provider_hypercarbon.carbon.outlook import Outlook
from airflow_provider_hypercarbon.carbon.plausibility import (
    without_false_begin,
    without_jump,
    without_spikes,
)
from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow
from airflow_provider_hypercarbon.carbon.readings import ReadingsLog
from airflow_provider_hypercarbon.carbon.record import DecisionRecord, record_of
from airflow_provider_hypercarbon.carbon.savings import SavingsEstimate, estimate_savings
from airflow_provider_hypercarbon.carbon.start import candidates, decide_start
from airflow_provider_hypercarbon.carbon.status import GridStatus, grid_status
from airflow_provider_hypercarbon.carbon.variants import end_of_spread, observed, spread
from airflow_provider_hypercarbon.carbon.zones import zone_key
from airflow_provider_hypercarbon.exceptions import NoBasisError, NoDataError
from airflow_provider_hypercarbon.sources import CarbonSource
from airflow_provider_hypercarbon.sources.asking import Asking


def plan_start(
    source: CarbonSource,
    zone: str,
    policy: StartPolicy,
    window: StartWindow,
    *,
    now: datetime,
    last_plan: StartDecision | None = None,
) -> StartDecision:
    """Decide whether to start now, asking the source only when the deadline has not come.

    Without data, in this order: a planned start is kept; the source is asked again a few times, not before it wants
    to be; then the policy's ``on_no_data`` says, for each kind of failure, to start, to wait for the deadline, or to
    fail. No outcome is later than the deadline.

    :param last_plan: the decision before this one, in this wait.
    :raises ConfigurationError: the zone cannot exist.
    :raises NoDataError: there are no data, and the policy is to fail.
    """
    return plan_with_record(source, zone, policy, window, now=now, last_plan=last_plan).decision


LoadLog = Callable[[str, str, Signal], ReadingsLog | None]


class Plan(NamedTuple):
    """A decision, and all that it was made on."""

    decision: StartDecision
    record: DecisionRecord


def plan_with_record(
    source: CarbonSource,
    zone: str,
    policy: StartPolicy,
    window: StartWindow,
    *,
    now: datetime,
    last_plan: StartDecision | None = None,
    load_log: LoadLog | None = None,
) -> Plan:
    """Decide as :func:`plan_start` does, and return what the decision was made on as well.

    :param load_log: returns the log of a zone, source and signal for the learned curve, when there is one.
    """
    key = zone_key(zone)
    if now >= window.deadline:
        decision = at_deadline(key, policy, window, now=now)
        return Plan(decision, record_of(decision, None, policy, window, now=now))
    if (held := end_of_spread(last_plan, now=now)) is not None:
        return Plan(held, record_of(held, None, policy, window, now=now))
    outlook = _with_log(fetch_outlook(source, zone, policy, window, now=now), load_log)
    try:
        refuse_without_basis(outlook, policy)
        decision = decide_start(outlook, policy, window, now=now, last_plan=last_plan)
    except NoBasisError as error:
        decision = without_basis(outlook, error, policy, window, now, last_plan)
    except NoDataError as error:
        decision = without_data(outlook, error, policy, window, now, last_plan)
    decision = basis_changed(decision, last_plan)
    if policy.strategy == "observe":
        decision = observed(decision)
    decision = spread(decision, policy, window, now=now)
    return Plan(decision, record_of(decision, outlook, policy, window, now=now))


def fetch_outlook(
    source: CarbonSource, zone: str, policy: StartPolicy, window: StartWindow, *, now: datetime
) -> Outlook:
    """Ask a source for all that a decision uses; what it does not give is a problem with a sentence.

    A source that is down, refuses our credential or does not know the zone is not asked again for the rest, unless it
    spares itself and may have an earlier answer.
    """
    asked = Asking(source, zone)
    key = asked.zone
    since = now - timedelta(days=policy.curve.profile_days)
    until = window.deadline + policy.duration
    # In this order, as the first answer says what the others have to count: a forecast is worth most.
    forecast = asked.for_("forecast", lambda source: source.forecast(key, until, now=now))
    measured = asked.for_("history", lambda source: source.history(key, since, now, now=now))
    current = asked.for_("present value", lambda source: source.latest(key, now=now))
    asked.note(forecast, measured)
    measured, jump = without_jump(_without_spikes(_with_current(measured, current)), forecast)
    if jump is not None:
        asked.refuse("present value", jump)
        current = None
    forecast, false_begin = without_false_begin(forecast, measured)
    if false_begin is not None:
        asked.refuse("forecast of the running slot", false_begin)
    found = next((part.zone for part in (forecast, measured, current) if part), zone_key(key))
    return Outlook(
        zone=found,
        current=current,
        measured=measured,
        forecast=forecast,
        problems=tuple(asked.problems),
        permanent=asked.permanent and bool(asked.problems),
        why=asked.why(),
        retry_after=asked.retry_after(),
    )


def look_at_grid(source: CarbonSource, zone: str, threshold: float, hours: float, *, now: datetime) -> GridStatus:
    """Return a zone's present state against a threshold; without a forecast the status says so.

    :raises HyperCarbonError: the present is unknown.
    """
    asked = Asking(source, zone)
    key, until = asked.zone, now + timedelta(hours=hours)
    current = asked.for_("present value", lambda source: source.latest(key, now=now))
    if current is None:
        raise asked.error()
    ahead = asked.for_("forecast", lambda source: source.forecast(key, until, now=now))
    slots = ahead.readings() if ahead else []
    return grid_status(current, slots, threshold, now=now, problems=tuple(asked.problems))


def estimate_waiting(
    source: CarbonSource,
    zone: str,
    data_gb: float,
    duration: timedelta,
    max_delay: timedelta,
    *,
    now: datetime,
    energy_model: EnergyModel = DEFAULT_ENERGY_MODEL,
) -> SavingsEstimate:
    """Say what waiting up to ``max_delay`` would change for a job, by the curve that a decision would use.

    :raises NoDataError: the present is unknown; the sentence says what could not be had.
    """
    policy = StartPolicy(max_delay=max_delay, duration=duration)
    window = StartWindow.opening(now, max_delay)
    outlook = fetch_outlook(source, zone, policy, window, now=now)
    curve = believe_outlook(outlook, now=now, until=window.deadline + duration)
    known = outlook.forecast or outlook.measured or outlook.current
    starts = candidates(curve, now, window.deadline, duration)
    found = estimate_savings(
        curve,
        starts,
        zone=outlook.zone,
        data_gb=data_gb,
        duration=duration,
        now=now,
        energy_model=energy_model,
        source=known.source if known else None,
        synthetic=outlook.synthetic,
    )
    if found is None:
        raise NoDataError(f"No estimate for {outlook.zone}. {' '.join(outlook.problems)}".strip())
    return found


def _with_log(outlook: Outlook, load_log: LoadLog | None) -> Outlook:
    basis = outlook.measured or outlook.forecast
    log = load_log(outlook.zone, basis.source, basis.signal) if load_log and basis else None
    return outlook if log is None else outlook.model_copy(update={"log": log})


def _with_current(measured: IntensitySeries | None, current: CarbonIntensity | None) -> IntensitySeries | None:
    """Put the newest value at the end of the history, which often stops a slot before it."""
    if current is None:
        return measured
    newest = Slot(current.start_at, current.gco2eq_per_kwh, current.estimated)
    if measured is None or not measured.slots:
        return IntensitySeries(
            zone=current.zone,
            source=current.source,
            slots=(newest,),
            slot_length=current.end_at - current.start_at,
            signal=current.signal,
            issued_at=current.updated_at,
            synthetic=current.synthetic,
            static=current.static,
        )
    if measured.signal != current.signal or measured.slots[-1].start_at >= current.start_at:
        return measured
    return measured.model_copy(update={"slots": (*measured.slots, newest)})


def _without_spikes(measured: IntensitySeries | None) -> IntensitySeries | None:
    """A false newest value is between two others once the next has come; only the whole shows it."""
    if measured is None:
        return None
    return measured.model_copy(update={"slots": tuple(without_spikes(measured.slots, measured.slot_length))})
