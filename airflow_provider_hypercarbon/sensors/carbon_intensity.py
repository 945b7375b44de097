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

from airflow_provider_hypercarbon import configuration
from airflow_provider_hypercarbon.carbon.instants import parse_span
from airflow_provider_hypercarbon.carbon.policy import RunOverrides
from airflow_provider_hypercarbon.exceptions import HyperCarbonError
from airflow_provider_hypercarbon.links import CarbonPlanLink
from airflow_provider_hypercarbon.rendered import given
from airflow_provider_hypercarbon.sensors.arguments import (
    asked_limits,
    asked_policy,
    refuse_what_cannot_work,
    why_unaware,
)
from airflow_provider_hypercarbon.sensors.wait import (
    Wait,
    open_wait,
    own_share,
    remember,
    start_unaware,
)
from airflow_provider_hypercarbon.task_failure import failure, task_failure

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_hypercarbon.carbon.decision import StartDecision
    from airflow_provider_hypercarbon.hooks.carbon import CarbonHook
    from airflow_provider_hypercarbon.sources import CarbonSource

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
        ``threshold`` holds until the mean is at or under ``max_intensity``; ``observe`` starts at once and records
        what waiting would have brought.
    :param max_intensity: gCO2eq/kWh. With ``cleanest``, start as soon as the mean is at or under it; with
        ``threshold`` the limit, ``[hypercarbon] default_max_intensity`` when empty. (templated)
    :param max_delay: latest start after the first poke, as timedelta, ``"4h"`` or seconds;
        ``[hypercarbon] default_max_delay`` when empty. (templated)
    :param duration: how long the job is expected to run, in the same forms; when empty, the median of the
        last ten exports of ``vm_path``, else two hours. (templated)
    :param finish_by: the job ends by this time of day in the DAG's time zone, such as ``"06:00"``, or by this ISO
        8601 instant; the deadline is ``duration`` before it. Without ``max_delay`` nothing else bounds the wait.
        (templated)
    :param max_backup_age: start before the last good backup of ``vm_path`` becomes older than this, counted from its
        start to the end of the next; without a known good backup, start at once. (templated)
    :param vm_path: the VM or VMs that the wait is for, whose last exports in the results table tell the age, and the
        duration when none is given. (templated)
    :param max_start_jitter: spread the starts of a fleet over this span, never past the deadline.
    :param results_conn_id: Airflow connection of the results database, which also keeps every decision; None keeps
        none. (templated)
    :param min_saving: do not begin to wait for less than this fraction.
    :param wait_on_modelled: wait in zones without measured data, too, such as ``CN``.
    :param replan_interval: look again after this long, even when the planned start is later.
    :param on_no_data: ``start``, ``wait`` (until the deadline) or ``fail``, for all failures or by kind:
        ``{"denied": "fail", "limited": "wait"}`` (also ``unavailable``, ``bad_data``, ``no_data``); when empty,
        ``[hypercarbon] fallback_on_error`` decides between ``start`` and ``fail``.
    :param carbon_conn_id: Airflow connection of type ``hypercarbon``. (templated)
    :param deferrable: wait in the triggerer instead of coming back to a worker.
    :param poke_interval: how soon to look again when no plan names a moment; at least 60 s,
        ``[hypercarbon] check_interval`` when empty.
    """

    template_fields: Sequence[str] = (
        "zone",
        "max_intensity",
        "max_delay",
        "duration",
        "finish_by",
        "max_backup_age",
        "vm_path",
        "carbon_conn_id",
        "results_conn_id",
    )
    operator_extra_links = (CarbonPlanLink(),)
    ui_color = "#86c7ee"

    def __init__(
        self,
        *,
        zone: str | None = None,
        strategy: str = "cleanest",
        max_intensity: float | str | None = None,
        max_delay: timedelta | float | str | None = None,
        duration: timedelta | float | str | None = None,
        finish_by: str | None = None,
        max_backup_age: timedelta | float | str | None = None,
        vm_path: str | Sequence[str] | None = None,
        max_start_jitter: timedelta | float | str = timedelta(0),
        min_saving: float = 0.01,
        wait_on_modelled: bool = False,
        replan_interval: timedelta | float | str = timedelta(hours=1),
        on_no_data: str | dict[str, str] | None = None,
        carbon_conn_id: str = "hypercarbon_default",
        results_conn_id: str | None = "hypercarbon_results",
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
        self.finish_by = finish_by
        self.max_backup_age = max_backup_age
        self.vm_path = vm_path
        self.max_start_jitter = max_start_jitter
        self.min_saving = min_saving
        self.wait_on_modelled = wait_on_modelled
        self.replan_interval = replan_interval
        self.on_no_data = on_no_data
        self.carbon_conn_id = carbon_conn_id
        self.results_conn_id = results_conn_id
        self.deferrable = deferrable
        self.check_interval = timedelta(seconds=self.poke_interval)
        refuse_what_cannot_work(self)

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
        from airflow_provider_hypercarbon.metrics import count_decision, count_requests
        from airflow_provider_hypercarbon.sensors.records import keep

        if not isinstance(event, dict) or not ("decision" in event or "error" in event):
            raise AirflowException(f"The trigger sent no decision: {event!r}. A retry decides anew.")
        count_requests(event.get("requests") or {})
        if "error" in event:
            raise failure(event["error"], retryable=bool(event.get("retryable")))
        decision = StartDecision.model_validate(event["decision"])
        if not decision.due:
            raise AirflowException(f"The trigger ended before the start was due: {decision.sentence}")
        keep(context, given(self.results_conn_id), event.get("records") or [])
        self._tell(decision)
        count_decision(decision, is_first=False)
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
        from airflow_provider_hypercarbon.triggers.carbon_intensity import CarbonIntensityTrigger

        left = wait.window.deadline - timezone.utcnow()
        self.defer(
            trigger=CarbonIntensityTrigger(
                carbon_conn_id=self.carbon_conn_id,
                zone=wait.zone,
                policy=wait.policy.model_dump(mode="json"),
                window=wait.window.model_dump(mode="json"),
                last_plan=wait.last_plan.model_dump(mode="json"),
                results_conn_id=given(self.results_conn_id),
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
        from airflow_provider_hypercarbon.carbon.record import DecisionRecord
        from airflow_provider_hypercarbon.hooks.readings import log_loader
        from airflow_provider_hypercarbon.metrics import count_decision, count_requests, requests_of
        from airflow_provider_hypercarbon.sensors.records import keep
        from airflow_provider_hypercarbon.sources.planning import plan_with_record

        now = timezone.utcnow()
        source: CarbonSource | None = None
        try:
            wait = self._wait(context, now=now)
            if wait.unaware_because:
                decision = start_unaware(wait, now=now)
                record = DecisionRecord(decision=decision)
            else:
                source = self.hook.get_conn()
                decision, record = plan_with_record(
                    source,
                    wait.zone,
                    wait.policy,
                    wait.window,
                    now=now,
                    last_plan=wait.last_plan,
                    load_log=log_loader(given(self.results_conn_id), now=now),
                )
        except HyperCarbonError as error:
            raise task_failure(error) from error
        finally:
            count_requests(requests_of(source))
        remember(context, wait, decision)
        self._tell(decision)
        count_decision(decision, is_first=wait.last_plan is None)
        keep(context, given(self.results_conn_id), [record.model_dump(mode="json")])
        return decision

    def _tell(self, decision: StartDecision) -> None:
        from airflow_provider_hypercarbon.carbon.decision import basis_words

        self.log.info(decision.sentence)
        if decision.curve:
            self.log.info(basis_words(decision))
        for problem in decision.problems:
            self.log.warning(problem)
        if decision.synthetic:
            self.log.warning("The intensities are %s data: made up, for trying things out.", decision.synthetic)

    def _wait(self, context: Context, *, now: datetime | None = None) -> Wait:
        """Put together what the task, the run and the configuration ask for."""
        overrides = RunOverrides.from_conf(context["dag_run"].conf)
        zone = overrides.carbon_zone or self.zone or self.hook.default_zone
        spread = own_share(context, parse_span(self.max_start_jitter))
        return open_wait(
            context,
            zone,
            asked_policy(self, overrides).model_copy(update={"start_jitter": spread}),
            asked_limits(self),
            now=now or timezone.utcnow(),
            unaware_because=why_unaware(overrides),
        )


def _seconds_until(instant: datetime | None) -> float:
    return 0.0 if instant is None else max(0.0, (instant - timezone.utcnow()).total_seconds())
