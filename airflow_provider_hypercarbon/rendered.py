"""What is left of an argument once Airflow has rendered it: text, nothing, or another task's output."""

from __future__ import annotations

import ast
import json
from typing import Any

from airflow_provider_hypercarbon.exceptions import ConfigurationError


def given(*values: Any) -> Any:
    """Return the first value that somebody set; a template that renders to nothing sets nothing."""
    return next((value for value in values if value is not None and value not in ("", "None")), None)


def is_template(value: Any) -> bool:
    """Whether a value is only known when the task runs: Jinja text, or another task's output."""
    return hasattr(value, "resolve") or (isinstance(value, str) and ("{{" in value or "{%" in value))


def task_output(name: str, value: Any) -> dict[str, Any]:
    """Return the JSON object that another task pushed; a template has made text of it. Nothing is an empty one.

    :raises ConfigurationError: this is no task's output.
    """
    value = given(value)
    if isinstance(value, str):
        for read in (json.loads, ast.literal_eval):
            try:
                value = read(value)
                break
            except (ValueError, SyntaxError):
                continue
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigurationError(f"{name} is not the output of a task. Write {name}=the_task.output.")
    return value
