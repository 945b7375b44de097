"""Wait for the planned start in the triggerer, deciding as the sensor does."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import timezone
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_hypercarbon.exceptions import HyperCarbonError

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from airflow_provider_hypercarbon.carbon.decision import StartDecision
    from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow
    from airflow_provider_hypercarbon.sources.planning import Plan

#: The newest decisions that the event carries; a wait of two days with an hourly look.
MOST_RECORDS = 48
#: After something unforeseen, such as an API server that is away for a moment.
RETRY_INTERVAL = timedelta(minutes=1)


class CarbonIntensityTrigger(BaseTrigger):
    """
    Sleep until the next look, decide, and fire when the start is due.

    Everything arrives as plain JSON: the models' ``model_dump(mode="json")``. The event is
    ``{"decision": ..., "records": [...]}`` with the decision and what led to it, or
    ``{"error": sentence, "retryable": bool}``; each with ``"requests": {source: number}``.

    :param carbon_conn_id: Airflow connection of type ``hypercarbon``.
    :param zone: zone key or alias.
    :param policy: a :class:`StartPolicy`.
    :param window: a :class:`StartWindow`; its deadline ends the wait whatever else happens.
    :param last_plan: the :class:`StartDecision` that the sensor deferred on.
    :param results_conn_id: Airflow connection of the results database, whose log of readings the curve learns from.
    """

    def __init__(
        self,
        carbon_conn_id: str,
        zone: str,
        policy: dict[str, Any],
        window: dict[str, Any],
        last_plan: dict[str, Any],
        results_conn_id: str | None = None,
    ) -> None:
        super().__init__()
        self.carbon_conn_id = carbon_conn_id
        self.zone = zone
        self.policy = policy
        self.window = window
        self.last_plan = last_plan
        self.results_conn_id = results_conn_id
        self._requests: Counter[str] = Counter()

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "airflow_provider_hypercarbon.triggers.carbon_intensity.CarbonIntensityTrigger",
            {
                "carbon_conn_id": self.carbon_conn_id,
                "zone": self.zone,
                "policy": self.policy,
                "window": self.window,
                "last_plan": self.last_plan,
                "results_conn_id": self.results_conn_id,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        from airflow_provider_hypercarbon.carbon.decision import StartDecision
        from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow

        policy = StartPolicy.model_validate(self.policy)
        window = StartWindow.model_validate(self.window)
        plan = StartDecision.model_validate(self.last_plan)
        records: deque[dict[str, Any]] = deque(maxlen=MOST_RECORDS)
        look_at = plan.check_again_at or window.deadline
        while True:
            await self._sleep_until(look_at)
            try:
                plan, record = await self._decide(policy, window, plan)
            except HyperCarbonError as error:
                yield self._event(error=str(error), retryable=error.retryable)
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not cost the backup
                self.log.warning("Could not decide (%s: %s). Trying again.", type(error).__name__, error)
                if timezone.utcnow() >= window.deadline:  # the worker can, and knows the deadline
                    yield self._event(error=f"The trigger could not decide: {error}", retryable=True)
                    return
                look_at = min(timezone.utcnow() + RETRY_INTERVAL, window.deadline)
                continue
            records.append(record.model_dump(mode="json"))
            if plan.due:
                yield self._event(decision=plan.model_dump(mode="json"), records=list(records))
                return
            self.log.info(plan.sentence)
            look_at = plan.check_again_at or window.deadline

    def _event(self, **said: Any) -> TriggerEvent:
        # Airflow's metrics do not reach out of a trigger; the task counts the requests.
        return TriggerEvent({**said, "requests": dict(self._requests)})

    async def _decide(self, policy: StartPolicy, window: StartWindow, plan: StartDecision) -> Plan:
        from airflow_provider_hypercarbon.carbon.decision import at_deadline
        from airflow_provider_hypercarbon.carbon.record import DecisionRecord
        from airflow_provider_hypercarbon.carbon.zones import zone_key
        from airflow_provider_hypercarbon.hooks.carbon import CarbonHook
        from airflow_provider_hypercarbon.hooks.readings import log_loader
        from airflow_provider_hypercarbon.metrics import requests_of
        from airflow_provider_hypercarbon.sources.planning import Plan, plan_with_record

        now = timezone.utcnow()
        if now >= window.deadline:
            decision = at_deadline(zone_key(self.zone), policy, window, now=now)
            return Plan(decision, DecisionRecord(decision=decision))
        hook = await CarbonHook(self.carbon_conn_id).aload()
        load_log = log_loader(await self._results(), now=now)

        def decide() -> Plan:  # opens databases and asks services, for which nobody else here can wait
            source = hook.get_conn()
            try:
                return plan_with_record(source, self.zone, policy, window, now=now, last_plan=plan, load_log=load_log)
            finally:
                self._requests.update(requests_of(source))

        return await asyncio.to_thread(decide)

    async def _results(self) -> Connection | None:
        """Fetch the connection of the results database; None when nobody has defined it."""
        from airflow_provider_hypercarbon.exceptions import ConfigurationError
        from airflow_provider_hypercarbon.hooks.connections import afetch_connection
        from airflow_provider_hypercarbon.hooks.results import EXAMPLE_CONNECTION

        if self.results_conn_id is None:
            return None
        try:
            return await afetch_connection(self.results_conn_id, example=EXAMPLE_CONNECTION)
        except ConfigurationError:
            return None

    @staticmethod
    async def _sleep_until(instant: datetime) -> None:
        while (left := (instant - timezone.utcnow()).total_seconds()) > 0:
            await asyncio.sleep(left)
