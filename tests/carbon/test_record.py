from __future__ import annotations

import json

import pytest

from airflow_provider_hypercarbon.carbon.decision import at_deadline
from airflow_provider_hypercarbon.carbon.record import DecisionRecord, record_of
from airflow_provider_hypercarbon.carbon.start import decide_start
from tests.carbon.grid import HOUR, NOW, PLAIN, outlook, reading, series, window

FORECAST = [500.0, 500, 100, 100, 500, 500, 500]


class TestDecisionRecord:
    def test_it_holds_what_the_decision_was_made_on(self):
        """The curve as believed, every candidate with its mean, the inputs by source and time."""
        known = outlook(FORECAST).model_copy(update={"current": reading(510)})
        decision = decide_start(known, PLAIN, window(), now=NOW)
        record = record_of(decision, known, PLAIN, window(), now=NOW)
        assert record.current == known.current
        assert record.forecast is not None
        assert (record.forecast.slots, record.forecast.first_at) == (7, NOW)
        assert record.measured is None
        assert record.curve_start_at == NOW
        assert record.curve_gco2eq_per_kwh[2] == pytest.approx(100)
        means = dict(record.candidates)
        assert means[decision.start_at] == pytest.approx(decision.mean_at_start_gco2eq_per_kwh)
        assert min(mean for mean in means.values() if mean is not None) == means[decision.start_at]

    def test_it_is_plain_json_and_comes_back_the_same(self):
        """What is kept can be read again."""
        decision = decide_start(outlook(FORECAST), PLAIN, window(), now=NOW)
        record = record_of(decision, outlook(FORECAST), PLAIN, window(), now=NOW)
        text = json.dumps(record.model_dump(mode="json"), allow_nan=False)
        assert DecisionRecord.model_validate(json.loads(text)) == record

    def test_a_start_at_the_deadline_asked_nothing(self):
        """Nothing was asked, and nothing is claimed to have been known."""
        decision = at_deadline("DE", PLAIN, window(), now=NOW + 4 * HOUR)
        record = record_of(decision, None, PLAIN, window(), now=NOW + 4 * HOUR)
        assert record == DecisionRecord(decision=decision)

    def test_inputs_that_do_not_fit_have_no_curve(self):
        """A mixture is recorded as what came in, without a curve."""
        known = outlook(FORECAST).model_copy(update={"measured": series([1.0] * 30, zone="FR")})
        decision = at_deadline("DE", PLAIN, window(), now=NOW + 4 * HOUR)
        record = record_of(decision, known, PLAIN, window(), now=NOW)
        assert record.curve_gco2eq_per_kwh == ()
        assert record.measured is not None
