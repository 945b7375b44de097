"""The hours ahead as a picture: blocks in a terminal, or a file by matplotlib (extra: plot)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_hypercarbon.carbon.intensity import IntensityLevel
from airflow_provider_hypercarbon.commands.plots import new_figure, save

if TYPE_CHECKING:
    from rich.console import Console

    from airflow_provider_hypercarbon.carbon.decision import StartDecision
    from airflow_provider_hypercarbon.carbon.status import GridStatus

_LEVELS = {
    IntensityLevel.EXCELLENT: "#86c7ee",
    IntensityLevel.GOOD: "#3d93cd",
    IntensityLevel.MODERATE: "#9c7110",
    IntensityLevel.POOR: "#8a3d0d",
    IntensityLevel.VERY_POOR: "#4d1608",
}
_IN_TERMINAL = {
    IntensityLevel.EXCELLENT: "bright_cyan",
    IntensityLevel.GOOD: "cyan",
    IntensityLevel.MODERATE: "yellow",
    IntensityLevel.POOR: "red",
    IntensityLevel.VERY_POOR: "bright_red",
}
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_WIDTH = 40


def print_forecast(state: GridStatus, plan: StartDecision, console: Console) -> None:
    """Print a bar a slot, at most one an hour; the planned run is marked, and so is its start."""
    if not state.forecast:
        console.print("There is no forecast to draw.")
        return
    step = max(1, round(3600 / (state.forecast[0].end_at - state.forecast[0].start_at).total_seconds()))
    shown = state.forecast[::step]
    most = max(slot.gco2eq_per_kwh for slot in shown)
    run_end = plan.start_at + plan.duration
    for slot in shown:
        eighths = round(slot.gco2eq_per_kwh / most * _WIDTH * 8)
        bar = _EIGHTHS[8] * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
        starts = slot.start_at <= plan.start_at < slot.end_at
        runs = slot.start_at < run_end and slot.end_at > plan.start_at
        mark = "◀ start" if starts else "│" if runs else ""
        colour = _IN_TERMINAL[slot.level]
        console.print(
            f"{slot.start_at:%a %H:%M} {slot.gco2eq_per_kwh:5.0f} [{colour}]{bar:<{_WIDTH}}[/] {slot.level:<9} {mark}"
        )
    console.print("[dim]UTC, gCO2eq/kWh[/]")


def draw_forecast(state: GridStatus, plan: StartDecision, path: Path) -> None:
    """Draw the forecast with its levels, the planned run and the deadline.

    :raises ConfigurationError: another kind of file, or matplotlib is not installed.
    """
    figure = new_figure((9, 4))
    axis: Any = figure.subplots()
    begins = [slot.start_at for slot in state.forecast]
    values = [slot.gco2eq_per_kwh for slot in state.forecast]
    for slot in state.forecast:
        axis.axvspan(slot.start_at, slot.end_at, ymax=0.02, color=_LEVELS[slot.level], linewidth=0)
    if begins:
        axis.step([*begins, state.forecast[-1].end_at], [*values, values[-1]], where="post", color="#3b4d8f")
    axis.axvspan(plan.start_at, plan.start_at + plan.duration, color="#0f766e", alpha=0.2, label="planned run")
    axis.axvline(plan.deadline, color="#9d1d5a", linestyle=":", label="deadline")
    axis.axhline(state.threshold, color="gray", linewidth=0.8, linestyle="--", label=f"threshold {state.threshold:g}")
    axis.set_ylim(bottom=0)
    axis.set_ylabel("gCO2eq/kWh")
    axis.set_title(f"{state.zone}: {state.current.gco2eq_per_kwh:.0f} gCO2eq/kWh now, {state.level}")
    axis.legend(fontsize="small", loc="upper right")
    axis.set_xlabel("UTC")
    made_up = f" ({state.current.synthetic} data)" if state.current.synthetic else ""
    save(figure, path, f"Forecast of {state.zone} from {state.current.source}{made_up}")
