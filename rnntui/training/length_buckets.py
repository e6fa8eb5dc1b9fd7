"""Batches of pairs: pools of many batches are sorted by length and cut, so that little of a batch is padding.

    epoch     all pairs, shuffled                    [ 7 2 9 4 | 1 8 3 5 | 6 0 ]    a pool is some batches of them
    pool      sorted by length                         2 4 | 7 9
    batches   cut from the pools, shuffled             7 9 , 1 3 , 2 4 , 6 0 , 5 8

Random batches waste half of the work on padding; sorting everything would show the model the short pairs first. The
order of an epoch follows from the seed and the epoch's number, so two numbers are the whole place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnntui.text.pair_ids import PairDataset
from rnntui.text.vocabulary import BOS, EOS, PAD

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """Pairs side by side, the rest filled with padding.

    `source (S, B)` with ends, `lengths (B,)` of the sources; `inputs (T, B)` begins each target, `expected (T, B)` is
    one token ahead and ends it. `tokens` counts what is expected, without padding.
    """

    source: Ids
    lengths: Ids
    inputs: Ids
    expected: Ids
    tokens: int


def make_batch(sources: list[Ids], targets: list[Ids]) -> Batch:
    """A batch of sources and targets, each with its end."""
    expected = _padded(targets)
    inputs = np.full_like(expected, PAD)
    inputs[0] = BOS
    inputs[1:] = np.where(expected[:-1] == EOS, PAD, expected[:-1])
    lengths = np.array([len(ids) for ids in sources], dtype=np.int64)
    return Batch(_padded(sources), lengths, inputs, expected, sum(map(len, targets)))


def _padded(rows: list[Ids]) -> Ids:
    """Rows as columns `(T, B)`."""
    filled = np.full((max(map(len, rows)), len(rows)), PAD, dtype=np.int64)
    for column, row in enumerate(rows):
        filled[: len(row), column] = row
    return filled


def batch_of(pairs: PairDataset, numbers: NDArray[np.intp]) -> Batch:
    """A batch of the pairs of these numbers."""
    return make_batch([pairs.source(int(n)) for n in numbers], [pairs.target(int(n)) for n in numbers])


class LengthBucketSampler:
    """Batches without end; `epoch` and `place`, the number of the next batch in it, are all there is to save."""

    def __init__(self, pairs: PairDataset, batch_size: int, batch_tokens: int | None, pool: int, seed: int) -> None:
        self._pairs = pairs
        self._batch_size = batch_size
        self._batch_tokens = batch_tokens
        self._pool = pool
        self._seed = seed
        self.go_to(0, 0)

    @property
    def batches(self) -> int:
        """How many batches this epoch has; with batches by tokens, another may have some more or less."""
        return len(self._plan)

    def go_to(self, epoch: int, place: int) -> None:
        """Stand before a batch of an epoch."""
        self.epoch, self.place = epoch, place
        self._plan = self._planned(epoch)

    def next(self) -> Batch:
        """The next batch."""
        if self.place >= len(self._plan):
            self.go_to(self.epoch + 1, 0)
        numbers = self._plan[self.place]
        self.place += 1
        return batch_of(self._pairs, numbers)

    def _planned(self, epoch: int) -> list[NDArray[np.intp]]:
        random = np.random.default_rng([self._seed, epoch])
        order = random.permutation(len(self._pairs))
        sources, targets = self._pairs.source_lengths, self._pairs.target_lengths
        size = self._pool * self._typical()
        batches: list[NDArray[np.intp]] = []
        for start in range(0, len(order), size):
            pool = order[start : start + size]
            pool = pool[np.lexsort((sources[pool], targets[pool]))]
            batches += cut(pool, sources, targets, self._batch_size, self._batch_tokens)
        return [batches[i] for i in random.permutation(len(batches))]

    def _typical(self) -> int:
        """About how many pairs are in a batch."""
        if self._batch_tokens is None:
            return self._batch_size
        mean = float((self._pairs.source_lengths + self._pairs.target_lengths).mean()) + 2
        return max(1, int(self._batch_tokens / mean))


def cut(
    numbers: NDArray[np.intp], sources: Ids, targets: Ids, batch_size: int, batch_tokens: int | None
) -> list[NDArray[np.intp]]:
    """Pairs `numbers (P,)`, in their order, as batches of so many pairs, or of so many tokens with the padding.

    A single pair that has more tokens is a batch of its own.
    """
    if batch_tokens is None:
        return [numbers[start : start + batch_size] for start in range(0, len(numbers), batch_size)]
    batches, first, longest = [], 0, np.zeros(2, dtype=np.int64)
    for place, number in enumerate(numbers):
        grown = np.maximum(longest, (sources[number] + 1, targets[number] + 1))
        if place > first and int(grown.sum()) * (place - first + 1) > batch_tokens:
            batches.append(numbers[first:place])
            first, grown = place, np.array([sources[number] + 1, targets[number] + 1])
        longest = grown
    return [*batches, numbers[first:]]
