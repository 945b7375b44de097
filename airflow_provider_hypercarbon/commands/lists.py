"""Lists as arguments, written with commas."""

from __future__ import annotations

from datetime import timedelta

from airflow_provider_hypercarbon.carbon.instants import parse_span


def parse_names(text: str) -> list[str]:
    """Read ``DE,FR``."""
    return [part.strip() for part in text.split(",")]


def parse_spans(text: str) -> list[timedelta]:
    """Read ``4h,90min``."""
    return [parse_span(part) for part in text.split(",")]
