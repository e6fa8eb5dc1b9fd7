"""A pane of the Chat tab: the text of a conversation while it is generated, and a status line."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.widgets import Static

from rnntui.tui.chat.messages import BranchWanted, PaneActivated, PromptWanted, RewindWanted
from rnntui.tui.chat.status_line import StatusKeys, status_text
from rnntui.tui.keys import bindings
from rnntui.tui.widgets.document import DocumentSpan
from rnntui.tui.widgets.stream_text import visible_offset
from rnntui.tui.widgets.stream_view import StreamView

if TYPE_CHECKING:
    from rnntui.sessions.chat_pane import ChatPane
    from rnntui.sessions.conversation import Conversation
    from rnntui.sessions.transcript import Transcript

STATUS_KEYS = ("chat.previous_version", "chat.next_version", "chat.learning", "chat.branches")
"""Ids of the keys that the status line names."""

_STATUS_INTERVAL = 0.25  # seconds


class PaneView(Vertical):
    """Shows a `ChatPane`, whose model may still be loading."""

    BINDINGS = bindings("text")

    def __init__(self, pane: ChatPane, status_keys: Mapping[str, str]) -> None:
        """`status_keys` are the keys of the ids in `STATUS_KEYS`."""
        super().__init__()
        self.pane = pane
        self._shows_temperature = False
        self._status_keys = status_keys
        self.text = StreamView(placeholder="Type below and press Enter: the model continues what you write.")
        self._status_line = Static("", classes="status", markup=False)
        self._conversation: Conversation | None = None  # the one in the view
        self._transcript: Transcript | None = None  # the one in the view, of which it has drawn
        self._drawn_chars = 0
        self._status_due = 0.0
        self._was_busy = False  # when the status line was written
        self._had_cursor = False  # when the bindings were refreshed
        self._alternatives = 0  # alternatives to the token at the cursor that can be seen

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
                if self.text.has_focus and self.text.cursor is not None:
                    self._ask_for_alternatives()
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
            self.text.has_levels = False
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
        bookmarks = self._conversation.tree.current.bookmarks
        self.text.bookmarks = tuple(visible_offset(transcript.text, bookmark.offset) for bookmark in bookmarks)

    def _mark_drawn(self, transcript: Transcript) -> None:
        transcript.intact_chars = self._drawn_chars = len(transcript.text)

    def shade_by(self, level_of: Callable[[int], float | None] | None) -> None:
        """Shade the text by the level of each token, or for None no longer."""
        if isinstance(self.text.document, TranscriptDocument):
            self.text.document.level_of = level_of
            self.text.has_levels = level_of is not None
            self.text.notify_restyled()

    def show_place(self, offset: int) -> None:
        """Put the cursor at an offset of the text, and let the keys go there."""
        self.text.focus()
        self.text.cursor = offset

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
        width, rows = self._status_line.content_size
        *keys, learning_key, branches_key = [
            self.app.get_key_display(Binding(self._status_keys[id], "")) for id in STATUS_KEYS
        ]
        modifiers = {key.rpartition("+")[0] for key in keys}
        if len(modifiers) == 1:  # Alt+←/→
            keys[1:] = [key.rpartition("+")[2] for key in keys[1:]]
        status_keys = StatusKeys("/".join(keys), learning_key, branches_key)
        return status_text(self.pane, width, rows, status_keys, shows_temperature=self._shows_temperature)

    def on_resize(self) -> None:
        self.call_after_refresh(self.update_status)

    def on_descendant_focus(self) -> None:
        self.post_message(PaneActivated(self.pane))
        if not self.text.has_focus or not self._drawn_chars:
            return
        if self.text.cursor is None:
            self.text.cursor = self._drawn_chars  # else nothing would show where the keys go
        else:
            self._ask_for_alternatives()

    def on_descendant_blur(self) -> None:
        if self.text.cursor == self._drawn_chars:
            self.text.cursor = None  # at the end it would look like that of the prompt

    def _ask_for_alternatives(self) -> None:
        """Let the tab show the alternatives at the cursor, as after a move."""
        self.post_message(StreamView.CursorMoved(self.text, self.text.cursor))

    def on_click(self) -> None:
        self.post_message(PaneActivated(self.pane))

    def on_stream_view_cursor_moved(self) -> None:
        has_cursor = self.text.cursor is not None
        if has_cursor is not self._had_cursor:
            self._had_cursor = has_cursor
            self.refresh_bindings()

    def show_temperature(self, in_status: bool) -> None:
        """Show the temperature in the status line, or not, where a slider does."""
        if in_status is not self._shows_temperature:
            self._shows_temperature = in_status
            self.update_status()

    def show_alternatives(self, count: int) -> None:
        """Let the digits up to `count` choose alternatives, which can be seen; others are typed into the prompt."""
        if count != self._alternatives:
            self._alternatives = count
            self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False for keys that have nothing to act on: without a cursor, or without alternatives."""
        if action == "rewind":
            return self.text.cursor is not None
        if action == "branch":
            return isinstance(parameters[0], int) and parameters[0] <= self._alternatives
        return True

    def action_rewind(self) -> None:
        """Cut the text at the cursor."""
        cursor = self.text.cursor
        if cursor is not None:
            self.post_message(RewindWanted(self.pane, cursor))

    def action_branch(self, number: int) -> None:
        """Continue with an alternative to the token at the cursor."""
        self.post_message(BranchWanted(self.pane, number))

    def action_leave(self) -> None:
        """Go back to the prompt."""
        self.post_message(PromptWanted())


class TranscriptDocument:
    """The document of a `StreamView`: a conversation's transcript, token by token.

    It follows the conversation when that gets another transcript. `level_of` returns the level of a token that the text
    is shaded by, if it is.
    """

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self.level_of: Callable[[int], float | None] | None = None

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
                level = self.level_of(token) if self.level_of is not None else None
                yield DocumentSpan(offset, following, turn.role if turn else "prompt", transcript.bits(token), level)
            offset, token = following, token + 1
