"""Which job a task should work with: deterministic ids, and what to do about a job of an earlier try."""

from __future__ import annotations

import hashlib
import json
import re
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from airflow_provider_hypercarbon.hypersdk.models import ExportJob, JobStatus

if TYPE_CHECKING:
    from pydantic import JsonValue

SLUG_CHARACTERS = 48
DIGEST_CHARACTERS = 12


class RememberedJob(BaseModel):
    """The job that a task has submitted, or is about to.

    :param generation: a number that a user's clear changes and a retry does not (``ti.max_tries``).
    :param attempt: 1 for the first job of a generation, 2 when that one failed or was cancelled, and so on.
    """

    model_config = ConfigDict(frozen=True)

    job_id: str = Field(min_length=1)
    generation: int
    attempt: int = Field(ge=1)

    @classmethod
    def from_store(cls, value: JsonValue) -> RememberedJob | None:
        """Read what the task state store holds; anything that is not ours counts as nothing."""
        try:
            return cls.model_validate(value)
        except ValidationError:
            return None


class Step(StrEnum):
    """What a try does first."""

    SUBMIT = "submit"
    ATTACH = "attach"
    FINISH = "finish"


class Plan(NamedTuple):
    """A step, the attempt it belongs to, and the job id when an earlier try already chose it."""

    step: Step
    attempt: int
    job_id: str | None = None


def plan_try(remembered: RememberedJob | None, job: ExportJob | None, generation: int) -> Plan:
    """Decide what a try does about the job of an earlier one.

    :param remembered: what the earlier try noted, if there was one.
    :param job: that job as the daemon knows it; None when the daemon does not know it.
    :param generation: of this try.
    """
    if remembered is None:
        return Plan(Step.SUBMIT, 1)
    same_generation = remembered.generation == generation
    if job is not None and not job.has_ended:
        return Plan(Step.ATTACH, remembered.attempt, job.id)
    if not same_generation:  # A user cleared the task: the export is wanted anew.
        return Plan(Step.SUBMIT, 1)
    if job is None:  # Never arrived, or lost in a restart of the daemon.
        return Plan(Step.SUBMIT, remembered.attempt, remembered.job_id)
    if job.status is JobStatus.COMPLETED:
        return Plan(Step.FINISH, remembered.attempt, job.id)
    return Plan(Step.SUBMIT, remembered.attempt + 1)


def job_id(*, dag_id: str, run_id: str, task_id: str, map_index: int, generation: int, attempt: int) -> str:
    """Return the id of one attempt: readable, safe in a path and in a URL, and the same on every call."""
    digest = hashlib.sha256(
        json.dumps([dag_id, run_id, task_id, map_index, generation, attempt]).encode()
    ).hexdigest()[:DIGEST_CHARACTERS]
    mapped = f"-{map_index}" if map_index >= 0 else ""
    slug = re.sub(r"[^A-Za-z0-9_]+", "-", f"{dag_id}-{task_id}{mapped}").strip("-")[:SLUG_CHARACTERS]
    return f"{slug or 'export'}-{digest}"
