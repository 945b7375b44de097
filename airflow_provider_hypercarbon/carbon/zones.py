"""The zones of the mission, with ids that exist today, and aliases for the ids people bring along."""

from __future__ import annotations

import re

from airflow_provider_hypercarbon.carbon.intensity import Frozen
from airflow_provider_hypercarbon.exceptions import UnknownZoneError

_ZONE_KEY = re.compile(r"[A-Z]{2}(-[A-Z0-9]+)*")


class Zone(Frozen):
    """A grid zone of the catalogue.

    :param key: zone key as Electricity Maps spells it (config/zones as of 2026-08-21).
    :param place: one word that tells two entries with the same key apart.
    :param typical_gco2eq_per_kwh: Electricity Maps' yearly mean of 2025, life-cycle (ODbL: contains information
        from Electricity Maps, made available under the ODbL).
        None outside the catalogue.
    :param longitude: degrees east of the zone's largest load, for local solar time; None outside the catalogue.
    :param modelled: no live production data; the curve is a model's output, so do not delay jobs on it.
    """

    key: str
    place: str
    name: str
    region: str
    description: str
    typical_gco2eq_per_kwh: float | None = None
    longitude: float | None = None
    modelled: bool = False


#: The twelve zones of the HyperSDK documents; Beijing and Shanghai share Electricity Maps' one zone for China.
ZONES: tuple[Zone, ...] = tuple(
    Zone(
        key=key,
        place=place,
        name=name,
        region=region,
        description=description,
        typical_gco2eq_per_kwh=typical,
        longitude=longitude,
        modelled=key == "CN",
    )
    for key, place, name, region, description, typical, longitude in (
        ("US-CAL-CISO", "california", "US California (CISO)", "North America",
         "California Independent System Operator", 208, -119.0),
        ("US-NW-PACW", "pacific-northwest", "US Pacific Northwest (PacifiCorp West)", "North America",
         "Oregon and Washington", 204, -122.7),
        ("US-MIDW-MISO", "midwest", "US Midwest (MISO)", "North America",
         "Midcontinent Independent System Operator", 501, -90.2),
        ("DE", "germany", "Germany", "Europe", "German electricity grid", 342, 10.0),
        ("GB", "great-britain", "Great Britain", "Europe", "Great Britain without Northern Ireland", 176, -1.5),
        ("SE", "sweden", "Sweden", "Europe", "Swedish electricity grid, very clean", 21, 16.0),
        ("SG", "singapore", "Singapore", "Asia Pacific", "Singapore electricity grid", 483, 103.8),
        ("JP-TK", "tokyo", "Tokyo, Japan", "Asia Pacific", "Tokyo Electric Power Company area", 535, 139.7),
        ("AU-NSW", "sydney", "Sydney, Australia", "Asia Pacific", "New South Wales grid", 525, 151.2),
        ("IN-NO", "north-india", "North India", "Asia Pacific", "Northern India grid", 508, 77.2),
        ("CN", "beijing", "Beijing, China", "Asia Pacific", "China, modelled data", 485, 116.4),
        ("CN", "shanghai", "Shanghai, China", "Asia Pacific", "China, modelled data", 485, 121.5),
    )
)  # fmt: skip

#: Ids found in the HyperSDK code and documents, and retired keys, with the catalogue entry or zone they mean.
ALIASES: dict[str, str] = {
    "US-MISO": "US-MIDW-MISO",
    "US-PNW": "US-NW-PACW",
    "US-NEISO": "US-NE-ISNE",
    "US-PJM": "US-MIDA-PJM",
    "AUS-NSW": "AU-NSW",
    "EU-DE": "DE",
    "UK": "GB",
    "CN-BJ": "beijing",
    "CN-SH": "shanghai",
}


def find_zone(zone: str) -> Zone | None:
    """Return the catalogue's entry for a key, an alias or a place; None when it has none."""
    wanted = ALIASES.get(zone, zone)
    return next((entry for entry in ZONES if wanted in (entry.key, entry.place)), None)


def zone_key(zone: str) -> str:
    """Return the zone key that Electricity Maps knows for what a person wrote.

    A key outside the catalogue is passed on as it is: the provider has some 380.

    :raises UnknownZoneError: this cannot be a zone key.
    """
    if not isinstance(zone, str) or not zone.strip():
        raise UnknownZoneError('No zone given. "hypercarbon zones" lists the known ones.')
    if (entry := find_zone(zone)) is not None:
        return entry.key
    key = ALIASES.get(zone, zone)
    if not _ZONE_KEY.fullmatch(key):
        raise UnknownZoneError(unknown_zone_message(zone))
    return key


def unknown_zone_message(zone: str) -> str:
    """Say that a zone is unknown, with the closest known ids."""
    from difflib import get_close_matches  # only a mistake needs it

    known = sorted({entry.key for entry in ZONES} | set(ALIASES))
    close = get_close_matches(zone.upper(), known, n=2, cutoff=0.6)
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    return f'Unknown zone {zone!r}.{hint} "hypercarbon zones" lists the known ones.'
