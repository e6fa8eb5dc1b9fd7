"""Curves: a metric of a run with its position on every axis, its smoothed values and its colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rnntui.charts.axes import MAX_VALUE, Floats
from rnntui.charts.metric_charts import Axis, metric_of
from rnntui.charts.metrics_history import BestCheck, MetricSeries, MetricsHistory
from rnntui.charts.smooth import smooth


@dataclass(frozen=True, eq=False)
class Polyline:
    """The points of a curve over one axis, `(N,)` each: `x` is ascending and has no NaN.

    `smoothed` is the moving average of `y`, or None without smoothing. `best` is the point `(x, y)` of the best
    evaluation, if the curve shows it.
    """

    x: Floats
    y: Floats
    smoothed: Floats | None
    best: tuple[float, float] | None = None

    @property
    def main(self) -> Floats:
        """The values `(N,)` drawn in the full colour: smoothed if there is smoothing, else raw."""
        return self.y if self.smoothed is None else self.smoothed

    def value_at(self, x: float) -> float | None:
        """Return the main value of the point nearest to `x`; None if `x` is beyond the ends or there is no point."""
        finite = np.isfinite(self.main)
        if not finite.any():
            return None
        finite_x = self.x if finite.all() else self.x[finite]
        if not finite_x[0] <= x <= finite_x[-1]:
            return None
        after = min(int(np.searchsorted(finite_x, x)), len(finite_x) - 1)
        nearest = after if after == 0 or finite_x[after] - x <= x - finite_x[after - 1] else after - 1
        return float((self.main if finite.all() else self.main[finite])[nearest])

    @property
    def last_value(self) -> float | None:
        """The newest finite main value."""
        finite = np.flatnonzero(np.isfinite(self.main))
        return float(self.main[finite[-1]]) if len(finite) else None


@dataclass(frozen=True, eq=False)
class Curve:
    """One metric of one run, as a chart draws it.

    `colour` is an index into the front end's colours. `smoothing`, 0 <= smoothing < 1, is the weight of the moving
    average drawn over the dimmed values; 0 draws the values alone. `marked` draws a marker at every point where there
    is room. `best_step` is the training step of the best evaluation, which gets a mark; None for a curve without one.
    `band` is a range around the values, low and high `(N,)` each, which is shaded. `legend_value` stands in the legend
    in place of the last value. `run` and `metric` are the run's name and the key that the values are of. Create one for
    each state of the data: computed polylines are cached.
    """

    name: str
    series: MetricSeries
    colour: int = 0
    smoothing: float = 0.0
    marked: bool = False
    best_step: float | None = None
    band: tuple[Floats, Floats] | None = None
    legend_value: str | None = None
    run: str = ""
    metric: str = ""
    _polylines: dict[Axis, Polyline] = field(default_factory=dict, init=False, repr=False)

    def polyline(self, axis: Axis) -> Polyline:
        """Return the curve over an axis."""
        if axis not in self._polylines:
            self._polylines[axis] = self._make_polyline(axis)
        return self._polylines[axis]

    def _make_polyline(self, axis: Axis) -> Polyline:
        x, y = self.series.axes[axis], self.series.values
        # The average follows the order of training, even where a clock went backwards.
        smoothed = self._averages() if self.smoothing and len(y) else None
        has_position = np.abs(x) <= MAX_VALUE  # false for NaN
        if not has_position.all():
            x, y = x[has_position], y[has_position]
            smoothed = None if smoothed is None else smoothed[has_position]
        if (x[1:] < x[:-1]).any():
            order = np.argsort(x, kind="stable")
            x, y, smoothed = x[order], y[order], None if smoothed is None else smoothed[order]
        return Polyline(x, y, smoothed, self._best_point(axis))

    def _averages(self) -> Floats:
        """Return the moving average `(N,)`, which is of all values even where the series has only some of them."""
        known = self.series.averages
        if known is not None and self.series.smoothing == self.smoothing:
            return known
        return smooth(self.series.values, self.smoothing)

    def _best_point(self, axis: Axis) -> tuple[float, float] | None:
        if self.best_step is None:
            return None
        for index in np.flatnonzero(self.series.axes["step"] == self.best_step)[-1:]:
            x, y = float(self.series.axes[axis][index]), float(self.series.values[index])
            return (x, y) if abs(x) <= MAX_VALUE and abs(y) <= MAX_VALUE else None
        return None


def curves_of(
    runs: Mapping[str, MetricsHistory],
    keys: Sequence[str],
    smoothing: float = 0.0,
    best_checks: Mapping[str, BestCheck | None] | None = None,
) -> list[Curve]:
    """Return the curves of one chart: those of the metrics that have a number.

    The metrics of a single run differ in colour; several runs have one colour each, by their order.

    Args:
        runs: Metrics by the name of their run.
        keys: The metrics to draw.
        smoothing: The smoothing of noisy metrics, see `Curve`.
        best_checks: The best evaluations to mark, by the name of their run.
    """
    curves = []
    for run_index, (name, history) in enumerate(runs.items()):
        best = (best_checks or {}).get(name)
        for key_index, key in enumerate(keys):
            series, description = history.series(key), metric_of(key)
            if not len(series.values):
                continue
            curve_name = f"{name} {description.label}" if len(keys) > 1 else name
            curve_name = description.label if len(runs) == 1 else curve_name
            colour = run_index if len(runs) > 1 else key_index
            weight = smoothing if description.noisy else 0.0
            best_step = best.step if best is not None and key in best.keys else None
            drawn = Curve(curve_name, series, colour, weight, description.marked, best_step, run=name, metric=key)
            curves.append(drawn)
    return curves


def x_range(curves: Sequence[Curve], axis: Axis) -> tuple[float, float]:
    """Return the smallest and the largest x of all points; (inf, -inf) without points."""
    ends = [(line.x[0], line.x[-1]) for curve in curves if len((line := curve.polyline(axis)).x)]
    return min((float(low) for low, _ in ends), default=np.inf), max((float(high) for _, high in ends), default=-np.inf)


def convert_x(curves: Sequence[Curve], x: float, source: Axis, target: Axis) -> float | None:
    """Convert a position on the `source` axis to one on the `target` axis, interpolated between points.

    The curve with the most points on both axes decides; None if there is no point.
    """
    candidates = [(curve, rows) for curve in curves if len(rows := _rows_on_both(curve, source, target))]
    if not candidates:
        return None
    curve, rows = max(candidates, key=lambda candidate: len(candidate[1]))
    source_x, target_x = curve.series.axes[source][rows], curve.series.axes[target][rows]
    order = np.argsort(source_x, kind="stable")
    return float(np.interp(x, source_x[order], target_x[order]))


def _rows_on_both(curve: Curve, source: Axis, target: Axis) -> NDArray[np.int64]:
    axes = curve.series.axes
    return np.flatnonzero(np.isfinite(axes[source]) & np.isfinite(axes[target]))
