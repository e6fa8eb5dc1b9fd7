"""The filter of the run list: a field for words, shown while there are any."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Label

from rnntui.tui.train.messages import FilterChanged, FilterLeft
from rnntui.tui.widgets.editors import ClusterInput


class FilterBar(Horizontal):
    """Posts `FilterChanged` with every edit, and `FilterLeft` when the keys shall go to the list again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear", "Clear", show=True),
        Binding("down,tab", "leave", "To the list", show=False),
    ]

    def compose(self) -> ComposeResult:
        yield Label("Filter ")
        yield ClusterInput(compact=True, placeholder="words of the name, kind, state or note")
        yield Label("", id="filter-count")

    def open(self) -> None:
        """Show the field and focus it at once, so that keys typed meanwhile go there."""
        self.display = True
        self.screen.set_focus(self.query_one(Input))

    def show_count(self, matches: int, total: int) -> None:
        """Say how many of the runs match."""
        self.query_one("#filter-count", Label).update(f" {matches} of {total}, Esc clears ")

    def action_clear(self) -> None:
        """Remove the filter, hide the field, and leave it."""
        with self.prevent(Input.Changed):
            self.query_one(Input).value = ""
        self.display = False
        self.post_message(FilterChanged(""))
        self.post_message(FilterLeft())

    def action_leave(self) -> None:
        """Keep the filter, and leave the field; without words it is hidden."""
        self.display = bool(self.query_one(Input).value)
        self.post_message(FilterLeft())

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(FilterChanged(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_leave()
