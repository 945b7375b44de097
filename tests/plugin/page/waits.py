"""Waits and decisions for the tests of the page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from airflow_provider_hypercarbon.carbon.decision import StartDecision, StartReason
from airflow_provider_hypercarbon.plugin.page.words import Clock
from airflow_provider_hypercarbon.plugin.schemas.runs import WaitRow

HOUR = timedelta(hours=1)
NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
CLOCK = Clock(NOW, ZoneInfo("UTC"))
WHERE = {"dag_id": "nightly", "run_id": "r1", "task_id": "wait", "map_index": -1}


def decision(**more: object) -> StartDecision:
    given: dict[str, object] = {
        "due": False, "reason": StartReason.CLEANER_LATER, "sentence": "Cleaner later.", "zone": "DE",
        "decided_at": NOW - 2 * HOUR, "ready_at": NOW - 2 * HOUR, "deadline": NOW + 8 * HOUR,
        "start_at": NOW + 4 * HOUR, "duration": 2 * HOUR, "strategy": "cleanest",
        "mean_at_start_gco2eq_per_kwh": 212.0,
    }  # fmt: skip
    return StartDecision.model_validate({**given, **more})


def wait(made: StartDecision | None, **more: object) -> WaitRow:
    given = {"state": "up_for_reschedule", "zone": "DE", "vm_paths": ["/DC0/vm/a"], "ready_at": NOW - 2 * HOUR}
    return WaitRow.model_validate({**WHERE, **given, "deadline": NOW + 8 * HOUR, "decision": made, **more})
