from __future__ import annotations

import json
import re
from pathlib import Path

from airflow_provider_hypercarbon import metrics

DASHBOARD = json.loads((Path(__file__).resolve().parent.parent / "grafana" / "hypercarbon.json").read_text())


class TestDashboard:
    def test_it_asks_for_counters_that_exist(self):
        """Every name in a query is one that the package counts, and every counter is shown."""
        queries = " ".join(target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"])
        asked = set(re.findall(r"airflow_hypercarbon_(\w+?)\(_total\)", queries))
        counted = set(re.findall(r"``(\w+)``", metrics.__doc__ or ""))
        assert asked <= counted
        assert counted - asked == {"reports"}

    def test_it_names_no_installation(self):
        """The data source is chosen by whoever imports it."""
        assert {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]} == {"${source}"}
