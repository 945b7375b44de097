"""Wait until the grid is clean, and never longer than promised."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, PokeReturnValue, conf, timezone
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowSensorTimeout,
    TaskDeferralError,
)
from pydantic import ValidationError

from airflow_provider_hypercarbon import configuration
from airflow_provider_hypercarbon.carbon.policy import RunOverrides, StartPolicy, what_is_wrong
from airflow_provider_hypercarbon.carbon.zones import zone_key
from airflow_provider_hypercarbon.exceptions import ConfigurationError, HyperCarbonError
from airflow_provider_hypercarbon.rendered import given, is_template
from airflow_provider_hypercarbon.sensors.wait import Wait, open_wait, remember, start_unaware
from airflow_provider_hypercarbon.task_failure import failure, task_failure
from airflow_provider_hypercarbon.triggers.carbon_intensity import CarbonIntensityTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_hypercarbon.carbon.decision import StartDecision
    from airflow_provider_hypercarbon.hooks.carbon import CarbonHook

#: Airflow may fail a task that comes back sooner than some 10 s after it left its worker: it still waits for
#: the worker's exit. A shorter rest is slept through on the worker.
SHORTEST_ABSENCE = timedelta(seconds=20)
#: How long after the deadline the scheduler wakes a deferred wait whose triggerer is gone.
TRIGGERER_GRACE = timedelta(minutes=1)


class CarbonIntensitySensor(BaseSensorOperator):
    """
    Hold a DAG until the electricity grid is clean or the maximum delay has passed, then succeed.

    Put it before a backup, or any work that may start later. It plans the start from the grid's forecast and
    history, comes back at the planned moment, and pushes one XCom: the decision with its reason. The deadline is
    fixed at the first poke and kept over reschedule, retry, clear and the loss of a worker or triggerer; without
    data the job starts (see ``on_no_data``).

    A run may change its wait by ``dag_run.conf``: ``carbon_aware``, ``carbon_max_intensity``,
    ``carbon_max_delay``, ``carbon_zone``.

    :param zone: zone key such as ``DE``; the connection's or the configuration's default when empty. (templated)
    :param strategy: ``cleanest`` starts at the lowest mean intensity over the job before the deadline;
        ``threshold`` holds until the mean is at or under ``max_intensity``.
    :param max_intensity: gCO2eq/kWh. With ``cleanest``, start as soon as the mean is at or under it; with
        ``threshold`` the limit, ``[hypercarbon] default_max_intensity`` when empty. (templated)
    :param max_delay: latest start after the first poke, as timedelta, ``"4h"`` or seconds;
        ``[hypercarbon] default_max_delay`` when empty. (templated)
    :param duration: how long the job is expected to run, in the same forms; two hours when empty. (templated)
    :param min_saving: do not begin to wait for less than this fraction.
    :param replan_interval: look again after this long, even when the planned start is later.
    :param on_no_data: ``start``, ``wait`` (until the deadline) or ``fail``; when empty,
        ``[hypercarbon] fallback_on_error`` decides between ``start`` and ``fail``.
    :param carbon_conn_id: Airflow connection of type ``hypercarbon``. (templated)
    :param deferrable: wait in the triggerer instead of coming back to a worker.
    :param poke_interval: how soon to look again when no plan names a moment; at least 60 s,
        ``[hypercarbon] check_interval`` when empty.
    """

    template_fields: Sequence[str] = ("zone", "max_intensity", "max_delay", "duration", "carbon_conn_id")
    ui_color = "#86c7ee"

    def __init__(
        self,
        *,
        zone: str | None = None,
        strategy: str = "cleanest",
        max_intensity: float | str | None = None,
        max_delay: timedelta | float | str | None = None,
        duration: timedelta | float | str | None = None,
        min_saving: float = 0.01,
        replan_interval: timedelta | float | str = timedelta(hours=1),
        on_no_data: str | None = None,
        carbon_conn_id: str = "hypercarbon_default",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poke_interval: timedelta | float | None = None,
        mode: str = "reschedule",
        **kwargs: Any,
    ) -> None:
        interval = configuration.check_interval() if poke_interval is None else poke_interval
        super().__init__(poke_interval=interval, mode=mode, **kwargs)
        self.zone = zone
        self.strategy = strategy
        self.max_intensity = max_intensity
        self.max_delay = max_delay
        self.duration = duration
        self.min_saving = min_saving
        self.replan_interval = replan_interval
        self.on_no_data = on_no_data
        self.carbon_conn_id = carbon_conn_id
        self.deferrable = deferrable
        self.check_interval = timedelta(seconds=self.poke_interval)
        self._refuse_what_cannot_work()

    def execute(self, context: Context) -> Any:
        if not self.deferrable:
            return super().execute(context)
        return self._defer_unless_due(context)

    def poke(self, context: Context) -> bool | PokeReturnValue:
        decision = self._decide_patiently(context)
        if decision.due:
            return PokeReturnValue(is_done=True, xcom_value=decision.model_dump(mode="json"))
        self.poke_interval = _seconds_until(decision.check_again_at)
        return False

    def execute_complete(self, context: Context, event: dict[str, Any] | None) -> dict[str, Any]:
        """Take the decision that the trigger made."""
        from airflow_provider_hypercarbon.carbon.decision import StartDecision

        if not isinstance(event, dict) or not ("decision" in event or "error" in event):
            raise AirflowException(f"The trigger sent no decision: {event!r}. A retry decides anew.")
        if "error" in event:
            raise failure(event["error"], retryable=bool(event.get("retryable")))
        decision = StartDecision.model_validate(event["decision"])
        if not decision.due:
            raise AirflowException(f"The trigger ended before the start was due: {decision.sentence}")
        self._tell(decision)
        return decision.model_dump(mode="json")

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Decide on the worker when the trigger was lost: a dead triggerer must not cost a backup."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except (AirflowSensorTimeout, TaskDeferralError) as error:
            if isinstance(error, AirflowSensorTimeout) and timezone.utcnow() < self._wait(context).window.deadline:
                raise  # the user's own timeout
            self.log.warning("The trigger did not come back (%s); deciding here.", error)
            return self._defer_unless_due(context)

    @property
    def hook(self) -> CarbonHook:
        from airflow_provider_hypercarbon.hooks.carbon import CarbonHook

        return CarbonHook(self.carbon_conn_id)

    def _defer_unless_due(self, context: Context) -> dict[str, Any]:
        decision = self._decide_patiently(context)
        if not decision.due:
            self._defer(self._wait(context))
        return decision.model_dump(mode="json")

    def _defer(self, wait: Wait) -> None:
        left = wait.window.deadline - timezone.utcnow()
        self.defer(
            trigger=CarbonIntensityTrigger(
                carbon_conn_id=self.carbon_conn_id,
                zone=wait.zone,
                policy=wait.policy.model_dump(mode="json"),
                window=wait.window.model_dump(mode="json"),
                last_plan=wait.last_plan.model_dump(mode="json"),
            ),
            method_name="execute_complete",
            timeout=min(timedelta(seconds=self.timeout), left + TRIGGERER_GRACE),
        )

    def _decide_patiently(self, context: Context) -> StartDecision:
        """Decide; when the next look is only seconds away, rest here and decide again."""
        decision = self._decide(context)
        while not decision.due and _seconds_until(decision.check_again_at) < SHORTEST_ABSENCE.total_seconds():
            time.sleep(_seconds_until(decision.check_again_at))
            decision = self._decide(context)
        return decision

    def _decide(self, context: Context) -> StartDecision:
        from airflow_provider_hypercarbon.sources.planning import plan_start

        now = timezone.utcnow()
        try:
            wait = self._wait(context, now=now)
            if wait.unaware_because:
                decision = start_unaware(wait, now=now)
            else:
                decision = plan_start(
                    self.hook.get_conn(), wait.zone, wait.policy, wait.window, now=now, last_plan=wait.last_plan
                )
        except HyperCarbonError as error:
            raise task_failure(error) from error
        remember(context, wait, decision)
        self._tell(decision)
        return decision

    def _tell(self, decision: StartDecision) -> None:
        self.log.info(decision.sentence)
        for problem in decision.problems:
            self.log.warning(problem)
        if decision.synthetic:
            self.log.warning("The intensities are %s data: made up, for trying things out.", decision.synthetic)

    def _wait(self, context: Context, *, now: datetime | None = None) -> Wait:
        """Put together what the task, the run and the configuration ask for."""
        overrides = RunOverrides.from_conf(context["dag_run"].conf)
        unaware = "[hypercarbon] enabled is False" if not configuration.enabled() else ""
        if not overrides.carbon_aware:
            unaware = "this run has carbon_aware false"
        zone = overrides.carbon_zone or self.zone or self.hook.default_zone
        return open_wait(
            context, zone, self._policy(overrides), now=now or timezone.utcnow(), unaware_because=unaware
        )

    def _policy(self, overrides: RunOverrides) -> StartPolicy:
        limit = given(overrides.carbon_max_intensity, self.max_intensity)
        if limit is None and self.strategy == "threshold":
            limit = configuration.default_max_intensity()
        fields = {
            "strategy": self.strategy,
            "max_intensity": limit,
            "max_delay": given(overrides.carbon_max_delay, self.max_delay, configuration.default_max_delay()),
            "duration": given(self.duration),
            "min_saving": self.min_saving,
            "replan_interval": self.replan_interval,
            "check_interval": self.check_interval,
            "on_no_data": self.on_no_data or ("start" if configuration.fallback_on_error() else "fail"),
        }
        try:
            return StartPolicy.model_validate({key: value for key, value in fields.items() if value is not None})
        except ValidationError as error:
            raise ConfigurationError(f"Task {self.task_id}: {what_is_wrong(error)}") from None

    def _refuse_what_cannot_work(self) -> None:
        shortest = configuration.minimum_poke_interval()
        if self.check_interval < shortest:
            raise ValueError(
                f"poke_interval is {self.check_interval.total_seconds():g} s. Give at least "
                f"{shortest.total_seconds():g} s: the sensor comes back at the planned moment by itself."
            )
        if self.exponential_backoff:
            raise ValueError("exponential_backoff cannot be used: the plan names the next moment.")
        if any(is_template(value) for value in (self.zone, self.max_intensity, self.max_delay, self.duration)):
            return
        if self.zone:
            zone_key(self.zone)
        self._policy(RunOverrides())


def _seconds_until(instant: datetime | None) -> float:
    return 0.0 if instant is None else max(0.0, (instant - timezone.utcnow()).total_seconds())
