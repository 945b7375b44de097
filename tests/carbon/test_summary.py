from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, NamedTuple

import pytest

from airflow_provider_hypercarbon.carbon.intensity import Signal
from airflow_provider_hypercarbon.carbon.report import CarbonReport
from airflow_provider_hypercarbon.carbon.summary import FIGURES, Summary, SummaryRow, summarise
from tests.carbon.grid import NOW, series
from tests.carbon.test_footprint import report

_BILLION = 10**9


class APart(NamedTuple):
    group: dict[str, Any]
    signal_kind: str | None
    signal_factors: str | None
    operations: int
    totals: dict[str, Any]


class ATotal(NamedTuple):
    billionths: int = 0
    known: int = 0


def parts_of(reports: Iterable[CarbonReport], by: Iterable[str]) -> list[APart]:
    """Sum reports as a database would: whole numbers, by the groups and the quality."""
    cells: dict[tuple[Any, ...], list[CarbonReport]] = defaultdict(list)
    names = [*by, "energy_tier", "provisional"]
    for one in reports:
        signal = (one.signal.kind, one.signal.factors) if one.signal else (None, None)
        key = tuple(one.started_at.strftime("%Y-%m") if name == "month" else getattr(one, name) for name in names)
        cells[key, signal].append(one)
    parts = []
    for (key, signal), some in cells.items():
        totals = {}
        for name in FIGURES:
            values = [getattr(one, name) for one in some if getattr(one, name) is not None]
            totals[name] = ATotal(sum(round(value * _BILLION) for value in values), len(values))
        parts.append(APart(dict(zip(names, key, strict=True)), *signal, len(some), totals))
    return parts


def summary_of(reports: Iterable[CarbonReport], *by: str) -> Summary:
    return summarise(parts_of(reports, by), by=by, now=NOW)


@pytest.fixture(scope="module")
def many() -> list[CarbonReport]:
    """Two hundred runs of two zones over months, with two kinds of factors; of some something is unknown."""
    draw, found = random.Random(5), []
    for number in range(200):
        zone, start = draw.choice(["DE", "FR"]), 24.0 * draw.randint(0, 100) + draw.randint(0, 20)
        grid = series([draw.uniform(20, 800) for _ in range(12)], NOW + (start // 1) * (NOW - NOW.replace(hour=17)))
        grid = grid.model_copy(update={"zone": zone, "signal": Signal(factors=draw.choice(["direct", "lifecycle"]))})
        found.append(
            report(
                None if number % 17 == 0 else grid,
                start,
                draw.uniform(0, 6),
                zone=zone,
                data_gb=None if number % 13 == 0 else draw.uniform(0, 2000),
                scheduled_at=None if number % 5 == 0 else grid.slots[0].start_at,
                operation_id=str(number),
            )
        )
    return found


@pytest.mark.parametrize("by", [("zone",), ("month",), ("month", "zone"), ()])
def test_rows_add_up_to_the_totals_and_to_the_reports(many: list[CarbonReport], by: tuple[str, ...]):
    """To the last billionth, by whatever they are told apart: of each figure, and of how many know it."""
    made = summary_of(many, *by)
    for name in FIGURES:
        wanted = sum(
            Fraction(round(getattr(r, name) * _BILLION), _BILLION) for r in many if getattr(r, name) is not None
        )
        known = sum(getattr(r, name) is not None for r in many)
        for rows in (made.rows, made.totals):
            exact = sum(Fraction(round((row.sums[name] or 0) * _BILLION), _BILLION) for row in rows)
            assert (exact, sum(row.known[name] for row in rows)) == (wanted, known)
    assert sum(row.operations for row in made.rows) == sum(row.operations for row in made.totals) == 200


def the_row(*reports: CarbonReport) -> SummaryRow:
    (row,) = summary_of(reports).rows
    return row


class TestRow:
    def test_bounds_are_added_as_they_are(self):
        """All low, all high: the runs share their coefficients, so nothing cancels out."""
        row = the_row(report(series([400, 400])), report(series([100, 100])))
        assert row.sums["emissions_kgco2eq"] == pytest.approx(0.125)
        assert row.sums["emissions_low_kgco2eq"] == pytest.approx(0.0625)
        assert row.sums["emissions_high_kgco2eq"] == pytest.approx(0.25)

    def test_a_gb_and_a_kwh(self):
        """0.125 kg over 0.5 kWh and 1,000 GB."""
        row = the_row(report(series([400, 400])), report(series([100, 100])))
        assert row.mean_gco2eq_per_kwh == pytest.approx(250)
        assert row.gco2eq_per_gb == pytest.approx(0.125)
        assert (row.gco2eq_per_gb_low, row.gco2eq_per_gb_high) == (pytest.approx(0.0625), pytest.approx(0.25))
        assert row.sci_gco2eq_per_gb is None

    def test_the_software_carbon_intensity_needs_every_machine(self):
        """With embodied emissions of all runs there is a score, of some there is none."""
        from tests.carbon.test_figures import TestEmbodied

        both = [report(series([400, 400]), embodied=TestEmbodied.SERVER) for _ in range(2)]
        embodied = both[0].embodied_kgco2eq or 0
        assert the_row(*both).sci_gco2eq_per_gb == pytest.approx((0.1 + embodied) * 1000 / 500, rel=1e-6)
        assert the_row(both[0], report(series([400, 400]))).sci_gco2eq_per_gb is None

    def test_per_gb_is_null_when_not_the_same_runs_know_both(self):
        """Emissions of one run over the data of two would be half of the truth."""
        known, sizeless = report(series([400, 400])), report(series([400, 400]), data_gb=None)
        assert the_row(known, sizeless).gco2eq_per_gb == pytest.approx(0.2)
        unmeasured = report(series([400], NOW.replace(year=2025)))
        assert the_row(known, unmeasured).gco2eq_per_gb is None

    def test_what_no_run_knows_is_null(self):
        """Never a zero that nobody measured; a known zero stays one."""
        row = the_row(report(series([400, 400])))
        assert row.sums["difference_to_scheduled_kgco2eq"] is None
        assert row.known["difference_to_scheduled_kgco2eq"] == 0
        row = the_row(report(series([400, 400]), scheduled_at=NOW))
        assert (row.sums["difference_to_scheduled_kgco2eq"], row.known["difference_to_scheduled_kgco2eq"]) == (0, 1)

    def test_runs_without_length_emit_nothing_for_nothing(self):
        """Zero kWh and zero GB have no ratio."""
        row = the_row(report(series([400]), hours=0, data_gb=0.0))
        assert (row.sums["emissions_kgco2eq"], row.gco2eq_per_gb, row.mean_gco2eq_per_kwh) == (0, None, None)

    def test_quality(self):
        """Tiers by operations and by emissions, and what may still change."""
        from airflow_provider_hypercarbon.carbon.energy_measured import MeasuredEnergyModel

        meter = MeasuredEnergyModel(kwh=0.75, by="a meter")
        row = the_row(
            report(series([400, 400]), energy_model=meter),
            report(series([400, 400])),
            report(series([400, 400]), energy_model=meter, hours=3),
        )
        assert row.operations_by_tier == {"comparison": 1, "measured": 2}
        assert row.emissions_share_by_tier == {"comparison": pytest.approx(1 / 7), "measured": pytest.approx(6 / 7)}
        assert row.provisional == 1


def test_signals_are_never_summed():
    """Life-cycle, direct, and none: a row each, in one group."""
    direct = series([300, 300], signal=Signal(factors="direct"))
    made = summary_of([report(series([400, 400])), report(direct), report(None)], "zone")
    assert [(row.group, row.signal) for row in made.rows] == [
        ({"zone": "DE"}, "average, direct"),
        ({"zone": "DE"}, "average, lifecycle"),
        ({"zone": "DE"}, None),
    ]
    assert [total.signal for total in made.totals] == ["average, direct", "average, lifecycle", None]


def test_nothing_to_sum_up():
    """No rows and no totals."""
    made = summary_of([], "zone")
    assert (made.rows, made.totals) == ((), ())


def test_the_notes_claim_nothing():
    """They say what the figures are not."""
    text = " ".join(summary_of([]).notes)
    assert "make nobody compliant" in text
    for word in ("CSRD", "SEC ", "offset", "carbon neutral", "saved"):
        assert word not in text
