"""Renders a chart (title, legend, curves and axes) as rows of styled text; the front end chooses the colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rnntui.charts.axes import AxisScale, Floats, axis_scale, ticks
from rnntui.charts.chart_view import ChartView
from rnntui.charts.curve import Curve, Polyline
from rnntui.charts.labels import Unit, format_exact, tick_labels
from rnntui.charts.legend import STAR, LegendEntry, legend_rows
from rnntui.charts.metric_charts import AXIS_TITLES, Axis
from rnntui.charts.raster import (
    BRAILLE,
    DOTS_HIGH,
    DOTS_WIDE,
    ROUNDING,
    ColumnRanges,
    braille_bits,
    decimate,
    rasterize,
    row_index,
)
from rnntui.charts.styled_text import (
    AXIS,
    CURSOR,
    CURSOR_LABEL,
    GRID,
    LABEL,
    CellWidth,
    ChartPart,
    Row,
    Style,
    cell_width,
)
from rnntui.text.control_chars import one_line

MARKERS = "●▲■◆○△□◇"  # distinguish curves without colours
POINT = "•"
LINE = "━"
UNITS: dict[Axis, Unit] = {"step": "count", "seconds": "seconds", "tokens": "count"}
_MIN_POINT_DISTANCE = 3  # cells on average; closer points have no markers
_MARKER_DISTANCE = 12  # cells between the markers along a line
_GRID_DISTANCE = 4  # cells between the dots of a grid line
_BLANK, _GRID, _CURSOR = range(3)  # style codes of the plot's cells; those of the curves follow


@dataclass(frozen=True)
class Display:
    """The display that a chart is rendered for: its size in cells, its colours, and its measure of text.

    Without `colours`, each curve has its own marker, and values under their average are left out, because they could
    not be distinguished from it. `marked` gives the curves markers beside their colours. `legend_rows` is the largest
    number of rows of title and legend; None for a fifth of the height.
    """

    width: int
    height: int
    colours: bool = True
    measure: CellWidth = cell_width
    marked: bool = False
    legend_rows: int | None = None

    @property
    def has_markers(self) -> bool:
        """True if curves have markers of their own."""
        return self.marked or not self.colours


@dataclass(frozen=True, eq=False)
class RenderedChart:
    """A rendered chart: rows of equal width, the scales of its axes, and the position and size of the plot in cells."""

    rows: list[Row]
    x: AxisScale
    y: AxisScale
    left: int
    top: int
    width: int
    height: int

    def x_at(self, column: float) -> float:
        """Return the x at the middle of a column of the chart."""
        return self.x.value((column - self.left + 0.5) / max(1, self.width))


def render_chart(title: str, curves: Sequence[Curve], view: ChartView, display: Display) -> RenderedChart:
    """Render the curves, the last one on top, as `display.height` rows of `display.width` cells.

    Args:
        title: The title; it and the names of the curves may contain any characters.
        curves: The curves to draw.
        view: The visible part of the x axis, and the cursor.
        display: The size (at least one cell), the colours and the measure of text.
    """
    lines = [curve.polyline(view.axis) for curve in curves]
    x = view.x_scale(curves)
    entries = legend_entries(curves, view, _markers(curves, display.has_markers))
    # A plot needs three rows; legend and x axis are left out where there are no more.
    max_legend = display.legend_rows or max(1, display.height // 5)
    legend: list[Row] = []
    if display.height >= 4:
        legend = legend_rows(one_line(title), entries, display.width, max_legend, display.measure)
    has_x_axis = display.height - len(legend) >= 5
    height = display.height - len(legend) - (2 if has_x_axis else 0)

    y = y_scale(lines, view, x, display.colours)
    y_ticks = ticks(y, max(2, min(8, height // 2)))
    labels = tick_labels(y_ticks, log=y.log)
    gutter = max(map(len, labels), default=0) + 2 if display.width >= 20 else 0
    gutter = gutter if gutter <= display.width // 2 else 0
    width = display.width - gutter

    dot_rows = row_index(y.fraction(np.array(y_ticks)), height * DOTS_HIGH)
    tick_rows = [height - 1 - int(row) // DOTS_HIGH for row in dot_rows]
    canvas = _Canvas(width, height, x, y)
    canvas.draw_grid(tick_rows)
    canvas.draw_curves(curves, lines, view.log, display)
    cursor = None
    if view.cursor is not None and 0 <= (position := x.position(view.cursor)) <= 1:
        cursor = min(int(position * width), width - 1)
        canvas.draw_cursor(cursor, curves, lines, view.cursor)
    if not any(len(line.x) for line in lines):
        canvas.draw_text("no data yet")
    plot = canvas.rows()
    if gutter:
        axis = _y_axis(dict(zip(tick_rows, labels, strict=True)), gutter, height)
        plot = [[*left, *row] for left, row in zip(axis, plot, strict=True)]
    x_axis = _x_axis(x, view, gutter, width, cursor) if has_x_axis else []
    return RenderedChart([*legend, *plot, *x_axis], x, y, gutter, len(legend), width, height)


def _markers(curves: Sequence[Curve], are_distinct: bool) -> list[str]:
    """Return the marker of each curve in the legend and in the plot."""
    if are_distinct:
        return [MARKERS[index % len(MARKERS)] for index in range(len(curves))]
    return [POINT if curve.marked else LINE for curve in curves]


def legend_entries(curves: Sequence[Curve], view: ChartView, markers: Sequence[str]) -> list[LegendEntry]:
    """Return the legend: each curve's value at the cursor, or its last one, and that of the best evaluation."""
    entries = []
    for curve, marker in zip(curves, markers, strict=True):
        line = curve.polyline(view.axis)
        value = line.last_value if view.cursor is None else line.value_at(view.cursor)
        value_text = "–" if value is None else format_exact(value)
        if curve.legend_value is not None and view.cursor is None:
            value_text = curve.legend_value
        entry = LegendEntry(marker, Style(ChartPart.LINE, curve.colour), one_line(curve.name), value_text)
        if line.best is not None and curve.best_step is not None:
            best, place = format_exact(line.best[1]), f"at step {format_exact(curve.best_step, 'count')}"
            entry = replace(entry, best=best, best_place=place)
        entries.append(entry)
    return entries


def y_scale(lines: Sequence[Polyline], view: ChartView, x: AxisScale, colours: bool = True) -> AxisScale:
    """Return the scale that fits the visible values; without `colours`, those under an average are not visible."""
    low, high = np.inf, -np.inf
    for line in lines:
        for values in (line.main, line.y) if colours and line.smoothed is not None else (line.main,):
            # One column as wide as the view.
            column_low, column_high = decimate(line.x, values, x, 1, log=view.log).bounds
            low, high = min(low, column_low), max(high, column_high)
    if not view.log or not low <= high:
        return axis_scale(low, high, view.log)
    return axis_scale(10**low, 10**high, True)


def _y_axis(labels: dict[int, str], gutter: int, height: int) -> list[Row]:
    """Return the y axis for each row of the plot, `gutter` cells wide; `labels` are the tick labels by row."""
    return [
        [(f"{labels.get(row, ''):>{gutter - 2}} ", LABEL), ("┤" if row in labels else "│", AXIS)]
        for row in range(height)
    ]  # fmt: skip


def _x_axis(x: AxisScale, view: ChartView, gutter: int, width: int, cursor: int | None) -> list[Row]:
    """Return the x axis and its labels: two rows."""
    unit = UNITS[view.axis]
    total = gutter + width
    name = view.x_title or AXIS_TITLES[view.axis]
    occupied = np.zeros(total + 1, bool)  # one more cell, for the gap to the right of a label
    texts = np.full(total, " ")
    cursor_label = ""
    if cursor is not None and view.cursor is not None:
        # Its own blanks keep it apart from the labels of ticks.
        cursor_label = f" {format_exact(view.cursor, unit)} "[:total]
        start = min(max(0, gutter + cursor - (len(cursor_label) - 1) // 2), total - len(cursor_label))
        occupied[start : start + len(cursor_label)] = True
    if len(name) < gutter and not occupied[: len(name) + 1].any():
        texts[: len(name)] = list(name)
        occupied[: len(name) + 1] = True
        name = ""
    x_ticks = ticks(x, max(2, width // 11), seconds=unit == "seconds", whole=unit == "count")
    line = np.full(width, "─")
    for tick, label in zip(x_ticks, tick_labels(x_ticks, unit, log=x.log), strict=True):
        column = min(max(0, int(x.position(tick) * width)), width - 1)
        line[column] = "┬"
        begin = min(max(0, gutter + column - (len(label) - 1) // 2), total - len(label))
        if begin >= 0 and not occupied[begin : begin + len(label) + 1].any():
            texts[begin : begin + len(label)] = list(label)
            occupied[max(0, begin - 1) : begin + len(label) + 1] = True
    if name and not occupied[max(0, total - len(name) - 1) :].any():
        texts[max(0, total - len(name)) :] = list(name)[-total:]
    elif name:
        _write_between_ticks(line, f" {name} ")
    corner: Row = [(" " * (gutter - 1) + "└", AXIS)] if gutter else []
    label_row = "".join(texts)
    if not cursor_label:
        return [[*corner, ("".join(line), AXIS)], [(label_row, LABEL)]]
    end = start + len(cursor_label)
    return [
        [*corner, ("".join(line), AXIS)],
        [(label_row[:start], LABEL), (cursor_label, CURSOR_LABEL), (label_row[end:], LABEL)],
    ]


def _write_between_ticks(line: NDArray[np.str_], name: str) -> None:
    """Write the name into the last gap between ticks that is wide enough."""
    bounds = [-1, *np.flatnonzero(line == "┬").tolist(), len(line)]
    for before, after in reversed(list(pairwise(bounds))):
        if after - before > len(name) + 2:
            start = (before + 1 + after - len(name)) // 2
            line[start : start + len(name)] = list(name)
            return


class _Canvas:
    """The cells of the plot: a character and a style code for each."""

    def __init__(self, width: int, height: int, x: AxisScale, y: AxisScale) -> None:
        self._width, self._height, self._x, self._y = width, height, x, y
        self._characters = np.full((height, width), ord(" "), np.uint32)
        self._codes = np.zeros((height, width), np.intp)
        self._styles = [LABEL, GRID, CURSOR]

    def draw_grid(self, y_rows: list[int]) -> None:
        """Draw dotted lines at some rows."""
        self._characters[y_rows, _GRID_DISTANCE - 1 :: _GRID_DISTANCE] = ord("·")
        self._codes[y_rows, _GRID_DISTANCE - 1 :: _GRID_DISTANCE] = _GRID

    def draw_curves(self, curves: Sequence[Curve], lines: Sequence[Polyline], log: bool, display: Display) -> None:
        """Draw bands and the values under averages first, then the main lines, then markers."""
        if display.colours:
            for curve, line in zip(curves, lines, strict=True):
                if curve.band is not None:
                    self._draw_band(line.x, curve.band, log, Style(ChartPart.RAW, curve.colour))
            for curve, line in zip(curves, lines, strict=True):
                if line.smoothed is not None:
                    self._draw_line(line.x, line.y, log, Style(ChartPart.RAW, curve.colour))
        for curve, line in zip(curves, lines, strict=True):
            self._draw_line(line.x, line.main, log, Style(ChartPart.LINE, curve.colour))
        for index, (curve, line) in enumerate(zip(curves, lines, strict=True)):
            style, marker = Style(ChartPart.LINE, curve.colour), _markers(curves, display.has_markers)[index]
            inside = slice(np.searchsorted(line.x, self._x.low, "left"), np.searchsorted(line.x, self._x.high, "right"))
            count = inside.stop - inside.start
            if count == 1 or (curve.marked and count * _MIN_POINT_DISTANCE <= self._width):
                self._draw_markers(line.x[inside], line.main[inside], POINT if marker == LINE else marker, style)
            elif display.has_markers and len(lines) > 1 and count:
                # Shifted for each curve, because curves often coincide.
                marker_x = self._x.bin_edges(self._width)[2 + 3 * index :: _MARKER_DISTANCE]
                marker_x = marker_x[(marker_x >= line.x[0]) & (marker_x <= line.x[-1])]
                self._draw_markers(marker_x, line.main[np.searchsorted(line.x, marker_x)], marker, style)
        for curve, line in zip(curves, lines, strict=True):
            if line.best is not None:
                x, y = line.best
                self._draw_markers(np.array([x]), np.array([y]), STAR, Style(ChartPart.LINE, curve.colour))

    def draw_cursor(self, column: int, curves: Sequence[Curve], lines: Sequence[Polyline], x: float) -> None:
        """Draw a vertical line in the free cells of a column, and a marker on each curve."""
        free = self._codes[:, column] <= _GRID
        self._characters[free, column] = ord("│")
        self._codes[free, column] = _CURSOR
        for curve, line in zip(curves, lines, strict=True):
            value = line.value_at(x)
            if value is not None:
                self._draw_markers(np.array([x]), np.array([value]), MARKERS[0], Style(ChartPart.LINE, curve.colour))

    def draw_text(self, text: str) -> None:
        """Write a text in the middle."""
        text = text[: self._width]
        start = (self._width - len(text)) // 2
        self._characters[self._height // 2, start : start + len(text)] = [ord(character) for character in text]
        self._codes[self._height // 2, start : start + len(text)] = _BLANK

    def rows(self) -> list[Row]:
        """Return the rows of text; neighbouring cells of one style are one piece."""
        # The style of a blank cell is invisible: it takes that of its neighbour, which makes fewer pieces.
        blank = self._characters == ord(" ")
        last_visible = np.maximum.accumulate(np.where(blank, 0, np.arange(self._width)), axis=1)
        codes = np.take_along_axis(self._codes, last_visible, axis=1)
        rows: list[Row] = []
        for characters, styles in zip(self._characters, codes, strict=True):
            text = characters.astype("<u4").tobytes().decode("utf-32-le")
            ends = [*(np.flatnonzero(styles[1:] != styles[:-1]) + 1).tolist(), self._width]
            row: Row = []
            start = 0
            for end in ends:
                row.append((text[start:end], self._styles[styles[start]]))
                start = end
            rows.append(row)
        return rows

    def _draw_band(self, x: Floats, band: tuple[Floats, Floats], log: bool, style: Style) -> None:
        """Draw every other dot of a band: lines within it, and the bands behind it, can be seen through."""
        low, high = (decimate(x, edge, self._x, self._width * DOTS_WIDE, log=log) for edge in band)
        dots = rasterize(ColumnRanges(low.low, high.high), self._y, self._height * DOTS_HIGH)
        dots &= np.indices(dots.shape).sum(axis=0) % 2 == 0
        self._draw_dots(dots, style)

    def _draw_line(self, x: Floats, y: Floats, log: bool, style: Style) -> None:
        ranges = decimate(x, y, self._x, self._width * DOTS_WIDE, log=log)
        self._draw_dots(rasterize(ranges, self._y, self._height * DOTS_HIGH), style)

    def _draw_dots(self, dots: NDArray[np.bool_], style: Style) -> None:
        """Draw dots `(height, width)` of braille; a cell with one has no other character."""
        bits = braille_bits(dots)
        lit = bits > 0
        self._characters[lit] = BRAILLE + bits[lit].astype(np.uint32)
        self._codes[lit] = self._style_code(style)

    def _draw_markers(self, x: Floats, y: Floats, marker: str, style: Style) -> None:
        x_fraction, y_fraction = self._x.fraction(x), self._y.fraction(y)
        half = 0.5 + ROUNDING
        visible = (np.abs(x_fraction - 0.5) <= half) & (np.abs(y_fraction - 0.5) <= half)  # false for NaN
        columns = np.minimum((np.maximum(x_fraction[visible], 0) * self._width).astype(int), self._width - 1)
        rows = self._height - 1 - row_index(y_fraction[visible], self._height * DOTS_HIGH) // DOTS_HIGH
        self._characters[rows, columns] = ord(marker)
        self._codes[rows, columns] = self._style_code(style)

    def _style_code(self, style: Style) -> int:
        if style not in self._styles:
            self._styles.append(style)
        return self._styles.index(style)
