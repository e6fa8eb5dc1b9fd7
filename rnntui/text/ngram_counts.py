"""Counting of what followed each context of a text, for an n-gram model."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rnntui.text.ngram_model import (
    ALWAYS_KEPT,
    FOLD_BITS,
    FOLDS,
    MAX_TOKENS,
    Contexts,
    Entries,
    FoldCounts,
    NgramModel,
    key_mask,
    mix,
    powers_of,
    token_bits,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ids = NDArray[np.int64]
    Hashes = NDArray[np.uint64]

_MAX_ENTRIES = 4_000_000  # of a model
_MINIMUM = 2
_BYTES_PER_TOKEN, _OTHER_BYTES = 200, 300 << 20  # at the peak, which is that of counting or of the predictions kept

_latest: dict[tuple[bytes, int, int], NgramModel] = {}  # one at most, by the digest of its text


def counting_bytes(tokens: int) -> int:
    """Return about how much memory it takes to count a text of so many tokens, and to train with the counts."""
    return _OTHER_BYTES + _BYTES_PER_TOKEN * min(tokens, MAX_TOKENS)


def counted_once(
    ids: NDArray[np.unsignedinteger],
    vocab_size: int,
    context: int,
    earlier: NDArray[np.unsignedinteger] | None = None,
) -> NgramModel:
    """Return what `count_ngrams` returns, without counting again what this process counted last.

    A run is created and trained in one process, and both need the counts.
    """
    digest = hashlib.blake2b(ids[:MAX_TOKENS].tobytes(), digest_size=16)
    if earlier is not None:
        digest.update(b"earlier")
        digest.update(earlier[:MAX_TOKENS].tobytes())
    key = (digest.digest(), vocab_size, context)
    if key not in _latest:
        _latest.clear()  # its memory is free before the next is counted
        _latest[key] = count_ngrams(ids, vocab_size, context, earlier)
    return _latest[key]


def count_ngrams(
    ids: NDArray[np.unsignedinteger],
    vocab_size: int,
    context: int,
    earlier: NDArray[np.unsignedinteger] | None = None,
) -> NgramModel:
    """Return the n-gram model of a text, with the counts of its folds.

    Of contexts longer than two tokens, those that were seen once are left out, which halves the model: it cost a
    language model with contexts of 8 characters 0.003 nats (1.4125 to 1.4154 after 2.0 M tokens of tinyshakespeare;
    without any n-gram model 1.4733). If there are still too many, rarer ones are left out, too.

    Args:
        ids: the token ids of the text, `(N,)`, 1 or more.
        vocab_size: size of the vocabulary, V.
        context: tokens of the longest contexts, K, up to `MAX_CONTEXT`.
        earlier: the token ids of an earlier text, which is counted, too, and cut into folds of its own.
    """
    ids = ids[:MAX_TOKENS]
    folds = _folds(len(ids))
    if earlier is not None:
        earlier = earlier[: MAX_TOKENS - len(ids)]
        ids, folds = np.concatenate((ids, earlier)), np.concatenate((folds, _folds(len(earlier))))
    powers = powers_of(context)
    hashes = np.zeros(len(ids), np.uint64)  # of the contexts before each token, not mixed yet
    targets = ids.astype(np.uint64)
    parts: list[_Counts] = []
    for length in range(min(context, len(ids) - 1) + 1):
        if length:
            before = ids[: len(ids) - length].astype(np.uint64) + np.uint64(1)
            hashes[length:] += before * powers[length - 1]
        part = _count(mix(hashes[length:]), targets[length:], folds[length:], length, vocab_size)
        if length > ALWAYS_KEPT:
            part = part.without_rare(_MINIMUM)
        if not len(part.keys):
            break
        parts.append(part)
    minimum = _fewest_times(parts)
    if minimum > _MINIMUM:
        parts = [part if part.length <= ALWAYS_KEPT else part.without_rare(minimum) for part in parts]
        parts = [part for part in parts if len(part.keys)]
    return _joined(parts, vocab_size, minimum)


def _folds(length: int) -> Hashes:
    """Return the fold of each token of a text, `(length,)`."""
    return (np.arange(length, dtype=np.int64) * FOLDS // max(1, length)).astype(np.uint64)


class _Counts(NamedTuple):
    """Counts of all contexts of one length; the arrays are those of `NgramModel`, `types` are entries of a context."""

    length: int
    keys: Hashes
    types: Ids
    tokens: NDArray[np.unsignedinteger]
    counts: Ids
    fold_counts: Ids

    @property
    def totals(self) -> Ids:
        """How many times each context was seen."""
        starts = np.cumsum(self.types) - self.types
        totals: Ids = np.add.reduceat(self.counts, starts) if len(starts) else np.zeros(0, np.int64)
        return totals

    def without_rare(self, minimum: int) -> _Counts:
        """Return the contexts that were seen so many times or more."""
        kept = self.totals >= minimum
        entries = np.repeat(kept, self.types)
        return _Counts(
            self.length,
            self.keys[kept],
            self.types[kept],
            self.tokens[entries],
            self.counts[entries],
            self.fold_counts[entries],
        )


def _fewest_times(parts: list[_Counts]) -> int:
    """Return how many times a long context must have been seen for the entries to be no more than `_MAX_ENTRIES`.

    If the contexts that are always kept have as many already, no long context has been seen so often.
    """
    room = max(0, _MAX_ENTRIES - sum(len(part.tokens) for part in parts if part.length <= ALWAYS_KEPT))
    long = [part for part in parts if part.length > ALWAYS_KEPT]
    totals = np.concatenate([np.zeros(0, np.int64), *(part.totals for part in long)])
    types = np.concatenate([np.zeros(0, np.int64), *(part.types for part in long)])
    entries = np.bincount(totals, types, minlength=_MINIMUM + 1)  # of the long contexts that were seen so many times
    at_least = np.append(entries[::-1].cumsum()[::-1], 0)
    return _MINIMUM + int(np.argmax(at_least[_MINIMUM:] <= room))


def _count(contexts: Hashes, targets: Hashes, folds: Hashes, length: int, vocab_size: int) -> _Counts:
    """Count what followed each context.

    One sort of 64-bit numbers does it: the hash of a context above the token above the fold. The lowest bits of the
    hash give way; two of 10 million contexts of a vocabulary of 4,000 then share one with a probability of 16%, which
    merges their counts and does no other harm.
    """
    bits = token_bits(vocab_size)
    shift = bits + FOLD_BITS
    rows = np.sort((contexts & key_mask(vocab_size)) | (targets << np.uint64(FOLD_BITS)) | folds)
    entries = rows >> np.uint64(FOLD_BITS)
    is_first = np.concatenate([[True], entries[1:] != entries[:-1]])
    starts = np.flatnonzero(is_first)
    index = np.cumsum(is_first) - 1
    fold_starts = np.flatnonzero(np.concatenate([[True], rows[1:] != rows[:-1]]))
    in_folds = np.diff(np.append(fold_starts, len(rows)))
    fold_counts = np.zeros((len(starts), FOLDS), np.min_scalar_type(int(in_folds.max())))
    fold_counts[index[fold_starts], (rows[fold_starts] & np.uint64(FOLDS - 1)).astype(np.int64)] = in_folds
    firsts = entries[starts]
    tokens = (firsts & np.uint64((1 << bits) - 1)).astype(np.min_scalar_type(max(1, vocab_size - 1)))
    keys, types = np.unique(firsts >> np.uint64(bits), return_counts=True)
    counts = np.diff(np.append(starts, len(rows)))
    return _Counts(length, keys << np.uint64(shift), types, tokens, counts, fold_counts)


def _joined(parts: list[_Counts], vocab_size: int, minimum: int) -> NgramModel:
    """Return the model of the counts of all context lengths; `minimum` is the fewest times that a context was seen."""
    keys = np.concatenate([part.keys for part in parts])
    lengths = np.repeat(np.array([part.length for part in parts], np.uint8), [len(part.keys) for part in parts])
    types = np.concatenate([part.types for part in parts])
    starts = np.cumsum(types) - types
    order = np.lexsort((lengths, keys))
    keys = keys[order]
    order = order[np.concatenate([[True], keys[1:] != keys[:-1]])]  # of two contexts with one hash, the shorter
    types = types[order]
    ends = np.cumsum(types)
    entries = np.repeat(starts[order] - ends + types, types) + np.arange(ends[-1])
    counts = np.concatenate([part.counts for part in parts])[entries]
    contexts = Contexts(np.concatenate([part.keys for part in parts])[order], lengths[order], types.astype(np.uint32))
    tokens = np.concatenate([part.tokens for part in parts])[entries]
    counted = Entries(tokens, counts.astype(np.min_scalar_type(int(counts.max()))))
    folds = FoldCounts(np.concatenate([part.fold_counts for part in parts])[entries], minimum)
    return NgramModel(vocab_size, contexts, counted, folds)
