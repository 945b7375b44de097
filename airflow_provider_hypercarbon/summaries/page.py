"""A summary as a page for people: its words, and the geometry of its charts. The markup is in the template."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_hypercarbon.carbon.report_words import digits
from airflow_provider_hypercarbon.carbon.summary import Summary, SummaryRow

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

#: More bars are no picture, more lines no page; all of them are in the CSV.
MOST_BARS, MOST_LINES = 20, 300
_BAR_WIDTH = 560.0
_LABEL_LENGTH = 27
TIER_WORDS = {
    "measured": "measured",
    "instance": "modelled on the worker",
    "default": "modelled by default",
    "comparison": "formula without a source",
    "unknown": "not known",
}
TIER_FILLS = {
    "measured": "#14532d",
    "instance": "#2f7d5b",
    "default": "#8fc1a9",
    "comparison": "#c9a24b",
    "unknown": "#b8c0c5",
}
DIMENSION_WORDS = {"month": "Month", "vm_path": "VM", "dag_id": "DAG", "zone": "Zone"}


class Bar(NamedTuple):
    """One bar of a chart, in its own units from the left edge."""

    label: str
    text: str
    start: float
    width: float
    low: float | None
    high: float | None


class Chart(NamedTuple):
    """Bars over a common axis.

    :param zero: where zero is.
    :param left_out: how many groups have no bar.
    """

    bars: tuple[Bar, ...]
    zero: float
    left_out: int


def page(summary: Summary) -> str:
    """Return the summary as one HTML page that refers to nothing outside itself."""
    sections = []
    for total in summary.totals:
        rows = [row for row in summary.rows if row.signal == total.signal]
        sections.append(
            {
                "total": total,
                "emissions": emissions_chart(rows),
                "differences": differences_chart(rows),
                "tiers": tier_shares(total),
            }
        )
    return _template().render(
        summary=summary,
        span=span_words(summary.since, summary.until),
        sections=sections,
        lines=summary.rows[:MOST_LINES],
        more=max(0, len(summary.rows) - MOST_LINES),
        bar_width=_BAR_WIDTH,
    )


def emissions_chart(rows: Sequence[SummaryRow]) -> Chart:
    """Draw the emissions of each group, with a line from low to high."""
    chosen, left_out = _chosen(rows, "emissions_kgco2eq")
    highest = max((row.sums["emissions_high_kgco2eq"] or 0.0 for row in chosen), default=0.0) or 1.0
    scale = _BAR_WIDTH / highest
    bars = []
    for row in chosen:
        value = row.sums["emissions_kgco2eq"] or 0.0
        low, high = (row.sums[f"emissions_{bound}_kgco2eq"] for bound in ("low", "high"))
        bars.append(
            Bar(
                label=label(row),
                text=f"{digits(value)} kg",
                start=0.0,
                width=value * scale,
                low=None if low is None else low * scale,
                high=None if high is None else high * scale,
            )
        )
    return Chart(tuple(bars), 0.0, left_out)


def differences_chart(rows: Sequence[SummaryRow]) -> Chart:
    """Draw the difference of each group to its scheduled starts: less to the left of zero, more to the right."""
    chosen, left_out = _chosen(rows, "difference_to_scheduled_kgco2eq")
    values = [row.sums["difference_to_scheduled_kgco2eq"] or 0.0 for row in chosen]
    least, most = min([*values, 0.0]), max([*values, 0.0])
    scale = _BAR_WIDTH / ((most - least) or 1.0)
    zero = -least * scale
    bars = [
        Bar(label(row), signed(value) + " kg", zero + min(value, 0.0) * scale, abs(value) * scale, None, None)
        for row, value in zip(chosen, values, strict=True)
    ]
    return Chart(tuple(bars), zero, left_out)


def tier_shares(total: SummaryRow) -> list[tuple[str, str, float]]:
    """Return how the energy is known: tier, words, and its share of the operations."""
    counts = total.operations_by_tier
    return [(tier, words, counts[tier] / total.operations) for tier, words in TIER_WORDS.items() if counts.get(tier)]


def label(row: SummaryRow) -> str:
    """Name a group."""
    return " · ".join("unknown" if value is None else str(value) for value in row.group.values()) or "all"


def ending(text: str) -> str:
    """Return the end of a long name, where the names of VMs differ."""
    return text if len(text) <= _LABEL_LENGTH else f"…{text[1 - _LABEL_LENGTH :]}"


def counted(count: int, what: str) -> str:
    """Write a number of things."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def breakable(name: object) -> Markup:
    """Let a long path break after its slashes."""
    from markupsafe import Markup, escape

    return Markup("/<wbr>").join(escape(part) for part in str(name).split("/"))


def range_words(low: float | None, high: float | None) -> str:
    """Write bounds."""
    return "unknown" if low is None or high is None else f"{digits(low)} to {digits(high)}"


def signed(value: float | None) -> str:
    """Write a difference with its sign."""
    return "unknown" if value is None else f"{'+' if value > 0 else ''}{digits(value)}"


def share(part: float) -> str:
    """Write a share in whole percent, never as none or all of it when it is not."""
    if 0 < part < 0.01:
        return "under 1 %"
    return "over 99 %" if 0.99 < part < 1 else f"{part:.0%}".replace("%", " %")


def span_words(since: datetime | None, until: datetime | None) -> str:
    """Name a span of time; a whole month by its name."""
    if since is None and until is None:
        return "all reports"
    if since and until and since.day == 1 and (since + timedelta(days=31)).replace(day=1) == until:
        return f"{since:%B %Y}"
    begin = f"from {since:%Y-%m-%d %H:%M}" if since else ""
    end = f"to {until:%Y-%m-%d %H:%M}" if until else ""
    return f"{begin} {end}".strip()


def _chosen(rows: Sequence[SummaryRow], figure: str) -> tuple[list[SummaryRow], int]:
    """Return the rows to draw: months in their order, anything else by size; and how many are not drawn."""
    known = [row for row in rows if row.sums[figure] is not None]
    largest = sorted(known, key=lambda row: -abs(row.sums[figure] or 0.0))[:MOST_BARS]
    if largest and "month" in largest[0].group:
        largest = [row for row in known if row in largest]
    return largest, len(rows) - len(largest)


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("airflow_provider_hypercarbon.summaries"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "digits": digits,
        "signed": signed,
        "share": share,
        "ending": ending,
        "breakable": breakable,
        "counted": counted,
    }
    environment.globals |= {"label": label, "dimensions": DIMENSION_WORDS, "fills": TIER_FILLS}
    return environment.get_template("summary.html")
