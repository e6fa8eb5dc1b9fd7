"""Movement of a text cursor through wrapped text."""

from __future__ import annotations

import re
from typing import Literal

from rnntui.tui.widgets.wrapped_text import WrappedText

Motion = Literal[
    "left", "right", "word_left", "word_right", "up", "down", "page_up", "page_down", "home", "end", "start", "finish"
]
"""A move by a character, word, line or page, to an end of the line (home, end) or of the text (start, finish)."""

_WORD = re.compile(r"\w+|[^\w\s]+")
_LINE_END = 10**9  # a column beyond the end of any line
_WORD_SEARCH = 1000  # characters searched for a word


class Caret:
    """Moves an offset through a text; vertical moves keep the column, even across shorter lines."""

    def __init__(self) -> None:
        self._goal_column = 0
        self._last_vertical: int | None = None  # the offset after the last vertical move; from others, the goal is new

    def move(self, wrapped: WrappedText, offset: int, motion: Motion, page: int) -> int:
        """Return the offset after a motion.

        Args:
            wrapped: The text.
            offset: The offset before the motion.
            motion: The motion.
            page: The height of a page in lines.
        """
        line, column = wrapped.locate(offset)
        steps = {"up": -1, "down": 1, "page_up": -page, "page_down": page}
        if motion in steps:
            if offset != self._last_vertical:
                self._goal_column = column
            target = line + steps[motion]
            self._last_vertical = wrapped.offset_at(target, self._goal_column) if target >= 0 else 0
            return self._last_vertical
        self._last_vertical = None
        match motion:
            case "left":
                line, column = wrapped.locate(offset - 1) if offset else (0, 0)
            case "right":
                return self._next_offset(wrapped, offset)
            case "home":
                column = 0
            case "end":
                column = _LINE_END
            case "start":
                line = column = 0
            case "finish":
                line = wrapped.lines
            case "word_left":
                words = word_bounds(wrapped, max(0, offset - _WORD_SEARCH), offset)
                return words[-1][0] if words else max(0, offset - _WORD_SEARCH)
            case _:
                words = word_bounds(wrapped, offset, min(len(wrapped), offset + _WORD_SEARCH))
                following = [start for start, _ in words if start > offset]
                return following[0] if following else min(len(wrapped), offset + _WORD_SEARCH)
        return wrapped.offset_at(line, column)

    @staticmethod
    def _next_offset(wrapped: WrappedText, offset: int) -> int:
        for glyph in wrapped.glyphs(wrapped.locate(offset)[0]):
            if glyph.start <= offset < glyph.end:
                return glyph.end
        return offset


def word_bounds(wrapped: WrappedText, start: int, end: int) -> list[tuple[int, int]]:
    """Return the start and end offsets of words and of runs of punctuation in a part of the text."""
    return [(start + m.start(), start + m.end()) for m in _WORD.finditer(wrapped.slice(start, end))]
