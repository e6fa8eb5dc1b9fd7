"""From the rows of a `metrics.jsonl`, which may hold anything, to columns of numbers that grow as the run does."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnntui.charts.metric_charts import AXES, Axis, in_order
from rnntui.kinds.samples import Sample, sample_from_json, shorten_sample
from rnntui.runs.metrics_log import MetricsTail

Floats = NDArray[np.float64]

BLOCK = 1 << 18  # bytes a read takes in at most: a few hundredths of a second
SAMPLES = 2000  # texts kept; beyond, every second one is dropped
SAMPLE_LENGTH = 4000  # characters kept of each part
_QUANTITIES = 64  # different keys taken up; a file that has more is none of ours
_RESULT = "best_step"  # a row with this key has the results of a finished run, measured with its best weights
_NO_QUANTITY = {*AXES, "sample", _RESULT}


@dataclass(frozen=True)
class LoggedSample:
    """A sample that the model wrote at a step."""

    step: int
    sample: Sample


@dataclass(frozen=True, eq=False)
class Points:
    """The values of one quantity, `(N,)` in the order they were logged, and where each lies on every axis.

    `axes` gives steps, seconds of training and tokens read, `(N,)` each; NaN where a row did not say.
    """

    values: Floats
    axes: dict[Axis, Floats]


class MetricsHistory:
    """What a run has logged so far. Each `read` takes in what is new, a block at a time.

    `more` says that the last read did not reach the file's end. `version` changes whenever anything else does.
    `samples` are in order of their steps. `results` are the losses that a finished run ends with; they belong to its
    best weights, not to its last step, and are thus no points of a curve.
    """

    def __init__(self, path: Path) -> None:
        self.more = False
        self.version = 0
        self.samples: list[LoggedSample] = []
        self.results: dict[str, float] = {}
        self._tail = MetricsTail(path)
        self._start_over()

    def read(self, limit: int = BLOCK) -> bool:
        """Take in at most `limit` new bytes; whether there was anything new. A missing file has nothing.

        Raises `OSError` if the file is there and cannot be read.
        """
        rows = self._tail.read(limit)
        self.more = self._tail.more
        if self._tail.restarted:
            self._start_over()
        for row in rows:
            self._take(row)
        self._settle()
        if rows or self._tail.restarted:
            self.version += 1
            return True
        return False

    def read_all(self) -> None:
        """Take in everything there is. Raises `OSError` as `read`."""
        self.read()
        while self.more:
            self.read()

    @property
    def quantities(self) -> list[str]:
        """The keys that have at least one number, in the order of the table of quantities."""
        return in_order([key for key, column in self._values.items() if len(column)])

    def points(self, key: str) -> Points:
        """The values of a quantity, as copies; none if the run has not logged it."""
        if key not in self._values:
            nothing = np.empty(0)
            return Points(nothing, dict.fromkeys(AXES, nothing))
        rows = self._rows[key].array
        return Points(self._values[key].array.copy(), {axis: self._axes[axis].array[rows] for axis in AXES})

    def _start_over(self) -> None:
        self.samples.clear()
        self.results.clear()
        self._last = -math.inf  # the step of the row before
        self._count = 0  # rows
        # Rows are numbered; a quantity's column says of each of its values which row it was in.
        self._axes: dict[Axis, _Column] = {axis: _Column(np.float64) for axis in AXES}
        self._rows: dict[str, _Column] = {}
        self._values: dict[str, _Column] = {}

    def _take(self, row: dict[str, Any]) -> None:
        if _RESULT in row:
            self.results = {key: found for key, value in row.items() if (found := _number(value)) is not None}
            return
        step = _number(row.get("step"))
        if step is None or not math.isfinite(step):
            return
        if step < self._last:
            self._go_back(step)
        self._last = step
        number = self._count
        self._count += 1
        self._axes["step"].new.append(step)
        for axis in AXES[1:]:
            place = _number(row.get(axis))
            self._axes[axis].new.append(math.nan if place is None else place)
        for key, value in row.items():
            # Spares most values the call: long files have millions.
            found = value if type(value) is float else _number(value)
            if found is None or key in _NO_QUANTITY:
                continue
            column = self._values.get(key)
            if column is None:
                if len(self._values) == _QUANTITIES:
                    continue
                self._rows[key], column = _Column(np.int64), _Column(np.float64)
                self._values[key] = column
            self._rows[key].new.append(number)
            column.new.append(found)
        sample = sample_from_json(row.get("sample"))
        if sample is not None:
            self.samples.append(LoggedSample(int(step), shorten_sample(sample, SAMPLE_LENGTH)))
            if len(self.samples) > SAMPLES:
                del self.samples[1:-1:2]  # the first and the newest stay

    def _go_back(self, step: float) -> None:
        """The run was resumed from an earlier step: what came later is made anew, and no longer counts."""
        self._settle()
        rows = int(np.searchsorted(self._axes["step"].array, step, side="right"))
        self._count = rows
        for column in self._axes.values():
            column.cut(rows)
        for key, numbers in self._rows.items():
            length = int(np.searchsorted(numbers.array, rows))
            numbers.cut(length)
            self._values[key].cut(length)
        self.samples = [sample for sample in self.samples if sample.step <= step]

    def _settle(self) -> None:
        for columns in (self._axes, self._rows, self._values):
            for column in columns.values():
                column.settle()


class _Column:
    """Numbers that grow: `new` ones stand in a list, until they settle in an array that doubles when it is full."""

    def __init__(self, kind: type[np.float64] | type[np.int64]) -> None:
        self._array: NDArray[Any] = np.empty(64, kind)
        self._settled = 0
        self.new: list[float] = []

    def settle(self) -> None:
        if not self.new:
            return
        length = len(self)
        if length > len(self._array):
            grown = np.empty(max(length, 2 * len(self._array)), self._array.dtype)
            grown[: self._settled] = self._array[: self._settled]
            self._array = grown
        self._array[self._settled : length] = self.new
        self._settled = length
        self.new.clear()

    def cut(self, length: int) -> None:
        """Forget everything from that place on, in a column that is settled."""
        self._settled = min(self._settled, length)

    @property
    def array(self) -> NDArray[Any]:
        """What is settled; valid until the column changes."""
        return self._array[: self._settled]

    def __len__(self) -> int:
        return self._settled + len(self.new)


def _number(value: object) -> float | None:
    """The value as a float, infinite where it is too large for one; None if it is no number."""
    if type(value) is float:
        return value
    if type(value) is int:  # a bool is none
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    return None
