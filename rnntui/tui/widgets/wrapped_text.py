"""A growing text, wrapped to a width in terminal cells."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import NamedTuple

from rnntui.tui.widgets.grapheme_clusters import BLANKS, SIMPLE, cluster_at

_FOLD = 8192  # characters kept apart from the bulk, so that a token does not copy the whole text


class Glyph(NamedTuple):
    """A cluster in its line: offsets `start` to `end` of the text, shown so, `column` and `cells` in terminal cells.

    A line break, and a blank that hangs over the end of the line, show nothing.
    """

    start: int
    end: int
    shown: str
    column: int
    cells: int


class WrappedText:
    r"""Wraps a text that grows at its end to lines of so many terminal cells, at blanks where it can.

    A line break ends a line; the text has one line more than it has line breaks, so an empty text has one. A blank
    that would begin a line hangs over the end of the one before. A word longer than the width is broken between
    clusters, and Chinese, Japanese and Korean text between any two characters. What `visible` escapes stands as its
    escape (`\x1b` takes four cells), unbroken. A cluster wider than the width has a line to itself.

    The lines are those of the whole text, however it came: appending wraps anew from the start of the last line,
    which holds at most about `width` clusters, so it costs the same at any length. Memory is the text and an integer
    a line.

    `width` and `tab` (the distance of tab stops) are in cells. Raises `ValueError` if either is below 1.
    """

    def __init__(self, width: int, *, tab: int = 4) -> None:
        if width < 1 or tab < 1:
            raise ValueError(f"a width and tab stops of 1 or more are needed (got {width} and {tab})")
        self._width = width
        self._tab = tab
        self._bulk = ""  # ends where a line starts
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
        """How many lines there are, at least one."""
        return len(self._starts)

    def __len__(self) -> int:
        """The length of the text in characters."""
        return len(self._bulk) + len(self._tail)

    def slice(self, start: int, end: int) -> str:
        """The text from one offset to another."""
        bulk = len(self._bulk)
        if start >= bulk:
            return self._tail[start - bulk : max(0, end - bulk)]
        return self._bulk[start:end] + (self._tail[: end - bulk] if end > bulk else "")

    def append(self, text: str) -> int:
        """Add text at the end, and return the first line that is not as it was."""
        first = self.lines - 1
        self._tail += text
        self._wrap()
        return first

    def truncate(self, length: int) -> int:
        """Cut the text back to its first `length` characters, and return the first line that may not be as it was.

        Longer than the text: nothing happens. Raises `ValueError` if negative.
        """
        if length < 0:
            raise ValueError(f"cannot cut to {length} characters")
        if length >= len(self):
            return self.lines - 1
        # The cluster that made a line end stands in one of the two lines after it; cut away, the line goes on.
        first = max(0, self._line_of(length) - 2)
        text = self.slice(0, length)
        del self._starts[first + 1 :]
        self._split(text)
        self._wrap()
        return first

    def clear(self) -> None:
        """Begin anew with an empty text."""
        self._bulk = self._tail = ""
        self._starts = array("Q", [0])

    def rewrap(self, width: int) -> None:
        """Wrap the whole text to another width in cells. Raises `ValueError` if it is below 1."""
        if width < 1:
            raise ValueError(f"a width of 1 or more is needed (got {width})")
        self._width = width
        self._bulk, self._tail = "", self.text
        self._starts = array("Q", [0])
        self._wrap()

    def line(self, index: int) -> tuple[int, int]:
        """The offsets where a line starts and ends, with its hanging blank and its line break."""
        after = index + 1
        return self._starts[index], self._starts[after] if after < len(self._starts) else len(self)

    def glyphs(self, index: int) -> list[Glyph]:
        """The clusters of a line, in order."""
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
            after, (shown, cells, _, _) = cluster_at(text, position)
            character = text[position]
            if character == "\n":
                shown, cells = "", 0
            elif character == "\t":
                cells = self._tab_cells(column)
                shown = " " * cells + shown[1:]
            if position and column + cells > self._width:
                shown = ""
            glyphs.append(Glyph(start + position, start + after, shown, column, cells))
            position = after
            column += cells
        return glyphs

    def locate(self, offset: int) -> tuple[int, int]:
        """The line and the column (in cells) of the cluster at an offset; the end of the text has a place too."""
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
        """The offset of the cluster that covers a column (in cells) of a line; beyond its end, of its last cluster.

        The last line ends with the end of the text. Lines and columns outside the text count as the nearest inside.
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
        # The last character of a line: a line break, or one that no mark follows, since marks stay with their base.
        return SIMPLE.fullmatch(text, 0, len(text) - text.endswith("\n")) is not None

    def _hide_last(self, glyphs: list[Glyph], text: str) -> None:
        for i in range(max(0, min(len(glyphs) - 1, self._width)), len(glyphs)):
            cells = 0 if text[i] == "\n" else 1
            glyphs[i] = glyphs[i]._replace(shown="", cells=cells)

    def _tab_cells(self, column: int) -> int:
        cells = self._tab - column % self._tab
        return min(cells, self._width - column) if column < self._width else cells

    def _split(self, text: str) -> None:
        cut = self._starts[-1]
        self._bulk, self._tail = text[:cut], text[cut:]

    def _wrap(self) -> None:
        base = len(self._bulk)
        text = self._tail
        starts = self._starts
        position = starts[-1] - base
        while (end := self._end(text, position)) >= 0:
            starts.append(base + end)
            position = end
        if len(text) > _FOLD + base // 16:
            self._bulk += text[:position]
            self._tail = text[position:]

    def _end(self, text: str, start: int) -> int:
        """Where the line from `start` ends; -1 if it is the last."""
        width = self._width
        limit = start + width + 2  # enough to see a blank hang, and whether a mark makes it none
        newline = text.find("\n", start, limit)
        stop = min(len(text), limit) if newline < 0 else newline
        if SIMPLE.fullmatch(text, start, stop) is None:
            return self._careful_end(text, start)
        over = start + width  # the first character too many
        if stop <= over or (stop == over + 1 and text[over] == " "):
            return -1 if newline < 0 else newline + 1
        if text[over] == " ":
            return over + 1
        blank = text.rfind(" ", start, over)
        return over if blank < 0 else blank + 1

    def _careful_end(self, text: str, start: int) -> int:
        column = 0
        chance = -1  # the last place to break at
        after_blank = after_loose = hanging = False
        position = start
        while position < len(text):
            character = text[position]
            if character == "\n":
                return position + 1
            if hanging:
                return position
            end, (_, cells, loose, first) = cluster_at(text, position)
            if character == "\t":
                cells = self._tab_cells(column)
            blank = character in BLANKS and end == position + 1
            if position > start:
                if after_blank or ((after_loose or loose) and first):
                    chance = position
                if column + cells > self._width:
                    if not blank:
                        return position if chance < 0 else chance
                    hanging = True
            column += cells
            after_blank, after_loose = blank, loose
            position = end
        return -1
