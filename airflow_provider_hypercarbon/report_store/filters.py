"""Which reports a question is about."""

from __future__ import annotations

import sqlalchemy as sa

from airflow_provider_hypercarbon.carbon.intensity import Frozen, UtcDatetime
from airflow_provider_hypercarbon.report_store.columns import instant_text
from airflow_provider_hypercarbon.report_store.table import reports

_FIRST_INSTANT = "-01T00:00:00.000000+00:00"


class ReportFilters(Frozen):
    """Which reports; all of them when nothing is said.

    :param dag_ids: only those of these DAGs: the ones a person may see; none when it is empty.
    :param since: only runs that started at this instant or later.
    :param until: only runs that started before this instant.
    :param provisional: only those that may still change (True), or only final ones (False).
    :param synthetic: only made-up ones (True), or only real ones (False).
    """

    operation_id: str | None = None
    dag_id: str | None = None
    dag_ids: frozenset[str] | None = None
    run_id: str | None = None
    vm_path: str | None = None
    zone: str | None = None
    since: UtcDatetime | None = None
    until: UtcDatetime | None = None
    provisional: bool | None = None
    synthetic: bool | None = None

    def conditions(self, table: sa.Table = reports) -> list[sa.ColumnElement[bool]]:
        """Return the conditions on a table, all of which must hold.

        :param table: ``hypercarbon_reports``, or ``hypercarbon_month_sums`` for a filter that goes by the month.
        """
        columns = table.c
        found: list[sa.ColumnElement[bool]] = []
        for name in ("operation_id", "dag_id", "run_id", "vm_path", "zone", "provisional"):
            if (value := getattr(self, name)) is not None:
                found.append(columns[name] == value)
        if self.dag_ids is not None:
            found.append(columns.dag_id.in_(sorted(self.dag_ids)))
        name, length = ("month", 7) if "month" in columns else ("started_at", None)
        if self.since is not None:
            found.append(columns[name] >= instant_text(self.since)[:length])
        if self.until is not None:
            found.append(columns[name] < instant_text(self.until)[:length])
        if self.synthetic is not None:
            found.append(columns.synthetic.is_not(None) if self.synthetic else columns.synthetic.is_(None))
        return found

    def at_any_time(self) -> ReportFilters:
        """Return the same filter without its span of time."""
        return self.model_copy(update={"since": None, "until": None})

    def by_month(self) -> bool:
        """Whether whole months, DAGs, VMs and zones are chosen, nothing finer."""
        ends = [end for end in (self.since, self.until) if end is not None]
        whole = all(instant_text(end)[7:] == _FIRST_INSTANT for end in ends)
        return whole and self.operation_id is None and self.run_id is None
