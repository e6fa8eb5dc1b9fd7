"""Length-bucketed batches, of sentence pairs and in general: little of a batch is padding.

    epoch     all pairs, shuffled                    [ 7 2 9 4 | 1 8 3 5 | 6 0 ]    a bucket holds some batches of pairs
    bucket    sorted by length                         2 4 | 7 9
    batches   cut from the buckets, shuffled           7 9 , 1 3 , 2 4 , 6 0 , 5 8

Random batches waste half of the work on padding; sorting the whole corpus would show the model short pairs first. The
order of an epoch is a function of the seed and the epoch, so the epoch and the index of the batch are the whole
position.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnntui.text.pair_ids import PairDataset
from rnntui.text.vocabulary import BOS, EOS, PAD

Ids = NDArray[np.int64]
Lengths = NDArray[np.signedinteger]


@dataclass(frozen=True)
class PairBatch:
    """B sentence pairs, one a column, padded to the longest.

    Args:
        source: Source ids with end tokens, `(S, B)`.
        lengths: Lengths of the sources with their end tokens, `(B,)`.
        inputs: Inputs of the decoder, which begin with the begin token, `(T, B)`.
        targets: Target ids with end tokens, one token ahead of the inputs, `(T, B)`.
        tokens: Number of targets that are not padding.
    """

    source: Ids
    lengths: Ids
    inputs: Ids
    targets: Ids
    tokens: int

    def columns(self, columns: slice) -> PairBatch:
        """Return some of the pairs, padded as before."""
        source, inputs, targets = (
            np.ascontiguousarray(a[:, columns]) for a in (self.source, self.inputs, self.targets)
        )
        return PairBatch(source, self.lengths[columns], inputs, targets, int((targets != PAD).sum()))


def make_batch(sources: list[Ids], targets: list[Ids]) -> PairBatch:
    """Return the batch of B sources and targets, each `(length,)` with its end token."""
    padded_targets = pad_columns(targets)
    inputs = np.full_like(padded_targets, PAD)
    inputs[0] = BOS
    inputs[1:] = np.where(padded_targets[:-1] == EOS, PAD, padded_targets[:-1])
    lengths = np.array([len(ids) for ids in sources], dtype=np.int64)
    return PairBatch(pad_columns(sources), lengths, inputs, padded_targets, sum(map(len, targets)))


def pad_columns(sequences: list[Ids]) -> Ids:
    """Return B sequences as the columns of an array `(T, B)`."""
    padded = np.full((max(map(len, sequences)), len(sequences)), PAD, dtype=np.int64)
    for column, ids in enumerate(sequences):
        padded[: len(ids), column] = ids
    return padded


def batch_at(pairs: PairDataset, indices: NDArray[np.intp]) -> PairBatch:
    """Return the batch of the pairs at `indices (B,)`."""
    return make_batch([pairs.source(int(i)) for i in indices], [pairs.target(int(i)) for i in indices])


class BatchOrder:
    """Endless batches of indices; `epoch` and `index`, that of the next batch in it, are the whole position.

    Args:
        seed: Seed of the order of examples and batches.
        batches_of: Returns the batches of an epoch by its random generator.
    """

    def __init__(self, seed: int, batches_of: Callable[[np.random.Generator], list[NDArray[np.intp]]]) -> None:
        self._seed = seed
        self._batches_of = batches_of
        self.seek(0, 0)

    def seek(self, epoch: int, index: int) -> None:
        """Make a batch of an epoch the next one. Raises `ValueError` for a negative epoch or index."""
        if epoch < 0 or index < 0:
            raise ValueError(f"no batch has epoch {epoch} and index {index}")
        self.epoch, self.index = epoch, index
        self.batches: list[NDArray[np.intp]] = []  # those of two epochs at once would take twice the memory
        self.batches = self._batches_of(np.random.default_rng([self._seed, epoch]))

    def next(self) -> NDArray[np.intp]:
        """Return the indices of the next batch."""
        if self.index >= len(self.batches):
            self.seek(self.epoch + 1, 0)
        self.index += 1
        return self.batches[self.index - 1]


def length_buckets(
    rng: np.random.Generator, sort_keys: Sequence[Lengths], bucket_size: int
) -> Iterator[NDArray[np.intp]]:
    """Yield all indices in random order, a bucket at a time, each sorted by length.

    Args:
        rng: Draws the order.
        sort_keys: Lengths of all examples, `(P,)` each, the most important one last, as for `np.lexsort`.
        bucket_size: Examples in a bucket.
    """
    order = rng.permutation(len(sort_keys[0]))
    for start in range(0, len(order), bucket_size):
        bucket = order[start : start + bucket_size]
        yield bucket[np.lexsort([lengths[bucket] for lengths in sort_keys])]


class LengthBucketSampler:
    """Endless length-bucketed batches of pairs.

    Args:
        pairs: The training pairs.
        batch_size: Pairs in a batch; ignored if `batch_tokens` is given.
        batch_tokens: Most tokens in a batch, padding included; None for batches of `batch_size` pairs.
        bucket_batches: Batches that are sorted by length together.
        seed: Seed of the order of pairs and batches.
    """

    def __init__(
        self, pairs: PairDataset, batch_size: int, batch_tokens: int | None, bucket_batches: int, seed: int
    ) -> None:
        self._pairs = pairs
        self._batch_size = batch_size
        self._batch_tokens = batch_tokens
        self._bucket_batches = bucket_batches
        self.order = BatchOrder(seed, self._batches_of_epoch)

    @property
    def batches_per_epoch(self) -> int:
        """Number of batches in this epoch; with `batch_tokens`, it differs a little between epochs."""
        return len(self.order.batches)

    def shapes(self) -> Iterator[tuple[int, int, int]]:
        """Yield the longest source, the longest target and the number of pairs of each batch in this epoch."""
        sources, targets = self._pairs.source_lengths, self._pairs.target_lengths
        for batch in self.order.batches:
            yield int(sources[batch].max()) + 1, int(targets[batch].max()) + 1, len(batch)

    def next(self) -> PairBatch:
        """Return the next batch."""
        return batch_at(self._pairs, self.order.next())

    def _batches_of_epoch(self, rng: np.random.Generator) -> list[NDArray[np.intp]]:
        """Return the indices of the pairs of each batch, in order."""
        sources, targets = self._pairs.source_lengths, self._pairs.target_lengths
        batches: list[NDArray[np.intp]] = []
        for bucket in length_buckets(rng, (sources, targets), self._bucket_batches * self._mean_batch_size()):
            batches += split_into_batches(bucket, sources, targets, self._batch_size, self._batch_tokens)
        return [batches[i] for i in rng.permutation(len(batches))]

    def _mean_batch_size(self) -> int:
        """Estimate the number of pairs in a batch."""
        if self._batch_tokens is None:
            return self._batch_size
        tokens_per_pair = float((self._pairs.source_lengths + self._pairs.target_lengths).mean()) + 2
        return max(1, int(self._batch_tokens / tokens_per_pair))


class MixedPairBatches:
    """Batches of two samplers in turn: a share of them has earlier pairs.

    Args:
        new: Batches of the training pairs.
        earlier: Batches of earlier pairs.
        mix: Share of the batches that are of earlier pairs.
    """

    def __init__(self, new: LengthBucketSampler, earlier: LengthBucketSampler, mix: float) -> None:
        self._new, self._earlier, self._mix = new, earlier, mix
        self._count = 0  # batches so far

    def next(self) -> PairBatch:
        """Return the next batch."""
        self._count += 1
        is_earlier = int(self._count * self._mix) > int((self._count - 1) * self._mix)
        return (self._earlier if is_earlier else self._new).next()

    def position(self) -> NDArray[np.int64]:
        """Return the number of batches so far, and epoch and index in the earlier pairs, `(3,)`."""
        return np.array([self._count, self._earlier.order.epoch, self._earlier.order.index])

    def seek(self, position: NDArray[np.generic]) -> None:
        """Return to a position; that of the training pairs is restored on its own. Raises `ValueError` for none."""
        count, epoch, index = map(int, position)
        self._count = count
        self._earlier.order.seek(epoch, index)


def split_into_batches(
    indices: NDArray[np.intp], sources: Lengths, targets: Lengths, batch_size: int, batch_tokens: int | None
) -> list[NDArray[np.intp]]:
    """Split pairs, in their order, into batches by number of pairs or by number of tokens.

    Args:
        indices: Indices of the pairs to split, `(P,)`.
        sources: Source lengths of all pairs, without end tokens.
        targets: Target lengths of all pairs, without end tokens.
        batch_size: Pairs in a batch; ignored if `batch_tokens` is given.
        batch_tokens: Most tokens in a batch, padding and end tokens included; a pair that has more is a batch alone.
    """
    if batch_tokens is None:
        return [indices[start : start + batch_size] for start in range(0, len(indices), batch_size)]
    batches, start, longest = [], 0, np.zeros(2, dtype=np.int64)
    for position, index in enumerate(indices):
        lengths = np.array([sources[index] + 1, targets[index] + 1])
        longest = np.maximum(longest, lengths)
        if position > start and int(longest.sum()) * (position - start + 1) > batch_tokens:
            batches.append(indices[start:position])
            start, longest = position, lengths
    return [*batches, indices[start:]]
