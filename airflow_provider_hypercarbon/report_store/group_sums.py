"""A report's part in the sums that are kept beside the reports, added and taken away.

Whole numbers can be added and taken away again for ever without an error, which floating-point numbers cannot.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_hypercarbon.report_store.sum_tables import BOUNDS, KEPT, SUMMED, Kept
from airflow_provider_hypercarbon.report_store.together import Write

BILLION = 1e9
#: Above this a figure is absurd (nine exabytes, the electricity of a country), and its sum no longer fits.
MOST = 9e9
#: Below it, a share of the energy says nothing.
LEAST_ENERGY_KWH = 1e-9


def billionths(value: float) -> int:
    """Return a figure as a whole number of billionths, exactly as the databases round it."""
    return math.floor(value * BILLION + 0.5)


def group_id(key: Sequence[Any]) -> str:
    """Return the primary key of a row, from the values of its key's columns."""
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()


def writes_of_sums(reports: Iterable[tuple[Mapping[str, Any], int]]) -> Iterator[Write]:
    """Yield what reports that come or go change in the sums.

    :param reports: rows of ``hypercarbon_reports``, each with 1 or -1.
    """
    counted = [(row, sign, _counts(row, sign)) for row, sign in reports]
    for kept in KEPT:
        groups: dict[str, tuple[list[Any], dict[str, int]]] = {}
        for row, _, counts in counted:
            key = [row["started_at"][: kept.length] if name == kept.period else row[name] for name in kept.keys]
            _, sums = groups.setdefault(group_id(key), (key, dict.fromkeys(kept.counted, 0)))
            for name in sums:
                sums[name] += counts.get(name, 0)
        for name, (key, sums) in groups.items():
            # Most figures of most reports are unknown: only what changes is sent, the rest begins at zero by itself.
            if changed := {counted: value for counted, value in sums.items() if value}:
                begins = dict.fromkeys(_without_default(kept), 0)
                keys = dict(zip(kept.keys, key, strict=True))
                yield Write("add", kept.table, {"group_id": name, **keys, **begins, **changed})


def _counts(row: Mapping[str, Any], sign: int) -> dict[str, int]:
    counts = {"operations": sign, "provisional_operations": sign * bool(row["provisional"])}
    figures = {name: row[name] for name in SUMMED}
    figures |= {name: _bound(row, energy) for name, energy in BOUNDS.items()}
    for name, value in figures.items():
        if value is not None:
            counts[name] = sign * billionths(value)
            counts[f"{name}_known"] = sign
    return counts


def _bound(row: Mapping[str, Any], bound: str) -> float | None:
    """Return the difference to the scheduled start by another bound of the energy, as the databases compute it."""
    difference, central, other = (row[name] for name in ("difference_to_scheduled_kgco2eq", "energy_kwh", bound))
    if difference is None or central is None or other is None or central < LEAST_ENERGY_KWH:
        return None
    value: float = difference * (other / central)
    return value if abs(value) <= MOST else None


def _without_default(kept: Kept) -> list[str]:
    return [name for name in kept.counted if kept.table.c[name].server_default is None]
