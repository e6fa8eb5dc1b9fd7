"""Text areas side by side whose lines begin on the same rows, however each of them is wrapped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.document._document import DocumentBase, Location
from textual.document._wrapped_document import WrappedDocument
from textual.geometry import Offset
from textual.strip import Strip

from rnntui.tui.widgets.editors import ClusterTextArea
from rnntui.tui.widgets.paint import LEVELS, SpanStyles

_CACHED_ROWS = 256
"""Painted rows that are kept: some screens. Each key that is typed paints another one, of some kilobytes."""


class AlignedDocument(WrappedDocument):
    """A wrapped document in which a line can have more rows than its text: padding rows at its end, which are blank.

    For a cursor the padding rows are the line's last row.
    """

    _min_rows: Sequence[int] = ()  # of each line
    text_rows: Sequence[int] = ()
    """The number of rows of each line's text, without padding."""

    def __init__(self, document: DocumentBase, tab_width: int) -> None:
        super().__init__(document, tab_width=tab_width)

    @property
    def height(self) -> int:
        """The number of rows."""
        return len(self._offset_to_line_info)

    def is_padding(self, row: int) -> bool:
        """Return True if a row is padding."""
        if row >= len(self._offset_to_line_info):
            return True
        line = self._offset_to_line_info[row][0]
        return row - self._line_index_to_offsets[line][0] > len(self._wrap_offsets[line])

    def set_min_rows(self, min_rows: Sequence[int]) -> bool:
        """Pad each line to so many rows. Returns whether anything changed."""
        if min_rows == self._min_rows:
            return False
        self._min_rows = min_rows
        return self._pad()

    def wrap(self, width: int, tab_width: int | None = None) -> None:
        """Wrap all lines to a width in cells; 0 does not wrap."""
        super().wrap(width, tab_width)
        self._count_text_rows()
        self._pad()

    def wrap_range(self, start: Location, old_end: Location, new_end: Location) -> None:
        """Wrap the lines that an edit has changed."""
        super().wrap_range(start, old_end, new_end)
        first = min(start[0], old_end[0])
        old_after, new_after = max(start[0], old_end[0]) + 1, max(start[0], new_end[0]) + 1
        # The edited lines keep their rows until the other pane has changed too.
        rows = list(self._min_rows[first:old_after])[: new_after - first]
        rows += [1] * (new_after - first - len(rows))
        self._min_rows = [*self._min_rows[:first], *rows, *self._min_rows[old_after:]]
        self._count_text_rows()
        self._pad()

    def _count_text_rows(self) -> None:
        self.text_rows = [len(offsets) + 1 for offsets in self._wrap_offsets]

    def _pad(self) -> bool:
        rows = list(map(max, self.text_rows, self._min_rows))
        rows += self.text_rows[len(rows) :]
        if rows == [len(offsets) for offsets in self._line_index_to_offsets]:
            return False
        rows_of_lines: list[list[int]] = []
        sections: list[tuple[int, int]] = []  # for each row its line, and which part of the wrapped line it is
        for line, (count, text_rows) in enumerate(zip(rows, self.text_rows, strict=True)):
            rows_of_lines.append(list(range(len(sections), len(sections) + count)))
            sections += [(line, min(row, text_rows - 1)) for row in range(count)]
        self._line_index_to_offsets, self._offset_to_line_info = rows_of_lines, sections
        return True


class Highlight(NamedTuple):
    """A part of a line, and how strongly it is highlighted, 0 to 1; from 0 to -1 in the second colour."""

    start: int
    end: int
    weight: float


class AlignedTextArea(ClusterTextArea):
    """A text area that can be aligned with another, and whose words can be highlighted."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+home", "start", "Start of the text", show=False, id="area.start"),
        Binding("ctrl+end", "finish", "End of the text", show=False, id="area.finish"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "aligned-text-area--highlight",
        "aligned-text-area--negative",
        "aligned-text-area--cursor-line",
    }
    DEFAULT_CSS = """
    AlignedTextArea { scrollbar-gutter: stable; scrollbar-size-vertical: 1; overflow-x: hidden; }
    AlignedTextArea > .aligned-text-area--highlight { background: $warning; }
    AlignedTextArea > .aligned-text-area--negative { background: $primary; }
    AlignedTextArea > .aligned-text-area--cursor-line { background: $foreground 7%; }
    """

    def __init__(self, *, read_only: bool = False, placeholder: str = "", id: str | None = None) -> None:
        self._highlighted_line = 0
        self._word_highlights: list[Highlight] = []
        self._palettes: tuple[SpanStyles, SpanStyles] | None = None  # of positive and of negative weights
        super().__init__(
            soft_wrap=True, show_line_numbers=False, highlight_cursor_line=False, compact=True, read_only=read_only,
            placeholder=placeholder, id=id,
        )  # fmt: skip
        self._line_cache = LRUCache(_CACHED_ROWS)

    @property
    def wrapped_document(self) -> AlignedDocument:
        """The document as it is wrapped. Any document that Textual sets is replaced by one that can be padded.

        Textual sets it for a new text, and at once moves the cursor, which scrolls: what follows from that, such as
        aligning the panes, needs the padding already.
        """
        return self._aligned_document

    @wrapped_document.setter
    def wrapped_document(self, wrapped: WrappedDocument) -> None:
        self._aligned_document = AlignedDocument(wrapped.document, self.indent_width)

    def _rewrap_and_refresh_virtual_size(self) -> None:
        # Textual wraps the whole text whenever a scrollbar appears; a megabyte takes half a second.
        if self.wrapped_document._width == self.wrap_width:
            self._refresh_size()
        else:
            super()._rewrap_and_refresh_virtual_size()

    @property
    def encoded_lines(self) -> list[str]:
        """The lines as the area holds them: encoded by `encode_control_chars`."""
        return list(self.document.lines)

    @property
    def visible_lines(self) -> tuple[int, int]:
        """The index of the first visible line, and of the one after the last."""
        top = self.scroll_offset.y
        first, last = (
            self.wrapped_document.offset_to_location(Offset(0, row))[0]
            for row in (top, top + max(0, self.size.height - 1))
        )
        return first, last + 1

    def set_min_rows(self, min_rows: Sequence[int]) -> None:
        """Pad each line to so many rows."""
        if self.wrapped_document.set_min_rows(min_rows):
            self._line_cache.clear()
            self._refresh_size()
            self._recompute_cursor_offset()
            self.refresh()

    def highlight(self, line: int, highlights: Sequence[Highlight]) -> None:
        """Highlight parts of a line, and no other line."""
        if (line, highlights) != (self._highlighted_line, self._word_highlights):
            self._highlighted_line, self._word_highlights = line, list(highlights)
            self._line_cache.clear()
            self.refresh()

    def action_start(self) -> None:
        """Move the cursor to the start of the text."""
        self.move_cursor(self.document.start)

    def action_finish(self) -> None:
        """Move the cursor to the end of the text."""
        self.move_cursor(self.document.end)

    def scroll_cursor_visible(self, center: bool = False, animate: bool = False) -> Offset:
        """Scroll to the cursor, but only in the focused pane: in the other one it follows."""
        return super().scroll_cursor_visible(center, animate) if self.has_focus else Offset(0, 0)

    def find_matching_bracket(self, bracket: str, search_from: Location) -> Location | None:
        """Return None: this is not code, and the search would be slow in a long text."""
        return None

    # -- painting ------------------------------------------------------------------------------------------------

    def get_line(self, line_index: int) -> Text:
        """Return a line with its highlights."""
        line = super().get_line(line_index)
        if line_index == self._highlighted_line:
            for start, end, weight in self._word_highlights:
                line.stylize(self._highlight_style(weight), start, end)
        return line

    def _highlight_style(self, weight: float) -> Style:
        if self._palettes is None:
            self._palettes = self._palette("highlight"), self._palette("negative")
        strength = abs(weight)
        level = max(1, min(LEVELS, round(strength * LEVELS)))
        # For terminals without colours: bold is strong; underlined more than a trace, negative ones italic instead.
        is_visible = strength >= 0.1
        shade = Style(bold=strength >= 0.5, underline=is_visible and weight > 0, italic=is_visible and weight < 0)
        return self._palettes[weight < 0].style("model", level) + shade

    def _palette(self, component: str) -> SpanStyles:
        strongest = self.get_component_rich_style(f"aligned-text-area--{component}")
        return SpanStyles(self.rich_style, {"model": self.rich_style}, strongest)

    def _render_line(self, y: int) -> Strip:
        row, document = self.scroll_offset.y + y, self.wrapped_document
        strip = super()._render_line(y)
        if row >= document.height:
            return strip
        if document.is_padding(row):  # Textual has painted the line's last row again
            strip = Strip.blank(strip.cell_length, self.rich_style)
        line, _ = document.offset_to_location(Offset(0, row))
        return self._on_cursor_line(strip) if line == self.cursor_location[0] else strip

    def _on_cursor_line(self, strip: Strip) -> Strip:
        """Return a row with the background of the cursor's line, but below the highlights.

        Textual would paint that background over them.
        """
        base = self.rich_style.bgcolor
        background = Style(bgcolor=self.get_component_rich_style("aligned-text-area--cursor-line").bgcolor)
        segments = [
            Segment(text, (style or Style()) + background if style is None or style.bgcolor in (None, base) else style)
            for text, style, _ in strip
        ]
        return Strip(segments, strip.cell_length)

    def notify_style_update(self) -> None:
        """Compute the colours of the highlights anew: the theme has changed."""
        self._palettes = None
        super().notify_style_update()


def align_rows(left: AlignedTextArea, right: AlignedTextArea) -> None:
    """Pad the lines of two areas so that each line begins on the same row in both."""
    left_rows, right_rows = left.wrapped_document.text_rows, right.wrapped_document.text_rows
    if len(left_rows) == len(right_rows):
        min_rows = list(map(max, left_rows, right_rows))
        left.set_min_rows(min_rows)
        right.set_min_rows(min_rows)
