"""One chart: title, legend, curves and axes, as rows of styled text. Which colours it has is for the front end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rnntui.charts.axes import AxisScale, Floats, spanning, ticks
from rnntui.charts.cell_width import CellWidth, cell_width
from rnntui.charts.chart_view import ChartView
from rnntui.charts.curve import Curve, Line
from rnntui.charts.labels import Unit, exact, tick_labels
from rnntui.charts.legend import Entry, heading
from rnntui.charts.metric_charts import AXIS_TITLES, Axis
from rnntui.charts.raster import BRAILLE, DOTS_HIGH, DOTS_WIDE, ROUNDING, cells, decimate, dots, rows
from rnntui.charts.style import AXIS, CURSOR, GRID, LABEL, ChartPart, Row, Style
from rnntui.text.control_chars import one_line

SIGNS = "●▲■◆○△□◇"  # tell curves apart where there are no colours
POINT = "•"
LINE = "━"
UNITS: dict[Axis, Unit] = {"step": "count", "seconds": "seconds", "tokens": "count"}
_ROOM_OF_POINT = 3  # cells: where points are closer on the average, they are not marked
_ROOM_OF_SIGN = 12  # cells between the signs along a line
_GRID_DOTS = 4  # cells between the dots of a grid line
_BLANK, _GRID, _CURSOR = range(3)  # styles of the plot's cells; those of the curves follow


@dataclass(frozen=True, eq=False)
class Picture:
    """A drawn chart: its rows, each of the width asked for, its axes, and where in it the plot is, in cells."""

    rows: list[Row]
    x: AxisScale
    y: AxisScale
    left: int
    top: int
    width: int
    height: int

    def x_at(self, column: float) -> float:
        """The x at the middle of a column of the picture."""
        return self.x.value((column - self.left + 0.5) / max(1, self.width))


def draw(
    title: str, curves: Sequence[Curve], view: ChartView, width: int, height: int, *,
    colours: bool = True, measure: CellWidth = cell_width,
) -> Picture:  # fmt: skip
    """Draw the curves, the last one on top, into `height` rows of `width` cells, at least one of each.

    Without `colours` each curve has its own sign, and values under their average are left out: nothing would tell the
    two apart. The title and the curves' names may hold anything.
    """
    lines = [curve.line(view.axis) for curve in curves]
    x = view.scale(curves)
    entries = [
        Entry(sign, Style(ChartPart.LINE, curve.colour), one_line(curve.name), _value(line, view))
        for sign, curve, line in zip(_signs(curves, colours), curves, lines, strict=True)
    ]
    # A plot needs three rows; what is around it comes only where there is more.
    head = heading(one_line(title), entries, width, max(1, height // 5), measure) if height >= 4 else []
    foot = 2 if height - len(head) >= 5 else 0
    tall = height - len(head) - foot

    y = _y_scale(lines, view, x, colours)
    y_ticks = ticks(y, max(2, min(8, tall // 2)))
    labels = tick_labels(y_ticks, log=y.log)
    gutter = max(map(len, labels), default=0) + 2 if width >= 20 else 0
    gutter = gutter if gutter <= width // 2 else 0
    wide = width - gutter

    y_rows = [tall - 1 - int(row) // DOTS_HIGH for row in rows(y.fraction(np.array(y_ticks)), tall * DOTS_HIGH)]
    canvas = _Canvas(wide, tall, x, y)
    canvas.grid(y_rows)
    canvas.curves(curves, lines, view.log, colours)
    cursor = None
    if view.cursor is not None and 0 <= (place := x.place(view.cursor)) <= 1:
        cursor = min(int(place * wide), wide - 1)
        canvas.cursor(cursor, curves, lines, view.cursor)
    if not any(len(line.x) for line in lines):
        canvas.write("no data yet")
    plot = canvas.rows()
    if gutter:
        sides = _sides(y_rows, labels, gutter, tall)
        plot = [[*side, *row] for side, row in zip(sides, plot, strict=True)]
    below = _below(x, view, gutter, wide, cursor) if foot else []
    return Picture([*head, *plot, *below], x, y, gutter, len(head), wide, tall)


def _signs(curves: Sequence[Curve], colours: bool) -> list[str]:
    """How the legend shows each curve, and what marks it in the plot."""
    if not colours:
        return [SIGNS[number % len(SIGNS)] for number in range(len(curves))]
    return [POINT if curve.marked else LINE for curve in curves]


def _value(line: Line, view: ChartView) -> str:
    """The curve's value at the cursor, or its last one."""
    value = line.last if view.cursor is None else line.at(view.cursor)
    return "–" if value is None else exact(value)


def _y_scale(lines: Sequence[Line], view: ChartView, x: AxisScale, colours: bool) -> AxisScale:
    """The y axis that fits what is in view."""
    low, high = np.inf, -np.inf
    for line in lines:
        for values in (line.full, line.y) if colours and line.smooth is not None else (line.full,):
            # One column as wide as the view.
            lowest, highest = decimate(line.x, values, x, 1, log=view.log).bounds
            low, high = min(low, lowest), max(high, highest)
    if not view.log or not low <= high:
        return spanning(low, high, view.log)
    return spanning(10**low, 10**high, True)


def _sides(y_rows: list[int], labels: list[str], gutter: int, tall: int) -> list[Row]:
    """The y axis and its labels, a piece for each row of the plot."""
    at = dict(zip(y_rows, labels, strict=True))
    return [
        [(f"{at.get(row, ''):>{gutter - 2}} ", LABEL), ("┤" if row in at else "│", AXIS)] for row in range(tall)
    ]  # fmt: skip


def _below(x: AxisScale, view: ChartView, gutter: int, wide: int, cursor: int | None) -> list[Row]:
    """The x axis and its labels: two rows."""
    unit = UNITS[view.axis]
    total = gutter + wide
    name = AXIS_TITLES[view.axis]
    taken = np.zeros(total + 1, bool)  # one more cell: a label's gap to its right
    texts = np.full(total, " ")
    pointed = ""
    if cursor is not None and view.cursor is not None:
        pointed = exact(view.cursor, unit)[:total]
        start = min(max(0, gutter + cursor - len(pointed) // 2), total - len(pointed))
        taken[max(0, start - 1) : start + len(pointed) + 1] = True
    if len(name) < gutter and not taken[: len(name) + 1].any():
        texts[: len(name)] = list(name)
        taken[: len(name) + 1] = True
        name = ""
    found = ticks(x, max(2, wide // 11), seconds=unit == "seconds", whole=unit == "count")
    line = np.full(wide, "─")
    for tick, label in zip(found, tick_labels(found, unit, log=x.log), strict=True):
        column = min(max(0, int(x.place(tick) * wide)), wide - 1)
        line[column] = "┬"
        begin = min(max(0, gutter + column - (len(label) - 1) // 2), total - len(label))
        if begin >= 0 and not taken[begin : begin + len(label) + 1].any():
            texts[begin : begin + len(label)] = list(label)
            taken[max(0, begin - 1) : begin + len(label) + 1] = True
    if name and not taken[max(0, total - len(name) - 1) :].any():
        texts[max(0, total - len(name)) :] = list(name)[-total:]
    elif name:
        _write_between(line, f" {name} ")
    edge: Row = [(" " * (gutter - 1) + "└", AXIS)] if gutter else []
    written = "".join(texts)
    if not pointed:
        return [[*edge, ("".join(line), AXIS)], [(written, LABEL)]]
    end = start + len(pointed)
    return [[*edge, ("".join(line), AXIS)], [(written[:start], LABEL), (pointed, CURSOR), (written[end:], LABEL)]]


def _write_between(line: NDArray[np.str_], name: str) -> None:
    """Put the name into the last gap between the ticks of an axis that is wide enough."""
    ends = [-1, *np.flatnonzero(line == "┬").tolist(), len(line)]
    for before, after in reversed(list(pairwise(ends))):
        if after - before > len(name) + 2:
            start = (before + 1 + after - len(name)) // 2
            line[start : start + len(name)] = list(name)
            return


class _Canvas:
    """The plot's cells: a character and the number of a style for each."""

    def __init__(self, wide: int, tall: int, x: AxisScale, y: AxisScale) -> None:
        self._wide, self._tall, self._x, self._y = wide, tall, x, y
        self._characters = np.full((tall, wide), ord(" "), np.uint32)
        self._codes = np.zeros((tall, wide), np.intp)
        self._styles = [LABEL, GRID, CURSOR]

    def grid(self, y_rows: list[int]) -> None:
        """Dotted lines at some rows."""
        self._characters[y_rows, _GRID_DOTS - 1 :: _GRID_DOTS] = ord("·")
        self._codes[y_rows, _GRID_DOTS - 1 :: _GRID_DOTS] = _GRID

    def curves(self, curves: Sequence[Curve], lines: Sequence[Line], log: bool, colours: bool) -> None:
        """All values under averages first, then what is in full colour, then marks."""
        if colours:
            for curve, line in zip(curves, lines, strict=True):
                if line.smooth is not None:
                    self._braille(line.x, line.y, log, Style(ChartPart.RAW, curve.colour))
        for curve, line in zip(curves, lines, strict=True):
            self._braille(line.x, line.full, log, Style(ChartPart.LINE, curve.colour))
        for number, (curve, line) in enumerate(zip(curves, lines, strict=True)):
            style, sign = Style(ChartPart.LINE, curve.colour), _signs(curves, colours)[number]
            inside = slice(np.searchsorted(line.x, self._x.low, "left"), np.searchsorted(line.x, self._x.high, "right"))
            count = inside.stop - inside.start
            if count == 1 or (curve.marked and count * _ROOM_OF_POINT <= self._wide):
                self._mark(line.x[inside], line.full[inside], POINT if sign == LINE else sign, style)
            elif not colours and len(lines) > 1 and count:
                # Each a little further on than the one before, for curves lie upon one another.
                places = self._x.edges(self._wide)[2 + 3 * number :: _ROOM_OF_SIGN]
                places = places[(places >= line.x[0]) & (places <= line.x[-1])]
                self._mark(places, line.full[np.searchsorted(line.x, places)], sign, style)

    def cursor(self, column: int, curves: Sequence[Curve], lines: Sequence[Line], x: float) -> None:
        """A line down a column where nothing is drawn, and a point on each curve."""
        free = self._codes[:, column] <= _GRID
        self._characters[free, column] = ord("│")
        self._codes[free, column] = _CURSOR
        for curve, line in zip(curves, lines, strict=True):
            value = line.at(x)
            if value is not None:
                self._mark(np.array([x]), np.array([value]), SIGNS[0], Style(ChartPart.LINE, curve.colour))

    def write(self, text: str) -> None:
        """A word in the middle."""
        text = text[: self._wide]
        start = (self._wide - len(text)) // 2
        self._characters[self._tall // 2, start : start + len(text)] = [ord(character) for character in text]
        self._codes[self._tall // 2, start : start + len(text)] = _BLANK

    def rows(self) -> list[Row]:
        """The cells as rows of text; what looks alike is one piece."""
        # What stands in a blank cell cannot be seen: it goes with its neighbour, and makes fewer pieces.
        blank = self._characters == ord(" ")
        before = np.maximum.accumulate(np.where(blank, 0, np.arange(self._wide)), axis=1)
        codes = np.take_along_axis(self._codes, before, axis=1)
        found: list[Row] = []
        for characters, styles in zip(self._characters, codes, strict=True):
            text = characters.astype("<u4").tobytes().decode("utf-32-le")
            ends = [*(np.flatnonzero(styles[1:] != styles[:-1]) + 1).tolist(), self._wide]
            row: Row = []
            start = 0
            for end in ends:
                row.append((text[start:end], self._styles[styles[start]]))
                start = end
            found.append(row)
        return found

    def _braille(self, x: Floats, y: Floats, log: bool, style: Style) -> None:
        spans = decimate(x, y, self._x, self._wide * DOTS_WIDE, log=log)
        bits = cells(dots(spans, self._y, self._tall * DOTS_HIGH))
        lit = bits > 0
        self._characters[lit] = BRAILLE + bits[lit].astype(np.uint32)
        self._codes[lit] = self._code(style)

    def _mark(self, x: Floats, y: Floats, sign: str, style: Style) -> None:
        across, up = self._x.fraction(x), self._y.fraction(y)
        seen = (np.abs(across - 0.5) <= 0.5 + ROUNDING) & (np.abs(up - 0.5) <= 0.5 + ROUNDING)  # false for NaN
        columns = np.minimum((np.maximum(across[seen], 0) * self._wide).astype(int), self._wide - 1)
        height = self._tall - 1 - rows(up[seen], self._tall * DOTS_HIGH) // DOTS_HIGH
        self._characters[height, columns] = ord(sign)
        self._codes[height, columns] = self._code(style)

    def _code(self, style: Style) -> int:
        if style not in self._styles:
            self._styles.append(style)
        return self._styles.index(style)
