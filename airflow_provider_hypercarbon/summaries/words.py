"""A summary as the lines that the log prints."""

from __future__ import annotations

from airflow_provider_hypercarbon.carbon.report_words import digits
from airflow_provider_hypercarbon.carbon.summary import Summary, SummaryRow
from airflow_provider_hypercarbon.summaries.page import counted, share, signed, span_words


def summary_sentences(summary: Summary) -> list[str]:
    """Say what all runs emitted, a line for each signal."""
    span = span_words(summary.since, summary.until)
    lines = [f"{span}: {_total(row)}" for row in summary.totals] or [f"{span}: there is no report."]
    if summary.left_out:
        lines.append(f"Left out for made-up data: {counted(summary.left_out, 'run')}.")
    return lines


def _total(row: SummaryRow) -> str:
    sums = row.sums
    runs = f"{counted(row.operations, 'run')}, {digits(sums['energy_kwh'])} kWh"
    if sums["emissions_kgco2eq"] is None:
        return f"{runs}, emissions unknown."
    bounds = f"{digits(sums['emissions_low_kgco2eq'])} to {digits(sums['emissions_high_kgco2eq'])}"
    return (
        f"{runs}, {digits(sums['emissions_kgco2eq'])} kgCO2eq ({bounds}; {row.signal}). "
        f"Difference to the scheduled starts {signed(sums['difference_to_scheduled_kgco2eq'])} kgCO2eq "
        f"(attributional, {counted(row.known['difference_to_scheduled_kgco2eq'], 'run')}). "
        f"Provisional {share(row.provisional / row.operations)}."
    )
