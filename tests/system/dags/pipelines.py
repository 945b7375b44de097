"""The example pipeline in both modes, and waits that go wrong, for a real scheduler."""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.exceptions import AirflowException
from airflow.sdk import DAG

from airflow_provider_hypercarbon.operators.carbon_report import CarbonReportOperator
from airflow_provider_hypercarbon.operators.export_sweep import ExportSweepOperator
from airflow_provider_hypercarbon.operators.vm_export import VMExportOperator
from airflow_provider_hypercarbon.sensors.carbon_intensity import CarbonIntensitySensor

COMMON: dict[str, Any] = {
    "schedule": None,
    "start_date": pendulum.datetime(2026, 1, 1, tz="UTC"),
    "max_active_runs": 8,
    # No retries: a trap of Airflow that costs a task must show.
    "default_args": {"retries": 0},
}


class ReportTwice(CarbonReportOperator):
    """Fails once after it has saved its report, as a worker does that dies at the wrong moment."""

    def execute(self, context: Any) -> Any:
        report = super().execute(context)
        if context["ti"].try_number == 1:
            raise AirflowException("Died after the report was saved.")
        return report


class FailsOnce(CarbonIntensitySensor):
    """Fails once after it has decided to hold, as a worker does that dies at the wrong moment."""

    def poke(self, context: Any) -> Any:
        found = super().poke(context)
        if context["ti"].try_number == 1:
            raise AirflowException("Died after the decision.")
        return found


def pipeline(dag_id: str, *, deferrable: bool, report: type[CarbonReportOperator] = CarbonReportOperator) -> DAG:
    params = {"output_dir": "/exports", "zone": "DE", "max_delay": "80s", "duration": "20s"}
    with DAG(dag_id, params=params, **COMMON) as dag:
        wait = CarbonIntensitySensor(
            task_id="wait",
            zone="{{ params.zone }}",
            max_delay="{{ params.max_delay }}",
            duration="{{ params.duration }}",
            deferrable=deferrable,
        )
        export = VMExportOperator(
            task_id="export",
            vm_path="/DC0/vm/web-frontend",
            output_dir="{{ params.output_dir }}/{{ run_id | replace(':', '-') }}",
            decision=wait.output,
            deferrable=deferrable,
            poll_interval=5,
        )
        report(
            task_id="report",
            export=export.output,
            decision=wait.output,
            retries=1,
            retry_delay=pendulum.duration(seconds=15),
        )
    return dag


def held(dag_id: str, *, deferrable: bool, **sensor: Any) -> DAG:
    with DAG(dag_id, params={"max_delay": "75s"}, **COMMON) as dag:
        CarbonIntensitySensor(
            task_id="wait", max_delay="{{ params.max_delay }}", deferrable=deferrable, **{"zone": "DE", **sensor}
        )
    return dag


def exported(dag_id: str, *, deferrable: bool, method: str) -> DAG:
    with DAG(dag_id, params={"output_dir": "/exports"}, **COMMON) as dag:
        VMExportOperator(
            task_id="export",
            vm_path="/DC0/vm/web-frontend",
            output_dir="{{ params.output_dir }}",
            export_method=method,
            deferrable=deferrable,
            poll_interval=2,
        )
    return dag


with DAG("sweep", **COMMON) as sweep:
    ExportSweepOperator(task_id="sweep")

exported_on_a_worker = exported("exported_on_a_worker", deferrable=False, method="web")
exported_deferred = exported("exported_deferred", deferrable=True, method="ovftool")
in_reschedule_mode = pipeline("in_reschedule_mode", deferrable=False)
in_deferrable_mode = pipeline("in_deferrable_mode", deferrable=True)
reported_twice = pipeline("reported_twice", deferrable=False, report=ReportTwice)
DIRTY = {"strategy": "threshold", "max_intensity": 1}
dirty_rescheduled = held("dirty_rescheduled", deferrable=False, **DIRTY)
dirty_deferred = held("dirty_deferred", deferrable=True, **DIRTY)
with DAG("fails_then_retries", **COMMON) as fails_then_retries:
    FailsOnce(
        task_id="wait", zone="DE", max_delay="4h", retries=1, retry_delay=pendulum.duration(seconds=20), **DIRTY
    )


def many(dag_id: str, *, deferrable: bool) -> DAG:
    """Sixteen waits over two zones that ask a provider, and not the mock."""
    with DAG(dag_id, params={"max_delay": "60s"}, **COMMON) as dag:
        CarbonIntensitySensor.partial(
            task_id="wait",
            max_delay="{{ params.max_delay }}",
            carbon_conn_id="hypercarbon_provider",
            deferrable=deferrable,
            **DIRTY,
        ).expand(zone=["DE", "FR"] * 8)
    return dag


many_rescheduled = many("many_rescheduled", deferrable=False)
many_deferred = many("many_deferred", deferrable=True)
