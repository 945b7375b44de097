"""What the user asks for: how to choose the start, and the window it lies in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from airflow_provider_hypercarbon.carbon.blend import CurveModel
from airflow_provider_hypercarbon.carbon.instants import parse_span
from airflow_provider_hypercarbon.carbon.intensity import MAX_PLAUSIBLE_GCO2EQ_PER_KWH, Frozen, UtcDatetime
from airflow_provider_hypercarbon.exceptions import ConfigurationError

MaxIntensity = Annotated[float, Field(gt=0, le=MAX_PLAUSIBLE_GCO2EQ_PER_KWH)]
Span = Annotated[timedelta, BeforeValidator(parse_span)]
#: How long a job runs when nobody says: the published example, 500 GB in 2 h.
DEFAULT_DURATION = timedelta(hours=2)


class NoData(StrEnum):
    """Why there are no data to decide with.

    ``denied``: the credential, the plan or the zone was refused, and asking again cannot mend it. ``limited``: too
    many requests. ``unavailable``: down, slow, out of reach, or an answer that cannot be read. ``bad_data``: values
    came and were refused. ``no_data``: the source has none.
    """

    DENIED = "denied"
    LIMITED = "limited"
    UNAVAILABLE = "unavailable"
    BAD_DATA = "bad_data"
    NO_DATA = "no_data"


#: What to do without data.
Action = Literal["start", "wait", "fail"]


class StartPolicy(Frozen):
    """What the user asks for.

    :param strategy: ``cleanest`` starts at the lowest mean over the job before the deadline; ``threshold``
        holds until the mean is at or under ``max_intensity``; ``observe`` starts at once and records what
        ``cleanest`` would have waited for.
    :param max_intensity: gCO2eq/kWh. With ``threshold`` the limit; with ``cleanest`` "clean enough": due as
        soon as the mean is at or under it. None for no such short cut.
    :param max_delay: the latest start is this long after the task became ready.
    :param duration: how long the job is expected to run.
    :param duration_from: who says so: the task, the median of the VM's last exports, or nobody.
    :param start_jitter: this job's share in spreading a fleet: it starts so much after the moment that was
        chosen, and never after the deadline.
    :param min_saving: do not begin to wait for less than this fraction of the mean of starting now.
    :param wait_cost_per_hour: what an hour of waiting costs, as a fraction of the mean of starting now.
    :param replan_interval: look again after this long, even when the planned start is later.
    :param check_interval: look again after this long when there is no plan.
    :param on_no_data: what to do when there are no data to decide with, for all reasons or one by one (those left
        out start), after the retries: ``start`` at once, ``wait`` until the deadline, or ``fail``.
    :param no_data_retries: how many more times to ask before ``on_no_data`` applies.
    :param no_data_retry_interval: how long after a failed ask.
    :param wait_on_modelled: wait in zones whose data are a model's output throughout, too.
    """

    strategy: Literal["cleanest", "threshold", "observe"] = "cleanest"
    max_intensity: MaxIntensity | None = None
    max_delay: Span = timedelta(hours=4)
    duration: Span = DEFAULT_DURATION
    duration_from: Literal["given", "history", "default"] = "given"
    start_jitter: Span = timedelta(0)
    min_saving: Annotated[float, Field(ge=0, lt=1)] = 0.01
    wait_cost_per_hour: Annotated[float, Field(ge=0, lt=1)] = 0.001
    replan_interval: Span = timedelta(hours=1)
    check_interval: Span = timedelta(minutes=15)
    on_no_data: Action | Mapping[NoData, Action] = "start"
    no_data_retries: Annotated[int, Field(ge=0, le=100)] = 3
    no_data_retry_interval: Span = timedelta(minutes=5)
    wait_on_modelled: bool = False
    curve: CurveModel = CurveModel()

    def without_data(self, why: NoData) -> Action:
        """Return what to do when there are no data for this reason."""
        return self.on_no_data.get(why, "start") if isinstance(self.on_no_data, Mapping) else self.on_no_data

    @model_validator(mode="after")
    def _threshold_needs_a_limit(self) -> StartPolicy:
        if self.strategy == "threshold" and self.max_intensity is None:
            raise ValueError('strategy "threshold" needs a max_intensity.')
        return self


class Bound(StrEnum):
    """Which of the user's limits makes the deadline."""

    MAX_DELAY = "max_delay"
    FINISH_BY = "finish_by"
    MAX_BACKUP_AGE = "max_backup_age"


class StartWindow(Frozen):
    """The instants between which the job starts; made once and kept over reschedule, retry and restart.

    :param ready_at: when the task could have started: the scheduled start that savings are measured against.
    :param deadline: the latest start.
    :param bound_by: the limit that made the deadline.
    """

    ready_at: UtcDatetime
    deadline: UtcDatetime
    bound_by: Bound = Bound.MAX_DELAY

    @classmethod
    def opening(
        cls,
        ready_at: datetime,
        max_delay: timedelta,
        *,
        duration: timedelta = timedelta(0),
        finish_by: datetime | None = None,
        protected_until: datetime | None = None,
    ) -> StartWindow:
        """Open a window; the nearest limit makes the deadline, which is never before ``ready_at``.

        :param finish_by: the job ends by then, if it takes no longer than ``duration``.
        :param protected_until: when the last good backup becomes too old; the next has ended by then.
        """
        latest = [(ready_at + max_delay, Bound.MAX_DELAY)]
        if finish_by is not None:
            latest.append((finish_by - duration, Bound.FINISH_BY))
        if protected_until is not None:
            latest.append((protected_until - duration, Bound.MAX_BACKUP_AGE))
        deadline, bound_by = min(latest)
        return cls(ready_at=ready_at, deadline=max(ready_at, deadline), bound_by=bound_by)


class RunOverrides(Frozen):
    """What one run may change about its wait, in ``dag_run.conf``; the names are those of the HyperSDK documents.

    :param carbon_aware: False starts at once.
    :param carbon_max_intensity: gCO2eq/kWh, in place of the task's ``max_intensity``.
    :param carbon_max_delay: in place of the task's ``max_delay``.
    :param carbon_zone: in place of the task's zone.
    """

    carbon_aware: bool = True
    carbon_max_intensity: MaxIntensity | None = None
    carbon_max_delay: Span | None = None
    carbon_zone: str | None = None

    @classmethod
    def from_conf(cls, conf: Mapping[str, object] | None) -> RunOverrides:
        """Read the keys that begin with ``carbon_``; others belong to other tasks.

        :raises ConfigurationError: an unknown key or a wrong value, with both named.
        """
        ours = {key: value for key, value in (conf or {}).items() if key.startswith("carbon_")}
        try:
            return cls.model_validate(ours)
        except ValidationError as error:
            known = ", ".join(cls.model_fields)
            raise ConfigurationError(f"dag_run.conf: {what_is_wrong(error)} Known keys: {known}.") from None


def what_is_wrong(error: ValidationError) -> str:
    """Say in one sentence a field what a validation found; the values themselves stay out of it."""
    found = error.errors(include_input=False, include_url=False)
    return " ".join(f"{'.'.join(map(str, e['loc'])) or 'value'}: {e['msg'].rstrip('.')}." for e in found)
