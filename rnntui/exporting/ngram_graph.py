"""The n-gram model of `rnntui.text.ngram_model` as ONNX nodes, so that an exported language model needs no other code.

ONNX has no unsigned multiplication, so the hashes are computed in int64, whose products have the same 64 bits; sorted
keys have their highest bit inverted, which keeps their order. Contexts are found by an unrolled binary search.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnntui.exporting.graph_builder import GraphBuilder, Value
from rnntui.text.ngram_model import DISCOUNT, LEAST, MIX_STEPS, NgramModel, key_mask, powers_of

_HIGHEST_BIT = np.iinfo(np.int64).min


class NgramGraph:
    """Nodes for the log probabilities of an n-gram model.

    Args:
        builder: the graph.
        model: the n-gram model.
    """

    def __init__(self, builder: GraphBuilder, model: NgramModel) -> None:
        contexts, entries = model.parts()
        types = contexts.types.astype(np.int64)
        offsets = np.cumsum(types) - types
        counts = entries.counts.astype(np.int64).reshape(-1, len(entries.tokens))  # of the text, of continuations
        totals = np.add.reduceat(counts, offsets, axis=1)
        # The first context is the empty one, whose probabilities are the same everywhere, and whose counts are large.
        first = int(types[0])
        unigrams = np.repeat(DISCOUNT * first / totals[:, :1] / model.vocab_size, model.vocab_size, axis=1)
        unigrams[:, entries.tokens[:first]] += (counts[:, :first] - DISCOUNT) / totals[:, :1]
        counts[:, :first] = 0
        self._builder = builder
        self._context = model.context
        self._vocab_size = model.vocab_size
        self._size, self._entries, self._kinds = len(types), len(entries.tokens), len(counts)
        self._unigrams = builder.constant(unigrams.astype(np.float32), "ngram_unigrams")
        keys = (contexts.keys ^ np.uint64(1 << 63)).view(np.int64)
        self._keys = builder.constant(keys, "ngram_keys")
        self._lengths = builder.constant(contexts.lengths, "ngram_lengths")
        self._offsets = builder.constant(offsets.astype(np.int32), "ngram_offsets")
        self._types = builder.constant(_compact(types), "ngram_types")
        self._totals = builder.constant(totals.reshape(-1).astype(np.float32), "ngram_totals")
        self._tokens = builder.constant(_compact(entries.tokens), "ngram_tokens")
        self._counts = builder.constant(_compact(counts.reshape(-1)), "ngram_counts")

    def log_probs(self, history: list[Value]) -> Value:
        """Return the log probabilities of the next token at n places, `(n, V)`.

        Args:
            history: the id + 1 of the last token at each place, `(n,)`, of the one before it, and so on; 0 for none.
        """
        builder = self._builder
        probs = builder.node("Gather", self._unigrams, self._kind(history[0]))
        hashed, is_found = history[0] * 0, None
        mask = builder.constant(key_mask(self._vocab_size).view(np.int64))
        for length, multiplier in enumerate(powers_of(self._context).view(np.int64).tolist(), 1):
            token = history[length - 1]
            hashed = hashed + token * multiplier
            key = (_mixed(hashed) & mask) ^ _HIGHEST_BIT
            place = self._search(key)
            is_known = builder.node("Gather", self._keys, place).equal(key)
            has_length = builder.node("Gather", self._lengths, place).cast(np.int64).equal(length)
            is_context = _both(_both(is_known, has_length), token.equal(0).logical_not())
            is_found = is_context if is_found is None else _both(is_found, is_context)
            kind = self._kind(history[length]) if length < self._context else token * 0
            probs = self._interpolated(probs, place, kind, is_found)
        return builder.node("Log", builder.node("Max", probs, builder.constant(LEAST)))

    def _kind(self, token: Value) -> Value:
        """Return which counts hold for the contexts before which there are `token (n,)`: 0 or 1, as in `_totals`."""
        return token.equal(0).logical_not().cast(np.int64) * (self._kinds - 1)

    def _search(self, key: Value) -> Value:
        """Return the index of the last of the sorted keys that is not above each of `key (n,)`."""
        builder = self._builder
        place, last = key * 0, builder.constant(self._size - 1)
        for bit in reversed(range(self._size.bit_length())):
            candidate = builder.node("Min", place + (1 << bit), last)
            is_above = key.less(builder.node("Gather", self._keys, candidate))
            place = builder.where(is_above, place, candidate)
        return place

    def _interpolated(self, probs: Value, place: Value, kind: Value, is_found: Value) -> Value:
        """Return the probabilities `(n, V)` from those after contexts that are one token shorter.

        Args:
            probs: `(n, V)`.
            place: indices of contexts, `(n,)`.
            kind: 0 for their counts in the text, 1 for continuations, `(n,)`.
            is_found: where these are the contexts of the text, `(n,)`; elsewhere, nothing changes.
        """
        builder = self._builder
        one = builder.constant(np.float32(1))
        types = builder.node("Gather", self._types, place).cast(np.int64) * is_found.cast(np.int64)  # (n,)
        totals = builder.node("Gather", self._totals, place + kind * self._size)
        scales = builder.where(is_found, types.cast(np.float32) * np.float32(DISCOUNT) / totals, one)
        # The entries of all contexts, as many as the context with the most has: (n, U).
        most = builder.node("ReduceMax", types, keepdims=0)
        columns = builder.node("Range", builder.constant(0), most, builder.constant(1))
        is_entry = columns.expand(0).less(types.expand(1))
        first = builder.node("Gather", self._offsets, place).cast(np.int64)
        entries = builder.where(is_entry, first.expand(1) + columns.expand(0), builder.constant(0))
        tokens = builder.node("Gather", self._tokens, entries).cast(np.int64)
        counts = builder.node("Gather", self._counts, entries + kind.expand(1) * self._entries).cast(np.float32)
        gains = (counts - np.float32(DISCOUNT)) / totals.expand(1) * is_entry.cast(np.float32)
        return builder.node("ScatterElements", probs * scales.expand(1), tokens, gains, axis=1, reduction="add")


def _both(first: Value, second: Value) -> Value:
    return first.builder.node("And", first, second)


def _compact(numbers: NDArray[np.integer]) -> NDArray[np.integer]:
    """Return numbers that are not negative in the smallest unsigned type."""
    return numbers.astype(np.min_scalar_type(int(numbers.max())))


def _mixed(hashed: Value) -> Value:
    """Return what `rnntui.text.ngram_model.mix` returns, in int64."""
    for shift, multiplier in MIX_STEPS:
        hashed = (hashed ^ _shifted(hashed, shift)) * np.uint64(multiplier).astype(np.int64)
    return hashed


def _shifted(value: Value, bits: int) -> Value:
    """Return an int64 whose bits are shifted to the right, with zeros from the left."""
    builder = value.builder
    shifted = builder.node(
        "BitShift", value.cast(np.uint64), builder.constant(np.uint64(bits)), direction="RIGHT", dtype=np.uint64
    )
    return shifted.cast(np.int64)
