"""The rows above a plot: its title, and what each colour means, with the values there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rnntui.charts.cell_width import CellWidth, fit
from rnntui.charts.style import LABEL, TITLE, VALUE, Row, Style

_GAP = 3  # cells between entries
_NAME = 40  # cells of a name at most


@dataclass(frozen=True)
class Entry:
    """A curve in the legend: how it is drawn, its name, and a value of it."""

    sign: str
    style: Style
    name: str
    value: str


def heading(title: str, entries: Sequence[Entry], width: int, most: int, measure: CellWidth) -> list[Row]:
    """The title with the legend to its right if both fit in a row, else the legend below it; `most` rows in all.

    What has no room is counted: "and 3 more".
    """
    pieces = [_piece(entry, width, measure) for entry in entries]
    title = fit(title, width, measure)
    room = width - measure(title) - (2 * _GAP if title else 0)
    if _width(_joined(pieces), measure) <= room or most == 1:
        return [_beside(title, pieces, room, width, measure)]
    lines: list[list[Row]] = []
    for piece in pieces:
        if lines and _width(_joined([*lines[-1], piece]), measure) <= width:
            lines[-1].append(piece)
        else:
            lines.append([piece])
    if len(lines) > most - 1:
        lines = lines[: most - 1]
        lines[-1] = _with_rest(lines[-1], len(pieces) - sum(map(len, lines)), width, measure)
    return [_filled([(title, TITLE)], width, measure), *(_filled(_joined(line), width, measure) for line in lines)]


def _beside(title: str, pieces: list[Row], room: int, width: int, measure: CellWidth) -> Row:
    fitting = list(pieces)
    while fitting and _width(_joined(fitting), measure) > room:
        fitting.pop()
    if len(fitting) < len(pieces):
        fitting = _with_rest(fitting, len(pieces) - len(fitting), max(0, room), measure)
    legend = _joined(fitting)
    gap = width - measure(title) - _width(legend, measure)
    return [(title, TITLE), (" " * gap, LABEL), *legend]


def _with_rest(pieces: list[Row], left_out: int, width: int, measure: CellWidth) -> list[Row]:
    """The pieces that fit beside a note of how many more there are."""
    kept = list(pieces)
    while True:
        rest: Row = [(f"and {left_out} more" if kept else f"{left_out} curves" if left_out > 1 else "1 curve", LABEL)]
        if _width(_joined([*kept, rest]), measure) <= width:
            return [*kept, rest]
        if not kept:
            return []
        kept.pop()
        left_out += 1


def _piece(entry: Entry, width: int, measure: CellWidth) -> Row:
    taken = measure(entry.sign) + 1 + (1 + measure(entry.value) if entry.value else 0)
    name = fit(entry.name, min(_NAME, max(1, width - taken)), measure)
    piece: Row = [(f"{entry.sign} ", entry.style), (name, LABEL)]
    return [*piece, (f" {entry.value}", VALUE)] if entry.value else piece


def _joined(pieces: Sequence[Row]) -> Row:
    row: Row = []
    for piece in pieces:
        if row:
            row.append((" " * _GAP, LABEL))
        row.extend(piece)
    return row


def _width(row: Row, measure: CellWidth) -> int:
    return sum(measure(text) for text, _ in row)


def _filled(row: Row, width: int, measure: CellWidth) -> Row:
    """The row, exactly `width` cells wide: what does not fit is cut off."""
    filled: Row = []
    room = width
    for text, style in row:
        shown = fit(text, room, measure)
        filled.append((shown, style))
        room -= measure(shown)
    return [*filled, (" " * room, LABEL)]
