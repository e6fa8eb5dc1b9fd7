"""The find bar of the Chat tab."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Label

from rnntui.tui.chat.messages import SearchClosed
from rnntui.tui.widgets.editors import ClusterInput
from rnntui.tui.widgets.stream_view import StreamView


class FindBar(Horizontal):
    """An input for the text to find, and the number of matches. Hidden until `open`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "step(True)", "Next match"),
        Binding("up", "step(False)", "Previous match"),
        Binding("escape", "close", "Close"),
    ]

    def __init__(self, view: Callable[[], StreamView]) -> None:
        """`view` returns the view to search, asked anew each time the text to find is edited."""
        super().__init__()
        self._active_view = view
        self._view: StreamView | None = None  # the one that is searched

    def compose(self) -> ComposeResult:
        yield Label("Find ")
        yield ClusterInput(compact=True)
        yield Label("", id="matches")

    def open(self) -> None:
        """Show the bar and focus it at once, so that keys typed meanwhile go there."""
        self.display = True
        self.screen.set_focus(self.query_one(Input))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._view = self._active_view()
        count = self._view.find(event.value)
        self.query_one("#matches", Label).update(
            f" {count:,} found{', ↑ ↓' if count > 1 else ''} " if event.value else ""
        )
        self._view.next_match()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_step(True)

    def action_step(self, forward: bool) -> None:
        """Go to the next match, or to the previous one."""
        view = self._view or self._active_view()
        if forward:
            view.next_match()
        else:
            view.previous_match()

    def action_close(self) -> None:
        """Hide the bar and remove the highlights."""
        self.display = False
        self.query_one(Input).value = ""
        if self._view is not None:
            self._view.clear_find()
        self.post_message(SearchClosed())
