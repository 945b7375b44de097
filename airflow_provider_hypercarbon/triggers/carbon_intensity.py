"""Wait for the planned start in the triggerer, deciding as the sensor does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import timezone
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_hypercarbon.exceptions import HyperCarbonError

if TYPE_CHECKING:
    from airflow_provider_hypercarbon.carbon.decision import StartDecision
    from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow

#: After something unforeseen, such as an API server that is away for a moment.
RETRY_INTERVAL = timedelta(minutes=1)


class CarbonIntensityTrigger(BaseTrigger):
    """
    Sleep until the next look, decide, and fire when the start is due.

    Everything arrives as plain JSON: the models' ``model_dump(mode="json")``. The event is ``{"decision": ...}``
    with the decision, or ``{"error": sentence, "retryable": bool}``.

    :param carbon_conn_id: Airflow connection of type ``hypercarbon``.
    :param zone: zone key or alias.
    :param policy: a :class:`StartPolicy`.
    :param window: a :class:`StartWindow`; its deadline ends the wait whatever else happens.
    :param last_plan: the :class:`StartDecision` that the sensor deferred on.
    """

    def __init__(
        self,
        carbon_conn_id: str,
        zone: str,
        policy: dict[str, Any],
        window: dict[str, Any],
        last_plan: dict[str, Any],
    ) -> None:
        super().__init__()
        self.carbon_conn_id = carbon_conn_id
        self.zone = zone
        self.policy = policy
        self.window = window
        self.last_plan = last_plan

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "airflow_provider_hypercarbon.triggers.carbon_intensity.CarbonIntensityTrigger",
            {
                "carbon_conn_id": self.carbon_conn_id,
                "zone": self.zone,
                "policy": self.policy,
                "window": self.window,
                "last_plan": self.last_plan,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        from airflow_provider_hypercarbon.carbon.decision import StartDecision
        from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow

        policy = StartPolicy.model_validate(self.policy)
        window = StartWindow.model_validate(self.window)
        plan = StartDecision.model_validate(self.last_plan)
        look_at = plan.check_again_at or window.deadline
        while True:
            await self._sleep_until(look_at)
            try:
                plan = await self._decide(policy, window, plan)
            except HyperCarbonError as error:
                yield TriggerEvent({"error": str(error), "retryable": error.retryable})
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not cost the backup
                self.log.warning("Could not decide (%s: %s). Trying again.", type(error).__name__, error)
                look_at = min(timezone.utcnow() + RETRY_INTERVAL, window.deadline)
                continue
            if plan.due:
                yield TriggerEvent({"decision": plan.model_dump(mode="json")})
                return
            self.log.info(plan.sentence)
            look_at = plan.check_again_at or window.deadline

    async def _decide(self, policy: StartPolicy, window: StartWindow, plan: StartDecision) -> StartDecision:
        from airflow_provider_hypercarbon.carbon.decision import at_deadline
        from airflow_provider_hypercarbon.carbon.zones import zone_key
        from airflow_provider_hypercarbon.hooks.carbon import CarbonHook
        from airflow_provider_hypercarbon.sources.planning import plan_start

        now = timezone.utcnow()
        if now >= window.deadline:
            return at_deadline(zone_key(self.zone), policy, window, now=now)
        hook = await CarbonHook(self.carbon_conn_id).aload()
        return await asyncio.to_thread(
            plan_start, hook.get_conn(), self.zone, policy, window, now=now, last_plan=plan
        )

    @staticmethod
    async def _sleep_until(instant: datetime) -> None:
        while (left := (instant - timezone.utcnow()).total_seconds()) > 0:
            await asyncio.sleep(left)
