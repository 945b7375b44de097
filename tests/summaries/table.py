"""A results table with three months of two sites, for the tests of summaries."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_hypercarbon.carbon.energy_measured import read_energy_model
from airflow_provider_hypercarbon.carbon.footprint import make_report
from airflow_provider_hypercarbon.carbon.intensity import Signal
from airflow_provider_hypercarbon.carbon.lifetime import EmbodiedShare, Retention
from airflow_provider_hypercarbon.carbon.report import CarbonReport
from airflow_provider_hypercarbon.report_store import CarbonReportStore, ResultsDatabase, RunContext
from tests.carbon.grid import HOUR, series

BEGIN = datetime(2026, 8, 1, 20, tzinfo=UTC)
NOW = datetime(2026, 11, 5, 6, tzinfo=UTC)
VMS = ["/DC0/vm/db-prod", "/DC0/vm/web-frontend", "/DC0/vm/mail", "/DC1/vm/=SUM(A1)", "/DC1/vm/<b>erp</b>"]
ENERGY: list[dict[str, Any]] = [
    {"model": "default"},
    {"model": "instance", "vcpus": 8},
    {"model": "measured", "kwh": 0.4, "by": "PDU A7"},
]


def some_reports(days: int = 92, *, first_day: int = 0) -> list[tuple[CarbonReport, RunContext]]:
    """Return a report a VM and night from ``first_day`` of August on; one is made up."""
    draw = random.Random(11)
    found = []
    for day in range(days):
        for number, vm in enumerate(VMS):
            zone = "DE" if vm.startswith("/DC0") else "FR"
            level = {"DE": 380.0, "FR": 45.0}[zone]
            scheduled = BEGIN + timedelta(days=first_day + day)
            grid = series([level * draw.uniform(0.4, 1.3) for _ in range(24)], scheduled, zone=zone)
            direct = series([slot.gco2eq_per_kwh * 0.86 for slot in grid.slots], scheduled, zone=zone)
            started = scheduled + timedelta(minutes=draw.randint(0, 480))
            made = make_report(
                operation_id=f"{day:03}-{number}",
                zone=zone,
                started_at=started,
                ended_at=started + HOUR * draw.uniform(0.5, 4),
                scheduled_at=None if number == 4 else scheduled,
                latest_start_at=scheduled + 12 * HOUR,
                series=None if (day, number) == (3, 0) else grid,
                counterpart=direct.model_copy(update={"signal": Signal(factors="direct")}) if number != 1 else None,
                data_gb=None if (day, number) == (5, 1) else draw.uniform(20, 900),
                synthetic="mock" if (day, number) == (7, 2) else None,
                energy_model=read_energy_model(ENERGY[number % 3]),
                retention=Retention(days=30, zone="SE"),
                retention_series=series([25] * 48, started - 24 * HOUR, zone="SE"),
                embodied=EmbodiedShare(kgco2eq=1300, share=1 / 16, by="the maker") if zone == "FR" else None,
            )
            dag = "nightly" if zone == "DE" else "nightly-fr"
            context = RunContext(dag_id=dag, run_id=f"run-{day}", task_id="report", map_index=number, vm_path=vm)
            found.append((made, context))
    return found


def fill(database: ResultsDatabase, **more: Any) -> list[CarbonReport]:
    """Save them."""
    store, reports = CarbonReportStore(database), some_reports(**more)
    for report, context in reports:
        store.save(report, context, now=NOW)
    return [report for report, _ in reports]
