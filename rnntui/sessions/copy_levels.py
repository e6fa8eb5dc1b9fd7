"""Copies in a conversation: what the model's turns have word for word from its training text, followed as they grow."""

from __future__ import annotations

from dataclasses import dataclass
from math import log2
from typing import TYPE_CHECKING

import numpy as np

from rnntui.inspection.novelty import CopyFigures, held_out_texts

if TYPE_CHECKING:
    from rnntui.inspection.novelty_index import NoveltyIndex, SourceLine
    from rnntui.sessions.conversation import Conversation
    from rnntui.text.suffix_index import Lengths

_COMMON_SHARE = 0.1  # of stretches of a length that held-out text shares with the training text: longer ones are shaded
_LONGEST_COMMON = 24  # characters
_WEAKEST = 0.25  # level of the shortest copies that are shaded
_DOUBLINGS = 2  # of that length, at which the level is 1
_HELD_OUT_WINDOW = 512  # characters


@dataclass(frozen=True)
class CopyRequest:
    """A turn to search for copies; `index` is its number among the model's turns, `start` its offset in the text.

    `lengths` are those of its first characters that are known already, as in `TurnCopies`.
    """

    index: int
    start: int
    text: str
    lengths: Lengths


@dataclass(frozen=True, eq=False)
class TurnCopies:
    """The copies in a turn.

    Args:
        start: offset of the turn in the text.
        text: its text.
        lengths: for each character the length of the longest match from there on, `(N,)`.
        begins: for each character where the longest match begins that covers it, `(N,)`.
        covers: the length of that, `(N,)`.
    """

    start: int
    text: str
    lengths: Lengths
    begins: Lengths
    covers: Lengths


class CopyLevels:
    """The copies in the model's turns of a conversation. Called in the screen's thread, but for `compute`.

    Only the model's turns count, each on its own: of a copy that begins in what a person wrote, the part after it.
    """

    def __init__(self, conversation: Conversation, index: NoveltyIndex) -> None:
        self.conversation, self.index = conversation, index
        self._network = conversation.loaded.network
        self._turns: list[TurnCopies] = []
        self.shortest = _shortest_uncommon(index)
        """Length in characters from which on copies are shaded; shorter stretches are in most texts."""

    @property
    def fits(self) -> bool:
        """True while the conversation has the model whose training text this is."""
        return self._network is self.conversation.loaded.network

    def level(self, token: int) -> float | None:
        """Return the level of a token, 0 to 1: the longer the longest copy that it stands in, the higher."""
        transcript = self.conversation.transcript
        start, end = transcript.start_of(token), transcript.start_of(token + 1)
        turn = self._turn_at(start)
        if turn is None or end <= start:
            return None
        longest = int(turn.covers[start - turn.start : end - turn.start].max(initial=0))
        if longest < self.shortest:
            return None
        return min(1.0, _WEAKEST + (1 - _WEAKEST) * log2(longest / self.shortest) / _DOUBLINGS)

    def copy_at(self, offset: int) -> str:
        """Return the longest copy that covers a character of the text; empty if it stands in none that is shaded."""
        turn = self._turn_at(offset)
        if turn is None:
            return ""
        begin, length = (int(values[offset - turn.start]) for values in (turn.begins, turn.covers))
        return turn.text[begin : begin + length] if length >= self.shortest else ""

    def source_of(self, copy: str) -> SourceLine | None:
        """Return where a copy stands in the files of the corpus. Takes time: called in a thread of its own."""
        return self.index.source_of(copy)

    def request(self) -> CopyRequest | None:
        """Return the turn to search next; None if all are known. Turns that have changed are dropped."""
        turns = self._model_turns()
        for index, (start, text) in enumerate(turns):
            known = self._turns[index] if index < len(self._turns) else None
            if known is not None and (known.start, known.text) == (start, text):
                continue
            if known is None or known.start != start or not text.startswith(known.text):
                del self._turns[index:]
                return CopyRequest(index, start, text, np.zeros(0, dtype=np.int64))
            # A match that reached the end may now be longer; all before it are what they were.
            is_open = known.lengths + np.arange(len(known.text)) >= len(known.text)
            first = int(is_open.argmax()) if is_open.any() else len(known.text)
            return CopyRequest(index, start, text, known.lengths[:first])
        del self._turns[len(turns) :]
        return None

    def compute(self, request: CopyRequest) -> TurnCopies:
        """Search for the copies in a turn. Called in a thread of its own."""
        new = self.index.text.match_lengths(request.text[len(request.lengths) :])
        lengths = np.concatenate([request.lengths, new])
        begins, covers = np.zeros(len(lengths), dtype=np.int64), np.zeros(len(lengths), dtype=np.int64)
        for begin in np.flatnonzero(lengths >= self.shortest).tolist():
            length = int(lengths[begin])
            if not begin or lengths[begin - 1] <= length:  # else the match before it covers the same
                part = slice(begin, begin + length)
                is_longer = covers[part] < length
                begins[part][is_longer], covers[part][is_longer] = begin, length
        return TurnCopies(request.start, request.text, lengths, begins, covers)

    def store(self, request: CopyRequest, computed: TurnCopies) -> tuple[int, int] | None:
        """Take the copies of a turn; return the part of the text to paint again, None if it has changed meanwhile."""
        if request.index > len(self._turns):
            return None
        start, text = dict(enumerate(self._model_turns())).get(request.index, (-1, ""))
        if start != computed.start or not text.startswith(computed.text):
            return None
        self._turns[request.index : request.index + 1] = [computed]
        return start + len(request.lengths), start + len(computed.text)

    def _model_turns(self) -> list[tuple[int, str]]:
        """Return offset and text of each of the model's turns."""
        turns, offset = [], 0
        for turn, text in self.conversation.transcript.turn_texts():
            if turn.role == "model":
                turns.append((offset, text))
            offset += len(text)
        return turns

    def _turn_at(self, offset: int) -> TurnCopies | None:
        """Return the turn whose copies are known that has a character of the text."""
        for turn in reversed(self._turns):
            if turn.start <= offset:
                return turn if offset < turn.start + len(turn.text) else None
        return None


def _shortest_uncommon(index: NoveltyIndex) -> int:
    """Return the smallest n of which held-out text shares only a tenth of its n-grams with the training text."""
    shares = CopyFigures.of(list(held_out_texts(index, _HELD_OUT_WINDOW))).shares
    uncommon = np.flatnonzero(shares < _COMMON_SHARE)
    return min(int(uncommon[0]) + 1, _LONGEST_COMMON) if len(uncommon) else _LONGEST_COMMON
