from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_hypercarbon.carbon.certainty import expected_error
from airflow_provider_hypercarbon.carbon.policy import StartPolicy
from airflow_provider_hypercarbon.carbon.start import decide_start
from tests.carbon.grid import HOUR, NOW, outlook, series_of, window

#: A grid that is at 200 and 400 by turns: its standard deviation is 100.
SWINGING = series_of(lambda t: 200.0 if t.hour % 2 else 400.0, NOW - timedelta(days=2), NOW)


class TestExpectedError:
    @pytest.mark.parametrize(
        ("hours", "error"), [(0, 0), (0.5, 8.5), (1, 17), (3, 30), (12, 49), (18, 56), (24, 63), (90, 63)]
    )
    def test_it_grows_with_the_lead(self, hours: float, error: float):
        """As measured for anchored forecasts, between the measured leads in proportion."""
        assert expected_error(SWINGING, hours * HOUR) == pytest.approx(error)

    def test_a_day_of_history_is_needed(self):
        """Nobody knows how far a grid moves that was seen for ten hours."""
        assert expected_error(None, HOUR) is None
        assert expected_error(SWINGING.model_copy(update={"slots": ()}), HOUR) is None
        assert expected_error(SWINGING.model_copy(update={"slots": SWINGING.slots[:10]}), HOUR) is None

    def test_a_plan_carries_it(self):
        """The decision says how sure the mean at the planned start is, half-way through the job."""
        measured = series_of(lambda t: 250.0 + 10 * (t.hour % 3), NOW - timedelta(days=2), NOW + HOUR)
        known = outlook([500, 500, 100, 100, 500, 500, 500]).model_copy(update={"measured": measured})
        decision = decide_start(known, StartPolicy(min_saving=0), window(), now=NOW)
        assert not decision.due
        lead = decision.start_at - NOW + decision.duration / 2
        assert decision.expected_error_gco2eq_per_kwh == pytest.approx(expected_error(measured, lead))
