"""Sum up what many runs emitted, into files for people and machines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, timezone

from airflow_provider_hypercarbon.exceptions import ConfigurationError, HyperCarbonError
from airflow_provider_hypercarbon.rendered import given
from airflow_provider_hypercarbon.task_failure import task_failure

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_hypercarbon.carbon.summary import Summary


class CarbonSummaryOperator(BaseOperator):
    """
    Sum the results table up for a month: energy, emissions with their range, difference to the scheduled starts.

    Put it into a monthly DAG that runs some days into the next month, when a source's values have become final. It
    writes a file for each output and pushes the totals as its XCom; the rows are in the files. A retry writes the
    same files again, whole or not at all.

    :param outputs: files to write, by their ends: ``.html``, ``.pdf``, ``.csv``, ``.json``, ``.parquet``; on the
        worker, or on an object store that Airflow knows, such as ``s3://conn_id@bucket/summary.pdf``. (templated)
    :param by: what the rows are told apart by: one or more of ``month``, ``vm``, ``dag``, ``zone``. (templated)
    :param month: such as ``2026-10``; else the month before the one that the DAG run is of, in UTC. (templated)
    :param zone: only runs in this zone. (templated)
    :param dag_id_summarised: only runs of this DAG. (templated)
    :param vm_path: only runs over this VM. (templated)
    :param results_conn_id: Airflow connection of the database that keeps the results table. (templated)
    """

    template_fields: Sequence[str] = (
        "outputs",
        "by",
        "month",
        "zone",
        "dag_id_summarised",
        "vm_path",
        "results_conn_id",
    )
    ui_color = "#9fd6a4"

    def __init__(
        self,
        *,
        outputs: Sequence[str] | str = (),
        by: Sequence[str] | str = ("zone",),
        month: str | None = None,
        zone: str | None = None,
        dag_id_summarised: str | None = None,
        vm_path: str | None = None,
        results_conn_id: str = "hypercarbon_results",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.outputs = outputs
        self.by = by
        self.month = month
        self.zone = zone
        self.dag_id_summarised = dag_id_summarised
        self.vm_path = vm_path
        self.results_conn_id = results_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        try:
            return self._summarise(context)
        except HyperCarbonError as error:
            raise task_failure(error) from error

    def _summarise(self, context: Context) -> dict[str, Any]:
        from airflow_provider_hypercarbon.summaries import kind_of, render

        outputs = {path: kind_of(path) for path in _several(self.outputs)}
        summary = self._summary(context)
        for path, kind in outputs.items():
            _write(path, render(summary, kind))
            self.log.info("Wrote %s.", path)
        self._tell(summary)
        plain = summary.model_dump(mode="json", exclude={"rows", "notes"})
        return {**plain, "groups": len(summary.rows), "outputs": list(outputs)}

    def _summary(self, context: Context) -> Summary:
        from airflow_provider_hypercarbon.carbon.zones import zone_key
        from airflow_provider_hypercarbon.hooks.results import open_results
        from airflow_provider_hypercarbon.report_store import ReportFilters
        from airflow_provider_hypercarbon.summaries import gather, month_span

        since, until = month_span(given(self.month) or "last", now=_of_the_run(context))
        zone = given(self.zone)
        filters = ReportFilters(
            zone=zone_key(zone) if zone else None,
            dag_id=given(self.dag_id_summarised),
            vm_path=given(self.vm_path),
            since=since,
            until=until,
        )
        with open_results(str(self.results_conn_id)) as database:
            return gather(database, _several(self.by), filters, now=timezone.utcnow())

    def _tell(self, summary: Summary) -> None:
        from airflow_provider_hypercarbon.summaries.words import summary_sentences

        for sentence in summary_sentences(summary):
            self.log.info(sentence)


def _of_the_run(context: Context) -> datetime:
    """Return when the run is of: its date, or when a run without one was started."""
    run = context["dag_run"]
    found: datetime = run.logical_date or run.run_after
    return found


def _several(value: Sequence[str] | str) -> list[str]:
    """Return the names in a list, or in a text with commas."""
    if isinstance(value, str):
        return [name for name in (part.strip() for part in value.split(",")) if name]
    return [str(name) for name in value]


def _write(path: str, content: bytes) -> None:
    from pathlib import Path

    from airflow_provider_hypercarbon.summaries import write_file

    if "://" not in path:
        write_file(Path(path), content)
        return
    from airflow.sdk import ObjectStoragePath

    try:
        ObjectStoragePath(path).write_bytes(content)
    except (OSError, ValueError, ImportError) as error:
        raise ConfigurationError(f"{path} cannot be written: {error}. Check its connection.") from error
