"""Delete old exports, never the last good one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, timezone

from airflow_provider_hypercarbon.exceptions import ConfigurationError, HyperCarbonError
from airflow_provider_hypercarbon.rendered import given
from airflow_provider_hypercarbon.task_failure import failure, task_failure

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_hypercarbon.hypersdk.retention import KeptExport


class ExportRetentionOperator(BaseOperator):
    """
    Keep the last exports of each VM, and delete the older ones.

    Put it after the exports, on a worker that mounts the daemon's output folder. An export is what
    ``VMExportOperator`` has verified: a folder with its manifest. Only one whose files still have the sizes of that
    manifest counts as good, and the last good one of a VM stays whatever the arguments say. A damaged export is never
    deleted, nor counted; the log names it. Anything without a manifest is left alone.

    The XCom tells ``kept``, ``removed`` (folder, VM, bytes, reason) and ``bytes_removed``.

    :param output_dir: folder of the exports, or of the runs that have one each. (templated)
    :param keep_last: good exports of each VM that stay, the youngest; at least 1. (templated)
    :param keep_for: keep every export that is younger than this, too. (templated; text such as ``30d``)
    :param vm_path: look after this VM only, as the exports name it; else after every VM found. (templated)
    :param results_conn_id: keep what has no report in this results database yet, so that no backup goes before its
        footprint is on record; None to not ask. (templated)
    :param only_tell: say what would go, and delete nothing.
    """

    template_fields: Sequence[str] = ("output_dir", "keep_last", "keep_for", "vm_path", "results_conn_id")
    ui_color = "#e8d3b9"

    def __init__(
        self,
        *,
        output_dir: str,
        keep_last: int | str,
        keep_for: timedelta | str | None = None,
        vm_path: str | None = None,
        results_conn_id: str | None = None,
        only_tell: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.output_dir = output_dir
        self.keep_last = keep_last
        self.keep_for = keep_for
        self.vm_path = vm_path
        self.results_conn_id = results_conn_id
        self.only_tell = only_tell

    def execute(self, context: Context) -> dict[str, Any]:
        from airflow_provider_hypercarbon.hypersdk.retention import find_exports, finish_deletions, plan_retention

        try:
            root, keep_last, keep_for = Path(self.output_dir), self._keep_last(), self._keep_for()
            for folder in [] if self.only_tell else finish_deletions(root):
                self.log.info("Finished deleting %s, which an earlier run had begun.", folder)
            # Two vCenters may each have a VM of the same path.
            by_vm: dict[tuple[str, str], list[KeptExport]] = {}
            for export in find_exports(root):
                if given(self.vm_path) in (None, export.manifest.vm_path):
                    by_vm.setdefault((export.manifest.vcenter, export.manifest.vm_path), []).append(export)
            unreported = self._unreported([export for exports in by_vm.values() for export in exports])
            kept: list[dict[str, Any]] = []
            removed: list[dict[str, Any]] = []
            for exports in by_vm.values():
                plan = plan_retention(
                    exports, keep_last=keep_last, keep_for=keep_for, now=timezone.utcnow(), unreported=unreported
                )
                kept += [self._told(export, why) for export, why in plan.keep]
                for export, _ in plan.keep:
                    if export.wrong:
                        self.log.warning(
                            "%s is damaged: %s. It stays, and does not count.", export.folder, export.wrong
                        )
                removed += [self._told(export, why) for export, why in plan.remove if self._remove(export, root)]
        except HyperCarbonError as error:
            raise task_failure(error) from error
        freed = sum(each["bytes"] for each in removed)
        self.log.info(
            "%d exports of %d VMs kept in %s, %d %s, %.3f GB.",
            len(kept), len(by_vm), root, len(removed), "would go" if self.only_tell else "removed", freed / 1e9,
        )  # fmt: skip
        return {"kept": kept, "removed": removed, "bytes_removed": 0 if self.only_tell else freed}

    def _remove(self, export: KeptExport, root: Path) -> bool:
        from airflow_provider_hypercarbon.hypersdk.retention import remove_export

        if self.only_tell:
            return True
        try:
            remove_export(export, root)
        except OSError as error:
            raise failure(f"{export.folder} cannot be deleted: {error.strerror}.", retryable=True) from error
        self.log.info("Removed %s, the export of %s from %s.", export.folder, export.manifest.vm_path, export.made_at)
        return True

    def _unreported(self, exports: Sequence[KeptExport]) -> frozenset[str]:
        """The jobs without a report in the results database."""
        if not given(self.results_conn_id):
            return frozenset()
        from airflow_provider_hypercarbon.hooks.results import open_results
        from airflow_provider_hypercarbon.report_store import CarbonReportStore

        with open_results(str(self.results_conn_id)) as database:
            store = CarbonReportStore(database)
            return frozenset(e.manifest.job_id for e in exports if store.get(e.manifest.job_id) is None)

    def _keep_last(self) -> int:
        try:
            return int(self.keep_last)
        except (TypeError, ValueError):
            raise ConfigurationError(f"keep_last is {self.keep_last!r}, not a whole number such as 7.") from None

    def _keep_for(self) -> timedelta | None:
        from airflow_provider_hypercarbon.carbon.instants import parse_span

        value = given(self.keep_for)
        if value is None or isinstance(value, timedelta):
            return value
        try:
            return parse_span(value)
        except ValueError as error:
            raise ConfigurationError(f"keep_for: {error}") from error

    @staticmethod
    def _told(export: KeptExport, why: str) -> dict[str, Any]:
        return {
            "folder": str(export.folder),
            "vm_path": export.manifest.vm_path,
            "made_at": export.made_at.isoformat(),
            "bytes": export.manifest.data_bytes,
            "why": why,
        }
