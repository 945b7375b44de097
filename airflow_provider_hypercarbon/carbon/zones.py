"""Grid zones: the whole catalogue, the mission's twelve in words, and the names that people bring along."""

from __future__ import annotations

import re
from functools import cache

from airflow_provider_hypercarbon.carbon.intensity import Frozen
from airflow_provider_hypercarbon.exceptions import UnknownZoneError

_ZONE_KEY = re.compile(r"[A-Z]{2}(-[A-Z0-9]+)*")
#: A region of a cloud, which a source or the connection's own table turns into a zone: "aws:eu-central-1".
_CLOUD_REGION = re.compile(r"(aws|azure|gcp|ovh):[a-z0-9]+(-[a-z0-9]+)*")
#: ISO 3166 leaves ZZ to its users, so a key of your own never meets one of a provider.
_OWN = "ZZ-"


class Zone(Frozen):
    """A grid zone of the catalogue.

    :param key: zone key as Electricity Maps spells it (config/zones as of 2026-08-21); "GB-NESO-13" and the like
        are regions of NESO.
    :param place: one word that tells two entries with the same key apart.
    :param typical_gco2eq_per_kwh: Electricity Maps' yearly mean of 2025, life-cycle (ODbL: contains information
        from Electricity Maps, made available under the ODbL).
        None outside the twelve.
    :param longitude: degrees east of the zone's largest load, for local solar time; None outside the twelve.
    :param modelled: Electricity Maps has no live production data: the curve is a model's output, so no job is
        delayed on it unless the task says so.
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

#: Ids found in the HyperSDK code and documents, retired keys, and what people say, with the entry or zone they mean.
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
    "United Kingdom": "GB",
    "USA": "US",
    "Texas": "US-TEX-ERCO",
    "New York": "US-NY-NYIS",
    "Czech Republic": "CZ",
}


@cache
def catalogue() -> tuple[Zone, ...]:
    """Return every zone that a source of ours knows: the twelve, the rest of Electricity Maps', NESO's regions."""
    from airflow_provider_hypercarbon.carbon.zone_list import ELECTRICITY_MAPS, NESO_REGIONS

    described = {zone.key for zone in ZONES}
    rest = []
    for line in ELECTRICITY_MAPS.split("\n")[1:-1]:
        key, country, name, *flags = line.split("|")
        if key not in described:
            said = name if name == country else f"{name}, {country}"
            rest.append(
                Zone(key=key, place=key.lower(), name=name, region=country, description=said, modelled="m" in flags)
            )
    for line in NESO_REGIONS.split("\n")[1:-1]:
        number, place, name = line.split("|")
        key, said = f"GB-NESO-{number}", f"{name}, a region of NESO"
        rest.append(Zone(key=key, place=place, name=name, region="Great Britain", description=said))
    return (*ZONES, *rest)


@cache
def _entries() -> dict[str, Zone]:
    """The catalogue by key and by place; the first entry of a key is the one of its name."""
    found: dict[str, Zone] = {}
    for zone in catalogue():
        found.setdefault(zone.key, zone)
        found.setdefault(zone.place, zone)
    return found


@cache
def _spoken() -> dict[str, Zone]:
    """The catalogue by everything that a zone is called, in small letters; no two zones share a name."""
    found: dict[str, Zone] = {alias.lower(): _entries()[meant] for alias, meant in ALIASES.items()}
    for zone in catalogue():
        for name in (zone.key, zone.place, zone.name):
            found.setdefault(name.lower(), zone)
    return found


@cache
def _keys() -> frozenset[str]:
    """The keys of the catalogue alone, which cost no models: what reading a DAG file needs."""
    from airflow_provider_hypercarbon.carbon.zone_list import ELECTRICITY_MAPS, NESO_REGIONS

    regions = (line.partition("|")[0] for line in NESO_REGIONS.split("\n")[1:-1])
    return frozenset(
        [*(line.partition("|")[0] for line in ELECTRICITY_MAPS.split("\n")[1:-1]), *(f"GB-NESO-{n}" for n in regions)]
    )


@cache
def _retired() -> dict[str, str]:
    """Keys out of use, with the key to use instead; empty where there is none."""
    from airflow_provider_hypercarbon.carbon.zone_list import RETIRED

    lines = (line.split(": ") for line in RETIRED.split("\n")[1:-1])
    return {key: new.strip("-") for new, keys in lines for key in keys.split()}


def find_zone(zone: str) -> Zone | None:
    """Return the catalogue's entry for a key, an alias, a place or a name; None when it has none."""
    wanted = ALIASES.get(zone, zone)
    described = next((entry for entry in ZONES if wanted in (entry.key, entry.place)), None)
    return described or _entries().get(wanted) or _spoken().get(wanted.lower())


def is_modelled(zone: str) -> bool:
    """Whether Electricity Maps has no measured data of a zone."""
    entry = find_zone(zone)
    return entry is not None and entry.modelled


def is_cloud_region(zone: str) -> bool:
    """Whether this names a region of a cloud, such as ``aws:eu-central-1``, and not a zone."""
    return _CLOUD_REGION.fullmatch(zone) is not None


def zone_key(zone: str) -> str:
    """Return the zone key, or the cloud region, for what a person wrote.

    Keys, aliases, places and names, in capital or small letters: ``DE``, ``de``, ``Germany``. A key that the
    catalogue does not have is passed on as it is: providers add some. A region of a cloud is, too.

    :raises UnknownZoneError: this cannot be a zone key, or is one that was taken out of use.
    """
    if not isinstance(zone, str) or not zone.strip():
        raise UnknownZoneError('No zone given. "hypercarbon zones" lists the known ones.')
    wanted = ALIASES.get(zone, zone)
    if wanted in _keys():
        return wanted
    for entry in ZONES:
        if wanted == entry.place:
            return entry.key
    if is_cloud_region(zone.lower()):
        return zone.lower()
    if wanted not in _retired() and (known := _spoken().get(wanted.lower())) is not None:
        return known.key
    if not _ZONE_KEY.fullmatch(wanted) or wanted in _retired():
        raise UnknownZoneError(unknown_zone_message(zone))
    return wanted


def known_zone_key(zone: str) -> str:
    """Return the key of a zone as :func:`zone_key` does; refuse one that nobody knows, which is a typing error.

    Keys of your own begin with ``ZZ-``. Where the zone of a connection is newer than the catalogue, it passes.

    :raises UnknownZoneError: with the closest known keys.
    """
    key = zone_key(zone)
    if key in _keys() or is_cloud_region(key) or key.startswith(_OWN):
        return key
    raise UnknownZoneError(unknown_zone_message(zone))


def unknown_zone_message(zone: str) -> str:
    """Say that a zone is unknown, with the closest known ids."""
    if zone in _retired():
        instead = _retired()[zone]
        hint = f" Use {instead} instead." if instead else ""
        return f"Zone {zone!r} was taken out of use by Electricity Maps.{hint}"
    close = _closest(zone)
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    return f'Unknown zone {zone!r}.{hint} "hypercarbon zones" lists the known ones.'


def _closest(zone: str) -> list[str]:
    """Return at most two zones that may be meant: keys that are written alike, or keys with names that are."""
    from difflib import get_close_matches  # only a mistake needs it

    wanted = zone.strip().lower()
    keys = [key for key in sorted({*_keys(), *ALIASES}) if key != zone]
    if close := get_close_matches(wanted.upper(), keys, n=2, cutoff=0.6):
        return close
    alike = get_close_matches(wanted, list(_spoken()), n=2, cutoff=0.75)
    if len(wanted) > 3:
        alike += [name for name in _spoken() if wanted in name]
    found = {
        entry.key: f"{entry.key} ({entry.name})" for entry in map(_spoken().__getitem__, alike) if entry.key != zone
    }
    return list(found.values())[:2]
