"""Atomic creation of run folders of any kind: staging, publishing, names; leftovers of killed processes."""

from __future__ import annotations

import contextlib
import errno
import math
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from rnntui import __version__
from rnntui.atomic_files import is_process_alive, umask
from rnntui.errors import RunError, UsageError
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import shipped_names
from rnntui.runs.run_files import remove_run_files
from rnntui.runs.run_lock import acquire_lock, goes_with_folder, is_locked, keep_lock, lock_identity

if TYPE_CHECKING:
    from filelock import BaseFileLock

_STAGING_PREFIX = ".making-"
DELETED_PREFIX = ".deleted-"
"""Prefix of the hidden name of a run that is being deleted, followed by the id of the process."""

_KEPT_SECONDS = 24 * 3600  # of a partly encoded text
_MAX_NAME_BYTES = 100
_WRITE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # that reading a corpus does not raise
_FORBIDDEN = set('/\\:*?"<>|\0')


def name_problem(name: str) -> str:
    """Return the rule for names of runs if a name breaks it, such as "use at most ..."; empty if it is valid."""
    invalid = not name.strip() or name[0] in ".-" or _FORBIDDEN & set(name) or not name.isprintable()
    if not invalid and len(name.encode()) <= _MAX_NAME_BYTES:
        return ""
    return (
        f"use at most {_MAX_NAME_BYTES} bytes of visible characters and spaces, without . or - at the beginning "
        f'and without / \\ : * ? " < > |'
    )


def check_name(name: str, checkpoints: Path) -> None:
    """Raise `UsageError` if a name is invalid for a run or taken."""
    problem = name_problem(name)
    if problem:
        raise UsageError(f"--name {name[:40]!r} is not a valid name of a run; {problem}", setting="name")
    if os.path.lexists(checkpoints / name):
        raise UsageError(
            f"run {name} exists in {checkpoints}", setting="name",
            hint="resume it with --resume, or choose another --name",
        )  # fmt: skip


@contextlib.contextmanager
def staging_folder(checkpoints: Path) -> Iterator[Path]:
    """Yield a hidden folder beside the runs to create one in; it is removed on an exception, else see `publish_run`.

    The folder is locked as a run in training is, and the run that it becomes to the end of the block; see
    `new_runs_locked`.

    Raises `RunError` if `checkpoints` cannot be written to, also inside the block.
    """
    is_new = not checkpoints.exists()
    if not is_new and not checkpoints.is_dir():
        raise RunError(f"{checkpoints} is a file, not a folder of runs", hint="name another with --checkpoints")
    try:
        checkpoints.mkdir(parents=True, exist_ok=True)
        remove_abandoned(checkpoints)
        folder = Path(tempfile.mkdtemp(prefix=f"{_STAGING_PREFIX}{os.getpid()}-", dir=checkpoints))
    except OSError as error:
        raise RunError(
            f"cannot write to {checkpoints}: {error.strerror}", hint="name another folder with --checkpoints"
        ) from error
    folder.chmod(0o777 & ~umask())  # mkdtemp makes a folder that only its owner can read
    lock: BaseFileLock | None = None
    try:
        lock, identity = acquire_lock(folder), lock_identity(folder)
        if not goes_with_folder(lock):
            lock.release()
            lock = None
        yield folder
    except BaseException as error:
        if lock is not None:
            lock.release()
        shutil.rmtree(folder, ignore_errors=True)  # its random name was known to this process alone
        if is_new:
            with contextlib.suppress(OSError):  # another process may have put a run there meanwhile
                checkpoints.rmdir()
        if isinstance(error, OSError) and error.filename is None and error.errno in _WRITE_ERRORS:
            raise RunError(
                f"cannot write to {checkpoints}: {error.strerror}", hint="name another folder with --checkpoints"
            ) from error
        raise
    if lock is not None:
        keep_lock(lock, identity)


def remove_abandoned(checkpoints: Path) -> None:
    """Remove the leftovers of killed processes from a folder of runs: staging folders and half-deleted runs.

    Those in which a text is partly encoded are kept for a day, as the next run on it goes on from there. Files that do
    not belong to a run stay.
    """
    for prefix in (_STAGING_PREFIX, DELETED_PREFIX):
        for folder in abandoned_folders(checkpoints, prefix):
            if _age(RunFolder(folder).encoding_journal) > _KEPT_SECONDS:
                with contextlib.suppress(OSError):
                    remove_run_files(folder)


def take_over(staged: Path, checkpoints: Path, can_use: Callable[[RunFolder], bool]) -> bool:
    """Move what a killed process had encoded into a folder in staging; return whether there was such a folder.

    Args:
        staged: the folder.
        checkpoints: the folder of runs.
        can_use: tells whether a folder's journal is of the same text, tokenizer and split.
    """
    target = RunFolder(staged)
    for folder in map(RunFolder, abandoned_folders(checkpoints, _STAGING_PREFIX)):
        if not can_use(folder):
            continue
        try:
            # The journal is moved first, so that one of two processes gets it. A journal without its files is ignored.
            folder.encoding_journal.rename(target.encoding_journal)
            for path in [*folder.path.glob("tokenizer.*"), *folder.resume_folder.iterdir()]:
                path.rename(staged / path.relative_to(folder.path))
        except OSError:
            continue
        with contextlib.suppress(OSError):
            remove_run_files(folder.path)
        return True
    return False


def abandoned_folders(parent: Path, prefix: str) -> Iterator[Path]:
    """Yield the folders that killed processes left: their names are the prefix, the id of the process, a dash, more.

    Locked folders are skipped: their processes run on another machine or in another container.
    """
    for folder in parent.glob(f"{prefix}*"):
        pid = folder.name.removeprefix(prefix).split("-")[0]
        if pid.isdecimal() and not is_process_alive(int(pid)) and not is_locked(folder):
            yield folder


def _age(path: Path) -> float:
    """Return the seconds since a file was written; infinite if there is none."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return math.inf


def publish_run(folder: Path, checkpoints: Path, name: str | None, default_name: str) -> Path:
    """Rename a staged run to `name`, or to `default_name`, numbered if that is taken; return its path.

    A default name that a shipped model has counts as taken, so that no run hides the model unless the user names it so.

    Raises `UsageError` if `name` has been taken meanwhile.
    """
    attempt = 1 if name is not None or default_name not in shipped_names() else 2
    while True:
        target = checkpoints / (name or (default_name if attempt == 1 else f"{default_name}-{attempt}"))
        if not os.path.lexists(target):
            try:
                # Renaming onto a folder that another process has just made fails, unless that is empty.
                folder.rename(target)
            except OSError:
                if not os.path.lexists(target):
                    raise
            else:
                _lock_published(target)
                return target
        if name is not None:
            raise UsageError(f"run {name} exists in {checkpoints}", setting="name", hint="choose another --name")
        attempt += 1


def _lock_published(folder: Path) -> None:
    """Lock a run that was locked in staging where that lock does not go with the folder."""
    with contextlib.suppress(RunError):  # it is published; its training will report the problem
        if not is_locked(folder):
            keep_lock(acquire_lock(folder), lock_identity(folder))


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that make a run."""
    return {
        "rnntui": __version__,
        "python": platform.python_version(),
        "torch": version("torch"),
        "numpy": version("numpy"),
    }
