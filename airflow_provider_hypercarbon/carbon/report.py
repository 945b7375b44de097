"""The footprint of one operation as a value: every figure with its basis, unknown as null."""

from __future__ import annotations

from airflow_provider_hypercarbon import __version__
from airflow_provider_hypercarbon.carbon.energy import EnergyComponent, EnergyTier
from airflow_provider_hypercarbon.carbon.intensity import Frozen, IntensitySeries, Signal, Synthetic, UtcDatetime

#: Name and version of the computation; a change of any rule changes it.
METHOD = "hypercarbon-2: energy x time-weighted mean intensity; location-based; attributional"
#: What differences to the scheduled start refer to.
SCHEDULED_START = "scheduled start: same energy, length, zone and series"


class CarbonReport(Frozen):
    """The footprint of one operation. Unknown is null, never an invented zero.

    :param operation_id: what the report is about; one current row each in the results table.
    :param zone: grid zone of the run.
    :param started_at: begin of the real run.
    :param ended_at: its end.
    :param scheduled_at: when the operation could have started; the start that differences refer to.
    :param latest_start_at: when it had to start at the latest; with ``scheduled_at`` the window of possible starts.
    :param duration_hours: length of the run.
    :param data_gb: exported data in GB (10^9 bytes).
    :param energy_kwh: of the run: host, memory and network, with low and high scenario bounds, by ``energy_model``.
    :param energy_low_kwh: with every coefficient at its low bound.
    :param energy_high_kwh: with every coefficient at its high bound.
    :param shiftable_energy_kwh: the part that moves with the start: all but the network's. Differences rest on it.
    :param network_energy_kwh: the network's part; null where it is not counted.
    :param energy_model: name and version of the model.
    :param energy_tier: ``measured``, ``instance`` (modelled on a known worker), ``default`` (modelled on an assumed
        one) or ``comparison`` (a formula without a source).
    :param energy_measured: whether somebody measured the host's energy.
    :param energy_components: the parts, each with bounds and the source of its coefficients.
    :param coefficients_version: of the set of cited coefficients.
    :param mean_gco2eq_per_kwh: time-weighted mean intensity over the real run; average signal only.
    :param intensity_coverage: share of the run, 0 to 1, for which the source had values.
    :param emissions_kgco2eq: energy times mean intensity, with the bounds of the energy.
    :param emissions_low_kgco2eq: with the low energy; the intensity is one number for all three.
    :param emissions_high_kgco2eq: with the high energy.
    :param gco2eq_per_gb: emissions of the run for each GB exported; operational, without embodied ones.
    :param sci_gco2eq_per_gb: Software Carbon Intensity per GB, ``((E x I) + M) / R``; null without embodied
        emissions, which it requires.
    :param baseline: what the differences to the scheduled start refer to.
    :param scheduled_mean_gco2eq_per_kwh: mean over a run of the same length at the scheduled start.
    :param difference_to_scheduled_kgco2eq: this run minus the same energy at the scheduled start; negative is
        less. Attributional: the same method on both sides, nothing about the grid's reaction.
    :param window_mean_gco2eq_per_kwh: mean over all starts of the window; null until all of it is known.
    :param difference_to_window_mean_kgco2eq: this run minus a start at random in the window.
    :param worst_start_at: the start in the window with the highest mean.
    :param worst_start_gco2eq_per_kwh: that mean.
    :param difference_to_worst_start_kgco2eq: this run minus that start. An upper bound of what waiting can change,
        nothing that anybody would have done.
    :param savings_vs_worst_kgco2eq: HyperSDK's figure against electricity from coal alone at 1,000 g/kWh; kept
        for comparison, it is not a saving caused by waiting.
    :param direct_mean_gco2eq_per_kwh: mean over the run by direct emission factors (combustion at the plant).
    :param scope2_location_kgco2eq: energy times that mean: Scope 2, location-based, of whoever pays the electricity.
    :param scope3_upstream_kgco2eq: the rest of the life-cycle emissions: Scope 3 category 3 (fuel and upstream).
    :param marginal_mean_gco2eq_per_kwh: mean over the run of a marginal signal, when one was asked.
    :param marginal_source: who estimates that signal.
    :param marginal_difference_to_scheduled_kgco2eq: difference to the scheduled start by the marginal signal: a
        consequential estimate, no item of any inventory.
    :param retention_days: how long the backup is kept.
    :param retention_zone: grid zone of the target site.
    :param retention_energy_kwh: of the disks over all that time; after the run, in no figure of the run.
    :param retention_energy_low_kwh: likewise, low.
    :param retention_energy_high_kwh: likewise, high.
    :param retention_mean_gco2eq_per_kwh: mean of the target's zone over the day before the end of the run, standing
        in for a time to come.
    :param retention_kgco2eq: a projection by that mean.
    :param embodied_kgco2eq: the run's share of making the machine, where somebody said it.
    :param embodied_low_kgco2eq: likewise, low.
    :param embodied_high_kgco2eq: likewise, high.
    :param embodied_source: where it comes from.
    :param renewable_percent: null where the source does not give it.
    :param equivalent: the emissions in kilometres of driving.
    :param source: who published the intensities.
    :param signal: what they count: average of all generation; life-cycle, direct or operational factors.
    :param intensities: the slots that all means of the average signal were computed from.
    :param provisional: some value behind this is an estimate, or missing, and may still change.
    :param synthetic: the intensities were made up (mock or sandbox); not for any sum.
    :param missing: why a figure of the run is null; empty when none is.
    :param start_reason: why the run started when it did, in the words of ``StartReason``.
    :param method: name and version of the computation.
    :param software_version: of this package.
    """

    operation_id: str
    zone: str
    started_at: UtcDatetime
    ended_at: UtcDatetime
    scheduled_at: UtcDatetime | None = None
    latest_start_at: UtcDatetime | None = None
    duration_hours: float
    data_gb: float | None = None
    energy_kwh: float | None = None
    energy_low_kwh: float | None = None
    energy_high_kwh: float | None = None
    shiftable_energy_kwh: float | None = None
    network_energy_kwh: float | None = None
    energy_model: str
    energy_tier: EnergyTier = "comparison"
    energy_measured: bool = False
    energy_components: tuple[EnergyComponent, ...] = ()
    coefficients_version: str | None = None
    mean_gco2eq_per_kwh: float | None = None
    intensity_coverage: float = 0.0
    emissions_kgco2eq: float | None = None
    emissions_low_kgco2eq: float | None = None
    emissions_high_kgco2eq: float | None = None
    gco2eq_per_gb: float | None = None
    sci_gco2eq_per_gb: float | None = None
    baseline: str | None = None
    scheduled_mean_gco2eq_per_kwh: float | None = None
    difference_to_scheduled_kgco2eq: float | None = None
    window_mean_gco2eq_per_kwh: float | None = None
    difference_to_window_mean_kgco2eq: float | None = None
    worst_start_at: UtcDatetime | None = None
    worst_start_gco2eq_per_kwh: float | None = None
    difference_to_worst_start_kgco2eq: float | None = None
    savings_vs_worst_kgco2eq: float | None = None
    direct_mean_gco2eq_per_kwh: float | None = None
    scope2_location_kgco2eq: float | None = None
    scope3_upstream_kgco2eq: float | None = None
    marginal_mean_gco2eq_per_kwh: float | None = None
    marginal_source: str | None = None
    marginal_difference_to_scheduled_kgco2eq: float | None = None
    retention_days: float | None = None
    retention_zone: str | None = None
    retention_energy_kwh: float | None = None
    retention_energy_low_kwh: float | None = None
    retention_energy_high_kwh: float | None = None
    retention_mean_gco2eq_per_kwh: float | None = None
    retention_kgco2eq: float | None = None
    embodied_kgco2eq: float | None = None
    embodied_low_kgco2eq: float | None = None
    embodied_high_kgco2eq: float | None = None
    embodied_source: str | None = None
    renewable_percent: float | None = None
    equivalent: str | None = None
    source: str | None = None
    signal: Signal | None = None
    intensities: IntensitySeries | None = None
    provisional: bool = True
    synthetic: Synthetic | None = None
    missing: tuple[str, ...] = ()
    start_reason: str | None = None
    method: str = METHOD
    software_version: str = __version__
