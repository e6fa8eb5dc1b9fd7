"""Encoded sentence pairs in one flat file of ids, memory-mapped for training.

The file holds source, `</s>`, target, `</s>`, pair after pair; the end tokens delimit it, so it needs no index.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from rnntui.atomic_files import sync_file
from rnntui.errors import CorpusError
from rnntui.text.token_ids import TokenFile
from rnntui.text.vocabulary import EOS, Vocabulary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rnntui.text.parallel_corpus import Pair

EncodedPair = tuple["NDArray[np.int64]", "NDArray[np.int64]"]
"""The ids `(S,)` of a source and `(T,)` of its target, without begin and end tokens."""


def encode_pairs(rows: Iterable[Pair], source: Vocabulary, target: Vocabulary) -> list[EncodedPair]:
    """Return the ids of each pair, without begin and end tokens."""
    return [(source.encode(pair.source), target.encode(pair.target)) for pair in rows]


def write_pairs(path: Path, encoded: list[EncodedPair], characters: int, largest_id: int) -> TokenFile:
    """Write encoded pairs to a file.

    Args:
        path: The file to write.
        encoded: The ids of each pair.
        characters: The number of characters of all targets, for bits per character.
        largest_id: The largest id of both vocabularies; it decides the integer type.
    """
    dtype = str(np.min_scalar_type(max(1, largest_id)).name)
    tokens = 0
    end = np.array([EOS])
    with path.open("wb") as file:
        for pair in encoded:
            for ids in pair:
                file.write(np.concatenate([ids, end]).astype(dtype).data)
                tokens += len(ids) + 1
        sync_file(file)
    return TokenFile(tokens, characters, dtype)


class PairIds(Protocol):
    """P encoded pairs. `source_lengths` and `target_lengths`, `(P,)` each, do not count the end tokens."""

    source_lengths: NDArray[np.int64]
    target_lengths: NDArray[np.int64]

    def __len__(self) -> int: ...

    def source(self, pair: int) -> NDArray[np.int64]:
        """Return the ids of a source with its end token, `(S + 1,)`."""
        ...

    def target(self, pair: int) -> NDArray[np.int64]:
        """Return the ids of a target with its end token, `(T + 1,)`."""
        ...


class PairList:
    """Encoded pairs in memory, as `PairIds`."""

    def __init__(self, pairs: list[EncodedPair]) -> None:
        self._pairs = pairs
        self.source_lengths = np.array([len(source) for source, _ in pairs], dtype=np.int64)
        self.target_lengths = np.array([len(target) for _, target in pairs], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._pairs)

    def source(self, pair: int) -> NDArray[np.int64]:
        return np.append(self._pairs[pair][0], EOS)

    def target(self, pair: int) -> NDArray[np.int64]:
        return np.append(self._pairs[pair][1], EOS)


class PairDataset:
    """Memory-mapped dataset of P encoded pairs, as `PairIds`.

    Raises `CorpusError` if the file does not hold whole pairs.
    """

    def __init__(self, token_file: TokenFile, path: Path) -> None:
        self._ids = token_file.read(path)
        self.characters = token_file.characters
        ends = np.flatnonzero(self._ids == EOS)  # (2P,)
        if len(ends) % 2 or not len(ends) or ends[-1] != len(self._ids) - 1:
            raise CorpusError(f"{path} is not a file of complete pairs", hint="the run is broken")
        starts = np.concatenate([[0], ends[:-1] + 1])
        lengths = ends - starts
        self._starts = starts.reshape(-1, 2)
        self.source_lengths: NDArray[np.int64] = lengths[0::2]
        self.target_lengths: NDArray[np.int64] = lengths[1::2]

    def __len__(self) -> int:
        return len(self._starts)

    def largest_ids(self) -> tuple[int, int]:
        """Return the largest id of all sources, and that of all targets."""
        largest = np.maximum.reduceat(self._ids, self._starts.ravel()).reshape(-1, 2)  # (P, 2)
        return int(largest[:, 0].max()), int(largest[:, 1].max())

    def target_counts(self, vocab_size: int) -> NDArray[np.int64]:
        """Return how often each id occurs in the targets, end tokens included, `(vocab_size,)`."""
        counts = np.zeros(vocab_size, dtype=np.int64)
        step = 2**14  # pairs at a time: a corpus may be larger than the memory
        for first in range(0, len(self), step):
            part = slice(first, first + step)
            lengths = np.stack([self.source_lengths[part], self.target_lengths[part]], axis=1) + 1  # (P, 2)
            start = int(self._starts[first, 0])
            ids = self._ids[start : start + int(lengths.sum())]
            is_target = np.repeat(np.tile([False, True], len(lengths)), lengths.ravel())
            counts += np.bincount(ids[is_target], minlength=vocab_size)
        return counts

    def source(self, pair: int) -> NDArray[np.int64]:
        """Return the ids of a source with its end token, `(S + 1,)`."""
        return self._slice(self._starts[pair, 0], self.source_lengths[pair] + 1)

    def target(self, pair: int) -> NDArray[np.int64]:
        """Return the ids of a target with its end token, `(T + 1,)`."""
        return self._slice(self._starts[pair, 1], self.target_lengths[pair] + 1)

    def _slice(self, start: int, length: int) -> NDArray[np.int64]:
        return self._ids[start : start + length].astype(np.int64)
