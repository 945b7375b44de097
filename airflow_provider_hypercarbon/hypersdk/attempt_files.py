"""What the submit protocol does with the folder of an attempt."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from airflow_provider_hypercarbon.carbon.energy import BYTES_PER_GB
from airflow_provider_hypercarbon.exceptions import ConfigurationError
from airflow_provider_hypercarbon.hypersdk.folder import (
    OnPartial,
    check_room,
    files_below,
    is_visible,
    prepare,
    set_aside,
)
from airflow_provider_hypercarbon.hypersdk.manifest import earlier_exports
from airflow_provider_hypercarbon.hypersdk.models import JobStatus
from airflow_provider_hypercarbon.hypersdk.verify import whole_export

if TYPE_CHECKING:
    from airflow_provider_hypercarbon.hypersdk.models import ExportJob, ExportRequest
    from airflow_provider_hypercarbon.hypersdk.note import ExportNote
    from airflow_provider_hypercarbon.hypersdk.progress import Log


class AttemptFiles:
    """The folders of one task's attempts.

    :param output_dir: the folder that the DAG's author gave, above those of the attempts.
    :param on_partial: what becomes of an attempt's files when they are of no use.
    :param declared_gb: what the author says that the export will be.
    :param must_see: refuse to start where this machine does not see the folder.
    """

    def __init__(
        self,
        output_dir: str,
        vm_path: str,
        on_partial: OnPartial,
        log: Log,
        *,
        declared_gb: float | None = None,
        must_see: bool = False,
    ) -> None:
        self._output_dir = output_dir
        self._vm_path = vm_path
        self._on_partial = on_partial
        self._declared_gb = declared_gb
        self._must_see = must_see
        self._log = log

    @property
    def moves_partial(self) -> bool:
        """Whether useless files leave their folder."""
        return self._on_partial != "keep"

    def prepare(self, request: ExportRequest) -> bool:
        """Check the room, make the folder; return whether this machine sees it."""
        check_room(self._output_dir, self._expected_bytes())
        visible = prepare(request.output_dir)
        if self._must_see and not visible:
            raise ConfigurationError(
                f"This machine does not see {self._output_dir}, so that it could not verify the export. Mount the "
                "daemon's folder on the workers, or set verify to 'where_visible'."
            )
        return visible

    def recover(self, note: ExportNote) -> ExportJob | None:
        """Return a completed job for an export that the daemon forgot and whose files are provably whole."""
        return whole_export(note, vm_path=self._vm_path) if is_visible(note.output_dir) else None

    def any_of(self, note: ExportNote) -> bool:
        """Whether an exporter has written anything into the attempt's folder."""
        return is_visible(note.output_dir) and next(files_below(note.output_dir), None) is not None

    def set_aside(self, note: ExportNote, why: str) -> None:
        """Take the files of an attempt out of the way; an empty folder just goes."""
        if PurePosixPath(note.output_dir).name == note.job_id:  # Never a folder that is not this attempt's own.
            how: OnPartial = self._on_partial if self.any_of(note) or self._on_partial == "keep" else "remove"
            self._log.info("%s %s", why, set_aside(note.output_dir, how, why=why, now=datetime.now(UTC)))

    def _expected_bytes(self) -> int | None:
        if self._declared_gb:
            return round(self._declared_gb * BYTES_PER_GB)
        if not is_visible(self._output_dir):
            return None
        last = max(earlier_exports(self._output_dir, self._vm_path), key=lambda m: m.verified_at, default=None)
        return last.data_bytes if last else None


def put_away_cancelled(job: ExportJob, on_partial: OnPartial, log: Log) -> None:
    """Take the files of a cancelled job out of the way, if the folder is its own; a completed export stays."""
    if job.status is not JobStatus.COMPLETED and PurePosixPath(job.output_dir).name == job.id:
        why = f"The export {job.id} was cancelled."
        log.info("%s", set_aside(job.output_dir, on_partial, why=why, now=datetime.now(UTC)))
