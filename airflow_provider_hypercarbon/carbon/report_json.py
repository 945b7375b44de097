"""A report as the JSON that XCom and REST hand out: our fields, and beside them those of HyperSDK's report."""

from __future__ import annotations

from typing import Any

from airflow_provider_hypercarbon.carbon.report import CarbonReport

#: HyperSDK's names for what we call otherwise. The rest of its fields have the same name here as there.
HYPERSDK_NAMES = {
    "start_time": "started_at",
    "end_time": "ended_at",
    "data_size_gb": "data_gb",
    "carbon_intensity_gco2_kwh": "mean_gco2eq_per_kwh",
    "carbon_emissions_kg_co2": "emissions_kgco2eq",
    "savings_vs_worst_kg_co2": "savings_vs_worst_kgco2eq",
}
#: All fields of HyperSDK's report, in its order.
HYPERSDK_FIELDS = (
    "operation_id",
    "start_time",
    "end_time",
    "duration_hours",
    "data_size_gb",
    "energy_kwh",
    "carbon_intensity_gco2_kwh",
    "carbon_emissions_kg_co2",
    "savings_vs_worst_kg_co2",
    "renewable_percent",
    "equivalent",
)


def report_json(report: CarbonReport) -> dict[str, Any]:
    """Return the report as plain JSON, with HyperSDK's fields beside ours; the same values under both names.

    HyperSDK's are operation_id, start_time, end_time, duration_hours, data_size_gb, energy_kwh,
    carbon_intensity_gco2_kwh (here the mean over the run, there a reading at the time of the report),
    carbon_emissions_kg_co2, savings_vs_worst_kg_co2 (against 1,000 g/kWh, not a saving), renewable_percent (null
    where the source does not give it) and equivalent.
    """
    plain = report.model_dump(mode="json")
    return {**plain, **{theirs: plain[ours] for theirs, ours in HYPERSDK_NAMES.items()}}


def hypersdk_fields(report: CarbonReport) -> dict[str, Any]:
    """Return HyperSDK's eleven fields alone, in its order."""
    plain = report_json(report)
    return {name: plain[name] for name in HYPERSDK_FIELDS}


def read_report_json(document: dict[str, Any]) -> CarbonReport:
    """Read back what :func:`report_json` wrote; fields of a later release are left out.

    :raises ValueError: this is no report.
    """
    return CarbonReport.model_validate({n: v for n, v in document.items() if n in CarbonReport.model_fields})
