"""The requirements on the operator that sends a job to the cleanest site."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_hypercarbon.exceptions import UnavailableError, UnknownZoneError
from airflow_provider_hypercarbon.hooks.carbon import CarbonHook
from airflow_provider_hypercarbon.operators.cleanest_site import SITE_KEY, CleanestSiteOperator
from tests.carbon.grid import HOUR, NOW, reading, series
from tests.task_context import task_context


class Grids:
    """Each zone with a flat forecast; an error is raised."""

    name = "fake"

    def __init__(self, **levels: Any) -> None:
        self.levels, self.calls = levels, 0

    def _level(self, zone: str) -> float:
        self.calls += 1
        level = self.levels[zone]
        if isinstance(level, Exception):
            raise level
        return float(level)

    def latest(self, zone: str, *, now: Any) -> Any:
        return reading(self._level(zone), zone=zone)

    def forecast(self, zone: str, until: Any, *, now: Any) -> Any:
        return series([self._level(zone)] * 24, zone=zone)

    def history(self, zone: str, start: Any, end: Any, *, now: Any) -> Any:
        return series([self._level(zone)] * 2, NOW - HOUR, zone=zone)

    def zones(self) -> tuple[()]:
        return ()


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch) -> Any:
    def choose(grids: Grids, conf: dict[str, Any] | None = None, **more: Any) -> tuple[str, dict[str, Any]]:
        monkeypatch.setattr(CarbonHook, "get_conn", lambda _: grids)
        context, pushed = task_context(conf), {}
        context["ti"].xcom_push = lambda key, value: pushed.update({key: json.loads(json.dumps(value))})
        with time_machine.travel(NOW, tick=False):
            task = operator(**more).choose_branch(context)
        return task, pushed.get(SITE_KEY, {})

    return choose


def operator(**more: Any) -> CleanestSiteOperator:
    given = {"task_id": "choose", "zones": ["DE", "SE"], "task_ids": ["at_de", "at_se"], **more}
    return CleanestSiteOperator(**given)


class TestChoice:
    def test_the_task_of_the_cleanest_site_runs(self, choose: Any):
        """Its reason, all means and the decision are pushed as plain JSON."""
        task, site = choose(Grids(DE=400, SE=30))
        assert task == site["task_id"] == "at_se"
        assert site["sentence"].startswith("Going to SE, cleanest of 2 sites: mean 30 gCO2eq/kWh over 2 h from now")
        assert site["decision"]["zone"] == "SE"
        assert choose(Grids(DE=20, SE=30))[0] == "at_de"

    def test_a_mapping_names_tasks_and_zones_at_once(self, choose: Any):
        """Two sites of one zone are one question, and the first of them is the choice."""
        grids = Grids(DE=400, SE=30)
        zones = {"frankfurt": "EU-DE", "stockholm": "SE", "gothenburg": "SE"}
        task, site = choose(Grids(**{"EU-DE": 400, "SE": 30}), zones=zones, task_ids=None)
        assert task == "stockholm"
        assert [one["task_id"] for one in site["sites"]] == list(zones)
        assert grids.calls == 0

    def test_one_site_without_data_does_not_stop_the_other(self, choose: Any):
        """Its reason is told; without any data the first site is chosen."""
        down = UnavailableError("Down.")
        assert choose(Grids(DE=down, SE=30))[0] == "at_se"
        task, site = choose(Grids(DE=down, SE=down))
        assert task == "at_de"
        assert "nothing is known of any grid" in site["sentence"]

    def test_a_run_can_switch_it_off(self, choose: Any):
        """Then the first site it is, and nobody is asked."""
        grids = Grids(DE=400, SE=30)
        assert choose(grids, conf={"carbon_aware": False}) == ("at_de", {})
        assert grids.calls == 0

    def test_the_best_start_of_each_site_counts(self, choose: Any):
        """With a longest wait, of the task or of the run; templates come as text."""
        for more, conf in (({"max_delay": "12h", "duration": "90min"}, None), ({}, {"carbon_max_delay": "12h"})):
            _, site = choose(Grids(DE=400, SE=30), conf=conf, **more)
            assert site["decision"]["deadline"] == "2026-03-03T06:00:00Z"
        with pytest.raises(AirflowFailException, match="duration"):
            choose(Grids(DE=1, SE=1), duration="soon")


class TestArguments:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ({"zones": "DE"}, "a list such as"),
            ({"task_ids": None}, "Name the tasks once"),
            ({"zones": {"a": "DE", "b": "SE"}}, "Name the tasks once"),
            ({"task_ids": ["one"]}, "2 zones and 1 task_ids"),
            ({"zones": ["DE"], "task_ids": ["a"]}, "at least two"),
        ],
    )
    def test_what_cannot_work_is_refused_when_the_dag_is_read(self, arguments: dict[str, Any], said: str):
        """With what to write instead."""
        with pytest.raises(ValueError, match=said):
            operator(**arguments)

    def test_a_typing_error_is_found_when_the_dag_is_read(self):
        """A template is not."""
        with pytest.raises(UnknownZoneError, match="Did you mean SE-SE3"):
            operator(zones=["DE", "SE-SE33"])
        assert (
            operator(zones=["DE", "{{ params.zone }}"], duration=timedelta(hours=1)).zones[1] == "{{ params.zone }}"
        )
