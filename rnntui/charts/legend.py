"""The rows above a plot: the title, and a legend with the value of each curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rnntui.charts.styled_text import LABEL, TITLE, VALUE, CellWidth, Row, Style, fit_row, row_width, truncate

_GAP = 3  # cells between entries
_MAX_NAME = 40  # cells of a name


@dataclass(frozen=True)
class LegendEntry:
    """A curve in the legend: its marker with style, its name, and a value."""

    marker: str
    style: Style
    name: str
    value: str


def legend_rows(title: str, entries: Sequence[LegendEntry], width: int, max_rows: int, measure: CellWidth) -> list[Row]:
    """Return the title with the legend to its right if both fit in one row, otherwise the legend below the title.

    Entries without room are counted: "and 3 more".

    Args:
        title: The title of the chart.
        entries: The curves in the order of the legend.
        width: The width of each row in cells.
        max_rows: The largest number of rows, at least 1.
        measure: Returns the width of a text in cells.
    """
    pieces = [_entry_row(entry, width, measure) for entry in entries]
    title = truncate(title, width, measure)
    room = width - measure(title) - (2 * _GAP if title else 0)
    if row_width(_join(pieces), measure) <= room or max_rows == 1:
        return [_title_row(title, pieces, room, width, measure)]
    lines: list[list[Row]] = []
    for piece in pieces:
        if lines and row_width(_join([*lines[-1], piece]), measure) <= width:
            lines[-1].append(piece)
        else:
            lines.append([piece])
    if len(lines) > max_rows - 1:
        lines = lines[: max_rows - 1]
        lines[-1] = _with_count(lines[-1], len(pieces) - sum(map(len, lines)), width, measure)
    return [fit_row([(title, TITLE)], width, measure), *(fit_row(_join(line), width, measure) for line in lines)]


def _title_row(title: str, pieces: list[Row], room: int, width: int, measure: CellWidth) -> Row:
    fitting = list(pieces)
    while fitting and row_width(_join(fitting), measure) > room:
        fitting.pop()
    if len(fitting) < len(pieces):
        fitting = _with_count(fitting, len(pieces) - len(fitting), max(0, room), measure)
    legend = _join(fitting)
    gap = width - measure(title) - row_width(legend, measure)
    return [(title, TITLE), (" " * gap, LABEL), *legend]


def _with_count(pieces: list[Row], omitted: int, width: int, measure: CellWidth) -> list[Row]:
    """Return the pieces that fit beside a count of the omitted ones."""
    fitting = list(pieces)
    while True:
        count: Row = [(f"and {omitted} more" if fitting else f"{omitted} curves" if omitted > 1 else "1 curve", LABEL)]
        if row_width(_join([*fitting, count]), measure) <= width:
            return [*fitting, count]
        if not fitting:
            return []
        fitting.pop()
        omitted += 1


def _entry_row(entry: LegendEntry, width: int, measure: CellWidth) -> Row:
    used = measure(entry.marker) + 1 + (1 + measure(entry.value) if entry.value else 0)
    name = truncate(entry.name, min(_MAX_NAME, max(1, width - used)), measure)
    row: Row = [(f"{entry.marker} ", entry.style), (name, LABEL)]
    return [*row, (f" {entry.value}", VALUE)] if entry.value else row


def _join(pieces: Sequence[Row]) -> Row:
    row: Row = []
    for piece in pieces:
        if row:
            row.append((" " * _GAP, LABEL))
        row.extend(piece)
    return row
