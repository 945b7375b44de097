"""Sums of reports for plots, in units and in the order that a chart shows them."""

from __future__ import annotations

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from airflow_provider_hypercarbon.carbon.intensity import Signal
from airflow_provider_hypercarbon.plugin.schemas.ledger import Grouping, LeftOut, Sums, SumsAnswer
from airflow_provider_hypercarbon.report_store import PlotGroup, ReportFilters, ResultsDatabase, plot_sums

#: A chart holds no more marks.
MOST_GROUPS = 400
_BILLION = 10**9
_COUNTED = {
    "reports": "operations",
    "provisional": "provisional_operations",
    "differences": "difference_to_scheduled_kgco2eq_known",
}
_FIGURES = {
    "energy_kwh": "energy_kwh",
    "emissions_kgco2eq": "emissions_kgco2eq",
    "emissions_low_kgco2eq": "emissions_low_kgco2eq",
    "emissions_high_kgco2eq": "emissions_high_kgco2eq",
    "difference_kgco2eq": "difference_to_scheduled_kgco2eq",
    "difference_low_kgco2eq": "difference_to_scheduled_low_kgco2eq",
    "difference_high_kgco2eq": "difference_to_scheduled_high_kgco2eq",
}
_Counts = dict[str, int]


def sum_up(database: ResultsDatabase, filters: ReportFilters, by: Grouping | None, zone: ZoneInfo) -> SumsAnswer:
    """Return sums over the reports of a filter.

    Two different signals are never summed: the sums are of the one that most reports have, the others are counted.
    """
    found = plot_sums(database, filters, by, zone)
    signal, left_out = _signals(found)
    groups: dict[str | None, _Counts] = {}
    for group, counts in found.items():
        if group.signal_kind is None or _signal(group) == signal:
            groups[group.key] = _added([groups[group.key], counts]) if group.key in groups else counts
    if by == "day":
        in_order = sorted(groups, key=lambda key: key or "")
    else:
        in_order = sorted(groups, key=lambda key: (-groups[key]["emissions_kgco2eq"], key or ""))
    # Of days the last ones are shown, of others the largest.
    cut = max(len(in_order) - MOST_GROUPS, 0) if by == "day" else MOST_GROUPS
    shown, rest = (in_order[cut:], in_order[:cut]) if by == "day" else (in_order[:cut], in_order[cut:])
    return SumsAnswer(
        total=_in_units(None, _added(groups.values())),
        by=by,
        groups=[_in_units(key, groups[key]) for key in shown] if by else [],
        others=_in_units(None, _added(groups[key] for key in rest)) if by and rest else None,
        signal=signal,
        left_out=left_out,
        includes_synthetic=bool(filters.synthetic),
        tz=zone.key,
    )


def _signal(group: PlotGroup) -> Signal:
    return Signal.model_validate({"kind": group.signal_kind, "factors": group.signal_factors})


def _signals(found: dict[PlotGroup, _Counts]) -> tuple[Signal | None, list[LeftOut]]:
    counted: dict[Signal, int] = {}
    for group, counts in found.items():
        if group.signal_kind is not None:
            signal = _signal(group)
            counted[signal] = counted.get(signal, 0) + counts["operations"]
    if not counted:
        return None, []
    most = max(counted, key=lambda one: (counted[one], str(one)))
    return most, [LeftOut(signal=one, reports=count) for one, count in counted.items() if one != most]


def _added(parts: Iterable[_Counts]) -> _Counts:
    total: _Counts = {}
    for part in parts:
        for name, value in part.items():
            total[name] = total.get(name, 0) + value
    return total


def _in_units(key: str | None, counts: _Counts) -> Sums:
    """Write exact counts as the figures that people read."""
    unknown = counts.get("operations", 0) - counts.get("emissions_kgco2eq_known", 0)
    numbers = {name: counts.get(counted, 0) for name, counted in _COUNTED.items()}
    figures = {name: counts.get(figure, 0) / _BILLION for name, figure in _FIGURES.items()}
    return Sums.model_validate({"key": key, "unknown": unknown, **numbers, **figures})
