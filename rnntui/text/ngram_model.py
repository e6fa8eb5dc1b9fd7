"""An n-gram model of token ids: the counts of what followed each context, and the probabilities that they give.

The probabilities are interpolated with absolute discounting (Ney, Essen and Kneser 1994): from a context seen N times
and followed by U different tokens, a token that followed it c times has the probability

    p(w | context) = max(c - D, 0) / N + (D U / N) p(w | context without its first token)

and the empty context falls back on a uniform distribution.

Counts are those of the text for the longest context that a place has, of K tokens or from the beginning of the text. A
shorter context is asked where a longer one was not seen, or not with the token. How many different contexts a token
follows is what is best known there, so each counts once: c is the number of different tokens that came before context
and token, its continuations (Kneser and Ney 1995, "Improved backing-off for m-gram language modeling"). On a tenth of
tinyshakespeare that was not counted, this lowers the loss of the counts alone from 1.81 to 1.51 nats a character (K =
8). Models of older files have no continuations, and use the counts of the text throughout.

A language model adds their logarithms to its logits, and so learns only what they do not know already (Li et al. 2022,
"Residual Learning of Neural Text Generation with n-gram Language Model"). In training, the counts must not hold the
token that is to be predicted, nor its neighbourhood: else the network learns to read it from them. The text is thus cut
into folds, and the counts of a token's own fold are subtracted (deleted estimation, Jelinek and Mercer 1980).

A context is known by a 64-bit hash, so that a model is a few flat arrays, and all contexts of many places are looked up
at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ids = NDArray[np.int64]
    Floats = NDArray[np.float32]
    Hashes = NDArray[np.uint64]

FOLDS = 8
MAX_CONTEXT = 8
ALWAYS_KEPT = 2  # contexts up to this length are in a model even if there are too many
DISCOUNT = 0.85
"""D. With contexts of 8 characters and continuations, the loss of the counts alone on a tenth of tinyshakespeare that
was not counted is 1.621 nats a character with D = 0.6, 1.568 with 0.7, 1.529 with 0.8, 1.515 with 0.85, 1.504 with 0.9;
that of a language model with them is the same with 0.85 and 0.92. The usual estimate from the tokens that followed once
and twice (Ney et al. 1994) would be smaller, as rare contexts are left out."""

MAX_TOKENS = 3 << 20  # of a text that are counted, from its beginning: the peak of memory, 0.93 GB, is here
FOLD_BITS = 3
_BLOCK = 1 << 14  # counts that are summed at a time
_LARGE = 255  # counts from here on do not fit into a byte of a file
_MAX_MEMO = 1 << 20  # probabilities that are kept while texts are generated
LEAST = np.float32(1e-20)
"""The smallest probability that has a logarithm."""
_MULTIPLIER = 0x9E3779B97F4A7C15
MIX_STEPS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))
"""Shifts and multipliers that finish a hash, those of the finalizer of SplitMix64 (Steele et al. 2014)."""


class Contexts(NamedTuple):
    """The C contexts of a model.

    Args:
        keys: their hashes, in order, `(C,)`.
        lengths: their numbers of tokens, `(C,)`.
        types: how many different tokens followed each, `(C,)`.
    """

    keys: Hashes
    lengths: NDArray[np.integer]
    types: NDArray[np.integer]


class Entries(NamedTuple):
    """The M entries of a model: the tokens that followed each context, one context after the other.

    Args:
        tokens: `(M,)`.
        counts: how many times each followed in the text, and then their continuations, `(2 M,)`; `(M,)` for a model
            without continuations; 255 for more than 254 if `large` are given.
        large: the counts of the entries whose count is 255, in their order; None if all counts are as they are.
    """

    tokens: NDArray[np.integer]
    counts: NDArray[np.integer]
    large: NDArray[np.integer] | None = None


class FoldCounts(NamedTuple):
    """What a model needs to leave out a fold.

    Args:
        counts: what each of the counts of the entries is smaller by without each fold of the text, `(2 M, FOLDS)`.
        are_left: whether each context would be in the model of the text without each fold, `(C, FOLDS)`: contexts of
            more than `ALWAYS_KEPT` tokens that were seen rarely are left out.
    """

    counts: NDArray[np.integer]
    are_left: NDArray[np.bool_]


class NgramModel:
    """Counts of the tokens that followed each context of 0 to K tokens.

    A context has the code i, its index, where its counts are those of the text, and i + C where they are continuations.

    Args:
        vocab_size: size of the vocabulary, V.
        contexts: the contexts, C of them.
        entries: what followed them.
        folds: the counts of folds; None for a model that is not trained with.

    Raises `ValueError` if the arrays do not fit together.
    """

    def __init__(self, vocab_size: int, contexts: Contexts, entries: Entries, folds: FoldCounts | None = None) -> None:
        self.vocab_size = vocab_size
        self._keys, self._lengths, types = contexts
        self._tokens, self._counts, large = entries
        self._large = large if large is not None and len(large) else None
        self._large_entries = (
            np.flatnonzero(self._counts == _LARGE) if self._large is not None else np.zeros(0, np.int64)
        )
        self._folds = folds
        self._offsets: NDArray[np.signedinteger] = np.zeros(0, np.int32)
        self._check(types)
        self.context = int(self._lengths.max())
        self._totals = self._sums()  # of each code
        self._powers, self._mask = powers_of(self.context), key_mask(vocab_size)
        self._memo: dict[int, Floats] = {}

    def _check(self, types: NDArray[np.integer]) -> None:
        """Raise `ValueError` if the arrays do not fit together; else make the offsets of the contexts' entries."""
        # Nothing here makes arrays of larger numbers than those of the file, which may have millions.
        keys, lengths, counted, entries = self._keys, self._lengths, len(self._tokens), int(types.sum(dtype=np.int64))
        kinds = 1 if len(self._counts) == counted else 2
        fits = len(keys) and len(lengths) == len(keys) == len(types) and counted == entries
        fits = fits and len(self._counts) == kinds * counted
        if not fits or not types.all() or (keys[1:] <= keys[:-1]).any():
            raise ValueError("the contexts of the n-grams do not fit together")
        if lengths.max() > MAX_CONTEXT or np.flatnonzero(lengths == 0).tolist() != [0] or keys[0]:
            raise ValueError(f"the n-grams are not those of contexts of 0 to {MAX_CONTEXT} tokens")
        is_counted = self._counts.all() and (self._large is None or self._large.all())
        if self._tokens.max() >= self.vocab_size or not is_counted:
            raise ValueError("the n-grams are not those of the vocabulary")
        self._offsets = np.zeros(len(keys) + 1, np.int32 if entries < 1 << 31 else np.int64)  # (C + 1,)
        np.cumsum(types, out=self._offsets[1:])
        is_later = self._tokens[1:] <= self._tokens[:-1]
        is_later[self._offsets[1:-1] - 1] = False  # between two contexts
        if is_later.any():
            raise ValueError("the tokens of the n-grams are not in order")

    @property
    def contexts(self) -> int:
        """Number of contexts, C."""
        return len(self._keys)

    @property
    def codes(self) -> int:
        """Number of codes: C, or 2 C with continuations."""
        return len(self._totals)

    @property
    def has_continuations(self) -> bool:
        """Whether the model has counts of continuations; those of older files do not."""
        return self.codes > self.contexts

    def log_probs(self, history: Ids) -> Floats:
        """Return the log probabilities of the next token at n places, `(n, V)`.

        The result for a place does not depend on the others.

        Args:
            history: the K tokens before each place or more, `(n, K)`, the latest one first; -1 where a text had not
                begun.
        """
        contexts = self.find(history)
        if len(contexts) == 1:
            return self._remembered(contexts[0])[None]
        return self._log_probs_after(contexts)

    def _remembered(self, contexts: Ids) -> Floats:
        """Return the log probabilities `(V,)` after `contexts (K + 1,)`, which the longest of them determines."""
        longest = int(contexts[contexts >= 0][-1])
        known = self._memo.get(longest)
        if known is None:
            probs = np.full(self.vocab_size, 1 / self.vocab_size, np.float32)
            for context in contexts[contexts >= 0].tolist():
                kind, index = divmod(context, len(self._keys))
                start, stop = self._offsets[index : index + 2].tolist()
                probs *= self._scale(context, stop - start)
                total, shift = self._totals[context], kind * len(self._tokens)
                entries = slice(shift + start, shift + stop)
                counts = self._counts[entries] if total < _LARGE else self._counts_of(entries)
                gains = (counts - DISCOUNT) / total
                probs[self._tokens[start:stop]] += gains.astype(np.float32)
            known = logarithms(probs)
            if len(self._memo) * self.vocab_size > _MAX_MEMO:
                self._memo.clear()
            self._memo[longest] = known
        return known

    def _log_probs_after(self, contexts: Ids) -> Floats:
        """Return the log probabilities `(n, V)` after the contexts `(n, K + 1)` that `find` returned."""
        probs = np.full((len(contexts), self.vocab_size), 1 / self.vocab_size, np.float32)
        folds = np.full(len(contexts), FOLDS)
        for length in range(contexts.shape[1]):  # one by one: rounded as `_remembered` rounds
            self.interpolate(probs, contexts[:, length : length + 1], folds)
        return logarithms(probs)

    def interpolate(self, probs: Floats, contexts: Ids, folds: Ids) -> None:
        """Turn the probabilities after contexts without their first tokens into those after the contexts, in place.

        All lengths are done in one pass over the probabilities: what a length adds is scaled as the longer ones will
        scale it.

        Args:
            probs: `(n, V)`, contiguous.
            contexts: contexts of k successive lengths as `find` returned them, `(n, k)`; those of -1 change nothing.
            folds: the fold of the text without which each is to be counted, `(n,)`; `FOLDS` for none.

        Raises `ValueError` if a fold is left out and the model has no counts of folds.
        """
        factors = np.ones(len(probs), np.float32)  # of the longer contexts
        additions: list[tuple[Ids, Ids, Floats]] = []  # rows, entries, gains
        for places in contexts.T[::-1]:
            for rows, is_held_out in (
                (np.flatnonzero((places >= 0) & (folds == FOLDS)), False),
                (np.flatnonzero((places >= 0) & (folds < FOLDS)), True),
            ):
                if not len(rows):
                    continue
                entries, types = self._entries(places[rows])
                if is_held_out:
                    scales, gains = self._held_out(places[rows], entries, types, folds[rows])
                else:
                    scales, gains = self._scale(places[rows], types), self._gains(places[rows], entries, types)
                additions.append((np.repeat(rows, types), entries, gains * np.repeat(factors[rows], types)))
                factors[rows] *= scales
        probs *= factors[:, None]
        flat = probs.reshape(-1)  # `add.at` is many times faster than `+=` here, with one index
        for rows, entries, gains in additions:
            np.add.at(flat, rows * self.vocab_size + self._tokens[entries % len(self._tokens)], gains)

    def _scale(self, contexts: Any, types: Any) -> Any:
        """Return what contexts scale the probabilities of shorter ones by; `types` are the numbers of their entries.

        Neither this nor what entries add is kept: for all of them, it would take more memory than the file.
        """
        return (DISCOUNT * types / self._totals[contexts]).astype(np.float32)

    def _gains(self, contexts: Ids, entries: Ids, types: Ids) -> Floats:
        """Return what each entry adds to the probability of its token, `(m,)`; arguments are those of `_held_out`."""
        gains: NDArray[np.float64] = (self._counts_of(entries) - DISCOUNT) / np.repeat(self._totals[contexts], types)
        return gains.astype(np.float32)

    def _held_out(self, contexts: Ids, entries: Ids, types: Ids, folds: Ids) -> tuple[Floats, Floats]:
        """Return the scales `(n,)` and the gains `(m,)` of n contexts without the counts of one fold each.

        Args:
            contexts: `(n,)`.
            entries: those of the contexts, one context after the other, `(m,)`.
            types: how many each has, `(n,)`.
            folds: `(n,)`.
        """
        if self._folds is None:
            raise ValueError("the model has no counts of folds")
        starts, discount = np.cumsum(types) - types, np.float32(DISCOUNT)
        counts = (self._counts_of(entries) - self._folds.counts[entries, np.repeat(folds, types)]).astype(np.float32)
        totals = np.add.reduceat(counts, starts)
        left = np.add.reduceat(counts > 0, starts, dtype=np.float32)
        divisors = np.maximum(totals, 1)
        is_seen = self._folds.are_left[contexts % len(self._keys), folds]
        scales = np.where(is_seen, discount * left / divisors, np.float32(1))
        return scales, np.maximum(counts - discount, 0) * np.repeat(is_seen / divisors, types).astype(np.float32)

    def find(self, history: Ids) -> Ids:
        """Return the code of the context of each length before n places, `(n, K + 1)`, -1 where it was not seen.

        A context that was not seen has no longer one that was. `history` is that of `log_probs`.
        """
        history = history[:, : self.context]
        keys = hashes(history, self._powers) & self._mask
        places = _search(self._keys, keys)
        places[places == len(self._keys)] = 0
        found = (self._keys[places] == keys) & (self._lengths[places] == np.arange(self.context + 1))
        found[:, 1:] &= history >= 0
        if self.has_continuations:
            places[:, :-1] += np.where(history >= 0, self.contexts, 0)  # where there is a longer context
        return np.where(np.logical_and.accumulate(found, axis=1), places, -1)

    def _counts_of(self, entries: slice | Ids) -> NDArray[np.integer]:
        """Return the counts of some entries, `(m,)`.

        Those that are large are put in only here: one alone would make all counts four times as large.
        """
        counts = self._counts[entries]
        if self._large is None:
            return counts
        large = np.flatnonzero(counts == _LARGE)
        if len(large):
            counts = counts.astype(np.int64)
            places = large + entries.start if isinstance(entries, slice) else entries[large]
            counts[large] = self._large[np.searchsorted(self._large_entries, places)]
        return counts

    def _sums(self) -> NDArray[np.integer]:
        """Return the sums of the counts of each code, in the smallest type that they fit in.

        They are summed in blocks, as numpy makes integers of 64 bits of all counts that it sums.
        """
        offsets, contexts, entries = self._offsets, len(self._keys), len(self._tokens)
        totals = np.empty(contexts * (len(self._counts) // entries), np.int64)
        for shift in range(0, len(self._counts), entries):
            start, sums = 0, totals[shift // entries * contexts :]
            while start < contexts:
                first = int(offsets[start])
                end = offsets.dtype.type(min(first + _BLOCK, entries))  # of its type, or all would be converted
                stop = max(start + 1, int(np.searchsorted(offsets, end, side="right")) - 1)
                counts = self._counts_of(slice(shift + first, shift + int(offsets[stop])))
                sums[start:stop] = np.add.reduceat(counts, offsets[start:stop] - first, dtype=np.int64)
                start = stop
        return totals.astype(np.min_scalar_type(int(totals.max())))

    def _entries(self, contexts: Ids) -> tuple[Ids, Ids]:
        """Return the places of the counts of n codes, one code after the other, and how many each has, `(n,)`."""
        kinds, contexts = np.divmod(contexts, len(self._keys))
        starts = self._offsets[contexts].astype(np.int64)
        types = self._offsets[contexts + 1] - starts
        ends = np.cumsum(types)
        firsts = kinds * len(self._tokens) + starts - ends + types
        return np.repeat(firsts, types) + np.arange(ends[-1] if len(ends) else 0), types

    def parts(self) -> tuple[Contexts, Entries]:
        """Return the contexts and what followed them, with whole counts."""
        counts = self._counts_of(slice(0, len(self._counts)))
        return Contexts(self._keys, self._lengths, np.diff(self._offsets)), Entries(self._tokens, counts)

    def without_rare(self, minimum: int) -> NgramModel:
        """Return the model without contexts of two tokens or more that were seen fewer times.

        Pairs of subwords are most of a model of them, so unlike in `count_ngrams` they may be left out. The model has
        no counts of folds.
        """
        types = np.diff(self._offsets)
        is_kept = (self._totals[: self.contexts] >= minimum) | (self._lengths <= 1)
        entries = np.repeat(is_kept, types)
        contexts = Contexts(self._keys[is_kept], self._lengths[is_kept], types[is_kept])
        counts = self._counts_of(slice(0, len(self._counts))).reshape(-1, len(self._tokens))[:, entries].reshape(-1)
        return NgramModel(self.vocab_size, contexts, Entries(self._tokens[entries], counts))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the model as arrays for a file, without the counts of folds.

        Almost all counts fit into a byte. Those that do not are 255, and follow in an array of their own.
        """
        types, counts = np.diff(self._offsets), self.parts()[1].counts
        return {
            "keys": self._keys,
            "lengths": self._lengths,
            "types": types.astype(np.min_scalar_type(int(types.max()))),
            "tokens": self._tokens,
            "counts": np.minimum(counts, _LARGE).astype(np.uint8),
            "large_counts": counts[counts >= _LARGE].astype(np.uint32),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], vocab_size: int) -> NgramModel:
        """Return the model of a file's arrays. Raises `ValueError` if they are not those of `to_arrays`."""
        any_size = (1, 2, 4)
        sizes = {"keys": (8,), "lengths": (1,), "types": any_size, "tokens": any_size, "counts": any_size}
        if "large_counts" in arrays:  # not in a file of an older version
            sizes["large_counts"] = (4,)
        for name, allowed in sizes.items():
            array = arrays.get(name)
            if array is None or array.dtype.kind != "u" or array.itemsize not in allowed or array.ndim != 1:
                raise ValueError(f"{name} is missing, or of another type")
        contexts = Contexts(*(arrays[name] for name in Contexts._fields))
        counts, large = arrays["counts"], arrays.get("large_counts")
        if large is not None and np.count_nonzero(counts == _LARGE) != len(large):
            raise ValueError("the large counts of the n-grams do not fit the others")
        return cls(vocab_size, contexts, Entries(arrays["tokens"], counts, large))


def _search(ordered: Hashes, keys: Hashes) -> Ids:
    """Return where keys of any shape belong in ordered ones.

    They are looked up in order, for which memory is read in order: 2.5 times faster for thousands of places.
    """
    order = np.argsort(keys, axis=None)
    places = np.empty(keys.size, np.int64)
    places[order] = np.searchsorted(ordered, keys.reshape(-1)[order])
    return places.reshape(keys.shape)


def logarithms(probs: Floats) -> Floats:
    """Return the logarithms of probabilities, of which a chain of contexts can make numbers too small for float32."""
    logs: Floats = np.maximum(probs, LEAST)
    return np.log(logs, out=logs)


def token_bits(vocab_size: int) -> int:
    """Return how many bits a token id takes."""
    return max(1, (vocab_size - 1).bit_length())


def key_mask(vocab_size: int) -> np.uint64:
    """Return the bits of a hash that make a key: all but those which `_count` needs for token and fold."""
    return np.uint64(((1 << 64) - 1) & ~((1 << (token_bits(vocab_size) + FOLD_BITS)) - 1))


def powers_of(context: int) -> Hashes:
    """Return the multiplier of the token at each distance, `(context,)`."""
    return np.array([pow(_MULTIPLIER, distance, 1 << 64) for distance in range(context)], np.uint64)


def hashes(history: Ids, powers: Hashes) -> Hashes:
    """Return the hashes of the contexts of each length before n places, `(n, K + 1)`; `history (n, K)`."""
    hashes = np.zeros((len(history), len(powers) + 1), np.uint64)
    np.cumsum((history + 1).astype(np.uint64) * powers, axis=1, out=hashes[:, 1:])
    return mix(hashes)


def mix(hashes: Hashes) -> Hashes:
    """Spread hashes over all 64 bits."""
    for shift, multiplier in MIX_STEPS:
        hashes = (hashes ^ (hashes >> np.uint64(shift))) * np.uint64(multiplier)
    return hashes
