"""Keeping what is typed: each text in files of its own, written as it grows."""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_KEPT = 100  # texts; older ones are deleted
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Job:
    """A text to write, what goes into the file beside it, and where; of two for one file the higher number counts."""

    number: int
    path: Path
    text: str
    beside: str


Write = Callable[[Job], None]
"""Writes a job's files. May raise `OSError` or `RnntuiError`."""


class Kept:
    """Where one text is kept, and what of it is written already.

    A text that comes from a file, or that an undo brings back, begins in files of its own: nothing that is kept is
    ever written over by another text.
    """

    def __init__(self, folder: Callable[[], Path], write: Write) -> None:
        self._folder, self._write = folder, write
        self._lock = threading.Lock()
        self.begin()

    def begin(self, written: str = "") -> None:
        """Another text begins. Its files are named when there is something to write, other than what is `written`."""
        self.path: Path | None = None
        self._written = written
        self._newest = 0

    def job(self, text: str, beside: Callable[[], str]) -> Job | None:
        """What to write, if the text is another than what is written."""
        if text in ("", self._written):
            return None
        if self.path is None:
            # The number of the process, and that of the text in it: two at once have two names.
            name = f"{time.strftime('%Y-%m-%d-%H%M%S')}-{os.getpid()}-{next(_numbers)}.txt"
            self.path = self._folder() / name
        return Job(next(_numbers), self.path, text, beside())

    def write(self, job: Job) -> None:
        """Write it, unless a newer one has been written.

        Raises `OSError` or `RnntuiError`; then it does not count as written, and is tried again.
        """
        with self._lock:
            if job.path == self.path and job.number < self._newest:
                return
            self._write(job)
            if job.path == self.path:
                self._newest, self._written = job.number, job.text


def last_kept(folder: Path, pattern: str) -> Path | None:
    """The file of that pattern that was written last; None if there is none."""
    files = list(folder.glob(pattern))
    return max(files, key=_written) if files else None


def tidy(folder: Path, pattern: str) -> None:
    """Delete the oldest files of that pattern beyond those that are kept, and the texts beside them."""
    for file in sorted(folder.glob(pattern), key=_written)[:-_KEPT]:
        for one in {file, file.with_suffix(".txt")}:
            with contextlib.suppress(OSError):  # another app may tidy too
                one.unlink()


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
