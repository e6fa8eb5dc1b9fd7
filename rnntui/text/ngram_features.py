"""N-gram features of texts for the linear part of a classifier: TF-IDF over an exact vocabulary of n-grams.

An n-gram is known by a 64-bit hash, so that a vocabulary is two flat arrays: no string is stored, and all n-grams of
many texts are looked up at once. The hash of a piece of text is that of Karp and Rabin (1987) modulo 2⁶⁴, which running
sums give for any piece at once, and is then mixed. Among 300,000 n-grams, two share a hash with a probability of
2.4 · 10⁻⁹.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from rnntui.text.char_tokenizer import code_points
from rnntui.text.normalization import lowercase

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ids = NDArray[np.int64]
    Hashes = NDArray[np.uint64]

Family = Literal["char", "word"]

CHARACTER_ORDERS = (1, 2, 3, 4, 5)
WORD_ORDERS = (1, 2)
MAX_NGRAMS = 300_000  # of a family, the most frequent ones
_FAMILIES: dict[str, tuple[Family, ...]] = {
    "none": (),
    "char": ("char",),
    "word": ("word",),
    "both": ("char", "word"),
}
_BOUNDARY = "\x02"  # before and after a text
_BASE = 0x9E3779B97F4A7C15 | 1  # odd, so that it has an inverse modulo 2⁶⁴
_INVERSE = pow(_BASE, -1, 1 << 64)
_WORD = re.compile(r"\w+|[^\w\s]")
_BATCH_CHARACTERS = 1 << 20  # of the texts that are hashed at once


@dataclass(frozen=True)
class NgramFeatures:
    """Features of B texts, one text after the other.

    Args:
        offsets: `(B + 1,)`, where the features of each text begin, and where the last ones end.
        indices: n-grams by their index in the vocabulary, `(M,)`.
        values: their values, `(M,)`.
    """

    offsets: Ids
    indices: Ids
    values: NDArray[np.float32]

    def select(self, texts: Sequence[int] | NDArray[np.intp]) -> NgramFeatures:
        """Return the features of some of the texts, in that order."""
        texts = np.asarray(texts, dtype=np.intp)
        lengths = (self.offsets[1:] - self.offsets[:-1])[texts]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        positions = np.arange(offsets[-1]) + np.repeat(self.offsets[texts] - offsets[:-1], lengths)
        return NgramFeatures(offsets, self.indices[positions], self.values[positions])


class Occurrence(NamedTuple):
    """An n-gram at a place of a text: its id in the vocabulary, its share of the feature's value, and its span.

    The span, `start` to `end`, is in characters of the text, boundary marks left out.
    """

    ngram: int
    value: float
    start: int
    end: int


@dataclass(frozen=True)
class _Ngrams:
    """All n-grams of one family in B texts: hash, text, and span in the characters of that text with its boundaries."""

    hashes: Hashes
    texts: Ids
    starts: Ids
    ends: Ids


class NgramVocabulary:
    """The n-grams that a classifier knows, with their inverse document frequencies.

    Args:
        families: for each family its hashes `(N,)`, sorted, and the inverse document frequencies `(N,)`.
    """

    def __init__(self, families: dict[Family, tuple[Hashes, NDArray[np.float32]]]) -> None:
        self._families = families

    @property
    def size(self) -> int:
        """Number of n-grams, N."""
        return sum(len(hashes) for hashes, _ in self._families.values())

    @classmethod
    def train(cls, texts: Sequence[str], ngrams: str, min_count: int = 2) -> NgramVocabulary:
        """Return the n-grams of `min_count` or more texts, of each family at most `MAX_NGRAMS`, the most frequent.

        Args:
            texts: the training texts.
            ngrams: `char`, `word`, `both` or `none`.
            min_count: n-grams of fewer texts are left out.
        """
        families: dict[Family, tuple[Hashes, NDArray[np.float32]]] = {}
        for family in _FAMILIES[ngrams]:
            hashes, counts = _document_counts(texts, family)
            known = np.flatnonzero(counts >= min_count)
            if len(known) > MAX_NGRAMS:
                known = np.sort(known[np.argsort(-counts[known], kind="stable")[:MAX_NGRAMS]])
            # Smoothed, as if one more text had every n-gram (the formula of scikit-learn's TfidfTransformer).
            idf = np.log((1 + len(texts)) / (1 + counts[known])) + 1
            families[family] = hashes[known], idf.astype(np.float32)
        return cls(families)

    def features(self, texts: Sequence[str]) -> NgramFeatures:
        """Return the features of B texts.

        A value is (1 + ln tf) · idf, divided by the Euclidean norm of the text's values of the same family (sublinear
        TF-IDF: Manning, Raghavan and Schütze 2008, section 6.4).
        """
        parts = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))]
        first = 0
        for batch in _batches(texts):
            parts += self._batch_features(batch, first)
            first += len(batch)
        rows, indices, values = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        order = np.argsort(rows, kind="stable")
        offsets = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(texts)))]).astype(np.int64)
        return NgramFeatures(offsets, indices[order], values[order])

    def occurrences(self, text: str) -> list[Occurrence]:
        """Return every known n-gram of a text where it occurs; the values of a text's features are their sums."""
        features = self.features([text])
        values = dict(zip(features.indices.tolist(), features.values.tolist(), strict=True))
        found: list[tuple[int, int, int]] = []
        for family, offset, hashes, _ in self._parts():
            ngrams = _ngrams([text], family)
            places, is_known = _lookup(hashes, ngrams.hashes)
            shift = 1 if family == "char" else 0  # of the boundary mark
            starts = np.clip(ngrams.starts[is_known] - shift, 0, len(text))
            ends = np.clip(ngrams.ends[is_known] - shift, 0, len(text))
            found += zip((places + offset).tolist(), starts.tolist(), ends.tolist(), strict=True)
        counts: dict[int, int] = {}
        for index, _, _ in found:
            counts[index] = counts.get(index, 0) + 1
        return [Occurrence(index, values[index] / counts[index], start, end) for index, start, end in found]

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the vocabulary as arrays by name, as a file holds them."""
        arrays: dict[str, NDArray[Any]] = {}
        for family, (hashes, idf) in self._families.items():
            arrays |= {f"{family}.hashes": hashes, f"{family}.idf": idf}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> NgramVocabulary:
        """Return the vocabulary that `to_arrays` gave. Raises `ValueError` for arrays that are no vocabulary."""
        families: dict[Family, tuple[Hashes, NDArray[np.float32]]] = {}
        names = set(arrays)
        for family in _FAMILIES["both"]:
            hashes, idf = arrays.get(f"{family}.hashes"), arrays.get(f"{family}.idf")
            names -= {f"{family}.hashes", f"{family}.idf"}
            if hashes is None and idf is None:
                continue
            if hashes is None or idf is None or hashes.ndim != 1 or hashes.shape != idf.shape:
                raise ValueError(f"the hashes and frequencies of the family {family} do not belong together")
            if hashes.dtype != np.uint64 or idf.dtype != np.float32 or not (hashes[1:] > hashes[:-1]).all():
                raise ValueError(f"the hashes of the family {family} are not sorted numbers")
            if not ((idf > 0) & (idf < 100)).all():
                raise ValueError(f"the family {family} has frequencies out of range")
            families[family] = hashes, idf
        if names:
            raise ValueError(f"{min(names)} is not part of an n-gram vocabulary")
        return cls(families)

    def _parts(self) -> Iterator[tuple[Family, int, Hashes, NDArray[np.float32]]]:
        """Yield each family with the index of its first n-gram, its hashes and its inverse document frequencies."""
        offset = 0
        for family, (hashes, idf) in self._families.items():
            yield family, offset, hashes, idf
            offset += len(hashes)

    def _batch_features(self, texts: Sequence[str], first: int) -> Iterator[tuple[Ids, Ids, NDArray[np.float32]]]:
        """Yield for each family the text of every feature, `first` for the first one, its index and its value."""
        for family, offset, hashes, idf in self._parts():
            ngrams = _ngrams(texts, family)
            places, is_known = _lookup(hashes, ngrams.hashes)
            keys = ngrams.texts[is_known] * np.int64(max(1, len(hashes))) + places
            unique, counts = np.unique(keys, return_counts=True)
            rows, indices = np.divmod(unique, max(1, len(hashes)))
            values = (1 + np.log(counts)) * idf[indices]
            norms = np.sqrt(np.bincount(rows, values * values, minlength=len(texts)))
            yield rows + first, indices + offset, (values / norms[rows]).astype(np.float32)


def _lookup(known: Hashes, hashes: Hashes) -> tuple[Ids, NDArray[np.bool_]]:
    """Return the places of those hashes that are known in the sorted array of known ones, and which are."""
    if not len(known):
        return np.empty(0, np.int64), np.zeros(len(hashes), np.bool_)
    if len(hashes) < len(known) // 8:  # less work than the table
        places = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
        is_known = known[places] == hashes
        return places[is_known].astype(np.int64), is_known
    # The first bits of a hash say where it is, give or take a few places: three times as fast as a binary search.
    shift = np.uint64(64 - len(known).bit_length() - 1)
    firsts = np.zeros(1 << (65 - int(shift)), dtype=np.int32)
    firsts[1:] = np.cumsum(np.bincount((known >> shift).astype(np.int64), minlength=len(firsts) - 1))
    ended = np.append(known, np.uint64(0xFFFFFFFFFFFFFFFF))
    places = firsts[(hashes >> shift).astype(np.int64)]
    behind = np.flatnonzero(ended[places] < hashes)
    while len(behind):
        places[behind] += 1
        behind = behind[ended[places[behind]] < hashes[behind]]
    is_known = (ended[places] == hashes) & (places < len(known))
    return places[is_known].astype(np.int64), is_known


def _document_counts(texts: Sequence[str], family: Family) -> tuple[Hashes, Ids]:
    """Return the hashes of all n-grams, sorted, and the number of texts that have each."""
    all_hashes, all_counts = np.empty(0, np.uint64), np.empty(0, np.int64)
    for batch in _batches(texts):
        ngrams = _ngrams(batch, family)
        order = np.lexsort((ngrams.texts, ngrams.hashes))
        hashes, rows = ngrams.hashes[order], ngrams.texts[order]
        is_new = np.ones(len(hashes), np.bool_)
        is_new[1:] = (hashes[1:] != hashes[:-1]) | (rows[1:] != rows[:-1])
        unique, counts = np.unique(hashes[is_new], return_counts=True)
        merged, places = np.unique(np.concatenate([all_hashes, unique]), return_inverse=True)
        all_counts = np.bincount(places, np.concatenate([all_counts, counts])).astype(np.int64)
        all_hashes = merged
    return all_hashes, all_counts


def _batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the texts in batches that bound the memory of their n-grams."""
    start = characters = 0
    for index, text in enumerate(texts):
        if characters and characters + len(text) > _BATCH_CHARACTERS:
            yield texts[start:index]
            start, characters = index, 0
        characters += len(text) + 2
    if start < len(texts):
        yield texts[start:]


def _ngrams(texts: Sequence[str], family: Family) -> _Ngrams:
    return _character_ngrams(texts) if family == "char" else _word_ngrams(texts)


def _character_ngrams(texts: Sequence[str]) -> _Ngrams:
    """Return all n-grams of 1 to 5 characters, with a boundary mark before and after each text."""
    marked = [f"{_BOUNDARY}{lowercase(text)}{_BOUNDARY}" for text in texts]
    lengths = np.array([len(text) for text in marked], dtype=np.int64)
    hasher = _PieceHasher("".join(marked))
    bounds = np.concatenate([[0], np.cumsum(lengths)])
    rows = np.repeat(np.arange(len(texts)), lengths)  # the text of each character
    all_starts = np.arange(bounds[-1])
    parts = []
    for order in CHARACTER_ORDERS:
        starts = all_starts[all_starts + order <= bounds[rows + 1]]
        if order == 1:  # a mark alone is in every text
            starts = starts[hasher.codes[starts] != ord(_BOUNDARY)]
        parts.append((hasher.hashes(starts, starts + order, order), rows[starts], starts, starts + order))
    hashes, texts_of, starts, ends = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return _Ngrams(hashes, texts_of, starts - bounds[texts_of], ends - bounds[texts_of])


def _word_ngrams(texts: Sequence[str]) -> _Ngrams:
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
    return _Ngrams(hashes, texts_of, starts, ends)


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
