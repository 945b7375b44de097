"""What a DAG file with our three tasks costs to parse, over the same file with built-in operators.

A DAG processor forks for each file, with Airflow already imported; so does this: every measurement is the CPU time
of a forked child that parses one file. Prints the medians, and fails above the promised 50 ms.

    python benchmarks/parse_cost.py
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import os
import statistics
import struct
import sys
import tempfile
import time
from pathlib import Path

LIMIT_MS = 50.0
REPEATS = 15
HEADER = """
import pendulum
from airflow.sdk import DAG
{imports}
with DAG("parsed", schedule=None, start_date=pendulum.datetime(2026, 1, 1)) as dag:
{tasks}
"""
BUILT_IN = HEADER.format(
    imports="from airflow.providers.standard.operators.empty import EmptyOperator\n"
    "from airflow.providers.standard.sensors.date_time import DateTimeSensor",
    tasks="    wait = DateTimeSensor(task_id='wait', target_time='2026-01-01T00:00:00Z')\n"
    "    export = EmptyOperator(task_id='export')\n"
    "    report = EmptyOperator(task_id='report')\n"
    "    wait >> export >> report",
)
OURS = HEADER.format(
    imports="from airflow_provider_hypercarbon.operators.carbon_report import CarbonReportOperator\n"
    "from airflow_provider_hypercarbon.operators.vm_export import VMExportOperator\n"
    "from airflow_provider_hypercarbon.sensors.carbon_intensity import CarbonIntensitySensor",
    tasks="    wait = CarbonIntensitySensor(task_id='wait', zone='DE', max_delay='4h')\n"
    "    export = VMExportOperator(task_id='export', vm_path='/vm', output_dir='/out', decision=wait.output)\n"
    "    CarbonReportOperator(task_id='report', export=export.output, decision=wait.output)",
)


def parse(path: Path) -> None:
    """Import a DAG file the way Airflow does."""
    spec = importlib.util.spec_from_file_location("parsed_dag", path)
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


def cpu_ms_in_child(path: Path) -> float:
    """Parse in a forked child and return its CPU time in milliseconds."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        began = time.process_time()
        with contextlib.redirect_stdout(io.StringIO()):
            parse(path)
        os.write(writer, struct.pack("d", 1000 * (time.process_time() - began)))
        os._exit(0)
    os.waitpid(child, 0)
    value = struct.unpack("d", os.read(reader, 8))[0]
    os.close(reader)
    os.close(writer)
    return float(value)


def main() -> int:
    """Measure both files in turn and print the medians."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("AIRFLOW_HOME", folder)
        logging.disable(logging.WARNING)
        # What a DAG processor has already imported when it forks.
        import airflow.dag_processing.dagbag
        import airflow.sdk
        import airflow.sdk.definitions.dag
        import airflow.triggers.base  # noqa: F401

        files = {}
        for name, text in (("built_in", BUILT_IN), ("ours", OURS)):
            files[name] = Path(folder) / f"{name}.py"
            files[name].write_text(text)
        times: dict[str, list[float]] = {name: [] for name in files}
        for _ in range(REPEATS):
            for name, path in files.items():
                times[name].append(cpu_ms_in_child(path))
        median = {name: statistics.median(found) for name, found in times.items()}
    more = median["ours"] - median["built_in"]
    print(
        f"Parsing, CPU ms, median of {REPEATS}: built-in {median['built_in']:.1f}, ours {median['ours']:.1f}, "
        f"difference {more:.1f} (at most {LIMIT_MS:.0f})"
    )
    return 0 if more <= LIMIT_MS else 1


if __name__ == "__main__":
    sys.exit(main())
