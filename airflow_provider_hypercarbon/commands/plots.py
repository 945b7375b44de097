"""Pictures in files, drawn with matplotlib (extra: plot); a backtest as one."""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_hypercarbon.exceptions import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_hypercarbon.carbon.backtest import BacktestRow

_KINDS = (".png", ".svg", ".html")


def draw(rows: Sequence[BacktestRow], path: Path) -> None:
    """Draw savings by policy, one panel a window and zone; with groups, one line a policy over hours or months.

    :raises ConfigurationError: another kind of file, or matplotlib is not installed.
    """
    refuse_other_kinds(path)
    save(_figure(rows), path, "Backtest of " + ", ".join(dict.fromkeys(row.zone for row in rows)))


def refuse_other_kinds(path: Path) -> None:
    """Refuse a name that is not that of a picture, before anything is reckoned.

    :raises ConfigurationError: it is not.
    """
    if path.suffix not in _KINDS:
        raise ConfigurationError(f"{path.name} is no picture. Choose a name that ends in {', '.join(_KINDS)}.")


def new_figure(inches: tuple[float, float]) -> Any:
    """Return an empty figure.

    :raises ConfigurationError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigurationError("Drawing needs matplotlib. Install airflow-provider-hypercarbon[plot].") from error
    return Figure(figsize=inches, layout="constrained")


def save(figure: Any, path: Path, heading: str) -> None:
    """Write a figure to a file of the kind that its name says.

    :raises ConfigurationError: another kind, or the file cannot be written.
    """
    refuse_other_kinds(path)
    try:
        if path.suffix == ".html":
            svg = io.StringIO()
            figure.savefig(svg, format="svg")
            title = escape(heading)
            picture = svg.getvalue()[svg.getvalue().index("<svg") :]
            head = f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><h1>{title}</h1>"
            path.write_text(f"{head}{picture}</html>", encoding="utf-8")
        else:
            figure.savefig(path, dpi=120)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error}.") from error


def _figure(rows: Sequence[BacktestRow]) -> Any:
    zones = list(dict.fromkeys(row.zone for row in rows))
    columns = sorted({(row.window_hours, row.duration_hours) for row in rows})
    figure = new_figure((4.5 * len(columns), 4 * len(zones)))
    axes = figure.subplots(len(zones), len(columns), sharey="row", squeeze=False)
    for axis, (zone, (window, duration)) in zip(axes.flat, product(zones, columns), strict=True):
        shown = [row for row in rows if (row.zone, row.window_hours, row.duration_hours) == (zone, window, duration)]
        axis.set_title(f"{zone}: {window:g} h window, {duration:g} h job")
        axis.axhline(0, color="black", linewidth=0.8)
        names = list(dict.fromkeys(row.policy for row in shown))
        if shown[0].group is None:
            axis.bar(names, [row.saving_percent for row in shown], color="#3d93cd")
            axis.tick_params(axis="x", rotation=60)
        else:
            for name in names:
                points = [(row.group, row.saving_percent) for row in shown if row.policy == name]
                axis.plot(*zip(*points, strict=True), label=name)
            axis.legend(fontsize="small")
    axes[0, 0].set_ylabel("saving against starting at once, %\n(average, location-based, attributional)")
    return figure
