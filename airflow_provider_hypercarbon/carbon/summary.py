"""Many reports in few rows: sums with their ranges, what a GB takes, and how good the data behind are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, Protocol

from airflow_provider_hypercarbon import __version__
from airflow_provider_hypercarbon.carbon.intensity import Frozen, UtcDatetime
from airflow_provider_hypercarbon.carbon.report import METHOD

#: What a summary adds up, besides counting operations: the names of the report.
FIGURES = (
    "duration_hours",
    "data_gb",
    "energy_kwh",
    "energy_low_kwh",
    "energy_high_kwh",
    "network_energy_kwh",
    "emissions_kgco2eq",
    "emissions_low_kgco2eq",
    "emissions_high_kgco2eq",
    "difference_to_scheduled_kgco2eq",
    "difference_to_window_mean_kgco2eq",
    "difference_to_worst_start_kgco2eq",
    "scope2_location_kgco2eq",
    "scope3_upstream_kgco2eq",
    "retention_energy_kwh",
    "retention_energy_low_kwh",
    "retention_energy_high_kwh",
    "retention_kgco2eq",
    "embodied_kgco2eq",
    "embodied_low_kgco2eq",
    "embodied_high_kgco2eq",
)
#: What tells the quality of a part; a summary asks for its parts by these as well.
QUALITY: tuple[Literal["energy_tier"], Literal["provisional"]] = ("energy_tier", "provisional")
_BILLION = 10**9

NOTES = (
    "Emissions are energy times the time-weighted mean intensity over each run: location-based, attributional.",
    "Low and high are scenario bounds, not a statistical interval. They are added low to low and high to "
    "high, because all runs share their coefficients: a PUE that is too high is too high for every one of them, so "
    "nothing cancels out.",
    "Differences compare each run with the same energy at another start, by the same recorded series; negative is "
    "less. They say nothing about how the grid reacted, and are no reduction that anybody may claim as avoided. The "
    "network's energy does not move with the start and is in none of them.",
    "Scope 2 is location-based, by direct factors; Scope 3 category 3 is what life-cycle factors add. Both are known "
    "only for runs whose source gave both. Market-based figures need contracts that are not known here.",
    "Retention is the energy of disks after the runs, and a projection; it is in no figure of the runs.",
    "A sum covers the runs whose figure is known; the columns that end in _known say how many. Different signals are "
    "never summed. Made-up data (mock, sandbox) are left out.",
    "These are inputs to an inventory, not an inventory, and make nobody compliant with anything.",
)


class Total(Protocol):
    """An exact sum in billionths of its unit, and of how many reports the figure was known."""

    @property
    def billionths(self) -> int: ...
    @property
    def known(self) -> int: ...


class Part(Protocol):
    """Sums over some reports of one signal, as the results table makes them; and as a test does."""

    @property
    def group(self) -> Mapping[str, str | bool | None]: ...
    @property
    def signal_kind(self) -> str | None: ...
    @property
    def signal_factors(self) -> str | None: ...
    @property
    def operations(self) -> int: ...
    @property
    def totals(self) -> Mapping[str, Total]: ...


class SummaryRow(Frozen):
    """One group of operations whose intensities count the same. A sum is null where no report knows the figure.

    :param group: what the group has in common, such as ``{"month": "2026-10", "zone": "DE"}``.
    :param signal: what the intensities count; null for runs without any.
    :param operations: how many.
    :param sums: a sum for each of ``FIGURES``.
    :param known: of how many operations each figure is known.
    :param mean_gco2eq_per_kwh: emissions over energy; null when not both are known for the same runs.
    :param gco2eq_per_gb: operational emissions for each GB exported, likewise; with low and high.
    :param sci_gco2eq_per_gb: Software Carbon Intensity (ISO/IEC 21031) for a GB exported: with embodied emissions;
        null unless all runs say theirs.
    :param operations_by_tier: how the energy is known.
    :param emissions_share_by_tier: the same by emissions, 0 to 1.
    :param provisional: operations of which some value may still change.
    """

    group: dict[str, str | bool | None]
    signal: str | None
    operations: int
    sums: dict[str, float | None]
    known: dict[str, int]
    mean_gco2eq_per_kwh: float | None
    gco2eq_per_gb: float | None
    gco2eq_per_gb_low: float | None
    gco2eq_per_gb_high: float | None
    sci_gco2eq_per_gb: float | None
    operations_by_tier: dict[str, int]
    emissions_share_by_tier: dict[str, float]
    provisional: int


class Summary(Frozen):
    """A summary of a span of time.

    :param by: what the rows are told apart by.
    :param since: only runs that started then or later; null for all.
    :param until: only runs that started before.
    :param rows: a row for each group and signal, in the order of the groups.
    :param totals: the same over all groups: a row for each signal.
    :param left_out: operations with made-up data, which are in no sum.
    :param notes: how to read it.
    """

    by: tuple[str, ...]
    since: UtcDatetime | None
    until: UtcDatetime | None
    made_at: UtcDatetime
    rows: tuple[SummaryRow, ...]
    totals: tuple[SummaryRow, ...]
    left_out: int
    notes: tuple[str, ...] = NOTES
    method: str = METHOD
    software_version: str = __version__


def summarise(
    parts: Iterable[Part],
    *,
    by: Collection[str],
    now: datetime,
    since: datetime | None = None,
    until: datetime | None = None,
    left_out: int = 0,
) -> Summary:
    """Make the rows of a summary from sums; exact, so that the rows add up to the totals to the last digit.

    :param parts: told apart by ``by`` and by ``QUALITY``.
    """
    parts = list(parts)
    groups: dict[tuple[Any, ...], list[Part]] = {}
    for part in parts:
        groups.setdefault((*(part.group[name] for name in by), _signal(part)), []).append(part)
    signals: dict[str | None, list[Part]] = {}
    for part in parts:
        signals.setdefault(_signal(part), []).append(part)
    return Summary(
        by=tuple(by),
        since=since,
        until=until,
        made_at=now,
        rows=tuple(_row(by, groups[key]) for key in sorted(groups, key=_nulls_last)),
        totals=tuple(_row((), signals[key]) for key in sorted(signals, key=lambda name: _nulls_last((name,)))),
        left_out=left_out,
    )


def _row(by: Collection[str], parts: list[Part]) -> SummaryRow:
    whole: Counter[str] = Counter()
    known: Counter[str] = Counter(dict.fromkeys(FIGURES, 0))
    tiers: Counter[str] = Counter()
    tier_emissions: Counter[str] = Counter()
    for part in parts:
        tier = str(part.group.get("energy_tier") or "unknown")
        tiers[tier] += part.operations
        for name in FIGURES:
            if total := part.totals.get(name):
                whole[name] += total.billionths
                known[name] += total.known
                if name == "emissions_kgco2eq":
                    tier_emissions[tier] += total.billionths
    sums = {name: whole[name] / _BILLION if known[name] else None for name in FIGURES}
    emissions = whole["emissions_kgco2eq"]
    embodied_known = known["embodied_kgco2eq"] == known["emissions_kgco2eq"] > 0
    with_embodied = emissions + whole["embodied_kgco2eq"]
    return SummaryRow(
        group={name: parts[0].group[name] for name in by},
        signal=_signal(parts[0]),
        operations=sum(part.operations for part in parts),
        sums=sums,
        known=dict(known),
        mean_gco2eq_per_kwh=_per(emissions, "energy_kwh", whole, known),
        gco2eq_per_gb=_per(emissions, "data_gb", whole, known),
        gco2eq_per_gb_low=_per(whole["emissions_low_kgco2eq"], "data_gb", whole, known),
        gco2eq_per_gb_high=_per(whole["emissions_high_kgco2eq"], "data_gb", whole, known),
        sci_gco2eq_per_gb=_per(with_embodied, "data_gb", whole, known) if embodied_known else None,
        operations_by_tier=dict(sorted(tiers.items())),
        emissions_share_by_tier={
            tier: value / emissions for tier, value in sorted(tier_emissions.items()) if emissions
        },
        provisional=sum(part.operations for part in parts if part.group.get("provisional")),
    )


def _per(kilograms: int, unit: str, whole: Counter[str], known: Counter[str]) -> float | None:
    """Return grams for each unit, when both are known for as many runs and there is some of it."""
    if not whole[unit] or not 0 < known["emissions_kgco2eq"] == known[unit]:
        return None
    return kilograms * 1000 / whole[unit]


def _signal(part: Part) -> str | None:
    return None if part.signal_kind is None else f"{part.signal_kind}, {part.signal_factors}"


def _nulls_last(key: tuple[Any, ...]) -> tuple[tuple[bool, str], ...]:
    return tuple((value is None, str(value)) for value in key)
