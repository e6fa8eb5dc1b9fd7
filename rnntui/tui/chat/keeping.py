"""Keeping the texts of the Chat tab: each in files of its own, written as it grows."""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rnntui.tui.preferences import texts_folder

if TYPE_CHECKING:
    from rnntui.inference.transcript import Transcript

_KEPT = 100  # texts; older ones are deleted
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Job:
    """A text to write, its turns as JSON lines, and where; of two for one file, the one of the higher number counts."""

    number: int
    path: Path
    text: str
    turns: str


class Kept:
    """Where one text is kept, and what of it is written already.

    A text that comes from a file, or that an undo brings back, begins in files of its own: nothing that is kept is
    ever written over by another text.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.begin()

    def begin(self) -> None:
        """Another text begins. Its files are named when there is something to write."""
        self.path: Path | None = None
        self._written = ""
        self._newest = 0

    def pending(self, transcript: Transcript) -> Job | None:
        """What to write, if the text is another than what is written."""
        if transcript.text in ("", self._written):
            return None
        from rnntui.inference.saving import json_lines

        if self.path is None:
            # The number of the process, and that of the text in it: two at once have two names.
            name = f"{time.strftime('%Y-%m-%d-%H%M%S')}-{os.getpid()}-{next(_numbers)}.txt"
            self.path = texts_folder() / name
        return Job(next(_numbers), self.path, transcript.text, json_lines(transcript))

    def write(self, job: Job) -> None:
        """Write it, unless a newer one has been written.

        Raises `OSError` or `RnntuiError`; then it does not count as written, and is tried again.
        """
        from rnntui.inference.saving import write

        with self._lock:
            if job.path == self.path and job.number < self._newest:
                return
            write(job.text, job.turns, job.path)
            if job.path == self.path:
                self._newest, self._written = job.number, job.text


def last_text() -> Path | None:
    """The text that was written last; None if there is none."""
    texts = list(texts_folder().glob("*.jsonl"))
    return max(texts, key=_written).with_suffix(".txt") if texts else None


def tidy() -> None:
    """Delete the oldest texts beyond those that are kept."""
    texts = sorted(texts_folder().glob("*.jsonl"), key=_written)
    for turns in texts[:-_KEPT]:
        for file in (turns, turns.with_suffix(".txt")):
            with contextlib.suppress(OSError):  # another app may tidy too
                file.unlink()


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
