"""From a view to a document: templates, the words that all of them use, and the headers."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from airflow_provider_hypercarbon.carbon.intensity import IntensityLevel
from airflow_provider_hypercarbon.plugin.page.words import Clock, intensity, number, span, started_by

_HERE = Path(__file__).resolve().parent
STATIC = _HERE / "static"
#: ECharts writes style attributes, and so do our bars; nothing else may be inline, and nothing comes from elsewhere.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
    "img-src 'self' data:; form-action 'self'; frame-ancestors 'self'; base-uri 'none'"
)
TIME_ZONE_COOKIE = "hypercarbon_timezone"

_templates = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.globals.update(
    levels=[str(level) for level in IntensityLevel],
    intensity=intensity,
    number=number,
    span=span,
    started_by=started_by,
)


def charts_built() -> bool:
    """Whether the chart library was built; a checkout starts without it."""
    return (STATIC / "vendor" / "chart-library.js").is_file()


def reader_clock(request: Request, now: datetime, asked: str | None = None) -> Clock:
    """Return the reader's clock: the zone that the page's script keeps in a cookie, UTC before it ran."""
    for name in (asked, request.cookies.get(TIME_ZONE_COOKIE)):
        if name and len(name) <= 64:
            try:
                return Clock(now, ZoneInfo(name.replace("%2F", "/")))
            except (ZoneInfoNotFoundError, ValueError, OSError):
                continue
    return Clock(now, ZoneInfo("UTC"))


def document(template: str, clock: Clock, *, status: int = 200, failed: bool = False, **values: Any) -> HTMLResponse:
    """Render a template.

    :param failed: the part that was asked for could not be made, which the page's script wants to know.
    """
    basics = {
        "clock": clock, "tabs": True, "heading": "Carbon", "title": "Carbon", "charts_built": charts_built(),
        "here": "", "view": "",
    }  # fmt: skip
    text = _templates.get_template(template).render({**basics, **values})
    headers = {"content-security-policy": POLICY}
    if failed:
        headers["x-hypercarbon-problem"] = "true"
    return HTMLResponse(text, status_code=status, headers=headers)
