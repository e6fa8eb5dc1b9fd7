"""The rows above a plot: the title, and a legend with the value of each curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rnntui.charts.styled_text import LABEL, TITLE, VALUE, CellWidth, Row, Style, fit_row, row_width
from rnntui.text.control_chars import truncate

_GAP = 3  # cells between entries
_MAX_NAME = 40  # cells of a name
_MIN_ROWS_FOR_DETAILS = 3  # of the legend: fewer are worth more to the plot than the step of the best evaluation
STAR = "★"
"""Marks the best evaluation of a run."""


@dataclass(frozen=True)
class LegendEntry:
    """A curve in the legend: its marker with style, its name, and a value.

    `best` is its value at the best evaluation, and `best_place` where that is, such as "at step 2,900"; empty for a
    curve without one.
    """

    marker: str
    style: Style
    name: str
    value: str
    best: str = ""
    best_place: str = ""

    def best_text(self, has_details: bool) -> str:
        """Return the best value, with its place if there is room for details; empty without one."""
        return f"best {self.best} {self.best_place}" if has_details and self.best else self.best


def legend_rows(title: str, entries: Sequence[LegendEntry], width: int, max_rows: int, measure: CellWidth) -> list[Row]:
    """Return the title with the legend to its right if both fit in one row, otherwise the legend below the title.

    Entries without room are counted: "and 3 more". The place of the best evaluation is left out where there is no room.

    Args:
        title: The title of the chart.
        entries: The curves in the order of the legend.
        width: The width of each row in cells.
        max_rows: The largest number of rows, at least 1.
        measure: Returns the width of a text in cells.
    """
    title = truncate(title, width, measure)
    room = width - measure(title) - (2 * _GAP if title else 0)
    for has_details in (True, False):
        pieces = [_entry_row(entry, width, has_details, measure) for entry in entries]
        if row_width(_join(pieces), measure) <= room:
            return [_title_row(title, pieces, room, width, measure)]
        if has_details and max_rows >= _MIN_ROWS_FOR_DETAILS and len(lines := _lines(pieces, width, measure)) == 1:
            return [fit_row([(title, TITLE)], width, measure), fit_row(_join(lines[0]), width, measure)]
    if max_rows == 1:
        if len(entries) == 1:
            pieces = _shortest(entries[0], room, measure)
        return [_title_row(title, pieces, room, width, measure)]
    lines = _lines(pieces, width, measure)
    if len(lines) > max_rows - 1:
        lines = lines[: max_rows - 1]
        lines[-1] = _with_count(lines[-1], len(pieces) - sum(map(len, lines)), width, measure)
    return [fit_row([(title, TITLE)], width, measure), *(fit_row(_join(line), width, measure) for line in lines)]


def _lines(pieces: list[Row], width: int, measure: CellWidth) -> list[list[Row]]:
    """Return the pieces wrapped to lines."""
    lines: list[list[Row]] = []
    for piece in pieces:
        if lines and row_width(_join([*lines[-1], piece]), measure) <= width:
            lines[-1].append(piece)
        else:
            lines.append([piece])
    return lines


def _shortest(entry: LegendEntry, room: int, measure: CellWidth) -> list[Row]:
    """Return the only curve of a chart as far as it fits: the title says already what it is."""
    value: Row = [(f"{entry.marker} ", entry.style), (entry.value, VALUE)]
    return [value] if entry.value and row_width(value, measure) <= room else []


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
        count: Row = [(f"and {omitted} more" if fitting else f"{omitted} curves", LABEL)]
        if row_width(_join([*fitting, count]), measure) <= width:
            return [*fitting, count]
        if not fitting:
            return []
        fitting.pop()
        omitted += 1


def _entry_row(entry: LegendEntry, width: int, has_details: bool, measure: CellWidth) -> Row:
    best = entry.best_text(has_details)
    values = [entry.value] if entry.value else []
    used = measure(f"{entry.marker} ") + sum(1 + measure(text) for text in (*values, *([STAR, best] if best else [])))
    name = truncate(entry.name, min(_MAX_NAME, max(1, width - used)), measure)
    row: Row = [(f"{entry.marker} ", entry.style), (name, LABEL), *((f" {text}", VALUE) for text in values)]
    return [*row, (f" {STAR}", entry.style), (f" {best}", VALUE)] if best else row


def _join(pieces: Sequence[Row]) -> Row:
    row: Row = []
    for piece in pieces:
        if row:
            row.append((" " * _GAP, LABEL))
        row.extend(piece)
    return row
