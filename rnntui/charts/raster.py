"""From points to dots of braille: a character cell is two dots wide and four high.

However many points a curve has, it has few dot columns. What it does in one of them is told by the least and the
greatest value there and by where the line crosses the column's two borders, so a curve is decimated to those first, and
the rest costs the same for a hundred points as for a million. As the line is taken at each border once, for the column
before and the one after, neighbouring columns always touch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnntui.charts.axes import AxisScale, Floats

DOTS_WIDE, DOTS_HIGH = 2, 4  # of a cell
BRAILLE = 0x2800  # the empty cell; the bits of its eight dots are added
_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.uint8)  # Unicode, chapter 21.1

ROUNDING = 1e-9  # by so much of an axis may a point at its end lie beyond it
_EVEN, _LOG = AxisScale(0.0, 1.0), AxisScale(1.0, 10.0, True)


@dataclass(frozen=True, eq=False)
class Spans:
    """What a curve covers in each dot column: from `low` to `high`, `(columns,)` each, on the even y axis.

    NaN where it covers nothing.
    """

    low: Floats
    high: Floats

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest value that is covered; infinities turned round if there is none."""
        return (
            float(np.fmin.reduce(self.low, initial=np.inf)),
            float(np.fmax.reduce(self.high, initial=-np.inf)),
        )


def decimate(x: Floats, y: Floats, scale: AxisScale, columns: int, *, log: bool = False, connect: bool = True) -> Spans:
    """What the polyline through the points `(N,)` covers in each of the dot columns of an x axis.

    `x` must not fall, and each have a place on an even axis. A `y` that has none, on a `log` y axis or an even one, is
    left out, and the line has a gap there. Without `connect` the points alone are covered.
    """
    if len(x) == 0 or columns < 1:
        return Spans(np.full(columns, np.nan), np.full(columns, np.nan))
    edges = scale.edges(columns)
    first = np.searchsorted(x, edges, side="left")
    first[-1] = np.searchsorted(x, edges[-1], side="right")  # a point at the very end is in the last column
    # One point more on either side, which the line comes from and goes to.
    start, end = max(0, int(first[0]) - 1), min(len(x), int(first[-1]) + 1)
    x, first = x[start:end], first - start
    plane = (_LOG if log else _EVEN).plane(y[start:end])

    low, high = np.full(columns, np.nan), np.full(columns, np.nan)
    held = first[:-1] < first[1:]
    if held.any():
        # Columns that hold points follow one another without anything between: each ends where the next begins.
        inside = plane[: first[-1]]
        low[held] = np.fmin.reduceat(inside, first[:-1][held])
        high[held] = np.fmax.reduceat(inside, first[:-1][held])
    if connect:
        crossings = _crossings(x, plane, edges, scale)
        low = np.fmin(low, np.fmin(crossings[:-1], crossings[1:]))
        high = np.fmax(high, np.fmax(crossings[:-1], crossings[1:]))
    return Spans(low, high)


def _crossings(x: Floats, plane: Floats, edges: Floats, scale: AxisScale) -> Floats:
    """The polyline at the borders of the columns, `(columns + 1,)`; NaN where it does not pass."""
    after = np.searchsorted(x, edges, side="left")
    passes = (after > 0) & (after < len(x))
    after = np.clip(after, 1, max(1, len(x) - 1))
    if len(x) < 2:
        return np.full(len(edges), np.nan)
    places, borders = scale.plane(x), scale.plane(edges)
    left, right = places[after - 1], places[after]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (borders - left) / (right - left)
        found: Floats = plane[after - 1] * (1 - share) + plane[after] * share
    found[~passes] = np.nan
    return found


def dots(spans: Spans, scale: AxisScale, height: int) -> NDArray[np.bool_]:
    """The lit dots `(height, columns)` of a plot that is `height` dots high, the first row at its top.

    What lies beyond an end of the y axis is not lit.
    """
    with np.errstate(invalid="ignore"):
        low, high = scale.plane_fraction(spans.low), scale.plane_fraction(spans.high)
        shown = (high >= -ROUNDING) & (low <= 1 + ROUNDING)
        bottom = np.where(shown, rows(low, height), height)
        top = np.where(shown, rows(high, height), 0)
    row = np.arange(height - 1, -1, -1)[:, None]  # counted from below
    lit: NDArray[np.bool_] = (row >= bottom) & (row <= top)
    return lit


def rows(fraction: Floats, height: int) -> NDArray[np.int64]:
    """Which of `height` rows, counted from below, a place on the y axis is in."""
    clipped = np.nan_to_num(np.clip(fraction, 0, 1), nan=0.0)
    return np.minimum((clipped * height).astype(np.int64), height - 1)


def cells(lit: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The bits of each braille cell `(height / 4, width / 2)` from dots `(height, width)`; 0 where none is lit."""
    height, width = lit.shape
    parts = lit.reshape(height // DOTS_HIGH, DOTS_HIGH, width // DOTS_WIDE, DOTS_WIDE)
    bits: NDArray[np.uint8] = (parts * _BITS[:, None, :]).sum(axis=(1, 3), dtype=np.uint8)
    return bits
