"""A progress bar on stderr for commands that read or compute for long; nothing where stderr is no terminal."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress, TaskID

_DELAY = 1.0  # seconds of work before the bar is shown


class ProgressBar:
    """A bar in the last line of the terminal, removed at the end of its `with` block.

    rich is imported when the bar is first shown. Notes that are printed meanwhile stay above it.

    Args:
        label: what is done, as in `translating`.
        is_wanted: False for no bar, as where stdout is a terminal that already shows what is done.
        is_immediate: True to show it from the start, not after a second.
    """

    def __init__(self, label: str, is_wanted: bool = True, is_immediate: bool = False) -> None:
        self._label = label
        self._is_wanted = is_wanted and sys.stderr is not None and sys.stderr.isatty()
        self._shown_from = time.monotonic() + (0.0 if is_immediate else _DELAY)
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> ProgressBar:
        self.update(None)
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, fraction: float | None, text: str = "") -> None:
        """Show the fraction that is done, from 0 to 1, None if it is not known; and a text, instead of a percentage."""
        if not self._is_wanted or (self._bar is None and time.monotonic() < self._shown_from):
            return
        if not text and fraction is not None:
            text = f"{min(1.0, fraction):.0%}"
        if self._bar is None:
            self._start(fraction)
        if self._bar is not None and self._task is not None:
            total = None if fraction is None else 1.0
            self._bar.update(self._task, total=total, completed=min(1.0, fraction or 0.0), text=text)

    def show_lines(self, done: float, total: int | None) -> None:
        """Show how many lines are done, of a total that may be a little too small; None if it is not known."""
        fraction = None if total is None else done / max(total, done, 1)
        self.update(fraction, f"{done:,.0f}{'' if total is None else f' of {max(total, round(done)):,}'} lines")

    def lines_of_batch(self, before: int, size: int, total: int | None) -> Callable[[float], None]:
        """Return a function that shows the progress of a batch of lines, given the fraction of it that is done.

        Args:
            before: lines that were done before the batch.
            size: lines in the batch.
            total: all lines; see `show_lines`.
        """
        return lambda fraction: self.show_lines(before + fraction * size, total)

    def _start(self, fraction: float | None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[text]}"),
            TimeRemainingColumn(compact=True),
            console=Console(stderr=True),
            refresh_per_second=8,
            transient=True,
            redirect_stdout=False,
        )
        # What is done already counts from the start: it would be taken for the work of this instant, and its speed.
        completed: Any = min(1.0, fraction or 0.0)  # rich declares an int here alone
        self._task = self._bar.add_task(self._label, total=None, completed=completed, text="")
        self._bar.start()
