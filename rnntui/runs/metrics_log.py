"""`metrics.jsonl`: one JSON object a line, appended while a run trains, and read by those who watch it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from rnntui.atomic_files import atomic_write
from rnntui.untrusted_files import open_regular, parse_bounded_json

MAX_ROW_BYTES = 1 << 22
"""Bytes of a row; the largest confusion matrix that is logged has 60 labels, 30 kB."""

RESULT_KEY = "best_step"
"""Key of the row with the results of a finished run, which were measured with its best weights."""

_BLOCK = 1 << 20  # bytes read at a time
_BISECTED = 1 << 16  # bytes that are looked through for a row
_STEP = re.compile(rb'^\{"step": (\d{1,18}),', re.MULTILINE)  # the beginning of each line that a training writes


class MetricsLog:
    """Appends to a metrics file; every line is flushed at once for watchers.

    A file that another program has deleted or replaced, as a synchronization of folders does, is written again with all
    its lines. `size` is the number of bytes in the file, `checksum` their SHA-256 as hexadecimal digits.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = self._open()
        self.size, self._digest = _digest_of(path, None)

    def _open(self) -> TextIO:
        return self.path.open("a+", encoding="utf-8", newline="\n")

    @property
    def checksum(self) -> str:
        return self._digest.hexdigest()

    def write(self, values: dict[str, Any]) -> None:
        """Append one line; values of None are left out."""
        present = {key: value for key, value in values.items() if value is not None}
        line = json.dumps(present, allow_nan=False) + "\n"  # ASCII
        self._file.write(line)
        self._file.flush()
        self._digest.update(line.encode())
        self.size += len(line)

    def sync(self) -> None:
        """Sync to disk, so that what is written survives a power cut, and write a file again that is gone.

        Raises `RnntuiError` if that fails.
        """
        if self._is_replaced():
            self._file.seek(0)
            lines = self._file.read().encode()  # the open file has them still
            atomic_write(self.path, lines)
            self._file.close()
            self._file = self._open()
        os.fsync(self._file.fileno())

    def _is_replaced(self) -> bool:
        """Return True if the path no longer leads to the open file."""
        try:
            return not os.path.samestat(self.path.stat(), os.fstat(self._file.fileno()))
        except FileNotFoundError:
            return True

    def close(self) -> None:
        """Sync what is written, and close."""
        os.fsync(self._file.fileno())
        self._file.close()


def broken_lines(path: Path) -> int:
    """Return the number of lines of a metrics file that are not JSON objects.

    A last line without its end does not count: it is being written, or a kill cut it, and resuming drops it.
    """
    broken = 0
    with open_regular(path) as file:
        while line := file.readline(MAX_ROW_BYTES):
            try:
                broken += not isinstance(parse_bounded_json(line), dict)
            except ValueError:
                broken += line.endswith(b"\n")
    return broken


def metrics_checksum(path: Path, size: int) -> str:
    """Return the SHA-256 of the first `size` bytes of a metrics file, as hexadecimal digits; empty if it is shorter."""
    read, digest = _digest_of(path, size)
    return digest.hexdigest() if read == size else ""


def _digest_of(path: Path, size: int | None) -> tuple[int, hashlib._Hash]:
    """Return the number of bytes and the hash of the first `size` bytes of a file, None for all."""
    digest, read = hashlib.sha256(), 0
    with open_regular(path) as file:
        while block := file.read(_BLOCK if size is None else min(_BLOCK, size - read)):
            digest.update(block)
            read += len(block)
    return read, digest


class MetricsTail:
    """Follows a metrics file: each `read` returns the new rows, and reads no byte twice.

    An incomplete line, which may just be being written, is left for the next read. If the file was replaced, because a
    run was resumed from an earlier step, reading starts over and `restarted` is True for that read. A read can be
    bounded; `has_more` is then True if it may have stopped before the end of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0
        self.restarted = False
        self.has_more = False
        self._inode: int | None = None  # of the file that the offset belongs to
        self._within_line = False  # the start of a too long line was skipped, and its rest must be

    def skip_to(self, offset: int, inode: int) -> None:
        """Continue at the start of a line of the file with that inode; `read` starts over if it was replaced."""
        self.offset, self._inode, self._within_line = offset, inode, False

    def read(self, limit: int | None = None) -> list[dict[str, Any]]:
        """Return the new rows; none if the file is missing. `limit` is as for `read_lines`."""
        return list(_rows(self.read_lines(limit)))

    def read_lines(self, limit: int | None = None) -> bytes:
        """Return the new lines, complete ones; none if the file is missing.

        At most `limit` bytes are read. A longer line is skipped: no row is that long, and a file without line breaks
        must not fill the memory.
        """
        self.restarted, self.has_more = False, False
        try:
            # Unbuffered: a buffer would read beyond the limit.
            with open_regular(self.path, buffering=0) as file:
                stat = os.fstat(file.fileno())
                if self._inode not in (None, stat.st_ino) or stat.st_size < self.offset:
                    self.offset, self.restarted, self._within_line = 0, True, False
                self._inode = stat.st_ino
                file.seek(self.offset)
                data = file.read(-1 if limit is None else limit)
        except FileNotFoundError:
            return b""
        self.has_more = len(data) == limit
        end = data.rfind(b"\n") + 1
        start = 0
        if end and self._within_line:
            start, self._within_line = data.find(b"\n") + 1, False
        elif not end and self.has_more:
            end = start = len(data)
            self._within_line = True
        self.offset += end
        return data[start:end]


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return all complete rows of a metrics file; lines that are not JSON objects are skipped, as after a crash."""
    return list(metrics_rows(path))


def metrics_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows that `read_metrics` returns; all of them at once take many times the memory of the file."""
    for lines in _line_blocks(path):
        yield from _rows(lines)


def rows_with(path: Path, *keys: str) -> Iterator[dict[str, Any]]:
    """Yield the rows that may have one of some keys: all that do, and few others. Those without are not parsed."""
    names = [json.dumps(key).encode() for key in keys]
    for lines in _line_blocks(path):
        yield from _rows(b"\n".join(line for line in lines.splitlines() if any(name in line for name in names)))


def _line_blocks(path: Path) -> Iterator[bytes]:
    """Yield the complete lines of a metrics file in blocks."""
    tail = MetricsTail(path)
    yield tail.read_lines(MAX_ROW_BYTES)
    while tail.has_more:
        yield tail.read_lines(MAX_ROW_BYTES)


def rows_between(path: Path, first: int, last: int, limit: int) -> list[dict[str, Any]] | None:
    """Return the rows of the training steps `first` to `last`, found by bisection: little else is read.

    None if they are more than `limit` bytes, or are not found or not in order: in a file as a training writes it, each
    row begins with its step, and steps ascend. Raises `OSError` if the file cannot be read.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        start, end = (_offset_of_step(file, step, size) for step in (first, last + 1))
        if start is None or end is None or end - start > limit:
            return None
        file.seek(start)
        data = file.read(end - start)
    lines = data[: data.rfind(b"\n") + 1]
    steps = [int(step) for step in _STEP.findall(lines)]
    is_in_order = steps == sorted(steps) and all(first <= step <= last for step in steps[:1] + steps[-1:])
    return list(_rows(lines)) if is_in_order else None


def _offset_of_step(file: BinaryIO, step: int, size: int) -> int | None:
    """Return the offset of the first row from a step on in a file of `size` bytes; None if it is not to be found."""
    low, high = 0, size  # where a row before that step begins, and one from it on
    while high - low > _BISECTED:
        middle = (low + high) // 2
        file.seek(middle)
        block = file.read(_BISECTED)
        row = _STEP.search(block, block.find(b"\n") + 1)
        if row is None or middle + row.start() >= high:
            break
        if int(row[1]) < step:
            low = middle + row.start()
        else:
            high = middle + row.start()
    if high - low > 2 * _BISECTED:
        return None
    file.seek(low)
    block = file.read(high - low)
    row = next((row for row in _STEP.finditer(block) if int(row[1]) >= step), None)
    return high if row is None else low + row.start()


def drop_after(path: Path, step: int) -> None:
    """Rewrite a metrics file without rows later than `step` and without final results, to resume from that step.

    A file that has only rows to keep stays as it is.
    """
    size = path.stat().st_size if path.exists() else -1
    kept = 0
    for lines in _line_blocks(path):
        if not _are_kept(lines, step):
            break
        kept += len(lines)
    if kept != size:
        atomic_write(path, (_kept_lines(lines, step) for lines in _line_blocks(path)))


def _kept_lines(lines: bytes, step: int) -> bytes:
    """Return the rows among the lines that `drop_after` keeps."""
    if _are_kept(lines, step):
        return lines
    rows = (row for row in _rows(lines) if RESULT_KEY not in row)
    return _lines_of(row for row in rows if not (isinstance(row.get("step"), int) and row["step"] > step))


def _are_kept(lines: bytes, step: int) -> bool:
    """Return True if all lines are rows that `drop_after` keeps; False where only parsing them can tell."""
    steps = _STEP.findall(lines)
    is_written_here = len(steps) == lines.count(b"\n") == lines.count(b"}\n")
    return is_written_here and max(map(int, steps), default=0) <= step and RESULT_KEY.encode() not in lines


def rewrite_rows(path: Path, source: Path, is_kept: Callable[[dict[str, Any], int], bool] | None = None) -> int:
    """Write the rows of a metrics file that can be read, or some of them, to a file; return their number.

    Args:
        path: the file to write, which may be the same.
        source: the file to read.
        is_kept: tells by a row and its index whether it is written.
    """
    rows = enumerate(metrics_rows(source))
    lines = [_lines_of([row]) for index, row in rows if is_kept is None or is_kept(row, index)]
    atomic_write(path, b"".join(lines))
    return len(lines)


def _lines_of(rows: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def _rows(data: bytes) -> Iterator[dict[str, Any]]:
    lines = data.splitlines()
    try:
        # Parsing all lines at once takes half the time. Lines that are JSON only together give fewer values than lines.
        values = parse_bounded_json(b"[" + b",".join(lines) + b"]")
    except ValueError:
        values = []
    for row in values if len(values) == len(lines) else _parse_lines(lines):
        if isinstance(row, dict):
            yield row


def _parse_lines(lines: list[bytes]) -> Iterator[Any]:
    """Yield the value of each line that is JSON."""
    for line in lines:
        with contextlib.suppress(ValueError):
            yield parse_bounded_json(line)
