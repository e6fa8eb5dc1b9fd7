"""A pane of the Chat tab: the text of a conversation while it is generated, and a status line."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from rnntui.text.control_chars import one_line
from rnntui.tui.chat.messages import BranchWanted, PaneActivated, RewindWanted
from rnntui.tui.keys import bindings
from rnntui.tui.widgets.document import DocumentSpan
from rnntui.tui.widgets.stream_view import StreamView

if TYPE_CHECKING:
    from rnntui.sessions.chat_pane import ChatPane
    from rnntui.sessions.conversation import Conversation
    from rnntui.sessions.transcript import Transcript

_STATUS_INTERVAL = 0.25  # seconds
_SHOWN_UNREAD = 64  # tokens; fewer are read before a percentage could be seen


class PaneView(Vertical):
    """Shows a `ChatPane`, whose model may still be loading."""

    BINDINGS = bindings("text")

    def __init__(self, pane: ChatPane) -> None:
        super().__init__()
        self.pane = pane
        self.text = StreamView(placeholder="Type below and press Enter: the model continues what you write.")
        self._status_line = Static("", classes="status", markup=False)
        self._conversation: Conversation | None = None  # the one in the view
        self._transcript: Transcript | None = None  # the one in the view, of which it has drawn
        self._drawn_chars = 0
        self._status_due = 0.0
        self._was_busy = False  # when the status line was written

    def compose(self) -> ComposeResult:
        yield self.text
        yield self._status_line

    def poll(self) -> None:
        """Take what the model has generated since the last call. Called about twenty times a second."""
        conversation = self.pane.conversation
        if conversation is None or not self.is_mounted:
            return
        if conversation.drain():
            self._update_text()
        busy = conversation.is_busy
        if busy != self._was_busy or (busy and time.monotonic() >= self._status_due):
            if not busy:
                self.text.notify_restyled()  # the tokens that were read have their surprisal now
            self.update_status()

    def update(self) -> None:
        """Show the pane again: its conversation or the text may have changed."""
        if not self.is_mounted:
            return
        conversation = self.pane.conversation
        if conversation is not None and conversation is not self._conversation:
            self._conversation, self._transcript = conversation, conversation.transcript
            self._mark_drawn(conversation.transcript)
            self.text.document = TranscriptDocument(conversation)
        self._update_text()
        self.update_status()

    def _update_text(self) -> None:
        """Show what has changed of the text, and no more: it may be long."""
        if self._conversation is None:
            return
        transcript = self._conversation.transcript
        if transcript is not self._transcript:
            self._transcript = transcript
            self.text.reset()
        else:
            if transcript.intact_chars < self._drawn_chars:
                self.text.notify_truncated(transcript.intact_chars)
            self.text.notify_appended()
        self._mark_drawn(transcript)

    def _mark_drawn(self, transcript: Transcript) -> None:
        transcript.intact_chars = self._drawn_chars = len(transcript.text)

    def scroll_to_end(self) -> None:
        """Show the end of the text."""
        self.text.scroll_end(animate=False)

    def update_status(self) -> None:
        """Write the status line."""
        self._status_due = time.monotonic() + _STATUS_INTERVAL
        # A short turn may end before the next poll, which then has to write that it has ended.
        self._was_busy = self.pane.conversation is not None and self.pane.conversation.is_busy
        self._status_line.update(self._status(), layout=False)

    def _status(self) -> str:
        conversation = self.pane.conversation
        if conversation is None:
            return self.pane.problem or f"{one_line(self.pane.run_name)}  opening …"
        parts = [one_line(conversation.name)]
        if conversation.unread > _SHOWN_UNREAD:
            total = max(1, len(conversation.transcript))
            parts.append(f"reading {1 - conversation.unread / total:.0%}")
        else:
            parts.append(conversation.problem or ("writing" if conversation.is_generating else "ready"))
        if conversation.is_generating and conversation.tokens_per_second:
            parts.append(f"{conversation.tokens_per_second:,.0f} tokens/s")
        bits = conversation.transcript.bits_per_character()
        if bits is not None:
            parts.append(f"{bits:.2f} bits/char")
        parts.append(f"T {conversation.sampling.temperature:g}")
        seeds = [turn.seed for turn in conversation.transcript.turns if turn.seed is not None]
        if seeds:
            parts.append(f"seed {seeds[-1]}")
        return " · ".join(parts)

    def on_descendant_focus(self) -> None:
        self.post_message(PaneActivated(self.pane))

    def on_click(self) -> None:
        self.post_message(PaneActivated(self.pane))

    def action_rewind(self) -> None:
        """Cut the text at the cursor."""
        cursor = self.text.cursor
        if cursor is not None:
            self.post_message(RewindWanted(self.pane, cursor))

    def action_branch(self, number: int) -> None:
        """Continue with an alternative to the token at the cursor."""
        self.post_message(BranchWanted(self.pane, number))


class TranscriptDocument:
    """The document of a `StreamView`: a conversation's transcript, token by token.

    It follows the conversation when that gets another transcript.
    """

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    @property
    def text(self) -> str:
        """The whole text."""
        return self._conversation.transcript.text

    def spans(self, start: int, end: int) -> Iterator[DocumentSpan]:
        """Yield the tokens that have text between two character offsets."""
        transcript = self._conversation.transcript
        token = transcript.token_at(start)
        offset = transcript.start_of(token)
        while offset < end and token < len(transcript):
            following = transcript.start_of(token + 1)
            turn = transcript.turn_at(token)
            if following > offset:
                yield DocumentSpan(offset, following, turn.role if turn else "prompt", transcript.bits(token))
            offset, token = following, token + 1
