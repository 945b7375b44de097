from __future__ import annotations

from airflow_provider_hypercarbon.plugin.page.starts_chart import starts_chart
from airflow_provider_hypercarbon.plugin.schemas.runs import Start
from tests.plugin.page.waits import CLOCK, HOUR, NOW, WHERE, decision, wait


class TestStarts:
    def test_shapes_by_reason(self):
        """A dot by plan, a ring at once, a square at the deadline, a triangle without data, open while it waits."""
        reasons = ("cleanest", "no_better_start", "deadline", "no_data")
        rows = [
            Start(
                **WHERE, zone="DE", reason=reason, ready_at=NOW - 24 * HOUR * (i + 1),
                started_at=NOW - 24 * HOUR * (i + 1) + HOUR, deadline=NOW - 24 * HOUR * (i + 1) + 9 * HOUR,
            )
            for i, reason in enumerate(reasons)
        ]  # fmt: skip
        chart = starts_chart(rows, wait(decision(ready_at=NOW), ready_at=NOW), CLOCK)
        assert chart is not None
        assert [row["shape"] for row in chart["rows"]] == ["triangle", "square", "ring", "dot", "open"]
        assert chart["ticks"][0] == [0, "20:00"]
        assert chart["note"] == ""

    def test_a_run_at_another_time_is_said(self):
        """It is drawn by how long it waited, which the clock of the others does not tell."""
        ready = [NOW - 72 * HOUR, NOW - 48 * HOUR, NOW - 24 * HOUR + 2 * HOUR]
        rows = [
            Start(**WHERE, zone="DE", reason="cleanest", ready_at=at, started_at=at + HOUR, deadline=at + 9 * HOUR)
            for at in ready
        ]
        chart = starts_chart(rows, None, CLOCK)
        assert chart is not None
        assert chart["note"].startswith("1 of these runs was not scheduled at 20:00")

    def test_runs_at_any_time_have_no_clock(self):
        """Where no schedule is usual, the axis counts hours."""
        rows = [
            Start(
                **WHERE, zone="DE", reason="cleanest", ready_at=NOW + HOUR * 7 * i, started_at=NOW + HOUR * 7 * i,
                deadline=NOW + HOUR * (7 * i + 2),
            )
            for i in range(4)
        ]  # fmt: skip
        chart = starts_chart(rows, None, CLOCK)
        assert chart is not None
        assert chart["ticks"][1][1].replace("\u202f", " ") == "+0.25 h"
