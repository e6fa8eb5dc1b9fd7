"""The bar in which one types what to find in the text."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label


class FindBar(Horizontal):
    """Hidden until it is wanted."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close", show=False),
        Binding("up", "previous", "Previous", show=False),
        Binding("down", "next", "Next", show=False),
    ]

    class Changed(Message):
        """Another text is to be found; empty when the bar is closed."""

        def __init__(self, bar: FindBar, needle: str) -> None:
            super().__init__()
            self.bar, self.needle = bar, needle

    class Moved(Message):
        """Go to the next place, or to the one before."""

        def __init__(self, forward: bool) -> None:
            super().__init__()
            self.forward = forward

    class Closed(Message):
        """The bar is gone."""

    def compose(self) -> ComposeResult:
        yield Label("Find ")
        yield Input(compact=True)
        yield Label("", id="matches")

    def open(self) -> None:
        """Show the bar and put the cursor in it."""
        self.display = True
        self.query_one(Input).focus()

    def tell(self, matches: int) -> None:
        """Say how often it was found."""
        wanted = bool(self.query_one(Input).value)
        self.query_one("#matches", Label).update(f" {matches:,} found, ↑ ↓ " if wanted else "")

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(self, event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Moved(True))

    def action_next(self) -> None:
        """The next place."""
        self.post_message(self.Moved(True))

    def action_previous(self) -> None:
        """The place before."""
        self.post_message(self.Moved(False))

    def action_close(self) -> None:
        """Hide the bar; nothing is marked any more."""
        self.display = False
        self.query_one(Input).value = ""
        self.post_message(self.Closed())
