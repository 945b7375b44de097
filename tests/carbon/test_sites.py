"""The requirements on choosing a site: the lowest expected mean, the first site in doubt, never two bases."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from airflow_provider_hypercarbon.carbon.decision import StartDecision, StartReason
from airflow_provider_hypercarbon.carbon.intensity import Signal
from airflow_provider_hypercarbon.carbon.sites import SiteChoice, choose_site
from tests.carbon.grid import HOUR, NOW


def decision(zone: str, mean: float | None, *, later: float = 0, **more: object) -> StartDecision:
    due = not later
    given = {
        "due": due, "reason": StartReason.CLEANEST if due else StartReason.CLEANER_LATER, "sentence": "A sentence.",
        "zone": zone, "decided_at": NOW, "ready_at": NOW, "deadline": NOW + 4 * HOUR, "start_at": NOW + later * HOUR,
        "duration": timedelta(hours=2), "strategy": "cleanest", "source": "maps", "signal": Signal(),
        "mean_now_gco2eq_per_kwh": mean if due else 999, "mean_at_start_gco2eq_per_kwh": mean, **more,
    }  # fmt: skip
    return StartDecision.model_validate(given)


def choose(*decisions: StartDecision, min_saving: float = 0.01) -> SiteChoice:
    choice = choose_site([(f"at_{d.zone.lower()}", d) for d in decisions], min_saving=min_saving)
    assert SiteChoice.model_validate(json.loads(json.dumps(choice.model_dump(mode="json")))) == choice
    return choice


class TestChoice:
    def test_the_cleanest_is_chosen_with_all_means_told(self):
        """The best start of each counts, now or later."""
        choice = choose(decision("DE", 400), decision("GB", 200), decision("SE", 30, later=2))
        assert (choice.task_id, choice.zone, choice.decision.start_at) == ("at_se", "SE", NOW + 2 * HOUR)
        assert choice.sentence == (
            "Going to SE, cleanest of 3 sites: mean 30 gCO2eq/kWh over 2 h from 20:00 UTC (DE 400, GB 200)."
        )
        assert [site.mean_gco2eq_per_kwh for site in choice.sites] == [400, 200, 30]

    def test_the_first_site_is_left_only_for_a_saving(self):
        """Moving a backup costs something; ties stay."""
        near = choose(decision("DE", 100), decision("FR", 99.5))
        assert near.task_id == "at_de"
        assert "the first site, as no other is cleaner by enough" in near.sentence
        assert choose(decision("DE", 100), decision("FR", 99.5), min_saving=0).task_id == "at_fr"
        assert choose(decision("DE", 100), decision("FR", 100), min_saving=0).task_id == "at_de"
        assert choose(decision("DE", 400), decision("FR", 90), min_saving=0.5).task_id == "at_fr"

    @pytest.mark.parametrize("signal", [Signal(factors="operational"), Signal(kind="marginal")], ids=str)
    def test_two_bases_are_never_compared(self, signal: Signal):
        """A lower number that counts less is not cleaner."""
        choice = choose(decision("DE", 400), decision("GB", 100, signal=signal, source="neso"))
        assert choice.task_id == "at_de"
        assert "two bases are never compared" in choice.sites[1].not_compared
        assert "the only site that can be compared" in choice.sentence
        assert "GB not compared" in choice.sentence

    def test_a_site_without_data_is_not_the_cleanest(self):
        """Neither when it is the first; the reason is its decision's own."""
        blind = decision("DE", None, reason=StartReason.NO_DATA, problems=("No forecast: down.",))
        choice = choose(blind, decision("PL", 700))
        assert (choice.task_id, choice.sites[0].not_compared) == ("at_pl", "No forecast: down.")

    def test_without_any_data_it_is_the_first(self):
        """The backup goes where it always went."""
        choice = choose(decision("DE", None), decision("GB", None))
        assert choice.task_id == "at_de"
        assert choice.sentence == "Going to DE, the first site: nothing is known of any grid (A sentence)."
