"""A report as the line that log, page and command line print."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from airflow_provider_hypercarbon.carbon.footprint import CarbonReport
from airflow_provider_hypercarbon.carbon.instants import words


def report_sentence(report: CarbonReport) -> str:
    """Say what a run emitted, with its range, basis and quality, and how that differs from the scheduled start."""
    parts = [_footprint(report), _difference(report), _basis(report)]
    return " ".join(part for part in parts if part)


def _footprint(report: CarbonReport) -> str:
    run = f"{report.operation_id} in {report.zone}, {words(timedelta(hours=report.duration_hours))}"
    energy = (
        "energy unknown"
        if report.energy_kwh is None
        else f"{digits(report.energy_kwh)} kWh ({report.energy_model}{', measured' * report.energy_measured})"
    )
    mean = report.mean_gco2eq_per_kwh
    intensity = "intensity unknown" if mean is None else f"mean {digits(mean)} gCO2eq/kWh"
    if report.emissions_kgco2eq is None:
        return f"{run}: emissions unknown ({energy}, {intensity})."
    bounds = f"{digits(report.emissions_low_kgco2eq)} to {digits(report.emissions_high_kgco2eq)}"
    return f"{run}: {energy}, {intensity}, {digits(report.emissions_kgco2eq)} kgCO2eq ({bounds})."


def _difference(report: CarbonReport) -> str:
    if report.scheduled_at is None:
        return ""
    start = report.scheduled_at.strftime("%Y-%m-%d %H:%M UTC")
    difference = report.difference_to_scheduled_kgco2eq
    if difference is None:
        return f"Difference to the scheduled start {start} unknown."
    sign = "+" if difference > 0 else ""
    return f"Difference to the scheduled start {start}: {sign}{digits(difference)} kgCO2eq (attributional)."


def _basis(report: CarbonReport) -> str:
    text = f"Source {report.source} ({report.signal})" if report.source else "No source"
    if report.provisional:
        covered = f", {report.intensity_coverage:.0%} of the run covered" if report.intensity_coverage < 1 else ""
        text += f", provisional{covered}"
    if report.synthetic:
        text += f", {report.synthetic} data: made up, not for any sum"
    return f"{text}."


def digits(value: float | None) -> str:
    """Write three significant digits, without an exponent."""
    return "unknown" if value is None else format(Decimal(f"{value + 0.0:.3g}"), ",f")
