"""Files of a run and of a novelty index by their names: what else lies in a folder, removal of nothing but them.

A user may put files of his own into the folder of a run. Whatever removes such a folder removes what rnntui wrote, and
further files only if the user has agreed to each.
"""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from rnntui.runs.folder import COPY_PREFIX, CURVES_FILE, RunFolder, name_before_damage

_MAX_NAMED = 5  # files named in a message
_DESKTOP_FILES = (".DS_Store", "Thumbs.db", "desktop.ini")  # file managers leave them in any folder that is looked at
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model")
_COPIES = tuple(
    COPY_PREFIX + name
    for name in (
        "config.json", "checksums.json", "known_words.txt", *_TOKENIZER_FILES,
        *(f"{part}-{name}" for part in ("source", "target") for name in _TOKENIZER_FILES),
    )
)  # fmt: skip
_NOVELTY_FILES = ("*.symbols", "*.narrow", "*.u32", "*.u2", "index.json")
_DATA_FILES = tuple(
    f"{origin}{part}.{suffix}"
    for origin in ("", "origin-")
    for part in ("training", "validation")
    for suffix in ("ids", "ids-*", "rows", "ngrams")  # `ids-*` while a text is encoded
)
_RUN_FILES: dict[str, tuple[str, ...]] = {
    "": (
        "config.json", "model.safetensors", "ngrams.safetensors", "known_words.txt", "metrics.jsonl", CURVES_FILE,
        "status.json", "checksums.json", "note.txt", "license.json", "lock", *_TOKENIZER_FILES,
    ),
    "resume": ("state.safetensors", "pretrained.safetensors", "job.txt", "encoding.json", *_DATA_FILES, *_COPIES),
    "source": _TOKENIZER_FILES,
    "target": _TOKENIZER_FILES,
    "tensorboard": ("events.out.tfevents.*",),
    "novelty": _NOVELTY_FILES,
    ".novelty-*": _NOVELTY_FILES,
}  # fmt: skip
"""Patterns of the files of a run by that of their folder within the run's."""

_INDEX_FILES = {"": _NOVELTY_FILES}


def foreign_files(run: RunFolder) -> list[str]:
    """Return the paths in a run folder that do not belong to a run, sorted; of other folders only the names.

    What a symbolic link leads to is not in the folder.
    """
    return [] if run.path.is_symlink() else _foreign_in(run.path, _RUN_FILES)


def foreign_index_files(folder: Path) -> list[str]:
    """Return the names in the folder of a novelty index that do not belong to it, sorted."""
    return [] if folder.is_symlink() else _foreign_in(folder, _INDEX_FILES)


def named(paths: Sequence[str]) -> str:
    """Return paths for a message: the first ones and the number of the rest; empty for none."""
    rest = f" and {len(paths) - _MAX_NAMED} more" if len(paths) > _MAX_NAMED else ""
    return ", ".join(paths[:_MAX_NAMED]) + rest


def remove_run_files(folder: Path, also: Collection[str] = ()) -> list[str]:
    """Remove a folder with the files of a run that are in it; what is none of them stays, and the folder with it.

    Returns the paths of what has stayed, as `foreign_files` does. Raises `OSError` if a file cannot be removed.

    Args:
        folder: the folder, which may hold a part of a run or nothing.
        also: paths that `foreign_files` has returned and that the user has agreed to lose.
    """
    _refuse_link(folder)
    for name in also:  # first: where this is interrupted, what is left can be removed without asking
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return _remove_known(folder, _RUN_FILES)


def remove_index_files(folder: Path) -> list[str]:
    """Remove the folder of a novelty index as `remove_run_files` does that of a run."""
    return _remove_known(folder, _INDEX_FILES)


def _remove_known(folder: Path, patterns: Mapping[str, tuple[str, ...]]) -> list[str]:
    _refuse_link(folder)
    for path, is_known in list(_entries(folder, patterns)):
        if is_known:
            path.unlink(missing_ok=True)
    for inner in _entries_in(folder):
        if inner.is_dir() and _patterns_in(inner.name, patterns) is not None:
            with contextlib.suppress(OSError):  # something has stayed in it
                inner.rmdir()
    left = _foreign_in(folder, patterns)
    if not left:
        with contextlib.suppress(FileNotFoundError):
            folder.rmdir()
    return left


def _refuse_link(folder: Path) -> None:
    if folder.is_symlink():  # which may lead anywhere
        raise NotADirectoryError(errno.ENOTDIR, "it is a symbolic link", str(folder))


def _foreign_in(folder: Path, patterns: Mapping[str, tuple[str, ...]]) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path, is_known in _entries(folder, patterns) if not is_known)


def _entries(folder: Path, patterns: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[Path, bool]]:
    """Yield what is in a folder and in the folders that belong there, and whether it belongs there, too."""
    for path in _entries_in(folder):
        within = _patterns_in(path.name, patterns)
        if within is not None and path.is_symlink():
            yield path, True
        elif within is None or not path.is_dir():
            yield path, _is_known(path, patterns[""])
        else:
            yield from ((inner, _is_known(inner, within)) for inner in _entries_in(path))


def _entries_in(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _patterns_in(name: str, patterns: Mapping[str, tuple[str, ...]]) -> tuple[str, ...] | None:
    """Return the patterns of the files in a folder of a name; None if no folder of that name belongs there."""
    return next((files for folder, files in patterns.items() if folder and fnmatchcase(name, folder)), None)


def _is_known(path: Path, patterns: Collection[str]) -> bool:
    """Return True for a file, or a link, whose name is that of a file of rnntui or of a desktop."""
    name = path.name
    if path.is_dir() and not path.is_symlink():
        return False
    if name in _DESKTOP_FILES or (name.startswith(".") and name.endswith(".partial")):
        return True
    return any(fnmatchcase(name_before_damage(name), pattern) for pattern in patterns)
