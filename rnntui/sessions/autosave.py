"""Autosave: each text is written to files of its own while it grows, and the last hundred texts are kept."""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rnntui.errors import RnntuiError

MAX_DRAFTS = 100
"""Drafts in a folder; older ones are deleted."""

_sequence = itertools.count(1)


class _Draft:
    """The file of one text, and which version of the text it holds."""

    def __init__(self, saved_text: str) -> None:
        self.path: Path | None = None  # named when there is something to save
        self.saved_text = saved_text
        self.saved_sequence = 0


@dataclass(frozen=True)
class SaveJob:
    """One version of a text to write to `path`, and the content of its companion file."""

    path: Path
    text: str
    companion: str
    sequence: int  # of two jobs for one draft the higher is the newer
    draft: _Draft


class Autosave:
    """Saves one text at a time into a folder, each in a draft of its own: no text ever overwrites another.

    A text that comes from a file, or that an undo brings back, therefore begins a new draft.

    `begin` and `pending` belong to the thread that owns the text; `write` may run in any number of threads.
    """

    def __init__(self, folder: Callable[[], Path], pattern: str, write_draft: Callable[[SaveJob], None]) -> None:
        """
        Args:
            folder: the folder of the drafts; asked anew each time.
            pattern: glob of the one file that makes a draft complete, such as `*.jsonl` where the text has a companion.
            write_draft: writes a job's files, `job.path` ending in `.txt`. May raise `OSError` or `RnntuiError`.
        """
        self._folder, self._pattern, self._write_draft = folder, pattern, write_draft
        self._lock = threading.Lock()
        self._problem_reported = False
        self.begin()

    def begin(self, saved_text: str = "") -> None:
        """Begin a new draft. It gets a file when the text differs from `saved_text`."""
        self._draft = _Draft(saved_text)

    @property
    def path(self) -> Path | None:
        """The file of the present draft; None as long as nothing of it had to be saved."""
        return self._draft.path

    def pending(self, text: str, companion: Callable[[], str] = str) -> SaveJob | None:
        """Return the job that saves `text`, or None if the text is empty or saved already.

        `companion` returns the content of the companion file; it is called only if there is a job.
        """
        draft = self._draft
        if text in ("", draft.saved_text):
            return None
        if draft.path is None:
            # Process id and sequence number: two drafts of one second have two names.
            name = f"{time.strftime('%Y-%m-%d-%H%M%S')}-{os.getpid()}-{next(_sequence)}.txt"
            draft.path = self._folder() / name
        return SaveJob(draft.path, text, companion(), next(_sequence), draft)

    def write(self, job: SaveJob) -> str:
        """Write a job, unless a newer version of its draft is saved already; then delete the oldest drafts.

        Returns what failed, or "". Only the first failure is returned, so that it is shown once. A text that could
        not be saved stays pending.
        """
        problem = self._write(job)
        if not problem:
            self._prune()
        elif not self._problem_reported:
            self._problem_reported = True
            return problem
        return ""

    def write_last(self, job: SaveJob | None) -> str:
        """Write what is pending when the app closes. Returns what failed, whether reported before or not, or ""."""
        return self._write(job) if job is not None else ""

    def newest(self) -> Path | None:
        """Return the text file of the draft that was written last, by this app or another; None if there is none."""
        files = list(self._folder().glob(self._pattern))
        return max(files, key=_modified).with_suffix(".txt") if files else None

    def _write(self, job: SaveJob) -> str:
        with self._lock:
            if job.sequence < job.draft.saved_sequence:
                return ""
            try:
                self._write_draft(job)
            except (OSError, RnntuiError) as error:
                return str(error)
            job.draft.saved_sequence, job.draft.saved_text = job.sequence, job.text
            return ""

    def _prune(self) -> None:
        for file in sorted(self._folder().glob(self._pattern), key=_modified)[:-MAX_DRAFTS]:
            for draft_file in {file, file.with_suffix(".txt")}:
                with contextlib.suppress(OSError):  # another app may prune at the same time
                    draft_file.unlink()


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
