"""Two text areas side by side whose lines begin on the same rows, however each of them is wrapped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.document._document import DocumentBase, Location
from textual.document._document_navigator import DocumentNavigator
from textual.document._wrapped_document import WrappedDocument
from textual.geometry import Offset
from textual.strip import Strip
from textual.widgets import TextArea

from rnntui.tui.widgets.paint import LEVELS, SpanStyles


class AlignedDocument(WrappedDocument):
    """A wrapped document in which a line can have more rows than its text needs; those at its end are blank.

    To a cursor the blank rows are the line's last row.
    """

    _wanted: Sequence[int] = ()  # rows of each line, at least

    def __init__(self, document: DocumentBase, tab_width: int) -> None:
        super().__init__(document, tab_width=tab_width)

    @property
    def height(self) -> int:
        """How many rows there are."""
        return len(self._offset_to_line_info)

    @property
    def needed(self) -> list[int]:
        """How many rows each line needs."""
        return [len(offsets) + 1 for offsets in self._wrap_offsets]

    def is_blank(self, row: int) -> bool:
        """Whether a row is only there to make its line longer."""
        if row >= len(self._offset_to_line_info):
            return True
        line = self._offset_to_line_info[row][0]
        return row - self._line_index_to_offsets[line][0] > len(self._wrap_offsets[line])

    def stretch(self, wanted: Sequence[int]) -> bool:
        """Give each line so many rows, or as many as it needs if that is more. Returns whether anything changed."""
        self._wanted = wanted
        return self._stretch()

    def wrap(self, width: int, tab_width: int | None = None) -> None:
        """Wrap all lines to a width in cells; 0 does not wrap."""
        super().wrap(width, tab_width)
        self._stretch()

    def wrap_range(self, start: Location, old_end: Location, new_end: Location) -> None:
        """Wrap what an edit has changed."""
        super().wrap_range(start, old_end, new_end)
        top, before, after = start[0], max(start[0], old_end[0]) + 1, max(start[0], new_end[0]) + 1
        top = min(top, old_end[0])
        # Until the other side has changed too, what is edited keeps its rows.
        rows = list(self._wanted[top:before])[: after - top]
        rows += [1] * (after - top - len(rows))
        self._wanted = [*self._wanted[:top], *rows, *self._wanted[before:]]
        self._stretch()

    def _stretch(self) -> bool:
        rows = [max(pair) for pair in zip(self.needed, self._wanted, strict=False)]
        rows += self.needed[len(rows) :]
        if rows == [len(offsets) for offsets in self._line_index_to_offsets]:
            return False
        offsets: list[list[int]] = []
        places: list[tuple[int, int]] = []
        for line, (count, needed) in enumerate(zip(rows, self.needed, strict=True)):
            offsets.append(list(range(len(places), len(places) + count)))
            places += [(line, min(row, needed - 1)) for row in range(count)]
        self._line_index_to_offsets, self._offset_to_line_info = offsets, places
        return True


class Highlight(NamedTuple):
    """A part of a line, and how strongly it is highlighted, 0 to 1."""

    start: int
    end: int
    strength: float


class AlignedArea(TextArea):
    """A text area that can be aligned with another, and whose words can be highlighted."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+home", "start", "Start of the text", show=False, id="area.start"),
        Binding("ctrl+end", "finish", "End of the text", show=False, id="area.finish"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"aligned-area--mark", "aligned-area--line"}
    DEFAULT_CSS = """
    AlignedArea { scrollbar-gutter: stable; scrollbar-size-vertical: 1; overflow-x: hidden; }
    AlignedArea > .aligned-area--mark { background: $warning; }
    AlignedArea > .aligned-area--line { background: $foreground 7%; }
    """

    wrapped_document: AlignedDocument

    def __init__(self, *, read_only: bool = False, placeholder: str = "", id: str | None = None) -> None:
        self._marked = 0
        self._marks: list[Highlight] = []
        self._palette: SpanStyles | None = None
        super().__init__(
            soft_wrap=True, show_line_numbers=False, highlight_cursor_line=False, compact=True, read_only=read_only,
            placeholder=placeholder, id=id,
        )  # fmt: skip

    def _set_document(self, text: str, language: str | None) -> None:
        super()._set_document(text, language)
        self.wrapped_document = AlignedDocument(self.document, self.indent_width)
        self.navigator = DocumentNavigator(self.wrapped_document)
        self._rewrap_and_refresh_virtual_size()

    def _rewrap_and_refresh_virtual_size(self) -> None:
        # Textual wraps anew whenever a scrollbar comes or goes; a megabyte takes half a second.
        if self.wrapped_document._width == self.wrap_width:
            self._refresh_size()
        else:
            super()._rewrap_and_refresh_virtual_size()

    @property
    def raw_lines(self) -> list[str]:
        """The lines as they stand in the area."""
        return list(self.document.lines)

    @property
    def in_view(self) -> tuple[int, int]:
        """The first line in view, and the one after the last."""
        top = self.scroll_offset.y
        first, last = (
            self.wrapped_document.offset_to_location(Offset(0, row))[0]
            for row in (top, top + max(0, self.size.height - 1))
        )
        return first, last + 1

    def stretch(self, rows: Sequence[int]) -> None:
        """Give each line at least so many rows."""
        if self.wrapped_document.stretch(rows):
            self._line_cache.clear()
            self._refresh_size()
            self._recompute_cursor_offset()  # type: ignore[no-untyped-call]
            self.refresh()

    def mark(self, line: int, marks: Iterable[Highlight]) -> None:
        """Highlight parts of a line, and nothing else."""
        new = [mark for mark in marks if mark.strength > 0]
        if (line, new) != (self._marked, self._marks):
            self._marked, self._marks = line, new
            self._line_cache.clear()
            self.refresh()

    def action_start(self) -> None:
        """The cursor to the start of the text."""
        self.move_cursor(self.document.start)

    def action_finish(self) -> None:
        """The cursor to the end of the text."""
        self.move_cursor(self.document.end)

    def scroll_cursor_visible(self, center: bool = False, animate: bool = False) -> Offset:
        """Scroll to the cursor: only where a person moves it, and not where it follows the other side."""
        return super().scroll_cursor_visible(center, animate) if self.has_focus else Offset(0, 0)

    def find_matching_bracket(self, bracket: str, search_from: Location) -> Location | None:
        """No brackets are matched: here is no code, and in a long text it would take long."""
        return None

    # -- painting ------------------------------------------------------------------------------------------------

    def get_line(self, line_index: int) -> Text:
        """A line with its highlights."""
        line = super().get_line(line_index)
        if line_index == self._marked:
            for mark in self._marks:
                line.stylize(self._style_of(mark.strength), mark.start, mark.end)
        return line

    def _style_of(self, strength: float) -> Style:
        if self._palette is None:
            base, mark = self.rich_style, self.get_component_rich_style("aligned-area--mark")
            self._palette = SpanStyles(base, {"model": base}, mark)
        level = max(1, min(LEVELS, round(strength * LEVELS)))
        # Without colours too: bold what is strong, underlined what is more than a trace.
        shade = Style(bold=strength >= 0.5, underline=strength >= 0.1)
        return self._palette.style("model", level) + shade

    def _render_line(self, y: int) -> Strip:
        row, document = self.scroll_offset.y + y, self.wrapped_document
        strip = super()._render_line(y)
        if row >= document.height:
            return strip
        if document.is_blank(row):  # Textual has painted the line's last row again
            strip = Strip.blank(strip.cell_length, self.rich_style)
        line, _ = document.offset_to_location(Offset(0, row))
        return self._on_line(strip) if line == self.cursor_location[0] else strip

    def _on_line(self, strip: Strip) -> Strip:
        """A row of the line that the cursor is on: its ground is another, under all that is highlighted.

        Textual would lay that ground over the highlights.
        """
        base = self.rich_style.bgcolor
        ground = Style(bgcolor=self.get_component_rich_style("aligned-area--line").bgcolor)
        segments = [
            Segment(text, (style or Style()) + ground if style is None or style.bgcolor in (None, base) else style)
            for text, style, _ in strip
        ]
        return Strip(segments, strip.cell_length)

    def notify_style_update(self) -> None:
        """The theme changed, and with it the colours of the highlights."""
        self._palette = None
        super().notify_style_update()
