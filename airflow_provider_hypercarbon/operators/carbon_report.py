"""Report what a run emitted, and keep the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, timezone

from airflow_provider_hypercarbon.exceptions import (
    AccessDeniedError,
    ConfigurationError,
    HyperCarbonError,
    NoDataError,
)
from airflow_provider_hypercarbon.links import CarbonReportLink
from airflow_provider_hypercarbon.operators.report_inputs import instant, number, optional_instant, own_id
from airflow_provider_hypercarbon.rendered import given, task_output
from airflow_provider_hypercarbon.task_failure import task_failure

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_hypercarbon.carbon.figures import GridData
    from airflow_provider_hypercarbon.carbon.intensity import IntensitySeries
    from airflow_provider_hypercarbon.carbon.lifetime import Retention
    from airflow_provider_hypercarbon.carbon.report import CarbonReport
    from airflow_provider_hypercarbon.hooks.carbon import CarbonHook
    from airflow_provider_hypercarbon.sources import CarbonSource


class CarbonReportOperator(BaseOperator):
    """
    Report what a finished run emitted, against what the same energy would have emitted at the scheduled start.

    Put it after an export: give it the export task's output and, for the difference, the sensor's decision. It asks
    for the intensities that were measured while the run went on, writes one row to the results table, and pushes the
    report as its XCom. A retry writes the same row again. When the source has no data the figures are null, with the
    reason beside them, and the task succeeds.

    :param export: output of the export task; explicit arguments win over it. (templated)
    :param started_at: start of the run, ISO 8601 with an offset. (templated)
    :param ended_at: end of the run, likewise. (templated)
    :param data_gb: exported data in GB (10^9 bytes). (templated)
    :param zone: zone key such as ``DE``; else the decision's, the export's, the connection's, or
        ``[hypercarbon] default_zone``. (templated)
    :param operation_id: what the report is about, one row each; else the export's job id, else an id made from DAG,
        run, task and map index. (templated)
    :param decision: output of the sensor; names the scheduled start, the latest one, and why the run started when it
        did. (templated)
    :param energy: how the energy is known, such as ``{"model": "instance", "vcpus": 4}`` or ``{"model": "measured",
        "kwh": 0.31, "by": "PDU A7"}``; a task's output will do. Else modelled by default. (templated)
    :param retention: how long the backup stays where, such as ``{"days": 30, "zone": "SE"}``: its energy and a
        projection of its emissions, kept apart from the run's. (templated)
    :param embodied: the run's share of making the machine, such as ``{"kgco2eq": 1300, "share": 0.0625, "by": "the
        maker's product footprint"}``. (templated)
    :param split_scopes: also ask the source for the other emission factors, to tell Scope 2 (direct) from Scope 3
        category 3 (upstream); one call more.
    :param marginal_conn_id: Airflow connection of a source of marginal intensities, such as WattTime: its
        consequential estimate stands in fields of its own, beside the footprint. (templated)
    :param carbon_conn_id: Airflow connection of type ``hypercarbon``. (templated)
    :param results_conn_id: Airflow connection of the database that keeps the results table: sqlite, postgres or
        mysql; None for the XCom only. (templated)
    """

    template_fields: Sequence[str] = (
        "export",
        "started_at",
        "ended_at",
        "data_gb",
        "zone",
        "operation_id",
        "decision",
        "energy",
        "retention",
        "embodied",
        "marginal_conn_id",
        "carbon_conn_id",
        "results_conn_id",
    )
    template_fields_renderers = dict.fromkeys(("export", "decision", "energy", "retention", "embodied"), "json")
    operator_extra_links = (CarbonReportLink(),)
    ui_color = "#9fd6a4"

    def __init__(
        self,
        *,
        export: dict[str, Any] | str | None = None,
        started_at: datetime | str | None = None,
        ended_at: datetime | str | None = None,
        data_gb: float | str | None = None,
        zone: str | None = None,
        operation_id: str | None = None,
        decision: dict[str, Any] | str | None = None,
        energy: dict[str, Any] | str | None = None,
        retention: dict[str, Any] | str | None = None,
        embodied: dict[str, Any] | str | None = None,
        split_scopes: bool = False,
        marginal_conn_id: str | None = None,
        carbon_conn_id: str = "hypercarbon_default",
        results_conn_id: str | None = "hypercarbon_results",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.export = export
        self.started_at = started_at
        self.ended_at = ended_at
        self.data_gb = data_gb
        self.zone = zone
        self.operation_id = operation_id
        self.decision = decision
        self.energy = energy
        self.retention = retention
        self.embodied = embodied
        self.split_scopes = split_scopes
        self.marginal_conn_id = marginal_conn_id
        self.carbon_conn_id = carbon_conn_id
        self.results_conn_id = results_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        try:
            export, decision = task_output("export", self.export), task_output("decision", self.decision)
            report = self._report(export, decision, context)
            self._tell(report)
            if given(self.results_conn_id):
                self._save(report, export, context)
        except HyperCarbonError as error:
            raise task_failure(error) from error
        return _plain(report)

    @property
    def hook(self) -> CarbonHook:
        from airflow_provider_hypercarbon.hooks.carbon import CarbonHook

        return CarbonHook(self.carbon_conn_id)

    @property
    def marginal_hook(self) -> CarbonHook | None:
        from airflow_provider_hypercarbon.hooks.carbon import CarbonHook

        conn_id = given(self.marginal_conn_id)
        return CarbonHook(conn_id) if conn_id else None

    def _report(self, export: dict[str, Any], decision: dict[str, Any], context: Context) -> CarbonReport:
        from airflow_provider_hypercarbon.carbon.footprint import history_needed, make_report
        from airflow_provider_hypercarbon.carbon.zones import zone_key

        hook = self.hook
        started_at = instant("started_at", given(self.started_at, export.get("started_at")))
        ended_at = instant("ended_at", given(self.ended_at, export.get("ended_at")))
        scheduled_at, latest_start_at = (optional_instant(name, decision) for name in ("ready_at", "deadline"))
        zone = given(self.zone, decision.get("zone"), export.get("zone")) or hook.default_zone
        with self._saying_what_is_wrong():
            energy = self._energy()
            needed = history_needed(started_at, ended_at, scheduled_at, latest_start_at)
            data, missing = self._grid(hook, zone, needed, ended_at, energy.get("retention"))
            return make_report(
                operation_id=str(given(self.operation_id, export.get("job_id")) or own_id(context)),
                zone=zone_key(zone),
                started_at=started_at,
                ended_at=ended_at,
                data_gb=number("data_gb", given(self.data_gb, export.get("data_gb"))),
                scheduled_at=scheduled_at,
                latest_start_at=latest_start_at,
                start_reason=decision.get("reason"),
                synthetic=decision.get("synthetic") or export.get("synthetic"),
                missing=missing,
                series=data.series,
                counterpart=data.counterpart,
                marginal=data.marginal,
                retention_series=data.retention,
                **energy,
            )

    def _energy(self) -> dict[str, Any]:
        """Return what the arguments say about energy, disks and machine, for ``make_report``."""
        from airflow_provider_hypercarbon.carbon.energy_measured import read_energy_model
        from airflow_provider_hypercarbon.carbon.lifetime import EmbodiedShare, Retention

        readers = (
            ("energy", "energy_model", read_energy_model),
            ("retention", "retention", Retention.model_validate),
            ("embodied", "embodied", EmbodiedShare.model_validate),
        )
        found: dict[str, Any] = {}
        for name, argument, read in readers:
            if value := task_output(name, getattr(self, name)):
                found[argument] = read(value)
        return found

    def _grid(
        self,
        hook: CarbonHook,
        zone: str,
        needed: tuple[datetime, datetime],
        ended_at: datetime,
        retention: Retention | None,
    ) -> tuple[GridData, tuple[str, ...]]:
        """Ask for the intensities; of the run's own, say why there are none."""
        from airflow_provider_hypercarbon.carbon.figures import GridData, retention_history_needed

        source = hook.get_conn()
        series, why = _history(source, zone, needed)
        other = hook.counterpart if self.split_scopes else None
        marginal = self.marginal_hook
        day = retention_history_needed(ended_at)
        data = GridData(
            series=series,
            counterpart=_history(other, zone, needed)[0] if other else None,
            marginal=_history(marginal.get_conn(), zone, needed)[0] if marginal else None,
            retention=_history(source, retention.zone or zone, day)[0] if retention else None,
        )
        return data, () if why is None else (f"No intensity for the time of the run: {why}",)

    @contextmanager
    def _saying_what_is_wrong(self) -> Iterator[None]:
        from pydantic import ValidationError

        from airflow_provider_hypercarbon.carbon.policy import what_is_wrong

        try:
            yield
        except ValueError as error:
            why = what_is_wrong(error) if isinstance(error, ValidationError) else error
            raise ConfigurationError(f"Task {self.task_id} cannot report. {why}") from None

    def _tell(self, report: CarbonReport) -> None:
        from airflow_provider_hypercarbon.carbon.report_words import report_sentence

        self.log.info(report_sentence(report))
        for sentence in report.missing:
            self.log.warning(sentence)

    def _save(self, report: CarbonReport, export: dict[str, Any], context: Context) -> None:
        from airflow_provider_hypercarbon.hooks.results import open_results
        from airflow_provider_hypercarbon.metrics import count_report
        from airflow_provider_hypercarbon.report_store import CarbonReportStore, RunContext

        run = RunContext.of_task(context["ti"], vm_path=export.get("vm_path"))
        with open_results(str(self.results_conn_id)) as database:
            saved = CarbonReportStore(database).save(report, run, now=timezone.utcnow())
        # In the log of the task, out of the database's reach: what an auditor compares the ledger with.
        what = f"Saved as revision {saved.revision} ({saved.why})" if saved.is_new else "The report is saved already"
        self.log.info("%s, ledger %s:%s.", what, saved.position, saved.hash)
        if saved.revision == 1 and saved.is_new:  # a retry, and a revision of what was counted, add nothing
            count_report(report)


def _plain(report: CarbonReport) -> dict[str, Any]:
    from airflow_provider_hypercarbon.carbon.report_json import report_json

    return report_json(report)


def _history(
    source: CarbonSource, zone: str, needed: tuple[datetime, datetime]
) -> tuple[IntensitySeries | None, HyperCarbonError | None]:
    """Return what a source has, or why it has nothing. What may pass is left to a retry."""
    try:
        return source.history(zone, *needed, now=timezone.utcnow()), None
    except (NoDataError, AccessDeniedError) as error:
        return None, error
