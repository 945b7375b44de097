"""How the results tables fare with ten million reports: what a save costs, and what a monthly summary does.

    HYPERCARBON_TEST_POSTGRES=postgresql+psycopg://... python benchmarks/ledger.py --rows 10000000

It makes a database of its own on that server, fills it with reports of 5,000 VMs, one a night each, chained as the
store chains them, measures, and drops the database, or keeps it to be measured again (``--keep NAME``). The filling
goes past the store, by COPY, because ten million saves would take a day; what is measured goes through it. Exit code
1 when a bound is missed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Barrier
from random import Random
from statistics import median, quantiles
from typing import Any

import sqlalchemy as sa

from airflow_provider_hypercarbon.carbon.footprint import CarbonReport, make_report
from airflow_provider_hypercarbon.carbon.intensity import IntensitySeries, Slot
from airflow_provider_hypercarbon.report_store import CarbonReportStore, ReportFilters, RunContext, verify
from airflow_provider_hypercarbon.report_store.columns import instant_text
from airflow_provider_hypercarbon.report_store.ledger import canonical, chained
from airflow_provider_hypercarbon.report_store.recount import count_sums_anew
from airflow_provider_hypercarbon.report_store.row import columns_of, to_content
from airflow_provider_hypercarbon.report_store.sum_tables import SUMMED
from airflow_provider_hypercarbon.report_store.table import NO_HASH, ledger, ledger_head, reports

VMS, DAGS, ZONES = 5_000, 50, ("DE", "FR", "GB", "US-CAL-CISO", "SE", "PL")
FIRST = datetime(2021, 1, 1, tzinfo=UTC)
SUMMARY_SECONDS, INSERTION_MILLISECONDS = 5.0, 5.0
WRITERS = 16
#: The first saves of a process open its connection, compile and prepare the statements.
WARM_UP = 6
_FIGURES = ("energy_kwh", "emissions_kgco2eq", "difference_to_scheduled_kgco2eq", "data_gb")
_WORDS = ("operation_id", "dag_id", "run_id", "vm_path", "zone", "started_at", "ended_at")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--saves", type=int, default=50, help="of each of the writers (default: 50)")
    parser.add_argument("--verify", action="store_true", help="also read the whole ledger and check it")
    parser.add_argument("--keep", metavar="NAME", help="fill the database NAME, or take it as it was left")
    options = parser.parse_args()
    server = os.environ.get("HYPERCARBON_TEST_POSTGRES")
    if not server:
        print("HYPERCARBON_TEST_POSTGRES names no server; .ci/databases.sh starts one.", file=sys.stderr)
        return 2
    for url, is_new in own_database(sa.make_url(server), options.keep):
        if is_new:
            began = time.perf_counter()
            fill(url, options.rows)
            print(f"{options.rows:,} reports of {VMS:,} VMs, filled in {time.perf_counter() - began:.0f} s")
        kept = measure_saves(url, options.saves)
        kept = measure_reads(url) and kept
        if options.verify:
            began = time.perf_counter()
            engine = sa.create_engine(url)
            verdict = verify(CarbonReportStore(engine).database)
            engine.dispose()
            print(f"verify: {verdict.broken or 'whole'}, {time.perf_counter() - began:.1f} s")
            kept = kept and verdict.broken is None
    return 0 if kept else 1


def own_database(server: sa.URL, keep: str | None = None) -> Iterator[tuple[str, bool]]:
    """Yield the URL of a database, and whether it was made just now; drop it unless it is to be kept."""
    name = keep or f"hypercarbon_benchmark_{uuid.uuid4().hex[:8]}"
    owner = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        found = connection.exec_driver_sql(f"SELECT 1 FROM pg_database WHERE datname = '{name}'").first()
        if not found:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        try:
            yield server.set(database=name).render_as_string(hide_password=False), not found
        finally:
            if not keep:
                connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    owner.dispose()


def a_report(number: int, draw: Random) -> tuple[CarbonReport, RunContext]:
    """One backup of one of the VMs, as an operator would report it."""
    night, vm = divmod(number, VMS)
    start = FIRST + timedelta(days=night, seconds=vm * 6)
    zone = ZONES[vm % len(ZONES)]
    slots = tuple(
        Slot(start.replace(minute=0, second=0) + timedelta(hours=n), draw.uniform(20, 700)) for n in range(6)
    )
    report = make_report(
        operation_id=f"backup-{number:09}",
        zone=zone,
        started_at=start,
        ended_at=start + timedelta(hours=2),
        scheduled_at=start - timedelta(minutes=1),
        series=IntensitySeries(zone=zone, source="electricity_maps", slots=slots),
        data_gb=draw.uniform(10, 2000),
        start_reason="cleanest",
    )
    context = RunContext(
        dag_id=f"backup_{vm % DAGS}", run_id=f"scheduled__{night}", task_id="report", vm_path=f"/DC/vm/vm-{vm:05}"
    )
    return report.model_copy(update={"intensities": None, "energy_components": ()}), context


def fill(url: str, count: int) -> None:
    """Write reports, ledger and sums by COPY, chained as the store does it."""
    engine = sa.create_engine(url)
    store = CarbonReportStore(engine)
    store.database.ensure()
    indexes = [index for index in reports.indexes if index.name]
    with engine.begin() as connection:
        for index in indexes:
            index.drop(connection)
    draw = Random(7)
    entry, row = templates(draw)
    last = NO_HASH
    source = engine.raw_connection()
    cursors = [source.cursor(), sa.create_engine(url).raw_connection()]
    names = ("position", "operation_id", "revision", "why", "saved_at", "document", "prev_hash", "hash")
    other = cursors[1].cursor()
    with (
        cursors[0].copy(f"COPY {ledger.name} ({', '.join(names)}) FROM STDIN") as into_ledger,
        other.copy(f"COPY {reports.name} ({', '.join(row[0])}) FROM STDIN") as into_reports,
    ):
        for number in range(count):
            values = figures(number, draw)
            document = entry % values
            position, prev, last = number + 1, last, chained(last, document)
            where = f"{position}\t{values['operation_id']}\t1\tfirst_report\t{values['ended_at']}"
            into_ledger.write(f"{where}\t{document}\t{prev}\t{last}\n")
            into_reports.write(row[1] % {**values, "position": position})
    source.commit()
    cursors[1].commit()
    with engine.begin() as connection:
        connection.execute(ledger_head.update().values(position=count, hash=last))
        for index in indexes:
            index.create(connection)
        count_sums_anew(connection)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
    source.close()
    cursors[1].close()
    engine.dispose()


def templates(draw: Random) -> tuple[str, tuple[list[str], str]]:
    """Return a ledger document and a line of the reports with gaps, made from a real report."""
    report, context = a_report(0, draw)
    content = to_content(report, context)
    content["report"]["provisional"] = False
    for part in content.values():
        part |= {name: f"@{name}@" for name in (*_FIGURES, *_WORDS) if name in part}
    entry = {"operation_id": "@operation_id@", "revision": 1, "why": "first_report", "saved_at": "@ended_at@"}
    columns = columns_of(
        {**content["report"], "started_at": instant_text(FIRST), "ended_at": instant_text(FIRST)},
        content["context"],
        "@ended_at@",
    )
    columns |= {
        "started_at": "@started_at@",
        "ended_at": "@ended_at@",
        "ledger_position": "@position@",
        "revision": 1,
    }
    line = "\t".join("\\N" if value is None else str(value) for value in columns.values()) + "\n"
    return with_gaps(canonical({**content, **entry})), (list(columns), with_gaps(line))


def with_gaps(text: str) -> str:
    text = text.replace("%", "%%")
    for name in (*_FIGURES, "position"):
        text = text.replace(f'"@{name}@"', f"%({name})r").replace(f"@{name}@", f"%({name})r")
    for name in _WORDS:
        text = text.replace(f"@{name}@", f"%({name})s")
    return text


def figures(number: int, draw: Random) -> dict[str, Any]:
    night, vm = divmod(number, VMS)
    start = FIRST + timedelta(days=night, seconds=vm * 6)
    return {
        "operation_id": f"backup-{number:09}",
        "dag_id": f"backup_{vm % DAGS}",
        "run_id": f"scheduled__{night}",
        "vm_path": f"/DC/vm/vm-{vm:05}",
        "zone": ZONES[vm % len(ZONES)],
        "started_at": instant_text(start),
        "ended_at": instant_text(start + timedelta(hours=2)),
        "energy_kwh": draw.uniform(0.01, 2),
        "emissions_kgco2eq": draw.uniform(0.001, 1),
        "difference_to_scheduled_kgco2eq": draw.uniform(-0.1, 0.05),
        "data_gb": draw.uniform(10, 2000),
    }


def measure_saves(url: str, saves: int) -> bool:
    """Save new reports, alone and from sixteen processes at once, each with its connection open."""
    alone = timed_saves(url, "alone", 4 * saves)
    fork = multiprocessing.get_context("fork")
    start = fork.Barrier(WRITERS + 1, timeout=600)
    writers = [fork.Process(target=timed_saves, args=(url, f"writer-{n}", saves, start)) for n in range(WRITERS)]
    for writer in writers:
        writer.start()
    start.wait()
    began = time.perf_counter()
    start.wait()
    each = (time.perf_counter() - began) / (WRITERS * saves) * 1000
    for writer in writers:
        writer.join()
    tenth = quantiles(alone, n=10)[-1]
    print(f"save, one process: {median(alone):.2f} ms a row (median; nine of ten under {tenth:.2f} ms)")
    print(f"save, {WRITERS} processes at once: {each:.2f} ms a row")
    return judged("insertion", max(median(alone), each), INSERTION_MILLISECONDS, "ms a row")


def timed_saves(url: str, name: str, count: int, start: Barrier | None = None) -> list[float]:
    """Save reports that were made before, and return the milliseconds of each.

    :param start: where to wait for the others, before the first save and after the last.
    """
    engine = sa.create_engine(url)
    store = CarbonReportStore(engine)
    store.database.ensure()
    draw = Random(name)
    made = [a_report(n, draw) for n in range(count + WARM_UP)]
    found = []
    for n, (report, context) in enumerate(made):
        if n == WARM_UP and start:
            start.wait()
        report = report.model_copy(update={"operation_id": f"{name}-{n}-{uuid.uuid4().hex[:6]}"})
        began = time.perf_counter()
        store.save(report, context, now=datetime.now(UTC))
        found.append((time.perf_counter() - began) * 1000)
    if start:
        start.wait()
    engine.dispose()
    return found[WARM_UP:]


def measure_reads(url: str) -> bool:
    """Ask what pages and summaries ask."""
    engine = sa.create_engine(url)
    store = CarbonReportStore(engine)
    month = ReportFilters(since=FIRST, until=datetime(2021, 2, 1, tzinfo=UTC))
    days = ReportFilters(since=FIRST + timedelta(days=3), until=FIRST + timedelta(days=10))
    middle = store.page(ReportFilters(dag_id="backup_7"), limit=50).next
    summaries: dict[str, Callable[[], object]] = {
        "all time, by month": lambda: store.sums(("month",)),
        "all time, by month and zone": lambda: store.sums(("month", "zone")),
        "all time, by VM": lambda: store.sums(("vm_path",)),
        "one month, by VM": lambda: store.sums(("vm_path",), month),
        "seven days, by VM (from the rows)": lambda: store.sums(("vm_path",), days),
    }
    pages: dict[str, Callable[[], object]] = {
        "newest 50": lambda: store.page(limit=50),
        "newest 50 of a DAG": lambda: store.page(ReportFilters(dag_id="backup_7"), limit=50),
        "next 50 of a DAG": lambda: store.page(ReportFilters(dag_id="backup_7"), after=middle, limit=50),
        "newest 50 of a VM": lambda: store.page(ReportFilters(vm_path="/DC/vm/vm-00042"), limit=50),
        "newest 50 that may change": lambda: store.page(ReportFilters(provisional=True), limit=50),
    }
    worst = 0.0
    for name, ask in {**summaries, **pages}.items():
        seconds = min(timed(ask) for _ in range(3))
        worst = max(worst, seconds if name in summaries else 0)
        print(f"{name}: {seconds * 1000:,.1f} ms")
    whole, parts = store.sums(), store.sums(("month", "zone"))
    same = all(sum(p.totals[n].billionths for p in parts) == whole[0].totals[n].billionths for n in SUMMED)
    print(f"parts sum to the whole, to the last digit: {'yes' if same else 'NO'}")
    engine.dispose()
    return judged("slowest summary", worst, SUMMARY_SECONDS, "s") and same


def timed(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    ask()
    return time.perf_counter() - began


def judged(what: str, found: float, bound: float, unit: str) -> bool:
    print(f"{what}: {found:.2f} {unit}, bound {bound:g}: {'kept' if found < bound else 'MISSED'}")
    return found < bound


if __name__ == "__main__":
    sys.exit(main())
