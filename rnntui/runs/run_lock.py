"""Locks of run folders: acquiring and testing them, and keeping that of a new run from its creation to its training."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from rnntui.errors import RunError, os_error_hint
from rnntui.untrusted_files import open_regular

if TYPE_CHECKING:
    from filelock import BaseFileLock

_LOCK_FILE = "lock"
_WAIT_SECONDS = 2  # for a lock that `is_locked` of another process may hold for an instant

LockIdentity = tuple[int, int]
"""Device and inode of a lock file, by which it is known under whatever name its folder has."""

_new_runs: ContextVar[dict[LockIdentity, BaseFileLock] | None] = ContextVar("new_runs", default=None)


def lock_file_in(folder: Path) -> Path:
    """Return the lock file of a run folder."""
    return folder / _LOCK_FILE


def lock_identity(folder: Path) -> LockIdentity | None:
    """Return the identity of the lock file in a folder; None if there is none."""
    try:
        status = lock_file_in(folder).stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def acquire_lock(folder: Path) -> BaseFileLock:
    """Acquire the lock of a run; it is released by `release()` or when the process ends, even if killed.

    A lock that this process has kept since it created the run (`new_runs_locked`) is handed over.

    Raises `RunError` if another process holds it, or the folder is not there.
    """
    from filelock import FileLock, Timeout  # importing it takes a sixth of the start-up time of `rnntui sample`

    kept, identity = _new_runs.get(), lock_identity(folder)
    if kept and identity in kept:
        return kept.pop(identity)
    if not folder.is_dir():  # it would be created
        raise run_is_gone(folder)
    lock = FileLock(lock_file_in(folder))
    try:
        lock.acquire(timeout=_WAIT_SECONDS)
    except Timeout as error:
        raise RunError(
            f"run {folder.name} is being trained by another process", hint="wait for it or stop it"
        ) from error
    except OSError as error:
        raise RunError(f"cannot write to {folder}: {error.strerror}", hint=os_error_hint(error)) from error
    return lock


def run_is_gone(folder: Path) -> RunError:
    """Return the error for a run whose folder is not there any more."""
    return RunError(f"{folder} is gone: it was moved, renamed or deleted", hint="see rnntui runs")


def is_locked(folder: Path) -> bool:
    """Return True while a process holds the lock of a run, and where that cannot be determined."""
    lock_file = lock_file_in(folder)
    if not lock_file.exists():
        return False
    from filelock import FileLock, Timeout

    lock = FileLock(lock_file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:  # a read-only folder, or a run of another user
        return _is_locked_for_readers(lock_file)
    lock.release()
    return False


def goes_with_folder(lock: BaseFileLock) -> bool:
    """Return True if a lock is held whatever its folder is renamed to.

    On Windows an open file keeps its folder from being renamed; on a file system without locks, a lock is a file that
    has to be where it was made.
    """
    if os.name != "posix":
        return False
    from filelock import UnixFileLock

    return isinstance(lock, UnixFileLock)


@contextlib.contextmanager
def new_runs_locked() -> Iterator[None]:
    """Keep each run that is created inside the block locked until `acquire_lock`, or to the end of the block.

    The process that creates a run also trains it. No other process can rename or delete it in between. A block inside
    of another has the locks of both, and releases its own.
    """
    outer = _new_runs.get()
    kept = {} if outer is None else outer
    before = set(kept)
    token = _new_runs.set(kept)
    try:
        yield
    finally:
        _new_runs.reset(token)
        for identity in kept.keys() - before:
            kept.pop(identity).release()


def is_kept(folder: Path) -> bool:
    """Return True if this process keeps the lock of a run, which it has created and not trained yet."""
    return lock_identity(folder) in (_new_runs.get() or {})


def keep_lock(lock: BaseFileLock, identity: LockIdentity | None) -> None:
    """Keep the lock of a run that was created just now; it is released where nothing trains the run next.

    Args:
        lock: the lock, which is held.
        identity: that of its file.
    """
    kept = _new_runs.get()
    if kept is None or identity is None:
        lock.release()
    else:
        kept[identity] = lock


def _is_locked_for_readers(lock_file: Path) -> bool:
    """Return True if a process holds a lock file that can only be read, and where that cannot be determined."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        with open_regular(lock_file) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    return False
