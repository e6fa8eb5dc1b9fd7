"""What the parts of a chart are, so that a front end can colour them."""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple


class ChartPart(Enum):
    """Parts of a chart. `RAW` and `LINE` have a colour each: values under their average, and what is in full colour."""

    TITLE = auto()
    LABEL = auto()
    VALUE = auto()
    AXIS = auto()
    GRID = auto()
    CURSOR = auto()
    RAW = auto()
    LINE = auto()


class Style(NamedTuple):
    """How a piece of text is to look; `colour` counts colours and is 0 where the kind has none of its own."""

    kind: ChartPart
    colour: int = 0


Row = list[tuple[str, Style]]
"""A row of a chart, from left to right."""

TITLE, LABEL, VALUE = Style(ChartPart.TITLE), Style(ChartPart.LABEL), Style(ChartPart.VALUE)
AXIS, GRID, CURSOR = Style(ChartPart.AXIS), Style(ChartPart.GRID), Style(ChartPart.CURSOR)
