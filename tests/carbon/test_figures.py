from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_hypercarbon.carbon.energy_models import DEFAULT_ENERGY_MODEL
from airflow_provider_hypercarbon.carbon.footprint import (
    CarbonReport,
    GridData,
    history_needed,
    make_report,
    retention_history_needed,
    revise_report,
)
from airflow_provider_hypercarbon.carbon.intensity import IntensitySeries, Signal, Slot
from airflow_provider_hypercarbon.carbon.lifetime import EmbodiedShare, Retention
from airflow_provider_hypercarbon.carbon.means import series_mean, window_means
from airflow_provider_hypercarbon.carbon.report_json import hypersdk_fields, read_report_json, report_json
from airflow_provider_hypercarbon.exceptions import BadDataError, UnknownZoneError
from tests.carbon.grid import HOUR, NOW, series, series_of, solar_day
from tests.carbon.test_footprint import report

DIRECT, MARGINAL = Signal(factors="direct"), Signal(kind="marginal")


class TestWindow:
    def test_the_run_against_every_start_of_the_window(self):
        """Means of two hours over 400, 400, 100, 100, 700: starts at 0, 1, 2, 3 h meet 400, 250, 100, 400."""
        found = report(series([400, 400, 100, 100, 700]), start=2, scheduled_at=NOW, latest_start_at=NOW + 3 * HOUR)
        assert found.worst_start_gco2eq_per_kwh == pytest.approx(400)
        assert found.worst_start_at == NOW
        assert found.window_mean_gco2eq_per_kwh == pytest.approx((325 + 175 + 250) / 3)
        assert found.difference_to_window_mean_kgco2eq == pytest.approx(0.25 * (100 - 250) / 1000)
        assert found.difference_to_worst_start_kgco2eq == pytest.approx(0.25 * (100 - 400) / 1000)
        assert not found.provisional

    def test_a_window_that_is_not_over_is_unknown_and_may_still_be(self):
        """The run started early: the last starts lie in hours that nobody has measured yet."""
        found = report(series([400, 400, 100]), hours=1, scheduled_at=NOW, latest_start_at=NOW + 3 * HOUR)
        assert found.window_mean_gco2eq_per_kwh is None
        assert found.worst_start_at is None
        assert found.difference_to_worst_start_kgco2eq is None
        assert found.difference_to_scheduled_kgco2eq == 0
        assert found.provisional
        assert found.missing == ()

    def test_a_gap_in_the_window_makes_it_unknown(self):
        """Neither the worst nor the mean is told from the rest."""
        full = series([400, 900, 100, 100])
        holed = full.model_copy(update={"slots": (full.slots[0], *full.slots[2:])})
        assert window_means(holed, NOW, NOW + 2 * HOUR, HOUR) is None

    def test_a_window_of_one_start(self):
        """No wait was allowed: all starts are the scheduled one."""
        found = report(series([300, 500]), scheduled_at=NOW, latest_start_at=NOW)
        assert found.window_mean_gco2eq_per_kwh == found.worst_start_gco2eq_per_kwh == pytest.approx(400)

    def test_a_run_without_length_meets_the_values_themselves(self):
        """The mean of all starts is that of the grid; the worst is the highest slot."""
        found = window_means(series([100, 500, 300]), NOW, NOW + 2 * HOUR, timedelta(0))
        assert found is not None
        assert (found.mean, found.worst, found.worst_start_at) == (pytest.approx(300), 500, NOW + HOUR)

    def test_an_estimate_anywhere_in_the_window_is_provisional(self):
        """Also behind the run."""
        slots = tuple(Slot(NOW + i * HOUR, 300.0, i == 3) for i in range(4))
        grid = series([]).model_copy(update={"slots": slots})
        assert not report(grid, hours=1, scheduled_at=NOW).provisional
        assert report(grid, hours=1, scheduled_at=NOW, latest_start_at=NOW + 3 * HOUR).provisional

    def test_without_a_schedule_there_is_no_window(self):
        """A latest start alone says nothing."""
        found = report(series([300, 500]), latest_start_at=NOW + HOUR)
        assert (found.baseline, found.window_mean_gco2eq_per_kwh, found.provisional) == (None, None, False)

    def test_a_window_that_ends_before_it_begins(self):
        """A clock was set back: unknown, nothing else."""
        assert window_means(series([300] * 9), NOW + HOUR, NOW, HOUR) is None

    def test_no_series(self):
        """Nothing is known."""
        assert window_means(None, NOW, NOW, HOUR) is None
        assert window_means(series([300], NOW - 9 * HOUR), NOW, NOW, HOUR) is None

    def test_history_reaches_to_the_end_of_the_latest_run(self):
        """From the scheduled start to the latest start plus the length of the run."""
        needed = history_needed(NOW + HOUR, NOW + 3 * HOUR, NOW, NOW + 6 * HOUR)
        assert needed == (NOW, NOW + 8 * HOUR)
        assert history_needed(NOW, NOW + HOUR, NOW, NOW - 5 * HOUR) == (NOW, NOW + HOUR)


class TestNetwork:
    def test_the_network_emits_but_does_not_move(self):
        """Its energy is in the emissions and in no difference."""
        found = report(series([400, 400, 100, 100]), start=2, scheduled_at=NOW, energy_model=DEFAULT_ENERGY_MODEL)
        assert found.network_energy_kwh == pytest.approx(0.05)
        assert found.emissions_kgco2eq == pytest.approx((0.042198 + 0.05) * 0.1)
        assert found.difference_to_scheduled_kgco2eq == pytest.approx(0.042198 * -0.3)
        assert found.baseline == "scheduled start: same energy, length, zone and series"

    def test_an_unknown_size_leaves_the_difference_known(self):
        """The host's part moves, whatever the network's is."""
        found = report(series([400, 100]), 1, 1, scheduled_at=NOW, data_gb=None, energy_model=DEFAULT_ENERGY_MODEL)
        assert found.emissions_kgco2eq is None
        assert found.network_energy_kwh is None
        assert found.difference_to_scheduled_kgco2eq == pytest.approx(0.021099 * -0.3)
        assert found.missing == ("The size of the data is unknown, so the energy is.",)


class TestScopes:
    LIFECYCLE, COMBUSTION = series([300, 500]), series([250, 350], signal=DIRECT)

    @pytest.mark.parametrize("turned", [False, True])
    def test_direct_is_scope_2_and_the_rest_is_upstream(self, turned: bool):
        """Whichever of the two the report rests on: 0.25 kWh at 300 direct and 400 life-cycle."""
        first, other = (self.COMBUSTION, self.LIFECYCLE) if turned else (self.LIFECYCLE, self.COMBUSTION)
        found = report(first, counterpart=other)
        assert found.emissions_kgco2eq == pytest.approx(0.075 if turned else 0.1)
        assert found.direct_mean_gco2eq_per_kwh == pytest.approx(300)
        assert found.scope2_location_kgco2eq == pytest.approx(0.075)
        assert found.scope3_upstream_kgco2eq == pytest.approx(0.025)

    def test_one_kind_of_factors_splits_nothing(self):
        """Life-cycle factors alone know neither scope, direct ones know Scope 2; operational ones are neither."""
        assert report(self.LIFECYCLE).scope2_location_kgco2eq is None
        alone = report(self.COMBUSTION)
        assert (alone.scope2_location_kgco2eq, alone.scope3_upstream_kgco2eq) == (alone.emissions_kgco2eq, None)
        operational = report(series([200, 200], signal=Signal(factors="operational")))
        assert (operational.scope2_location_kgco2eq, operational.scope3_upstream_kgco2eq) == (None, None)

    def test_means_over_different_parts_of_the_run_are_not_subtracted(self):
        """Half of the run is known by direct factors: no split."""
        found = report(self.LIFECYCLE, counterpart=series([250], signal=DIRECT))
        assert (found.scope2_location_kgco2eq, found.scope3_upstream_kgco2eq) == (None, None)


class TestMarginal:
    GRID = series([700, 700, 200, 200], signal=MARGINAL)

    def test_it_stands_in_fields_of_its_own(self):
        """Average figures beside marginal ones; neither is mixed with the other."""
        found = report(series([400, 400, 300, 300]), start=2, scheduled_at=NOW, marginal=self.GRID)
        assert found.emissions_kgco2eq == pytest.approx(0.075)
        assert found.difference_to_scheduled_kgco2eq == pytest.approx(-0.025)
        assert (found.marginal_mean_gco2eq_per_kwh, found.marginal_source) == (pytest.approx(200), "test")
        assert found.marginal_difference_to_scheduled_kgco2eq == pytest.approx(-0.125)
        assert str(found.signal) == "average, lifecycle"

    def test_a_marginal_source_gives_no_footprint(self):
        """What it says is kept; the emissions stay unknown, with the reason."""
        found = report(self.GRID, start=2, scheduled_at=NOW)
        assert found.emissions_kgco2eq is None
        assert (found.signal, found.source, found.intensities) == (None, None, None)
        assert found.marginal_mean_gco2eq_per_kwh == pytest.approx(200)
        assert "marginal emissions, which are no footprint" in found.missing[0]

    def test_an_average_series_is_no_marginal_one(self):
        """Given in the wrong place, it counts nowhere."""
        found = report(None, marginal=series([300, 500]))
        assert (found.marginal_mean_gco2eq_per_kwh, found.emissions_kgco2eq) == (None, None)


class TestRetention:
    def test_the_disks_of_the_target_s_zone(self):
        """0.5 TB on disks for 30 days at PUE 1.56 are 0.365 kWh, by Sweden's mean of a day; not the run's."""
        sweden = series_of(lambda at: 20 + at.hour % 2 * 10, NOW - 30 * HOUR, NOW + 3 * HOUR, zone="SE")
        found = report(series([300, 500]), retention=Retention(days=30, zone="SE"), retention_series=sweden)
        assert found.retention_energy_kwh == pytest.approx(0.5 * 30 * 24 * 0.65 * 1.56 / 1000)
        assert found.retention_energy_low_kwh == pytest.approx(0.5 * 30 * 24 * 0.4 * 1.2 / 1000)
        assert found.retention_energy_high_kwh == pytest.approx(0.5 * 30 * 24 * 1.3 * 1.8 / 1000)
        assert (found.retention_zone, found.retention_mean_gco2eq_per_kwh) == ("SE", pytest.approx(25))
        assert found.retention_kgco2eq == pytest.approx(0.36504 * 0.025)
        assert found.emissions_kgco2eq == pytest.approx(0.1)
        assert retention_history_needed(found.ended_at) == (NOW - 22 * HOUR, NOW + 2 * HOUR)

    def test_what_is_stored_is_not_what_was_read(self):
        """Compressed to a tenth, on flash, three copies, at a site of PUE 1.2."""
        kept = Retention(days=7, stored_gb=50, medium="ssd", copies=3, pue=1.2).estimate(500)
        assert kept.energy_kwh == pytest.approx(0.05 * 7 * 24 * 1.2 * 3 * 1.2 / 1000)
        assert not kept.shiftable

    def test_the_run_s_own_zone_is_not_taken_for_another(self):
        """Without data of the target's zone the emissions are unknown, the energy is not."""
        found = report(series([300] * 40, NOW - 30 * HOUR), retention=Retention(days=1, zone="SE"))
        assert (found.retention_kgco2eq, found.retention_energy_kwh) == (None, pytest.approx(0.0121680))

    def test_the_same_zone_uses_the_same_series_if_it_knows_the_day(self):
        """Two hours of a run stand for no day: a night is not a mean."""
        kept = Retention(days=1)
        assert report(series([300] * 40, NOW - 30 * HOUR), retention=kept).retention_mean_gco2eq_per_kwh == 300
        assert report(series([300, 300]), retention=kept).retention_mean_gco2eq_per_kwh is None

    def test_an_unknown_size(self):
        """Null, and the zone is told."""
        found = report(series([300, 500]), data_gb=None, retention=Retention(days=1))
        assert (found.retention_energy_kwh, found.retention_zone) == (None, "DE")

    @pytest.mark.parametrize("wrong", [{"days": 0}, {"days": 1, "copies": 0}, {"days": 1, "medium": "tape"}, {}])
    def test_what_cannot_be_is_refused(self, wrong: dict[str, Any]):
        """For no time, nowhere, on nothing known."""
        with pytest.raises(ValueError, match="validation error"):
            Retention.model_validate(wrong)

    def test_an_unknown_zone_is_refused(self):
        """As everywhere."""
        with pytest.raises(UnknownZoneError):
            Retention(days=1, zone="no such zone!")


class TestEmbodied:
    SERVER = EmbodiedShare(kgco2eq=1300, low_kgco2eq=1000, high_kgco2eq=2000, share=1 / 16, by="the maker")

    def test_a_share_of_the_machine_s_making(self):
        """1,300 kg over 4 years of 365.25 days, a sixteenth, for 2 h; low and high likewise."""
        found = report(series([300, 500]), embodied=self.SERVER)
        assert found.embodied_kgco2eq == pytest.approx(1300 * 2 / (4 * 8766) / 16)
        assert found.embodied_low_kgco2eq == pytest.approx(1000 * 2 / (4 * 8766) / 16)
        assert found.embodied_high_kgco2eq == pytest.approx(2000 * 2 / (4 * 8766) / 16)
        assert found.emissions_kgco2eq == pytest.approx(0.1)

    def test_the_software_carbon_intensity_needs_it(self):
        """Per GB: operational without, SCI only with embodied emissions; of nothing exported there is neither."""
        found = report(series([300, 500]), embodied=self.SERVER)
        assert found.gco2eq_per_gb == pytest.approx(0.2)
        assert found.sci_gco2eq_per_gb == pytest.approx((0.1 + 1300 * 2 / (4 * 8766) / 16) * 1000 / 500)
        assert report(series([300, 500])).sci_gco2eq_per_gb is None
        assert report(series([300, 500]), data_gb=0.0).gco2eq_per_gb is None

    @pytest.mark.parametrize("wrong", [{"low_kgco2eq": 1400}, {"high_kgco2eq": 1}, {"share": 0}, {"by": ""}])
    def test_what_cannot_be_is_refused(self, wrong: dict[str, Any]):
        """Bounds out of order, no share, from nobody."""
        with pytest.raises(ValueError, match="validation error"):
            EmbodiedShare.model_validate({"kgco2eq": 1300, "share": 0.1, "by": "x", **wrong})


class TestRevision:
    def test_final_values_change_the_grid_s_part_only(self):
        """Estimates become measurements: emissions, difference and provisional change; energy and times do not."""
        guess = series([]).model_copy(update={"slots": tuple(Slot(NOW + i * HOUR, 300.0, True) for i in range(4))})
        first = report(guess, start=2, scheduled_at=NOW, embodied=TestEmbodied.SERVER, start_reason="cleanest")
        final = revise_report(first, GridData(series([400, 400, 100, 100])))
        fresh = report(
            series([400, 400, 100, 100]),
            start=2,
            scheduled_at=NOW,
            embodied=TestEmbodied.SERVER,
            start_reason="cleanest",
        )
        assert (first.provisional, final.provisional) == (True, False)
        assert final == fresh
        assert final.difference_to_scheduled_kgco2eq == pytest.approx(-0.075)

    def test_a_report_can_be_computed_again_from_itself(self):
        """It carries the slots it rests on, and no others."""
        grid = series([solar_day(NOW + i * HOUR) for i in range(-9, 30)], NOW - 9 * HOUR)
        found = report(grid, start=1.5, scheduled_at=NOW, latest_start_at=NOW + 4 * HOUR)
        assert found.intensities is not None
        assert (found.intensities.slots[0].start_at, found.intensities.end_at) == (NOW, NOW + 6 * HOUR)
        read = read_report_json(json.loads(json.dumps(report_json(found), allow_nan=False)))
        assert revise_report(read, GridData(read.intensities)) == found

    def test_what_nobody_asks_anew_stays(self):
        """The marginal estimate and the disks' zone, when only the run's own values came."""
        marginal, sweden = series([200] * 2, signal=MARGINAL), series([25] * 24, NOW - 22 * HOUR, zone="SE")
        kept = {"retention": Retention(days=1, zone="SE"), "retention_series": sweden, "marginal": marginal}
        first = report(series([300, 500]), **kept)
        again = revise_report(first, GridData(series([200, 400])))
        assert again.emissions_kgco2eq == pytest.approx(0.075)
        assert (again.marginal_mean_gco2eq_per_kwh, again.retention_mean_gco2eq_per_kwh) == (200, 25)

    def test_a_mark_of_made_up_data_stays(self):
        """Real values do not wash it off, and their reasons for a null are told anew."""
        first = report(None, synthetic="mock", scheduled_at=NOW)
        assert len(first.missing) == 2
        again = revise_report(first, GridData(series([300, 500])))
        assert (again.synthetic, again.missing) == ("mock", ())

    def test_a_reason_about_the_energy_stays(self):
        """The grid was seen anew, the size is still unknown."""
        first = report(None, data_gb=None)
        again = revise_report(first, GridData(series([300, 500])))
        assert again.missing == ("The size of the data is unknown, so the energy is.",)


class TestZones:
    @pytest.mark.parametrize("place", ["series", "counterpart", "marginal", "retention_series"])
    def test_intensities_of_another_zone_are_refused(self, place: str):
        """Never a footprint by the wrong grid; the target's zone is the retention's."""
        wrong = {"retention": Retention(days=1, zone="FR"), place: series([300, 500], zone="GB")}
        with pytest.raises(BadDataError, match="of GB, the run is of"):
            make_report(operation_id="x", zone="DE", started_at=NOW, ended_at=NOW + HOUR, **{"series": None, **wrong})

    def test_a_zone_that_changes_between_runs(self):
        """A machine that moved reports by the grid of the day, each in its own zone."""
        grids = {zone: series([value] * 2, zone=zone) for zone, value in (("DE", 400), ("FR", 50))}
        found = [report(grid, zone=zone).emissions_kgco2eq for zone, grid in grids.items()]
        assert found == [pytest.approx(0.1), pytest.approx(0.0125)]


class TestTime:
    @pytest.mark.parametrize(
        ("zone", "start", "end", "hours"),
        [
            ("Europe/Berlin", "2026-03-29T01:00", "2026-03-29T04:00", 2),
            ("Europe/Berlin", "2026-10-25T01:00", "2026-10-25T04:00", 4),
            ("America/New_York", "2026-03-08T00:00", "2026-03-09T00:00", 23),
            ("America/New_York", "2026-11-01T00:00", "2026-11-02T00:00", 25),
            ("Asia/Kolkata", "2026-03-29T01:00", "2026-03-29T04:00", 3),
            ("Australia/Lord_Howe", "2026-04-05T01:00", "2026-04-05T03:00", 2.5),
        ],
    )
    def test_clock_changes_count_real_hours(self, zone: str, start: str, end: str, hours: float):
        """Energy, mean and emissions are those of the hours that passed."""
        begin, finish = (datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)) for text in (start, end))
        around = begin.astimezone(UTC) - 30 * HOUR, finish.astimezone(UTC) + HOUR
        grid = series_of(lambda at: 100 + at.hour, *around, slot=HOUR / 2)
        found = report(grid, started_at=begin, ended_at=finish)
        halves = [100 + (begin.astimezone(UTC) + timedelta(minutes=30 * i)).hour for i in range(round(hours * 2))]
        assert found.duration_hours == hours
        assert found.energy_kwh == pytest.approx(0.125 * hours)
        assert found.intensity_coverage == pytest.approx(1)
        assert found.mean_gco2eq_per_kwh == pytest.approx(sum(halves) / len(halves))

    def test_a_run_over_the_end_of_a_month_and_a_year(self):
        """From 23:00 on the last of December: an hour of each, one report, of the month it started in."""
        begin = datetime(2026, 12, 31, 23, tzinfo=UTC)
        found = report(series([100, 300], begin), started_at=begin, ended_at=begin + 2 * HOUR)
        assert found.mean_gco2eq_per_kwh == pytest.approx(200)
        assert found.started_at.strftime("%Y-%m") == "2026-12"

    def test_cutting_a_run_changes_no_sum(self):
        """The emissions of the pieces of a multi-day run add up to those of the whole, wherever it is cut."""
        grid = series([solar_day(NOW + i * HOUR) for i in range(80)])
        model = {"data_gb": 0.0}
        whole = report(grid, 0, 73, **model)
        for cut in (0.0, 0.01, 5.5, 24, 72.99):
            pieces = [report(grid, 0, cut, **model), report(grid, cut, 73 - cut, **model)]
            assert sum(p.emissions_kgco2eq or 0 for p in pieces) == pytest.approx(whole.emissions_kgco2eq, rel=1e-12)
            assert sum(p.energy_kwh or 0 for p in pieces) == pytest.approx(whole.energy_kwh, rel=1e-12)


class TestNullData:
    def test_nulls_everywhere_are_json(self):
        """Nothing is known but the times."""
        found = report(None, data_gb=None, scheduled_at=NOW, latest_start_at=NOW, retention=Retention(days=1))
        plain = report_json(found)
        assert json.loads(json.dumps(plain, allow_nan=False)) == plain
        known = {name for name, value in plain.items() if isinstance(value, float)}
        assert known == {"duration_hours", "intensity_coverage", "retention_days"}

    def test_a_series_without_slots(self):
        """The source answered with nothing."""
        empty = IntensitySeries(zone="DE", source="test", slots=())
        assert series_mean(empty, NOW, NOW + HOUR).mean is None
        assert report(empty).source == "test"


class TestHyperSDKFields:
    def test_its_names_stand_beside_ours(self):
        """All eleven, with our values; its renewable share is null, as no source here gives it."""
        found = report(series([300, 500]))
        theirs = {
            "operation_id": "job-1",
            "start_time": "2026-03-02T18:00:00Z",
            "end_time": "2026-03-02T20:00:00Z",
            "duration_hours": 2.0,
            "data_size_gb": 500.0,
            "energy_kwh": pytest.approx(0.25),
            "carbon_intensity_gco2_kwh": pytest.approx(400),
            "carbon_emissions_kg_co2": pytest.approx(0.1),
            "savings_vs_worst_kg_co2": pytest.approx(0.15),
            "renewable_percent": None,
            "equivalent": "410 m of driving an average car",
        }
        assert hypersdk_fields(found) == theirs
        assert list(hypersdk_fields(found)) == list(theirs)
        assert report_json(found).items() >= hypersdk_fields(found).items()

    def test_it_reads_back_as_the_same_report(self):
        """Whatever a later release added is left out."""
        found = report(series([300, 500]), scheduled_at=NOW)
        assert read_report_json({**report_json(found), "of_a_later_release": 1}) == found
        with pytest.raises(ValueError, match="validation error"):
            read_report_json({})


def test_every_field_is_explained():
    """The docstring is the reference; the documentation prints it."""
    undocumented = [
        name for name in CarbonReport.model_fields if f":param {name}:" not in (CarbonReport.__doc__ or "")
    ]
    assert undocumented == []
