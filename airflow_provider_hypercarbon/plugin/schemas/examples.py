"""What the four routes of the HyperSDK documents answer, for the OpenAPI document; a test asks them anew."""

from __future__ import annotations

from typing import Any

STATUS: dict[str, Any] = {
    "zone": "US-CAL-CISO",
    "current_intensity": 145.2,
    "renewable_percent": None,
    "optimal_for_backup": True,
    "next_optimal_time": None,
    "forecast_next_4h": [
        {"time": "2026-11-23T18:00:00Z", "intensity": 145.2, "quality": "good"},
        {"time": "2026-11-23T19:00:00Z", "intensity": 132.1, "quality": "good"},
        {"time": "2026-11-23T20:00:00Z", "intensity": 118.6, "quality": "good"},
        {"time": "2026-11-23T21:00:00Z", "intensity": 105.2, "quality": "good"},
        {"time": "2026-11-23T22:00:00Z", "intensity": 142.8, "quality": "good"},
    ],
    "reasoning": "Grid US-CAL-CISO at 145 gCO2eq/kWh, good: at or under 200.",
    "quality": "good",
    "timestamp": "2026-11-23T18:00:00Z",
    "threshold": 200.0,
    "source": "electricity_maps",
    "estimated": False,
    "synthetic": None,
}
REPORT: dict[str, Any] = {
    "operation_id": "job-123",
    "start_time": "2026-11-23T14:00:00Z",
    "end_time": "2026-11-23T16:00:00Z",
    "duration_hours": 2.0,
    "data_size_gb": 500.0,
    "energy_kwh": 0.092198,
    "carbon_intensity_gco2_kwh": 145.2,
    "carbon_emissions_kg_co2": 0.0133871,
    "savings_vs_worst_kg_co2": 0.0788109,
    "renewable_percent": None,
    "equivalent": "55 m of driving an average car",
    "carbon_emissions_low_kg_co2": 0.0028851,
    "carbon_emissions_high_kg_co2": 0.1026237,
    "difference_to_scheduled_kg_co2": None,
    "energy_model": "default-v1",
    "source": "electricity_maps",
    "provisional": False,
    "synthetic": None,
    "missing": [],
    "method": "hypercarbon-2: energy x time-weighted mean intensity; location-based; attributional",
}
ESTIMATE: dict[str, Any] = {
    "current_intensity_gco2_kwh": 350.0,
    "current_emissions_kg_co2": 0.0147693,
    "best_intensity_gco2_kwh": 120.0,
    "best_emissions_kg_co2": 0.0050638,
    "best_time": "2026-11-23T21:00:00Z",
    "savings_kg_co2": 0.0097055,
    "savings_percent": 65.7142857,
    "delay_minutes": 160.0,
    "recommendation": "Delay 160 minutes to emit 0.0097 kgCO2eq less (66 % of the run).",
    "forecast": [
        {"time": "2026-11-23T18:00:00Z", "intensity": 350.0, "quality": "moderate"},
        {"time": "2026-11-23T19:00:00Z", "intensity": 350.0, "quality": "moderate"},
        {"time": "2026-11-23T20:00:00Z", "intensity": 350.0, "quality": "moderate"},
        {"time": "2026-11-23T21:00:00Z", "intensity": 120.0, "quality": "good"},
        {"time": "2026-11-23T22:00:00Z", "intensity": 120.0, "quality": "good"},
        {"time": "2026-11-23T23:00:00Z", "intensity": 350.0, "quality": "moderate"},
        {"time": "2026-11-24T00:00:00Z", "intensity": 350.0, "quality": "moderate"},
    ],
    "energy_kwh": 0.042198,
    "energy_model": "default-v1",
    "source": "electricity_maps",
    "synthetic": None,
}
ZONE: dict[str, Any] = {
    "id": "US-CAL-CISO",
    "name": "US California (CISO)",
    "region": "North America",
    "description": "California Independent System Operator",
    "typical_intensity": 208.0,
    "modelled": False,
}
