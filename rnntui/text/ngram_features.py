"""N-gram features of texts for the linear part of a classifier: TF-IDF over an exact vocabulary of n-grams.

An n-gram is known by its hash (`ngram_hashes`), so that a vocabulary is two flat arrays: no string is stored, and all
n-grams of many texts are looked up at once. Among 300,000 n-grams, two share a hash with a probability of 2.4 · 10⁻⁹.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rnntui.text.ngram_hashes import Family, text_batches, text_ngrams
from rnntui.text.tokenizer_factory import random_sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ids = NDArray[np.int64]
    Hashes = NDArray[np.uint64]
    Floats = NDArray[np.floating]

MAX_NGRAMS = 300_000  # of a family, the most frequent ones
_FAMILIES: dict[str, tuple[Family, ...]] = {
    "none": (),
    "char": ("char",),
    "word": ("word",),
    "both": ("char", "word"),
}
_MIN_SALIENCE = 1e-3  # so that no n-gram is without any influence
_MAX_FACTOR = 1e3  # of a value in a file that may come from anywhere
_MAX_CHARACTERS = 64_000_000  # of the texts that a vocabulary is made from
_MAX_COUNTED = 1 << 23  # different n-grams that are counted: those of one text are forgotten beyond


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


class FamilyNgrams(NamedTuple):
    """The N known n-grams of a family.

    Args:
        hashes: `(N,)`, sorted.
        idf: inverse document frequencies, `(N,)`.
        salience: how much each tells about the label, `(N,)`, 1 in the quadratic mean.
    """

    hashes: Hashes
    idf: Floats
    salience: Floats


class NgramVocabulary:
    """The n-grams that a classifier knows, by family."""

    def __init__(self, families: dict[Family, FamilyNgrams]) -> None:
        self._families = families

    @property
    def size(self) -> int:
        """Number of n-grams, N."""
        return sum(len(ngrams.hashes) for ngrams in self._families.values())

    @classmethod
    def train(
        cls, texts: Sequence[str], labels: Sequence[int] | Ids, ngrams: str, min_count: int = 2
    ) -> NgramVocabulary:
        """Return the n-grams of `min_count` or more texts, of each family at most `MAX_NGRAMS`, the most frequent.

        Of texts of more than 64 million characters, a random sample of that size is counted.

        Args:
            texts: the training texts.
            labels: the id of each text's label.
            ngrams: `char`, `word`, `both` or `none`.
            min_count: n-grams of fewer texts are left out.
        """
        families: dict[Family, FamilyNgrams] = {}
        if _FAMILIES[ngrams] and (characters := sum(map(len, texts))) > _MAX_CHARACTERS:
            sample = list(random_sample(zip(texts, labels, strict=True), _MAX_CHARACTERS / characters))
            texts, labels = [text for text, _ in sample], [label for _, label in sample]
        for family in _FAMILIES[ngrams]:
            hashes, counts = _document_counts(texts, family)
            known = np.flatnonzero(counts >= min_count)
            if len(known) > MAX_NGRAMS:
                known = np.sort(known[np.argsort(-counts[known], kind="stable")[:MAX_NGRAMS]])
            # Smoothed, as if one more text had every n-gram (the formula of scikit-learn's TfidfTransformer).
            idf = np.log((1 + len(texts)) / (1 + counts[known])) + 1
            salience = _salience(_label_counts(texts, labels, family, hashes[known]))
            families[family] = FamilyNgrams(hashes[known], idf.astype(np.float32), salience.astype(np.float32))
        return cls(families)

    def features(self, texts: Sequence[str]) -> NgramFeatures:
        """Return the features of B texts.

        A value is (1 + ln tf) · idf, divided by the Euclidean norm of the text's values of the same family (sublinear
        TF-IDF: Manning, Raghavan and Schütze 2008, section 6.4), times the n-gram's salience.
        """
        parts = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))]
        first = 0
        for batch in text_batches(texts):
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
        for family, offset, known in self._parts():
            ngrams = text_ngrams([text], family)
            places, is_known = _lookup(known.hashes, ngrams.hashes)
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
        for family, ngrams in self._families.items():
            arrays |= {f"{family}.{name}": array for name, array in ngrams._asdict().items()}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> NgramVocabulary:
        """Return the vocabulary that `to_arrays` gave. Raises `ValueError` for arrays that are no vocabulary."""
        families: dict[Family, FamilyNgrams] = {}
        names = set(arrays)
        for family in _FAMILIES["both"]:
            keys = [f"{family}.{name}" for name in FamilyNgrams._fields]
            if not names & set(keys):
                continue
            if not names >= set(keys):
                raise ValueError(f"a part of the family {family} is missing")
            names -= set(keys)
            hashes, idf, salience = (arrays[key] for key in keys)
            if hashes.ndim != 1 or not hashes.shape == idf.shape == salience.shape:
                raise ValueError(f"the arrays of the family {family} do not belong together")
            if hashes.dtype != np.uint64 or not (hashes[1:] > hashes[:-1]).all():
                raise ValueError(f"the hashes of the family {family} are not sorted numbers")
            for values in (idf, salience):
                if values.dtype != np.float32 or not ((values > 0) & (values < _MAX_FACTOR)).all():
                    raise ValueError(f"the family {family} has values out of range")
            families[family] = FamilyNgrams(hashes, idf, salience)
        if names:
            raise ValueError(f"{min(names)!r:.80} is not part of an n-gram vocabulary")
        return cls(families)

    def _parts(self) -> Iterator[tuple[Family, int, FamilyNgrams]]:
        """Yield each family with the index of its first n-gram, and its n-grams."""
        offset = 0
        for family, ngrams in self._families.items():
            yield family, offset, ngrams
            offset += len(ngrams.hashes)

    def _batch_features(self, texts: Sequence[str], first: int) -> Iterator[tuple[Ids, Ids, NDArray[np.float32]]]:
        """Yield for each family the text of every feature, `first` for the first one, its index and its value."""
        for family, offset, known in self._parts():
            rows, indices, counts = _known_counts(texts, family, known.hashes)
            values = (1 + np.log(counts)) * known.idf[indices]
            norms = np.sqrt(np.bincount(rows, values * values, minlength=len(texts)))
            values = values / norms[rows] * known.salience[indices]
            yield rows + first, indices + offset, values.astype(np.float32)


def _known_counts(texts: Sequence[str], family: Family, known: Hashes) -> tuple[Ids, Ids, Ids]:
    """Return the text, the index among the known hashes and the number of occurrences of each n-gram of a text."""
    ngrams = text_ngrams(texts, family)
    places, is_known = _lookup(known, ngrams.hashes)
    size = max(1, len(known))
    unique, counts = np.unique(ngrams.texts[is_known] * np.int64(size) + places, return_counts=True)
    rows, indices = np.divmod(unique, size)
    return rows, indices, counts


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
    for batch in text_batches(texts):
        unique, counts = _counts_of_batch(batch, family)  # whose n-grams are not in memory any more
        merged, places = np.unique(np.concatenate([all_hashes, unique]), return_inverse=True)
        all_counts = np.bincount(places, np.concatenate([all_counts, counts])).astype(np.int64)
        all_hashes = merged
        if len(all_hashes) > _MAX_COUNTED:
            all_hashes, all_counts = all_hashes[all_counts > 1], all_counts[all_counts > 1]
    return all_hashes, all_counts


def _counts_of_batch(texts: Sequence[str], family: Family) -> tuple[Hashes, Ids]:
    """Return the hashes of the n-grams of some texts, sorted, and the number of texts that have each."""
    ngrams = text_ngrams(texts, family)
    order = np.lexsort((ngrams.texts, ngrams.hashes))
    hashes, rows = ngrams.hashes[order], ngrams.texts[order]
    is_new = np.ones(len(hashes), np.bool_)
    is_new[1:] = (hashes[1:] != hashes[:-1]) | (rows[1:] != rows[:-1])
    unique, counts = np.unique(hashes[is_new], return_counts=True)
    return unique, counts


def _label_counts(texts: Sequence[str], labels: Sequence[int] | Ids, family: Family, known: Hashes) -> Floats:
    """Return the number of texts of each label that have each of the known n-grams, `(N, K)`."""
    label_ids = np.asarray(labels, dtype=np.int64)
    count = int(label_ids.max(initial=0)) + 1
    total = np.zeros(len(known) * count)
    first = 0
    for batch in text_batches(texts):
        rows, indices, _ = _known_counts(batch, family, known)
        total += np.bincount(indices * count + label_ids[first + rows], minlength=len(total))
        first += len(batch)
    return total.reshape(-1, count)


def _salience(counts: Floats) -> Floats:
    """Return how much n-grams tell about the label, `(N,)`, from the number of texts with each by label, `(N, K)`.

    It is the quadratic mean of the log-count ratios of naive Bayes, each label against the others, with one text added
    everywhere. Weights that are learned for values times such ratios need less data (Wang and Manning 2012, "Baselines
    and Bigrams").
    """
    counts = counts + 1
    others = counts.sum(axis=1, keepdims=True) - counts
    if counts.shape[1] < 2 or not len(counts):
        return np.ones(len(counts))
    ratios = np.log(counts / counts.sum(axis=0)) - np.log(others / others.sum(axis=0))
    salience = np.sqrt(np.mean(ratios**2, axis=1))
    quadratic_mean = np.sqrt(np.mean(salience**2))
    return np.maximum(salience / quadratic_mean, _MIN_SALIENCE) if quadratic_mean else np.ones(len(counts))
