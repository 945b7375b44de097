from __future__ import annotations

import pytest

from airflow_provider_hypercarbon.carbon.report_words import report_sentence
from tests.carbon.grid import HOUR, NOW, series
from tests.carbon.test_footprint import report


def test_one_line_says_it_all():
    """Energy, intensity, kg with range and unit, the difference with its sign, the source and its signal."""
    assert report_sentence(report(series([400, 400, 100, 116]), start=2, scheduled_at=NOW)) == (
        "job-1 in DE, 2 h: 0.25 kWh (hypersdk-v1), mean 108 gCO2eq/kWh, 0.027 kgCO2eq (0.0135 to 0.054). "
        "Difference to the scheduled start 2026-03-02 18:00 UTC: -0.073 kgCO2eq (attributional). "
        "Source test (average, lifecycle)."
    )


def test_more_than_scheduled_has_a_plus():
    """A difference carries its sign in both directions; none has no sign."""
    assert "UTC: +0.075 kgCO2eq" in report_sentence(report(series([100, 100, 400, 400]), start=2, scheduled_at=NOW))
    assert "UTC: 0 kgCO2eq" in report_sentence(report(series([400, 400]), scheduled_at=NOW))


def test_provisional_and_made_up_are_said():
    """Half of the run is known, from the mock."""
    text = report_sentence(report(series([300, 300], synthetic="mock"), start=1))
    assert text.endswith(
        "Source test (average, lifecycle), provisional, 50% of the run covered, mock data: made up, not for any sum."
    )
    assert "Difference" not in text


def test_an_estimated_run_is_provisional_without_a_share():
    """All hours are there, one is an estimate."""
    grid = series([300, 300])
    slots = tuple(slot._replace(estimated=True) for slot in grid.slots)
    text = report_sentence(report(grid.model_copy(update={"slots": slots})))
    assert text.endswith("provisional.")


def test_unknown_is_called_unknown():
    """No number appears where there is none."""
    assert report_sentence(report(None, data_gb=None, scheduled_at=NOW - HOUR)) == (
        "job-1 in DE, 2 h: emissions unknown (energy unknown, intensity unknown). Difference to the scheduled start "
        "2026-03-02 17:00 UTC unknown. No source, provisional, 0% of the run covered."
    )
    assert "(0.25 kWh (hypersdk-v1), intensity unknown)" in report_sentence(report(None))


@pytest.mark.parametrize("word", ["saved", "avoided", "saving"])
def test_nothing_is_claimed(word: str):
    """An attributional difference is not a saving."""
    assert word not in report_sentence(report(series([400, 400, 100, 100]), start=2, scheduled_at=NOW)).lower()


def test_small_and_large_figures_have_no_exponent():
    """A second of a small export, and a month of a large one."""
    assert "e-" not in report_sentence(report(series([20]), hours=1 / 3600, data_gb=0.001))
    assert "1,410,000 kWh" in report_sentence(report(None, hours=700, data_gb=40_300_000.0))
