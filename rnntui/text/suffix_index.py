"""An index of a text on disk that finds any stretch of characters in it: a suffix array, memory-mapped.

The text is kept as symbols, one for each distinct character, of one, two or four bytes, so that a match is one of
characters and not of bytes. The suffix array is made of parts of `PART` symbols, each sorted on its own: that bounds
the memory that it takes to build, and a search looks into one part after the other. Building takes less than 500 MB
of memory; the files take four bytes and the symbol for each character.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnntui.config import MAX_TOKENS
from rnntui.text.char_tokenizer import code_points, text_of_code_points
from rnntui.text.suffix_array import sort_suffixes
from rnntui.untrusted_files import check_regular, read_bounded, read_json

Symbols = NDArray[np.unsignedinteger]
Lengths = NDArray[np.int64]

BARRIER = 0x110000
"""Stands among code points for what no match extends over, such as the end of a document."""

PART = 1 << 23
"""Symbols of a part of the suffix array."""

DEPTH = 256
"""Symbols by which suffixes are sorted. Longer matches are found by looking at all suffixes that share as many."""

_FORMAT = 1
_TEXT, _SUFFIXES, _ALPHABET, _INFO = "text.symbols", "suffixes.u32", "alphabet.u32", "index.json"
_BLOCK = 1 << 20
_COMPARED = 16  # symbols compared at a time
_MAX_CANDIDATES = 1000  # suffixes that share `DEPTH` symbols and are compared further
_DTYPES: dict[str, np.dtype[Any]] = {name: np.dtype(name) for name in ("u1", ">u2", ">u4")}
"""Big-endian, so that the order of the bytes is that of the symbols."""


def build_suffix_index(
    folder: Path, blocks: Iterable[NDArray[np.uint32]], info: dict[str, Any], on_progress: Callable[[float], None]
) -> None:
    """Write the index of a text into an empty folder.

    Args:
        folder: an existing folder.
        blocks: the code points of the text, `(N,)` each, with `BARRIER` where no match is to extend over.
        info: what `SuffixIndex.info` is to return; JSON.
        on_progress: called with the fraction of the sorting that is done.
    """
    with closing(_SymbolWriter(folder / _TEXT)) as writer:
        for block in blocks:
            writer.add(block)
        size = writer.finish()
    text = np.memmap(folder / _TEXT, writer.dtype, mode="r", shape=(size + DEPTH,))
    with (folder / _SUFFIXES).open("wb") as file:
        for start in range(0, size, PART):
            count = min(PART, size - start)
            symbols = text[start : start + count + DEPTH].astype(writer.dtype.newbyteorder("="))
            order = sort_suffixes(symbols, count, DEPTH).astype(np.uint32)
            order += np.uint32(start)
            file.write(order.data)
            on_progress((start + count) / size)
    with (folder / _ALPHABET).open("wb") as file:
        file.write(writer.alphabet.data)
    description = {"format": _FORMAT, "size": size, "part": PART, "dtype": _name_of(writer.dtype), "info": info}
    (folder / _INFO).write_text(json.dumps(description), encoding="utf-8")


class _SymbolWriter:
    """Writes a text as symbols, which get their numbers as the characters come; the type grows with them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb")
        self._table = np.zeros(BARRIER + 1, dtype=np.uint32)  # symbol by code point
        self._size = 0
        self.dtype = _DTYPES["u1"]
        self.alphabet = np.zeros(0, dtype=np.uint32)

    def add(self, points: NDArray[np.uint32]) -> None:
        """Append code points `(N,)`."""
        symbols = self._table[points]
        unknown = np.unique(points[(symbols == 0) & (points != BARRIER)])
        if len(unknown):
            first = len(self.alphabet) + 1
            self._table[unknown] = np.arange(first, first + len(unknown))
            self.alphabet = np.append(self.alphabet, unknown)
            self._widen()
            symbols = self._table[points]
        self._file.write(symbols.astype(self.dtype).data)
        self._size += len(points)

    def finish(self) -> int:
        """End the text with a barrier, and with padding for comparisons; return its length with the barrier."""
        self._file.write(np.zeros(1 + DEPTH, dtype=self.dtype).data)
        return self._size + 1

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _widen(self) -> None:
        """Give the file a larger type if the alphabet has outgrown its own, whose largest number is no symbol."""
        dtype = next(dtype for dtype in _DTYPES.values() if len(self.alphabet) < 256**dtype.itemsize - 1)
        if dtype == self.dtype:
            return
        self._file.close()
        narrow = self._path.rename(self._path.with_suffix(".narrow"))
        self._file = self._path.open("wb")
        with narrow.open("rb") as file:
            while len(symbols := np.fromfile(file, self.dtype, _BLOCK)):
                self._file.write(symbols.astype(dtype).data)
        narrow.unlink()
        self.dtype = dtype


@dataclass(frozen=True)
class _Part:
    """A part of the suffix array: positions of the text `(N,)`, in the order of what begins there."""

    suffixes: NDArray[np.uint32]
    positions: memoryview  # the same, for single numbers, which numpy takes three times as long to return


class SuffixIndex:
    """The index in a folder. Raises `OSError` or `ValueError` if it is missing or broken.

    Safe to use in several threads.
    """

    def __init__(self, folder: Path) -> None:
        description = read_json(folder / _INFO)
        if not isinstance(description, dict) or description.get("format") != _FORMAT:
            raise ValueError("an index of another version")
        size, part, name = (description.get(key) for key in ("size", "part", "dtype"))
        if type(size) is not int or type(part) is not int or size < 1 or part < 1 or name not in _DTYPES:
            raise ValueError("not the description of an index")
        self.info: dict[str, Any] = description["info"] if isinstance(description.get("info"), dict) else {}
        self.size = size
        """Length of the text in characters, with barriers."""
        self._dtype = _DTYPES[name]
        for file, length in ((_TEXT, (size + DEPTH) * self._dtype.itemsize), (_SUFFIXES, 4 * size)):
            check_regular(folder / file)
            if (folder / file).stat().st_size != length:
                raise ValueError(f"{file} has another length")
        with (folder / _TEXT).open("rb") as text_file:
            self._bytes = mmap.mmap(text_file.fileno(), 0, access=mmap.ACCESS_READ)
        self._text = np.frombuffer(self._bytes, self._dtype)
        suffixes = np.memmap(folder / _SUFFIXES, "<u4", mode="r", shape=(size,))
        parts = [np.asarray(suffixes[start : start + part]) for start in range(0, size, part)]
        self._parts = [_Part(array, array.data) for array in parts]
        self._alphabet = np.frombuffer(read_bounded(folder / _ALPHABET, 4 * MAX_TOKENS), "<u4")
        self._unknown = 256**self._dtype.itemsize - 1  # symbol of characters that the text does not have
        if len(self._alphabet) >= self._unknown or (len(self._alphabet) and self._alphabet.max() >= BARRIER):
            raise ValueError(f"{_ALPHABET} does not fit")
        self._table = np.full(int(self._alphabet.max(initial=0)) + 2, self._unknown, dtype=self._dtype)
        self._table[self._alphabet] = np.arange(1, len(self._alphabet) + 1)

    def contains(self, text: str, *, is_whole: bool = False) -> bool:
        """Return True if the text has this stretch; with `is_whole`, only between two barriers."""
        return self.find(text, is_whole=is_whole) is not None

    def find(self, text: str, *, is_whole: bool = False) -> int | None:
        """Return a position of a stretch in the text, None if it is not there.

        With `is_whole`, only a position between two barriers counts, as that of a whole document.
        """
        pattern = self._symbols(text).tobytes()
        if is_whole:
            barrier = bytes(self._dtype.itemsize)
            pattern = barrier + pattern + barrier
            if self._bytes[: len(pattern) - len(barrier)] == pattern[len(barrier) :]:
                return 0  # the first document has no barrier before it
        for part in self._parts:
            for position in self._candidates(part, pattern):
                return position + is_whole
        return None

    def match_lengths(self, text: str) -> Lengths:
        """Return for each character of a text `(N,)` the length of the longest stretch from there on that is here, too.

        A stretch does not extend over a barrier. Exact, unless more than 1,000 stretches of 256 characters are equal.
        """
        query = np.append(self._symbols(text), np.full(DEPTH, self._unknown, dtype=self._dtype))
        lengths = np.zeros(len(text), dtype=np.int64)
        for part in self._parts:
            np.maximum(lengths, self._part_lengths(part, query, len(text)), out=lengths)
        for index in np.flatnonzero(lengths >= DEPTH).tolist():
            lengths[index] = self._long_match(query[index:].astype(self._dtype).tobytes())
        return lengths

    def characters(self, start: int, end: int) -> str:
        """Return the text between two positions, with U+FFFD for each barrier."""
        table = np.append(np.uint32(0xFFFD), self._alphabet)
        symbols = self._text[max(0, start) : min(end, self.size)].astype(np.int64)
        return text_of_code_points(table[np.minimum(symbols, len(self._alphabet))])

    def _symbols(self, text: str) -> Symbols:
        symbols: Symbols = self._table.take(code_points(text), mode="clip")
        return symbols

    def _candidates(self, part: _Part, pattern: bytes) -> Iterable[int]:
        """Yield positions of a part at which the bytes of a pattern are, `_MAX_CANDIDATES` at most are looked at."""
        width = self._dtype.itemsize
        text, positions = self._bytes, part.positions
        head = pattern[: DEPTH * width]
        low, high = 0, len(positions)
        while low < high:
            middle = (low + high) // 2
            start = positions[middle] * width
            if text[start : start + len(head)] < head:
                low = middle + 1
            else:
                high = middle
        for slot in range(low, min(low + _MAX_CANDIDATES, len(positions))):
            start = positions[slot] * width
            if text[start : start + len(head)] != head:
                return
            if len(pattern) == len(head) or text[start : start + len(pattern)] == pattern:
                yield positions[slot]

    def _long_match(self, query: bytes) -> int:
        """Return the length of the longest match of the beginning of a query, which is `DEPTH` symbols at least."""
        width = self._dtype.itemsize
        longest = DEPTH
        for part in self._parts:
            for position in self._candidates(part, query[: DEPTH * width]):
                start = position * width
                while longest * width < len(query):
                    size = longest * width
                    if self._bytes[start : start + size + width] != query[: size + width]:
                        break
                    longest += self._common(start + size, query, size)
        return longest

    def _common(self, start: int, query: bytes, offset: int) -> int:
        """Return how many symbols of the text from a byte on are those of a query from a byte on, 1,024 at most."""
        size = min(1024 * self._dtype.itemsize, len(query) - offset, len(self._bytes) - start)
        left = np.frombuffer(self._bytes[start : start + size], self._dtype)
        right = np.frombuffer(query[offset : offset + size], self._dtype)
        different = np.flatnonzero((left != right) | (left == 0))
        return int(different[0]) if len(different) else len(left)

    def _part_lengths(self, part: _Part, query: Symbols, count: int) -> Lengths:
        """Return `match_lengths` in one part, `DEPTH` at most, by one binary search for all places at once.

        The symbols that both ends of an interval share with the query need not be compared again (Manber and Myers
        1993, section 2).

        Args:
            part: the part.
            query: symbols of the text, with `DEPTH` more that match nothing.
            count: number of places.
        """
        places = np.arange(count)
        low, high = np.zeros(count, dtype=np.int64), np.full(count, len(part.suffixes), dtype=np.int64)
        low_common, high_common = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
        for _ in range(len(part.suffixes).bit_length()):
            middle = (low + high) // 2
            is_open = low < high
            positions = part.suffixes[np.minimum(middle, len(part.suffixes) - 1)].astype(np.int64)
            common, is_smaller = self._compare(query, places, positions, np.minimum(low_common, high_common))
            rises, falls = is_open & is_smaller, is_open & ~is_smaller
            low = np.where(rises, middle + 1, low)
            low_common = np.where(rises, common, low_common)
            high = np.where(falls, middle, high)
            high_common = np.where(falls, common, high_common)
        return np.maximum(low_common, high_common)

    def _compare(
        self, query: Symbols, places: Lengths, positions: Lengths, common: Lengths
    ) -> tuple[Lengths, NDArray[np.bool_]]:
        """Compare the text at some positions with a query at some places, `DEPTH` symbols at most.

        Returns how many symbols are equal, and if the text is the smaller one.

        Args:
            query: symbols `(M,)`.
            places: `(N,)`, in the query.
            positions: `(N,)`, in the text.
            common: `(N,)`, the number of symbols that are known to be equal.
        """
        common, is_smaller = common.copy(), np.zeros(len(places), dtype=bool)
        active = np.arange(len(places))
        steps = np.arange(_COMPARED)
        while len(active):
            offsets = common[active][:, None] + steps
            left = self._text[np.minimum(positions[active][:, None] + offsets, len(self._text) - 1)]
            right = query[np.minimum(places[active][:, None] + offsets, len(query) - 1)]
            differs = (left != right) | (left == 0)  # a barrier of the text ends a match
            first = differs.argmax(axis=1)
            rows = np.arange(len(active))
            is_decided = differs[rows, first]
            is_smaller[active] = left[rows, first] < right[rows, first]
            common[active] += np.where(is_decided, first, _COMPARED)
            active = active[~is_decided & (common[active] < DEPTH)]
        return np.minimum(common, DEPTH), is_smaller


def _name_of(dtype: np.dtype[Any]) -> str:
    return next(name for name, each in _DTYPES.items() if each == dtype)
