"""Sums of reports for plots, in units and in the order that a chart shows them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from zoneinfo import ZoneInfo

from airflow_provider_hypercarbon.carbon.intensity import Signal
from airflow_provider_hypercarbon.plugin.schemas.ledger import Grouping, LeftOut, Sums, SumsAnswer
from airflow_provider_hypercarbon.report_store import PlotGroup, ReportFilters, ResultsDatabase, plot_sums
from airflow_provider_hypercarbon.report_store.plot_sums import COUNTS, Counts, added

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
_SignalWords = tuple[str | None, str | None]
_EMISSIONS = COUNTS.index("emissions_kgco2eq")
_NOTHING: Counts = (0,) * len(COUNTS)


def sum_up(database: ResultsDatabase, filters: ReportFilters, by: Grouping | None, zone: ZoneInfo) -> SumsAnswer:
    """Return sums over the reports of a filter.

    Two different signals are never summed: the sums are of the one that most reports have, the others are counted.
    """
    found = plot_sums(database, filters, by, zone, MOST_GROUPS)
    most, left_out = _signals(found)
    groups: dict[str | None, Counts] = {}
    rest = _NOTHING
    for group, counts in found.items():
        if group.signal_kind is not None and group.signal != most:
            continue
        if group.is_rest:
            rest = added(rest, counts)
        else:
            groups[group.key] = added(groups[group.key], counts) if group.key in groups else counts
    shown = sorted(groups, key=lambda key: (0 if by == "day" else -groups[key][_EMISSIONS], key or ""))
    if by == "day":  # of which the last ones are shown
        rest = _all_of(groups.pop(key) for key in shown[:-MOST_GROUPS])
        shown = shown[-MOST_GROUPS:]
    return SumsAnswer(
        total=_in_units(None, _all_of([*groups.values(), rest])),
        by=by,
        groups=[_in_units(key, groups[key]) for key in shown] if by else [],
        others=_in_units(None, rest) if by and rest != _NOTHING else None,
        signal=_signal(most) if most else None,
        left_out=[LeftOut(signal=_signal(one), reports=count) for one, count in left_out.items()],
        includes_synthetic=bool(filters.synthetic),
        tz=zone.key,
    )


def _signals(found: dict[PlotGroup, Counts]) -> tuple[_SignalWords | None, dict[_SignalWords, int]]:
    """Return the signal that most reports have, and how many have each other one."""
    counted: dict[_SignalWords, int] = {}
    for group, counts in found.items():
        if group.signal_kind is not None:
            counted[group.signal] = counted.get(group.signal, 0) + counts[0]
    most = max(counted, key=lambda one: (counted[one], str(one)), default=None)
    return most, {one: count for one, count in counted.items() if one != most}


def _signal(words: _SignalWords) -> Signal:
    kind, factors = words
    return Signal.model_validate({"kind": kind, "factors": factors})


def _all_of(parts: Iterable[Counts]) -> Counts:
    return reduce(added, parts, _NOTHING)


def _in_units(key: str | None, counts: Counts) -> Sums:
    """Write exact counts as the figures that people read."""
    named = dict(zip(COUNTS, counts, strict=True))
    return Sums.model_construct(
        key=key,
        unknown=named["operations"] - named["emissions_kgco2eq_known"],
        **{name: named[counted] for name, counted in _COUNTED.items()},
        **{name: named[figure] / _BILLION for name, figure in _FIGURES.items()},
    )
