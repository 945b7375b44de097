from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_hypercarbon.carbon.decision import StartDecision, StartReason
from airflow_provider_hypercarbon.carbon.record import DecisionRecord
from airflow_provider_hypercarbon.plugin.page.runs_view import (
    export_view,
    starts_chart,
    starts_compared,
    story,
    verdict,
    wait_view,
)
from airflow_provider_hypercarbon.plugin.page.words import Clock
from airflow_provider_hypercarbon.plugin.schemas.runs import Decided, ExportRow, Start, WaitRow

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


class TestWait:
    def test_where_it_stands(self):
        """The track runs from the scheduled start to the end of the latest possible run."""
        found = wait_view(wait(decision()), CLOCK)
        assert (found.done, found.plan_left, found.plan_width, found.deadline_left) == (16.67, 50, 16.67, 83.33)
        assert found.countdown.replace("\u202f", " ") == "4 h"
        assert (found.until, found.tags, found.vms) == ("until planned start", (), "a")

    def test_the_sentence_is_the_cores(self):
        """The reason stands here as in log, REST and command line."""
        assert wait_view(wait(decision()), CLOCK).sentence == "Cleaner later."

    def test_nothing_good_enough_in_sight(self):
        """Only the deadline will start it: that is said."""
        vain = decision(start_at=NOW + 8 * HOUR, mean_at_start_gco2eq_per_kwh=None, reason=StartReason.TOO_DIRTY)
        found = wait_view(wait(vain), CLOCK)
        assert (found.until, found.tags) == ("until it starts anyway", ("deadline start",))

    def test_the_cleanest_start_may_be_the_deadline(self):
        """That is a plan, and no start for want of one."""
        assert wait_view(wait(decision(start_at=NOW + 8 * HOUR)), CLOCK).until == "until planned start"

    def test_old_and_invented_data_are_marked(self):
        """Checks that gave nothing, and a mock source."""
        found = wait_view(wait(decision(failed_checks=2, synthetic="mock")), CLOCK)
        assert found.tags == ("old data", "mock")

    def test_before_the_first_decision(self):
        """Only the deadline is known."""
        found = wait_view(wait(None, zone=None), CLOCK)
        assert found.planned_at == NOW + 8 * HOUR
        assert found.until == "until it starts anyway"


class TestExport:
    def row(self, **more: object) -> ExportRow:
        empty = dict.fromkeys(
            ("hypersdk_conn_id", "status", "vm_path", "phase", "percent", "bytes_done", "bytes_total", "started_at",
             "seconds_left", "problem")
        )  # fmt: skip
        return ExportRow.model_validate({**WHERE, "state": "deferred", "job_id": "j1", **empty, **more})

    def test_size_known(self):
        """Per cent, GB of GB, and the time left."""
        found = export_view(
            self.row(vm_path="/DC0/vm/files-03", bytes_done=340e9, bytes_total=478e9, seconds_left=1740)
        )
        assert (found.name, found.amount, found.left.replace("\u202f", " ")) == (
            "files-03", "71 %, 340 of 478 GB", "about 29 min left",
        )  # fmt: skip

    def test_size_unknown(self):
        """No per cent is made up."""
        found = export_view(self.row(bytes_done=84.2e9))
        assert (found.percent, found.amount, found.left) == (None, "84.2 GB so far", "size not known yet")


class TestStory:
    def test_one_line_a_decision_and_what_comes(self):
        """First plan, a plan that moved, looks that changed nothing in one line, then what is still to come."""
        made = [
            decision(current_gco2eq_per_kwh=474.0, start_at=NOW + 4.25 * HOUR),
            decision(decided_at=NOW - HOUR, start_at=NOW + 4 * HOUR),
            decision(decided_at=NOW - HOUR / 2),
            decision(decided_at=NOW, check_again_at=NOW + HOUR),
        ]
        lines = [(line.words.replace("\u202f", " "), line.ahead) for line in story(made, CLOCK, waiting=True)]
        assert lines == [
            ("Scheduled. Grid DE at 474 g/kWh, poor.", False),
            ("First plan: Tue 00:15. Deadline fixed at Tue 04:00; retries keep it.", False),
            ("Plan moved 15 min earlier: Tue 00:00.", False),
            ("Looked again 2 times; the plan stayed.", False),
            ("Next check", True),
            ("Planned start", True),
            ("Starts at the latest, whatever the grid", True),
        ]

    def test_the_end(self):
        """A start is told by its own sentence, and nothing comes after it."""
        lines = story([decision(), decision(due=True, sentence="Starting now.", start_at=NOW)], CLOCK, waiting=False)
        assert lines[-1].words == "Starting now."
        assert not any(line.ahead for line in lines)


class TestVerdict:
    @pytest.mark.parametrize(
        ("made", "waiting", "title"),
        [
            (decision(), True, "Waiting for Tue 00:00, 4 h from now"),
            (decision(due=True, start_at=NOW, decided_at=NOW), False, "Started 20:00, after a wait of 2 h"),
            (
                decision(due=True, decided_at=NOW - 2 * HOUR, start_at=NOW - 2 * HOUR),
                False,
                "Started 18:00, without a wait",
            ),
            (decision(), False, "The wait ended before its start"),
        ],
    )
    def test_where_it_stands(self, made: StartDecision, waiting: bool, title: str):
        """Waiting, started, or ended by somebody."""
        assert verdict(made, CLOCK, waiting=waiting).title.replace("\u202f", " ") == title


class TestStarts:
    def test_five_starts(self):
        """At once, the chosen one and the deadline are among them; each against starting at once."""
        starts = tuple((NOW - 2 * HOUR + HOUR * i, 400.0 - 20 * i) for i in range(11))
        made = Decided(
            task_id="wait", map_index=-1, curve=[], record=DecisionRecord(decision=decision(), candidates=starts)
        )
        found = starts_compared(made, CLOCK)
        assert len(found) == 5
        assert [one.note for one in found if one.note] == ["start at once", "planned", "deadline, latest start"]
        assert next(one for one in found if one.chosen).change == "−30 %"

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
