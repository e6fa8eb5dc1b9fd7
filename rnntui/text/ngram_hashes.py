"""N-grams of characters and words in texts, each with a 64-bit hash and its place.

The hash of a piece of text is that of Karp and Rabin (1987) modulo 2⁶⁴, which running sums give for any piece at once,
and is then mixed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from rnntui.text.char_tokenizer import code_points
from rnntui.text.normalization import lowercase

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ids = NDArray[np.int64]
    Hashes = NDArray[np.uint64]

Family = Literal["char", "word"]

_CHARACTER_ORDERS = (1, 2, 3, 4, 5)
_BOUNDARY = "\x02"  # before and after a text
_BASE = 0x9E3779B97F4A7C15 | 1  # odd, so that it has an inverse modulo 2⁶⁴
_INVERSE = pow(_BASE, -1, 1 << 64)
_BATCH_CHARACTERS = 1 << 20  # of the texts that are hashed at once


@dataclass(frozen=True)
class TextNgrams:
    """All n-grams of one family in B texts: hash, text, and span in the characters of that text with its boundaries."""

    hashes: Hashes
    texts: Ids
    starts: Ids
    ends: Ids


def text_batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Yield the texts in batches that bound the memory of their n-grams."""
    batch: list[str] = []
    characters = 0
    for text in texts:
        if characters and characters + len(text) > _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
        batch.append(text)
        characters += len(text) + 2
    if batch:
        yield batch


def text_ngrams(texts: Sequence[str], family: Family) -> TextNgrams:
    """Return all n-grams of a family in B texts, which take far more memory than the texts: see `text_batches`."""
    return _character_ngrams(texts) if family == "char" else _word_ngrams(texts)


def _character_ngrams(texts: Sequence[str]) -> TextNgrams:
    """Return all n-grams of 1 to 5 characters, with a boundary mark before and after each text."""
    marked = [f"{_BOUNDARY}{lowercase(text)}{_BOUNDARY}" for text in texts]
    lengths = np.array([len(text) for text in marked], dtype=np.int64)
    hasher = _PieceHasher("".join(marked))
    bounds = np.concatenate([[0], np.cumsum(lengths)])
    rows = np.repeat(np.arange(len(texts)), lengths)  # the text of each character
    all_starts = np.arange(bounds[-1])
    parts = []
    for order in _CHARACTER_ORDERS:
        starts = all_starts[all_starts + order <= bounds[rows + 1]]
        if order == 1:  # a mark alone is in every text
            starts = starts[hasher.codes[starts] != ord(_BOUNDARY)]
        parts.append((hasher.hashes(starts, starts + order, order), rows[starts], starts, starts + order))
    hashes, texts_of, starts, ends = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return TextNgrams(hashes, texts_of, starts - bounds[texts_of], ends - bounds[texts_of])


def _word_ngrams(texts: Sequence[str]) -> TextNgrams:
    """Return all words and pairs of adjacent words; a punctuation mark is a word."""
    lowered = [lowercase(text) for text in texts]
    bounds = np.concatenate([[0], np.cumsum([len(text) for text in lowered])]).astype(np.int64)
    hasher = _PieceHasher("".join(lowered))
    starts, ends = _word_spans(hasher.codes, bounds)
    rows = np.searchsorted(bounds, starts, side="right") - 1
    words = hasher.hashes(starts, ends, 0)
    is_pair = rows[1:] == rows[:-1]
    pairs = _mix(words[:-1][is_pair] * np.uint64(_BASE) + words[1:][is_pair])
    hashes = np.concatenate([words, pairs])
    texts_of = np.concatenate([rows, rows[:-1][is_pair]])
    starts = np.concatenate([starts, starts[:-1][is_pair]]) - bounds[texts_of]
    ends = np.concatenate([ends, ends[1:][is_pair]]) - bounds[texts_of]
    return TextNgrams(hashes, texts_of, starts, ends)


def _word_spans(codes: NDArray[np.uint32], bounds: Ids) -> tuple[Ids, Ids]:
    """Return the starts and ends of the words in texts that follow each other: a run of word characters, or a mark.

    Args:
        codes: code points of all texts.
        bounds: where each text begins, and where the last one ends.
    """
    present = np.flatnonzero(np.bincount(codes))
    kinds_of = np.zeros(int(present[-1]) + 1 if len(present) else 1, dtype=np.uint8)
    characters = map(chr, present.tolist())
    kinds_of[present] = [0 if c.isspace() else 2 if c.isalnum() or c == "_" else 1 for c in characters]
    kinds = kinds_of[codes]  # 0: space, 1: mark, 2: part of a word
    # Between the characters, whether a word goes on from one to the next.
    goes_on = np.zeros(len(codes) + 1, dtype=np.bool_)
    goes_on[1:-1] = (kinds[1:] == 2) & (kinds[:-1] == 2)
    goes_on[bounds] = False
    return np.flatnonzero((kinds > 0) & ~goes_on[:-1]), np.flatnonzero((kinds > 0) & ~goes_on[1:]) + 1


class _PieceHasher:
    """Hashes of pieces of a text, from running sums of its characters' code points times powers of a base."""

    def __init__(self, text: str) -> None:
        self.codes = code_points(text)
        length = len(self.codes)
        powers = np.ones(length + 1, dtype=np.uint64)
        powers[1:] = _BASE
        inverses = np.ones(length + 1, dtype=np.uint64)
        inverses[1:] = _INVERSE
        self._inverses = np.cumprod(inverses, dtype=np.uint64)
        self._sums = np.zeros(length + 1, dtype=np.uint64)
        terms = (self.codes.astype(np.uint64) + np.uint64(1)) * np.cumprod(powers, dtype=np.uint64)[:-1]
        np.cumsum(terms, out=self._sums[1:], dtype=np.uint64)

    def hashes(self, starts: Ids, ends: Ids, seed: int) -> Hashes:
        """Return the hashes `(P,)` of the pieces from `starts (P,)` to `ends (P,)`."""
        pieces = (self._sums[ends] - self._sums[starts]) * self._inverses[starts]
        return _mix(pieces + np.uint64(seed * 0x632BE59BD9B4E019 % (1 << 64)))


def _mix(values: Hashes) -> Hashes:
    """Return the values mixed by the finalizer of SplitMix64 (Steele, Lea and Flood 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Hashes = values ^ (values >> np.uint64(31))
    return mixed
