"""The export daemon's shapes; its units become ours here and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import BeforeValidator, Field, JsonValue, SecretStr, ValidationError

from airflow_provider_hypercarbon.carbon.energy import BYTES_PER_GB
from airflow_provider_hypercarbon.carbon.instants import as_utc, parse_instant
from airflow_provider_hypercarbon.carbon.intensity import Frozen
from airflow_provider_hypercarbon.exceptions import BadAnswerError
from airflow_provider_hypercarbon.hypersdk.owner import TaskKey, mark_in, owner_in, task_in

#: What fits the daemon's 64-bit counters; anything larger is not a size.
MAX_SIZE = 2**63
#: How much of the daemon's own words we keep.
MAX_WORDS = 2_000
SECRET = "***"  # noqa: S105  (it is what stands in for one)

ExportFormat = Literal["ovf", "ova"]
ExportMethod = Literal["ctl", "govc", "ovftool", "web"]


def utc_time(value: object) -> datetime:
    """Read a time as Go writes it (up to nine decimals, any offset) as UTC; one without an offset is refused."""
    return as_utc(value) if isinstance(value, datetime) else parse_instant(value)


UtcTime = Annotated[datetime, BeforeValidator(utc_time)]


class JobStatus(StrEnum):
    """What the daemon says about a job."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    #: A word we do not know, from a later daemon.
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> JobStatus:
        return cls.UNKNOWN

    @property
    def is_terminal(self) -> bool:
        """Whether the daemon will not touch the job again."""
        return self in (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)


class VCenter(Frozen):
    """How the daemon reaches the vCenter.

    :param server: host or host:port; the daemon puts it into ``https://<server>/sdk``, so no scheme.
    """

    server: str = Field(pattern=r"^[^/\s@]+$")
    username: str = Field(min_length=1)
    password: SecretStr = Field(min_length=1)
    insecure: bool = False


class ExportRequest(Frozen):
    """One export to submit.

    :param id: our own id; the daemon refuses a second job with it, so it makes a submit safe to repeat.
    :param output_dir: a folder on the daemon's machine.
    """

    id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,120}$")
    name: str = ""
    vm_path: str = Field(min_length=1)
    output_dir: str = Field(min_length=1)
    format: ExportFormat = "ovf"
    export_method: ExportMethod
    compress: bool = False
    thin: bool = False
    vcenter: VCenter
    metadata: dict[str, JsonValue] = Field(default_factory=dict)

    def to_json(self) -> dict[str, JsonValue]:
        """Return the daemon's JobDefinition. It holds the vCenter password: send it, never log it."""
        body: dict[str, JsonValue] = self.model_dump(mode="json")
        body["vcenter"] = {
            "server": self.vcenter.server,
            "username": self.vcenter.username,
            "password": self.vcenter.password.get_secret_value(),
            "insecure": self.vcenter.insecure,
        }
        return body


class ExportJob(Frozen):
    """One job as the daemon tells it, without any credential.

    ``percent``, ``bytes_done`` and ``bytes_total`` are None when this export method does not report them;
    ``data_bytes`` is the size of the finished export when the daemon knows it. ``owner`` is the Airflow task that
    submitted it, by our own metadata; empty when somebody else did. ``task`` is the same in its parts, and ``mark``
    tells that task from one of the same name in another Airflow.
    """

    id: str = Field(min_length=1)
    status: JobStatus
    status_word: str = ""
    vm_path: str = ""
    output_dir: str = ""
    vcenter: str = ""
    owner: str = ""
    task: TaskKey | None = None
    mark: str = ""
    format: str = ""
    export_method: str = ""
    phase: str = ""
    step: str = ""
    percent: float | None = None
    bytes_done: int | None = None
    bytes_total: int | None = None
    error: str = ""
    created_at: UtcTime | None = None
    started_at: UtcTime | None = None
    updated_at: UtcTime | None = None
    completed_at: UtcTime | None = None
    files: tuple[str, ...] = ()
    data_bytes: int | None = None

    @property
    def has_ended(self) -> bool:
        """Whether waiting longer is pointless. A job of an unknown status has ended when it has an end."""
        if self.status is JobStatus.UNKNOWN:
            return self.completed_at is not None
        return self.status.is_terminal

    @property
    def progress(self) -> str:
        """Where the export is, for a log line."""
        parts = [self.status_word or self.status.value]
        if self.phase and not self.has_ended:
            parts.append(self.phase)
        if self.percent:
            parts.append(f"{self.percent:.0f} %")
        if self.bytes_done:
            of = f" of {self.bytes_total / BYTES_PER_GB:.2f}" if self.bytes_total else ""
            parts.append(f"{self.bytes_done / BYTES_PER_GB:.2f}{of} GB")
        elif self.step and not self.has_ended:
            parts.append(self.step)
        return ", ".join(parts)

    @classmethod
    def from_daemon(cls, payload: object) -> ExportJob:
        """Read the daemon's Job: lists may be null, fields may be new; the vCenter password stays outside."""
        job = _object(payload)
        definition, progress, result = (_object(job.get(key)) for key in ("definition", "progress", "result"))
        status, clean = job.get("status"), _scrubber(definition)
        metadata = _object(definition.get("metadata"))
        if not isinstance(status, str):
            raise BadAnswerError("The HyperSDK daemon sent a job without a status. It may work later.")
        progress_bytes = [_size(progress.get(key)) or 0 for key in ("bytes_downloaded", "bytes_transferred")]
        try:
            return cls(
                id=_text(definition.get("id")),
                status=JobStatus(status),
                status_word=clean(status),
                vm_path=_text(definition.get("vm_path")),
                output_dir=_text(definition.get("output_dir")),
                vcenter=_text(_object(definition.get("vcenter")).get("server")),
                owner=owner_in(metadata),
                task=task_in(metadata),
                mark=mark_in(metadata),
                format=_text(definition.get("format")),
                export_method=_text(result.get("export_method")) or _text(definition.get("export_method")),
                phase=clean(_text(progress.get("phase"))),
                step=clean(_text(progress.get("current_step"))),
                percent=_percent(progress.get("percent_complete")),
                bytes_done=max(progress_bytes) or None,
                bytes_total=_size(progress.get("total_bytes")),
                error=clean(_text(job.get("error")) or _text(result.get("error"))),
                created_at=_go_time(definition.get("created_at")),
                started_at=_go_time(job.get("started_at")),
                updated_at=_go_time(job.get("updated_at")),
                completed_at=_go_time(job.get("completed_at")),
                files=_texts(result.get("output_files")) or _texts(result.get("files")),
                data_bytes=_size(result.get("total_size")),
            )
        except ValidationError as error:
            # Only the places: pydantic would repeat the values, and one might be a credential.
            where = ", ".join(sorted({str(item["loc"][0]) for item in error.errors()}))
            raise BadAnswerError(
                f"The HyperSDK daemon sent a job with an unreadable {where}. It may work later."
            ) from None


def scrub(text: str, *secrets: str) -> str:
    """Return ``text`` without the given secrets and without any ``//user:password@``, cut to a sane length."""
    for secret in filter(None, secrets):
        for form in {secret, quote(secret, safe="")}:
            text = text.replace(form, SECRET)
    return re.sub(r"//[^/\s@]+@", f"//{SECRET}@", text)[:MAX_WORDS]


def _scrubber(definition: dict[str, object]) -> Callable[[str], str]:
    secrets = [_text(_object(definition.get("vcenter")).get("password")), _text(definition.get("password"))]
    return lambda text: scrub(text, *secrets)


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _go_time(value: object) -> object:
    # Go's zero time means "not yet".
    return None if isinstance(value, str) and value.startswith("0001-01-01") else value


def _size(value: object) -> int | None:
    """A number of bytes; 0 is how the daemon says that it does not know."""
    return value if type(value) is int and 0 < value < MAX_SIZE else None


def _percent(value: object) -> float | None:
    # 0 is also what an export method says that reports no percentage at all.
    return float(value) if type(value) in (int, float) and 0 < value <= 100 else None  # type: ignore[operator, arg-type]
