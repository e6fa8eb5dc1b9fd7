"""Stopping a run that another process trains: the process finishes its step and saves; the run can be resumed."""

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
    """Ask the process that trains a run to save and end, and return its id without waiting for it.

    Raises `RunError` if the run is not being trained, or if the process cannot be verified to be its training: the id
    in `status.json` may by now belong to another program.
    """
    status = run.read_status()
    if not run.is_locked():
        raise RunError(f"run {run.name} is not being trained; there is nothing to stop")
    if not _SIGNAL_SAVES:
        raise RunError(f"cannot stop run {run.name} from here on this system; press Ctrl-C where it was started")
    pid = status.process
    if status.state != "running" or pid <= 1 or not _is_training(pid, run.lock_file):
        raise RunError(
            f"run {run.name} is just starting, or is trained by another user or on another machine; "
            f"try again in a moment, or press Ctrl-C where it was started"
        )
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        raise RunError(f"run {run.name} has just ended by itself; there is nothing to stop") from None
    except PermissionError:
        raise RunError(f"run {run.name} is trained by another user, process {pid}; ask them to stop it") from None
    return pid


def _is_training(pid: int, lock_file: Path) -> bool:
    """Return True if a process has the lock file open or, on systems without /proc, is an `rnntui` that trains."""
    if (_PROCESSES / "self" / "fd").is_dir():
        return _has_open(pid, lock_file)
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        ps = subprocess.run(
            ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, timeout=5, check=False
        )
        words = ps.stdout.split()
        commands = {kind.command for kind in KINDS.values()}
        return not commands.isdisjoint(words) and any("rnntui" in word for word in words)
    return False


def _has_open(pid: int, path: Path) -> bool:
    with contextlib.suppress(OSError):
        for handle in (_PROCESSES / str(pid) / "fd").iterdir():
            with contextlib.suppress(OSError):  # it was just closed
                if handle.samefile(path):
                    return True
    return False
