"""Novelty of texts: what was copied word for word from the training text, beside the same figures for held-out text.

Any text of a language has short stretches that stand in any other: what is normal, text by people shows that was not
trained on. Only what a model generated counts, without its prompt: of a copy that begins in the prompt, the part after
it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnntui.inspection.novelty_index import HeldOutPiece, NoveltyIndex
from rnntui.inspection.training_text import HELD_OUT_BLOCK
from rnntui.text.suffix_index import Lengths

MAX_NGRAM = 64
"""Longest n-grams that are counted, in characters."""

NGRAMS = (4, 8, 16, 32)
"""Lengths of n-grams that are reported."""


_NO_CHANCE = 128  # characters of a stretch that stands in two texts only if one was copied from the other


@dataclass(frozen=True)
class TextNovelty:
    """The copies in one text.

    Args:
        text: the text.
        longest: length of the longest stretch that is in the training text, in characters.
        start: where that stretch begins.
        seen: for n = 1 to `MAX_NGRAM`, how many of the text's n-grams are in the training text, `(MAX_NGRAM,)`.
        is_whole: the text is a document of the training text as a whole.
    """

    text: str
    longest: int
    start: int
    seen: NDArray[np.int64]
    is_whole: bool = False

    @property
    def copy(self) -> str:
        """The longest stretch."""
        return self.text[self.start : self.start + self.longest]

    @property
    def totals(self) -> NDArray[np.int64]:
        """For n = 1 to `MAX_NGRAM`, the number of n-grams of the text."""
        return np.maximum(0, len(self.text) - np.arange(MAX_NGRAM))


def text_novelty(text: str, lengths: Lengths, is_whole: bool = False) -> TextNovelty:
    """Return the copies in a text, by the length of the longest match from each character on, `(N,)`."""
    matches = np.minimum(lengths, len(text) - np.arange(len(text)))  # what follows a window is none of it
    start = int(matches.argmax()) if len(matches) else 0
    # An n-gram is seen if the match from its first character on is n characters or more.
    counts = np.bincount(np.minimum(matches, MAX_NGRAM), minlength=MAX_NGRAM + 1)
    seen = np.cumsum(counts[::-1])[::-1][1:]
    return TextNovelty(text, int(matches.max(initial=0)), start, seen, is_whole)


@dataclass(frozen=True)
class CopyFigures:
    """Figures over some texts.

    Args:
        texts: their number.
        longest: lengths of the longest copy of each, sorted, `(N,)`.
        shares: for n = 1 to `MAX_NGRAM`, the share of all their n-grams that the training text has; NaN where they have
            no n-gram.
        whole: number of texts that are documents of the training text as a whole.
    """

    texts: int
    longest: NDArray[np.int64]
    shares: NDArray[np.float64]
    whole: int

    @classmethod
    def of(cls, texts: Sequence[TextNovelty]) -> CopyFigures:
        """Return the figures over some texts."""
        longest = np.sort(np.array([each.longest for each in texts], dtype=np.int64))
        seen = sum((each.seen for each in texts), np.zeros(MAX_NGRAM, dtype=np.int64))
        totals = sum((each.totals for each in texts), np.zeros(MAX_NGRAM, dtype=np.int64))
        with np.errstate(invalid="ignore"):
            shares = np.asarray(seen / totals, dtype=np.float64)
        return cls(len(texts), longest, shares, sum(each.is_whole for each in texts))

    def share(self, n: int) -> float | None:
        """Return the share of n-grams seen; None if the texts have none."""
        value = float(self.shares[n - 1])
        return None if np.isnan(value) else value

    def quantile(self, fraction: float) -> float | None:
        """Return a quantile of the length of the longest copy; None without texts."""
        return float(np.quantile(self.longest, fraction)) if self.texts else None

    def to_json(self) -> dict[str, Any]:
        """Return the figures for `json.dumps`."""
        quantiles = {
            name: self.quantile(at) for name, at in (("median", 0.5), ("p10", 0.1), ("p90", 0.9), ("max", 1.0))
        }
        seen = {str(n): self.share(n) for n in NGRAMS}
        return {"texts": self.texts, "longest_copy": quantiles, "seen": seen, "whole_documents": self.whole}


def novelty_of(index: NoveltyIndex, text: str) -> TextNovelty:
    """Return the copies in one text."""
    is_whole = index.is_documents and bool(text) and index.text.contains(text, is_whole=True)
    return text_novelty(text, index.text.match_lengths(text), is_whole)


def held_out_texts(index: NoveltyIndex, length: int) -> Iterator[TextNovelty]:
    """Yield held-out documents, or stretches of a length; longer ones than there are have the length of these.

    A stretch that stands in the training text as a whole is left out: the text is in both parts, or was trained on by
    the run that this one was trained on from, and does not show what people write who have not read it.
    """
    for piece in index.held_out:
        if index.is_documents:
            yield text_novelty(piece.text, piece.lengths, index.text.contains(piece.text, is_whole=True))
        elif length:
            yield from _windows(piece, min(length, HELD_OUT_BLOCK))


def _windows(piece: HeldOutPiece, length: int) -> Iterator[TextNovelty]:
    for start in range(0, len(piece.text) - length + 1, length):
        end = start + length
        if length < _NO_CHANCE or piece.lengths[start] < length:
            yield text_novelty(piece.text[start:end], piece.lengths[start:end])
