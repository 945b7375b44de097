from __future__ import annotations

import pytest

from airflow_provider_hypercarbon.carbon.decision import StartDecision
from airflow_provider_hypercarbon.carbon.record import DecisionRecord
from airflow_provider_hypercarbon.plugin.page.run_story import starts_compared, story, verdict
from airflow_provider_hypercarbon.plugin.schemas.runs import Decided
from tests.plugin.page.waits import CLOCK, HOUR, NOW, decision


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
