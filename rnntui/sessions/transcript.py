"""A text that a person and a model write together: its tokens, its turns, and states to return to."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from rnntui.config import SamplingConfig
from rnntui.inference.cells import Array
from rnntui.inference.numpy_language_model import Ids

Role = Literal["prompt", "model"]

SPACING = (
    64  # tokens between two states kept, until they fill their room; reading so many takes some hundredths of a second
)
_ROOM = 16 << 20  # bytes


@dataclass
class Turn:
    """A stretch of a transcript that one of the two wrote, from its token `start` to where the next begins.

    A model's turn says with which run, seed and settings, so that it can be had again; `settings` holds those that
    were in force from a token on, for they may change while a turn is written.
    """

    role: Role
    start: int
    run: str = ""
    seed: int | None = None
    settings: list[tuple[int, SamplingConfig]] = field(default_factory=list)


class States:
    """Model states `(L, S, 1, H)` after some tokens of a text, evenly spread, in no more than `room` bytes.

    When they fill it, every other one is dropped, and from then on half as many are kept: however long the text, the
    way back from the nearest one to any token is a small part of it.
    """

    def __init__(self, start: Array, room: int = _ROOM) -> None:
        self.spacing = SPACING
        self._most = max(2, room // start.nbytes)
        self._kept: dict[int, Array] = {0: start}

    def __len__(self) -> int:
        return len(self._kept)

    def wants(self, tokens: int) -> bool:
        """Whether the state after so many tokens is one to keep."""
        return tokens % self.spacing == 0

    def keep(self, tokens: int, state: Array) -> None:
        """Keep the state after so many tokens."""
        self._kept[tokens] = state
        if len(self._kept) > self._most:
            self.spacing *= 2
            self._kept = {at: kept for at, kept in self._kept.items() if self.wants(at)}

    def before(self, tokens: int) -> tuple[int, Array]:
        """The latest state kept that has read no more than so many tokens, and how many it has read."""
        at = tokens - tokens % self.spacing
        while at not in self._kept:
            at -= self.spacing
        return at, self._kept[at]

    def cut(self, tokens: int) -> None:
        """Forget the states that have read more than so many tokens."""
        self._kept = {at: kept for at, kept in self._kept.items() if at <= tokens}


class Transcript:
    """The text, its tokens and its turns. Every token has its stretch of text, which may be empty, and its bits."""

    def __init__(self) -> None:
        self.text = ""
        self.stands = 0  # a reader sets it to the length it has seen; cutting lowers it to what still stands
        self.turns: list[Turn] = []
        self._ids = array("q")
        self._ends = array("q")  # where each token's text ends
        self._bits = array("f")  # NaN until the model has read the token

    def __len__(self) -> int:
        """How many tokens there are."""
        return len(self._ids)

    def begin(self, turn: Turn) -> None:
        """What is appended from now on is of this turn. An empty turn before it is forgotten."""
        if self.turns and self.turns[-1].start == len(self):
            self.turns.pop()
        self.turns.append(turn)

    def append(self, ids: Sequence[int], pieces: Sequence[str], bits: Sequence[float] | None = None) -> None:
        """Tokens with their texts, and with their information in bits where it is known."""
        end = len(self.text)
        for piece in pieces:
            end += len(piece)
            self._ends.append(end)
        self._ids.extend(ids)
        self._bits.extend([np.nan] * len(ids) if bits is None else bits)
        self.text += "".join(pieces)

    def ids(self, start: int = 0, end: int | None = None) -> Ids:
        """The ids of tokens `start` to `end`, `(N,)`; a copy."""
        return np.array(self._ids[start:end], dtype=np.int64)

    def read(self, start: int, bits: Array) -> None:
        """The information `(N,)` of the tokens from `start` on, once a model has read them."""
        self._bits[start : start + len(bits)] = array("f", bits.astype(np.float32).tobytes())

    def bits(self, token: int) -> float | None:
        """The information of a token; None until the model has read it."""
        value = self._bits[token]
        return None if math.isnan(value) else value

    def cut(self, tokens: int) -> None:
        """Keep the first so many tokens only."""
        if tokens >= len(self):
            return
        self.text = self.text[: self.start_of(tokens)]
        self.stands = min(self.stands, len(self.text))
        del self._ids[tokens:], self._ends[tokens:], self._bits[tokens:]
        self.turns = [turn for turn in self.turns if turn.start < tokens]
        for turn in self.turns[-1:]:
            turn.settings = [(at, settings) for at, settings in turn.settings if at < tokens]

    def copy(self) -> Transcript:
        """The text as it is now, to go back to."""
        other = Transcript()
        other.text = self.text
        other.turns = [replace(turn, settings=list(turn.settings)) for turn in self.turns]
        other._ids, other._ends, other._bits = self._ids[:], self._ends[:], self._bits[:]
        return other

    def in_common(self, other: Transcript) -> int:
        """How many tokens this text and another begin with alike."""
        size = min(len(self), len(other))
        parted = np.flatnonzero(self.ids(0, size) != other.ids(0, size))
        return int(parted[0]) if len(parted) else size

    def start_of(self, token: int) -> int:
        """Where a token's text starts, in characters; of the token after the last, where the text ends."""
        return self._ends[token - 1] if token else 0

    def token_at(self, offset: int) -> int:
        """The token whose text holds the character at `offset`, which is also how many tokens end before it.

        At the end of the text that is `len(self)`.
        """
        return bisect_right(self._ends, offset)

    def turn_at(self, token: int) -> Turn | None:
        """The turn that a token is of."""
        at = bisect_right(self.turns, token, key=lambda turn: turn.start)
        return self.turns[at - 1] if at else None

    def stretches(self) -> Iterator[tuple[Turn, str]]:
        """Each turn with its text, in order."""
        starts = [turn.start for turn in self.turns] + [len(self)]
        for turn, start, end in zip(self.turns, starts, starts[1:], strict=False):
            yield turn, self.text[self.start_of(start) : self.start_of(end)]

    def tail(self, offset: int) -> list[tuple[Turn, str]]:
        """The turns from an offset on, with their text. One that a model wrote has no seed there: it is not the same
        any more once the text before it is another."""
        found = []
        for turn, text in self.stretches():
            start = self.start_of(turn.start)
            if start + len(text) > offset:
                found.append((Turn(turn.role, 0, turn.run), text[max(0, offset - start) :]))
        return found

    def token_of_character(self, offset: int) -> int:
        """The first token of the character at `offset`; it may be made of several tokens, a byte each."""
        token = self.token_at(offset)
        while token and token < len(self) and self.start_of(token - 1) == self.start_of(token):
            token -= 1
        return token

    def bits_per_character(self) -> float | None:
        """The information of all that the model has read, by its characters; None if that is nothing."""
        bits = np.frombuffer(self._bits, dtype=np.float32).copy() if len(self) else np.zeros(0, dtype=np.float32)
        known = ~np.isnan(bits)
        ends = np.array(self._ends, dtype=np.int64)
        characters = int(np.diff(ends, prepend=0)[known].sum()) if len(ends) else 0
        return float(bits[known].sum(dtype=np.float64)) / characters if characters else None
