"""How steep real grids are: what the bounds of ``carbon/plausibility.py`` rest on.

    python benchmarks/ramps.py TRACE.csv[.gz] ...

Prints, for each trace of measured values, the greatest factor between hours 1 and 2 apart and between an hour and
both of its neighbours, over differences of 50 g and more; and how many values would be refused.
"""

from __future__ import annotations

import argparse
import gzip
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from airflow_provider_hypercarbon.carbon.intensity import IntensitySeries, Slot
from airflow_provider_hypercarbon.carbon.plausibility import SMALLEST_JUMP, refuse_jump, without_spikes
from airflow_provider_hypercarbon.carbon.trace import read_trace
from airflow_provider_hypercarbon.exceptions import BadDataError


def main() -> None:
    """Print one line a trace, and the greatest of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("traces", nargs="+", type=Path)
    paths = parser.parse_args().traces
    print(f"{'trace':40} {'slots':>7} {'1 slot':>7} {'2 slots':>7} {'spike':>7} refused")
    every: list[tuple[float, float, float, int]] = []
    for path in paths:
        content = path.read_bytes()
        lines = (gzip.decompress(content) if path.suffix == ".gz" else content).decode().splitlines()
        measured = read_trace("ZZ-TRACE", lines).measured
        slots = list(measured.slots())
        values = [slot.gco2eq_per_kwh for slot in slots]
        row = (_apart(values, 1), _apart(values, 2), _spike(values), _refused(slots, measured.slot_length))
        every.append(row)
        print(f"{path.name:40} {len(slots):7} {row[0]:7.2f} {row[1]:7.2f} {row[2]:7.2f} {row[3]:7}")
    ones, twos, spikes, refused = zip(*every, strict=True)
    print(f"{'greatest; all refused':48} {max(ones):7.2f} {max(twos):7.2f} {max(spikes):7.2f} {sum(refused):7}")


def _apart(values: Sequence[float], slots: int) -> float:
    return _greatest((min(a, b), max(a, b)) for a, b in zip(values, values[slots:], strict=False))


def _spike(values: Sequence[float]) -> float:
    pairs = []
    for before, value, after in zip(values, values[1:], values[2:], strict=False):
        if value < min(before, after):
            pairs.append((value, min(before, after)))
        elif value > max(before, after):
            pairs.append((max(before, after), value))
    return _greatest(pairs)


def _greatest(pairs: Iterable[tuple[float, float]]) -> float:
    return max((high / low for low, high in pairs if high - low >= SMALLEST_JUMP and low > 0), default=1.0)


def _refused(slots: Sequence[Slot], length: timedelta) -> int:
    """Count the spikes, and the values that would be refused as the newest one."""
    count = len(slots) - len(without_spikes(slots, length))
    for pair in pairwise(slots):
        try:
            refuse_jump(IntensitySeries(zone="ZZ-TRACE", source="trace", slots=pair, slot_length=length), None)
        except BadDataError:
            count += 1
    return count


if __name__ == "__main__":
    main()
