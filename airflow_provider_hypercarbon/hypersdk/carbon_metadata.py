"""What a job remembers of the carbon decision behind it, under the daemon's own key names."""

from __future__ import annotations

import re
import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_hypercarbon.hypersdk.models import utc_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

_GO_PART = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s|µs|us|ns)")
_GO_SPAN = re.compile(r"(?:\d+(?:\.\d+)?(?:h|ms|m|s|µs|us|ns))+")
#: A scheduler needs seconds to start a task; only a start later than this was put off on purpose.
DELAY_THAT_COUNTS = timedelta(minutes=1)


def carbon_metadata(decision: Mapping[str, object] | None) -> dict[str, JsonValue]:
    """Return a job's metadata for the start decision that the sensor pushed; what is unknown is left out.

    ``carbon_aware`` is always false: the waiting is done, and a daemon that reads the key must not wait again.

    :param decision: the JSON form of a ``StartDecision``, or None when the export did not wait for the grid.
    """
    metadata: dict[str, JsonValue] = {"carbon_aware": False}
    if not decision:
        return metadata
    decided_at, ready_at, start_at = (_time(decision.get(key)) for key in ("decided_at", "ready_at", "start_at"))
    metadata["carbon_zone"] = _text(decision.get("zone"))
    metadata["carbon_intensity_at_submit"] = _number(decision.get("current_gco2eq_per_kwh"))
    metadata["carbon_timestamp"] = _iso(decided_at)
    metadata["carbon_reason"] = _text(decision.get("reason"))
    metadata["carbon_source"] = _text(decision.get("source"))
    metadata["carbon_signal"] = _text(decision.get("signal"))
    metadata["carbon_synthetic"] = _text(decision.get("synthetic"))
    estimated = decision.get("estimated")
    metadata["carbon_estimated"] = estimated if isinstance(estimated, bool) else None
    if decided_at is not None and ready_at is not None:
        delay = decided_at - ready_at
        metadata["carbon_delayed"] = delay >= DELAY_THAT_COUNTS
        if delay >= DELAY_THAT_COUNTS:
            metadata["carbon_delay_duration"] = go_duration(delay)
            metadata["carbon_optimal_time"] = _iso(start_at)
    return {key: value for key, value in metadata.items() if value is not None}


def go_duration(span: timedelta) -> str:
    """Write a span as Go does, in whole seconds: ``2h45m0s``, ``45m0s``, ``30s``."""
    minutes, seconds = divmod(max(0, round(span.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{seconds}s"
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"


def go_span(text: object) -> timedelta | None:
    """Read a span as Go writes it, such as ``1h2m3.4s``; None when it is none."""
    if not isinstance(text, str) or not _GO_SPAN.fullmatch(text):
        return None
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "µs": 1e-6, "us": 1e-6, "ns": 1e-9}
    return timedelta(seconds=sum(float(number) * units[unit] for number, unit in _GO_PART.findall(text)))


def _time(value: object) -> datetime | None:
    try:
        return utc_time(value)
    except ValueError:
        return None


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat().replace("+00:00", "Z")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) <= sys.float_info.max else None
