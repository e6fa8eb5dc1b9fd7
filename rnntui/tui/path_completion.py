"""Completion of typed paths."""

from __future__ import annotations

import asyncio
import contextlib
import os
from itertools import islice
from pathlib import Path

from textual.suggester import Suggester

from rnntui.text.control_chars import decode_control_chars

_MAX_ENTRIES = 2000  # of a folder, searched for a completion


class PathSuggester(Suggester):
    """Completes an input that is a single path, of a folder or of any file."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        """Return the completed path; None if there is no completion."""
        rest = await asyncio.to_thread(rest_of_path, decode_control_chars(value), ("",)) if value else None
        return value + rest if rest else None


def rest_of_path(typed: str, endings: tuple[str, ...]) -> str | None:
    """Return what the first matching path of a folder or file has beyond a typed path; None if none matches.

    Files end in one of `endings`; an empty one allows all.
    """
    folder, _, prefix = typed.rpartition("/")
    path = Path(f"{folder}/" if folder or typed.startswith("/") else ".")
    with contextlib.suppress(OSError, RuntimeError, ValueError), os.scandir(path.expanduser()) as entries:
        candidates = [
            entry.name + ("/" if entry.is_dir() else "")
            for entry in islice(entries, _MAX_ENTRIES)
            if entry.name.startswith(prefix) and (prefix or not entry.name.startswith("."))
            and (entry.is_dir() or entry.name.lower().endswith(endings))
        ]  # fmt: skip
        for name in sorted(candidates):
            if name != prefix and name.isprintable():
                return name[len(prefix) :]
    return None
