"""The hours ahead as a picture: blocks in a terminal, or a file by matplotlib (extra: plot)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_hypercarbon.carbon.intensity import IntensityLevel
from airflow_provider_hypercarbon.commands.plots import new_figure, save

if TYPE_CHECKING:
    from airflow_provider_hypercarbon.carbon.decision import StartDecision
    from airflow_provider_hypercarbon.carbon.status import GridStatus
    from airflow_provider_hypercarbon.commands.terminal import Terminal

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
#: The longest bar; beside it stand the time and the value, the level, and the mark of the plan.
_WIDTH, _LEFT, _LEVEL, _MARK = 40, 16, 10, 8


def print_forecast(state: GridStatus, plan: StartDecision, console: Terminal) -> None:
    """Print a bar a slot, at most one an hour; the planned run is marked, and so is its start."""
    if not state.forecast:
        console.say("There is no forecast to draw.")
        return
    step = max(1, round(3600 / (state.forecast[0].end_at - state.forecast[0].start_at).total_seconds()))
    shown = state.forecast[::step]
    most = max(slot.gco2eq_per_kwh for slot in shown)
    run_end = plan.start_at + plan.duration
    room = console.width - _LEFT - _MARK
    with_level = room - _LEVEL >= 12  # in a narrow terminal the colour and the value have to do
    width = max(4, min(_WIDTH, room - _LEVEL if with_level else room))
    for slot in shown:
        bar = _bar(slot.gco2eq_per_kwh / most * width if most else 0.0, blocks=console.has_blocks)
        starts = slot.start_at <= plan.start_at < slot.end_at
        runs = slot.start_at < run_end and slot.end_at > plan.start_at
        arrow, line = "◀│" if console.has_blocks else "<|"
        mark = f"{arrow} start" if starts else line if runs else ""
        level = f"{slot.level:<{_LEVEL}}" if with_level else ""
        time = f"{slot.start_at:%a %H:%M} {slot.gco2eq_per_kwh:5.0f}"
        line_of_slot = f"{time} [{_IN_TERMINAL[slot.level]}]{bar:<{width}}[/] {level}{mark}"
        console.print(line_of_slot.rstrip(), no_wrap=True, crop=False, overflow="ignore")
    console.say(f"UTC, gCO2eq/kWh{_made_up(state)}", quietly=True)


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
    axis.set_title(f"{state.zone}: {state.current.gco2eq_per_kwh:.0f} gCO2eq/kWh now, {state.level}{_made_up(state)}")
    axis.legend(fontsize="small", loc="upper right")
    axis.set_xlabel("UTC")
    save(figure, path, f"Forecast of {state.zone} from {state.current.source}{_made_up(state)}")


def _bar(length: float, *, blocks: bool) -> str:
    if not blocks:
        return "#" * round(length)
    eighths = round(length * 8)
    return _EIGHTHS[8] * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _made_up(state: GridStatus) -> str:
    """Mark invented data in the picture itself, which goes its own way."""
    return f" ({state.current.synthetic} data)" if state.current.synthetic else ""
