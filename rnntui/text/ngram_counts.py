"""Counting of what followed each context of a text, for an n-gram model."""

from __future__ import annotations

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
    minimum = _MINIMUM
    while sum(len(part.tokens) for part in parts) > _MAX_ENTRIES:
        minimum += 1
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

    def without_rare(self, minimum: int) -> _Counts:
        """Return the contexts that were seen so many times or more."""
        starts = np.cumsum(self.types) - self.types
        kept = np.add.reduceat(self.counts, starts) >= minimum if len(starts) else np.zeros(0, bool)
        entries = np.repeat(kept, self.types)
        return _Counts(
            self.length,
            self.keys[kept],
            self.types[kept],
            self.tokens[entries],
            self.counts[entries],
            self.fold_counts[entries],
        )


def _count(contexts: Hashes, targets: Hashes, folds: Hashes, length: int, vocab_size: int) -> _Counts:
    """Count what followed each context.

    One sort of 64-bit numbers does it: the hash of a context above the token above the fold. The lowest bits of the
    hash give way; two of 10 million contexts of a vocabulary of 4,000 then share one with a probability of 16 %, which
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
