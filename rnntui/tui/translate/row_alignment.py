"""Which words of a translation look back at which words of its source: attention between tokens, told for words."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len

if TYPE_CHECKING:
    from rnntui.inference.cells import Array
    from rnntui.text.vocabulary import CharSpan

_JOINING = ("M", "Cf")  # categories of what belongs to the character before it


def words(text: str) -> list[CharSpan]:
    """Where the words of a text start and end, in order; blanks are in none.

    A word is a run of letters and digits, or of anything else; a wide character, as of Chinese, is a word by itself.
    """
    found: list[CharSpan] = []
    kind_before = "blank"
    for at, character in enumerate(text):
        joins = kind_before != "blank" and unicodedata.category(character).startswith(_JOINING)
        kind = kind_before if joins else _kind(character)
        if kind != "blank":
            goes_on = joins or (kind == kind_before != "wide")
            found.append((found.pop()[0] if goes_on else at, at + 1))
        kind_before = kind
    return found


def _kind(character: str) -> str:
    if character.isspace():
        return "blank"
    if cell_len(character) > 1:
        return "wide"
    return "word" if character.isalnum() or character in "_'’" else "other"


def word_at(words: Sequence[CharSpan], column: int) -> int | None:
    """The number of the word that a cursor is on, or else that it stands right behind; None if there is none."""
    on = (number for number, (start, end) in enumerate(words) if start <= column < end)
    behind = (number for number, (_, end) in enumerate(words) if end == column)
    return next(on, next(behind, None))


def tokens_of(word: CharSpan, spans: Sequence[CharSpan]) -> list[int]:
    """The numbers of the tokens that have characters of a word."""
    return [number for number, (start, end) in enumerate(spans) if start < word[1] and word[0] < end]


@dataclass(frozen=True)
class Alignment:
    """A source and a translation of it, word by word.

    `source_words` and `target_words` are where the words stand, `source_spans` and `target_spans` the tokens;
    `attention (T, S)` has a row for each target token and a column for each source token.
    """

    source_words: list[CharSpan]
    target_words: list[CharSpan]
    source_spans: list[CharSpan]
    target_spans: list[CharSpan]
    attention: Array

    def sources_of(self, word: int) -> list[float]:
        """How strongly each source word was looked at when a target word was written, 0 to 1."""
        rows = tokens_of(self.target_words[word], self.target_spans)
        return [self._strength(rows, tokens_of(one, self.source_spans)) for one in self.source_words]

    def targets_of(self, word: int) -> list[float]:
        """How strongly each target word looked at a source word when it was written, 0 to 1."""
        columns = tokens_of(self.source_words[word], self.source_spans)
        return [self._strength(tokens_of(one, self.target_spans), columns) for one in self.target_words]

    def _strength(self, rows: Sequence[int], columns: Sequence[int]) -> float:
        """What part of their attention these rows give to these columns."""
        if not rows or not columns:
            return 0.0
        return min(1.0, float(self.attention[rows][:, columns].sum()) / len(rows))
