"""The attention matrix: source tokens across, target tokens down."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from rnntui.tui.translate.attention_grid import Grid, lay_out, shade

if TYPE_CHECKING:
    from rnntui.inference.cells import Array

_FAINTEST = 0.3  # of the way from the background to the colour of a weight of 1


class Matrix(ScrollView, can_focus=True):
    """Cells shaded by weight, by characters and by colour; the headings stay where they are when it scrolls."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"matrix--weight", "matrix--label", "matrix--pointed"}
    DEFAULT_CSS = """
    Matrix {
        scrollbar-size: 1 1;
        & > .matrix--weight { color: $primary; }
        & > .matrix--label { color: $text-muted; }
        & > .matrix--pointed { color: $text-warning; text-style: bold; }
    }
    """

    def __init__(self) -> None:
        super().__init__(id="matrix")
        self._grid = Grid([], [], 0, [])
        self._weights: Array | None = None
        self._rows: Collection[int] = ()
        self._columns: Collection[int] = ()
        self._note = ""

    def show(self, source: Sequence[str], target: Sequence[str], weights: Array) -> None:
        """Show `weights (T, S)` of target tokens for source tokens."""
        self._weights, self._note = weights, ""
        self._grid = lay_out(source, target)
        self._point((), ())
        self.virtual_size = Size(self._grid.margin + 2 + self._grid.width, len(target) + 1)
        self.refresh()

    def tell(self, note: str) -> None:
        """Show no matrix, but a line that says why."""
        self._grid, self._weights, self._note = Grid([], [], 0, []), None, note
        self._point((), ())
        self.virtual_size = Size(1, 1)
        self.refresh()

    def point(self, rows: Collection[int], columns: Collection[int]) -> None:
        """Highlight these rows and columns, and scroll to the first of them."""
        if (rows, columns) == (self._rows, self._columns):
            return
        self._point(rows, columns)
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

    def _point(self, rows: Collection[int], columns: Collection[int]) -> None:
        self._rows, self._columns = rows, columns

    # -- painting ------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """The line at a row of the view: the headings, or a target token with its weights."""
        base = self.rich_style
        width = self.scrollable_content_region.width
        if self._weights is None:
            strip = Strip([Segment(self._note if y == 0 else "", self._style("label"))])
            return strip.adjust_cell_length(width, base).crop(0, width)
        row = self.scroll_offset.y + y - 1
        left, margin = self.scroll_offset.x, self._grid.margin + 2
        if y and row >= len(self._grid.rows):
            return Strip.blank(width, base)
        label, cells = self._row(row) if y else self._headings()
        scrolled = Strip(cells).crop(left, left + max(0, width - margin))
        return (
            Strip.join([Strip([label, Segment("  ", base)]), scrolled]).adjust_cell_length(width, base).crop(0, width)
        )

    def _headings(self) -> tuple[Segment, list[Segment]]:
        base, cells = self.rich_style, []
        for number, heading in enumerate(self._grid.headings):
            cells += [Segment(heading, self._style("pointed" if number in self._columns else "label"))]
            cells += [Segment(" ", base)]
        return Segment(" " * self._grid.margin, base), cells

    def _row(self, row: int) -> tuple[Segment, list[Segment]]:
        assert self._weights is not None
        base, cells = self.rich_style, []
        for weight, (_, width) in zip(self._weights[row], self._grid.columns, strict=True):
            cells += [Segment(shade(float(weight)) * width, self._shaded(float(weight))), Segment(" ", base)]
        return Segment(self._grid.rows[row], self._style("pointed" if row in self._rows else "label")), cells

    def _shaded(self, weight: float) -> Style:
        ground = self.background_colors[1]
        full = Color.from_rich_color(self._style("weight").color)
        # The weakest is still to be seen.
        color = ground.blend(full, _FAINTEST + (1 - _FAINTEST) * weight)
        return Style(color=color.rich_color, bgcolor=ground.rich_color)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"matrix--{name}")
