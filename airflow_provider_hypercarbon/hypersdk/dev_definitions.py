"""The development daemon's job definitions, read as leniently, and refused as vaguely, as the real one does."""

from __future__ import annotations

import json
import time
import uuid
from datetime import UTC, datetime
from typing import Any

JsonDict = dict[str, Any]  # the daemon's own untyped JSON

MAX_BODY = 10 * 1024 * 1024
#: What Go's decoder would refuse in a job: the field, and the JSON type it must have.
TYPES = {
    **dict.fromkeys(("id", "name", "vm_path", "output_dir", "output_path", "format", "export_method", "method"), str),
    **dict.fromkeys(("vcenter_url", "username", "datacenter"), str),
    **dict.fromkeys(("compress", "thin", "insecure"), bool),
    **dict.fromkeys(("vcenter", "metadata", "options"), dict),
}


class BadBodyError(Exception):
    """The daemon's words for a body it cannot read."""


class ExportFailure(Exception):  # noqa: N818  (an outcome of a job, not a fault of ours)
    """The export ends in a failed job, with these words."""


def read_definitions(body: bytes) -> list[JsonDict]:
    """Return the jobs of a submit, in the three forms that the daemon tries in turn.

    A refusal does not say what was wrong: neither does the daemon.
    """
    if len(body) > MAX_BODY:
        raise BadBodyError("failed to read request body: http: request body too large")
    try:
        jobs: Any = json.loads(body)
    except (ValueError, RecursionError):
        jobs = None
    if isinstance(jobs, dict):
        jobs = [jobs] if jobs.get("vm_path") else jobs.get("jobs")
    if not isinstance(jobs, list) or not jobs or not all(map(_decodes, jobs)):
        raise BadBodyError("failed to parse jobs: invalid JSON format")
    return jobs


def read_request(body: bytes) -> JsonDict:
    """Return the JSON object of any other request."""
    try:
        wanted = json.loads(body) if body else None
    except (ValueError, RecursionError):
        raise BadBodyError("invalid request: invalid character") from None
    if not isinstance(wanted, dict):
        raise BadBodyError("invalid request: EOF" if not body else "invalid request: cannot unmarshal")
    return wanted


def strings(value: object) -> list[str]:
    """Return the texts of a list, and nothing for anything else."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _decodes(job: object) -> bool:
    return isinstance(job, dict) and all(
        isinstance(job[key], kind) for key, kind in TYPES.items() if job.get(key) is not None
    )


def fill_definition(definition: JsonDict) -> JsonDict:
    """Return the definition as the daemon stores and echoes it: aliases resolved, unknown fields gone."""
    known = ("compress", "thin", "metadata", "vcenter", "datacenter")
    filled = {key: definition[key] for key in known if definition.get(key)}
    if "vcenter" not in filled and definition.get("vcenter_url"):
        filled["vcenter"] = {
            "server": definition["vcenter_url"],
            "username": definition.get("username", ""),
            "password": "",  # a password at the top level is not read from JSON
            "insecure": definition.get("insecure", False),
        }
    return {
        "id": definition.get("id") or str(uuid.uuid4()),
        "name": definition.get("name", ""),
        "vm_path": definition.get("vm_path", ""),
        "output_dir": definition.get("output_dir") or definition.get("output_path", ""),
        "format": definition.get("format") or "ovf",
        "export_method": definition.get("export_method") or definition.get("method", ""),
        "created_at": go_now(),
        **filled,
    }


def validate_definition(definition: JsonDict, method: str) -> None:
    """Raise :class:`ExportFailure` for what the daemon notices only when the job runs."""
    vcenter = definition.get("vcenter") or {}
    needed = {"vm_path": definition["vm_path"], "output_dir": definition["output_dir"]}
    needed["vcenter server"] = vcenter.get("server")
    if method in ("web", "ovftool"):
        needed |= {"vcenter username": vcenter.get("username"), "vcenter password": vcenter.get("password")}
    for what, value in needed.items():
        if not value:
            raise ExportFailure(f"validate job definition: {what} is required")


def go_now() -> str:
    """Return now, as Go writes it: local offset or Z, up to nine decimals, trailing zeros cut."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    local = datetime.fromtimestamp(seconds, tz=UTC).astimezone().isoformat()
    fraction = f".{nanoseconds:09d}".rstrip("0").rstrip(".")
    return (local[:19] + fraction + local[19:]).replace("+00:00", "Z")
