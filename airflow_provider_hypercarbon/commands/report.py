"""What many runs emitted, for people in a terminal and in files."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_hypercarbon.commands.arguments import names
from airflow_provider_hypercarbon.commands.ledger import database_argument
from airflow_provider_hypercarbon.exceptions import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_hypercarbon.carbon.summary import Summary, SummaryRow
    from airflow_provider_hypercarbon.report_store import ReportFilters

#: A terminal is no place for more; files have all.
_MOST_LINES = 100
#: A terminal in which the table fits with each range in one line.
_WIDE = 120
_LEFT_TO_FILES = ("GB", "Provisional")


def add_parsers(commands: Any) -> None:
    """Add the command line of these commands."""
    asked = commands.add_parser(
        "report",
        parents=[database_argument()],
        help="what many runs emitted, by month, VM, DAG or zone",
        description="Sum the results table up: energy and emissions with their ranges, difference to the scheduled "
        "starts, emissions for a GB exported, and how good the data are. Runs with made-up data are left out.",
    )
    asked.add_argument("--by", type=names, default="month", help="month,vm,dag,zone or some of them (default: month)")
    asked.add_argument("--month", help='such as 2026-10, or "last"; of the start, in UTC')
    asked.add_argument("--since", help="runs that started then or later: 2026-10-01, or ISO 8601 with an offset")
    asked.add_argument("--until", help="runs that started before, likewise")
    asked.add_argument("--zone", help="only runs in this zone")
    asked.add_argument("--dag", help="only runs of this DAG")
    asked.add_argument("--vm", help="only runs over this VM")
    asked.add_argument(
        "--output",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="write it to a .html, .pdf (extra: pdf), .csv, .json or .parquet (extra: parquet) file; may be repeated",
    )
    asked.add_argument("--json", action="store_true", help="for scripts")
    asked.set_defaults(run=report)


def report(options: argparse.Namespace) -> None:
    """Sum the results table up; print it, or write it to files."""
    from airflow_provider_hypercarbon.commands.ledger import results_of
    from airflow_provider_hypercarbon.summaries import gather, kind_of, render, write_file

    now = datetime.now(UTC)
    kinds = [kind_of(path.name) for path in options.output]
    with results_of(options.database) as database:
        summary = gather(database, options.by, _filters(options, now), now=now)
    for path, kind in zip(options.output, kinds, strict=True):
        write_file(path, render(summary, kind))
        print(f"{path}: {len(summary.rows):,} groups")
    if options.json:
        print(render(summary, "json").decode(), end="")
    elif not options.output:
        _print(summary)


def _filters(options: argparse.Namespace, now: datetime) -> ReportFilters:
    from airflow_provider_hypercarbon.carbon.instants import parse_instant
    from airflow_provider_hypercarbon.carbon.zones import zone_key
    from airflow_provider_hypercarbon.report_store import ReportFilters
    from airflow_provider_hypercarbon.summaries import month_span

    if options.month and (options.since or options.until):
        raise ConfigurationError("Give --month, or --since and --until.")
    try:
        since, until = (_instant(text, parse_instant) for text in (options.since, options.until))
    except ValueError as error:
        raise ConfigurationError(f"{error} Write 2026-10-01, or ISO 8601 with an offset.") from None
    if options.month:
        since, until = month_span(options.month, now=now)
    return ReportFilters(
        zone=zone_key(options.zone) if options.zone else None,
        dag_id=options.dag,
        vm_path=options.vm,
        since=since,
        until=until,
    )


def _instant(text: str | None, parse: object) -> datetime | None:
    """Read an instant, or a day: its begin in UTC."""
    if text is None:
        return None
    found: datetime = parse(f"{text}T00:00:00+00:00" if len(text) == 10 else text)  # type: ignore[operator]
    return found


def _print(summary: Summary) -> None:
    from rich.table import Column, Table

    from airflow_provider_hypercarbon.carbon.report_words import digits
    from airflow_provider_hypercarbon.commands.terminal import Terminal
    from airflow_provider_hypercarbon.summaries.page import DIMENSION_WORDS, counted, range_words, signed, span_words

    console = Terminal()
    is_narrow = console.width < _WIDE
    signals = {row.signal or "none" for row in summary.rows}
    headings = [DIMENSION_WORDS[name] for name in summary.by] + ["Intensities"] * (len(signals) > 1)
    figures: dict[str, Callable[[SummaryRow, Any], str]] = {
        "Runs": lambda row, _: f"{row.operations:,}",
        "GB": lambda _, sums: digits(sums["data_gb"]),
        "kWh": lambda _, sums: digits(sums["energy_kwh"]),
        "kgCO2eq": lambda _, sums: digits(sums["emissions_kgco2eq"]),
        "low to high": lambda _, sums: range_words(sums["emissions_low_kgco2eq"], sums["emissions_high_kgco2eq"]),
        "To scheduled": lambda _, sums: signed(sums["difference_to_scheduled_kgco2eq"]),
        "g/GB": lambda row, _: digits(row.gco2eq_per_gb),
        "Provisional": lambda row, _: f"{row.provisional:,}",
    }
    if is_narrow:  # what says who it was stands in one column, and two figures are left to the files
        figures = {
            name.replace(" ", "\n", 1): figure for name, figure in figures.items() if name not in _LEFT_TO_FILES
        }
        headings = ["\n".join(headings)] if headings else []
    title = f"Carbon footprint, {span_words(summary.since, summary.until)} (UTC)"
    # A figure is never broken.
    table = Table(*headings, *(Column(name, justify="right", no_wrap=True) for name in figures), title=title)

    def add(row: SummaryRow, group: list[str], *, last: bool = False) -> None:
        names = [*group, *[row.signal or "none"] * (len(signals) > 1)]
        cells = [figure(row, row.sums) for figure in figures.values()]
        if is_narrow:
            names = ["\n".join(names)] if headings else []
            cells = [cell.replace(" to ", "\nto ") for cell in cells]
        table.add_row(*names, *cells, style="bold" if last else None)

    for row in summary.rows[:_MOST_LINES]:
        add(row, [str(value if value is not None else "unknown") for value in row.group.values()])
    table.add_section()
    for total in summary.totals if summary.by else ():
        add(total, ["all"] if is_narrow else ["all"] * len(summary.by), last=True)
    if summary.rows:
        console.show(table)
    else:
        console.say(f"{title}: there is no report.")
    if (more := len(summary.rows) - _MOST_LINES) > 0:
        console.print(f"And {counted(more, 'more group')}; --output FILE.csv has all.")
    if summary.left_out:
        console.print(f"Left out for made-up data (mock, sandbox): {counted(summary.left_out, 'run')}.")
    basis = "" if len(signals) != 1 else f"Intensities: {', '.join(signals)}. "
    console.say(
        f"{basis}Location-based, attributional. Low to high are scenario bounds, added low to low and high to high. "
        "--output FILE.html says how to read it.",
        quietly=True,
    )
