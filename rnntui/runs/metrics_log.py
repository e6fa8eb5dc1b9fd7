"""`metrics.jsonl`: one JSON object a line, appended while a run trains, read by whoever watches."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from rnntui.atomic_files import atomic_write, parse_json


class MetricsLog:
    """Appends to a metrics file; every line is flushed at once, so that a watcher sees it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: TextIO = path.open("a", encoding="utf-8")

    def write(self, values: dict[str, Any]) -> None:
        """Append one line; a value of None is left out."""
        present = {key: value for key, value in values.items() if value is not None}
        self._file.write(json.dumps(present, allow_nan=False) + "\n")
        self._file.flush()

    def sync(self) -> None:
        """Make what is written survive a power cut."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Sync and close."""
        self.sync()
        self._file.close()


class MetricsTail:
    """Follows a metrics file: each `read` gives the lines that are new, and reads no byte twice.

    A line without its end, as a writer may just be making it, waits for the next read. If another file has taken its
    place, because a run was resumed from an earlier step, reading starts over and `restarted` is True for that read.
    A read can be bounded; `more` then says that it stopped before the file's end.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0
        self.restarted = False
        self.more = False
        self._file: int | None = None  # which file the offset is of
        self._within_line = False  # the start of a line was passed over, and so must be the rest of it

    def read(self, limit: int | None = None) -> list[dict[str, Any]]:
        """The new rows; empty where the file is missing.

        `limit` is how many bytes are read at most. A line that is longer is passed over: no row is, and a file without
        line breaks must not fill the memory.
        """
        self.restarted, self.more = False, False
        try:
            # Without a buffer: it would read on beyond a limit.
            with self.path.open("rb", buffering=0) as file:
                found = os.fstat(file.fileno())
                if self._file not in (None, found.st_ino) or found.st_size < self.offset:
                    self.offset, self.restarted, self._within_line = 0, True, False
                self._file = found.st_ino
                file.seek(self.offset)
                data = file.read(-1 if limit is None else limit)
        except FileNotFoundError:
            return []
        self.more = len(data) == limit
        whole = data.rfind(b"\n") + 1
        start = 0
        if whole and self._within_line:
            start, self._within_line = data.find(b"\n") + 1, False
        elif not whole and self.more:
            whole = start = len(data)
            self._within_line = True
        self.offset += whole
        return list(_rows(data[start:whole]))


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """All whole rows of a metrics file; lines that are no JSON object, as a crash may leave, are passed over."""
    return MetricsTail(path).read()


def drop_after(path: Path, step: int) -> None:
    """Rewrite a metrics file without the rows later than `step`, and without results: the run goes on from there."""

    def stays(row: dict[str, Any]) -> bool:
        later = isinstance(row.get("step"), int) and row["step"] > step
        return not later and "best_step" not in row

    kept = [row for row in read_metrics(path) if stays(row)]
    atomic_write(path, "".join(json.dumps(row) + "\n" for row in kept).encode())


def _rows(data: bytes) -> Iterator[dict[str, Any]]:
    lines = data.splitlines()
    try:
        # All at once takes half the time. Lines that are JSON only together make fewer values than there are lines.
        found = parse_json(b"[" + b",".join(lines) + b"]")
    except ValueError:
        found = []
    for row in found if len(found) == len(lines) else _each(lines):
        if isinstance(row, dict):
            yield row


def _each(lines: list[bytes]) -> Iterator[Any]:
    """What each line says, of those that are JSON."""
    for line in lines:
        with contextlib.suppress(ValueError):
            yield parse_json(line)
