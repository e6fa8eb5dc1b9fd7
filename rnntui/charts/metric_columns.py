"""Columns of the numbers of metrics, downsampled in place once they have very many rows, so that memory is bounded.

Downsampling keeps, of each bucket of rows, the first and last value of every metric, its minimum and its maximum, which
draw the same line as all rows do (M4, Jugel et al. 2014), and the same of the moving average. Buckets become larger as
rows are added, and the extremes of kept rows are those of all rows, however often they are downsampled.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnntui.charts.axes import Floats
from rnntui.charts.metric_charts import AXES, Axis, metric_of
from rnntui.charts.smooth import smooth
from rnntui.kinds.metrics import CHECKED_LOSS

MAX_ROWS = 1 << 13
"""Rows at which columns are downsampled to half as many, or fewer."""

_MAX_METRICS = 64  # distinct keys; a file with more was not written by this program
_FIRST_LEVEL = 4  # buckets have 2 ** level rows

Indices = NDArray[np.intp]


class MetricColumns:
    """The columns of a metrics file: `axes` have a value for each row, `rows` the row index of each value of a metric.

    Args:
        smoothing: weight of the moving average whose course is kept when noisy metrics are downsampled.
        max_rows: number of rows at which they are downsampled.
    """

    def __init__(self, smoothing: float, max_rows: int = MAX_ROWS) -> None:
        self.last_step = -math.inf
        self.axes: dict[Axis, Column] = {axis: Column(np.float64) for axis in AXES}
        self.rows: dict[str, Column] = {}
        self.values: dict[str, Column] = {}
        self.smoothing = smoothing
        self.level = 0  # of downsampling; 0 if all rows are there
        self.ordinals = Column(np.int64)  # of the rows, among all that were added
        # Of the values up to the last downsampling; those of later values follow from them.
        self._averages: dict[str, Floats] = {}
        self._max_rows = max_rows
        self._row_count = 0
        self.next_ordinal = 0  # of the next row that is added

    def add(self, step: float, row: Mapping[str, Any], not_metrics: frozenset[str]) -> None:
        """Add the numbers of a row, logged at `step`, but those of some keys."""
        self.last_step = step
        row_index = self._row_count
        self._row_count += 1
        self.ordinals.new.append(self.next_ordinal)
        self.next_ordinal += 1
        self.axes["step"].new.append(step)
        for axis in AXES[1:]:
            position = to_number(row.get(axis))
            self.axes[axis].new.append(math.nan if position is None else position)
        for key, value in row.items():
            # The test of the type saves most calls: long files have millions of values.
            number = value if type(value) is float else to_number(value)
            if number is None or key in not_metrics:
                continue
            column = self.values.get(key)
            if column is None:
                if len(self.values) == _MAX_METRICS:
                    continue
                self.rows[key], column = Column(np.int64), Column(np.float64)
                self.values[key] = column
            self.rows[key].new.append(row_index)
            column.new.append(number)
        if self._row_count >= self._max_rows:
            self._downsample()

    def rewind(self, step: float) -> None:
        """Discard what came after `step`: the run was resumed there, and logs those steps again."""
        self.flush()
        row_count = int(np.searchsorted(self.axes["step"].array, step, side="right"))
        self._row_count = row_count
        for column in (self.ordinals, *self.axes.values()):
            column.truncate(row_count)
        self.next_ordinal = int(self.ordinals.array[-1]) + 1 if row_count else 0
        for key, row_indices in self.rows.items():
            length = int(np.searchsorted(row_indices.array, row_count))
            row_indices.truncate(length)
            self.values[key].truncate(length)
            if key in self._averages:
                self._averages[key] = self._averages[key][:length]

    def flush(self) -> None:
        """Move the new numbers of every column to its array."""
        self.ordinals.flush()
        for columns in (self.axes, self.rows, self.values):
            for column in columns.values():
                column.flush()

    def averages(self, key: str) -> Floats | None:
        """Return the moving average `(N,)` of a noisy metric; None if it is not noisy, or all of its rows are there."""
        kept = self._averages.get(key)
        if kept is None:
            return None
        values, rows = self.values[key].array, self.rows[key].array
        finite = np.flatnonzero(np.isfinite(kept))
        previous, count = 0.0, 0
        if len(finite):
            last = int(finite[-1])
            previous, count = float(kept[last]), int(self.ordinals.array[rows[last]]) + 1
        return np.concatenate([kept, smooth(values[len(kept) :], self.smoothing, previous, count)])

    def _downsample(self) -> None:
        """Keep at most half of the largest number of rows."""
        self.flush()
        averages = {
            key: known if (known := self.averages(key)) is not None else smooth(self.values[key].array, self.smoothing)
            for key in self.values
            if metric_of(key).noisy
        }
        for level in itertools.count(max(_FIRST_LEVEL, self.level)):
            self.level = level
            is_kept = self._choose_rows(averages)
            # Even a single bucket has more rows than that if there are very many metrics.
            if is_kept.sum() <= self._max_rows // 2 or self.ordinals.array[-1] >> self.level == 0:
                break
        new_indices = np.cumsum(is_kept) - 1
        for column in (self.ordinals, *self.axes.values()):
            column.replace(column.array[is_kept])
        for key, rows in self.rows.items():
            has_kept_row = is_kept[rows.array]
            rows.replace(new_indices[rows.array[has_kept_row]])
            self.values[key].replace(self.values[key].array[has_kept_row])
            if key in averages:
                averages[key] = averages[key][has_kept_row]
        self._averages = averages
        self._row_count = int(is_kept.sum())

    def _choose_rows(self, averages: Mapping[str, Floats]) -> NDArray[np.bool_]:
        """Return which rows `(rows,)` to keep: those at the ends and extremes of any metric in any bucket."""
        buckets = self.ordinals.array >> self.level
        is_kept = np.zeros(len(buckets), bool)
        losses = np.full(len(buckets), np.nan)
        if CHECKED_LOSS in self.values:
            losses[self.rows[CHECKED_LOSS].array] = self.values[CHECKED_LOSS].array
        for key, column in self.values.items():
            rows = self.rows[key].array
            if not len(rows):
                continue
            starts = _starts(buckets[rows])
            is_kept[rows[starts]] = True
            is_kept[rows[[*(starts[1:] - 1), len(rows) - 1]]] = True
            ties = losses[rows] if key != CHECKED_LOSS else None
            is_kept[rows[_extremes(column.array, starts, ties)]] = True
            if key in averages:
                is_kept[rows[_extremes(averages[key], starts)]] = True
        return is_kept

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return all columns, for a file; metrics are numbered by their order in `values`."""
        self.flush()
        arrays: dict[str, NDArray[Any]] = {"ordinals": self.ordinals.array}
        arrays |= {f"axes.{axis}": column.array for axis, column in self.axes.items()}
        for index, key in enumerate(self.values):
            arrays[f"rows.{index}"], arrays[f"values.{index}"] = self.rows[key].array, self.values[key].array
            if key in self._averages:
                arrays[f"averages.{index}"] = self._averages[key]
        return arrays

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[Any]], keys: list[str], smoothing: float, level: int, next_ordinal: int
    ) -> MetricColumns:
        """Return the columns of which `to_arrays` gave the arrays. Raises `ValueError` if they do not fit together."""
        columns = cls(smoothing)
        ordinals = _array(arrays, "ordinals", np.int64)
        count = len(ordinals)
        if not (0 <= level < 60 and 0 < count < MAX_ROWS and len(keys) <= _MAX_METRICS and len({*keys}) == len(keys)):
            raise ValueError("its sizes are out of range")
        if not (ordinals[0] >= 0 and (np.diff(ordinals) > 0).all() and ordinals[-1] < next_ordinal < 2**60):
            raise ValueError("its rows are out of order")
        columns.level, columns._row_count, columns.next_ordinal = level, count, next_ordinal
        columns.ordinals.replace(ordinals)
        for axis, column in columns.axes.items():
            column.replace(_array(arrays, f"axes.{axis}", np.float64, count))
        steps = columns.axes["step"].array
        if not (np.isfinite(steps).all() and (np.diff(steps) >= 0).all()):
            raise ValueError("its steps are out of order")
        columns.last_step = float(steps[-1])
        for index, key in enumerate(keys):
            rows = _array(arrays, f"rows.{index}", np.int64)
            if len(rows) and not (rows[0] >= 0 and (np.diff(rows) > 0).all() and rows[-1] < count):
                raise ValueError("its rows are out of order")
            columns.rows[key], columns.values[key] = Column(np.int64), Column(np.float64)
            columns.rows[key].replace(rows)
            columns.values[key].replace(_array(arrays, f"values.{index}", np.float64, len(rows)))
            if f"averages.{index}" in arrays:
                averages = _array(arrays, f"averages.{index}", np.float64)
                if len(averages) > len(rows):
                    raise ValueError("it has more averages than values")
                columns._averages[key] = averages
        return columns


class Column:
    """A growing column: `new` numbers wait in a list until `flush` moves them to an array, which doubles when full."""

    def __init__(self, dtype: type[np.float64] | type[np.int64]) -> None:
        self._array: NDArray[Any] = np.empty(64, dtype)
        self._size = 0
        self.new: list[float] = []

    def flush(self) -> None:
        """Move the new numbers to the array."""
        if not self.new:
            return
        length = len(self)
        if length > len(self._array):
            grown = np.empty(max(length, 2 * len(self._array)), self._array.dtype)
            grown[: self._size] = self._array[: self._size]
            self._array = grown
        self._array[self._size : length] = self.new
        self._size = length
        self.new.clear()

    def truncate(self, length: int) -> None:
        """Keep the first `length` numbers of a flushed column."""
        self._size = min(self._size, length)

    def replace(self, numbers: NDArray[Any]) -> None:
        """Replace all numbers of a flushed column."""
        self._array, self._size = np.array(numbers, self._array.dtype), len(numbers)

    @property
    def array(self) -> NDArray[Any]:
        """The flushed numbers `(N,)`; valid until the column changes."""
        return self._array[: self._size]

    def __len__(self) -> int:
        return self._size + len(self.new)


def to_number(value: object) -> float | None:
    """Return the value as a float, infinite if it is too large; None if it is not a number."""
    if type(value) is float:
        return value
    if type(value) is int:  # not a bool
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    return None


def _array(
    arrays: Mapping[str, NDArray[Any]], name: str, dtype: type[np.float64] | type[np.int64], length: int | None = None
) -> NDArray[Any]:
    array = arrays.get(name)
    if array is None or array.dtype != dtype or array.ndim != 1 or length not in (None, len(array)):
        raise ValueError(f"{name} is missing or of another shape")
    return array


def _starts(buckets: NDArray[np.int64]) -> Indices:
    """Return the index of the first value of each bucket; `buckets` `(N,)` are ascending, N > 0."""
    return np.flatnonzero(np.r_[True, buckets[1:] != buckets[:-1]])


def _extremes(values: Floats, starts: Indices, ties: Floats | None = None) -> Indices:
    """Return the indices of the minimum and maximum of each bucket of values `(N,)`, and of other places of a line.

    These are the smallest positive value, where a bucket has others: it is the minimum on a logarithmic axis; and the
    first and last finite value, where a bucket has others.

    Args:
        values: the values `(N,)`.
        starts: the index of the first value of each bucket.
        ties: numbers `(N,)` that decide between equal values: the smallest is taken, else the first.
    """
    is_finite = np.isfinite(values)
    finite = np.where(is_finite, values, np.nan)
    chosen = [_minima(finite, starts, ties), _minima(-finite, starts, ties)]
    positive = np.where(finite > 0, finite, np.nan)
    if not (finite > 0).all():
        chosen.append(_minima(positive, starts))
    if not is_finite.all():
        places = np.where(is_finite, np.arange(float(len(values))), np.nan)
        chosen += [_minima(places, starts), _minima(-places, starts)]
    return np.concatenate(chosen)


def _minima(values: Floats, starts: Indices, ties: Floats | None = None) -> Indices:
    """Return the index of the minimum of each bucket that has one; NaN is none."""
    lengths = np.diff(starts, append=len(values))
    is_minimum = values == np.repeat(np.fmin.reduceat(values, starts), lengths)
    if ties is not None and np.isfinite(ties).any():
        tied = np.where(is_minimum, ties, np.nan)
        smallest = np.repeat(np.fmin.reduceat(tied, starts), lengths)
        is_minimum &= np.isnan(smallest) | (tied == smallest)
    indices = np.flatnonzero(is_minimum)
    buckets = np.searchsorted(starts, indices, side="right")
    return indices[_starts(buckets)] if len(indices) else indices
