"""A text written by a person and a model: its tokens, the surprisal of each, and its turns."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rnntui.config_generation import SamplingConfig
from rnntui.inference.cells import Array
from rnntui.inference.numpy_language_model import Ids

Role = Literal["prompt", "model"]


@dataclass
class Turn:
    """A part of a transcript by one author, from token `start` to the start of the next turn.

    A model's turn records run, seed and settings, so that it can be reproduced. `settings` lists pairs of a token and
    the settings in force from that token on, because they may change while a turn is generated. `learned` is True if
    the model had learned from the text before it. `continues` is True of the first turn of a tail if its start belongs
    to the turn before the tail.
    """

    role: Role
    start: int
    run: str = ""
    seed: int | None = None
    settings: list[tuple[int, SamplingConfig]] = field(default_factory=list)
    learned: bool = False
    continues: bool = False

    def moved(self, tokens: int) -> Turn:
        """Return a copy that begins `tokens` tokens later, or earlier if negative."""
        settings = [(token + tokens, settings) for token, settings in self.settings]
        return replace(self, start=self.start + tokens, settings=settings)


class Transcript:
    """Text, tokens and turns. Every token has its part of the text, which may be empty, and its surprisal in bits."""

    def __init__(self) -> None:
        self.text = ""
        self.intact_chars = 0  # a view sets it to the length it has drawn; `cut` lowers it to what is left of that
        self.intact_tokens = 0  # the same for a model that has read the tokens
        self.turns: list[Turn] = []
        self._ids = array("q")
        self._ends = array("q")  # for each token, the offset at which its text ends
        self._bits = array("f")  # NaN until the model has read the token

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self._ids)

    def begin_turn(self, turn: Turn) -> None:
        """Append the following tokens to this turn. If the turn before it is empty, remove that."""
        if self.turns and self.turns[-1].start == len(self):
            self.turns.pop()
        self.turns.append(turn)

    def append(self, ids: Sequence[int], pieces: Sequence[str], bits: Sequence[float] | None = None) -> None:
        """Append tokens with the text of each, and with the surprisal of each where it is known."""
        end = len(self.text)
        for piece in pieces:
            end += len(piece)
            self._ends.append(end)
        self._ids.extend(ids)
        self._bits.extend([np.nan] * len(ids) if bits is None else bits)
        self.text += "".join(pieces)

    def append_characters(self, text: str) -> None:
        """Append a text that is not encoded: a token of no model for each character."""
        start, count = len(self.text), len(text)
        self._ids.extend(array("q", [-1]) * count)
        self._ends.extend(array("q", range(start + 1, start + count + 1)))
        self._bits.extend(array("f", [math.nan]) * count)
        self.text += text

    def ids(self, start: int = 0, end: int | None = None) -> Ids:
        """Return the ids of tokens `start` to `end`, `(N,)`, as a copy."""
        return np.array(self._ids[start:end], dtype=np.int64)

    def is_prompt(self, start: int, end: int) -> NDArray[np.bool_]:
        """Return for tokens `start` to `end` if they are the person's, `(N,)`."""
        result = np.zeros(max(0, min(end, len(self)) - start), dtype=bool)
        bounds = [turn.start for turn in self.turns] + [len(self)]
        for turn, first, last in zip(self.turns, bounds, bounds[1:], strict=False):
            if turn.role == "prompt":
                result[max(0, first - start) : max(0, last - start)] = True
        return result

    def set_bits(self, start: int, bits: Array) -> None:
        """Set the surprisal `(N,)` of the tokens from `start` on, once a model has read them."""
        self._bits[start : start + len(bits)] = array("f", bits.astype(np.float32).tobytes())

    def bits(self, token: int) -> float | None:
        """Return the surprisal of a token, or None until the model has read it."""
        value = self._bits[token]
        return None if math.isnan(value) else value

    def cut(self, tokens: int) -> None:
        """Keep only the first `tokens` tokens."""
        if tokens >= len(self):
            return
        self.text = self.text[: self.start_of(tokens)]
        self.intact_chars = min(self.intact_chars, len(self.text))
        self.intact_tokens = min(self.intact_tokens, tokens)
        del self._ids[tokens:], self._ends[tokens:], self._bits[tokens:]
        self.turns = [turn for turn in self.turns if turn.start < tokens]
        for turn in self.turns[-1:]:
            turn.settings = [(token, settings) for token, settings in turn.settings if token < tokens]

    def copy(self) -> Transcript:
        """Return a copy, to restore later."""
        other = Transcript()
        other.text = self.text
        other.turns = [turn.moved(0) for turn in self.turns]
        other._ids, other._ends, other._bits = self._ids[:], self._ends[:], self._bits[:]
        return other

    def tail(self, token: int) -> Transcript:
        """Return a copy of what begins at a token; its first turn may continue the one before (`Turn.continues`)."""
        start = self.start_of(token)
        other = Transcript()
        other.text = self.text[start:]
        other.turns = [turn.moved(-token) for turn in self.turns if turn.start >= token]
        before = self.turn_at(token) if token < len(self) else None
        if before is not None and before.start < token:
            settings = [(at - token, settings) for at, settings in before.settings if at >= token]
            other.turns.insert(0, replace(before, start=0, settings=settings, continues=True))
        other._ids, other._bits = self._ids[token:], self._bits[token:]
        other._ends = array("q", (end - start for end in self._ends[token:]))
        return other

    def extend(self, tail: Transcript) -> None:
        """Append a copy of a tail in tokens of the same tokenizer."""
        token, start = len(self), len(self.text)
        turns = [turn.moved(token) for turn in tail.turns]
        if turns and turns[0].continues and self.turns:
            self.turns[-1].settings += turns.pop(0).settings
        elif turns:
            self.begin_turn(turns.pop(0))
        self.turns += turns
        self.text += tail.text
        self._ids.extend(tail._ids)
        self._bits.extend(tail._bits)
        self._ends.extend(start + end for end in tail._ends)

    def common_prefix(self, other: Transcript) -> int:
        """Return the number of tokens at the start that are the same in both transcripts, by the same authors."""
        size = min(len(self), len(other))
        differing = np.flatnonzero(
            (self.ids(0, size) != other.ids(0, size)) | (self.is_prompt(0, size) != other.is_prompt(0, size))
        )
        return int(differing[0]) if len(differing) else size

    def start_of(self, token: int) -> int:
        """Return the character offset of a token's text; for `len(self)`, the length of the text."""
        return self._ends[token - 1] if token else 0

    def token_at(self, offset: int) -> int:
        """Return the token whose text contains the character at `offset`: the number of tokens that end before it.

        At the end of the text that is `len(self)`.
        """
        return bisect_right(self._ends, offset)

    def turn_at(self, token: int) -> Turn | None:
        """Return the turn that a token belongs to."""
        index = bisect_right(self.turns, token, key=lambda turn: turn.start)
        return self.turns[index - 1] if index else None

    def turn_texts(self) -> Iterator[tuple[Turn, str]]:
        """Yield each turn with its text, in order."""
        starts = [turn.start for turn in self.turns] + [len(self)]
        for turn, start, end in zip(self.turns, starts, starts[1:], strict=False):
            yield turn, self.text[self.start_of(start) : self.start_of(end)]

    def turn_texts_from(self, offset: int) -> list[tuple[Turn, str]]:
        """Return the turns from a character offset on, with their text.

        A model's turn has no seed there: with other text before it, that seed would generate something else.
        """
        turn_texts = []
        for turn, text in self.turn_texts():
            start = self.start_of(turn.start)
            if start + len(text) > offset:
                turn_texts.append((Turn(turn.role, 0, turn.run), text[max(0, offset - start) :]))
        return turn_texts

    def first_token_of_char(self, offset: int) -> int:
        """Return the first token of the character at `offset`, which may consist of several byte tokens."""
        token = self.token_at(offset)
        while token and token < len(self) and self.start_of(token - 1) == self.start_of(token):
            token -= 1
        return token

    def bits_per_character(self, unknown_id: int) -> float | None:
        """Return the mean surprisal per character of all the model has read, or None if it has read nothing."""
        bits, characters = self.surprisal(unknown_id)
        return bits / characters if characters else None

    def surprisal(self, unknown_id: int, start: int = 0, end: int | None = None) -> tuple[float, int]:
        """Return the surprisal in bits of the tokens from `start` to `end` that a model has read, and their characters.

        Tokens `<unk>`, whose texts the model has not predicted, are left out.
        """
        bits = np.array(self._bits[start:end], dtype=np.float32)
        known = ~np.isnan(bits) & (self.ids(start, end) != unknown_id)
        ends = np.array(self._ends[start:end], dtype=np.int64)
        characters = int(np.diff(ends, prepend=self.start_of(start))[known].sum()) if len(ends) else 0
        return float(bits[known].sum(dtype=np.float64)), characters

    def first_unread(self, start: int) -> int | None:
        """Return the first token from `start` on whose surprisal is unknown; None if there is none."""
        unread = np.flatnonzero(np.isnan(np.array(self._bits[start:], dtype=np.float32)))
        return start + int(unread[0]) if len(unread) else None
