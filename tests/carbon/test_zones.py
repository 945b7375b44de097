"""The requirements on zones: the mission's twelve, with ids that exist, under every name people bring."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_hypercarbon.carbon.zones import ALIASES, ZONES, find_zone, unknown_zone_message, zone_key
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
        """China has no live data, so nobody should delay a job on them."""
        assert {zone.key for zone in ZONES if zone.modelled} == {"CN"}

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
        ],
    )
    def test_keys_aliases_and_places_lead_to_the_key(self, written: str, key: str):
        """Also keys outside the catalogue: the provider has some 380."""
        assert zone_key(written) == key

    @pytest.mark.parametrize(
        ("written", "place"), [("CN-BJ", "beijing"), ("CN-SH", "shanghai"), ("shanghai", "shanghai")]
    )
    def test_the_two_places_of_one_key_are_told_apart(self, written: str, place: str):
        """By what the caller wrote."""
        entry = find_zone(written)
        assert entry is not None
        assert (entry.key, entry.place) == ("CN", place)

    @pytest.mark.parametrize(
        "written", ["XX-", "de", "DE ", "DE\n", "D", "DEU", "DE/../../admin", "DE&zone=FR", "中国"]
    )
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
        assert unknown_zone_message("us-miso").startswith("Unknown zone 'us-miso'. Did you mean US-M")
        assert "Did you mean" not in unknown_zone_message("Atlantis")

    @given(st.text())
    def test_no_text_makes_another_error(self, text: str):
        """A key, or an unknown zone."""
        with suppress(UnknownZoneError):
            assert re.fullmatch(r"[A-Z]{2}(-[A-Z0-9]+)*", zone_key(text))
