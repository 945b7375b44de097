"""A second computation of whole reports, sharing no code with the first: numeric integration, minute by minute."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
from typing import Any

import pytest

from airflow_provider_hypercarbon.carbon.energy_measured import read_energy_model
from airflow_provider_hypercarbon.carbon.footprint import make_report
from airflow_provider_hypercarbon.carbon.intensity import IntensitySeries, Slot

MINUTE = timedelta(minutes=1)
RUNS = 1000
#: Years with their edges: leap day, clock changes in Europe and America, turn of the year.
MOMENTS = ["2024-02-29", "2026-03-29", "2026-10-25", "2026-11-01", "2026-03-08", "2026-12-31", "2026-07-31"]

# Typed off the sources a second time, in another shape: watts per worker, factors, kWh/GB, each low, central, high.
SERVER = (65.8, 65.8 + 0.5 * (367 - 65.8), 919.0)
VCPU = {"aws": (0.74, 2.12, 3.5), "gcp": (0.71, 2.485, 4.26), "azure": (0.78, 2.27, 3.76)}
MEMORY = (0.2, 0.392, 0.5)
SITE_PUE = {
    "on_premises": (1.2, 1.56, 1.8),
    "aws": (1.07, 1.15, 1.46),
    "gcp": (1.09, 1.10, 1.10),
    "azure": (1.16, 1.17, 1.18),
}
PATH = {
    None: (0.0, 0.0, 0.0),
    "same_site": (0.00002, 0.0001, 0.001),
    "private_wan": (0.0001, 0.001, 0.01),
    "internet": (0.001, 0.007, 0.06),
}


def a_model(draw: random.Random) -> tuple[dict[str, Any], list[float], str | None]:
    """Draw a model, the watts at the meter of its site, and its path."""
    path = draw.choice(list(PATH))
    if draw.random() < 0.3:
        watts = [w * 4 / 64 * p for w, p in zip(SERVER, SITE_PUE["on_premises"], strict=True)]
        return {"model": "default", "network": path}, watts, path
    site, cpus, memory = draw.choice(list(SITE_PUE)), draw.randint(1, 64), draw.choice([None, 8, 200])
    spec = {"model": "instance", "site": site, "vcpus": cpus, "memory_gb": memory, "network": path}
    cpu = [w / 64 for w in SERVER] if site == "on_premises" else list(VCPU[site])
    ram = [0.0] * 3 if site == "on_premises" or memory is None else [w * memory for w in MEMORY]
    pue = SITE_PUE[site]
    return spec, [(cpus * cpu[i] + ram[i]) * pue[i] for i in range(3)], path


def integral(values: list[float], slot: int, start: int, minutes: int) -> list[float]:
    """Return the running integral of a step function in g/kWh x min, by the midpoint of every minute."""
    return list(accumulate((values[int((start + i + 0.5) // slot)] for i in range(minutes)), initial=0.0))


@pytest.mark.parametrize("batch", range(10))
def test_a_thousand_random_runs(batch: int):
    """Power, intensity and time integrated numerically give every figure to 1e-9: runs from a minute to three days,
    slots of 5 to 60 minutes, edges inside slots, over month ends and clock changes."""
    draw = random.Random(batch)
    for number in range(RUNS // 10):
        slot = draw.choice([5, 15, 30, 60])
        origin = datetime.fromisoformat(draw.choice(MOMENTS)).replace(tzinfo=UTC)
        ready = draw.randint(0, 1440)
        scheduled = origin + MINUTE * ready
        window = draw.choice([0, 60, 240, 720])
        minutes = draw.choice([1, draw.randint(2, 300), draw.randint(300, 900), draw.randint(900, 4320)])
        late = draw.randint(0, window)
        level = draw.uniform(5, 900)
        count = (ready + window + minutes) // slot + 2
        values = [level * draw.uniform(0.3, 1.5) for _ in range(count)]
        series = IntensitySeries(
            zone="DE",
            source="test",
            slot_length=MINUTE * slot,
            slots=tuple(Slot(origin + MINUTE * slot * i, value, False) for i, value in enumerate(values)),
        )
        spec, watts, path = a_model(draw)
        data_gb = draw.choice([0.0, draw.uniform(0.1, 50_000)])
        report = make_report(
            operation_id=f"{batch}-{number}",
            zone="DE",
            started_at=scheduled + MINUTE * late,
            ended_at=scheduled + MINUTE * (late + minutes),
            scheduled_at=scheduled,
            latest_start_at=scheduled + MINUTE * window,
            series=series,
            data_gb=data_gb,
            energy_model=read_energy_model(spec),
        )

        running = integral(values, slot, ready, window + minutes)
        means = [(running[i + minutes] - running[i]) / minutes for i in range(window + 1)]
        hours = minutes / 60
        shiftable = [w * hours / 1000 for w in watts]
        kwh = [host + per_gb * data_gb for host, per_gb in zip(shiftable, PATH[path], strict=True)]
        mean_of_starts = sum((a + b) / 2 for a, b in pairwise(means)) / window if window else means[0]
        expected = {
            "duration_hours": hours,
            "energy_low_kwh": kwh[0],
            "energy_kwh": kwh[1],
            "energy_high_kwh": kwh[2],
            "shiftable_energy_kwh": shiftable[1],
            "mean_gco2eq_per_kwh": means[late],
            "emissions_low_kgco2eq": kwh[0] * means[late] / 1000,
            "emissions_kgco2eq": kwh[1] * means[late] / 1000,
            "emissions_high_kgco2eq": kwh[2] * means[late] / 1000,
            "scheduled_mean_gco2eq_per_kwh": means[0],
            "window_mean_gco2eq_per_kwh": mean_of_starts,
            "worst_start_gco2eq_per_kwh": max(means),
            "savings_vs_worst_kgco2eq": kwh[1] * (1000 - means[late]) / 1000,
        }
        for name, value in expected.items():
            assert getattr(report, name) == pytest.approx(value, rel=1e-9, abs=1e-12), (name, batch, number)
        # A difference of two near means keeps fewer digits of its own; it is exact to 1e-9 of what is subtracted.
        scale = shiftable[1] * max(means) / 1000
        for name, other in (
            ("difference_to_scheduled_kgco2eq", means[0]),
            ("difference_to_window_mean_kgco2eq", mean_of_starts),
            ("difference_to_worst_start_kgco2eq", max(means)),
        ):
            wanted = shiftable[1] * (means[late] - other) / 1000
            assert getattr(report, name) == pytest.approx(wanted, abs=1e-9 * scale), (name, batch, number)
        assert not report.provisional
        assert report.intensity_coverage == 1
