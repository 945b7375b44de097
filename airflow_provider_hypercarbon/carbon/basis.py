"""Whether there is anything to wait on: a yearly average or a model's output is no reason to hold a backup."""

from __future__ import annotations

from datetime import datetime

from airflow_provider_hypercarbon.carbon.decision import StartDecision, StartReason, deadline_words, without_curve
from airflow_provider_hypercarbon.carbon.outlook import Outlook
from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow
from airflow_provider_hypercarbon.carbon.zones import is_modelled
from airflow_provider_hypercarbon.exceptions import NoBasisError

#: Sources whose values of a zone without measured data come from a model.
_MODELLERS = ("electricity_maps", "watttime", "mock")
#: What Electricity Maps calls its model for zones that nobody measures.
_MODEL = "GENERAL_PURPOSE_ZONE_DEVELOPMENT"


def refuse_without_basis(outlook: Outlook, policy: StartPolicy) -> None:
    """Refuse to compare starts on a yearly average, or on a model's output unless the task asks for it.

    :raises NoBasisError: with the words why.
    """
    current = outlook.current
    if outlook.static:
        raise NoBasisError(
            f"{outlook.source} has a yearly average for {outlook.zone}, which is the same at every hour."
        )
    if policy.wait_on_modelled:
        return
    if (is_modelled(outlook.zone) and outlook.source in _MODELLERS) or (
        current is not None and current.estimation_method == _MODEL
    ):
        raise NoBasisError(
            f"The data of {outlook.zone} are modelled throughout, without a measured basis to wait on "
            "(wait_on_modelled waits all the same)."
        )


def at_once(
    outlook: Outlook, why: NoBasisError, policy: StartPolicy, window: StartWindow, *, now: datetime
) -> StartDecision:
    """Start now, and say what the numbers are that nothing was decided on."""
    current = outlook.current
    present = ""
    if current is not None:
        made_up = f" ({outlook.synthetic} data)" if outlook.synthetic else ""
        kind = "average of a year" if outlook.static else "modelled"
        present = f"Grid {outlook.zone} at {current.gco2eq_per_kwh:.0f} gCO2eq/kWh, {kind}{made_up}. "
    return without_curve(
        outlook.zone, policy, window, now=now, reason=StartReason.NO_MEASURED_BASIS,
        sentence=f"{present}Starting now: {str(why)[0].lower()}{str(why)[1:]} "
        f"{deadline_words(policy, window, now=now)}",
        current_gco2eq_per_kwh=current.gco2eq_per_kwh if current else None,
        source=outlook.source,
        signal=current.signal if current else None,
        estimated=current.estimated if current else None,
        synthetic=outlook.synthetic,
        problems=outlook.problems,
    )  # fmt: skip


def basis_changed(decision: StartDecision, last_plan: StartDecision | None) -> StartDecision:
    """Note that a plan was made on other numbers than the one before it; their means are not compared."""
    if last_plan is None or not (last_plan.signal and decision.signal) or last_plan.signal == decision.signal:
        return decision
    note = (
        f"The plan before counted {last_plan.signal} ({last_plan.source}), this one counts {decision.signal} "
        f"({decision.source}); their means are not compared."
    )
    return decision.model_copy(update={"problems": (*decision.problems, note)})
