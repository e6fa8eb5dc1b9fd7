"""How far the encoding of a text is, on disk, so that it goes on after the process was killed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnntui.atomic_files import atomic_write, sync_file
from rnntui.untrusted_files import read_json

if TYPE_CHECKING:
    from io import BufferedIOBase

_INTERVAL = 5.0  # seconds between two records: what is lost at most

Progress = dict[str, Any]
"""What an encoder records; `sizes` are the bytes of its files, the rest is its own."""


class EncodingJournal:
    """Records how far an encoding is. The last record counts if it is of the same text, tokenizer and split.

    Args:
        path: the file of the record.
        key: hash of all that the ids depend on.
    """

    def __init__(self, path: Path, key: str) -> None:
        self._path, self._key = path, key
        self._due = time.monotonic() + _INTERVAL

    def begin(self) -> None:
        """Record that nothing is encoded yet."""
        self._write({})

    def resumed(self, files: Iterable[Path]) -> Progress | None:
        """Cut the files to the sizes that were recorded, and return the record.

        Return None if there is none, or a file is missing or shorter, as when the process was killed after encoding.
        """
        progress = self.read()
        if not progress:
            return None
        sizes = dict(zip(files, progress["sizes"], strict=True))
        if not all(path.is_file() and path.stat().st_size >= size for path, size in sizes.items()):
            return None
        for path, size in sizes.items():
            os.truncate(path, size)
        return progress

    def record(self, files: Sequence[BufferedIOBase], progress: Progress) -> None:
        """Record what is in the files now, if the last record is some seconds old."""
        if time.monotonic() < self._due:
            return
        for file in files:
            sync_file(file)
        self._write(progress | {"sizes": [file.tell() for file in files]})
        self._due = time.monotonic() + _INTERVAL

    def remove(self) -> None:
        """Remove the record, once all is encoded."""
        self._path.unlink(missing_ok=True)

    def read(self) -> Progress | None:
        """Return the last record; None if there is none, or one with another key."""
        try:
            value = read_json(self._path)
        except (OSError, ValueError):
            return None
        if not isinstance(value, dict) or value.get("key") != self._key or not isinstance(value.get("progress"), dict):
            return None
        progress: Progress = value["progress"]
        return progress

    def _write(self, progress: Progress) -> None:
        atomic_write(self._path, json.dumps({"key": self._key, "progress": progress}).encode())
