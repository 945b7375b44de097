"""What the results table knows about the VMs that a wait is for: how old their last backup is, how long one takes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from airflow_provider_hypercarbon.exceptions import HyperCarbonError

log = logging.getLogger(__name__)


class VmHistory(NamedTuple):
    """The past of one VM, or of a fleet that starts together.

    :param last_good_at: the oldest among the VMs' last good backups; None when one of them has none.
    :param usual_duration: the longest of the VMs' usual durations; None when no VM has one.
    :param is_known: the table could be read.
    """

    last_good_at: datetime | None = None
    usual_duration: timedelta | None = None
    is_known: bool = False


def read_history(results_conn_id: str | None, vm_paths: Sequence[str]) -> VmHistory:
    """Read the past from the results table; a table that cannot be read is said, and counts as no past."""
    from airflow_provider_hypercarbon.hooks.results import open_results
    from airflow_provider_hypercarbon.report_store import CarbonReportStore

    if not (results_conn_id and vm_paths):
        return VmHistory()
    try:
        with open_results(results_conn_id) as database:
            store = CarbonReportStore(database)
            last = [store.last_good_export(vm_path) for vm_path in vm_paths]
            durations = [store.usual_duration(vm_path) for vm_path in vm_paths]
    except HyperCarbonError as error:
        log.warning("The VM's past is unknown: %s", error)
        return VmHistory()
    known = [instant for instant in last if instant is not None]
    return VmHistory(
        last_good_at=min(known) if len(known) == len(last) else None,
        usual_duration=max((span for span in durations if span is not None), default=None),
        is_known=True,
    )
