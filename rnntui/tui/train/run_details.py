"""Widgets that describe a run: all its facts in a table, and the most important ones in a line."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from rnntui.sessions.run_facts import run_facts, run_line
from rnntui.sessions.run_watcher import WatchedRun
from rnntui.text.control_chars import one_line


class RunDetailsView(VerticalScroll):
    """Table of a run's progress, metrics and settings; for a broken run, the problem.

    Beside the list, it takes the focus only where there is something to scroll.
    """

    def __init__(self, *, is_beside_list: bool, id: str | None = None) -> None:
        super().__init__(id=id)
        self._is_beside_list = is_beside_list

    def allow_focus(self) -> bool:
        return super().allow_focus() and (self.max_scroll_y > 0 or not self._is_beside_list)

    def compose(self) -> ComposeResult:
        yield Static("", expand=True)

    def show(self, run: WatchedRun | None) -> None:
        """Show a run, or nothing for None."""
        content = self.query_one(Static)
        if run is None:
            content.update("")
            return
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(style="dim", no_wrap=True, width=9)
        table.add_column(ratio=1, overflow="fold")
        for label, text in run_facts(run):
            table.add_row(label, Text(one_line(text)))
        content.update(table)


class RunLine(Static):
    """The highlighted run in one line: its full name, which the list may cut, its progress and its speed."""

    def show(self, run: WatchedRun | None, name: str = "") -> None:
        """Show a run under the name by which it is listed, or nothing for None."""
        self.update("" if run is None else one_line(run_line(run, name)))
