"""Prompt history: the lines that were sent, as in a shell, shared by all sessions of the app.

The file has a JSON string on each line, the oldest first. It is read when history is first asked for, and every writer
reads it again under a lock before it replaces it, so that several apps lose nothing of each other's.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from itertools import groupby
from pathlib import Path

from rnntui.atomic_files import write_user_file
from rnntui.errors import RnntuiError
from rnntui.sessions.folder_lock import folder_lock, make_folder
from rnntui.untrusted_files import parse_bounded_json, read_bounded

MAX_LINES = 500
_MAX_BYTES = 1 << 20  # of the file: a line may be a pasted book
_MAX_READ = 1 << 26  # bytes of a file that is read: it may be edited


class PromptHistory:
    """The lines that were sent, and the one that is looked at.

    `older`, `newer` and `add` belong to the thread of the screen; `save` may run in any thread.
    """

    def __init__(self, file: Callable[[], Path]) -> None:
        """`file` returns the path of the file; asked anew each time."""
        self._file = file
        self._lines: list[str] | None = None  # None until they are read
        self._last = ""  # the last line that was added
        self._edits: dict[int, str] = {}  # edited lines by index, until one is sent; at the end, the unsent one
        self._index: int | None = None  # of the line that is looked at; None at the unsent one
        self._unsaved: list[str] = []
        self._lock = threading.Lock()  # of one writer in this app

    def older(self, text: str) -> str | None:
        """Return the line before the one that is looked at; None at the oldest.

        `text` is what the prompt holds. It is kept where it was edited until a line is sent.
        """
        lines = self._read()
        index = len(lines) if self._index is None else self._index
        return self._go(index, index - 1, text) if index else None

    def newer(self, text: str) -> str | None:
        """Return the line after the one that is looked at, at last the unsent one; None at that. See `older`."""
        return None if self._index is None else self._go(self._index, self._index + 1, text)

    def _go(self, index: int, target: int, text: str) -> str:
        lines = self._read()
        self._edits[index] = text
        self._index = target if target < len(lines) else None
        return self._edits.get(target, lines[target] if target < len(lines) else "")

    def add(self, line: str) -> None:
        """Append a line that was sent, unless it is blank or the last one again. The next `older` begins at the end."""
        self._edits.clear()
        self._index = None
        if not line.strip() or line == self._last:
            return
        self._last = line
        self._unsaved.append(line)
        if self._lines is not None:
            self._lines = _without_repeats([*self._lines, line])[-MAX_LINES:]

    def save(self) -> None:
        """Append the new lines to the file, which keeps the last `MAX_LINES`.

        Raises `RnntuiError` if it cannot be written; the lines then stay for the next call.
        """
        with self._lock:
            lines = list(self._unsaved)
            if not lines:
                return
            file = self._file()
            try:
                make_folder(file.parent)
                with folder_lock(file.parent, f".{file.name}.lock"):
                    write_user_file(file, _encode([*_read_lines(file), *lines]))
            except OSError as error:
                raise RnntuiError(f"cannot write {file}: {error}") from error
            del self._unsaved[: len(lines)]

    def _read(self) -> list[str]:
        if self._lines is None:
            unsaved = list(self._unsaved)
            try:
                lines = _read_lines(self._file())
            except OSError:  # `save` reports it
                lines = []
            if lines[-len(unsaved) :] != unsaved:  # else a thread is saving them just now
                lines += unsaved
            self._lines = _without_repeats(lines)[-MAX_LINES:]
        return self._lines


def _read_lines(file: Path) -> list[str]:
    """Return the lines of the file, which need not exist; damaged ones are left out.

    Raises `OSError` if it cannot be read.
    """
    try:
        data = read_bounded(file, _MAX_READ)
    except FileNotFoundError:
        return []
    lines = []
    for encoded in data.splitlines():
        try:
            line = parse_bounded_json(encoded)
        except ValueError:
            continue
        if isinstance(line, str):
            lines.append(line)
    return lines


def _encode(lines: list[str]) -> bytes:
    encoded: list[bytes] = []
    size = 0
    for line in reversed(_without_repeats(lines)[-MAX_LINES:]):
        encoded.append(json.dumps(line).encode() + b"\n")
        size += len(encoded[-1])
        if size > _MAX_BYTES and len(encoded) > 1:
            encoded.pop()
            break
    return b"".join(reversed(encoded))


def _without_repeats(lines: Iterable[str]) -> list[str]:
    return [line for line, _ in groupby(lines)]
