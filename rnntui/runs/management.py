"""Management of runs: renaming, deleting, and a note on each.

A run is locked while it is renamed or deleted, so that no training can start on it meanwhile; a run in training and a
shipped model are refused. A run folder that is a symbolic link is only a name for the run: the link is renamed or
deleted, and what it leads to stays.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from rnntui.atomic_files import atomic_write, sync_folder
from rnntui.errors import RunError, UsageError, os_error_hint
from rnntui.runs.creation import DELETED_PREFIX, name_problem, remove_abandoned
from rnntui.runs.folder import MAX_NOTE_LENGTH, RunFolder
from rnntui.runs.lookup import is_shipped
from rnntui.runs.run_files import foreign_files, named, remove_run_files
from rnntui.runs.run_lock import goes_with_folder, is_kept

_LOCK_ATTEMPTS = 5


def rename_run(run: RunFolder, name: str) -> RunFolder:
    """Rename a run within its folder, atomically, and return it under its new name.

    Raises `UsageError` if the name is invalid or taken, `RunError` if the run is shipped, in training, or its folder
    cannot be written to.
    """
    problem = name_problem(name)
    if problem:
        raise UsageError(f"{name[:40]!r} is not a valid name of a run; {problem}", setting="name")
    target = run.path.with_name(name)
    if os.path.lexists(target):
        raise UsageError(
            f"{name} exists in {target.parent}", setting="name", hint="choose another name, or rename that one first"
        )
    _refuse_shipped(run, "renamed")
    return move_run(run, target)


def move_run(run: RunFolder, target: Path) -> RunFolder:
    """Rename the folder of a run under its lock and return it under its new path.

    Raises `RunError` if the run is in training, or something is at the path, or it cannot be written to.
    """
    with locked_run(run, "renamed"):
        try:
            # Renaming onto a run that was created this instant fails, as its folder is not empty.
            run.path.rename(target)
            sync_folder(target.parent)
        except OSError as error:
            raise RunError(
                f"cannot rename {run.path} to {target.name}: {error.strerror or error}", hint=os_error_hint(error)
            ) from error
    return RunFolder(target)


def check_deletable(run: RunFolder, checkpoints: Path) -> None:
    """Raise `RunError` if `delete_run` would refuse to delete a run.

    Any folder can hold a file `config.json`: outside of `checkpoints`, a folder is deleted only if it holds a readable
    run and nothing else, and a broken run in `checkpoints` only if it holds nothing else.
    """
    _refuse_shipped(run, "deleted")
    if run.path.is_symlink():
        return
    is_own = run.path.parent.resolve() == checkpoints.resolve()
    problem = "" if is_own else f"is outside {checkpoints}"
    try:
        run.read_config()
    except RunError as error:
        if not is_own:
            raise
        problem = f"is broken ({error.problem})"
    if problem:
        _refuse_foreign(run, f"{problem} and holds")
    if _is_in_training(run):
        raise _in_training(run, "deleted")


def check_holds_run_only(run: RunFolder, also: Collection[str] = ()) -> None:
    """Raise `RunError` if deleting a run deletes files that do not belong to it, but for those of `also`."""
    _refuse_foreign(run, "holds", also)


def _refuse_foreign(run: RunFolder, holds: str, also: Collection[str] = ()) -> None:
    paths = [path for path in foreign_files(run) if path not in also]
    if paths:
        raise RunError(
            f"{run.path} {holds} files that do not belong to a run: {named(paths)}",
            hint="move them away, or delete the folder yourself",
        )


def delete_run(run: RunFolder, checkpoints: Path, also: Collection[str] = ()) -> None:
    """Delete a run: its folder gets a hidden name, so that the run is gone at once, and is then removed.

    A deletion that is interrupted leaves that hidden folder, which the next creation or deletion of a run removes.

    Args:
        run: the run.
        checkpoints: the folder of the user's runs.
        also: paths of files in the run's folder that do not belong to it, as `foreign_files` returns them, and that the
            user has agreed to delete.

    Raises `RunError` as `check_deletable` and `check_holds_run_only` do, or if the folder cannot be written to.
    """
    check_deletable(run, checkpoints)
    path = run.path
    try:
        if path.is_symlink():
            path.unlink()
            return
        remove_abandoned(path.parent)
        hidden = path.with_name(f"{DELETED_PREFIX}{os.getpid()}-{path.name}")
        with locked_run(run, "deleted"):
            check_holds_run_only(run, also)
            path.rename(hidden)
            sync_folder(hidden.parent)
    except OSError as error:
        raise RunError(f"cannot delete {path}: {error.strerror or error}", hint=os_error_hint(error)) from error
    try:
        left = remove_run_files(hidden, also)
    except OSError as error:
        raise RunError(
            f"run {run.name} is deleted, but {hidden} is left: {error.strerror or error}", hint=os_error_hint(error)
        ) from error
    if left:  # put there this instant
        raise RunError(
            f"run {run.name} is deleted, but {hidden} is left: it holds files that do not belong to a run: "
            f"{named(left)}",
            hint="move them away",
        )


def file_sizes(run: RunFolder) -> dict[str, int]:
    """Return the size in bytes of each file of a run, by its path within the run's folder."""
    sizes: dict[str, int] = {}
    for path in run.path.rglob("*"):
        with contextlib.suppress(OSError):  # just replaced by a training
            if not path.is_dir():
                sizes[path.relative_to(run.path).as_posix()] = path.lstat().st_size
    return sizes


def size_on_disk(run: RunFolder) -> int:
    """Return the bytes that deleting a run frees: of all its files, or none for a symbolic link."""
    return 0 if run.path.is_symlink() else sum(file_sizes(run).values())


def write_note(run: RunFolder, text: str) -> None:
    """Replace the user's note on a run, also while it is in training; an empty text removes it.

    Raises `UsageError` for a note that is too long, `RunError` for a shipped model or if the folder cannot be written.
    """
    text = text.encode("utf-8", "replace").decode().strip()
    if len(text) > MAX_NOTE_LENGTH:
        raise UsageError(f"a note has {MAX_NOTE_LENGTH:,} characters at most (got {len(text):,})", hint="shorten it")
    if is_shipped(run):
        raise RunError(f"{run.name} is a shipped model and takes no note")
    if text:
        atomic_write(run.note_file, f"{text}\n".encode())
        return
    try:
        run.note_file.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(
            f"cannot remove {run.note_file}: {error.strerror or error}", hint=os_error_hint(error)
        ) from error


def _refuse_shipped(run: RunFolder, done: str) -> None:
    if not run.path.is_symlink() and is_shipped(run):
        raise RunError(f"{run.name} is a shipped model and cannot be {done}")


def _is_in_training(run: RunFolder) -> bool:
    """Return True if a run is locked for longer than the instant that `is_locked` of another process takes."""
    for _ in range(_LOCK_ATTEMPTS):
        if not run.is_locked():
            return False
        time.sleep(0.02)
    return True


def _in_training(run: RunFolder, done: str) -> RunError:
    return RunError(f"run {run.name} is in training and cannot be {done}", hint="wait for its end, or stop it first")


@contextlib.contextmanager
def locked_run(run: RunFolder, done: str) -> Iterator[None]:
    """Hold the lock of a run; for a symbolic link, only check that it is free. Raises `RunError` if it is held.

    `done` is what cannot be done to a run in training, such as "renamed".
    """
    if not is_kept(run.path) and _is_in_training(run):
        raise _in_training(run, done)
    if run.path.is_symlink():
        yield
        return
    lock = run.lock()
    if not goes_with_folder(lock):
        lock.release()
    try:
        yield
    finally:
        lock.release()
