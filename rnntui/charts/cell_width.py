"""How many cells of a terminal a text takes, as far as Unicode tells, and texts cut to so many."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

CellWidth = Callable[[str], int]


def cell_width(text: str) -> int:
    """Cells that a text takes: wide East Asian characters two, marks that sit on others none."""
    if text.isascii():
        return len(text)
    return sum(_width(character) for character in text)


def fit(text: str, width: int, measure: CellWidth = cell_width) -> str:
    """The text, cut to at most so many cells; what was cut ends with …"""
    if measure(text) <= width:
        return text
    if width < 1:
        return ""
    kept = text[:width]  # a cell holds a base character at most; long rows of marks go, too
    while kept and measure(kept) > width - 1:
        kept = kept[:-1]
    return kept + "…"


def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
