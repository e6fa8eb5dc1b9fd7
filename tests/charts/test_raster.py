"""Decimation and rasterization of curves to braille dots."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rnntui.charts.axes import MAX_VALUE, MIN_LOG_VALUE, AxisScale, axis_scale
from rnntui.charts.raster import ColumnRanges, braille_bits, decimate, rasterize

repeatable = settings(derandomize=True, deadline=None, database=None, max_examples=80)
numbers = (
    st.floats() | st.floats(-10, 10) | st.sampled_from([0.0, math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324])
)
places = st.lists(st.floats(-1e9, 1e9) | st.integers(0, 50).map(float), max_size=60)


def plot_dots(x: np.ndarray, y: np.ndarray, columns: int, height: int, *, log: bool = False, connect: bool = True):
    across = axis_scale(float(x.min()), float(x.max())) if len(x) else axis_scale(0, 1)
    ranges = decimate(x, y, across, columns, log=log, connect=connect)
    low, high = ranges.bounds
    up = axis_scale(10**low, 10**high, True) if log and low <= high else axis_scale(low, high, log)
    return across, up, rasterize(ranges, up, height)


@repeatable
@given(places, st.data(), st.integers(1, 40), st.integers(1, 12), st.booleans(), st.booleans())
def test_every_finite_point_is_a_lit_dot(
    x: list[float], data: st.DataObject, wide: int, tall: int, connect: bool, log: bool
) -> None:
    across = np.sort(np.array(x, float))
    y = np.array(data.draw(st.lists(numbers, min_size=len(x), max_size=len(x))), float)
    x_scale, y_scale, lit = plot_dots(across, y, 2 * wide, 4 * tall, log=log, connect=connect)
    assert lit.shape == (4 * tall, 2 * wide)
    again = plot_dots(across, y, 2 * wide, 4 * tall, log=log, connect=connect)[2]
    assert np.array_equal(lit, again)
    finite = (y >= MIN_LOG_VALUE if log else y >= -MAX_VALUE) & (y <= MAX_VALUE)
    assert lit.any() == finite.any()
    columns = np.minimum(x_scale.fraction(across) * 2 * wide, 2 * wide - 1).astype(int)
    heights = np.minimum(y_scale.fraction(y) * 4 * tall, 4 * tall - 1)
    for column, height in zip(columns[finite], heights[finite].astype(int), strict=True):
        # A point on the edge of two columns or rows may be in either, by rounding.
        row = 4 * tall - 1 - height
        assert lit[max(0, row - log) : row + 1 + log, max(0, column - 1) : column + 2].any()


@repeatable
@given(places, st.data(), st.integers(1, 40), st.integers(1, 12), st.booleans())
def test_a_line_without_gaps_is_drawn_without_gaps(
    x: list[float], data: st.DataObject, wide: int, tall: int, log: bool
) -> None:
    across = np.sort(np.array(x, float))
    values = st.floats(1e-9, 1e9) if log else st.floats(-1e9, 1e9)
    y = np.array(data.draw(st.lists(values, min_size=len(x), max_size=len(x))), float)
    _, _, lit = plot_dots(across, y, 2 * wide, 4 * tall, log=log)
    columns = np.flatnonzero(lit.any(axis=0))
    if len(set(x)) < 2:
        return
    assert columns.tolist() == list(range(2 * wide)), "from the left end to the right"
    for left, right in zip(lit.T, lit.T[1:], strict=False):
        rows = np.flatnonzero(left)
        reach = np.zeros(len(left) + 2, bool)
        reach[rows[0] : rows[-1] + 3] = True
        assert (reach[1:-1] & right).any(), "each column touches the next"


def test_a_line_goes_on_where_its_points_are_out_of_view() -> None:
    x, y = np.array([0.0, 100.0]), np.array([0.0, 100.0])
    ranges = decimate(x, y, AxisScale(40.0, 60.0), 4)
    assert np.allclose(ranges.low, [40, 45, 50, 55]) and np.allclose(ranges.high, [45, 50, 55, 60])
    assert np.isnan(decimate(x, y, AxisScale(200.0, 300.0), 4).low).all()


def test_a_gap_is_left_where_a_value_is_missing() -> None:
    x = np.arange(5.0)
    for gap in (math.nan, math.inf):
        ranges = decimate(x, np.array([1.0, 1.0, gap, 1.0, 1.0]), AxisScale(0.0, 4.0), 8)
        assert np.isnan(ranges.low).tolist() == [False, False, False, True, True, True, False, False]


def test_what_has_no_logarithm_is_left_out() -> None:
    ranges = decimate(np.arange(4.0), np.array([10.0, 0.0, -5.0, 1000.0]), AxisScale(0.0, 3.0), 4, log=True)
    assert np.array_equal(ranges.low, [1.0, np.nan, np.nan, 3.0], equal_nan=True)


def test_many_points_in_a_column_are_told_by_their_range() -> None:
    y = np.random.default_rng(0).normal(size=10_000)
    ranges = decimate(np.arange(10_000.0), y, AxisScale(0.0, 9999.0), 10, connect=False)
    parts = y.reshape(10, 1000)
    assert np.array_equal(ranges.low, parts.min(axis=1)) and np.array_equal(ranges.high, parts.max(axis=1))


def test_points_at_the_same_place_are_all_drawn() -> None:
    ranges = decimate(np.array([1.0, 1.0, 1.0]), np.array([3.0, -2.0, 5.0]), AxisScale(0.0, 2.0), 4)
    assert np.nanmin(ranges.low) == -2 and np.nanmax(ranges.high) == 5


def test_what_is_beyond_the_y_axis_is_not_lit() -> None:
    ranges = ColumnRanges(np.array([-5.0, 0.5, 5.0, np.nan]), np.array([-4.0, 9.0, 6.0, np.nan]))
    lit = rasterize(ranges, AxisScale(0.0, 1.0), 4)
    assert lit.T.tolist() == [[False] * 4, [True, True, False, False], [False] * 4, [False] * 4]


def test_the_bits_of_a_braille_cell() -> None:
    found = []
    for column in range(2):
        for row in range(4):
            lit = np.zeros((4, 2), bool)
            lit[row, column] = True
            found.append(chr(0x2800 + int(braille_bits(lit)[0, 0])))
    assert "".join(found) == "⠁⠂⠄⡀⠈⠐⠠⢀"
    assert braille_bits(np.ones((8, 4), bool)).tolist() == [[255, 255], [255, 255]]
