"""A pane: one conversation's text as it is written, and a line that says how it goes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static

from rnntui.text.control_chars import one_line
from rnntui.tui.chat.transcript_autosave import Kept
from rnntui.tui.chat.transcript_document import TranscriptDocument
from rnntui.tui.keys import bindings
from rnntui.tui.widgets.stream_view import StreamView

if TYPE_CHECKING:
    from rnntui.sessions.conversation import Conversation
    from rnntui.sessions.transcript import Transcript

_STATUS_EVERY = 0.25  # seconds


class Pane(Vertical):
    """Shows a conversation once it has one; until then the model is being read from disk."""

    BINDINGS = bindings("text")

    active = reactive(False)

    class Rewind(Message):
        """Cut the text off at this offset."""

        def __init__(self, pane: Pane, offset: int) -> None:
            super().__init__()
            self.pane, self.offset = pane, offset

    class Branch(Message):
        """Put the alternative of this number, from 1, in the place of the token at the cursor."""

        def __init__(self, pane: Pane, number: int) -> None:
            super().__init__()
            self.pane, self.number = pane, number

    class Activated(Message):
        """The pane has been clicked or got the focus."""

        def __init__(self, pane: Pane) -> None:
            super().__init__()
            self.pane = pane

    def __init__(self, name: str = "") -> None:
        super().__init__()
        self.run_name = name
        self.conversation: Conversation | None = None
        self.problem = ""
        self.kept = Kept()
        self._transcript: Transcript | None = None  # the one that the view has seen
        self._shown = 0  # characters of it
        self._status_due = 0.0
        self._was_writing = False

    def compose(self) -> ComposeResult:
        yield StreamView(placeholder="Type below and press Enter: the model goes on from what you write.")
        yield Static("", classes="status", markup=False)

    @property
    def text(self) -> StreamView:
        return self.query_one(StreamView)

    def show(self, conversation: Conversation) -> None:
        """Show this conversation from now on."""
        self.conversation = conversation
        self.run_name = conversation.name
        self._transcript = conversation.transcript
        self._transcript.stands = self._shown = len(self._transcript.text)
        self.text.document = TranscriptDocument(conversation)
        self.show_status()

    def take(self) -> None:
        """Take what the model has written since the last time; called some twenty times a second."""
        conversation = self.conversation
        if conversation is None:
            return
        if conversation.drain():
            self._transcript_changed()
        busy = conversation.is_writing or bool(conversation.to_read)
        if busy != self._was_writing or (busy and time.monotonic() >= self._status_due):
            if not busy:
                self.text.notify_restyled()  # what was read has its bits now
            self._was_writing = busy
            self.show_status()

    def changed(self) -> None:
        """The text may have become another one."""
        self._transcript_changed()
        self.show_status()

    def _transcript_changed(self) -> None:
        """Show what has changed of the text, and no more: it may be long."""
        if self.conversation is None:
            return
        transcript = self.conversation.transcript
        if transcript is not self._transcript:
            self._transcript = transcript
            self.text.reset()
        else:
            if transcript.stands < self._shown:
                self.text.notify_truncated(transcript.stands)
            self.text.notify_appended()
        transcript.stands = self._shown = len(transcript.text)

    def show_status(self) -> None:
        """Write the line under the text anew."""
        self._status_due = time.monotonic() + _STATUS_EVERY
        self.query_one(".status", Static).update(self._status(), layout=False)

    def _status(self) -> str:
        if self.conversation is None:
            return self.problem or f"{one_line(self.run_name)}  opening …"
        conversation = self.conversation
        parts = [one_line(conversation.name)]
        if conversation.to_read > 64:
            total = max(1, len(conversation.transcript))
            parts.append(f"reading {1 - conversation.to_read / total:.0%}")
        else:
            parts.append(conversation.problem or ("writing" if conversation.is_writing else "ready"))
        if conversation.is_writing and conversation.tokens_per_second:
            parts.append(f"{conversation.tokens_per_second:,.0f} tokens/s")
        bits = conversation.transcript.bits_per_character()
        if bits is not None:
            parts.append(f"{bits:.2f} bits/char")
        parts.append(f"T {conversation.settings.temperature:g}")
        turns = conversation.transcript.turns
        seeds = [turn.seed for turn in turns if turn.seed is not None]
        if seeds:
            parts.append(f"seed {seeds[-1]}")
        return " · ".join(parts)

    def watch_active(self, active: bool) -> None:
        self.set_class(active, "-active")

    def on_descendant_focus(self) -> None:
        self.post_message(self.Activated(self))

    def on_click(self) -> None:
        self.post_message(self.Activated(self))

    def action_rewind(self) -> None:
        """Cut the text off before the cursor."""
        cursor = self.text.cursor
        if cursor is not None:
            self.post_message(self.Rewind(self, cursor))

    def action_branch(self, number: int) -> None:
        """Go on with another token here."""
        self.post_message(self.Branch(self, number))
