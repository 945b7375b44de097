from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from airflow_provider_hypercarbon.carbon.footprint import CarbonReport, make_report
from airflow_provider_hypercarbon.carbon.intensity import IntensitySeries, Slot
from airflow_provider_hypercarbon.carbon.lifetime import Retention
from airflow_provider_hypercarbon.carbon.reconcile import Asked, NotComparableError, reconciled
from tests.carbon.grid import HOUR, NOW, series


def estimated(values: list[float], start: datetime = NOW, **more: object) -> IntensitySeries:
    made = series(values, start, **more)
    return made.model_copy(update={"slots": tuple(Slot(s.start_at, s.gco2eq_per_kwh, True) for s in made.slots)})


def provisional(**more: object) -> CarbonReport:
    fields: dict[str, object] = {
        "operation_id": "job",
        "zone": "DE",
        "started_at": NOW + HOUR,
        "ended_at": NOW + 3 * HOUR,
        "scheduled_at": NOW,
        "series": estimated([400, 300, 200, 100]),
        "data_gb": 500.0,
    }
    return make_report(**{**fields, **more})  # type: ignore[arg-type]


def with_answers(
    report: CarbonReport, answer: IntensitySeries | None, **more: IntensitySeries
) -> CarbonReport | None:
    def ask(asked: Asked) -> IntensitySeries | None:
        return more.get("other" if asked.other_factors else asked.zone, answer)

    return reconciled(report, ask)


class TestReconciled:
    def test_final_values_make_it_final(self):
        """The same energy and times with the provider's later values; the same as if they had been there."""
        old, final = provisional(), series([400, 310, 190, 100])
        assert old.provisional
        assert with_answers(old, final) == provisional(series=final)
        assert not provisional(series=final).provisional

    def test_values_that_stay_estimates_and_change(self):
        """A better estimate is a revision; the report may still change."""
        revised = with_answers(provisional(), estimated([400, 310, 190, 100]))
        assert revised is not None
        assert revised.provisional
        assert revised.mean_gco2eq_per_kwh == pytest.approx(250)

    def test_nothing_new_is_no_revision(self):
        """The same values, whenever they were issued, however they came and whatever software asks."""
        old = provisional().model_copy(update={"software_version": "0.0.9"})
        assert with_answers(old, estimated([400, 300, 200, 100], issued_at=NOW + 9 * HOUR)) is None
        late = estimated([400, 300, 200, 100]).model_copy(
            update={"problems": ("It is an hour old.",), "estimation_method": "MODEL"}
        )
        assert with_answers(old, late) is None
        assert with_answers(provisional(series=late), estimated([400, 300, 200, 100])) is None
        assert with_answers(old, None) is None

    def test_final_with_the_same_numbers_is_a_revision(self):
        """That they are settled now is news."""
        revised = with_answers(provisional(), series([400, 300, 200, 100]))
        assert revised is not None
        assert not revised.provisional

    def test_a_provider_that_forgets_takes_nothing_away(self):
        """Fewer slots than at the time of the run: the report stays."""
        assert with_answers(provisional(), series([400, 300])) is None
        assert with_answers(provisional(), series([300, 200, 100], NOW + HOUR)) is None

    @pytest.mark.parametrize("other", [{"source": "another"}, {"signal": {"factors": "direct"}}])
    def test_another_source_or_signal_is_refused(self, other: dict[str, object]):
        """Numbers by another method would not be a revision of these."""
        with pytest.raises(NotComparableError, match="job was reported by test"):
            with_answers(provisional(), series([1, 1, 1, 1], **other))

    def test_another_method_is_refused(self):
        """A report of an earlier release is not computed by the rules of this one."""
        old = provisional().model_copy(update={"method": "hypercarbon-1"})
        with pytest.raises(NotComparableError, match="another method"):
            with_answers(old, series([1, 1, 1, 1]))

    def test_a_report_without_any_value_gets_them(self):
        """The source had nothing when the run ended."""
        empty = provisional(series=None)
        assert empty.emissions_kgco2eq is None
        revised = with_answers(empty, series([400, 300, 200, 100]))
        assert revised is not None
        assert revised.emissions_kgco2eq is not None
        assert revised.missing == ()

    def test_scopes_are_split_again_or_not_revised(self):
        """A report with both scopes keeps both."""
        old = provisional(counterpart=series([40, 30, 20, 10], signal={"factors": "direct"}))
        final, direct = series([400, 300, 200, 100]), series([40, 30, 20, 10], signal={"factors": "direct"})
        revised = with_answers(old, final, other=direct)
        assert revised is not None
        assert revised.scope2_location_kgco2eq == old.scope2_location_kgco2eq

        def without(asked: Asked) -> IntensitySeries | None:
            return None if asked.other_factors else final

        assert reconciled(old, without) is None

    def test_disks_elsewhere_keep_their_zone(self):
        """The day before the end is asked for in the target's zone."""
        day = series([50] * 24, NOW - 21 * HOUR, zone="SE")
        kept = {"retention": Retention(days=30, zone="SE"), "retention_series": day}
        revised = with_answers(provisional(**kept), series([400, 300, 200, 100]), SE=day)
        assert revised is not None
        assert revised.retention_mean_gco2eq_per_kwh == pytest.approx(50)

    def test_disks_at_home_need_the_day_before_too(self):
        """One question covers both."""
        asked: list[Asked] = []
        old = provisional(retention=Retention(days=30), series=estimated([100] * 30, start=NOW - 24 * HOUR))
        reconciled(old, lambda a: asked.append(a))  # type: ignore[func-returns-value]
        assert asked == [Asked("DE", NOW - timedelta(hours=21), NOW + 3 * HOUR)]
