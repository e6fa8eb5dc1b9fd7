"""A run's settings and progress as a list of facts."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text
from textual.widgets import Static

from rnntui.sessions.run_facts import run_facts
from rnntui.sessions.run_watcher import WatchedRun
from rnntui.text.control_chars import one_line


class RunDetails(Static):
    """A run's settings and progress; of a broken run, what is wrong."""

    def show(self, run: WatchedRun | None) -> None:
        """Show a run, or nothing."""
        if run is None:
            self.update("")
            return
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(style="dim", no_wrap=True, width=9)
        table.add_column(ratio=1, overflow="fold")
        for label, text in run_facts(run):
            table.add_row(label, Text(one_line(text)))
        self.update(table)
