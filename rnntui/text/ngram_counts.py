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
    Integers = NDArray[np.integer]
    Hashes = NDArray[np.uint64]

_MAX_ENTRIES = 4_000_000  # of a model
_MINIMUM = 2
_MOST_SEEN = (1 << 16) - 1  # of the times that a context was seen outside of a fold, whose exact number does not matter
_BYTES_PER_TOKEN, _OTHER_BYTES = 200, 300 << 20  # at the peak, which is that of counting or of the predictions kept

_latest: dict[tuple[bytes, int, int, bool], NgramModel] = {}  # one at most, by the digest of its text


def counting_bytes(tokens: int) -> int:
    """Return about how much memory it takes to count a text of so many tokens, and to train with the counts."""
    return _OTHER_BYTES + _BYTES_PER_TOKEN * min(tokens, MAX_TOKENS)


def counted_once(
    ids: NDArray[np.unsignedinteger],
    vocab_size: int,
    context: int,
    earlier: NDArray[np.unsignedinteger] | None = None,
    continuations: bool = True,
) -> NgramModel:
    """Return what `count_ngrams` returns, without counting again what this process counted last.

    A run is created and trained in one process, and both need the counts.
    """
    digest = hashlib.blake2b(ids[:MAX_TOKENS].tobytes(), digest_size=16)
    if earlier is not None:
        digest.update(b"earlier")
        digest.update(earlier[:MAX_TOKENS].tobytes())
    key = (digest.digest(), vocab_size, context, continuations)
    if key not in _latest:
        _latest.clear()  # its memory is free before the next is counted
        _latest[key] = count_ngrams(ids, vocab_size, context, earlier, continuations)
    return _latest[key]


def count_ngrams(
    ids: NDArray[np.unsignedinteger],
    vocab_size: int,
    context: int,
    earlier: NDArray[np.unsignedinteger] | None = None,
    continuations: bool = True,
) -> NgramModel:
    """Return the n-gram model of a text, with the counts of its folds.

    Of contexts longer than two tokens, those that were seen once are left out, which halves the model: it cost a
    language model with contexts of 8 characters 0.003 nats, when none had continuations (1.4125 to 1.4154 after 2.0 M
    tokens of tinyshakespeare; without any n-gram model 1.4733). If there are still too many, rarer ones are left out,
    too.

    Args:
        ids: the token ids of the text, `(N,)`, 1 or more.
        vocab_size: size of the vocabulary, V.
        context: tokens of the longest contexts, K, up to `MAX_CONTEXT`.
        earlier: the token ids of an earlier text, which is counted, too, and cut into folds of its own.
        continuations: count continuations, too; without them, a model is one as runs had until 2026-11.
    """
    ids = ids[:MAX_TOKENS]
    folds = _folds(len(ids))
    if earlier is not None:
        earlier = earlier[: MAX_TOKENS - len(ids)]
        ids, folds = np.concatenate((ids, earlier)), np.concatenate((folds, _folds(len(earlier))))
    powers = powers_of(context)
    longest = min(context, len(ids) - 1)
    hashes = np.zeros(len(ids), np.uint64)  # of the longest contexts before each token, not mixed yet
    for length in range(1, longest + 1):
        hashes[length:] += _weighted(ids, length, powers)
    targets = ids.astype(np.uint64)
    parts: list[_Counts] = []
    longer: _Sequences | None = None
    for length in range(longest, -1, -1):
        part, sequences = _count(mix(hashes[length:]), targets[length:], folds[length:], longer, length, vocab_size)
        if length:
            hashes[length:] -= _weighted(ids, length, powers)
        longer = sequences if continuations else None
        if length > ALWAYS_KEPT:
            part = part.without_rare(_MINIMUM)
        if len(part.keys):
            parts.insert(0, part)
    del ids, folds, hashes, targets, part, sequences, longer  # the peak of memory is in `_joined`
    minimum = _fewest_times(parts)
    if minimum > _MINIMUM:
        parts = [part if part.length <= ALWAYS_KEPT else part.without_rare(minimum) for part in parts]
        parts = [part for part in parts if len(part.keys)]
    return _joined(parts, vocab_size, minimum, continuations)


def _weighted(ids: NDArray[np.unsignedinteger], length: int, powers: Hashes) -> Hashes:
    """Return what the token `length` before each place adds to the hash of its context, `(N - length,)`."""
    result: Hashes = (ids[: len(ids) - length].astype(np.uint64) + np.uint64(1)) * powers[length - 1]
    return result


def _folds(length: int) -> Hashes:
    """Return the fold of each token of a text, `(length,)`."""
    return (np.arange(length, dtype=np.int64) * FOLDS // max(1, length)).astype(np.uint64)


class _Counts(NamedTuple):
    """Counts of all contexts of one length; the arrays are those of `NgramModel`, `types` are entries of a context.

    `seen` is how many times each context was seen, `(C,)`, and `seen_outside` outside of each fold of the text, up to
    `_MOST_SEEN`, `(C, FOLDS)`.
    Each pair of `counts` and `fold_counts` is one of the text and one of continuations.
    """

    length: int
    keys: Hashes
    types: Ids
    seen: Ids
    seen_outside: NDArray[np.uint16]
    tokens: NDArray[np.unsignedinteger]
    counts: tuple[Ids, Ids]
    fold_counts: tuple[Integers, Integers]

    def without_rare(self, minimum: int) -> _Counts:
        """Return the contexts that were seen so many times or more."""
        kept = self.seen >= minimum
        entries = np.repeat(kept, self.types)
        return _Counts(
            self.length,
            self.keys[kept],
            self.types[kept],
            self.seen[kept],
            self.seen_outside[kept],
            self.tokens[entries],
            (self.counts[0][entries], self.counts[1][entries]),
            (self.fold_counts[0][entries], self.fold_counts[1][entries]),
        )


class _Sequences(NamedTuple):
    """The different sequences of a context and the token after it: a place of each, and the only fold that has it.

    Args:
        places: the position of the last token, `(M,)`.
        folds: `(M,)`; `FOLDS` for what occurs in several.
    """

    places: Ids
    folds: NDArray[np.uint8]


def _fewest_times(parts: list[_Counts]) -> int:
    """Return how many times a long context must have been seen for the entries to be no more than `_MAX_ENTRIES`.

    If the contexts that are always kept have as many already, no long context has been seen so often.
    """
    room = max(0, _MAX_ENTRIES - sum(len(part.tokens) for part in parts if part.length <= ALWAYS_KEPT))
    long = [part for part in parts if part.length > ALWAYS_KEPT]
    totals = np.concatenate([np.zeros(0, np.int64), *(part.seen for part in long)])
    types = np.concatenate([np.zeros(0, np.int64), *(part.types for part in long)])
    entries = np.bincount(totals, types, minlength=_MINIMUM + 1)  # of the long contexts that were seen so many times
    at_least = np.append(entries[::-1].cumsum()[::-1], 0)
    return _MINIMUM + int(np.argmax(at_least[_MINIMUM:] <= room))


def _count(
    contexts: Hashes, targets: Hashes, folds: Hashes, longer: _Sequences | None, length: int, vocab_size: int
) -> tuple[_Counts, _Sequences]:
    """Count what followed each context, and return each different sequence of a context and what followed it.

    One sort of 64-bit numbers does it: the hash of a context above the token above the fold. The lowest bits of the
    hash give way; two of 10 million contexts of a vocabulary of 4,000 then share one with a probability of 16%, which
    merges their counts and does no other harm.

    Args:
        contexts: the hash of the context of each place, from the first one that has so long a context, `(n,)`.
        targets: the token there, `(n,)`.
        folds: its fold, `(n,)`.
        longer: the sequences that are one token longer, of which each is a continuation; None to count none.
        length: tokens of the contexts.
        vocab_size: size of the vocabulary, V.
    """
    bits = token_bits(vocab_size)
    shift = bits + FOLD_BITS
    rows = (contexts & key_mask(vocab_size)) | (targets << np.uint64(FOLD_BITS)) | folds
    order = np.argsort(rows)
    rows = rows[order]
    is_first = _are_first(rows >> np.uint64(FOLD_BITS))
    starts = np.flatnonzero(is_first)
    index = np.cumsum(is_first, dtype=np.int32) - 1
    row_folds = (rows & np.uint64(FOLDS - 1)).astype(np.uint8)
    counts = np.diff(np.append(starts, len(rows)))
    fold_counts = _counts_of_folds(index, row_folds, np.flatnonzero(_are_first(rows)), len(starts))
    keys, types = np.unique(rows[starts] >> np.uint64(shift), return_counts=True)
    tokens = ((rows[starts] >> np.uint64(FOLD_BITS)) & np.uint64((1 << bits) - 1)).astype(
        np.min_scalar_type(max(1, vocab_size - 1))
    )
    first_entries = np.cumsum(types) - types
    seen = np.add.reduceat(counts, first_entries)
    in_folds = np.add.reduceat(fold_counts, first_entries, dtype=np.uint32)
    seen_outside = np.minimum(seen.astype(np.uint32)[:, None] - in_folds, _MOST_SEEN).astype(np.uint16)
    sequences = _Sequences(
        order[starts] + length,
        np.where(row_folds[starts] == row_folds[starts + counts - 1], row_folds[starts], np.uint8(FOLDS)),
    )
    continued, continued_in_folds = counts, fold_counts
    if longer is not None:
        del rows, row_folds
        entry_of = np.empty(len(order), np.int32)  # of each place
        entry_of[order] = index
        # At the beginning of the text is a sequence with no token before it.
        entries = entry_of[np.concatenate(([length], longer.places)) - length]
        only = np.concatenate((folds[:1].astype(np.uint8), longer.folds))
        # 0 where all that is longer shares a hash with sequences of other entries: what was seen follows something.
        continued = np.maximum(np.bincount(entries, minlength=len(starts)), 1)
        is_in_one = only < FOLDS
        codes = np.sort(entries[is_in_one] * FOLDS + only[is_in_one])
        firsts = np.flatnonzero(_are_first(codes))
        continued_in_folds = _counts_of_folds(codes // FOLDS, codes % FOLDS, firsts, len(starts))
    part = _Counts(
        length,
        keys << np.uint64(shift),
        types,
        seen,
        seen_outside,
        tokens,
        (counts, continued),
        (fold_counts, continued_in_folds),
    )
    return part, sequences


def _are_first(rows: Integers) -> NDArray[np.bool_]:
    """Return which of some ordered numbers differ from the one before."""
    return np.concatenate([np.ones(min(1, len(rows)), bool), rows[1:] != rows[:-1]])


def _counts_of_folds(entries: Integers, folds: Integers, firsts: Ids, count: int) -> Integers:
    """Return how often each entry occurs in each fold, `(count, FOLDS)`.

    Args:
        entries: in order, `(n,)`.
        folds: the fold of each, `(n,)`, in order for one entry.
        firsts: the first index of each pair of an entry and a fold.
        count: entries there are.
    """
    in_folds = np.diff(np.append(firsts, len(entries)))
    result = np.zeros((count, FOLDS), np.min_scalar_type(int(in_folds.max(initial=0))))
    result[entries[firsts], folds[firsts]] = in_folds
    return result


def _joined(parts: list[_Counts], vocab_size: int, minimum: int, continuations: bool) -> NgramModel:
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
    contexts = Contexts(np.concatenate([part.keys for part in parts])[order], lengths[order], types.astype(np.uint32))
    tokens = np.concatenate([part.tokens for part in parts])[entries]
    kinds = (0, 1) if continuations else (0,)
    counts = np.concatenate([np.concatenate([part.counts[kind] for part in parts])[entries] for kind in kinds])
    counts = counts.astype(np.min_scalar_type(int(counts.max())))
    # The largest array, and the peak of memory: it is filled in place.
    fold_type = np.result_type(*(part.fold_counts[kind] for part in parts for kind in kinds))
    fold_counts = np.empty((len(counts), FOLDS), fold_type)
    for kind, rows in zip(kinds, np.split(fold_counts, len(kinds)), strict=True):
        of_lengths = np.concatenate([part.fold_counts[kind] for part in parts], dtype=fold_type)
        np.take(of_lengths, entries, axis=0, out=rows, mode="clip")
    needed = np.where(contexts.lengths > ALWAYS_KEPT, min(minimum, _MOST_SEEN), 1)
    are_left = np.concatenate([part.seen_outside for part in parts])[order] >= needed[:, None]
    return NgramModel(vocab_size, contexts, Entries(tokens, counts), FoldCounts(fold_counts, are_left))
