"""The result of a view: its rows with the sentences beneath them, or beside them on a wide screen."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from rnntui.inspection.inspection import bulleted
from rnntui.text.control_chars import one_line
from rnntui.tui.widgets.row_styles import RowStyles

if TYPE_CHECKING:
    from rnntui.charts.styled_text import Row
    from rnntui.inspection.inspection import Inspection

_WIDE = 110  # columns from which the sentences stand beside the rows
_SIDE = 46  # columns of the sentences there
_GAP = 2  # columns between both


class InspectionRows(ScrollView, can_focus=True, inherit_bindings=False):
    """Rows and sentences of an inspection, made anew for each size of the widget; it scrolls by the arrow keys."""

    ALLOW_SELECT = False
    # Those of a scroll view without left and right, which are the tab's.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, f"scroll_{action}", show=False)
        for key, action in (
            ("up", "up"), ("down", "down"), ("pageup", "page_up"), ("pagedown", "page_down"), ("home", "home"),
            ("end", "end"),
        )
    ]  # fmt: skip
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "inspection--title", "inspection--label", "inspection--value", "inspection--axis", "inspection--grid",
        "inspection--cursor", "inspection--cursor-label", "inspection--text",
    }  # fmt: skip
    DEFAULT_CSS = """
    InspectionRows {
        overflow-x: hidden;
        scrollbar-size: 1 1;
        & > .inspection--title { text-style: bold; }
        & > .inspection--label { color: $foreground 72%; }
        & > .inspection--value { color: $foreground; }
        & > .inspection--axis { color: $foreground 35%; }
        & > .inspection--grid { color: $foreground 20%; }
        & > .inspection--cursor { color: $foreground 80%; }
        & > .inspection--cursor-label { color: $background; background: $foreground 80%; }
        & > .inspection--text { color: $foreground; }
        &:focus > .inspection--title { color: $text-primary; text-style: bold; }
    }
    """

    def __init__(self) -> None:
        super().__init__(id="inspection")
        self._inspection: Inspection | None = None
        self._note = ""
        self._strips: list[Strip] = []
        self._styles = RowStyles(self, "inspection")

    def show(self, inspection: Inspection | None, note: str = "", *, is_moved: bool = False) -> None:
        """Show an inspection, or a note in its place; one that `is_moved` to another place does not scroll."""
        if inspection is not self._inspection and not is_moved:
            self.scroll_home(animate=False)
        self._inspection, self._note = inspection, note
        self._render_rows()

    def on_resize(self) -> None:
        self._render_rows()

    def watch_show_vertical_scrollbar(self) -> None:
        """Leave the scrollbar its column, which is no resize."""
        self.call_after_refresh(self._render_rows)

    def notify_style_update(self) -> None:
        """Look up colours again after a change of theme or focus."""
        super().notify_style_update()
        if self.is_attached:  # later: the component classes get their new styles after this
            self.call_after_refresh(self._restyle)

    def _restyle(self) -> None:
        self._styles.clear()
        self._render_rows()

    def render_line(self, y: int) -> Strip:
        """Paint a row."""
        width, index = self.scrollable_content_region.width, y + self.scroll_offset.y
        strip = self._strips[index] if index < len(self._strips) else Strip.blank(width, self.rich_style)
        return strip.adjust_cell_length(width, self.rich_style)

    def _render_rows(self) -> None:
        width = self.scrollable_content_region.width
        if width < 1:
            return
        if self._inspection is None:
            note = textwrap.wrap(one_line(self._note), max(10, width - 1)) if self._note else []
            self._strips = self._lines(note, width)
        elif width >= _WIDE:
            left = width - _SIDE - _GAP
            rows = self._painted(self._inspection.rows(left), left)
            text = self._lines(bulleted(self._inspection.summary(), _SIDE - 1), _SIDE)
            blank, gap = Strip.blank(left, self.rich_style), Strip.blank(_GAP, self.rich_style)
            rows += [blank] * (len(text) - len(rows))
            text += [Strip.blank(_SIDE, self.rich_style)] * (len(rows) - len(text))
            self._strips = [Strip.join([row, gap, line]) for row, line in zip(rows, text, strict=True)]
        else:
            rows = self._painted(self._inspection.rows(width), width)
            self._strips = [*rows, *self._lines(bulleted(self._inspection.summary(), width - 1), width)]
        self.virtual_size = Size(width, len(self._strips))
        self.refresh()

    def _painted(self, rows: list[Row], width: int) -> list[Strip]:
        return [
            Strip([Segment(text, self._styles.of(style)) for text, style in row if text]).adjust_cell_length(
                width, self.rich_style
            )
            for row in rows
        ]

    def _lines(self, lines: list[str], width: int) -> list[Strip]:
        style = self._styles.component("text")
        return [Strip([Segment(line, style)]).adjust_cell_length(width, self.rich_style) for line in lines]
