"""Rows of two texts in a temporary file: more than memory holds, read as a sequence.

A file has a line for each row, `first`, a tab, `second`, so that its SHA-256 is that of the rows. In memory are the
offset of every 64th line and, wherever the numbering of rows leaps, the file and the number of a row.
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
import time
import weakref
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self, TypeVar, overload

import numpy as np

from rnntui.errors import CorpusError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Indices = NDArray[np.int64]

_GROUP = 64  # rows whose offset is kept
_GROUPS_READ = 16  # at a time
_REPORTED = 5.0  # seconds between two messages about progress
_IN_MEMORY = 1 << 24  # bytes of rows that need no file
_HASHED = 1 << 20  # bytes at a time


class Row(Protocol):
    """A row of two texts without line breaks, the first without tabs, with its file and its number there."""

    def __getitem__(self, index: int, /) -> str | int: ...


T = TypeVar("T", bound=Row)
Report = Callable[[str], None]
Item = TypeVar("Item")


class _Places(NamedTuple):
    """Where rows come from: those from index `starts[i]` on are rows `numbers[i]` and following of `files[i]`."""

    starts: Indices
    numbers: Indices
    files: Indices


class _RowFile:
    """The lines of all rows, and where they come from."""

    def __init__(self) -> None:
        # A folder for temporary files may be in memory itself; TMPDIR names another.
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, prefix="rnntui-rows-")  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()
        self._offsets = array("q", [0])  # of every 64th row
        self._pending: list[str] = []  # lines that are not written yet
        self.count = 0
        self._starts, self._numbers, self._files = array("q"), array("q"), array("q")
        self.file_names: list[str] = []
        self._next = ("", 0)  # file and number of a row that needs no place of its own
        self._places: _Places | None = None

    def add(self, line: str, file: str, number: int) -> None:
        if (file, number) != self._next:
            if not self.file_names or file != self.file_names[-1]:
                self.file_names.append(file)
            self._starts.append(self.count)
            self._numbers.append(number)
            self._files.append(len(self.file_names) - 1)
            self._places = None
        self._next = (file, number + 1)
        self._pending.append(line)
        self.count += 1
        if len(self._pending) == _GROUP:
            self._write()

    def _write(self) -> None:
        data = "".join(self._pending).encode("utf-8", "surrogatepass")
        try:
            with self._lock:
                self._file.seek(self._offsets[-1])
                self._file.write(data)
                self._file.flush()
        except OSError as error:
            raise CorpusError(
                f"cannot keep the rows of the corpus in {tempfile.gettempdir()}: {error.strerror}",
                hint="name a folder with more room by the environment variable TMPDIR",
            ) from error
        self._offsets.append(self._offsets[-1] + len(data))
        self._pending = []

    def lines(self, first_group: int, end_group: int) -> list[str]:
        """Return the lines of whole groups of rows, without their line breaks."""
        end = min(end_group, len(self._offsets) - 1)
        lines: list[str] = []
        if first_group < end:
            data = self._read(self._offsets[first_group], self._offsets[end])
            lines = data.decode("utf-8", "surrogatepass").split("\n")
            lines.pop()
        if end_group > end:  # only the last group is not written
            lines += [line[:-1] for line in self._pending]
        return lines

    def _read(self, start: int, end: int) -> bytes:
        with self._lock:
            self._file.seek(start)
            return self._file.read(end - start)

    def places(self) -> _Places:
        if self._places is None:
            self._places = _Places(*(np.array(column) for column in (self._starts, self._numbers, self._files)))
        return self._places

    def sha256(self) -> str:
        digest = hashlib.sha256()
        for start in range(0, self._offsets[-1], _HASHED):
            digest.update(self._read(start, min(start + _HASHED, self._offsets[-1])))
        digest.update("".join(self._pending).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


class StoredRows(Sequence[T]):
    """Rows in a temporary file, in memory while they are few; some of them by their indices, in increasing order.

    Rows are added to the whole, not to a selection. Raises `CorpusError` where there is no room for them.

    Args:
        make: makes a row of its two texts, its file and its number.
        report: receives a message every few seconds while rows are added.
    """

    def __init__(self, make: Callable[[str, str, str, int], T], report: Report | None = None) -> None:
        self._make = make
        self._report = report
        self._due = time.monotonic() + _REPORTED
        self._file = _RowFile()
        self._selected: Indices | None = None

    def add(self, first: str, second: str, file: str, number: int) -> None:
        """Add a row; neither text may have a line break, nor the first a tab."""
        self._file.add(f"{first}\t{second}\n", file, number)
        if self._report is not None and not self._file.count % 1000 and time.monotonic() > self._due:
            self._report(f"read {self._file.count:,} rows")
            self._due = time.monotonic() + _REPORTED

    def select(self, indices: Indices) -> Self:
        """Return the rows at `indices`, which increase."""
        rows = type(self)(self._make)
        rows._file = self._file
        rows._selected = indices if self._selected is None else self._selected[indices]
        return rows

    def sha256(self) -> str:
        """Return the SHA-256 of the lines of all rows, in hexadecimal."""
        if self._selected is None:
            return self._file.sha256()
        digest = hashlib.sha256()
        for row in self:
            digest.update(f"{row[0]}\t{row[1]}\n".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    def __len__(self) -> int:
        return self._file.count if self._selected is None else len(self._selected)

    def __iter__(self) -> Iterator[T]:
        step = _GROUP * _GROUPS_READ
        for start in range(0, self._file.count, step):
            end = min(start + step, self._file.count)
            if self._selected is None:
                yield from self._rows(start, np.arange(start, end))
            else:
                first, last = np.searchsorted(self._selected, (start, end))
                if first < last:
                    yield from self._rows(start, self._selected[first:last])

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> T | Self:
        if isinstance(index, slice):
            if (index.step or 1) < 0:
                raise ValueError("stored rows are in increasing order")
            return self.select(np.arange(len(self))[index])
        place = range(len(self))[index]
        if self._selected is not None:
            place = int(self._selected[place])
        return next(self._rows(place // _GROUP * _GROUP, np.array([place])))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return False
        return all(row == same for row, same in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def _rows(self, start: int, indices: Indices) -> Iterator[T]:
        """Yield the rows at `indices`, the first of which is not before the group that begins with row `start`."""
        lines = self._file.lines(start // _GROUP, int(indices[-1]) // _GROUP + 1)
        starts, numbers, files = self._file.places()
        places = np.searchsorted(starts, indices, side="right") - 1
        row_numbers = (numbers[places] + indices - starts[places]).tolist()
        names, make = self._file.file_names, self._make
        for line, file, number in zip((indices - start).tolist(), files[places].tolist(), row_numbers, strict=True):
            first, _, second = lines[line].partition("\t")
            yield make(first, second, names[file], number)


class TextColumn(Sequence[str]):
    """One of the two texts of each row.

    Args:
        rows: the rows.
        column: 0 for the first text, 1 for the second.
    """

    def __init__(self, rows: Sequence[Row], column: int) -> None:
        self._rows, self._column = rows, column

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[str]:
        return (str(row[self._column]) for row in self._rows)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [str(row[self._column]) for row in self._rows[index]]
        return str(self._rows[index][self._column])


def select_rows(rows: Sequence[T], indices: Indices) -> Sequence[T]:
    """Return the rows at `indices`, which increase, without reading them if they are stored."""
    return rows.select(indices) if isinstance(rows, StoredRows) else [rows[index] for index in indices.tolist()]


def sha256_of_rows(rows: Sequence[Row]) -> str:
    """Return the SHA-256 of rows as lines with a tab between the two texts, in hexadecimal."""
    if isinstance(rows, StoredRows):
        return rows.sha256()
    digest = hashlib.sha256()
    for row in rows:
        digest.update(f"{row[0]}\t{row[1]}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def text_hashes(texts: Iterable[str]) -> NDArray[np.int64]:
    """Return a hash of 64 bits for each text, which another process computes differently.

    Among 20 million texts, two share one with a probability of 0.00001.
    """
    return np.fromiter(map(hash, texts), np.int64)


def count_distinct(texts: Iterable[str]) -> int:
    """Return the number of different texts, by their hashes."""
    return len(np.unique(text_hashes(texts)))


def reported(items: Iterable[Item], total: int, activity: str, report: Report | None) -> Iterator[Item]:
    """Yield items; every few seconds, report how many of how many."""
    if report is None:
        yield from items
        return
    due = time.monotonic() + _REPORTED
    for done, item in enumerate(items):
        if not done % 1000 and time.monotonic() > due:
            report(f"{activity}: {done:,} of {total:,}")
            due = time.monotonic() + _REPORTED
        yield item


def batches_of(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield lists of `size` items, the last one with what is left."""
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch
