"""The OpenAPI document as a page to read: plain HTML, without a script and without anything from elsewhere."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from airflow.api_fastapi.core_api.security import bearer_scheme
from fastapi import Security

#: Tells the OpenAPI document how to log in; the guard does the work.
SECURITY = Security(bearer_scheme)

_STYLE = """
body{font:14px/1.5 Inter,system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}
code,pre{font-size:12.5px}pre{overflow:auto;padding:.6rem;border:1px solid gray}
table{border-collapse:collapse}td,th{text-align:left;padding:.15rem .8rem .15rem 0;vertical-align:top}
h2{margin-top:2.2rem;font-size:1.05rem}
"""


def reference_page(document: dict[str, Any]) -> str:
    """Return the page."""
    info = document["info"]
    parts = [f"<h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{escape(info['description'])}</p>"]
    parts.append('<p>For programs: <a href="openapi.json">openapi.json</a></p>')
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            parts.append(_route(document, path, method, route))
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(info['title'])} REST API</title>"
        f"<style>{_STYLE}</style><body>{''.join(parts)}</body></html>"
    )


def _route(document: dict[str, Any], path: str, method: str, route: dict[str, Any]) -> str:
    parts = [f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{escape(route.get('description', ''))}</p>"]
    rows = "".join(
        f"<tr><td><code>{escape(p['name'])}</code><td>{p['in']}{', required' * p.get('required', False)}"
        f"<td>{escape(p.get('description', ''))}</tr>"
        for p in route.get("parameters", ())
    )
    if rows:
        parts.append(f"<table>{rows}</table>")
    if body := route.get("requestBody"):
        schema = body["content"]["application/json"]["schema"]
        example = _resolved(document, schema).get("examples", [None])[0]
        parts.append(f"<p>Body <code>{_name(schema)}</code></p><pre>{escape(json.dumps(example, indent=2))}</pre>")
    answer = route["responses"].get("200", {}).get("content", {}).get("application/json", {}).get("schema", {})
    fields = _resolved(document, answer).get("properties", {})
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code><td>{escape(field.get('description', ''))}</tr>"
        for name, field in fields.items()
    )
    parts.append(f"<p>Answer <code>{_name(answer)}</code></p><table>{rows}</table>" if rows else "")
    return "".join(parts)


def _name(schema: dict[str, Any]) -> str:
    return escape(schema.get("$ref", "").rpartition("/")[2] or schema.get("type", ""))


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = document.get("components", {}).get("schemas", {}).get(name, schema)
    return found
