"""The filters of the ledger: as they stand in the address, and as they are applied."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple, get_args

from airflow_provider_hypercarbon.carbon.zones import zone_key
from airflow_provider_hypercarbon.exceptions import UnknownZoneError
from airflow_provider_hypercarbon.plugin.guard import DagAccess
from airflow_provider_hypercarbon.plugin.page.words import Clock
from airflow_provider_hypercarbon.plugin.routes import ledger as api
from airflow_provider_hypercarbon.report_store import ReportFilters

DAYS_SHOWN = 30
#: A chart never gets more marks than this.
_MOST_DAYS = 400


class Asked(NamedTuple):
    """The filters as they stand in the address; what cannot be read counts as not said."""

    first: str = ""
    last: str = ""
    dag_id: str = ""
    vm: str = ""
    zone: str = ""
    data: str = "all"
    operation_id: str = ""
    sort: str = "-started"
    cursor: str = ""


class Wanted(NamedTuple):
    """The filters as they are applied."""

    first: date
    last: date
    dag_id: str
    vm: str
    zone: str
    data: api.Data
    operation_id: str
    since: datetime
    until: datetime

    @property
    def narrowed(self) -> bool:
        return bool(self.operation_id or self.dag_id or self.vm or self.zone or self.data not in ("all", "mock"))

    def filters(self, dags: DagAccess) -> ReportFilters:
        """Return them as the results database takes them; what the reader may not see is left out."""
        if self.operation_id:  # a link to one report, whenever it was and whatever it rests on
            return ReportFilters(dag_ids=dags.ids, operation_id=self.operation_id)
        return ReportFilters(
            since=self.since,
            until=self.until,
            dag_ids=dags.only(self.dag_id or None),
            dag_id=self.dag_id or None,
            vm_path=self.vm or None,
            zone=self.zone or None,
            provisional={"final": False, "provisional": True}.get(self.data),
            synthetic=self.data == "mock",
        )


def wanted(asked: Asked, clock: Clock) -> Wanted:
    """Read the filters; days are those of the reader's time zone."""
    last = _day(asked.last) or clock.today
    first = _day(asked.first) or last - timedelta(days=DAYS_SHOWN - 1)
    first, last = min(first, last), max(first, last)
    first = max(first, last - timedelta(days=_MOST_DAYS - 1))
    return Wanted(
        first=first,
        last=last,
        dag_id=asked.dag_id,
        vm=asked.vm.strip(),
        zone=_zone(asked.zone.strip()),
        data=asked.data if asked.data in get_args(api.Data) else "all",  # type: ignore[arg-type]
        operation_id=asked.operation_id,
        since=_midnight(first, clock),
        until=_midnight(last + timedelta(days=1), clock),
    )


def address_of(asked: Asked) -> dict[str, str]:
    """Return them as an address says them."""
    named = {
        "view": "ledger", "from": asked.first, "to": asked.last, "dag_id": asked.dag_id, "vm": asked.vm,
        "zone": asked.zone, "data": asked.data, "operation_id": asked.operation_id,
    }  # fmt: skip
    return {name: value for name, value in named.items() if value and value != "all"}


def csv_of(want: Wanted) -> dict[str, str]:
    """Return them as the CSV export takes them."""
    return {
        "since": want.since.isoformat(), "until": want.until.isoformat(), "dag_id": want.dag_id, "vm_path": want.vm,
        "zone": want.zone, "data": want.data,
    }  # fmt: skip


def _zone(name: str) -> str:
    """Return the key of a zone that was named in any way; what is none matches nothing."""
    try:
        return zone_key(name) if name else ""
    except UnknownZoneError:
        return name


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 2000 <= day.year <= 2200 else None


def _midnight(day: date, clock: Clock) -> datetime:
    return datetime.combine(day, time(), tzinfo=clock.zone).astimezone(UTC)
