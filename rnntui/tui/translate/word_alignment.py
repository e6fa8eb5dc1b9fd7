"""Word alignment: attention between tokens, summed to weights between the words of a source and its translation."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rich.cells import cell_len

if TYPE_CHECKING:
    from rnntui.inference.cells import Array
    from rnntui.text.vocabulary import CharSpan

_CharacterClass = Literal["blank", "word", "wide", "other"]
_COMBINING = ("M", "Cf")  # Unicode categories of what belongs to the character before it


def word_spans(text: str) -> list[CharSpan]:
    """Return the spans of the words of a text, in order; blanks are in none.

    A word is a run of letters and digits, or of anything else; a wide character, as of Chinese, is a word by itself.
    """
    spans: list[CharSpan] = []
    previous: _CharacterClass = "blank"
    for at, character in enumerate(text):
        combines = previous != "blank" and unicodedata.category(character).startswith(_COMBINING)
        current = previous if combines else _character_class(character)
        if current != "blank":
            extends = combines or (current == previous != "wide")
            spans.append((spans.pop()[0] if extends else at, at + 1))
        previous = current
    return spans


def _character_class(character: str) -> _CharacterClass:
    if character.isspace():
        return "blank"
    if cell_len(character) > 1:
        return "wide"
    return "word" if character.isalnum() or character in "_'’" else "other"


def word_at(words: Sequence[CharSpan], column: int) -> int | None:
    """Return the index of the word that a cursor is on, or else right behind; None if there is none."""
    on = (index for index, (start, end) in enumerate(words) if start <= column < end)
    behind = (index for index, (_, end) in enumerate(words) if end == column)
    return next(on, next(behind, None))


def tokens_in(word: CharSpan, tokens: Sequence[CharSpan]) -> list[int]:
    """Return the indices of the tokens that have characters of a word."""
    return [index for index, (start, end) in enumerate(tokens) if start < word[1] and word[0] < end]


@dataclass(frozen=True)
class WordAlignment:
    """A source and its translation, word by word.

    Args:
        source_words: spans of the words in the source.
        target_words: spans of the words in the translation.
        source_spans: spans of the source tokens, S of them.
        target_spans: spans of the target tokens, T of them.
        attention: `(T, S)`, the weights of each target token over the source tokens; each row sums to 1.
    """

    source_words: list[CharSpan]
    target_words: list[CharSpan]
    source_spans: list[CharSpan]
    target_spans: list[CharSpan]
    attention: Array

    def source_weights(self, target_word: int) -> list[float]:
        """Return for each source word how much of a target word's attention it has, 0 to 1."""
        rows = tokens_in(self.target_words[target_word], self.target_spans)
        return [self._weight(rows, tokens_in(word, self.source_spans)) for word in self.source_words]

    def target_weights(self, source_word: int) -> list[float]:
        """Return for each target word how much of its attention a source word has, 0 to 1."""
        columns = tokens_in(self.source_words[source_word], self.source_spans)
        return [self._weight(tokens_in(word, self.target_spans), columns) for word in self.target_words]

    def _weight(self, rows: Sequence[int], columns: Sequence[int]) -> float:
        """Return the attention on these columns, as a mean over these rows."""
        if not rows or not columns:
            return 0.0
        return min(1.0, float(self.attention[rows][:, columns].sum()) / len(rows))
