"""Columns of numbers read incrementally from the rows of a `metrics.jsonl`, which may contain anything."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnntui.charts.axes import Floats
from rnntui.charts.confusion import Counts, counts_from_json
from rnntui.charts.metric_charts import AXES, Axis, in_order
from rnntui.kinds.metrics import BITS_PER_CHARACTER
from rnntui.kinds.registry import all_metrics
from rnntui.kinds.samples import Sample, sample_from_json, shorten_sample
from rnntui.runs.metrics_log import MetricsTail

BLOCK = 1 << 18  # bytes per read: a few hundredths of a second
MAX_SAMPLES = 2000  # texts kept; when there are more, every second one is dropped
MAX_SAMPLE_CHARACTERS = 4000  # kept of each part of a sample
MAX_CONFUSIONS = 100  # matrices kept; when there are more, every second one is dropped
_MAX_METRICS = 64  # distinct keys; a file with more was not written by this program
_MAX_NOTE = 200  # characters of a slowdown that are kept
_RESULT = "best_step"  # the key of the row with the results of a finished run, measured with its best weights
_CONFUSION = "confusion"
_NOT_METRICS = {*AXES, "sample", _CONFUSION, _RESULT}
_CHECKED_LOSS = "validation_loss"  # logged by every evaluation


@dataclass(frozen=True)
class LoggedSample:
    """A sample that the model generated at a training step."""

    step: int
    sample: Sample


@dataclass(frozen=True, eq=False)
class LoggedConfusion:
    """The confusion matrix of an evaluation, counts `(K, K)` by true and predicted label."""

    step: int
    counts: Counts


@dataclass(frozen=True, eq=False)
class MetricSeries:
    """The values `(N,)` of one metric in the order they were logged, and their positions on every axis.

    `axes` holds steps, seconds of training and tokens read, `(N,)` each; NaN where a row lacks it.
    """

    values: Floats
    axes: dict[Axis, Floats]


@dataclass(frozen=True)
class BestCheck:
    """The evaluation that selected a run's weights: its training step, and the keys of the metrics that show it."""

    step: float
    keys: tuple[str, ...]


class MetricsHistory:
    """The metrics that a run has logged so far; each `read` adds a block of new rows.

    `has_more` is true if the last read did not reach the end of the file. `version` changes with every change of the
    data. `samples` and `confusions`, those of a classifier, are in order of their steps. `results` are the final losses
    of a finished run; they belong to its best weights, not to its last step, and so are not points of a curve.
    `final_confusion` is the matrix of these weights, None until the run is finished. `slowdown` says how much slower
    than usual the last steps were, and why; it is empty if they were not.
    """

    def __init__(self, path: Path) -> None:
        self.has_more = False
        self.version = 0
        self.samples: list[LoggedSample] = []
        self.confusions: list[LoggedConfusion] = []
        self.final_confusion: LoggedConfusion | None = None
        self.results: dict[str, float] = {}
        self.slowdown = ""
        self._tail = MetricsTail(path)
        self._columns = _Columns()

    def read(self, limit: int = BLOCK) -> bool:
        """Read at most `limit` new bytes, and return whether anything changed. A missing file counts as empty.

        Raises `OSError` if the file exists and cannot be read.
        """
        rows = self._tail.read(limit)
        self.has_more = self._tail.has_more
        if self._tail.restarted:
            self._start_over()
        for row in rows:
            self._add_row(row)
        self._columns.flush()
        if rows or self._tail.restarted:
            self.version += 1
            return True
        return False

    def read_all(self) -> None:
        """Read to the end of the file. Raises `OSError` as `read` does."""
        self.read()
        while self.has_more:
            self.read()

    @property
    def metric_keys(self) -> list[str]:
        """The keys of the metrics with at least one number, in the order of `all_metrics`."""
        return in_order([key for key, column in self._columns.values.items() if len(column)])

    def series(self, key: str) -> MetricSeries:
        """Return the values of a metric, copied; empty if the run has not logged it."""
        columns = self._columns
        if key not in columns.values:
            empty = np.empty(0)
            return MetricSeries(empty, dict.fromkeys(AXES, empty))
        rows = columns.rows[key].array
        return MetricSeries(columns.values[key].array.copy(), {axis: columns.axes[axis].array[rows] for axis in AXES})

    def best_check(self, selection_order: Sequence[str] = ()) -> BestCheck | None:
        """Return the best evaluation so far; None before the first one.

        A finished run has logged which one it is. Until then, it is the one that `SelectionRule` selects: the best by
        the first metric, on a tie by the next, then by the validation loss.

        Args:
            selection_order: Keys of the metrics that select, as in `TrainerConfig.selection_order`.
        """
        columns = self._columns
        if _CHECKED_LOSS not in columns.values:
            return None
        rows, losses = columns.rows[_CHECKED_LOSS].array, columns.values[_CHECKED_LOSS].array
        order = [key for key in selection_order if key in columns.values]
        keys = (order[0],) if order else (_CHECKED_LOSS, BITS_PER_CHARACTER.key)
        best_step = self.results.get(_RESULT)
        if best_step is not None and best_step in columns.axes["step"].array[rows]:
            return BestCheck(best_step, keys)
        candidates = np.flatnonzero(np.isfinite(losses))
        for key in order:
            metric = all_metrics()[key]
            rank_by_row = {
                row: metric.rank(value)
                for row, value in zip(columns.rows[key].array.tolist(), columns.values[key].array.tolist(), strict=True)
                if math.isfinite(value)
            }
            ranks = np.array([rank_by_row.get(row, -math.inf) for row in rows[candidates].tolist()])
            candidates = candidates[ranks == ranks.max(initial=-math.inf)]
        if not len(candidates):
            return None
        best = candidates[np.argmin(losses[candidates])]
        return BestCheck(float(columns.axes["step"].array[rows[best]]), keys)

    def _start_over(self) -> None:
        self.samples.clear()
        self.confusions.clear()
        self.final_confusion = None
        self.results.clear()
        self._columns = _Columns()

    def _add_row(self, row: dict[str, Any]) -> None:
        if _RESULT in row:
            self.results = {key: number for key, value in row.items() if (number := _number(value)) is not None}
            self.final_confusion = self._final_confusion(counts_from_json(row.get(_CONFUSION)))
            return
        step = _number(row.get("step"))
        if step is None or not math.isfinite(step):
            return
        if step < self._columns.last_step:
            self._columns.rewind(step)
            self.samples = [sample for sample in self.samples if sample.step <= step]
            self.confusions = [confusion for confusion in self.confusions if confusion.step <= step]
        self._columns.add(step, row)
        if "train_loss" in row:
            slowdown = row.get("slowdown")
            self.slowdown = slowdown[:_MAX_NOTE] if isinstance(slowdown, str) else ""
        sample = sample_from_json(row.get("sample"))
        if sample is not None:
            self.samples.append(LoggedSample(int(step), shorten_sample(sample, MAX_SAMPLE_CHARACTERS)))
            if len(self.samples) > MAX_SAMPLES:
                del self.samples[1:-1:2]  # keeps the first and the newest
        counts = counts_from_json(row.get(_CONFUSION))
        if counts is not None:
            self.final_confusion = None  # a finished run was resumed
            self.confusions.append(LoggedConfusion(int(step), counts))
            if len(self.confusions) > MAX_CONFUSIONS:
                del self.confusions[1:-1:2]

    def _final_confusion(self, counts: Counts | None) -> LoggedConfusion | None:
        """Return the matrix of a finished run: the final evaluation's, else the one logged with its best weights."""
        step = self.results.get(_RESULT, math.nan)
        if counts is not None and math.isfinite(step):
            return LoggedConfusion(int(step), counts)
        return next((confusion for confusion in reversed(self.confusions) if confusion.step == step), None)


class _Columns:
    """The columns of a file: `axes` have a value for each row; `rows` holds the row index of each value of a metric."""

    def __init__(self) -> None:
        self.last_step = -math.inf
        self.axes: dict[Axis, _Column] = {axis: _Column(np.float64) for axis in AXES}
        self.rows: dict[str, _Column] = {}
        self.values: dict[str, _Column] = {}
        self._row_count = 0

    def add(self, step: float, row: dict[str, Any]) -> None:
        """Add the numbers of a row, logged at `step`."""
        self.last_step = step
        row_index = self._row_count
        self._row_count += 1
        self.axes["step"].new.append(step)
        for axis in AXES[1:]:
            position = _number(row.get(axis))
            self.axes[axis].new.append(math.nan if position is None else position)
        for key, value in row.items():
            # The test of the type saves most calls: long files have millions of values.
            number = value if type(value) is float else _number(value)
            if number is None or key in _NOT_METRICS:
                continue
            column = self.values.get(key)
            if column is None:
                if len(self.values) == _MAX_METRICS:
                    continue
                self.rows[key], column = _Column(np.int64), _Column(np.float64)
                self.values[key] = column
            self.rows[key].new.append(row_index)
            column.new.append(number)

    def rewind(self, step: float) -> None:
        """Discard what came after `step`: the run was resumed there, and logs those steps again."""
        self.flush()
        row_count = int(np.searchsorted(self.axes["step"].array, step, side="right"))
        self._row_count = row_count
        for column in self.axes.values():
            column.truncate(row_count)
        for key, row_indices in self.rows.items():
            length = int(np.searchsorted(row_indices.array, row_count))
            row_indices.truncate(length)
            self.values[key].truncate(length)

    def flush(self) -> None:
        """Move the new numbers of every column to its array."""
        for columns in (self.axes, self.rows, self.values):
            for column in columns.values():
                column.flush()


class _Column:
    """A growing column: `new` numbers wait in a list until `flush` moves them to an array, which doubles when full."""

    def __init__(self, dtype: type[np.float64] | type[np.int64]) -> None:
        self._array: NDArray[Any] = np.empty(64, dtype)
        self._size = 0
        self.new: list[float] = []

    def flush(self) -> None:
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

    @property
    def array(self) -> NDArray[Any]:
        """The flushed numbers `(N,)`; valid until the column changes."""
        return self._array[: self._size]

    def __len__(self) -> int:
        return self._size + len(self.new)


def _number(value: object) -> float | None:
    """Return the value as a float, infinite if it is too large; None if it is not a number."""
    if type(value) is float:
        return value
    if type(value) is int:  # not a bool
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    return None
