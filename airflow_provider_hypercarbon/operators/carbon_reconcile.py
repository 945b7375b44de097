"""Revise provisional reports when the provider's final values have arrived."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, timezone

from airflow_provider_hypercarbon.exceptions import (
    AccessDeniedError,
    ConfigurationError,
    HyperCarbonError,
    NoDataError,
)
from airflow_provider_hypercarbon.rendered import given
from airflow_provider_hypercarbon.task_failure import task_failure

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_hypercarbon.carbon.intensity import IntensitySeries
    from airflow_provider_hypercarbon.carbon.reconcile import Ask, Asked
    from airflow_provider_hypercarbon.hooks.carbon import CarbonHook
    from airflow_provider_hypercarbon.report_store import CarbonReportStore, StoredReport

_DAY = timedelta(days=1)
#: So many stretches of a day are kept: reports of the same night and zone cost one request.
_KEPT_STRETCHES = 64


class CarbonReconcileOperator(BaseOperator):
    """
    Revise provisional reports by the values that the provider has now.

    A report is provisional while some value behind it is an estimate or missing; providers settle theirs within a
    day or two. Run this daily: it asks the source again for the time of each provisional report, computes the report
    by the same energy and method, and appends a revision to the ledger where a figure changed. Earlier revisions
    stay. A report that another task revises meanwhile is left to it. The XCom says how many were ``final``,
    ``revised`` (and still provisional), ``unchanged``, without data (``no_data``), or of another source
    (``other_source``).

    :param settled_after: only runs that ended at least so long ago, as a timedelta or like ``24h``. (templated)
    :param give_up_after: only runs that started at most so long ago; what is provisional then stays so. (templated)
    :param zone: only runs in this zone. (templated)
    :param only_dag_id: only reports of this DAG. (templated)
    :param carbon_conn_id: Airflow connection of type ``hypercarbon``, the one the reports were made with. (templated)
    :param results_conn_id: Airflow connection of the database that keeps the results. (templated)
    """

    template_fields: Sequence[str] = (
        "settled_after",
        "give_up_after",
        "zone",
        "only_dag_id",
        "carbon_conn_id",
        "results_conn_id",
    )
    ui_color = "#9fd6a4"

    def __init__(
        self,
        *,
        settled_after: timedelta | str = "24h",
        give_up_after: timedelta | str = "30d",
        zone: str | None = None,
        only_dag_id: str | None = None,
        carbon_conn_id: str = "hypercarbon_default",
        results_conn_id: str = "hypercarbon_results",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.settled_after = settled_after
        self.give_up_after = give_up_after
        self.zone = zone
        self.only_dag_id = only_dag_id
        self.carbon_conn_id = carbon_conn_id
        self.results_conn_id = results_conn_id

    def execute(self, context: Context) -> dict[str, int]:
        from airflow_provider_hypercarbon.carbon.zones import zone_key
        from airflow_provider_hypercarbon.hooks.results import open_results
        from airflow_provider_hypercarbon.report_store import CarbonReportStore, ReportFilters

        now = timezone.utcnow()
        found: Counter[str] = Counter(dict.fromkeys(("final", "revised", "unchanged", "no_data", "other_source"), 0))
        try:
            zone = given(self.zone)
            filters = ReportFilters(
                provisional=True,
                since=now - _span("give_up_after", self.give_up_after),
                zone=zone_key(zone) if zone else None,
                dag_id=given(self.only_dag_id),
            )
            settled_at, ask = now - _span("settled_after", self.settled_after), self._asker(now)
            with open_results(str(self.results_conn_id)) as database:
                store = CarbonReportStore(database)
                for stored in store.stream(filters):
                    if stored.report.ended_at <= settled_at:
                        found[self._reconcile(store, stored, ask, now)] += 1
        except HyperCarbonError as error:
            raise task_failure(error) from error
        self.log.info(
            "%d provisional reports: %s.",
            sum(found.values()),
            ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in found.items()),
        )
        return dict(found)

    @property
    def hook(self) -> CarbonHook:
        from airflow_provider_hypercarbon.hooks.carbon import CarbonHook

        return CarbonHook(self.carbon_conn_id)

    def _reconcile(self, store: CarbonReportStore, stored: StoredReport, ask: Ask, now: datetime) -> str:
        from airflow_provider_hypercarbon.carbon.reconcile import NotComparableError, reconciled

        old = stored.report
        try:
            new = reconciled(old, ask)
        except (NoDataError, AccessDeniedError) as error:
            self.log.info("%s stays provisional: %s", old.operation_id, error)
            return "no_data"
        except NotComparableError as error:
            self.log.warning("%s It stays provisional.", error)
            return "other_source"
        if new is None or (saved := store.reconcile(stored, new, now=now)) is None:
            return "unchanged"
        self.log.info(
            "%s: %s, was %s kgCO2eq; %s. Saved as revision %d, ledger %d:%s.",
            old.operation_id,
            new.emissions_kgco2eq,
            old.emissions_kgco2eq,
            "still provisional" if new.provisional else "final",
            saved.revision,
            saved.position,
            saved.hash,
        )
        return "revised" if new.provisional else "final"

    def _asker(self, now: datetime) -> Ask:
        """Return a way to ask the source that asks for whole days, once each."""
        hook = self.hook
        sources = {False: hook.get_conn, True: lambda: hook.counterpart}
        kept: dict[Asked, IntensitySeries | HyperCarbonError | None] = {}

        def ask(asked: Asked) -> IntensitySeries | None:
            start = asked.start.replace(hour=0, minute=0, second=0, microsecond=0)
            days = -(-(asked.end - start) // _DAY)
            whole = asked._replace(start=start, end=min(start + days * _DAY, max(now, asked.end)))
            if whole not in kept:
                if len(kept) == _KEPT_STRETCHES:
                    del kept[next(iter(kept))]
                source = sources[asked.other_factors]()
                try:
                    kept[whole] = source and source.history(whole.zone, whole.start, whole.end, now=now)
                except (NoDataError, AccessDeniedError) as error:
                    kept[whole] = error
            if isinstance(answer := kept[whole], HyperCarbonError):
                raise answer
            return answer

        return ask


def _span(name: str, value: timedelta | str) -> timedelta:
    from airflow_provider_hypercarbon.carbon.instants import parse_span

    try:
        return parse_span(value)
    except ValueError as error:
        raise ConfigurationError(f"{name}: {error}") from None
