"""The attention matrix: source tokens across, target tokens down."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from rnntui.charts.attention_grid import Grid, grid_layout, scale_legend, shade

if TYPE_CHECKING:
    from rnntui.inference.cells import Array

_FAINTEST = 0.45  # opacity of a weight of 0, so that it is still visible


class AttentionMatrix(ScrollView, can_focus=True):
    """Cells shaded by weight, by characters and by colour; the labels stay in place when it scrolls."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "attention-matrix--weight",
        "attention-matrix--label",
        "attention-matrix--highlighted",
    }
    DEFAULT_CSS = """
    AttentionMatrix {
        scrollbar-size: 1 1;
        & > .attention-matrix--weight { color: $primary; }
        & > .attention-matrix--label { color: $foreground; }
        & > .attention-matrix--highlighted { color: $text-warning; text-style: bold; }
    }
    """

    def __init__(self) -> None:
        super().__init__(id="matrix")
        self.border_title = f"Attention: ↓ translation, → source    {scale_legend()}"
        self._grid = Grid([], [], 0, [])
        self._weights: Array | None = None
        self._highlighted_rows: Collection[int] = ()
        self._highlighted_columns: Collection[int] = ()
        self._note = ""

    def show(self, source: Sequence[str], target: Sequence[str], weights: Array) -> None:
        """Show `weights (T, S)` of T target tokens over S source tokens, each with its text."""
        self._weights, self._note = weights, ""
        self._grid = grid_layout(source, target, cell_len)
        self._highlighted_rows = self._highlighted_columns = ()
        self.virtual_size = Size(self._grid.margin + 2 + self._grid.width, len(target) + 1)
        self.refresh()

    def show_note(self, note: str) -> None:
        """Show a line of text in place of a matrix."""
        self._grid, self._weights, self._note = Grid([], [], 0, []), None, note
        self._highlighted_rows = self._highlighted_columns = ()
        self.virtual_size = Size(1, 1)
        self.refresh()

    def highlight(self, rows: Collection[int], columns: Collection[int]) -> None:
        """Highlight the labels of these rows and columns, and scroll to the first of them."""
        if (rows, columns) == (self._highlighted_rows, self._highlighted_columns):
            return
        self._highlighted_rows, self._highlighted_columns = rows, columns
        if rows:
            row, top, height = min(rows), self.scroll_offset.y, self.scrollable_content_region.height - 1
            if not top <= row < top + height:
                self.scroll_to(y=max(0, row - height // 2), animate=False)
        if columns:
            (at, cells), left = self._grid.columns[min(columns)], self.scroll_offset.x
            width = self.scrollable_content_region.width - self._grid.margin - 2
            if not left <= at <= at + cells <= left + width:
                self.scroll_to(x=max(0, at - width // 2), animate=False)
        self.refresh()

    # -- painting ------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """Paint a row of the view: the column labels, or a target token with its weights."""
        base = self.rich_style
        width = self.scrollable_content_region.width
        if self._weights is None:
            strip = Strip([Segment(self._note if y == 0 else "", self._style("label"))])
            return strip.adjust_cell_length(width, base).crop(0, width)
        row = self.scroll_offset.y + y - 1
        left, margin = self.scroll_offset.x, self._grid.margin + 2
        if y and row >= len(self._grid.row_labels):
            return Strip.blank(width, base)
        label, cells = self._row(row) if y else self._column_labels()
        scrolled = Strip(cells).crop(left, left + max(0, width - margin))
        return (
            Strip.join([Strip([label, Segment("  ", base)]), scrolled]).adjust_cell_length(width, base).crop(0, width)
        )

    def _column_labels(self) -> tuple[Segment, list[Segment]]:
        base, cells = self.rich_style, []
        for index, label in enumerate(self._grid.column_labels):
            cells += [Segment(label, self._style("highlighted" if index in self._highlighted_columns else "label"))]
            cells += [Segment(" ", base)]
        return Segment(" " * self._grid.margin, base), cells

    def _row(self, row: int) -> tuple[Segment, list[Segment]]:
        assert self._weights is not None
        base, cells = self.rich_style, []
        for weight, (_, width) in zip(self._weights[row], self._grid.columns, strict=True):
            cells += [Segment(shade(float(weight)) * width, self._shaded(float(weight))), Segment(" ", base)]
        label_style = self._style("highlighted" if row in self._highlighted_rows else "label")
        return Segment(self._grid.row_labels[row], label_style), cells

    def _shaded(self, weight: float) -> Style:
        background = self.background_colors[1]
        full = Color.from_rich_color(self._style("weight").color)
        color = background.blend(full, _FAINTEST + (1 - _FAINTEST) * weight)
        return Style(color=color.rich_color, bgcolor=background.rich_color)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"attention-matrix--{name}")
