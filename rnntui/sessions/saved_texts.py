"""Saved texts: the autosaved and named texts of a folder, to list, search, rename, delete and restore."""

from __future__ import annotations

from rnntui.text.control_chars import one_line

_MAX_TITLE = 200  # characters


def title_of_text(text: str) -> str:
    """Return the title of a text: its first line that is not blank, on one line without control characters; or ""."""
    start = len(text) - len(text.lstrip())
    return one_line(text[start : start + _MAX_TITLE].partition("\n")[0].strip())
