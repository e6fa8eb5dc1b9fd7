"""Stopping a run that another process trains: it finishes its step, saves, and can be resumed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

from rnntui.errors import RunError
from rnntui.kinds.registry import KINDS
from rnntui.runs.folder import RunFolder

_PROCESSES = Path("/proc")
_SIGNAL_SAVES = os.name == "posix"  # elsewhere a signal ends a process before it can save


def stop_run(run: RunFolder) -> int:
    """Ask the process that trains a run to save and end; gives its number. Returns at once, before it has.

    Raises `RunError` if the run is not being trained, or not by a process that is surely its training: a number in
    `status.json` may by now belong to something else.
    """
    status = run.read_status()
    if not run.is_locked():
        raise RunError(f"run {run.name} is not being trained; there is nothing to stop")
    if not _SIGNAL_SAVES:
        raise RunError(f"cannot stop run {run.name} from here on this system; press Ctrl-C where it was started")
    process = status.process
    if status.state != "running" or process <= 1 or not _holds(process, run.lock_file):
        raise RunError(
            f"run {run.name} is just starting, or trained by another user or machine; try again in a moment, "
            f"or press Ctrl-C where it was started"
        )
    try:
        os.kill(process, signal.SIGTERM)
    except ProcessLookupError:
        raise RunError(f"run {run.name} has just ended by itself; there is nothing to stop") from None
    except PermissionError:
        raise RunError(f"run {run.name} is trained by another user, process {process}; ask them to stop it") from None
    return process


def _holds(process: int, lock_file: Path) -> bool:
    """Whether the process has the lock file open, or, where the system does not tell, is an `rnntui` that trains."""
    if (_PROCESSES / "self" / "fd").is_dir():
        return _has_open(process, lock_file)
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        listed = subprocess.run(
            ["ps", "-o", "command=", "-p", str(process)], capture_output=True, text=True, timeout=5, check=False
        )
        words = listed.stdout.split()
        commands = {kind.command for kind in KINDS.values()}
        return not commands.isdisjoint(words) and any("rnntui" in word for word in words)
    return False


def _has_open(process: int, path: Path) -> bool:
    with contextlib.suppress(OSError):
        for handle in (_PROCESSES / str(process) / "fd").iterdir():
            with contextlib.suppress(OSError):  # closed while we look
                if handle.samefile(path):
                    return True
    return False
