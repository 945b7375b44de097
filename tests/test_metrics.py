from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk.observability.stats import Stats

from airflow_provider_hypercarbon import metrics
from airflow_provider_hypercarbon.carbon.decision import StartReason, without_curve
from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow
from airflow_provider_hypercarbon.sources.cached import CachedSource
from airflow_provider_hypercarbon.sources.chain import ChainSource
from airflow_provider_hypercarbon.sources.energy_charts import EnergyChartsSource
from airflow_provider_hypercarbon.sources.mock import MockSource
from airflow_provider_hypercarbon.sources.neso import NesoSource
from airflow_provider_hypercarbon.sources.recalling import RecallingSource

NOW = datetime(2026, 11, 23, 18, tzinfo=UTC)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, dict[str, str]]]:
    found: list[tuple[str, int, dict[str, str]]] = []
    monkeypatch.setattr(Stats, "incr", lambda name, number=1, **more: found.append((name, number, more["tags"])))
    return found


def decision(reason: StartReason, planned: datetime | None = None) -> Any:
    window = StartWindow.opening(NOW, timedelta(hours=4))
    return without_curve("DE", StartPolicy(), window, now=NOW, reason=reason, sentence=".", planned=planned)


class TestMetrics:
    def test_a_wait_is_counted_once(self, counted: list[Any]):
        """When it begins; later looks are no further wait."""
        held = decision(StartReason.CLEANER_LATER, NOW + timedelta(hours=1))
        metrics.count_decision(held, is_first=True)
        metrics.count_decision(held, is_first=False)
        assert counted == [("hypercarbon.waits", 1, {"zone": "DE"})]

    @pytest.mark.parametrize(
        ("reason", "also"),
        [
            (StartReason.CLEANEST, None),
            (StartReason.DEADLINE, "hypercarbon.deadline_starts"),
            (StartReason.NO_DATA, "hypercarbon.blind_starts"),
        ],
    )
    def test_starts_are_counted_by_reason(self, counted: list[Any], reason: StartReason, also: str | None):
        """Starts at the deadline and blind ones have counters of their own, for an alarm."""
        metrics.count_decision(decision(reason), is_first=False)
        assert counted[0] == ("hypercarbon.starts", 1, {"zone": "DE", "reason": reason.value})
        assert [name for name, *_ in counted[1:]] == ([also] if also else [])

    def test_requests_are_counted_by_source(self, counted: list[Any]):
        """Of each member of a chain, with a log of readings behind it or without."""
        members = [CachedSource(source, None, scope=source.name) for source in (NesoSource(), EnergyChartsSource())]
        for number, member in enumerate(members, 1):
            member.requests = number
        logged = RecallingSource(members[1], lambda *_: [])
        for source in (ChainSource([members[0], logged, MockSource()]), logged, None):
            metrics.count_requests(metrics.requests_of(source))
        assert counted == [
            ("hypercarbon.requests", 1, {"source": "neso"}),
            ("hypercarbon.requests", 2, {"source": "energy_charts"}),
            ("hypercarbon.requests", 2, {"source": "energy_charts"}),
        ]

    def test_a_metric_never_costs_a_backup(self, monkeypatch: pytest.MonkeyPatch):
        """A metrics server that makes trouble is nothing to a task."""

        def broken(*_: Any, **__: Any) -> None:
            raise OSError("no route to host")

        monkeypatch.setattr(Stats, "incr", broken)
        metrics.count("waits")
