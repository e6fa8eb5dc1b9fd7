"""Attention matrices: what is drawn of them, and their layout on a terminal.

A matrix has a column for each source token, as wide as the token, and a row for each target token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rnntui.charts.axes import Floats
from rnntui.charts.styled_text import CellWidth, cell_width
from rnntui.text.control_chars import one_line, truncate

MAX_LABEL_WIDTH = 12
"""Cells of a token; a longer one is cut off."""

SHADES = "·░▒▓█"
_THRESHOLDS = (0.04, 0.2, 0.45, 0.7)  # the least weights of the shades after the first

UNSEEN_WEIGHT = 0.1
"""A source token is unseen if no target token gives it this share of its attention."""


@dataclass(frozen=True, eq=False)
class AttentionTable:
    """The attention of one translation, as rows and SVG draw it.

    Args:
        title: may hold any characters, as the tokens may.
        sources: the S source tokens, in readable form.
        targets: the T target tokens.
        weights: `(T, S)`, from 0 to 1.
        entropies: of each row in bits, `(T,)`; empty to leave them out.
    """

    title: str
    sources: Sequence[str]
    targets: Sequence[str]
    weights: Floats
    entropies: Sequence[float] = ()

    @property
    def unseen(self) -> list[bool]:
        """True for each source token that no target token looks at, `(S,)`."""
        if not len(self.targets):
            return [False] * len(self.sources)
        return [float(weight) < UNSEEN_WEIGHT for weight in self.weights.max(axis=0)]


@dataclass(frozen=True)
class Grid:
    """Labels, and their places in cells of the terminal.

    Args:
        row_labels: of the target tokens, all `margin` cells wide.
        column_labels: of the source tokens, each as wide as its column.
        margin: the width of the row labels.
        columns: start, counted from the first column, and width of each column; a blank cell is between two.
    """

    row_labels: list[str]
    column_labels: list[str]
    margin: int
    columns: list[tuple[int, int]]

    @property
    def width(self) -> int:
        """The width of all columns, without the margin."""
        return sum(self.columns[-1]) if self.columns else 0


def grid_layout(source: Sequence[str], target: Sequence[str], measure: CellWidth = cell_width) -> Grid:
    """Return the grid for source and target tokens, texts as of `Vocabulary.token_text`."""
    column_labels = [token_label(token, measure) for token in source]
    row_labels = [token_label(token, measure) for token in target]
    columns, at = [], 0
    for label in column_labels:
        columns.append((at, measure(label)))
        at += measure(label) + 1
    margin = max(map(measure, row_labels), default=0)
    return Grid([" " * (margin - measure(label)) + label for label in row_labels], column_labels, margin, columns)


def token_label(token: str, measure: CellWidth = cell_width) -> str:
    """Return a token without the space that begins a word, and not too wide; never empty."""
    label = one_line(token.removeprefix(" ") or "␣" * len(token)) or "␣"
    if measure(label) == 0:  # a combining mark without its letter
        label = "◌" + label
    return truncate(label, MAX_LABEL_WIDTH, measure)


def scale_legend() -> str:
    """Return which character means which weights, in percent."""
    limits = [f"{threshold:.0%}"[:-1] for threshold in _THRESHOLDS]
    ranges = [f"<{limits[0]}", *(f"{low}–{high}" for low, high in pairwise(limits)), f">{limits[-1]}%"]
    return "  ".join(f"{character} {text}" for character, text in zip(SHADES, ranges, strict=True))


def shade(weight: float) -> str:
    """Return the character for a weight, 0 to 1."""
    return SHADES[sum(weight >= threshold for threshold in _THRESHOLDS)]
