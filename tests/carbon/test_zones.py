"""The requirements on zones: the mission's twelve, with ids that exist, under every name people bring."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_hypercarbon.carbon.zones import (
    ALIASES,
    ZONES,
    catalogue,
    find_zone,
    is_cloud_region,
    is_modelled,
    known_zone_key,
    unknown_zone_message,
    zone_key,
)
from airflow_provider_hypercarbon.exceptions import UnknownZoneError

#: Active at Electricity Maps.
KEYS = [
    "US-CAL-CISO", "US-NW-PACW", "US-MIDW-MISO", "DE", "GB", "SE", "SG", "JP-TK", "AU-NSW", "IN-NO", "CN",
]  # fmt: skip


class TestCatalogue:
    def test_it_has_the_twelve_zones_of_the_mission(self):
        """Beijing and Shanghai are two places with one key."""
        assert len(ZONES) == 12
        assert list(dict.fromkeys(zone.key for zone in ZONES)) == KEYS
        assert len({zone.place for zone in ZONES}) == 12

    def test_each_entry_is_complete(self):
        """With a typical intensity and a longitude on earth, for the page and for local solar time."""
        for zone in ZONES:
            assert zone.name
            assert zone.description
            assert zone.region in ("North America", "Europe", "Asia Pacific")
            assert zone.typical_gco2eq_per_kwh is not None
            assert 0 < zone.typical_gco2eq_per_kwh < 1000
            assert zone.longitude is not None
            assert -180 <= zone.longitude <= 180

    def test_modelled_zones_are_marked(self):
        """China has no live data, so nobody should delay a job on them; 166 zones are like that."""
        assert {zone.key for zone in ZONES if zone.modelled} == {"CN"}
        assert len({zone.key for zone in catalogue() if zone.modelled}) == 166
        assert is_modelled("HK")
        assert is_modelled("beijing")
        # Live data of their own, or as the sum of zones that have them; and zones nobody has heard of.
        assert not any(is_modelled(key) for key in ("DE", "SG", "IT", "US", "GB-NESO-13", "ZZ-SITE"))

    def test_it_has_every_key_that_a_source_knows(self):
        """379 of Electricity Maps, 17 regions of NESO, each once but for China's two places."""
        keys = [zone.key for zone in catalogue()]
        assert len(set(keys)) == 379 + 17
        assert len(keys) == len(set(keys)) + 1
        assert catalogue()[:12] == ZONES
        assert all(re.fullmatch(r"[A-Z]{2}(-[A-Z0-9]+)*", key) for key in keys)
        assert find_zone("london") == find_zone("GB-NESO-13")

    def test_no_alias_hides_a_key_or_a_place(self):
        """And each leads to a place, or to a key that could exist."""
        assert not {name for zone in ZONES for name in (zone.key, zone.place)} & set(ALIASES)
        for alias in ALIASES:
            assert re.fullmatch(r"[A-Z]{2}(-[A-Z0-9]+)*", zone_key(alias))


class TestNames:
    @pytest.mark.parametrize(
        ("written", "key"),
        [
            ("DE", "DE"),
            ("germany", "DE"),
            ("EU-DE", "DE"),
            ("UK", "GB"),
            ("US-MISO", "US-MIDW-MISO"),
            ("US-PNW", "US-NW-PACW"),
            ("AUS-NSW", "AU-NSW"),
            ("CN-BJ", "CN"),
            ("CN-SH", "CN"),
            ("US-NEISO", "US-NE-ISNE"),
            ("US-PJM", "US-MIDA-PJM"),
            ("FR", "FR"),
            ("SE-SE3", "SE-SE3"),
            ("de", "DE"),
            ("Germany", "DE"),
            ("FRANCE", "FR"),
            ("united kingdom", "GB"),
            ("uk", "GB"),
            ("us-miso", "US-MIDW-MISO"),
            ("Texas", "US-TEX-ERCO"),
            ("London", "GB-NESO-13"),
        ],
    )
    def test_keys_aliases_places_and_names_lead_to_the_key(self, written: str, key: str):
        """In capital and small letters; also keys outside the twelve."""
        assert zone_key(written) == key

    @pytest.mark.parametrize(
        ("written", "place"), [("CN-BJ", "beijing"), ("CN-SH", "shanghai"), ("shanghai", "shanghai")]
    )
    def test_the_two_places_of_one_key_are_told_apart(self, written: str, place: str):
        """By what the caller wrote."""
        entry = find_zone(written)
        assert entry is not None
        assert (entry.key, entry.place) == ("CN", place)

    @pytest.mark.parametrize("written", ["XX-", "DE ", "DE\n", "D", "DEU", "DE/../../admin", "DE&zone=FR", "中国"])
    def test_what_cannot_be_a_key_is_refused(self, written: str):
        """At once, before anything is sent; with the command that lists the zones."""
        with pytest.raises(UnknownZoneError, match="hypercarbon zones"):
            zone_key(written)

    @pytest.mark.parametrize("written", ["", "  ", None, 7, ["DE"]])
    def test_no_zone_is_refused(self, written: object):
        """An empty setting, or something that is no text."""
        with pytest.raises(UnknownZoneError, match="No zone given"):
            zone_key(written)  # type: ignore[arg-type]

    def test_the_refusal_names_what_may_be_meant(self):
        """The nearest known ids."""
        assert unknown_zone_message("us-mizo").startswith("Unknown zone 'us-mizo'. Did you mean US-M")
        assert "NZ-NZS" in unknown_zone_message("zealand") or "New Zealand" in unknown_zone_message("zealand")
        assert "Did you mean" not in unknown_zone_message("Atlantis")

    @pytest.mark.parametrize(
        "zone", ["DE", "germany", "US-MISO", "london", "SE-SE3", "aws:eu-central-1", "ZZ-FRANKFURT"]
    )
    def test_a_known_one_passes_at_parse_time(self, zone: str):
        """Keys, places, aliases, regions of clouds, and keys of your own."""
        assert known_zone_key(zone) == zone_key(zone)

    @pytest.mark.parametrize(
        ("written", "meant"),
        [
            ("US-CAL-CSIO", "US-CAL-CISO"),
            ("US-MIDW-MSO", "US-MIDW-MISO"),
            ("SE-SE5", "SE-SE"),
            ("AU-NWS", "AU-NSW"),
            ("germny", r"DE \(Germany\)"),
            ("Frnace", r"FR \(France\)"),
            ("Reliability Council", "US-TEX-ERCO"),
        ],
    )
    def test_a_typing_error_is_told_from_a_zone(self, written: str, meant: str):
        """When the DAG file is read, with what was probably meant."""
        with pytest.raises(UnknownZoneError, match=f"Did you mean .*{meant}"):
            known_zone_key(written)

    @pytest.mark.parametrize("key", ["FR", "XX", "GB-NESO-13"])
    def test_nobody_is_told_that_a_zone_is_called_what_they_called_it(self, key: str):
        """A source that does not have it refuses it; the hint is for other zones."""
        assert f"mean {key}" not in unknown_zone_message(key)
        assert f"or {key}" not in unknown_zone_message(key)

    def test_no_two_zones_share_a_name(self):
        """Else a name would lead to one of them by chance."""
        names = [zone.name.lower() for zone in catalogue()]
        assert len(set(names)) == len(names)

    @pytest.mark.parametrize(("retired", "instead"), [("IN-DL", "IN-NO"), ("IN-MH", "IN-WE"), ("US-HI-OA", "US-HI")])
    def test_a_retired_key_names_the_one_to_use(self, retired: str, instead: str):
        """Everywhere, as no provider answers for it."""
        with pytest.raises(UnknownZoneError, match=f"Use {instead} instead"):
            zone_key(retired)

    def test_a_retired_key_without_a_successor_says_so(self):
        """There is nothing to suggest."""
        with pytest.raises(UnknownZoneError, match=r"taken out of use by Electricity Maps\.$"):
            zone_key("US-SE-AEC")

    @pytest.mark.parametrize("region", ["aws:eu-central-1", "gcp:europe-west3", "azure:westeurope", "AWS:us-east-1"])
    def test_a_region_of_a_cloud_is_passed_on(self, region: str):
        """The provider, or the connection's own table, knows its zone."""
        assert zone_key(region) == region.lower()
        assert is_cloud_region(region.lower())
        assert not is_cloud_region("DE")

    @given(st.text())
    def test_no_text_makes_another_error(self, text: str):
        """A key, or an unknown zone."""
        with suppress(UnknownZoneError):
            assert re.fullmatch(r"[A-Z]{2}(-[A-Z0-9]+)*", zone_key(text))
