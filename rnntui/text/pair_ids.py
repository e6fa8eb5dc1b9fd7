"""Pairs as ids in one flat file: source, end, target, end, pair after pair; read back without a table of places."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rnntui.errors import CorpusError
from rnntui.text.token_ids import Part
from rnntui.text.vocabulary import EOS, Vocabulary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rnntui.text.pairs import Pair

Encoded = tuple["NDArray[np.int64]", "NDArray[np.int64]"]


def encode_pairs(rows: Iterable[Pair], source: Vocabulary, target: Vocabulary) -> list[Encoded]:
    """Each pair's ids, without beginning and end."""
    return [(source.encode(pair.source), target.encode(pair.target)) for pair in rows]


def write_pairs(path: Path, encoded: list[Encoded], characters: int, largest_id: int) -> Part:
    """Write pairs; `characters` is how many their targets have."""
    dtype = str(np.min_scalar_type(max(1, largest_id)).name)
    tokens = 0
    end = np.array([EOS])
    with path.open("wb") as file:
        for ids in encoded:
            for column in ids:
                np.concatenate([column, end]).astype(dtype).tofile(file)
                tokens += len(column) + 1
        file.flush()
        os.fsync(file.fileno())
    return Part(tokens, characters, dtype)


class PairIds:
    """Pairs of ids, mapped into memory. `source_lengths (P,)` and `target_lengths (P,)` count without the ends."""

    def __init__(self, part: Part, path: Path) -> None:
        self._ids = part.read(path)
        self.characters = part.characters
        ends = np.flatnonzero(self._ids == EOS)  # (2P,)
        if len(ends) % 2 or not len(ends) or ends[-1] != len(self._ids) - 1:
            raise CorpusError(f"{path} does not hold whole pairs; the run is broken")
        starts = np.concatenate([[0], ends[:-1] + 1])
        lengths = ends - starts
        self._starts = starts.reshape(-1, 2)
        self.source_lengths: NDArray[np.int64] = lengths[0::2]
        self.target_lengths: NDArray[np.int64] = lengths[1::2]

    def __len__(self) -> int:
        return len(self._starts)

    def source(self, pair: int) -> NDArray[np.int64]:
        """The source's ids with its end."""
        return self._slice(self._starts[pair, 0], self.source_lengths[pair] + 1)

    def target(self, pair: int) -> NDArray[np.int64]:
        """The target's ids with its end."""
        return self._slice(self._starts[pair, 1], self.target_lengths[pair] + 1)

    def _slice(self, start: int, length: int) -> NDArray[np.int64]:
        return self._ids[start : start + length].astype(np.int64)
