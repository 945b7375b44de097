"""What a run emitted, against what the same energy would have emitted at the scheduled start."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_hypercarbon import __version__
from airflow_provider_hypercarbon.carbon.energy import HYPERSDK_ENERGY_MODEL, EnergyModel
from airflow_provider_hypercarbon.carbon.equivalents import equivalent
from airflow_provider_hypercarbon.carbon.instants import as_utc
from airflow_provider_hypercarbon.carbon.intensity import Frozen, IntensitySeries, Signal, Synthetic, UtcDatetime

#: HyperSDK's fixed comparison, electricity from coal alone; not a counterfactual of anything.
WORST_GCO2EQ_PER_KWH = 1000.0
_HOUR = timedelta(hours=1)


class CarbonReport(Frozen):
    """The footprint of one operation. Unknown is null, never an invented zero.

    :param operation_id: what the report is about; one current row each in the results table.
    :param scheduled_at: when the operation could have started; the start that differences refer to.
    :param data_gb: exported data in GB (10^9 bytes).
    :param energy_kwh: with low and high scenario bounds, by ``energy_model``.
    :param mean_gco2eq_per_kwh: time-weighted mean intensity over the real run.
    :param intensity_coverage: share of the run, 0 to 1, for which the source had values.
    :param emissions_kgco2eq: energy times mean intensity, with the bounds of the energy.
    :param scheduled_mean_gco2eq_per_kwh: mean over a run of the same length at the scheduled start.
    :param difference_to_scheduled_kgco2eq: this run minus the same energy at the scheduled start; negative is
        less. Attributional: the same method on both sides, nothing about the grid's reaction.
    :param savings_vs_worst_kgco2eq: HyperSDK's figure against electricity from coal alone at 1,000 g/kWh; kept
        for comparison, it is not a saving caused by waiting.
    :param renewable_percent: null where the source does not give it.
    :param provisional: some value behind this is an estimate, or missing, and may still change.
    :param synthetic: the intensities were made up (mock or sandbox); not for any sum.
    :param missing: why a figure is null; empty when none is.
    :param start_reason: why the run started when it did, in the words of ``StartReason``.
    """

    operation_id: str
    zone: str
    started_at: UtcDatetime
    ended_at: UtcDatetime
    scheduled_at: UtcDatetime | None = None
    duration_hours: float
    data_gb: float | None = None
    energy_kwh: float | None = None
    energy_low_kwh: float | None = None
    energy_high_kwh: float | None = None
    energy_model: str
    energy_measured: bool = False
    mean_gco2eq_per_kwh: float | None = None
    intensity_coverage: float = 0.0
    emissions_kgco2eq: float | None = None
    emissions_low_kgco2eq: float | None = None
    emissions_high_kgco2eq: float | None = None
    scheduled_mean_gco2eq_per_kwh: float | None = None
    difference_to_scheduled_kgco2eq: float | None = None
    savings_vs_worst_kgco2eq: float | None = None
    renewable_percent: float | None = None
    equivalent: str | None = None
    source: str | None = None
    signal: Signal | None = None
    provisional: bool = True
    synthetic: Synthetic | None = None
    missing: tuple[str, ...] = ()
    start_reason: str | None = None
    method: str = "energy x time-weighted mean intensity; location-based; attributional"
    software_version: str = __version__


def make_report(
    *,
    operation_id: str,
    zone: str,
    started_at: datetime,
    ended_at: datetime,
    series: IntensitySeries | None,
    data_gb: float | None = None,
    scheduled_at: datetime | None = None,
    start_reason: str | None = None,
    synthetic: Synthetic | None = None,
    missing: tuple[str, ...] = (),
    energy_model: EnergyModel = HYPERSDK_ENERGY_MODEL,
) -> CarbonReport:
    """Compute the footprint of a run from the intensities that were measured over it.

    :param zone: zone key.
    :param series: measured slots over the run and, for the difference, from ``scheduled_at`` on; None when the
        source had none.
    :param synthetic: the mark of what came before (the decision, say), kept even when the series carries none.
    :param missing: sentences about what could not be had.
    :raises ValueError: the run ends before it starts, or a size is negative.
    """
    started_at, ended_at = as_utc(started_at), as_utc(ended_at)
    duration = ended_at - started_at
    if duration < timedelta(0):
        raise ValueError(f"The run ends at {ended_at.isoformat()}, before it starts at {started_at.isoformat()}.")
    scheduled_at = as_utc(scheduled_at) if scheduled_at else None
    gaps = list(missing)
    energy = energy_model.estimate(duration, data_gb) if data_gb is not None else None
    if energy is None:
        gaps.append("The size of the data is unknown, so the energy is.")
    run = series_mean(series, started_at, ended_at)
    if run.mean is None and not missing:
        gaps.append("The source has no intensity for the time of the run.")
    scheduled = series_mean(series, scheduled_at, scheduled_at + duration) if scheduled_at else NO_MEAN
    if scheduled_at and scheduled.mean is None and not missing:
        gaps.append("The source has no intensity for the scheduled start, so the difference to it is unknown.")
    kwh, mean = (energy.energy_kwh if energy else None), run.mean
    emissions = _kg(kwh, mean)
    both_known = mean is not None and scheduled.mean is not None
    return CarbonReport(
        operation_id=operation_id,
        zone=zone,
        started_at=started_at,
        ended_at=ended_at,
        scheduled_at=scheduled_at,
        duration_hours=duration / _HOUR,
        data_gb=data_gb,
        energy_kwh=kwh,
        energy_low_kwh=energy.energy_low_kwh if energy else None,
        energy_high_kwh=energy.energy_high_kwh if energy else None,
        energy_model=energy_model.name,
        mean_gco2eq_per_kwh=mean,
        intensity_coverage=run.coverage,
        emissions_kgco2eq=emissions,
        emissions_low_kgco2eq=_kg(energy.energy_low_kwh if energy else None, mean),
        emissions_high_kgco2eq=_kg(energy.energy_high_kwh if energy else None, mean),
        scheduled_mean_gco2eq_per_kwh=scheduled.mean,
        difference_to_scheduled_kgco2eq=_kg(kwh, (mean or 0) - (scheduled.mean or 0)) if both_known else None,
        savings_vs_worst_kgco2eq=_kg(kwh, WORST_GCO2EQ_PER_KWH - mean) if mean is not None else None,
        equivalent=equivalent(emissions) if emissions is not None else None,
        source=series.source if series else None,
        signal=series.signal if series else None,
        provisional=run.provisional or (scheduled_at is not None and scheduled.provisional),
        synthetic=(series.synthetic if series else None) or synthetic,
        missing=tuple(gaps),
        start_reason=start_reason,
    )


def history_needed(
    started_at: datetime, ended_at: datetime, scheduled_at: datetime | None = None
) -> tuple[datetime, datetime]:
    """Return the time ``[start, end)`` whose intensities :func:`make_report` uses; never empty."""
    started_at, ended_at = as_utc(started_at), as_utc(ended_at)
    scheduled_at = as_utc(scheduled_at) if scheduled_at else started_at
    start = min(started_at, scheduled_at)
    return start, max(ended_at, scheduled_at + (ended_at - started_at), start + timedelta(seconds=1))


class SeriesMean(Frozen):
    """Mean intensity over an interval: its value, the share of the interval it rests on, and its quality."""

    mean: float | None
    coverage: float
    estimated: bool

    @property
    def provisional(self) -> bool:
        return self.estimated or self.coverage < 1


NO_MEAN = SeriesMean(mean=None, coverage=0.0, estimated=False)


def series_mean(series: IntensitySeries | None, start: datetime, end: datetime) -> SeriesMean:
    """Return the time-weighted mean of a series over ``[start, end)``, over the part of it that has values.

    An instant (``start == end``) takes the value of its slot.
    """
    if series is None or not series.slots:
        return NO_MEAN
    weighted = covered = 0.0
    estimated = False
    span = (end - start).total_seconds()
    for slot in series.slots:
        slot_end = slot.start_at + series.slot_length
        if span == 0:
            seconds = float(slot.start_at <= start < slot_end)
        else:
            seconds = (min(end, slot_end) - max(start, slot.start_at)).total_seconds()
        if seconds > 0:
            weighted += seconds * slot.gco2eq_per_kwh
            covered += seconds
            estimated = estimated or slot.estimated is not False
    if not covered:
        return NO_MEAN
    return SeriesMean(mean=weighted / covered, coverage=covered / (span or 1.0), estimated=estimated)


def _kg(kwh: float | None, gco2eq_per_kwh: float | None) -> float | None:
    return None if kwh is None or gco2eq_per_kwh is None else kwh * gco2eq_per_kwh / 1000
