"""What a task notes about its export, and the ids that its exports get."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from airflow_provider_hypercarbon.hypersdk.models import UtcTime
from airflow_provider_hypercarbon.hypersdk.protocol import Known

if TYPE_CHECKING:
    from pydantic import JsonValue

SLUG_CHARACTERS = 48
DIGEST_CHARACTERS = 12


class ExportNote(BaseModel):
    """The job that a task has submitted, or is about to.

    :param generation: a number that a user's clear changes and a retry does not (``ti.max_tries``).
    :param attempt: 1 for the first job of a generation, 2 when that one could not be used, and so on.
    :param try_number: the try that wrote the note: a try that finds another number has been overtaken.
    :param output_dir: the folder of this attempt.
    :param visible: whether the machine that submitted it saw that folder.
    :param submitted_at: when this attempt was first submitted; what bounds an export counts from here.
    :param result: of a finished export.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    job_id: str = Field(min_length=1)
    generation: int
    attempt: int = Field(ge=1)
    state: Known = Known.INTENDED
    try_number: int = 0
    output_dir: str = ""
    visible: bool = False
    submitted_at: UtcTime | None = None
    result: dict[str, Any] | None = None

    @classmethod
    def from_store(cls, value: JsonValue) -> ExportNote | None:
        """Read what the task state store holds; anything that is not ours counts as nothing."""
        try:
            return cls.model_validate(value)
        except ValidationError:
            return None


class Notes(Protocol):
    """Where the note is kept: Airflow's task state store, or a test's."""

    def load(self) -> ExportNote | None: ...

    def save(self, note: ExportNote) -> None: ...


def job_id(*, dag_id: str, run_id: str, task_id: str, map_index: int, generation: int, attempt: int) -> str:
    """Return the id of one attempt: readable, safe in a path and in a URL, and the same on every call."""
    digest = hashlib.sha256(
        json.dumps([dag_id, run_id, task_id, map_index, generation, attempt]).encode()
    ).hexdigest()[:DIGEST_CHARACTERS]
    mapped = f"-{map_index}" if map_index >= 0 else ""
    slug = re.sub(r"[^A-Za-z0-9_]+", "-", f"{dag_id}-{task_id}{mapped}").strip("-")[:SLUG_CHARACTERS]
    return f"{slug or 'export'}-{digest}"
