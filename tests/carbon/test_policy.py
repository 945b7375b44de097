from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from pydantic import ValidationError

from airflow_provider_hypercarbon.carbon.policy import Bound, RunOverrides, StartPolicy, StartWindow
from airflow_provider_hypercarbon.exceptions import ConfigurationError
from tests.carbon.grid import NOW


class TestStartPolicy:
    def test_spans_may_be_written_as_people_do(self):
        """Words, ISO 8601, seconds and timedelta mean the same."""
        written = [StartPolicy(max_delay=v).max_delay for v in ("2h", "PT2H", 7200, "7200", timedelta(hours=2))]
        assert set(written) == {timedelta(hours=2)}

    def test_it_survives_json(self):
        """A policy travels to the triggerer as plain JSON."""
        policy = StartPolicy(max_intensity=150, max_delay=timedelta(hours=6, minutes=20))
        assert StartPolicy.model_validate(policy.model_dump(mode="json")) == policy

    @pytest.mark.parametrize(
        "wrong",
        [
            {"max_intensity": 0},
            {"max_intensity": -1},
            {"max_intensity": float("nan")},
            {"max_intensity": 2000},
            {"max_delay": "soon"},
            {"max_delay": -1},
            {"max_delay": 7200000000000},
            {"min_saving": 1},
            {"strategy": "greenest"},
            {"on_no_data": "pray"},
            {"strategy": "threshold"},
            {"max_intensty": 100},
        ],
    )
    def test_nonsense_is_refused(self, wrong: dict[str, object]):
        """Zero, negative, absurd, misspelt and nanosecond values do not pass."""
        with pytest.raises(ValidationError):
            StartPolicy.model_validate(wrong)


class TestStartWindow:
    def test_a_naive_instant_is_refused(self):
        """Nobody knows which night a naive time means."""
        with pytest.raises(ValidationError):
            StartWindow(ready_at=datetime(2026, 3, 2, 18), deadline=NOW)  # noqa: DTZ001

    def test_the_nearest_limit_makes_the_deadline(self):
        """max_delay, finish_by and max_backup_age: the earliest latest start wins and is named."""
        hour = timedelta(hours=1)
        plain = StartWindow.opening(NOW, 12 * hour)
        assert (plain.deadline, plain.bound_by) == (NOW + 12 * hour, Bound.MAX_DELAY)
        finish = StartWindow.opening(NOW, 12 * hour, duration=2 * hour, finish_by=NOW + 10 * hour)
        assert (finish.deadline, finish.bound_by) == (NOW + 8 * hour, Bound.FINISH_BY)
        protect = StartWindow.opening(
            NOW, 12 * hour, duration=2 * hour, finish_by=NOW + 10 * hour, protected_until=NOW + 5 * hour
        )
        assert (protect.deadline, protect.bound_by) == (NOW + 3 * hour, Bound.MAX_BACKUP_AGE)

    def test_a_limit_that_has_passed_starts_at_once(self):
        """The deadline is never before the wait began."""
        late = StartWindow.opening(NOW, timedelta(hours=4), protected_until=NOW - timedelta(days=1))
        assert late.deadline == NOW

    def test_a_window_of_an_earlier_release_is_read(self):
        """What was kept before the bound was named still counts."""
        kept = {"ready_at": "2026-03-02T18:00:00Z", "deadline": "2026-03-02T22:00:00Z"}
        assert StartWindow.model_validate(kept).bound_by is Bound.MAX_DELAY


class TestRunOverrides:
    def test_keys_of_others_are_left_alone(self):
        """Only names that begin with carbon_ are ours."""
        assert RunOverrides.from_conf({"vm": "db", "carbon_zone": "FR"}).carbon_zone == "FR"
        assert RunOverrides.from_conf(None) == RunOverrides()

    @pytest.mark.parametrize(
        ("conf", "said"),
        [
            ({"carbon_max_dealy": "2h"}, "carbon_max_dealy"),
            ({"carbon_max_delay": 7200000000000}, "carbon_max_delay"),
            ({"carbon_max_intensity": "low"}, "carbon_max_intensity"),
            ({"carbon_aware": "maybe"}, "carbon_aware"),
        ],
    )
    def test_a_mistake_is_named(self, conf: dict[str, object], said: str):
        """A misspelt key never silently applies to nothing; the error names it and the known ones."""
        with pytest.raises(ConfigurationError, match=said) as refused:
            RunOverrides.from_conf(conf)
        assert "Known keys: carbon_aware" in str(refused.value)
