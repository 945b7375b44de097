"""A task's context without a database: what our tasks touch of it, and no more."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any


class FakeStateStore:
    """Airflow's task state store: JSON in, JSON out; outlives pokes, retries and clears."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self.kept[key]) if key in self.kept else default

    def set(self, key: str, value: Any, **_: Any) -> None:
        self.kept[key] = json.dumps(value, allow_nan=False)


def task_context(conf: dict[str, Any] | None = None, store: FakeStateStore | None = None) -> dict[str, Any]:
    """Return a context for one try; pass the store of the last try to be its retry."""
    return {
        "dag_run": SimpleNamespace(conf=conf or {}, run_id="manual__2026-03-02"),
        "ti": SimpleNamespace(
            dag_id="dag",
            run_id="manual__2026-03-02",
            task_id="task",
            map_index=-1,
            try_number=1,
            max_tries=2,
            get_first_reschedule_date=lambda _: None,
        ),
        "task_state_store": store or FakeStateStore(),
    }
