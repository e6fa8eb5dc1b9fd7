"""Columns of numbers read incrementally from the rows of a `metrics.jsonl`, which may contain anything."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from rnntui.charts.axes import Floats
from rnntui.charts.confusion import Counts, counts_from_json
from rnntui.charts.curve_cache import SAVE_EVERY, load_curves, save_curves
from rnntui.charts.metric_charts import AXES, DEFAULT_SMOOTHING, Axis, in_order
from rnntui.charts.metric_columns import MAX_ROWS, MetricColumns, to_number
from rnntui.kinds.metrics import BITS_PER_CHARACTER, CHECKED_LOSS
from rnntui.kinds.registry import all_metrics
from rnntui.kinds.samples import Sample, sample_from_json, shorten_sample
from rnntui.runs.metrics_log import RESULT_KEY, MetricsTail

BLOCK = 1 << 18  # bytes per read: a few hundredths of a second
MAX_SAMPLES = 2000  # texts kept; when there are more, every second one is dropped
MAX_SAMPLE_CHARACTERS = 4000  # kept of each part of a sample
MAX_CONFUSIONS = 100  # matrices kept; when there are more, every second one is dropped
_SAVE_AT = 1 << 28  # bytes read in one go that are saved before the end is reached
_MAX_NOTE = 200  # characters of a slowdown that are kept
_CONFUSION = "confusion"
_Value = TypeVar("_Value")
NOT_METRICS = frozenset({*AXES, "sample", _CONFUSION, RESULT_KEY})
"""Keys of a row that are no metrics."""


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

    `axes` holds steps, seconds of training and tokens read, `(N,)` each; NaN where a row lacks it. Of very many values,
    these are some, with all extremes. `averages` `(N,)` is then the moving average of all values, with a weight of
    `smoothing`; None if it can be computed from `values`.
    """

    values: Floats
    axes: dict[Axis, Floats]
    averages: Floats | None = None
    smoothing: float = 0.0


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

    Of very many rows, some are kept, with all extremes; they are also saved beside the metrics, where the next history
    of the same file begins.

    Args:
        path: the metrics file.
        smoothing: weight of the moving average in charts; with another one than the default, nothing is saved.
        max_rows: number of rows of which some are dropped; with another one than the default, nothing is saved.
    """

    def __init__(self, path: Path, smoothing: float = DEFAULT_SMOOTHING, max_rows: int = MAX_ROWS) -> None:
        self.has_more = False
        self.version = 0
        self.samples: list[LoggedSample] = []
        self.confusions: list[LoggedConfusion] = []
        self.final_confusion: LoggedConfusion | None = None
        self.results: dict[str, float] = {}
        self.slowdown = ""
        self._path = path
        self._tail = MetricsTail(path)
        self._new_columns = partial(MetricColumns, smoothing, max_rows)
        self._columns = self._new_columns()
        self._is_cached = (smoothing, max_rows) == (DEFAULT_SMOOTHING, MAX_ROWS)
        self._known_positions: list[tuple[NDArray[np.int64], dict[Axis, Floats]]] = []  # of rows, at a version
        self._position_version = 0
        self._saved_offset: int | None = None  # bytes of the metrics that are in the cache; None before the first read

    def read(self, limit: int = BLOCK) -> bool:
        """Read at most `limit` new bytes, and return whether anything changed. A missing file counts as empty.

        Raises `OSError` if the file exists and cannot be read.
        """
        is_loaded = self._saved_offset is None and self._load()
        rows = self._tail.read(limit)
        is_restarted = self._tail.restarted
        if is_restarted:
            self._start_over()
            if self._load():
                rows = self._tail.read(limit)
        self.has_more = self._tail.has_more
        for row in rows:
            self._add_row(row)
        self._columns.flush()
        self._save_if_due()
        if rows or is_restarted or is_loaded:
            self.version += 1
            return True
        return False

    def read_all(self) -> None:
        """Read to the end of the file. Raises `OSError` as `read` does."""
        self.read()
        while self.has_more:
            self.read()

    @property
    def offset(self) -> int:
        """Bytes of the file that were read, now or by the history that saved them."""
        return self._tail.offset

    @property
    def is_downsampled(self) -> bool:
        """True if some rows were dropped."""
        return self._columns.level > 0

    @property
    def metric_keys(self) -> list[str]:
        """The keys of the metrics with at least one number, in the order of `all_metrics`."""
        return in_order([key for key, column in self._columns.values.items() if len(column)])

    @property
    def last_step(self) -> int:
        """The training step of the newest row; 0 without rows."""
        return int(self._columns.last_step) if self._columns.values else 0

    def last_value(self, key: str) -> float | None:
        """Return the newest value of a metric; None if the run has not logged it."""
        column = self._columns.values.get(key)
        return float(column.array[-1]) if column is not None and len(column) else None

    def series(self, key: str) -> MetricSeries:
        """Return the values of a metric, copied; empty if the run has not logged it.

        Metrics that are logged together share the arrays of their positions.
        """
        columns = self._columns
        if key not in columns.values:
            empty = np.empty(0)
            return MetricSeries(empty, dict.fromkeys(AXES, empty))
        return MetricSeries(
            columns.values[key].array.copy(),
            self._positions(columns.rows[key].array),
            columns.averages(key),
            columns.smoothing,
        )

    def _positions(self, rows: NDArray[np.int64]) -> dict[Axis, Floats]:
        """Return the positions of some rows `(N,)` on every axis, which are copied once for each version of the data.

        Most metrics have the same rows, and a chart of each would else hold as many copies.
        """
        if self._position_version != self.version:
            self._position_version = self.version
            self._known_positions.clear()
        for known, positions in self._known_positions:
            if np.array_equal(known, rows):
                return positions
        positions = {axis: self._columns.axes[axis].array[rows] for axis in AXES}
        self._known_positions.append((rows.copy(), positions))
        return positions

    def best_check(self, selection_order: Sequence[str] = ()) -> BestCheck | None:
        """Return the best evaluation so far; None before the first one.

        A finished run has logged which one it is. Until then, it is the one that `SelectionRule` selects: the best by
        the first metric, on a tie by the next, then by the validation loss.

        Args:
            selection_order: Keys of the metrics that select, as in `TrainerConfig.selection_order`.
        """
        columns = self._columns
        if CHECKED_LOSS not in columns.values:
            return None
        rows, losses = columns.rows[CHECKED_LOSS].array, columns.values[CHECKED_LOSS].array
        order = [key for key in selection_order if key in columns.values]
        keys = (order[0],) if order else (CHECKED_LOSS, BITS_PER_CHARACTER.key)
        best_step = self.results.get(RESULT_KEY)
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
        self.slowdown = ""
        self._columns = self._new_columns()

    def _save_if_due(self) -> None:
        """Save the columns if enough has been read since the last time, and the end is reached or far away."""
        new_bytes = self._tail.offset - (self._saved_offset or 0)
        if self._is_cached and new_bytes >= (_SAVE_AT if self.has_more else SAVE_EVERY):
            self._saved_offset = self._tail.offset
            final = self.final_confusion
            state = {
                "samples": [[logged.step, logged.sample] for logged in self.samples],
                "confusions": [[logged.step, logged.counts.tolist()] for logged in self.confusions],
                "final_confusion": [final.step, final.counts.tolist()] if final else None,
                "results": self.results,
                "slowdown": self.slowdown,
            }
            save_curves(self._path, self._tail.offset, self._columns, state)

    def _load(self) -> bool:
        """Take over what was saved of the file, and continue behind it. Returns False if there is nothing of use."""
        self._saved_offset = 0
        cached = load_curves(self._path) if self._is_cached else None
        if cached is None or cached.columns.smoothing != self._columns.smoothing:
            return False
        try:
            samples, confusions, final, results, slowdown = _from_state(cached.state)
        except (KeyError, TypeError, ValueError, OverflowError):  # of another program
            return False
        self.samples, self.confusions, self.final_confusion = samples, confusions, final
        self.results, self.slowdown = results, slowdown
        self._columns = cached.columns
        self._saved_offset = cached.offset
        self._tail.skip_to(cached.offset, cached.inode)
        return True

    def _add_row(self, row: dict[str, Any]) -> None:
        if RESULT_KEY in row:
            self.results = {key: number for key, value in row.items() if (number := to_number(value)) is not None}
            self.final_confusion = self._final_confusion(counts_from_json(row.get(_CONFUSION)))
            return
        step = to_number(row.get("step"))
        if step is None or not math.isfinite(step):
            return
        if step < self._columns.last_step:
            self._columns.rewind(step)
            self.samples = [sample for sample in self.samples if sample.step <= step]
            self.confusions = [confusion for confusion in self.confusions if confusion.step <= step]
        self._columns.add(step, row, NOT_METRICS)
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
        step = self.results.get(RESULT_KEY, math.nan)
        if counts is not None and math.isfinite(step):
            return LoggedConfusion(int(step), counts)
        return next((confusion for confusion in reversed(self.confusions) if confusion.step == step), None)


def _from_state(
    state: dict[str, Any],
) -> tuple[list[LoggedSample], list[LoggedConfusion], LoggedConfusion | None, dict[str, float], str]:
    """Return what was saved beside the columns. Raises `KeyError`, `TypeError` or `ValueError` if it is broken."""
    samples = [LoggedSample(int(step), _require(sample_from_json(sample))) for step, sample in state["samples"]]
    confusions = [
        LoggedConfusion(int(step), _require(counts_from_json(counts))) for step, counts in state["confusions"]
    ]
    final = state["final_confusion"]
    final_confusion = LoggedConfusion(int(final[0]), _require(counts_from_json(final[1]))) if final else None
    results = {str(key): _require(to_number(value)) for key, value in state["results"].items()}
    return (
        samples[:MAX_SAMPLES],
        confusions[:MAX_CONFUSIONS],
        final_confusion,
        results,
        str(state["slowdown"])[:_MAX_NOTE],
    )


def _require(value: _Value | None) -> _Value:
    """Return a value. Raises `TypeError` for None."""
    if value is None:
        raise TypeError("a value is missing")
    return value
