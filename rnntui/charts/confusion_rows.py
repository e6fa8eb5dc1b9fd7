"""Renders a confusion matrix as rows of styled text, in as many columns as there are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from rnntui.charts.confusion import ConfusionMatrix, label_keys
from rnntui.charts.styled_text import (
    LABEL,
    SHADES,
    TITLE,
    VALUE,
    CellWidth,
    ChartPart,
    Row,
    Style,
    cell_width,
    fit_row,
)
from rnntui.text.control_chars import one_line, truncate

Unit = Literal["percent", "counts"]
"""Numbers in the cells: percent of the true label's texts, or numbers of texts."""

ZERO = "·"
SHADE_CHARACTERS = "·░▒▓█"
_THRESHOLDS = (0.02, 0.1, 0.4, 0.7)  # the least shares of the shades after the first
_MAX_NAME = 16  # cells of a label before its row
_CUT_NAME, _MIN_NAME = 10, 6  # where there is little room
_MAX_HEADING = 12  # cells of a label above its column
_KEY = 2  # cells of a key
_TITLE_GAP = 3
_TOTAL_HEADING = "texts"


class MatrixRows(NamedTuple):
    """A rendered matrix: its headings, and a row for each true label, all of the same width."""

    headings: list[Row]
    body: list[Row]


@dataclass(frozen=True)
class _Layout:
    """How a matrix is laid out.

    Args:
        matrix: the matrix, folded if it has more labels than columns.
        unit: the numbers in the cells; None for shades.
        cell: cells of the terminal in a column, with the gap before it.
        headings: texts above the columns.
        name: cells of the labels of the rows.
        keys: keys before the labels of the rows, where the columns have keys; else empty.
        key: cells of the keys, with the gap after them.
        gap: cells between the labels and the first column.
    """

    matrix: ConfusionMatrix
    unit: Unit | None
    cell: int
    headings: list[str]
    name: int
    keys: list[str] = field(default_factory=list)
    key: int = 0
    gap: int = 0

    @property
    def margin(self) -> int:
        """Cells before the first column."""
        return self.key + self.name + self.gap

    @property
    def width(self) -> int:
        """Cells of the rows without the column of totals."""
        return self.margin + self.cell * self.matrix.width


def natural_width(matrix: ConfusionMatrix, unit: Unit, measure: CellWidth = cell_width) -> int:
    """Return the cells in which a matrix has numbers for every label, and the column of totals."""
    totals = _total_cells(matrix)
    return min(layout.width for layout in _numbered_layouts(matrix, unit, measure)) + totals


def render_confusion(
    matrix: ConfusionMatrix, title: str, unit: Unit, width: int, measure: CellWidth = cell_width
) -> MatrixRows:
    """Render a matrix in rows of `width` cells.

    Columns have the labels' names where there is room, else keys that are repeated before the rows; where there is no
    room for numbers, shades; where there is none for a shade of each label, the last labels share a row and a column.

    Args:
        matrix: the matrix; its labels may hold any characters.
        title: the title; it may hold any characters.
        unit: the numbers in the cells. Where counts need too much room, percent are shown.
        width: cells of a row, at least 1.
        measure: returns the width of a text in cells.
    """
    layout = _choose_layout(matrix, unit, width, measure)
    totals = _total_cells(layout.matrix) if layout.width + _total_cells(layout.matrix) <= width else 0
    title, legend = one_line(title), _legend(layout)
    titles: list[Row] = [[(title, TITLE)], [(legend, LABEL)]]
    if not title or measure(title) + _TITLE_GAP + measure(legend) <= width:
        titles = [[(title, TITLE), (" " * _TITLE_GAP if title else "", LABEL), (legend, LABEL)]]
    headings = [*titles, *_column_headings(layout, totals, measure)]
    body = _body(layout, totals, measure)
    return MatrixRows(
        [fit_row(row, width, measure) for row in headings], [fit_row(row, width, measure) for row in body]
    )


def _choose_layout(matrix: ConfusionMatrix, unit: Unit, width: int, measure: CellWidth) -> _Layout:
    layouts = [*_numbered_layouts(matrix, unit, measure)]
    if unit == "counts":
        layouts += _numbered_layouts(matrix, "percent", measure)
    layouts += _shaded_layouts(matrix, measure)
    for layout in layouts:
        if layout.width <= width:
            return layout
    # The last layout has one cell for each label.
    return _shaded_layouts(matrix.folded(max(2, width - layouts[-1].margin)), measure)[-1]


def _numbered_layouts(matrix: ConfusionMatrix, unit: Unit, measure: CellWidth) -> Iterator[_Layout]:
    """Yield the layouts with numbers, the widest and most readable ones first."""
    columns = matrix.labels[: matrix.width]
    names = [truncate(one_line(label), _MAX_HEADING, measure) for label in columns]
    digits = 3 if unit == "percent" else len(f"{matrix.counts.max(initial=0):,}")
    name = _name_cells(matrix, _MAX_NAME, measure)
    yield _Layout(matrix, unit, max(digits, *map(measure, names), 1) + 2, names, name)
    keys = label_keys(columns, _KEY, measure)
    row_keys = keys + [""] * (len(matrix.labels) - len(columns))
    key = max(map(measure, keys))
    yield _Layout(matrix, unit, max(digits, key) + 1, keys, name, row_keys, key + 1)
    if unit == "percent":  # a row has one 100 at most, so that numbers never touch
        for limit in (_MAX_NAME, _CUT_NAME):
            name = _name_cells(matrix, limit, measure)
            yield _Layout(matrix, unit, max(digits, key + 1), keys, name, row_keys, key + 1)


def _shaded_layouts(matrix: ConfusionMatrix, measure: CellWidth) -> list[_Layout]:
    numbers = [str(index + 1) for index in range(matrix.width)]
    row_keys = numbers + [""] * (len(matrix.labels) - len(numbers))
    key = len(numbers[-1]) + 1
    return [
        _Layout(matrix, None, cell, numbers, _name_cells(matrix, limit, measure), row_keys, key, 2 - cell)
        for cell, limit in ((2, _MAX_NAME), (1, _MAX_NAME), (1, _MIN_NAME))
    ]


def _name_cells(matrix: ConfusionMatrix, limit: int, measure: CellWidth) -> int:
    return max(min(measure(one_line(label)), limit) for label in matrix.labels)


def _legend(layout: _Layout) -> str:
    match layout.unit:
        case "percent":
            return "↓ true, → predicted, % of each row"
        case "counts":
            return "↓ true, → predicted"
    limits = (">0", *(f"{threshold:.0%}"[:-1] for threshold in _THRESHOLDS))
    shades = "  ".join(f"{character} {limit}" for character, limit in zip(SHADE_CHARACTERS, limits, strict=True))
    return f"↓ true, → predicted, % of each row: {shades}"


def _column_headings(layout: _Layout, totals: int, measure: CellWidth) -> list[Row]:
    """Return the headings of the columns; numbers above columns of shades are written downwards."""
    total: Row = [(f"{_TOTAL_HEADING:>{totals}}", LABEL)] if totals else []
    margin = " " * layout.margin
    if layout.unit is not None:
        return [[(margin + "".join(_right(text, layout.cell, measure) for text in layout.headings), LABEL), *total]]
    height = max(map(len, layout.headings))
    lines = ["".join(f"{text:>{height}}"[row].rjust(layout.cell) for text in layout.headings) for row in range(height)]
    rows: list[Row] = [[(margin + line, LABEL)] for line in lines]
    rows[-1] += total
    return rows


def _body(layout: _Layout, totals: int, measure: CellWidth) -> Iterator[Row]:
    matrix, shares = layout.matrix, layout.matrix.shares
    for index, (label, row_total) in enumerate(zip(matrix.labels, matrix.totals.tolist(), strict=True)):
        name = truncate(one_line(label), layout.name, measure)
        name += " " * (layout.name - measure(name) + layout.gap)
        key = _right(layout.keys[index], layout.key - 1, measure) + " " if layout.keys else ""
        row: Row = [(key, LABEL), (name, VALUE)]
        for column, count in enumerate(matrix.counts[index].tolist()):
            text, style = _cell(layout.unit, count, float(shares[index, column]), is_correct=index == column)
            row.append((text.rjust(layout.cell), style))
        if totals:
            row.append((f"{row_total:>{totals},}", LABEL))
        yield row


def _cell(unit: Unit | None, count: int, share: float, is_correct: bool) -> tuple[str, Style]:
    """Return the text of a cell and its style."""
    if unit is None:
        shade = SHADE_CHARACTERS[sum(share >= threshold for threshold in _THRESHOLDS)] if count else " "
        return shade, Style(ChartPart.LINE, 0 if is_correct else 1)
    if not count:
        return ZERO, Style(ChartPart.GRID)
    text = f"{count:,}" if unit == "counts" else percent_text(share)
    return text, Style(ChartPart.CORRECT if is_correct else ChartPart.WRONG, round(share * SHADES))


def percent_text(share: float) -> str:
    """Return a fraction as a whole percentage; 100 stands for all only."""
    percent = round(100 * share)
    return "99" if percent == 100 and share < 1 else str(percent)


def _total_cells(matrix: ConfusionMatrix) -> int:
    digits = len(f"{int(matrix.totals.max(initial=0)):,}")
    return max(digits, len(_TOTAL_HEADING)) + 2


def _right(text: str, width: int, measure: CellWidth) -> str:
    return " " * (width - measure(text)) + text
