"""All rows of a part of a run's metrics, put into curves that are drawn from some of the rows."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rnntui.charts.axes import Floats
from rnntui.charts.chart_view import ChartView
from rnntui.charts.curve import Curve, convert_x
from rnntui.charts.metric_charts import AXES, Axis
from rnntui.charts.metric_columns import MetricColumns, to_number
from rnntui.charts.metrics_history import NOT_METRICS, MetricSeries
from rnntui.charts.smooth import smooth
from rnntui.runs.metrics_log import rows_between

MAX_BYTES = 1 << 22
"""Bytes of rows that are read for a view: some twenty thousand rows."""

_SETTLED = 200  # kept values after which the moving average does not depend on how many there were


@dataclass(frozen=True)
class StepRange:
    """Training steps, both ends included."""

    first: int
    last: int

    def contains(self, other: StepRange) -> bool:
        """Return True if all steps of another range are in this one."""
        return self.first <= other.first and other.last <= self.last

    @property
    def widened(self) -> StepRange:
        """The range with as much again on both sides, so that moving the view a little needs no other rows."""
        width = self.last - self.first + 1
        return StepRange(max(0, self.first - width), self.last + width)


@dataclass(frozen=True, eq=False)
class AllRows:
    """All rows of a range of steps."""

    steps: StepRange
    columns: MetricColumns

    def put_into(self, curve: Curve) -> Curve:
        """Return a curve with all values of its metric in the range; the same curve if it has no more of them."""
        series, values = curve.series, self.columns.values.get(curve.metric)
        steps = series.axes["step"]
        before, after = steps < self.steps.first, steps > self.steps.last
        kept = len(steps) - int(before.sum()) - int(after.sum())
        if values is None or len(values) <= kept:
            return curve
        rows = self.columns.rows[curve.metric].array

        def joined(old: Floats, new: Floats) -> Floats:
            return np.concatenate([old[before], new, old[after]])

        axes = {axis: joined(series.axes[axis], self.columns.axes[axis].array[rows]) for axis in AXES}
        averages = series.averages
        if averages is not None:
            known = averages[before & np.isfinite(averages)]
            previous = float(known[-1]) if len(known) else 0.0
            averages = joined(averages, smooth(values.array, series.smoothing, previous, len(known)))
        all_values = joined(series.values, values.array)
        return replace(curve, series=MetricSeries(all_values, axes, averages, series.smoothing))


@dataclass(frozen=True, eq=False)
class RowsWanted:
    """Rows to read for a view.

    Args:
        run: the name of a run.
        path: its metrics file.
        steps: the steps that are shown.
        curves: the curves that the rows are to be put into.
    """

    run: str
    path: Path
    steps: StepRange
    curves: Sequence[Curve]


class ZoomedRows:
    """All rows of the part of the training that is zoomed in on; `files` are the metrics of runs with dropped rows."""

    def __init__(self) -> None:
        self.files: dict[str, Path] = {}
        self._rows: dict[str, AllRows] = {}

    def missing(
        self, view: ChartView, shown: Sequence[Curve], charts: Mapping[str, Sequence[Curve]]
    ) -> list[RowsWanted]:
        """Return what is to be read for a view of some curves: nothing where it shows everything, or all is there.

        Args:
            view: the view.
            shown: the curves in it.
            charts: the curves of all charts, by title.
        """
        if view.left is None:
            return []
        scale, wanted = view.x_scale(shown), []
        for run, path in self.files.items():
            steps = _steps_between([curve for curve in shown if curve.run == run], view.axis, scale.low, scale.high)
            known = self._rows.get(run)
            if steps is not None and not (known is not None and known.steps.contains(steps)):
                curves = [curve for chart in charts.values() for curve in chart if curve.run == run]
                wanted.append(RowsWanted(run, path, steps, curves))
        return wanted

    def store(self, wanted: Sequence[RowsWanted], found: Sequence[AllRows | None]) -> None:
        """Keep what was read, in place of what was there of these runs."""
        for each, rows in zip(wanted, found, strict=True):
            self._rows.pop(each.run, None)
            if rows is not None:
                self._rows[each.run] = rows

    def put_into(self, charts: Mapping[str, Sequence[Curve]]) -> dict[str, list[Curve]]:
        """Return the curves of charts, by title, with the rows that are there.

        Dropped are those of runs that are no longer shown, or that were resumed from an earlier step.
        """
        newest: dict[str, float] = {}
        for curve in (curve for curves in charts.values() for curve in curves):
            newest[curve.run] = max([newest.get(curve.run, 0.0), *curve.series.axes["step"][-1:].tolist()])
        self._rows = {
            run: rows
            for run, rows in self._rows.items()
            if run in self.files and rows.steps.last <= newest.get(run, 0.0)
        }
        return {
            title: [self._rows[curve.run].put_into(curve) if curve.run in self._rows else curve for curve in curves]
            for title, curves in charts.items()
        }


def read_all_rows(wanted: RowsWanted) -> AllRows | None:
    """Return all rows of the steps that are shown, with more on both sides if they are few enough.

    None if they are too many, or the file is gone or not as a training writes it.
    """
    averaged = [curve.series.axes["step"] for curve in wanted.curves if curve.series.averages is not None]
    for candidate in (wanted.steps.widened, wanted.steps):
        steps = replace(candidate, first=min([candidate.first, *(_start(kept, candidate.first) for kept in averaged)]))
        try:
            rows = rows_between(wanted.path, steps.first, steps.last, MAX_BYTES)
        except OSError:
            return None
        if rows is not None:
            return _all_rows(steps, rows)
    return None


def _all_rows(wanted: StepRange, rows: Sequence[dict[str, Any]]) -> AllRows:
    numbered = [(step, row) for row in rows if (step := to_number(row.get("step"))) is not None]
    last = int(numbered[-1][0]) if numbered else 0
    # A run in training may still log more rows at its newest step.
    steps = wanted if wanted.last <= last else StepRange(wanted.first, last - 1)
    columns = MetricColumns(0.0, sys.maxsize)
    for step, row in numbered:
        if step <= steps.last:
            columns.add(step, row, NOT_METRICS)
    columns.flush()
    return AllRows(steps, columns)


def _steps_between(curves: Sequence[Curve], axis: Axis, left: float, right: float) -> StepRange | None:
    """Return the steps between two positions on an axis, with those of a kept row on either side; None without any."""
    ends = [step for x in (left, right) if (step := convert_x(curves, x, axis, "step")) is not None]
    if len(ends) < 2 or not all(map(math.isfinite, ends)):
        return None
    steps = max((curve.series.axes["step"] for curve in curves), key=len)
    before = int(np.searchsorted(steps, ends[0])) - 1
    after = int(np.searchsorted(steps, ends[1], side="right"))
    first, last = float(steps[max(0, before)]), float(steps[min(len(steps) - 1, after)])
    return StepRange(max(0, math.floor(first)), math.ceil(last))


def _start(kept: Floats, first: int) -> int:
    """Return where reading for `first` begins, so that a moving average goes on from that of the row before.

    That is behind a kept row, whose average is known; or at the beginning, where the average depends on the number of
    values before it, too.
    """
    before = int(np.searchsorted(kept, first)) - 1
    return int(kept[before]) + 1 if before >= _SETTLED else 0
