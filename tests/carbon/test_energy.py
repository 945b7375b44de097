from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from airflow_provider_hypercarbon.carbon.energy import BYTES_PER_GB, EnergyEstimate
from airflow_provider_hypercarbon.carbon.energy_measured import read_energy_model
from airflow_provider_hypercarbon.carbon.energy_models import DEFAULT_ENERGY_MODEL, HYPERSDK_ENERGY_MODEL
from airflow_provider_hypercarbon.carbon.instants import as_utc

HOUR = timedelta(hours=1)
NIGHT = datetime(2026, 3, 2, 20, tzinfo=UTC)
HYPERSDK = HYPERSDK_ENERGY_MODEL.estimate


def estimate(spec: dict[str, Any], hours: float = 2, data_gb: float | None = 500) -> EnergyEstimate:
    return read_energy_model(spec).estimate(timedelta(hours=hours), data_gb, started_at=NIGHT)


def parts(found: EnergyEstimate) -> dict[str, tuple[float | None, float | None, float | None]]:
    return {p.name: (p.energy_low_kwh, p.energy_kwh, p.energy_high_kwh) for p in found.components}


def about(*kwh: float) -> Any:
    return pytest.approx(kwh, rel=1e-12)


class TestDefault:
    def test_a_small_proxy_on_a_usual_server(self):
        """A sixteenth of 65.8, 216.4, 919 W for 2 h, times the PUE; the network of the site for 500 GB."""
        found = DEFAULT_ENERGY_MODEL.estimate(2 * HOUR, 500)
        assert parts(found) == {
            "host": about(65.8 / 16 * 2 * 1.2 / 1000, 216.4 / 16 * 2 * 1.56 / 1000, 919 / 16 * 2 * 1.8 / 1000),
            "network": about(0.01, 0.05, 0.5),
        }
        assert (found.tier, found.model, found.coefficients_version) == ("default", "default-v1", "2026.1")

    def test_sums_are_those_of_the_parts(self):
        """Low, central and high each; what moves with the start is all but the network."""
        found = DEFAULT_ENERGY_MODEL.estimate(2 * HOUR, 500)
        low, central, high = (math.fsum(part[i] or 0 for part in parts(found).values()) for i in range(3))
        assert (found.energy_low_kwh, found.energy_kwh, found.energy_high_kwh) == (low, central, high)
        assert low < central < high
        assert found.shiftable_kwh == parts(found)["host"][1]

    def test_each_part_says_where_its_numbers_come_from(self):
        """Host with its PUE, and the network."""
        host, network = DEFAULT_ENERGY_MODEL.estimate(2 * HOUR, 500).components
        assert "Cloud Carbon Footprint" in host.source
        assert "Uptime" in host.source
        assert "10 GbE" in network.source
        assert (host.shiftable, network.shiftable) == (True, False)

    def test_an_unknown_size_leaves_the_host_known(self):
        """The network is unknown, so the sum is; a part left out would be a zero invented."""
        found = DEFAULT_ENERGY_MODEL.estimate(2 * HOUR, None)
        assert found.energy_kwh is None
        assert found.energy_low_kwh is None
        assert found.shiftable_kwh == pytest.approx(0.042198)
        assert [part.missing for part in found.components] == [
            None,
            "The size of the data is unknown, so the energy is.",
        ]

    def test_without_a_network_the_size_does_not_matter(self):
        """Somebody wants the host alone."""
        assert estimate({"model": "default", "network": None}, data_gb=None).energy_kwh == pytest.approx(0.042198)

    def test_a_site_of_its_own(self):
        """A known PUE has no bounds; the path over the internet has its own coefficients."""
        found = estimate({"model": "default", "pue": 1.1, "network": "internet"})
        assert parts(found)["host"] == about(*(w / 16 * 2 * 1.1 / 1000 for w in (65.8, 216.4, 919)))
        assert parts(found)["network"] == about(0.5, 3.5, 30)
        assert "PUE: 1.1 as given" in found.components[0].source


class TestInstance:
    def test_a_worker_in_a_cloud(self):
        """2 vCPU and 8 GB at Amazon for 2 h: idle, half, full; memory beside; Amazon's PUE."""
        found = estimate({"model": "instance", "site": "aws", "vcpus": 2, "memory_gb": 8, "network": "private_wan"})
        assert parts(found) == {
            "host": about(2 * 0.74 * 2 * 1.07 / 1000, 2 * 2.12 * 2 * 1.15 / 1000, 2 * 3.5 * 2 * 1.46 / 1000),
            "memory": about(8 * 0.2 * 2 * 1.07 / 1000, 8 * 0.392 * 2 * 1.15 / 1000, 8 * 0.5 * 2 * 1.46 / 1000),
            "network": about(0.05, 0.5, 5),
        }
        assert (found.tier, found.model) == ("instance", "instance-v1")

    def test_a_worker_on_a_known_server(self):
        """8 of 32 threads of a server from 100 to 400 W at a quarter of its load: 175 W; memory is in its draw."""
        spec = {
            "model": "instance", "vcpus": 8, "host_threads": 32, "host_idle_watts": 100, "host_full_watts": 400,
            "utilization": 0.25, "memory_gb": 64, "pue": 1.3, "network": None,
        }  # fmt: skip
        assert parts(estimate(spec)) == {"host": about(*(w / 4 * 2 * 1.3 / 1000 for w in (100, 175, 400)))}

    def test_a_worker_on_an_unknown_server(self):
        """The mean of published servers by utilisation, up to the hungriest."""
        found = estimate({"model": "instance", "vcpus": 64, "utilization": 0, "network": None})
        assert parts(found) == {"host": about(65.8 * 2.4 / 1000, 65.8 * 3.12 / 1000, 919 * 3.6 / 1000)}

    @pytest.mark.parametrize(
        ("wrong", "why"),
        [
            ({"vcpus": 0}, "greater than 0"),
            ({"vcpus": 65}, "more than the server's host_threads"),
            ({"vcpus": 4, "utilization": 1.1}, "less than or equal to 1"),
            ({"vcpus": 4, "host_idle_watts": 100}, "go together"),
            ({"vcpus": 4, "host_idle_watts": 300, "host_full_watts": 100}, "is above"),
            ({"vcpus": 4, "pue": 0.9}, "greater than or equal to 1"),
            ({"vcpus": 4, "site": "moon"}, "on_premises"),
            ({"vcpus": 4, "cpus": 4}, "Extra inputs"),
            ({}, "Field required"),
        ],
    )
    def test_what_cannot_be_is_refused(self, wrong: dict[str, Any], why: str):
        """With the words why."""
        with pytest.raises(ValidationError, match=why):
            read_energy_model({"model": "instance", **wrong})


class TestMeasured:
    def test_a_meter(self):
        """What was metered, a quarter up and down; nothing is added unasked."""
        found = estimate({"model": "measured", "kwh": 0.31, "by": "PDU A7"}, data_gb=None)
        assert parts(found) == {"host": about(0.31 * 0.75, 0.31, 0.31 * 1.25)}
        assert (found.tier, found.components[0].source) == ("measured", "measured: PDU A7")

    def test_bounds_and_additions_as_given(self):
        """Own bounds, the site's PUE, the network."""
        spec = {"model": "measured", "kwh": 0.3, "low_kwh": 0.28, "high_kwh": 0.32, "by": "x", "pue": 1.5}
        found = estimate({**spec, "network": "same_site"})
        assert parts(found) == {"host": about(0.42, 0.45, 0.48), "network": about(0.01, 0.05, 0.5)}

    @pytest.mark.parametrize(
        "wrong", [{"kwh": -1}, {"kwh": math.nan}, {"kwh": 1, "low_kwh": 2}, {"kwh": 2, "high_kwh": 1}, {"by": ""}]
    )
    def test_what_cannot_be_is_refused(self, wrong: dict[str, Any]):
        """Negative, no number, out of order, measured by nobody."""
        with pytest.raises(ValidationError):
            read_energy_model({"model": "measured", "kwh": 1, "by": "x", **wrong})


def samples(count: int, value: float | None, first: datetime = NIGHT, every: float = 20) -> list[list[Any]]:
    """Return samples whose intervals begin at ``first``."""
    return [[(first + timedelta(seconds=every * (i + 1))).isoformat(), value] for i in range(count)]


class TestVSphere:
    def test_joules_of_the_intervals_within_the_run(self):
        """360 intervals of 4,000 J in 2 h are 200 W: 0.4 kWh, times the PUE."""
        found = estimate({"model": "vsphere", "samples": samples(360, 4000), "network": None})
        assert parts(found) == {"host": about(*(0.4 * f for f in (0.75 * 1.2, 1.56, 1.25 * 1.8)))}
        assert (found.model, found.tier) == ("vsphere-v1", "measured")

    def test_watts_say_the_same(self):
        """``power.power`` is a mean in watts."""
        spec = {"model": "vsphere", "counter": "power.power", "network": None}
        found = estimate({**spec, "samples": samples(24, 200, every=300), "interval_seconds": 300})
        assert found.energy_kwh == pytest.approx(0.4 * 1.56)

    def test_only_what_lies_within_the_run_counts(self):
        """Samples before and after, cut at the edges: a run from the middle of an interval on."""
        around = samples(1000, 4000, NIGHT - HOUR - timedelta(seconds=10))
        found = estimate({"model": "vsphere", "samples": around, "network": None})
        assert found.energy_kwh == pytest.approx(0.4 * 1.56)

    @pytest.mark.parametrize("missing", [None, -1, math.inf])
    def test_a_few_missing_samples_are_filled_by_the_rest(self, missing: float | None):
        """vSphere's -1 is no energy; 350 of 360 stand for all."""
        some = samples(350, 4000) + samples(10, missing, NIGHT + timedelta(seconds=7000))
        found = estimate({"model": "vsphere", "samples": some, "network": None})
        assert found.energy_kwh == pytest.approx(0.4 * 1.56)

    def test_too_few_samples_are_no_measurement(self):
        """Half of the run is unknown: so is the energy, with the reason."""
        found = estimate({"model": "vsphere", "samples": samples(180, 4000)})
        assert found.energy_kwh is None
        assert found.shiftable_kwh is None
        assert found.components[0].missing == "The samples of vSphere cover 50% of the run, so its energy is unknown."

    def test_samples_that_came_twice_count_once(self):
        """Two pages of an answer overlap."""
        twice = samples(360, 4000) + samples(100, 4000)
        assert estimate({"model": "vsphere", "samples": twice, "network": None}).energy_kwh == pytest.approx(0.624)

    def test_a_share_above_what_is_drawn_anyhow(self):
        """A host at 200 W that draws 150 W without the run; a quarter of the rest is the run's. Never below zero."""
        spec = {"model": "vsphere", "samples": samples(360, 4000), "network": None, "pue": 1.0, "share": 0.25}
        assert estimate({**spec, "baseline_watts": 150}).energy_kwh == pytest.approx(0.025)
        assert estimate({**spec, "baseline_watts": 250}).energy_kwh == 0

    def test_a_run_without_length(self):
        """No time, no energy, no samples needed."""
        assert estimate({"model": "vsphere", "samples": [], "network": None}, hours=0).energy_kwh == 0

    def test_it_says_nothing_about_a_run_to_come(self):
        """Samples belong to a run that has begun."""
        with pytest.raises(ValueError, match="has begun"):
            read_energy_model({"model": "vsphere", "samples": []}).estimate(HOUR, 1)

    @pytest.mark.parametrize("wrong", [[["2026-03-02T20:00:20", 1]], [["yesterday", 1]], [[1]], ["x"]])
    def test_samples_nobody_can_place_are_refused(self, wrong: list[Any]):
        """Without an offset, or no time at all."""
        with pytest.raises((ValidationError, ValueError)):
            read_energy_model({"model": "vsphere", "samples": wrong})


class TestCodeCarbon:
    DATA: ClassVar = {
        "energy_consumed": 0.02,
        "ram_energy": 0.005,
        "codecarbon_version": "3.3.2",
        "tracking_mode": "machine",
    }

    def test_processors_and_memory(self):
        """Its kWh, half to twice, as in most virtual machines it assumes constants; the site's PUE."""
        found = estimate({"model": "codecarbon", "data": self.DATA, "network": None, "pue": 1.5})
        assert parts(found) == {"host": about(0.01125, 0.0225, 0.045), "memory": about(0.00375, 0.0075, 0.015)}
        assert found.components[0].source.startswith("measured: CodeCarbon 3.3.2, tracking machine")

    def test_a_pue_that_codecarbon_counted_is_not_counted_again(self):
        """Where its own was set."""
        found = estimate({"model": "codecarbon", "data": {**self.DATA, "pue": 1.3}, "network": None})
        assert found.energy_kwh == pytest.approx(0.02)

    @pytest.mark.parametrize(
        "wrong", [{}, {"energy_consumed": "much"}, {"energy_consumed": -1}, {"energy_consumed": 1, "ram_energy": 2}]
    )
    def test_other_data_are_refused(self, wrong: dict[str, Any]):
        """A report is not made from what has no energy."""
        with pytest.raises(ValidationError, match="final_emissions_data"):
            read_energy_model({"model": "codecarbon", "data": wrong})


class TestHyperSDK:
    @pytest.mark.parametrize(
        ("hours", "data_gb", "kwh"),
        [
            (2, 500, 0.25),  # (100 + 25) W x 2 h; the document prints 0.225
            (2.5, 750, 0.34375),  # (100 + 37.5) W x 2.5 h; the document prints 0.31
            (1, 0, 0.1),  # base load alone
            (1, 1000, 0.15),
            (72, 20_000, 79.2),  # (100 + 1000) W x 72 h
            (1 / 3600, 0.001, 0.1 / 3600),  # a second over a megabyte
        ],
    )
    def test_energy_is_power_by_size_times_duration(self, hours: float, data_gb: float, kwh: float):
        """HyperSDK's formula: (100 W + 50 W a TB) times the hours, from half to twice."""
        found = HYPERSDK(timedelta(hours=hours), data_gb)
        assert found.energy_kwh == pytest.approx(kwh, rel=1e-6)
        assert (found.energy_low_kwh, found.energy_high_kwh) == (pytest.approx(kwh / 2), pytest.approx(kwh * 2))
        assert (found.model, found.tier, found.coefficients_version) == ("hypersdk-v1", "comparison", None)

    def test_an_unknown_size(self):
        """Its formula cannot do without."""
        assert HYPERSDK(HOUR, None).shiftable_kwh is None


@pytest.mark.parametrize(
    "spec",
    [
        {"model": "default"},
        {"model": "instance", "vcpus": 4},
        {"model": "measured", "kwh": 0, "by": "x"},
        {"model": "vsphere", "samples": samples(1, 0)},
        {"model": "codecarbon", "data": {"energy_consumed": 0}},
        {"model": "hypersdk"},
    ],
)
class TestAll:
    @pytest.mark.parametrize(("hours", "data_gb"), [(-1, 500), (2, -0.1), (2, math.nan), (2, math.inf)])
    def test_what_is_no_size_or_span_is_refused(self, spec: dict[str, Any], hours: float, data_gb: float):
        """A negative span, and a size that is negative or no number, are a mistake and never a figure."""
        with pytest.raises(ValueError, match="impossible"):
            estimate(spec, hours, data_gb)

    def test_nothing_takes_no_energy(self, spec: dict[str, Any]):
        """A run that took no time over no data took no energy: a known zero."""
        assert estimate(spec, 0, 0).energy_kwh == 0


@pytest.mark.parametrize("spec", [{}, {"model": "guess"}, {"vcpus": 4}])
def test_a_model_that_does_not_exist(spec: dict[str, Any]):
    """The message names those that do."""
    with pytest.raises(ValueError, match="model"):
        read_energy_model(spec)


def test_the_night_of_the_clock_change_counts_real_hours():
    """From 01:00 to 04:00 on the wall of Berlin, two hours pass in March and four in October."""
    berlin = ZoneInfo("Europe/Berlin")
    for month, day, hours in ((3, 29, 2), (10, 25, 4)):
        start, end = (datetime(2026, month, day, hour, tzinfo=berlin) for hour in (1, 4))
        assert HYPERSDK(as_utc(end) - as_utc(start), 0).energy_kwh == pytest.approx(hours * 0.1)


def test_a_gb_is_a_thousand_million_bytes():
    """As the daemon and the vendors of storage count."""
    assert BYTES_PER_GB == 10**9
