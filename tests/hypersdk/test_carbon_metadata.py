from __future__ import annotations

import json
import math
from datetime import timedelta

import pytest

from airflow_provider_hypercarbon.hypersdk.carbon_metadata import carbon_metadata, go_duration

DECISION = {
    "due": True,
    "reason": "planned",
    "sentence": "Starting now.",
    "zone": "DE",
    "decided_at": "2026-02-04T02:45:00Z",
    "ready_at": "2026-02-04T00:00:00Z",
    "deadline": "2026-02-04T06:00:00Z",
    "start_at": "2026-02-04T02:45:00Z",
    "check_again_at": None,
    "duration": "PT2H",
    "strategy": "cleanest",
    "max_intensity": None,
    "current_gco2eq_per_kwh": 118.5,
    "mean_now_gco2eq_per_kwh": 120.0,
    "mean_at_start_gco2eq_per_kwh": 120.0,
    "source": "mock",
    "signal": "average",
    "synthetic": "mock",
    "estimated": False,
    "problems": [],
}


def test_a_delayed_start_is_told_under_the_daemons_names():
    """Who reads the daemon's jobs finds the keys that its own scheduler would have written."""
    metadata = carbon_metadata(DECISION)
    assert metadata == {
        "carbon_aware": False,
        "carbon_zone": "DE",
        "carbon_intensity_at_submit": 118.5,
        "carbon_timestamp": "2026-02-04T02:45:00Z",
        "carbon_reason": "planned",
        "carbon_source": "mock",
        "carbon_signal": "average",
        "carbon_synthetic": "mock",
        "carbon_estimated": False,
        "carbon_delayed": True,
        "carbon_delay_duration": "2h45m0s",
        "carbon_optimal_time": "2026-02-04T02:45:00Z",
    }
    json.dumps(metadata, allow_nan=False)


@pytest.mark.parametrize("decision", [None, {}])
def test_the_daemon_never_waits_a_second_time(decision):
    """``carbon_aware`` is false with and without a decision."""
    assert carbon_metadata(decision) == {"carbon_aware": False}


def test_a_start_within_a_minute_was_not_delayed():
    """A scheduler needs seconds to start a task; that is no waiting for the grid."""
    metadata = carbon_metadata(DECISION | {"decided_at": "2026-02-04T00:00:59Z"})
    assert metadata["carbon_delayed"] is False
    assert "carbon_delay_duration" not in metadata
    assert "carbon_optimal_time" not in metadata


@pytest.mark.parametrize("value", [None, math.nan, math.inf, True, "118", 10**310, []])
def test_unknown_intensity_is_left_out(value):
    """What is unknown has no key; it is never a 0."""
    metadata = carbon_metadata(DECISION | {"current_gco2eq_per_kwh": value})
    assert "carbon_intensity_at_submit" not in metadata


def test_unreadable_fields_are_left_out():
    """A decision of another version costs its keys, not the export."""
    metadata = carbon_metadata({"zone": 5, "decided_at": "soon", "ready_at": None, "estimated": "no"})
    assert metadata == {"carbon_aware": False}


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(hours=2, minutes=45), "2h45m0s"),
        (timedelta(minutes=45), "45m0s"),
        (timedelta(seconds=30.4), "30s"),
        (timedelta(days=1, seconds=1), "24h0m1s"),
        (timedelta(seconds=-5), "0s"),
    ],
)
def test_go_durations(span, text):
    """Spans as Go writes them."""
    assert go_duration(span) == text
