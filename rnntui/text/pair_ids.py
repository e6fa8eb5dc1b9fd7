"""Encoded sentence pairs in one flat file of ids, memory-mapped for training.

The file holds source, `</s>`, target, `</s>`, pair after pair; the end tokens delimit it, so it needs no index. All of
it is only read in blocks, for the pages of a mapped file count as memory of the process.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

import numpy as np

from rnntui.atomic_files import sync_file
from rnntui.errors import CorpusError
from rnntui.text.stored_rows import batches_of
from rnntui.text.token_ids import TokenFile
from rnntui.text.vocabulary import EOS, Vocabulary
from rnntui.untrusted_files import open_regular

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rnntui.text.encoding_journal import EncodingJournal
    from rnntui.text.parallel_corpus import Pair

EncodedPair = tuple["NDArray[np.int64]", "NDArray[np.int64]"]
"""The ids `(S,)` of a source and `(T,)` of its target, without begin and end tokens."""

_BATCH = 1024  # pairs that are encoded and written at once
_IDS_READ = 1 << 20  # at a time


def encode_pairs(rows: Iterable[Pair], source: Vocabulary, target: Vocabulary) -> list[EncodedPair]:
    """Return the ids of each pair, without begin and end tokens."""
    return list(encoded_pairs(rows, source, target))


def encoded_pairs(rows: Iterable[Pair], source: Vocabulary, target: Vocabulary) -> Iterator[EncodedPair]:
    """Yield the ids of each pair, without begin and end tokens."""
    for batch in batches_of(rows, _BATCH):
        sources, targets = source.encode_all([p.source for p in batch]), target.encode_all([p.target for p in batch])
        yield from zip(sources, targets, strict=True)


def write_pairs(path: Path, encoded: Iterable[EncodedPair], characters: int, largest_id: int) -> TokenFile:
    """Write encoded pairs to a file.

    Args:
        path: The file to write.
        encoded: The ids of each pair.
        characters: The number of characters of all targets, for bits per character.
        largest_id: The largest id of both vocabularies; it decides the integer type.
    """
    with PairWriter(path, largest_id) as writer:
        writer.add(encoded)
        return writer.finish(characters)


class TokenCounts(NamedTuple):
    """The tokens of P sources and of P targets, `(P,)` each, end tokens not counted."""

    source: NDArray[np.int32]
    target: NDArray[np.int32]


class PairWriter:
    """A file that encoded pairs are written to, one after the other. Close it with `with`.

    Args:
        path: The file, which is created.
        largest_id: The largest id of both vocabularies; it decides the integer type.
        journal: Records what is written; if it has a record of the file, that is gone on with. None keeps no record.
    """

    def __init__(self, path: Path, largest_id: int, journal: EncodingJournal | None = None) -> None:
        self._dtype = np.min_scalar_type(max(1, largest_id))
        self._lengths = array("i")  # of sources and targets in turn
        self._journal = journal
        is_resumed = journal is not None and journal.resumed([path]) is not None
        self._file = path.open("r+b" if is_resumed else "w+b")
        last_end = -1
        for start, ids in id_blocks(path, self._dtype) if is_resumed else ():
            ends = np.flatnonzero(ids == EOS) + start
            self._lengths.extend((np.diff(ends, prepend=last_end) - 1).tolist())
            last_end = int(ends[-1]) if len(ends) else last_end
        self._file.seek(0, os.SEEK_END)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    @property
    def count(self) -> int:
        """The number of pairs in the file."""
        return len(self._lengths) // 2

    def finish_recording(self) -> None:
        """Record nothing any more: what is written from now on is not gone on with."""
        if self._journal is not None:
            self._journal.begin()
            self._journal = None

    def add(self, encoded: Iterable[EncodedPair]) -> None:
        """Append pairs."""
        end = np.array([EOS])
        for batch in batches_of(encoded, _BATCH):
            texts = [ids for pair in batch for ids in pair]
            self._lengths.extend(map(len, texts))
            ids = np.concatenate([part for text in texts for part in (text, end)])
            self._file.write(ids.astype(self._dtype).data)
            if self._journal is not None:
                self._journal.record([self._file], {"pairs": self.count})

    def token_counts(self) -> TokenCounts:
        """Return the tokens of the pairs so far."""
        lengths = np.array(self._lengths, dtype=np.int32).reshape(-1, 2)
        return TokenCounts(lengths[:, 0], lengths[:, 1])

    def keep(self, kept: NDArray[np.bool_]) -> None:
        """Take out the pairs that are not `kept (P,)`."""
        if kept.all():
            return
        lengths = np.array(self._lengths, dtype=np.int64).reshape(-1, 2)
        ends = np.cumsum(lengths.sum(axis=1) + 2) * self._dtype.itemsize
        bounds = np.flatnonzero(np.diff(np.concatenate([[False], kept, [False]]).astype(np.int8)))
        bytes_before = np.concatenate([[0], ends])
        written = 0
        for start, end in zip(bytes_before[bounds[::2]].tolist(), bytes_before[bounds[1::2]].tolist(), strict=True):
            for position in range(start, end, _IDS_READ):  # written never further than it is read
                self._file.seek(position)
                data = self._file.read(min(_IDS_READ, end - position))
                self._file.seek(written)
                written += self._file.write(data)
        self._file.seek(written)
        self._file.truncate()
        self._lengths = array("i", lengths[kept].astype(np.intc).tobytes())

    def finish(self, characters: int) -> TokenFile:
        """Return the description of the file, which is on the disk then.

        Args:
            characters: The number of characters of all targets, for bits per character.
        """
        sync_file(self._file)
        tokens = self._file.tell() // self._dtype.itemsize
        return TokenFile(tokens, characters, str(self._dtype.name))


def id_blocks(path: Path, dtype: np.dtype[Any]) -> Iterator[tuple[int, NDArray[np.unsignedinteger]]]:
    """Yield the ids of a file in blocks, each with the index of its first."""
    start = 0
    with open_regular(path) as file:
        while len(ids := np.fromfile(file, dtype, _IDS_READ)):
            yield start, ids
            start += len(ids)


class PairIds(Protocol):
    """P encoded pairs. `source_lengths` and `target_lengths`, `(P,)` each, do not count the end tokens."""

    source_lengths: NDArray[np.int32]
    target_lengths: NDArray[np.int32]

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
        self.source_lengths = np.array([len(source) for source, _ in pairs], dtype=np.int32)
        self.target_lengths = np.array([len(target) for _, target in pairs], dtype=np.int32)

    def __len__(self) -> int:
        return len(self._pairs)

    def source(self, pair: int) -> NDArray[np.int64]:
        return np.append(self._pairs[pair][0], EOS)

    def target(self, pair: int) -> NDArray[np.int64]:
        return np.append(self._pairs[pair][1], EOS)


class PairDataset:
    """Memory-mapped dataset of P encoded pairs, as `PairIds`; it takes 16 bytes of memory for each.

    Raises `CorpusError` if the file does not hold whole pairs.
    """

    def __init__(self, token_file: TokenFile, path: Path) -> None:
        self._ids = token_file.read(path)
        self._path = path
        self.characters = token_file.characters
        lengths: list[NDArray[np.int32]] = []  # of sources and targets in turn
        last_end = -1
        for start, ids in id_blocks(path, self._ids.dtype):
            ends = np.flatnonzero(ids == EOS) + start
            if len(ends):
                lengths.append((np.diff(ends, prepend=last_end) - 1).astype(np.int32))
                last_end = int(ends[-1])
        count = sum(map(len, lengths))
        if count % 2 or not count or last_end != len(self._ids) - 1:
            raise CorpusError(f"{path} is not a file of complete pairs", hint="the run is broken")
        by_column = np.concatenate(lengths)
        lengths.clear()  # of many pairs, each array that is not held any more counts
        self.source_lengths: NDArray[np.int32] = by_column[0::2].copy()
        self.target_lengths: NDArray[np.int32] = by_column[1::2].copy()
        del by_column
        self._starts: NDArray[np.int64] = np.zeros(count // 2, np.int64)
        np.add(self.source_lengths[:-1], self.target_lengths[:-1], out=self._starts[1:])
        self._starts[1:] += 2
        np.cumsum(self._starts, out=self._starts)

    def __len__(self) -> int:
        return len(self._starts)

    def _columns(self) -> Iterator[tuple[NDArray[np.unsignedinteger], NDArray[np.unsignedinteger]]]:
        """Yield the ids of the sources and those of the targets, end tokens included, in blocks."""
        is_target = np.int64(0)  # of the first id of the block
        for _, ids in id_blocks(self._path, self._ids.dtype):
            is_end = ids == EOS
            column = (np.cumsum(is_end) - is_end + is_target) % 2
            is_target = (column[-1] + is_end[-1]) % 2
            yield ids[column == 0], ids[column == 1]

    def largest_ids(self) -> tuple[int, int]:
        """Return the largest id of all sources, and that of all targets."""
        sources = targets = 0
        for source_ids, target_ids in self._columns():
            sources = max(sources, int(source_ids.max(initial=0)))
            targets = max(targets, int(target_ids.max(initial=0)))
        return sources, targets

    def target_counts(self, vocab_size: int) -> NDArray[np.int64]:
        """Return how often each id occurs in the targets, end tokens included, `(vocab_size,)`."""
        counts = np.zeros(vocab_size, dtype=np.int64)
        for _, target_ids in self._columns():
            counts += np.bincount(target_ids, minlength=vocab_size)
        return counts

    def source(self, pair: int) -> NDArray[np.int64]:
        """Return the ids of a source with its end token, `(S + 1,)`."""
        return self._slice(self._starts[pair], self.source_lengths[pair] + 1)

    def target(self, pair: int) -> NDArray[np.int64]:
        """Return the ids of a target with its end token, `(T + 1,)`."""
        return self._slice(self._starts[pair] + self.source_lengths[pair] + 1, self.target_lengths[pair] + 1)

    def _slice(self, start: int, length: int) -> NDArray[np.int64]:
        return self._ids[start : start + length].astype(np.int64)
