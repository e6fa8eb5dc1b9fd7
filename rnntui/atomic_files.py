"""Writing files whole: a reader sees the old file or the new one, never half of one, after any crash.

And reading JSON that may come from anywhere.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from rnntui.errors import RnntuiError


def atomic_write(path: Path, data: bytes) -> None:
    """Replace `path` by `data`: written beside it, synced to disk, then renamed over it.

    Raises `RnntuiError` naming the file if that fails, as on a full disk; the old file then stays.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise RnntuiError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def remove_partial_files(folder: Path) -> None:
    """Remove what writers that were killed have left in a folder; for whoever alone may write there."""
    for partial in folder.glob(".*.partial"):
        partial.unlink(missing_ok=True)


def parse_json(data: bytes | str) -> Any:
    """What the JSON says. Raises `ValueError` for everything that is none, also for what is nested too deep."""
    try:
        return json.loads(data)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut, where the system lets a folder be opened for it."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
