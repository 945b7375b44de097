from __future__ import annotations

import ast
import re
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_hypercarbon.carbon import coefficients
from airflow_provider_hypercarbon.carbon.energy_measured import read_energy_model
from airflow_provider_hypercarbon.carbon.footprint import make_report
from airflow_provider_hypercarbon.carbon.intensity import Signal
from airflow_provider_hypercarbon.carbon.lifetime import EmbodiedShare, Retention
from airflow_provider_hypercarbon.carbon.report import CarbonReport
from tests.carbon.grid import HOUR, NOW, series

PAGE = (Path(__file__).resolve().parent.parent / "docs/explanation/numbers.md").read_text()
LINE = re.compile(r"(?P<name>\w+) (?P<bound>low|central|high) = (?P<sum>.+) = (?P<value>-?[\d.]+) (?P<unit>\S+)")
EXAMPLES = {
    tier: [LINE.fullmatch(line) for line in lines.strip().splitlines()]
    for tier, lines in re.findall(r"```worked (\w+)\n(.*?)```", PAGE, re.DOTALL)
}
MODELS: dict[str, dict[str, Any]] = {
    "default": {"model": "default"},
    "instance": {"model": "instance", "site": "aws", "vcpus": 2, "memory_gb": 8, "network": "private_wan"},
    "measured": {
        "model": "vsphere",
        "samples": [[(NOW + 2 * HOUR + timedelta(seconds=20 * (i + 1))).isoformat(), 4000] for i in range(360)],
    },
    "comparison": {"model": "hypersdk"},
}


def exact(sum_of: str) -> Fraction:
    """Compute a sum as it is written, with whole fractions."""

    def value(node: ast.expr) -> Fraction:
        match node:
            case ast.Constant(value=str(text)):
                return Fraction(text)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -value(operand)
            case ast.BinOp(left=left, op=op, right=right):
                a, b = value(left), value(right)
                match op:
                    case ast.Add():
                        return a + b
                    case ast.Sub():
                        return a - b
                    case ast.Mult():
                        return a * b
                    case ast.Div():
                        return a / b
        raise AssertionError(ast.dump(node))

    return value(ast.parse(re.sub(r"\d[\d.]*", r"'\g<0>'", sum_of.replace(" x ", " * ")), mode="eval").body)


def rounded(value: Fraction | float, like: str) -> Decimal:
    """Round to as many digits as are printed."""
    return Decimal(float(value)).quantize(Decimal(like))


def the_report(tier: str) -> CarbonReport:
    """The run of the examples: 500 GB in 2 h, at 100 g (80 direct), scheduled two hours earlier at 400 (340)."""
    return make_report(
        operation_id="example",
        zone="DE",
        started_at=NOW + 2 * HOUR,
        ended_at=NOW + 4 * HOUR,
        scheduled_at=NOW,
        data_gb=500,
        series=series([400, 400, 100, 100]),
        counterpart=series([340, 340, 80, 80], signal=Signal(factors="direct")),
        energy_model=read_energy_model(MODELS[tier]),
        retention=Retention(days=30, zone="SE"),
        retention_series=series([25] * 24, NOW - 20 * HOUR, zone="SE"),
        embodied=EmbodiedShare(kgco2eq=1300, share=4 / 64, by="example"),
    )


@pytest.mark.parametrize("tier", EXAMPLES)
def test_each_line_is_right_to_the_last_digit(tier: str):
    """What stands left of the result gives exactly what stands right of it, rounded as it is printed."""
    assert len(EXAMPLES[tier]) >= 6
    for line in EXAMPLES[tier]:
        assert line, tier
        assert rounded(exact(line["sum"]), line["value"]) == Decimal(line["value"]), line[0]


@pytest.mark.parametrize("tier", MODELS)
def test_the_package_gives_the_same(tier: str):
    """Every part and every sum of every tier, each bound, to the last printed digit."""
    report = the_report(tier)
    names = {"low": "energy_low_kwh", "central": "energy_kwh", "high": "energy_high_kwh"}
    parts = {part.name: part for part in report.energy_components}
    told = set()
    for line in EXAMPLES[tier]:
        assert line
        of = report if line["name"] == "energy" else parts[line["name"]]
        assert rounded(getattr(of, names[line["bound"]]), line["value"]) == Decimal(line["value"]), line[0]
        told.add((line["name"], line["bound"]))
    assert told == {(name, bound) for name in (*parts, "energy") for bound in names}
    assert report.energy_tier == tier


def test_the_package_gives_the_same_footprint():
    """Emissions with their range, difference, scopes, disks, machine and functional unit."""
    report = the_report("default")
    fields = {
        ("emissions", "low"): report.emissions_low_kgco2eq,
        ("emissions", "central"): report.emissions_kgco2eq,
        ("emissions", "high"): report.emissions_high_kgco2eq,
        ("difference", "central"): report.difference_to_scheduled_kgco2eq,
        ("scope2", "central"): report.scope2_location_kgco2eq,
        ("scope3", "central"): report.scope3_upstream_kgco2eq,
        ("retention", "low"): report.retention_energy_low_kwh,
        ("retention", "central"): report.retention_energy_kwh,
        ("retention", "high"): report.retention_energy_high_kwh,
        ("kept", "central"): report.retention_kgco2eq,
        ("embodied", "central"): report.embodied_kgco2eq,
        ("sci", "central"): report.sci_gco2eq_per_gb,
    }
    lines = {(line["name"], line["bound"]): line["value"] for line in EXAMPLES["footprint"] if line}
    assert {key: rounded(value or 0, lines[key]) for key, value in fields.items()} == {
        key: Decimal(value) for key, value in lines.items()
    }


def test_every_coefficient_of_the_examples_is_cited():
    """Each number that is not of the example itself stands in the table of coefficients, with its source."""
    table = PAGE[PAGE.index("<!-- coefficients -->") : PAGE.index("### Worked examples")]
    cited = {number for row in table.splitlines() for number in re.findall(r"(?<=\| )[\d.e-]+(?= \|)", row)}
    cited |= {f"{coefficients.SERVER_FULL_WATTS:g}", f"{coefficients.USUAL_UTILIZATION:g}"}
    of_the_example = {"2", "4", "8", "64", "500", "1000", "360", "4000", "3600000"}
    for tier in ("default", "instance", "measured"):
        for line in EXAMPLES[tier]:
            if line and line["name"] != "energy":
                for number in re.findall(r"\d[\d.]*", line["sum"]):
                    assert number in of_the_example or f"{float(number):g}" in cited, (line[0], number)
