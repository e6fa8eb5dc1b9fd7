"""Widget with a run's settings, progress and metrics."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text
from textual.widgets import Static

from rnntui.sessions.run_facts import run_facts
from rnntui.sessions.run_watcher import WatchedRun
from rnntui.text.control_chars import one_line


class RunDetails(Static):
    """Table of a run's settings and progress; for a broken run, the problem."""

    def show(self, run: WatchedRun | None) -> None:
        """Show a run, or nothing for None."""
        if run is None:
            self.update("")
            return
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(style="dim", no_wrap=True, width=9)
        table.add_column(ratio=1, overflow="fold")
        for label, text in run_facts(run):
            table.add_row(label, Text(one_line(text)))
        self.update(table)
