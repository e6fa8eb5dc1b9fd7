"""Logs of trainings that the app starts: their output in the folder of temporary files, bounded in size and in number.

A training outlives the app, so it trims its log itself; the newest lines are kept. A log is removed when its training
ends well while the app runs; of the others the newest are kept.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import IO

LOG_VARIABLE = "RNNTUI_TRAINING_LOG"
"""Environment variable that tells a training the path of its log."""

MAX_BYTES = 1 << 20
"""Size at which a log is trimmed."""

_KEPT_BYTES = 1 << 18  # of a log that is trimmed
_MAX_LOGS = 20  # in the folder
_PREFIX, _SUFFIX = "rnntui-train-", ".log"


def create_log() -> Path:
    """Create an empty log, and remove the oldest ones if there are very many. Raises `OSError` if that fails."""
    handle, log = tempfile.mkstemp(prefix=_PREFIX, suffix=_SUFFIX)
    os.close(handle)
    path = Path(log)
    for old in sorted(path.parent.glob(f"{_PREFIX}*{_SUFFIX}"), key=_age)[_MAX_LOGS:]:
        with contextlib.suppress(OSError):  # another user's
            old.unlink()
    return path


def trim_log(stream: IO[str]) -> None:
    """Drop all but the newest lines of the log that a stream writes to, if it is one and too large.

    The stream must be open for appending, as `launch_training` opens it.
    """
    log = os.environ.get(LOG_VARIABLE)
    if not log:
        return
    # A stream need not have a file, and a full disk must not end the training.
    with contextlib.suppress(OSError, ValueError), Path(log).open("r+b") as file:
        stat = os.fstat(file.fileno())
        if stat.st_size > MAX_BYTES and os.path.samestat(stat, os.fstat(stream.fileno())):
            file.seek(-_KEPT_BYTES, os.SEEK_END)
            newest = file.read().partition(b"\n")[2]
            file.seek(0)
            file.write(newest)
            file.truncate()


def _age(path: Path) -> float:
    """Return a number that is larger for a file that was written earlier."""
    try:
        return -path.stat().st_mtime
    except OSError:
        return 0.0
