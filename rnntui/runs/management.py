"""Management of runs: renaming, deleting, and a note on each.

A run is locked while it is renamed or deleted, so that no training can start on it meanwhile; a run in training and a
shipped model are refused. A run folder that is a symbolic link is only a name for the run: the link is renamed or
deleted, and what it leads to stays.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from rnntui.atomic_files import atomic_write, sync_folder
from rnntui.errors import RunError, UsageError, os_error_hint
from rnntui.runs.creation import DELETED_PREFIX, name_problem, remove_abandoned
from rnntui.runs.folder import CURVES_FILE, DAMAGED_SUFFIX, MAX_NOTE_LENGTH, RunFolder
from rnntui.runs.lookup import is_shipped

_LOCK_ATTEMPTS = 5
_MAX_NAMED = 5  # files named in a message
_DESKTOP_FILES = (".DS_Store", "Thumbs.db", "desktop.ini")  # file managers leave them in any folder that is looked at
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model")
_DATA_FILES = tuple(
    f"{origin}{part}.{suffix}"
    for origin in ("", "origin-")
    for part in ("training", "validation")
    for suffix in ("ids", "rows", "ngrams")
)
_RUN_FILES: dict[str, tuple[str, ...]] = {
    "": (
        "config.json", "model.safetensors", "ngrams.safetensors", "known_words.txt", "metrics.jsonl", CURVES_FILE,
        "status.json", "checksums.json", "note.txt", "license.json", "lock", ".novelty-*", *_TOKENIZER_FILES,
    ),
    "resume": ("state.safetensors", "pretrained.safetensors", "job.txt", *_DATA_FILES),
    "source": _TOKENIZER_FILES,
    "target": _TOKENIZER_FILES,
    "tensorboard": ("events.out.tfevents.*",),
    "novelty": ("*.symbols", "*.u32", "*.u2", "index.json"),
}  # fmt: skip
"""Patterns of the files of a run by their folder within the run's."""


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
    with _locked(run, "renamed"):
        try:
            # Renaming onto a run that was created this instant fails, as its folder is not empty.
            run.path.rename(target)
            sync_folder(target.parent)
        except OSError as error:
            raise RunError(
                f"cannot rename {run.path} to {name}: {error.strerror or error}", hint=os_error_hint(error)
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


def check_holds_run_only(run: RunFolder) -> None:
    """Raise `RunError` if deleting a run deletes files that do not belong to it, for whoever deletes without asking."""
    _refuse_foreign(run, "holds")


def _refuse_foreign(run: RunFolder, holds: str) -> None:
    names = foreign_names(run)
    if names:
        raise RunError(
            f"{run.path} {holds} files that do not belong to a run: {names}",
            hint="move them away, or delete the folder yourself",
        )


def delete_run(run: RunFolder, checkpoints: Path) -> None:
    """Delete a run: its folder gets a hidden name, so that the run is gone at once, and is then removed.

    A deletion that is interrupted leaves that hidden folder, which the next creation or deletion of a run removes.

    Raises `RunError` as `check_deletable` does, or if the folder cannot be written to.
    """
    check_deletable(run, checkpoints)
    path = run.path
    try:
        if path.is_symlink():
            path.unlink()
            return
        remove_abandoned(path.parent)
        hidden = path.with_name(f"{DELETED_PREFIX}{os.getpid()}-{path.name}")
        with _locked(run, "deleted"):
            path.rename(hidden)
            sync_folder(hidden.parent)
    except OSError as error:
        raise RunError(f"cannot delete {path}: {error.strerror or error}", hint=os_error_hint(error)) from error
    try:
        shutil.rmtree(hidden)
    except OSError as error:
        raise RunError(
            f"run {run.name} is deleted, but {hidden} is left: {error.strerror or error}", hint=os_error_hint(error)
        ) from error


def foreign_files(run: RunFolder) -> list[str]:
    """Return the paths in a run folder that do not belong to a run, sorted; of other folders only the names.

    What a symbolic link leads to is not in the folder.
    """
    paths: list[str] = []
    for folder, patterns in () if run.path.is_symlink() else _RUN_FILES.items():
        if (run.path / folder).is_symlink():
            continue
        try:
            entries = list((run.path / folder).iterdir())
        except OSError:
            continue
        known = patterns if folder else (*patterns, *_RUN_FILES)
        paths += [path.relative_to(run.path).as_posix() for path in entries if not _is_known(path.name, known)]
    return sorted(paths)


def foreign_names(run: RunFolder) -> str:
    """Return what `foreign_files` finds, for a message: the first ones and the number of the rest; "" if none."""
    paths = foreign_files(run)
    rest = f" and {len(paths) - _MAX_NAMED} more" if len(paths) > _MAX_NAMED else ""
    return ", ".join(paths[:_MAX_NAMED]) + rest


def _is_known(name: str, patterns: Iterable[str]) -> bool:
    if name.endswith(".partial") or name in _DESKTOP_FILES:
        return True
    name = name.removesuffix(DAMAGED_SUFFIX)
    return any(fnmatchcase(name, pattern) for pattern in patterns)


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
def _locked(run: RunFolder, done: str) -> Iterator[None]:
    """Hold the lock of a run; of a symbolic link, only check that nobody holds it."""
    if _is_in_training(run):
        raise _in_training(run, done)
    if run.path.is_symlink():
        yield
        return
    lock = run.lock()
    if os.name != "posix":  # an open file keeps its folder from being renamed there
        lock.release()
    try:
        yield
    finally:
        lock.release()
