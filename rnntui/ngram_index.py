"""Rows of n-gram embeddings: the hash of an n-gram of tokens, alike for integers, numpy arrays and torch tensors.

The hash is part of the format of runs: a model's weights mean nothing with another one. It uses only integer
operators, on values below 2⁶², so that it is the same on every platform.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rnntui.config_language_model import NGRAM_BUCKETS, LanguageModelConfig

Integers = Any
"""An `int`, a numpy array or a torch tensor of int64; results are of the same type."""

_MASK = (1 << 31) - 1
_MULTIPLIER = 0x5BD1E995  # odd; that of MurmurHash2


class NgramIndex:
    """Finds the row of an n-gram in the table of its length n, for n = 2 to N.

    An n-gram is a token with the n - 1 tokens before it, its history. A token is given by its id + 1: 0 stands where
    there is none, before the beginning of a text. No history reaches back over the end of a document: `<eos>` itself
    and the first token after it have the same history in every document, in training as in a text that is generated.

    A table is exact if `buckets` rows are enough for one row for each n-gram; otherwise n-grams are hashed.

    Args:
        longest: N, the length of the longest n-grams; 1 for none.
        vocab_size: size of the vocabulary, V.
        buckets: rows of a hashed table.
        end_id: the id of `<eos>`; None without documents.

    Attributes:
        table_sizes: number of rows of each table, by the length of its n-grams, 2 to N.
    """

    def __init__(self, longest: int, vocab_size: int, buckets: int, end_id: int | None) -> None:
        sizes = {n: vocab_size * (vocab_size + 1) ** (n - 1) for n in range(2, longest + 1)}
        self.table_sizes = {n: min(size, buckets) for n, size in sizes.items()}
        self._exact = sum(size <= buckets for size in sizes.values())  # tables; they are those of the shortest n-grams
        self._vocab_size = vocab_size
        self._buckets = buckets
        self._end = None if end_id is None else end_id + 1

    @classmethod
    def of(cls, config: LanguageModelConfig, vocab_size: int, end_id: int | None) -> NgramIndex:
        """Return the index of a model's n-grams."""
        return cls(config.ngrams or 1, vocab_size, config.ngram_buckets or NGRAM_BUCKETS, end_id)

    def rows(self, tokens: Sequence[Integers]) -> Iterator[Integers]:
        """Yield the row of the n-gram that ends with a token, in the table of each length, 2 to N.

        Args:
            tokens: N of them, newest first: the id + 1 of the token, of the one before it, and so on; 0 for none.
        """
        token, *history = tokens
        if self._end is not None:
            history = self._within_document(token, history)
        row, radix = token - 1, self._vocab_size
        for earlier in history[: self._exact]:
            row = row + radix * earlier
            radix *= self._vocab_size + 1
            yield row
        if self._exact < len(history):
            hashed = _mixed(token, 0)
            for index, earlier in enumerate(history):
                hashed = _mixed(earlier, hashed)
                if index >= self._exact:
                    yield hashed % self._buckets

    def _within_document(self, token: Integers, history: Sequence[Integers]) -> list[Integers]:
        """Return the history with 0 for the tokens of earlier documents."""
        later, is_inside, cut = token, True, []
        for earlier in history:
            is_inside = is_inside & (later != self._end)
            cut.append(earlier * is_inside)
            later = earlier
        return cut


def _mixed(token: Integers, hashed: Integers) -> Integers:
    """Return the hash of an n-gram from that of its later tokens: 31 bits, by a multiplication and a shift."""
    product = ((hashed ^ token) * _MULTIPLIER) & _MASK
    return product ^ (product >> 15)
