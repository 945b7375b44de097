"""Where the commands print: a terminal of any width, a pipe, a file; in letters that it may not have."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import NoReturn

from rich import box
from rich.console import Console
from rich.table import Table

#: Of a table that no terminal bounds.
_PIPE_WIDTH, _UNBOUND = 160, 10_000
#: What shells call a program that wrote to a reader who had gone.
READER_GONE = 141


class Terminal(Console):
    """A console that keeps sentences and figures whole: a pipe or a file is wide, a narrow terminal breaks lines."""

    def __init__(self) -> None:
        super().__init__(highlight=False)
        if not self.is_terminal and "COLUMNS" not in os.environ:
            self.width = _PIPE_WIDTH

    def show(self, table: Table) -> None:
        """Print a table; where it is too wide, with fewer lines between columns, and never with a figure cut off."""
        for column in table.columns:
            column.overflow = "fold"
        if self.measure(table, options=self.options.update(width=_UNBOUND)).maximum > self.width:
            table.box, table.padding, table.pad_edge = box.SIMPLE_HEAD, (0, 1, 0, 0), False
        self.print(table)

    def say(self, sentence: str, *, quietly: bool = False) -> None:
        """Print a sentence; to a pipe as one line, for those who look for something in it."""
        self.print(sentence, style="dim" if quietly else None, markup=False, soft_wrap=not self.is_terminal)

    def on_broken_pipe(self) -> NoReturn:
        """Leave it to the command line, which knows its exit codes; rich would end the process."""
        raise BrokenPipeError

    @property
    def has_blocks(self) -> bool:
        """Whether bars and arrows can be written, as by any terminal that speaks Unicode."""
        return not self.options.ascii_only


def accept_any_letter() -> None:
    """Print a question mark for a letter that the output does not have, instead of failing in the middle."""
    for stream in (sys.stdout, sys.stderr):
        encoding = (getattr(stream, "encoding", None) or "").lower().replace("-", "")
        if not encoding.startswith("utf") and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def forget_output() -> None:
    """Let nothing more be written to a reader who has gone, also not when Python ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
