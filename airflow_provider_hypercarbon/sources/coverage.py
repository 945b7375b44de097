"""Which sources know which zones, without asking any of them."""

from __future__ import annotations

from airflow_provider_hypercarbon.carbon.zones import catalogue

#: What a source needs before it answers.
NEEDS = {
    "neso": "no key",
    "energy_charts": "no key",
    "electricity_maps": "token",
    "watttime": "account",
    "ember_yearly": "nothing; yearly averages",
}


def known_by() -> dict[str, tuple[str, ...]]:
    """Return the names of the sources for each zone key of the catalogue, those without a key first.

    WattTime's other regions come with the connection, and a trace has what its keeper writes.
    """
    from airflow_provider_hypercarbon.sources.ember import EmberYearlySource
    from airflow_provider_hypercarbon.sources.energy_charts import EnergyChartsSource
    from airflow_provider_hypercarbon.sources.neso import NesoSource
    from airflow_provider_hypercarbon.sources.watttime import REGIONS

    keys = [zone.key for zone in catalogue()]
    known = {
        "neso": {zone.key for zone in NesoSource().zones()},
        "energy_charts": {zone.key for zone in EnergyChartsSource().zones()},
        "electricity_maps": {key for key in keys if not key.startswith("GB-NESO-")},
        "watttime": set(REGIONS),
        "ember_yearly": {zone.key for zone in EmberYearlySource().zones()},
    }
    return {key: tuple(name for name, zones in known.items() if key in zones) for key in keys}
