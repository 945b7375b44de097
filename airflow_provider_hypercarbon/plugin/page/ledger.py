"""The ledger: filters, figures, plots, and the exports behind them."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple, cast
from urllib.parse import urlencode

from fastapi.responses import HTMLResponse

from airflow_provider_hypercarbon.plugin.page.cards import Card, make
from airflow_provider_hypercarbon.plugin.page.ledger_filters import Asked, Wanted, address_of, csv_of, wanted
from airflow_provider_hypercarbon.plugin.page.ledger_view import (
    bars,
    days_of,
    difference_chart,
    emissions_chart,
    row_of,
)
from airflow_provider_hypercarbon.plugin.page.reader import Reader
from airflow_provider_hypercarbon.plugin.page.rendering import document
from airflow_provider_hypercarbon.plugin.page.words import DASH, Clock, kwh, mass, number
from airflow_provider_hypercarbon.plugin.routes import ledger as api
from airflow_provider_hypercarbon.plugin.schemas.ledger import Grouping, Sums, SumsAnswer
from airflow_provider_hypercarbon.report_store import dags_and_zones
from airflow_provider_hypercarbon.report_store.places import Sorted

_PLOTS: tuple[Grouping, ...] = ("day", "zone", "vm")
_ROWS = 50
_GROUPS = 6
_COLUMNS = (
    ("started", "Started", "", False),
    ("", "VM", "", False),
    ("", "Zone", "", False),
    ("", "Waited", "", True),
    ("", "Started by", "", False),
    ("energy", "Energy", "kWh", True),
    ("", "Intensity", "g/kWh", True),
    ("emitted", "Emitted", "", True),
    ("difference", "Difference", "", True),
    ("", "Data", "", False),
)
_SORTED: dict[str, Sorted] = {
    "started": "started_at",
    "energy": "energy_kwh",
    "emitted": "emissions_kgco2eq",
    "difference": "difference_to_scheduled_kgco2eq",
}
_ORDER_WORDS = {
    "started": ("newest", "oldest"),
    "energy": ("largest energy", "smallest energy"),
    "emitted": ("largest emission", "smallest emission"),
    "difference": ("largest difference", "smallest difference"),
}


def show(asked: Asked, reader: Reader) -> HTMLResponse:
    """Return the ledger."""
    want = wanted(asked, reader.clock)
    order = _Order.of(asked)
    made = make(
        {
            **{by: ("The ledger", partial(read_sums, by, want, reader)) for by in _PLOTS},
            "names": ("The names in the ledger", lambda: _names(want, reader)),
            "rows": ("The exports", lambda: _rows(want, order, asked.cursor, reader)),
        }
    )
    sums = _all_sums(made)
    found: dict[str, Any] = {"sums": sums, "figures": [], "days": [], "zones": [], "vms": [], "vms_note": ""}
    if sums.value is not None and sums.value.total.reports:
        found |= _plots(sums.value, want, reader.clock)
    total = sums.value.total.reports if sums.value else 0
    rows = made["rows"].value
    address = {**address_of(asked), "sort": order.sign + order.key}
    return document(
        "ledger.html",
        reader.clock,
        view="ledger",
        title="Ledger · Carbon",
        here="page?" + urlencode(address),
        wanted=want,
        choices=_choices(made["names"], sums, want),
        csv="api/v1/reports/export.csv?" + urlencode({k: v for k, v in csv_of(want).items() if v}),
        rows=made["rows"],
        rows_note=_rows_note(rows, total, order, following=bool(asked.cursor)),
        columns=_COLUMNS,
        order=order,
        first_page="page?" + urlencode(address) if asked.cursor else "",
        next_page="page?" + urlencode({**address, "cursor": rows.next}) if rows and rows.next else "",
        basis=f"location-based; {sums.value.signal} factors"
        if sums.value and sums.value.signal
        else "nothing is summed",
        left_out=sums.value.left_out if sums.value else [],
        **found,
    )


def read_sums(by: Grouping, want: Wanted, reader: Reader) -> SumsAnswer:
    """Read the sums of a plot."""
    return api.sums(want.filters(reader.dags), reader.ask.results(), by=by, tz=reader.clock.zone.key)


def _all_sums(made: dict[str, Card]) -> Card:
    """Put the sums of all plots together; without one of them, there are none."""
    for by in _PLOTS:
        if made[by].problem:
            return made[by]
    by_day, by_zone, by_vm = (made[by].value for by in _PLOTS)
    return Card(
        SimpleNamespace(
            total=by_day.total,
            days=by_day.groups,
            zones=by_zone.groups,
            vms=by_vm.groups,
            more_vms=by_vm.others is not None,
            signal=by_day.signal,
            left_out=by_day.left_out,
        )
    )


class _Order(NamedTuple):
    """By which column the rows are sorted; ``sign`` is ``-`` for the latest or largest first."""

    key: str
    sign: str
    address: dict[str, str]

    @classmethod
    def of(cls, asked: Asked) -> _Order:
        """Read it from the address; what cannot be read counts as not said."""
        key = asked.sort.removeprefix("-")
        if key not in _SORTED:
            return cls("started", "-", address_of(asked))
        return cls(key, "-" * asked.sort.startswith("-"), address_of(asked))

    @property
    def word(self) -> str:
        return "descending" if self.sign else "ascending"

    @property
    def note(self) -> str:
        first, last = _ORDER_WORDS[self.key]
        return f"{first if self.sign else last} first"

    def href(self, key: str) -> str:
        """Return the address of the same rows in the order of a column; a second time, the other way round."""
        turned = key if key == self.key and self.sign else f"-{key}"
        return "page?" + urlencode({**self.address, "sort": turned})


def all_days(groups: list[Sums], first: date, last: date) -> list[Sums]:
    """Put in the days on which nothing was reported: a gap in the plot, not a missing bar."""
    known = {group.key: group for group in groups}
    days = [(first + timedelta(days=count)).isoformat() for count in range((last - first).days + 1)]
    return [known.get(day) or _nothing(day) for day in days]


def _nothing(day: str) -> Sums:
    zero = {name: 0 for name in Sums.model_fields if name != "key"}
    return Sums.model_validate({"key": day, **zero})


def _plots(sums: SimpleNamespace, want: Wanted, clock: Clock) -> dict[str, Any]:
    days = days_of(all_days(sums.days, want.first, want.last))
    vms = sums.vms[:_GROUPS]
    return {
        "figures": _figures(sums.total, want),
        "days": days,
        "emissions": emissions_chart(days, clock),
        "differences": difference_chart(days, clock),
        "zones": bars(sums.zones[:_GROUPS]),
        "vms": bars(vms, vm=True),
        "vms_note": f"{len(vms)} of {'more than ' * sums.more_vms}{len(sums.vms)}"
        if len(sums.vms) > len(vms)
        else "",
    }


def _figures(total: Sums, want: Wanted) -> list[SimpleNamespace]:
    days = (want.last - want.first).days + 1
    known = total.reports > total.unknown
    emitted = mass(total.emissions_kgco2eq, total.emissions_low_kgco2eq, total.emissions_high_kgco2eq)
    change = mass(total.difference_kgco2eq, total.difference_low_kgco2eq, total.difference_high_kgco2eq, signed=True)
    notes = [
        f"{number(total.provisional)} provisional" if total.provisional else "",
        f"{number(total.unknown)} without a figure" if total.unknown else "",
    ]
    rows = (
        (
            f"Emitted, {days} days",
            emitted.value if known else DASH,
            f"CO₂eq, {emitted.span}" if emitted.span else "CO₂eq",
        ),
        ("Difference to scheduled starts", change.value if total.differences else DASH, change.span),
        ("Energy", f"{kwh(total.energy_kwh)}\u202fkWh", "modelled or measured, as each export says"),
        ("Exports", number(total.reports), ", ".join(filter(None, notes)) or "all final"),
    )
    return [SimpleNamespace(name=name, value=value, note=note) for name, value, note in rows]


def _rows(want: Wanted, order: _Order, cursor: str, reader: Reader) -> SimpleNamespace:
    sort = cast("api.Sort", order.sign + _SORTED[order.key])
    answer = api.reports(
        want.filters(reader.dags), reader.ask.results(), sort=sort, limit=_ROWS, cursor=cursor or None
    )
    return SimpleNamespace(rows=[row_of(stored, reader.clock) for stored in answer.reports], next=answer.next_cursor)


def _names(want: Wanted, reader: Reader) -> set[tuple[str, str]]:
    """Return which DAGs reported for which zones, whichever of them is chosen: another one is to be found as well."""
    others = want.filters(reader.dags).model_copy(update={"dag_id": None, "dag_ids": reader.dags.ids, "zone": None})
    return dags_and_zones(reader.ask.results(), others)


def _choices(names: Card, sums: Card, want: Wanted) -> SimpleNamespace:
    """Return what the filters offer: what these days hold with the other filters, and what is chosen already."""
    pairs: set[tuple[str, str]] = names.value or set()
    dags = {dag for dag, zone in pairs if want.zone in ("", zone)}
    zones = {zone for dag, zone in pairs if want.dag_id in ("", dag)}
    vms = sums.value.vms[:100] if sums.value else []
    return SimpleNamespace(
        dags=sorted(dags | {want.dag_id} - {""}),
        zones=sorted(zones | {want.zone} - {""}),
        vms=sorted(group.key for group in vms if group.key),
    )


def _rows_note(rows: SimpleNamespace | None, total: int, order: _Order, *, following: bool) -> str:
    if rows is None:
        return ""
    count = len(rows.rows)
    return f"{'' if following else '1 to '}{count} of {number(total)}, {order.note}"
