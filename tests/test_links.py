from __future__ import annotations

from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest

from airflow_provider_hypercarbon.links import CarbonPlanLink, CarbonReportLink, ExportJobLink
from airflow_provider_hypercarbon.operators.carbon_report import CarbonReportOperator
from airflow_provider_hypercarbon.operators.vm_export import VMExportOperator
from airflow_provider_hypercarbon.sensors.carbon_intensity import CarbonIntensitySensor

TI = SimpleNamespace(dag_id="backup", run_id="manual__2026-11-23T10:00:00+00:00", task_id="wait", map_index=None)


class TestLinks:
    @pytest.mark.parametrize(
        ("operator", "link", "view"),
        [
            (CarbonIntensitySensor, CarbonPlanLink, "run"),
            (VMExportOperator, ExportJobLink, "overview"),
            (CarbonReportOperator, CarbonReportLink, "ledger"),
        ],
    )
    def test_each_task_leads_to_its_place(self, operator: type, link: type, view: str):
        """Sensor to plan, export to job, report to row; the plus of a run id survives the query."""
        (made,) = operator.operator_extra_links
        assert isinstance(made, link)
        url = urlsplit(made.get_link(None, ti_key=TI))
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        assert url.path.endswith("/plugin/hypercarbon/hypercarbon/page")
        assert query == {
            "view": view,
            "dag_id": "backup",
            "run_id": TI.run_id,
            "task_id": "wait",
            "map_index": "-1",
        }

    def test_below_a_sub_path(self, monkeypatch: pytest.MonkeyPatch):
        """The address begins with Airflow's own base."""
        monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com/prod/")
        url = CarbonPlanLink().get_link(None, ti_key=TI)
        assert url.startswith("https://airflow.example.com/prod/plugin/hypercarbon/")
