"""Rasterization of curves to the dots of braille characters: a terminal cell is two dots wide and four high.

A curve may have any number of points, but a plot has few dot columns. Within one column, a curve is described by its
minimum and maximum and by its values at the column's two edges, so curves are first decimated to these; the rest costs
the same for a hundred points as for a million. Neighbouring columns share the value at their common edge, so a line is
always connected.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnntui.charts.axes import AxisScale, Floats

DOTS_WIDE, DOTS_HIGH = 2, 4  # of a cell
BRAILLE = 0x2800  # the empty cell; the bits of its eight dots are added
_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.uint8)  # Unicode, chapter 21.1

ROUNDING = 1e-9  # tolerance beyond the ends of an axis, as a fraction of it
_LINEAR, _LOG = AxisScale(0.0, 1.0), AxisScale(1.0, 10.0, True)


@dataclass(frozen=True, eq=False)
class ColumnRanges:
    """The range of a curve in each dot column, `low` to `high`, `(columns,)` each, in linear coordinates of the y axis.

    NaN where the curve does not pass through the column.
    """

    low: Floats
    high: Floats

    @property
    def bounds(self) -> tuple[float, float]:
        """The minimum and maximum of all columns; (inf, -inf) if the curve passes through none."""
        return (
            float(np.fmin.reduce(self.low, initial=np.inf)),
            float(np.fmax.reduce(self.high, initial=-np.inf)),
        )


def decimate(
    x: Floats, y: Floats, scale: AxisScale, columns: int, *, log: bool = False, connect: bool = True
) -> ColumnRanges:
    """Return the range of the polyline through the points in each of the dot columns of an x axis.

    Args:
        x: Positions `(N,)`, ascending (equal ones are allowed) and with a linear coordinate each.
        y: Values `(N,)`; one without a position on the y axis is left out, and the line has a gap there.
        scale: The x axis.
        columns: The number of dot columns.
        log: The y axis is logarithmic.
        connect: Include the line between the points, not the points alone.
    """
    if len(x) == 0 or columns < 1:
        return ColumnRanges(np.full(columns, np.nan), np.full(columns, np.nan))
    edges = scale.bin_edges(columns)
    first = np.searchsorted(x, edges, side="left")
    first[-1] = np.searchsorted(x, edges[-1], side="right")  # a point at the very end is in the last column
    # One more point on either side, where the line enters and leaves the view.
    start, end = max(0, int(first[0]) - 1), min(len(x), int(first[-1]) + 1)
    x, first = x[start:end], first - start
    linear = (_LOG if log else _LINEAR).linearize(y[start:end])

    low, high = np.full(columns, np.nan), np.full(columns, np.nan)
    has_points = first[:-1] < first[1:]
    if has_points.any():
        # Of the columns with points, each ends at the point where the next one begins, as `reduceat` needs it.
        inside = linear[: first[-1]]
        low[has_points] = np.fmin.reduceat(inside, first[:-1][has_points])
        high[has_points] = np.fmax.reduceat(inside, first[:-1][has_points])
    if connect:
        crossings = _edge_crossings(x, linear, edges, scale)
        low = np.fmin(low, np.fmin(crossings[:-1], crossings[1:]))
        high = np.fmax(high, np.fmax(crossings[:-1], crossings[1:]))
    return ColumnRanges(low, high)


def _edge_crossings(x: Floats, linear: Floats, edges: Floats, scale: AxisScale) -> Floats:
    """Return the values `(columns + 1,)` of the polyline at the edges of the columns; NaN beyond its ends."""
    after = np.searchsorted(x, edges, side="left")
    crosses = (after > 0) & (after < len(x))
    after = np.clip(after, 1, max(1, len(x) - 1))
    if len(x) < 2:
        return np.full(len(edges), np.nan)
    linear_x, linear_edges = scale.linearize(x), scale.linearize(edges)
    left, right = linear_x[after - 1], linear_x[after]
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = (linear_edges - left) / (right - left)
        crossings: Floats = linear[after - 1] * (1 - weight) + linear[after] * weight
    crossings[~crosses] = np.nan
    return crossings


def rasterize(ranges: ColumnRanges, scale: AxisScale, height: int) -> NDArray[np.bool_]:
    """Return the lit dots `(height, columns)` of a plot that is `height` dots high; row 0 is at the top.

    Dots beyond the ends of the y axis are not lit.
    """
    with np.errstate(invalid="ignore"):
        low, high = scale.linear_fraction(ranges.low), scale.linear_fraction(ranges.high)
        visible = (high >= -ROUNDING) & (low <= 1 + ROUNDING)
        bottom = np.where(visible, row_index(low, height), height)
        top = np.where(visible, row_index(high, height), 0)
    row = np.arange(height - 1, -1, -1)[:, None]  # counted from the bottom
    lit: NDArray[np.bool_] = (row >= bottom) & (row <= top)
    return lit


def row_index(fraction: Floats, height: int) -> NDArray[np.int64]:
    """Return the row of `height` rows, counted from the bottom, of each fraction `(N,)` of the y axis."""
    clipped = np.nan_to_num(np.clip(fraction, 0, 1), nan=0.0)
    return np.minimum((clipped * height).astype(np.int64), height - 1)


def braille_bits(lit: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the bits of each braille cell, `(height / 4, width / 2)`, from dots `(height, width)`."""
    height, width = lit.shape
    dots = lit.reshape(height // DOTS_HIGH, DOTS_HIGH, width // DOTS_WIDE, DOTS_WIDE)
    bits: NDArray[np.uint8] = (dots * _BITS[:, None, :]).sum(axis=(1, 3), dtype=np.uint8)
    return bits
