"""Rows of styled text, measured in terminal cells: the output of a chart, before a front end colours it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from enum import Enum, auto
from typing import NamedTuple

from rnntui.text.control_chars import truncate


class ChartPart(Enum):
    """The parts of a chart or matrix.

    `RAW` (values under their average) and `LINE` have the colour of their curve. `CORRECT` and `WRONG` are the cells of
    a confusion matrix on and off the diagonal, shaded by their share of a row. `HIGH` and `LOW` are texts with a value
    above or below a middle, shaded by its distance from that; `HIGH_BAR` and `LOW_BAR` are bars of such values.
    """

    TITLE = auto()
    LABEL = auto()
    VALUE = auto()
    AXIS = auto()
    GRID = auto()
    CURSOR = auto()
    CURSOR_LABEL = auto()
    RAW = auto()
    LINE = auto()
    CORRECT = auto()
    WRONG = auto()
    HIGH = auto()
    LOW = auto()
    HIGH_BAR = auto()
    LOW_BAR = auto()


SHADES = 10
"""The darkest shade of a matrix cell or a value; 0 is none."""


class Style(NamedTuple):
    """The style of a piece of text.

    `colour` is the index of a curve's colour, or the shade of a matrix cell or a value, 0 to `SHADES`; 0 for parts
    without one.
    """

    kind: ChartPart
    colour: int = 0


Row = list[tuple[str, Style]]
"""A row of a chart: pieces of text from left to right."""

TITLE, LABEL, VALUE = Style(ChartPart.TITLE), Style(ChartPart.LABEL), Style(ChartPart.VALUE)
AXIS, GRID = Style(ChartPart.AXIS), Style(ChartPart.GRID)
CURSOR, CURSOR_LABEL = Style(ChartPart.CURSOR), Style(ChartPart.CURSOR_LABEL)

CellWidth = Callable[[str], int]
"""Returns the width of a text in terminal cells."""


def cell_width(text: str) -> int:
    """Return the width of a text by its Unicode properties: wide East Asian characters take two cells, marks none."""
    if text.isascii():
        return len(text)
    return sum(_character_width(character) for character in text)


def row_width(row: Row, measure: CellWidth) -> int:
    """Return the width of a row in cells."""
    return sum(measure(text) for text, _ in row)


def fit_row(row: Row, width: int, measure: CellWidth) -> Row:
    """Return the row cut or padded to exactly `width` cells."""
    pieces: Row = []
    room = width
    for text, style in row:
        piece = truncate(text, room, measure)
        pieces.append((piece, style))
        room -= measure(piece)
    return [*pieces, (" " * room, LABEL)]


def _character_width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
