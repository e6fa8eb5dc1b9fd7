"""Incremental wrapping of a growing text to a width in terminal cells."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import NamedTuple

from rnntui.tui.widgets.grapheme_clusters import BLANKS, SIMPLE, cluster_at

_MAX_TAIL = 8192  # characters kept apart from the rest, so that a new token does not copy the whole text


class Glyph(NamedTuple):
    """A grapheme cluster in its line: offsets `start` to `end`, displayed `text`, `column` and width `cells` in cells.

    The text of a line break, and of a blank that hangs over the end of the line, is empty.
    """

    start: int
    end: int
    text: str
    column: int
    cells: int


class WrappedText:
    r"""Wraps a text that grows at its end to lines of `width` cells, at blanks where possible.

    A line break ends a line; the text has one line more than it has line breaks, so an empty text has one. A blank
    that would begin a line hangs over the end of the one before. A word longer than the width is broken between
    clusters, and Chinese, Japanese and Korean text between any two characters. A control character is displayed as its
    escape (`\x1b` takes four cells), unbroken. A cluster wider than the width has a line to itself.

    The lines do not depend on how the text was appended: appending rewraps from the start of the last line, which has
    at most about `width` clusters, so it costs the same at any length. Memory is the text and an integer per line.

    `width` and `tab` (the distance of tab stops) are in cells. Raises `ValueError` if either is below 1.
    """

    def __init__(self, width: int, *, tab: int = 4) -> None:
        if width < 1 or tab < 1:
            raise ValueError(f"a width and tab stops of 1 or more are needed (got {width} and {tab})")
        self._width = width
        self._tab = tab
        self._bulk = ""  # ends at the start of a line
        self._tail = ""
        self._starts = array("Q", [0])

    @property
    def width(self) -> int:
        """The width of a line in cells."""
        return self._width

    @property
    def text(self) -> str:
        """The whole text."""
        return self._bulk + self._tail

    @property
    def lines(self) -> int:
        """The number of lines, at least one."""
        return len(self._starts)

    def __len__(self) -> int:
        """The length of the text in characters."""
        return len(self._bulk) + len(self._tail)

    def slice(self, start: int, end: int) -> str:
        """Return the text from offset `start` to `end`."""
        bulk = len(self._bulk)
        if start >= bulk:
            return self._tail[start - bulk : max(0, end - bulk)]
        return self._bulk[start:end] + (self._tail[: end - bulk] if end > bulk else "")

    def append(self, text: str) -> int:
        """Append text, and return the first line that changed."""
        first = self.lines - 1
        self._tail += text
        self._wrap()
        return first

    def truncate(self, length: int) -> int:
        """Truncate the text to `length` characters, and return the first line that may have changed.

        A length beyond that of the text changes nothing. Raises `ValueError` if it is negative.
        """
        if length < 0:
            raise ValueError(f"cannot truncate to {length} characters")
        if length >= len(self):
            return self.lines - 1
        # The cluster that ended a line is in one of the two lines after it; without it, the line continues.
        first = max(0, self._line_of(length) - 2)
        text = self.slice(0, length)
        del self._starts[first + 1 :]
        self._split(text)
        self._wrap()
        return first

    def clear(self) -> None:
        """Remove all text."""
        self._bulk = self._tail = ""
        self._starts = array("Q", [0])

    def rewrap(self, width: int) -> None:
        """Rewrap the whole text to another width in cells. Raises `ValueError` if it is below 1."""
        if width < 1:
            raise ValueError(f"a width of 1 or more is needed (got {width})")
        self._width = width
        self._bulk, self._tail = "", self.text
        self._starts = array("Q", [0])
        self._wrap()

    def line(self, index: int) -> tuple[int, int]:
        """Return the start and end offset of a line, with its hanging blank and its line break."""
        following = index + 1
        return self._starts[index], self._starts[following] if following < len(self._starts) else len(self)

    def glyphs(self, index: int) -> list[Glyph]:
        """Return the clusters of a line, in order."""
        start, end = self.line(index)
        text = self.slice(start, end)
        if self._is_simple(text):
            hanging = len(text) > self._width  # at most the last one
            glyphs = [Glyph(start + i, start + i + 1, c, i, 1) for i, c in enumerate(text)]
            if hanging or text.endswith("\n"):
                self._hide_last(glyphs, text)
            return glyphs
        glyphs = []
        position = column = 0
        while position < len(text):
            after, (displayed, cells, _, _) = cluster_at(text, position)
            character = text[position]
            if character == "\n":
                displayed, cells = "", 0
            elif character == "\t":
                cells = self._tab_cells(column)
                displayed = " " * cells + displayed[1:]
            if position and column + cells > self._width:
                displayed = ""
            glyphs.append(Glyph(start + position, start + after, displayed, column, cells))
            position = after
            column += cells
        return glyphs

    def locate(self, offset: int) -> tuple[int, int]:
        """Return line and column (in cells) of the cluster at an offset; the end of the text is a valid offset."""
        offset = min(max(0, offset), len(self))
        line = self._line_of(offset)
        start, end = self.line(line)
        if self._is_simple(self.slice(start, end)):
            return line, offset - start
        column = 0
        for glyph in self.glyphs(line):
            if offset < glyph.end:
                return line, glyph.column
            column = glyph.column + glyph.cells
        return line, column

    def offset_at(self, line: int, column: int) -> int:
        """Return the offset of the cluster at a column (in cells) of a line; beyond its end, that of the last cluster.

        The last line ends with the end of the text. Lines and columns outside the text are clamped.
        """
        if line >= self.lines:
            return len(self)
        start, end = self.line(max(0, line))
        last = line == self.lines - 1
        if self._is_simple(text := self.slice(start, end)):
            return start + min(max(0, column), len(text) if last else len(text) - 1)
        glyphs = self.glyphs(max(0, line))
        for glyph in glyphs:
            if column < glyph.column + glyph.cells:
                return glyph.start
        return end if last else glyphs[-1].start

    def _line_of(self, offset: int) -> int:
        return bisect_right(self._starts, offset) - 1

    def _is_simple(self, text: str) -> bool:
        # The last character of a line is a line break, or one without marks, because marks stay with their base.
        return SIMPLE.fullmatch(text, 0, len(text) - text.endswith("\n")) is not None

    def _hide_last(self, glyphs: list[Glyph], text: str) -> None:
        for i in range(max(0, min(len(glyphs) - 1, self._width)), len(glyphs)):
            cells = 0 if text[i] == "\n" else 1
            glyphs[i] = glyphs[i]._replace(text="", cells=cells)

    def _tab_cells(self, column: int) -> int:
        cells = self._tab - column % self._tab
        return min(cells, self._width - column) if column < self._width else cells

    def _split(self, text: str) -> None:
        last_start = self._starts[-1]
        self._bulk, self._tail = text[:last_start], text[last_start:]

    def _wrap(self) -> None:
        base = len(self._bulk)
        text = self._tail
        starts = self._starts
        position = starts[-1] - base
        while (end := self._line_end(text, position)) >= 0:
            starts.append(base + end)
            position = end
        if len(text) > _MAX_TAIL + base // 16:
            self._bulk += text[:position]
            self._tail = text[position:]

    def _line_end(self, text: str, start: int) -> int:
        """Return the end of the line that begins at `start`; -1 if it is the last."""
        width = self._width
        limit = start + width + 2  # includes a hanging blank and a mark that would follow it
        newline = text.find("\n", start, limit)
        stop = min(len(text), limit) if newline < 0 else newline
        if SIMPLE.fullmatch(text, start, stop) is None:
            return self._cluster_line_end(text, start)
        over = start + width  # the first character beyond the width
        if stop <= over or (stop == over + 1 and text[over] == " "):
            return -1 if newline < 0 else newline + 1
        if text[over] == " ":
            return over + 1
        blank = text.rfind(" ", start, over)
        return over if blank < 0 else blank + 1

    def _cluster_line_end(self, text: str, start: int) -> int:
        column = 0
        last_break = -1  # the last possible break
        after_blank = after_breakable = hanging = False
        position = start
        while position < len(text):
            character = text[position]
            if character == "\n":
                return position + 1
            if hanging:
                return position
            end, (_, cells, breakable, may_start_line) = cluster_at(text, position)
            if character == "\t":
                cells = self._tab_cells(column)
            blank = character in BLANKS and end == position + 1
            if position > start:
                if after_blank or ((after_breakable or breakable) and may_start_line):
                    last_break = position
                if column + cells > self._width:
                    if not blank:
                        return position if last_break < 0 else last_break
                    hanging = True
            column += cells
            after_blank, after_breakable = blank, breakable
            position = end
        return -1
