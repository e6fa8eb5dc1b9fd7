"""Saved texts: the autosaved and named texts of a folder, to list, search, rename, delete and restore."""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rnntui.atomic_files import atomic_write
from rnntui.errors import RnntuiError, UsageError, os_error_hint
from rnntui.sessions.autosave import SUFFIXES, Autosave, files_of, is_named, touch_files
from rnntui.sessions.folder_lock import folder_lock
from rnntui.sessions.text_files import MAX_TEXT_BYTES
from rnntui.text.control_chars import first_line
from rnntui.untrusted_files import parse_bounded_json, read_bounded, read_json

_MAX_NAME = 100  # bytes, so that a suffix and the name of a partial file fit into the 255 of a file system


@dataclass(frozen=True)
class SavedText:
    """A saved text as it was when it was read: `path` ends in `.txt`, `modified` is a time as of `time.time`.

    `name` is empty for a draft without one, `run` where no model has taken part. `text` is an edit that was not
    finished, or what was typed and not sent, where that is all there is.
    """

    path: Path
    modified: float
    name: str
    run: str
    text: str
    searchable: str  # name, run and text, case-folded

    @property
    def title(self) -> str:
        """The first line."""
        return first_line(self.text)

    def matches(self, words: Sequence[str]) -> bool:
        """Return True if each of the case-folded words occurs in name, run or text."""
        return all(word in self.searchable for word in words)


class OpenedSource(NamedTuple):
    """A text to translate, what to know about it, the saved text that goes on, if it is one, and its model, or ""."""

    text: str
    note: str = ""
    path: Path | None = None
    run: str = ""


class SavedTexts:
    """The saved texts of a folder. Methods may be called in any thread."""

    def __init__(self, folder: Callable[[], Path], autosaves: Callable[[], Sequence[Autosave]]) -> None:
        """
        Args:
            folder: the folder of the texts; asked anew each time.
            autosaves: those of the texts that are open in this app.
        """
        self._folder, self._autosaves = folder, autosaves
        self._cache: dict[tuple[Path, int], SavedText] = {}
        self._deleted: list[dict[Path, tuple[bytes, int]]] = []  # content and time of files, in nanoseconds
        self._lock = threading.Lock()  # of a change

    # -- listing -------------------------------------------------------------------------------------------------

    def read_all(self) -> Iterator[SavedText]:
        """Yield every text, the newest first; unchanged ones are not read again. Raises `OSError` as `iterdir` does."""
        folder = self._folder()
        if not folder.is_dir():
            return
        times: dict[Path, int] = {}
        for file in folder.iterdir():
            if file.suffix in (".txt", ".jsonl") and not file.name.startswith("."):
                with contextlib.suppress(OSError):  # deleted meanwhile
                    path = file.with_suffix(".txt")
                    times[path] = max(times.get(path, 0), file.stat().st_mtime_ns)
        cache: dict[tuple[Path, int], SavedText] = {}
        for path, modified in sorted(times.items(), key=lambda item: item[1], reverse=True):
            saved = self._cache.get((path, modified)) or _read(path, modified)
            if saved is not None:
                cache[path, modified] = saved
                yield saved
        self._cache = cache

    def is_open(self, path: Path) -> bool:
        """Return True if the text is open in this app."""
        return any(autosave.path == path for autosave in self._autosaves())

    # -- changing ------------------------------------------------------------------------------------------------

    def rename(self, path: Path, name: str) -> Path:
        """Give a text a name, which becomes that of its files, and return the new path.

        A text that is open goes on in the renamed files. Raises `UsageError` if the name cannot be used or is taken,
        `RnntuiError` if renaming fails.
        """
        target = path.with_name(f"{clean_text_name(name)}.txt")
        if target == path:
            return path
        try:
            with self._changing(path.parent):
                files = files_of(path)
                if not files:
                    raise UsageError("the text was renamed or deleted by another app")
                if any(os.path.lexists(target.with_suffix(suffix)) for suffix in SUFFIXES):
                    raise UsageError(f"a text called {target.stem} exists already", hint="choose another name")
                with contextlib.ExitStack() as undo:
                    for file in files:
                        renamed = target.with_suffix(file.suffix)
                        file.rename(renamed)
                        undo.callback(_try, partial(renamed.rename, file))
                    undo.pop_all()
                for autosave in self._autosaves():
                    autosave.follow_rename(path, target)
        except OSError as error:
            raise RnntuiError(f"cannot rename {path}: {error.strerror or error}", hint=os_error_hint(error)) from error
        return target

    def delete(self, path: Path) -> None:
        """Delete a text; `restore` brings it back. Raises `UsageError` if it is open, `RnntuiError` if that fails."""
        if self.is_open(path):
            raise UsageError("the text is open; begin a new one with F12, then it can be deleted")
        try:
            with self._changing(path.parent):
                content = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in files_of(path)}
                with contextlib.ExitStack() as undo:
                    for file, (data, modified) in content.items():
                        file.unlink()
                        undo.callback(_try, partial(_write_back, file, data, modified))
                    undo.pop_all()
                for autosave in self._autosaves():
                    autosave.follow_deletion(path)
        except OSError as error:
            raise RnntuiError(f"cannot delete {path}: {error.strerror or error}", hint=os_error_hint(error)) from error
        if content:
            self._deleted.append(content)

    def restore(self) -> Path | None:
        """Bring back the text that was deleted last, and return its path; None if there is none.

        Raises `RnntuiError` if that fails or its name is taken.
        """
        with self._lock:
            if not self._deleted:
                return None
            content = self._deleted[-1]
            path = next(iter(content)).with_suffix(".txt")
            try:
                with folder_lock(path.parent), contextlib.ExitStack() as undo:
                    if files_of(path):
                        raise UsageError(f"a text called {path.stem} exists already", hint="rename it first")
                    for file, (data, modified) in content.items():
                        undo.callback(_try, file.unlink)
                        _write_back(file, data, modified)
                    undo.pop_all()
            except OSError as error:
                raise RnntuiError(
                    f"cannot restore {path}: {error.strerror or error}", hint=os_error_hint(error)
                ) from error
            self._deleted.pop()
            return path

    @contextlib.contextmanager
    def _changing(self, folder: Path) -> Iterator[None]:
        """Keep autosaves, other threads and other apps from writing to a folder."""
        with self._lock, contextlib.ExitStack() as stack:
            for autosave in self._autosaves():
                stack.enter_context(autosave.paused())
            stack.enter_context(folder_lock(folder))
            yield

    def contains(self, path: Path) -> bool:
        """Return True if a path is that of a saved text of the folder."""
        return path.parent.absolute() == self._folder().absolute() and bool(files_of(path))

    def touch(self, path: Path) -> None:
        """Make a text the newest one: it was opened, and is what the next start continues."""
        touch_files(path)


def _write_back(file: Path, data: bytes, modified: int) -> None:
    """Write a file as it was, with its time in nanoseconds."""
    atomic_write(file, data)
    os.utime(file, ns=(modified, modified))


def _try(undo: Callable[[], object]) -> None:
    """Undo a part of a change that failed, if the disk lets us; the failure itself is what is reported."""
    with contextlib.suppress(OSError, RnntuiError):
        undo()


def clean_text_name(name: str) -> str:
    """Return a name as a file can have it: without separators, control characters and leading dots, not too long.

    Raises `UsageError` if nothing of it can be used.
    """
    characters = unicodedata.normalize("NFC", name).replace("/", "-").replace("\\", "-")
    characters = "".join(c if unicodedata.category(c) not in ("Cc", "Cs", "Zl", "Zp") else " " for c in characters)
    cleaned = " ".join(characters.split()).removesuffix(".txt").lstrip(". ")
    cleaned = cleaned.encode()[:_MAX_NAME].decode(errors="ignore").rstrip(". ")
    if not any(c.isalnum() for c in cleaned):
        raise UsageError("a name must contain a letter or a digit")
    if not is_named(Path(f"{cleaned}.txt")):
        raise UsageError("names like this are reserved for unnamed texts", hint="choose another name")
    return cleaned


def format_date(seconds: float, now: float) -> str:
    """Return a time in the past as a day: today 14:05, yesterday, 3 Nov, 3 Nov 2025."""
    day, today = time.localtime(seconds), time.localtime(now)
    if day[:3] == today[:3]:
        return time.strftime("today %H:%M", day)
    noon = time.mktime((*today[:3], 12, 0, 0, 0, 0, -1))
    if day[:3] == time.localtime(noon - 86_400)[:3]:
        return "yesterday"
    return f"{day.tm_mday} {time.strftime('%b', day)}" + ("" if day.tm_year == today.tm_year else f" {day.tm_year}")


def search_words(query: str) -> list[str]:
    """Return the case-folded words of a query."""
    return query.casefold().split()


def passage(text: str, words: Sequence[str], length: int) -> tuple[str, list[tuple[int, int]]]:
    """Return a part of a text of at most `length` characters, and where the words are in it.

    It begins on the line before the first word that occurs, or else with the text.
    """
    pattern = re.compile("|".join(map(re.escape, sorted(words, key=len, reverse=True))), re.IGNORECASE)
    first = pattern.search(text) if words else None
    start = 0
    if first is not None:
        line_start = text.rfind("\n", 0, first.start()) + 1
        start = max(text.rfind("\n", 0, max(0, line_start - 1)) + 1, first.start() - length // 2, 0)
    part = text[start : start + length]
    return part, [match.span() for match in pattern.finditer(part)] if words else []


def run_of_text(path: Path) -> str:
    """Return the name of the model that wrote or translated last in the saved text at a path, or ""."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        if (translated := path.with_suffix(".json")).is_file():
            return str(read_json(translated)["run"])
        for line in reversed(read_bounded(path.with_suffix(".jsonl"), MAX_TEXT_BYTES).splitlines()):
            if b'"role": "model"' in line and (turn := parse_bounded_json(line)).get("role") == "model":
                return str(turn["run"])
    return ""


def _typed_of(path: Path) -> str:
    """Return what was typed beside a text that is empty: an edit that was not finished, or a line not sent; or ""."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        values: dict[str, object] = {}
        for line in read_bounded(path.with_suffix(".jsonl"), MAX_TEXT_BYTES).splitlines()[-2:]:
            values |= parse_bounded_json(line)
        return str(values.get("edited") or values.get("unsent") or "")
    return ""


def read_saved_source(path: Path) -> OpenedSource:
    """Return a text to translate that was saved automatically. Raises `UsageError` if it cannot be read."""
    try:
        text = read_bounded(path, MAX_TEXT_BYTES).decode("utf-8", "surrogatepass")
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    return OpenedSource(text, path=path, run=run_of_text(path))


def _read(path: Path, modified: int) -> SavedText | None:
    """Return a saved text; None if it has been deleted."""
    try:
        text = read_bounded(path, MAX_TEXT_BYTES).decode("utf-8", "replace")
    except OSError:
        return None
    name = path.stem if is_named(path) else ""
    run = run_of_text(path)
    text = text or _typed_of(path)
    return SavedText(path, modified / 1e9, name, run, text, f"{name}\n{run}\n{text}".casefold())
