"""A transcript as the stream view draws it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rnntui.tui.widgets.document import DocumentSpan

if TYPE_CHECKING:
    from rnntui.sessions.conversation import Conversation


class TranscriptDocument:
    """A conversation's text, token by token; it follows the conversation when that takes another transcript."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    @property
    def text(self) -> str:
        return self._conversation.transcript.text

    def spans(self, start: int, end: int) -> Iterator[DocumentSpan]:
        """The tokens that have text between two offsets."""
        transcript = self._conversation.transcript
        token = transcript.token_at(start)
        at = transcript.start_of(token)
        while at < end and token < len(transcript):
            following = transcript.start_of(token + 1)
            turn = transcript.turn_at(token)
            if following > at:
                yield DocumentSpan(at, following, turn.role if turn else "prompt", transcript.bits(token))
            at, token = following, token + 1
