"""Folders in which several apps write: made when they are first needed, and locked while a file in them changes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from rnntui.errors import RnntuiError

LOCK_TIMEOUT = 2.0
"""Seconds that a writer waits for the others."""


@contextlib.contextmanager
def folder_lock(folder: Path, name: str = ".lock", timeout: float = LOCK_TIMEOUT) -> Iterator[None]:
    """Keep the other apps that take this lock from changing files until the block ends.

    The block runs without the lock if it is not free in time, or if the file system cannot lock: saving at the risk
    that another app saves at the same moment is better than not saving.

    Args:
        folder: the folder of the lock file; it must exist, or nothing is locked.
        name: the lock file. The default is the lock of the folder's saved texts; another file has a lock of its own.
        timeout: seconds to wait for the lock; 0 is to try once.
    """
    from filelock import FileLock, Timeout  # 20 ms that the first paint need not wait for

    lock = FileLock(folder / name)
    with contextlib.suppress(Timeout, OSError, NotImplementedError):
        lock.acquire(timeout=max(timeout, 0.0))  # a negative one would wait for ever
    try:
        yield
    finally:
        lock.release()


def make_folder(folder: Path) -> None:
    """Create a folder and those above it, as far as they are missing.

    Raises `RnntuiError` naming the file that stands in the place of one of them, `OSError` if it fails otherwise.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        file = next((path for path in (folder, *folder.parents) if path.is_file()), None)
        if file is not None:
            raise RnntuiError(
                f"cannot write to {folder}: {file} is a file, not a folder", hint="move it away"
            ) from None
        raise
