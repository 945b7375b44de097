"""The Carbon page: one HTML document and its static files, which hold no data."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse, HTMLResponse

router = APIRouter()
_STATIC = Path(__file__).resolve().parent / "static"


@router.get("/page")
def page() -> HTMLResponse:
    """Return the page."""
    return HTMLResponse(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Carbon</title><h1>Carbon</h1></html>"
    )


@router.get("/static/{path:path}")
def static_file(path: str) -> FileResponse:
    """Return a script, a style sheet or a licence text."""
    wanted = (_STATIC / path).resolve()
    if not wanted.is_relative_to(_STATIC) or not wanted.is_file():
        raise HTTPException(404, f"There is no file {path}")
    return FileResponse(wanted)
