"""Rows of delimited text: cells between tabs, commas or other delimiters, optionally in quotes as in CSV.

A quoted cell may hold the delimiter, doubled quotes and line breaks. One quote that is never closed must not swallow
the rest of the file, as it does with `csv.reader` alone: lines are joined to a row only if that makes a valid one.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

MAX_CELL_LINES = 100
"""Lines of a quoted cell; in a longer one, the quote is taken as not closed. More make unclosed quotes slower."""


class Row(NamedTuple):
    """A row of a table.

    Args:
        number: number of its first line in the file, from 1.
        cells: its cells; None if a quote is not closed, or a cell is longer than the `csv` module allows.
        text: its line or lines.
        valid: False if its quotes are not those of CSV, as in `He said "no"`.
    """

    number: int
    cells: list[str] | None
    text: str
    valid: bool = True


def quoted_rows(
    lines: Iterable[str], delimiter: str, width: int = 0, max_cell_lines: int = MAX_CELL_LINES
) -> Iterator[Row]:
    """Yield the rows of a table whose cells may stand in quotes; line breaks inside a cell are kept.

    Args:
        lines: the lines of the file, without their line breaks.
        delimiter: separates cells.
        width: number of cells that a row of several lines must have; 0 if it is unknown.
        max_cell_lines: lines of a quoted cell.
    """
    remaining = iter(lines)
    returned: deque[str] = deque()  # lines that were read ahead, but are not part of the row
    number = 0
    while True:
        line = returned.popleft() if returned else next(remaining, None)
        if line is None:
            return
        number += 1
        if '"' not in line:
            yield Row(number, line.split(delimiter), line)
            continue
        joined: list[str] = []
        is_open = line.count('"') % 2
        while is_open and len(joined) < max_cell_lines:
            following = returned.popleft() if returned else next(remaining, None)
            if following is None:
                break
            joined.append(following)
            is_open ^= following.count('"') % 2
        row = _parse(number, "\n".join([line, *joined]), delimiter)
        if joined and not (row.valid and row.cells and width in (0, len(row.cells))):
            returned.extendleft(reversed(joined))
            joined, row = [], _parse(number, line, delimiter)
        yield row
        number += len(joined)


def _parse(number: int, text: str, delimiter: str) -> Row:
    valid = _valid_row(delimiter).fullmatch(text) is not None
    if not valid and '\\"' in text:  # some programs escape a quote by a backslash instead of doubling it
        doubled = text.replace('\\"', '""')
        if _valid_row(delimiter).fullmatch(doubled):
            text, valid = doubled, True
    if not valid and ("\n" in text or _unclosed_quote(delimiter).search(text)):
        return Row(number, None, text, valid=False)
    try:
        [cells] = csv.reader([text], delimiter=delimiter, skipinitialspace=True)
    except (csv.Error, ValueError):
        return Row(number, None, text, valid=False)
    return Row(number, cells, text, valid)


@cache
def _valid_row(delimiter: str) -> re.Pattern[str]:
    """Return a pattern of rows whose quotes enclose whole cells and are doubled inside of them (RFC 4180).

    Spaces around the quotes are allowed.
    """
    cell = rf'(?: *"[^"]*(?:""[^"]*)*" *|[^"{re.escape(delimiter)}]*)'
    return re.compile(rf"{cell}(?:{re.escape(delimiter)}{cell})*")


@cache
def _unclosed_quote(delimiter: str) -> re.Pattern[str]:
    return re.compile(rf'(?:^|{re.escape(delimiter)}) *"[^"]*(?:""[^"]*)*$')
