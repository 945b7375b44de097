"""How long the page takes over a large ledger on PostgreSQL: its view of the ledger as a whole, and each question.

    source .ci/databases.sh; start_databases
    python benchmarks/page_queries.py [--rows 1000000]

Rows lie over three years, on 200 DAGs and 2,000 VMs, in a database of its own. Each route is asked once, then five
times; the worst of the five is printed beside the median.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import sys
import tempfile
import time
import uuid
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="hypercarbon-bench-"))
BOUND_SECONDS = 0.3
NOW = datetime(2026, 11, 23, 18, tzinfo=UTC)
YEARS_SECONDS = 3 * 365 * 86400


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    server = os.environ.get("HYPERCARBON_TEST_POSTGRES")
    if not server:
        print("HYPERCARBON_TEST_POSTGRES names no server; .ci/databases.sh starts one.")
        return 2
    url, name = sa.make_url(server), f"hypercarbon_bench_{uuid.uuid4().hex[:8]}"
    owner = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with owner.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine = sa.create_engine(url.set(database=name))
    try:
        began = time.monotonic()
        fill(engine, rows)
        print(f"{rows:,} reports written in {time.monotonic() - began:.0f} s")
        return ask(engine)
    finally:
        engine.dispose()
        with owner.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


def fill(engine: sa.Engine, rows: int) -> None:
    """Save one report as tasks do, and have the database copy it with other names, times and figures."""
    from airflow_provider_hypercarbon.carbon.footprint import make_report
    from airflow_provider_hypercarbon.carbon.intensity import IntensitySeries, Slot
    from airflow_provider_hypercarbon.report_store import CarbonReportStore, ResultsDatabase, RunContext
    from airflow_provider_hypercarbon.report_store.recount import count_sums_anew
    from airflow_provider_hypercarbon.report_store.sum_tables import KEPT
    from airflow_provider_hypercarbon.report_store.table import ledger, reports

    start = NOW - timedelta(seconds=YEARS_SECONDS)
    slots = tuple(Slot(start + timedelta(hours=i), 300.0 + 10 * i, estimated=False) for i in range(8))
    report = make_report(
        operation_id="first",
        zone="DE",
        started_at=start + timedelta(hours=3),
        ended_at=start + timedelta(hours=5),
        series=IntensitySeries(zone="DE", source="electricity_maps", slots=slots),
        data_gb=500,
        scheduled_at=start,
        start_reason="cleanest",
    )
    context = RunContext(dag_id="dag-0", run_id="run", task_id="report", vm_path="/vm/0")
    CarbonReportStore(ResultsDatabase(engine)).save(report, context, now=NOW)
    moment = f"to_char(timestamp '2023-11-24 18:00' + (n * {YEARS_SECONDS}.0 / {rows}) * interval '1 second'"
    text = '\'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"\')'
    factor = "(0.5 + (n::bigint * 7919 %% 1000) / 1000.0)".replace("%%", "%")
    new = {
        "operation_id": "'job-' || n",
        "ledger_position": "n + 1",
        "position": "n + 1",
        "dag_id": "'dag-' || (n % 200)",
        "run_id": "'run-' || (n / 200)",
        "vm_path": "'/DC0/vm/' || (n % 2000)",
        "zone": "(ARRAY['DE','GB','SE','FR'])[1 + n % 4]",
        "start_reason": "(ARRAY['cleanest','deadline','no_better_start'])[1 + n % 3]",
        "started_at": f"{moment}, {text}",
        "ended_at": f"{moment} + interval '2 hours', {text}",
        "scheduled_at": f"{moment} - interval '3 hours', {text}",
        "hash": "md5(n::text) || md5((n + 1)::text)",
        **{name: f"t.{name} * {factor}" for name in ("emissions_kgco2eq", "difference_to_scheduled_kgco2eq")},
    }
    with engine.begin() as connection:
        for table in (ledger, reports):
            names = [column.name for column in table.columns]
            values = ", ".join(new.get(column, f"t.{column}") for column in names)
            series = f"generate_series(1, {rows - 1}) n, (SELECT * FROM {table.name} LIMIT 1) t"
            connection.exec_driver_sql(
                f"INSERT INTO {table.name} ({', '.join(names)}) SELECT {values} FROM {series}".replace("%", "%%")
            )
        count_sums_anew(connection)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in (ledger, reports, *(kept.table for kept in KEPT)):
            connection.exec_driver_sql(f"VACUUM ANALYZE {table.name}")


def ask(engine: sa.Engine) -> int:
    """Ask every question of the page through the application; return 1 when one takes too long."""
    from fastapi.testclient import TestClient

    from airflow_provider_hypercarbon.plugin import backends, guard
    from airflow_provider_hypercarbon.plugin.app import create_app
    from airflow_provider_hypercarbon.plugin.page import reader
    from airflow_provider_hypercarbon.report_store import ResultsDatabase

    database = ResultsDatabase(engine)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    app = create_app()
    # The guard asks Airflow, which is not what is measured here.
    app.user_middleware.clear()
    every, some = guard.DagAccess(None), guard.DagAccess(frozenset(f"dag-{n}" for n in range(100)))
    app.dependency_overrides[backends.results_database] = lambda: database
    app.dependency_overrides[reader.backends] = lambda: reader.Backends(results=lambda: database)
    app.dependency_overrides[backends.present] = lambda: NOW
    client = TestClient(app, base_url="http://testserver/api/v1/")
    month = (NOW - timedelta(days=30)).isoformat().replace("+", "%2B")
    year = (NOW - timedelta(days=365)).isoformat().replace("+", "%2B")
    first = client_page(client, app, guard, every)
    view, day = "http://testserver/page?view=ledger&tz=Europe/Berlin", (NOW - timedelta(days=365)).date()
    questions = {
        "the view, 30 days": view,
        "the view, one DAG": f"{view}&dag_id=dag-7",
        "the view, a year": f"{view}&from={day}",
        "the view, most emitted": f"{view}&sort=-emitted",
        "ledger, first page": "reports?limit=50",
        "ledger, a page far on": f"reports?limit=50&cursor={first}",
        "a year, most emitted": f"reports?limit=50&sort=-emissions_kgco2eq&since={year}",
        "ledger of one DAG": "reports?limit=50&dag_id=dag-7",
        "ledger of one VM": "reports?limit=50&vm_path=/DC0/vm/7",
        "today's figures": f"reports/sums?since={(NOW - timedelta(days=1)).isoformat().replace('+', '%2B')}",
        "month by day": f"reports/sums?by=day&tz=Europe/Berlin&since={month}",
        "month by zone": f"reports/sums?by=zone&since={month}",
        "month by VM": f"reports/sums?by=vm&since={month}",
        "one DAG, a year by day": f"reports/sums?by=day&dag_id=dag-7&since={year}",
        "a year by day": f"reports/sums?by=day&since={year}",
        "a year by day, Berlin": f"reports/sums?by=day&tz=Europe/Berlin&since={year}",
        "a year by day, L. A.": f"reports/sums?by=day&tz=America/Los_Angeles&since={year}",
        "a year by day, Kolkata": f"reports/sums?by=day&tz=Asia/Kolkata&since={year}",
        "a year by zone": f"reports/sums?by=zone&since={year}",
        "a year by VM": f"reports/sums?by=vm&since={year}",
        "a year by DAG": f"reports/sums?by=dag&since={year}",
        "everything by zone": "reports/sums?by=zone",
        "everything by day": "reports/sums?by=day",
    }
    slow = 0
    for who, access in (("every DAG", every), ("100 DAGs", some)):
        app.dependency_overrides[guard.readable_dags] = lambda access=access: access
        for what, path in questions.items():
            took = []
            for _ in range(6):
                began = time.perf_counter()
                answer = client.get(path)
                took.append(time.perf_counter() - began)
                assert answer.status_code == 200, answer.text
            median, worst = statistics.median(took[1:]), max(took[1:])
            mark = "" if worst <= BOUND_SECONDS else "  above the bound"
            slow += worst > BOUND_SECONDS
            print(f"{who:9}  {what:24} {median * 1000:6.0f} ms, worst {worst * 1000:6.0f} ms{mark}")
    return int(slow > 0)


def client_page(client: object, app: object, guard: object, access: object) -> str:
    """Return a cursor some thousand reports behind the newest."""
    from airflow_provider_hypercarbon.report_store.places import Place

    return Place((NOW - timedelta(days=500)).isoformat(timespec="microseconds"), "job-1").encode()


if __name__ == "__main__":
    sys.exit(main())
