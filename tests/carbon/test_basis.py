"""The requirements on what a wait may rest on: measured hours, not a model's output, unless the task says so."""

from __future__ import annotations

import pytest

from airflow_provider_hypercarbon.carbon.basis import at_once, refuse_without_basis
from airflow_provider_hypercarbon.carbon.outlook import Outlook
from airflow_provider_hypercarbon.carbon.policy import StartPolicy, StartWindow
from airflow_provider_hypercarbon.exceptions import NoBasisError
from airflow_provider_hypercarbon.sources.mock import MockSource
from airflow_provider_hypercarbon.sources.planning import plan_start
from tests.carbon.grid import HOUR, NOW, reading, series


def outlook(zone: str = "CN", source: str = "electricity_maps", **current: object) -> Outlook:
    now = reading(500, zone=zone).model_copy(update={"source": source, **current})
    return Outlook(
        zone=zone, current=now, measured=series([500] * 24, zone=zone).model_copy(update={"source": source})
    )


class TestModelled:
    def test_a_zone_without_measured_data_is_no_reason_to_wait(self):
        """With the reason, and the option that waits all the same."""
        with pytest.raises(NoBasisError, match=r"modelled throughout.*wait_on_modelled"):
            refuse_without_basis(outlook(), StartPolicy())
        refuse_without_basis(outlook(), StartPolicy(wait_on_modelled=True))

    def test_the_providers_own_mark_counts_too(self):
        """A zone may lose its measured data after the catalogue was made."""
        with pytest.raises(NoBasisError):
            refuse_without_basis(outlook("DE", estimation_method="GENERAL_PURPOSE_ZONE_DEVELOPMENT"), StartPolicy())
        refuse_without_basis(outlook("DE", estimation_method="TIME_SLICER_AVERAGE"), StartPolicy())

    def test_values_of_your_own_are_measured(self):
        """The flag is about Electricity Maps' data."""
        refuse_without_basis(outlook(source="trace"), StartPolicy())

    def test_the_job_starts_at_once_and_says_why(self):
        """One decision, nothing to come back for; with the option it is decided as anywhere."""
        window = StartWindow.opening(NOW, 12 * HOUR)
        decision = plan_start(MockSource(), "beijing", StartPolicy(), window, now=NOW)
        assert (decision.due, decision.reason, decision.check_again_at) == (True, "no_measured_basis", None)
        assert decision.sentence.startswith("Grid CN at ")
        assert "modelled (mock data). Starting now: the data of CN are modelled throughout" in decision.sentence
        waiting = plan_start(MockSource(), "beijing", StartPolicy(wait_on_modelled=True), window, now=NOW)
        assert waiting.reason != "no_measured_basis"

    def test_without_a_present_value_the_sentence_does_without(self):
        """There may be a forecast alone."""
        window = StartWindow.opening(NOW, HOUR)
        blind = Outlook(zone="HK", forecast=series([500] * 4, zone="HK"))
        decision = at_once(blind, NoBasisError("No basis."), StartPolicy(), window, now=NOW)
        assert decision.sentence.startswith("Starting now: no basis. Deadline ")
