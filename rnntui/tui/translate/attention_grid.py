"""How an attention matrix is laid out: columns as wide as the source's tokens, rows named after the target's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

from rnntui.text.control_chars import one_line

WIDEST = 12
"""Cells of a token at most; a longer one is cut off."""

SHADES = "·░▒▓█"
_LEAST = (0.04, 0.2, 0.45, 0.7)  # weights from which the shades after the first are


@dataclass(frozen=True)
class Grid:
    """Labels in cells of the terminal: of the rows all as wide as `margin`, of a column as wide as the column.

    `columns` are where each column starts, counted from the first, and how wide it is; one blank cell parts two.
    """

    rows: list[str]
    headings: list[str]
    margin: int
    columns: list[tuple[int, int]]

    @property
    def width(self) -> int:
        """Cells of all columns, without the margin."""
        return sum(self.columns[-1]) if self.columns else 0


def lay_out(source: Sequence[str], target: Sequence[str]) -> Grid:
    """The grid for tokens as `Vocabulary.token_text` gives them."""
    headings = [fitted(token) for token in source]
    rows = [fitted(token) for token in target]
    columns, at = [], 0
    for heading in headings:
        columns.append((at, cell_len(heading)))
        at += cell_len(heading) + 1
    margin = max(map(cell_len, rows), default=0)
    return Grid([" " * (margin - cell_len(row)) + row for row in rows], headings, margin, columns)


def fitted(token: str) -> str:
    """A token as it is shown: without the space that says that it begins a word, and not too wide; never empty."""
    shown = one_line(token.removeprefix(" ") or "␣" * len(token)) or "␣"
    if cell_len(shown) == 0:  # a mark without its letter
        shown = "◌" + shown
    return shown if cell_len(shown) <= WIDEST else set_cell_size(shown, WIDEST - 1).rstrip() + "…"


def shade(weight: float) -> str:
    """The character that stands for a weight, 0 to 1."""
    return SHADES[sum(weight >= least for least in _LEAST)]
