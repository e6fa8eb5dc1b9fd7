"""Characters of a text, counted and stored as it is read: of a large corpus, which then is read once.

A tokenizer of characters numbers them by how often they occur, which is known at the end of the text alone. So the
text is stored with preliminary numbers, one byte for each character in most scripts, and these are replaced.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import numpy as np

from rnntui.atomic_files import sync_file
from rnntui.text.char_tokenizer import code_points, text_of_code_points

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rnntui.text.tokenizer import Tokenizer

_ASCII = 128
_CODE_POINTS = 0x110000
_UNSEEN = 0xFFFFFFFF
_BLOCK = 1 << 20  # characters at a time


class CharacterCounter:
    """Counts the characters of a text that comes in blocks; `counts` is indexed by code point."""

    def __init__(self) -> None:
        self.counts: NDArray[np.int64] = np.zeros(_CODE_POINTS, dtype=np.int64)

    def add(self, block: str, data: bytes) -> None:
        """Count the characters of a block; `data` is the block in UTF-8."""
        if len(data) > len(block):
            block_counts = np.bincount(code_points(block))
        else:
            # ASCII is counted by pairs of bytes, twice as fast.
            pairs = np.bincount(np.frombuffer(data, np.uint16, len(data) // 2), minlength=1 << 16).reshape(256, 256)
            block_counts = (pairs.sum(axis=0) + pairs.sum(axis=1))[:_ASCII]
            if len(data) % 2:
                block_counts[data[-1]] += 1
        self.counts[: len(block_counts)] += block_counts


class CharacterFile:
    """A file with a preliminary number for each character of a text: ASCII as it is, others as they are first seen.

    Numbers have one byte, two or four, as few as hold all of them. Close it with `with`.

    Args:
        path: the file, which is created.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO = path.open("wb")
        self._length = 0
        self._dtype = np.dtype(np.uint8)
        self._numbers = np.full(_CODE_POINTS, _UNSEEN, np.uint32)  # by code point
        self._numbers[:_ASCII] = np.arange(_ASCII)
        self._points = list(range(_ASCII))  # by number

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def discard(self) -> None:
        """Remove the file, where ids are not to be made of it."""
        self._file.close()
        self.path.unlink()

    def add(self, block: str, data: bytes) -> None:
        """Append a block; `data` is the block in UTF-8."""
        if len(data) == len(block):
            numbers: NDArray[np.unsignedinteger] = np.frombuffer(data, np.uint8)
        else:
            points = code_points(block)
            numbers = self._numbers.take(points)
            unseen = np.unique(points[numbers == _UNSEEN])
            if len(unseen):
                self._numbers[unseen] = np.arange(len(self._points), len(self._points) + len(unseen))
                self._points += unseen.tolist()
                self._widen(np.min_scalar_type(len(self._points) - 1))
                numbers = self._numbers.take(points)
        self._file.write(numbers.astype(self._dtype, copy=False).data)
        self._length += len(block)

    def text(self, start: int, end: int) -> str:
        """Return the characters from one offset to another."""
        numbers = np.frombuffer(b"".join(self._blocks(start, end)), self._dtype)
        return text_of_code_points(np.array(self._points)[numbers])

    def counts(self, start: int, end: int) -> NDArray[np.int64]:
        """Return how often each character occurs between two offsets, by code point."""
        by_number = np.zeros(len(self._points), np.int64)
        for data in self._blocks(start, end):
            by_number += np.bincount(np.frombuffer(data, self._dtype), minlength=len(by_number))
        counts = np.zeros(_CODE_POINTS, np.int64)
        counts[self._points] = by_number
        return counts

    def write_ids(self, tokenizer: Tokenizer, dtype: str, split: int, rest: Path) -> None:
        """Replace the numbers by a tokenizer's ids; those from an offset on are moved into another file.

        Args:
            tokenizer: gives each character an id.
            dtype: numpy's name of the type of the ids.
            split: the offset.
            rest: the other file.
        """
        ids = np.dtype(dtype)
        if ids.itemsize > self._dtype.itemsize:
            self._widen(ids)
        table = tokenizer.encode(text_of_code_points(np.array(self._points))).astype(ids)
        # Bytes are translated twice as fast as they are looked up in an array.
        in_bytes = bytes(np.resize(table, 256)) if ids.itemsize == self._dtype.itemsize == 1 else b""
        with self.path.open("r+b") as file, rest.open("wb") as rest_file:  # written never further than it is read
            for data in self._blocks(0, self._length):
                new = data.translate(in_bytes) if in_bytes else table.take(np.frombuffer(data, self._dtype)).tobytes()
                left = max(0, split * ids.itemsize - file.tell())
                file.write(new[:left])
                rest_file.write(new[left:])
            file.truncate()
            sync_file(file)
            sync_file(rest_file)

    def _blocks(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the numbers between two offsets, as they are in the file, in blocks."""
        self._file.flush()
        with self.path.open("rb") as file:
            file.seek(start * self._dtype.itemsize)
            for position in range(start, end, _BLOCK):
                yield file.read(min(_BLOCK, end - position) * self._dtype.itemsize)

    def _widen(self, dtype: np.dtype[Any]) -> None:
        """Give each number more bytes."""
        if dtype.itemsize <= self._dtype.itemsize:
            return
        wider = self.path.with_name(f"{self.path.name}-wider")
        file = wider.open("wb")
        for data in self._blocks(0, self._length):
            file.write(np.frombuffer(data, self._dtype).astype(dtype).tobytes())
        self._file.close()
        file.flush()
        wider.replace(self.path)
        self._file, self._dtype = file, dtype
