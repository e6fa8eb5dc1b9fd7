"""Keeping the texts of the Chat tab: each in files of its own, written as it grows."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rnntui.tui.preferences import texts_folder

if TYPE_CHECKING:
    from rnntui.inference.transcript import Transcript

_KEPT = 100  # texts; older ones are deleted
_numbers = itertools.count(1)


class Kept:
    """Where one text is kept, and what of it is written already. A name is taken when there is something to write."""

    def __init__(self) -> None:
        self.path: Path | None = None
        self._written = ""

    def begin(self, path: Path | None = None) -> None:
        """Another text begins: in new files, or in those at `path`, from which it came."""
        self.path = path if path is not None and path.parent == texts_folder() else None
        self._written = ""

    def pending(self, transcript: Transcript) -> tuple[str, str, Path] | None:
        """What to write and where, if the text has changed: the text, its turns as JSON lines, the file."""
        if transcript.text in ("", self._written):
            return None
        from rnntui.inference.saving import json_lines

        if self.path is None:
            self.path = _new_path()
        self._written = transcript.text
        return transcript.text, json_lines(transcript), self.path


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


def _new_path() -> Path:
    folder = texts_folder()
    # The number of the process, and that of the text in it: two at once have two names.
    return folder / f"{time.strftime('%Y-%m-%d-%H%M%S')}-{os.getpid()}-{next(_numbers)}.txt"


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
