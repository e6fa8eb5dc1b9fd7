"""Autosave: each text is written to files of its own while it grows; the last hundred drafts and named texts stay."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from weakref import WeakKeyDictionary

from rnntui.errors import RnntuiError, write_error
from rnntui.sessions.folder_lock import folder_lock, make_folder

MAX_DRAFTS = 100
"""Unnamed drafts in a folder; older ones are deleted. A text that was given a name is never deleted."""

SUFFIXES = (".txt", ".jsonl", ".json")
"""Files of a saved text: the text; its turns, or the model that translates it."""

_DRAFT_NAME = re.compile(r"\d{4}-\d\d-\d\d-\d{6}-\d+-\d+")

_sequence = itertools.count(1)


class _Draft:
    """The files of one text, and the version of the text that they hold."""

    def __init__(self, saved_text: str, path: Path | None = None) -> None:
        self.path = path  # without one, it is named when there is something to save
        self.saved_text = saved_text
        self.tried_text = saved_text  # that of the last write, which may have failed after it was in its file
        self.saved_revision = 0  # of the companion
        self.saved_typed = ""
        self.saved_sequence = 0
        self.saved_elsewhere: Path | None = None  # the file that has a version which this draft lacks
        self.stamp: tuple[int, int] | None = None  # of the text file when this draft was written
        self.companions = {} if path is None else _companions_of(path)  # as they were when it was opened or written
        self.opened_text = ""  # the text as it was opened; kept apart once some of it is cut


@dataclass(frozen=True)
class SaveJob:
    """One version of a text to write to `path`, and the content of its companion file, of a `revision`.

    `typed` is what the companion holds of what is typed and no part of the text yet.
    """

    path: Path
    text: str
    companion: str
    revision: int
    typed: str
    sequence: int  # of two jobs for one draft the higher is the newer
    draft: _Draft

    @property
    def is_blank(self) -> bool:
        """True if nothing is left of what was saved: a line that was typed, and then erased or taken along.

        A text that was cut to nothing is in the companion.
        """
        return not (self.text or self.typed or self.companion)


class Autosave:
    """Saves one text at a time into a folder: each in a draft of its own, or in the files that it was opened from.

    No text is ever lost by another. What is cut from a text that was opened stays in a draft of its own. Files that
    another app has changed in the meantime are left alone, and the text goes on in a new draft. A version that could
    not be saved is tried again with every later one, also after its text was left.

    `begin`, `open` and `pending` belong to the thread that owns the text; `write` may run in any number of threads.
    """

    def __init__(
        self,
        folder: Callable[[], Path],
        pattern: str,
        write_draft: Callable[[SaveJob], None],
        *,
        companion_keeps_cuts: bool = False,
    ) -> None:
        """
        Args:
            folder: the folder of the drafts; asked anew each time.
            pattern: glob of the one file that makes a draft complete, such as `*.jsonl` where the text has a companion.
            write_draft: writes a job's files, `job.path` ending in `.txt`. May raise `OSError` or `RnntuiError`.
            companion_keeps_cuts: True if the companion holds what is cut from a text, which then needs no draft.
        """
        self._folder, self._pattern, self._write_draft = folder, pattern, write_draft
        self._companion_keeps_cuts = companion_keeps_cuts
        self._lock = threading.Lock()
        self._problem_reported = False
        self._unwritten: dict[_Draft, SaveJob] = {}  # the newest job of each draft, until it is written
        self.problem = ""
        """Why something is not saved; "" while everything is."""
        self._left: WeakKeyDictionary[object, _Draft] = WeakKeyDictionary()  # by the identity of the text
        self.begin()

    def begin(self, saved_text: str = "") -> None:
        """Begin a new draft. It gets a file when the text differs from `saved_text`."""
        self._draft = _Draft(saved_text)

    def open(self, path: Path, text: str, revision: int = 0, typed: str = "") -> None:
        """Go on in the files of a saved text: its text, the revision of its companion, and what that has typed."""
        self._draft = _Draft(text, path)
        self._draft.saved_revision, self._draft.saved_typed = revision, typed
        if not self._companion_keeps_cuts:
            self._draft.opened_text = text

    def leave(self, identity: object) -> None:
        """Remember the draft of a text that another one is about to replace."""
        self._left[identity] = self._draft

    def return_to(self, identity: object) -> None:
        """Go on in the draft of a text that was left, which is the newest again; without one, begin a new draft."""
        self._draft = self._left.get(identity) or _Draft("")
        self._touch_present()

    @property
    def path(self) -> Path | None:
        """The text file of the present draft; None as long as nothing of it had to be saved."""
        return self._draft.path

    def pending(
        self, text: str, companion: Callable[[], str] = str, revision: int = 0, typed: str = ""
    ) -> SaveJob | None:
        """Return the job that saves `text`, or None if there is nothing to save or all is saved already.

        `companion` returns the content of the companion file; it is called only if there is a job. `revision` is that
        of what the companion holds beside the text and what is `typed` and no part of it yet.
        """
        draft = self._draft
        if not text and not typed and not draft.saved_typed:
            return None
        if (text, revision, typed) == (draft.saved_text, draft.saved_revision, draft.saved_typed):
            return None
        if draft.path is None:
            draft.path = self._new_path()
        job = SaveJob(draft.path, text, companion(), revision, typed, next(_sequence), draft)
        self._unwritten[draft] = job
        return job

    def write(self, job: SaveJob) -> str:
        """Write a job, unless a newer version of its draft is saved already; then delete the oldest drafts.

        Returns what failed, or "". Of failures in a row only the first is returned, so that it is shown once. A text
        that could not be saved stays pending.
        """
        problem = self._write_all(job)
        if not problem:
            self._prune()
            self._problem_reported = False
        elif not self._problem_reported:
            self._problem_reported = True
            return problem
        return ""

    def write_last(self, job: SaveJob | None) -> str:
        """Write what is pending, and all that was not written before, such as a text that was just left.

        Returns what failed, whether reported before or not, or "".
        """
        return self._write_all(job)

    @property
    def is_waiting(self) -> bool:
        """True while a version is not written that was to be."""
        return bool(self._unwritten)

    @property
    def saved_elsewhere(self) -> Path | None:
        """The file where the user saved the present text, as its draft cannot be; None once that is saved."""
        return self._draft.saved_elsewhere

    def count_as_saved(self, text: str, revision: int = 0, typed: str = "", path: Path | None = None) -> None:
        """Let a version of the present text count as saved: the user saved it in `path`, as its draft cannot be."""
        if self.problem:
            self._draft.saved_text, self._draft.saved_revision = text, revision
            self._draft.saved_typed, self._draft.saved_elsewhere = typed, path
            self._unwritten.pop(self._draft, None)
            self.problem = "" if not self._unwritten else self.problem

    def _write_all(self, job: SaveJob | None) -> str:
        """Write a job and all that were not written before; return the last failure, or ""."""
        problem = self._write(job) if job is not None else ""
        for waiting in list(self._unwritten.values()):
            problem = (self._write(waiting) if waiting is not job else "") or problem
        self.problem = problem if self._unwritten else ""  # another thread may have saved a newer version
        return problem

    def newest(self) -> Path | None:
        """Return the text file of the saved text that was written or opened last, by any app; None if there is none."""
        return newest_text(self._folder(), self._pattern)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Write nothing, so that files can be renamed."""
        with self._lock:
            yield

    def follow_rename(self, old: Path, new: Path) -> None:
        """Go on in the new files if the text's files were renamed. Called while writing is paused."""
        for draft in (self._draft, *self._left.values()):
            if draft.path == old:
                draft.path = new

    def follow_deletion(self, path: Path) -> None:
        """Save a text that was left anew if it is returned to, for its files were deleted. Called while paused."""
        for draft in self._left.values():
            if draft.path == path:
                draft.path, draft.saved_text, draft.tried_text = None, "", ""

    def _new_path(self) -> Path:
        # Process id and sequence number: two drafts of one second have two names.
        name = f"{time.strftime('%Y-%m-%d-%H%M%S')}-{os.getpid()}-{next(_sequence)}.txt"
        return self._folder() / name

    def _write(self, job: SaveJob) -> str:
        draft = job.draft
        with self._lock:
            if job.sequence <= draft.saved_sequence or draft.path is None:  # a deleted text is not written again
                self._drop(job)
                return ""
            try:
                make_folder(draft.path.parent)
                with folder_lock(draft.path.parent):
                    if job.is_blank and not is_named(draft.path):
                        for file in files_of(draft.path):
                            file.unlink()
                    else:
                        path = self._prepare_files(draft, job.text)
                        draft.tried_text = job.text
                        try:
                            self._write_draft(replace(job, path=path))
                        finally:  # of what failed, a part may be written
                            draft.companions = _companions_of(draft.path)
                        draft.stamp = _stamp(draft.path)
            except OSError as error:
                return str(write_error(job.path, error))
            except RnntuiError as error:
                return str(error)
            draft.saved_sequence, draft.saved_text, draft.saved_revision = job.sequence, job.text, job.revision
            draft.saved_typed, draft.saved_elsewhere = job.typed, None
            self._drop(job)
            if draft is not self._draft:
                self._touch_present()  # a version that was left is written late; a start continues the present one
            return ""

    def _drop(self, job: SaveJob) -> None:
        """Forget a job that need not be written any more, unless a newer one of its draft has come."""
        if self._unwritten.get(job.draft) is job:
            del self._unwritten[job.draft]

    def _touch_present(self) -> None:
        if self._draft.path is not None:
            touch_files(self._draft.path)

    def _prepare_files(self, draft: _Draft, text: str) -> Path:
        """Return the path to write a text to. What the files hold is kept apart where it would be lost."""
        assert draft.path is not None
        if _changed_by_others(draft):
            draft.path = self._new_path()
        elif text.startswith(draft.opened_text):
            return draft.path
        else:
            _keep_files(draft.path, self._new_path())
        draft.opened_text = ""
        return draft.path

    def _prune(self) -> None:
        files = [file for file in self._folder().glob(self._pattern) if not is_named(file)]
        for file in sorted(files, key=_modified)[:-MAX_DRAFTS]:
            for draft_file in files_of(file):
                with contextlib.suppress(OSError):  # another app may prune at the same time
                    draft_file.unlink()


def is_named(path: Path) -> bool:
    """Return True if the file of a saved text has a name that a user gave it."""
    return _DRAFT_NAME.fullmatch(path.stem) is None


def files_of(path: Path) -> list[Path]:
    """Return the files of the saved text at a path that exist."""
    return [file for suffix in SUFFIXES if (file := path.with_suffix(suffix)).is_file()]


def touch_files(path: Path) -> None:
    """Make the saved text at a path the newest one, which the next start continues."""
    now = time.time_ns()  # finer than the time that a file system gives to a write
    for file in files_of(path):
        with contextlib.suppress(OSError):
            os.utime(file, ns=(now, now))


def newest_text(folder: Path, pattern: str) -> Path | None:
    """Return the text file of the newest saved text in a folder; None if there is none."""
    files = list(folder.glob(pattern))
    return max(files, key=_modified).with_suffix(".txt") if files else None


def _changed_by_others(draft: _Draft) -> bool:
    """Return True if the files hold another version than the draft was opened with, has written or tried to.

    The companion may be another though the text is the same: it holds what another app's user has typed, say.
    """
    assert draft.path is not None
    stamp = _stamp(draft.path)
    if stamp is None:
        return False
    if _companions_of(draft.path) != draft.companions:
        return True
    if stamp == draft.stamp:
        return False
    content = draft.path.read_bytes()
    return all(content != text.encode("utf-8", "surrogatepass") for text in (draft.saved_text, draft.tried_text))


def _keep_files(path: Path, target: Path) -> None:
    """Keep what the files of a text hold under another name, unless there are such files already.

    Files are only ever replaced whole, so a hard link keeps their content and their times.
    """
    for file in files_of(path):
        copy = target.with_suffix(file.suffix)
        if not copy.exists():
            try:
                os.link(file, copy)
            except OSError:  # a file system without hard links
                shutil.copy2(file, copy)


def _companions_of(path: Path) -> dict[str, str]:
    """Return hashes of the companion files of a text, by their suffix."""
    companions = [file for file in files_of(path) if file.suffix != ".txt"]
    return {file.suffix: hashlib.sha256(file.read_bytes()).hexdigest() for file in companions}


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
