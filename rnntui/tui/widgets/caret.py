"""How a text cursor moves through a wrapped text."""

from __future__ import annotations

import re
from typing import Literal

from rnntui.tui.widgets.wrapped_text import WrappedText

Motion = Literal[
    "left", "right", "word_left", "word_right", "up", "down", "page_up", "page_down", "home", "end", "start", "finish"
]
"""A move by a character, a word, a line or a page; to the ends of the line (home, end) or of the text."""

_WORD = re.compile(r"\w+|[^\w\s]+")
_FAR = 10**9  # a column beyond the end of any line
_NEARBY = 1000  # characters looked at for a word


class Caret:
    """Moves an offset through a text; going up and down, it stays in its column, through shorter lines too."""

    def __init__(self) -> None:
        self._goal = 0
        self._from: int | None = None  # where the last move up or down led: from elsewhere, the goal is another

    def moved(self, wrapped: WrappedText, offset: int, motion: Motion, page: int) -> int:
        """The offset that a motion leads to from another one; `page` is the height of a page in lines."""
        line, column = wrapped.locate(offset)
        steps = {"up": -1, "down": 1, "page_up": -page, "page_down": page}
        if motion in steps:
            if offset != self._from:
                self._goal = column
            wanted = line + steps[motion]
            self._from = wrapped.offset_at(wanted, self._goal) if wanted >= 0 else 0
            return self._from
        self._from = None
        match motion:
            case "left":
                line, column = wrapped.locate(offset - 1) if offset else (0, 0)
            case "right":
                return self._after(wrapped, offset)
            case "home":
                column = 0
            case "end":
                column = _FAR
            case "start":
                line = column = 0
            case "finish":
                line = wrapped.lines
            case "word_left":
                words = word_bounds(wrapped, max(0, offset - _NEARBY), offset)
                return words[-1][0] if words else max(0, offset - _NEARBY)
            case _:
                words = word_bounds(wrapped, offset, min(len(wrapped), offset + _NEARBY))
                later = [start for start, _ in words if start > offset]
                return later[0] if later else min(len(wrapped), offset + _NEARBY)
        return wrapped.offset_at(line, column)

    @staticmethod
    def _after(wrapped: WrappedText, offset: int) -> int:
        for glyph in wrapped.glyphs(wrapped.locate(offset)[0]):
            if glyph.start <= offset < glyph.end:
                return glyph.end
        return offset


def word_bounds(wrapped: WrappedText, start: int, end: int) -> list[tuple[int, int]]:
    """Where words, and runs of punctuation, start and end within a part of the text."""
    return [(start + m.start(), start + m.end()) for m in _WORD.finditer(wrapped.slice(start, end))]
