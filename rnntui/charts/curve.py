"""A curve: a quantity of a run, with its place on every axis, its smoothed values and its colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rnntui.charts.axes import LARGEST, Floats
from rnntui.charts.metric_charts import Axis, metric_of
from rnntui.charts.metrics_history import MetricsHistory, Points
from rnntui.charts.smooth import smooth


@dataclass(frozen=True, eq=False)
class Line:
    """A curve over one axis, `(N,)` each: `x` has a place on it and does not fall.

    `smooth` is the moving average, or None if nothing is smoothed.
    """

    x: Floats
    y: Floats
    smooth: Floats | None

    @property
    def full(self) -> Floats:
        """What is drawn in the full colour."""
        return self.y if self.smooth is None else self.smooth

    def at(self, x: float) -> float | None:
        """The full value of the point nearest to `x`; None if there is none, or if `x` is beyond the curve's ends."""
        known = np.isfinite(self.full)
        if not known.any():
            return None
        places = self.x if known.all() else self.x[known]
        if not places[0] <= x <= places[-1]:
            return None
        after = min(int(np.searchsorted(places, x)), len(places) - 1)
        nearest = after if after == 0 or places[after] - x <= x - places[after - 1] else after - 1
        return float((self.full if known.all() else self.full[known])[nearest])

    @property
    def last(self) -> float | None:
        """The newest full value."""
        known = np.flatnonzero(np.isfinite(self.full))
        return float(self.full[known[-1]]) if len(known) else None


@dataclass(frozen=True, eq=False)
class Curve:
    """What is drawn of one quantity of one run.

    `colour` counts colours, which the front end knows. `smoothing` in 0..1, exclusive of 1, is the weight of the
    moving average that is drawn over the dimmed values; 0 draws them alone. `marked` marks every point, where there is
    room for it. Made once for each state of the data: what it works out, it keeps.
    """

    name: str
    points: Points
    colour: int = 0
    smoothing: float = 0.0
    marked: bool = False
    _lines: dict[Axis, Line] = field(default_factory=dict, init=False, repr=False)

    def line(self, axis: Axis) -> Line:
        """The curve over an axis."""
        if axis not in self._lines:
            self._lines[axis] = self._made(axis)
        return self._lines[axis]

    def _made(self, axis: Axis) -> Line:
        x, y = self.points.axes[axis], self.points.values
        # The average goes along the training, also where a clock went backwards.
        smoothed = smooth(y, self.smoothing) if self.smoothing and len(y) else None
        placed = np.abs(x) <= LARGEST  # false for NaN
        if not placed.all():
            x, y, smoothed = x[placed], y[placed], None if smoothed is None else smoothed[placed]
        if (x[1:] < x[:-1]).any():
            order = np.argsort(x, kind="stable")
            x, y, smoothed = x[order], y[order], None if smoothed is None else smoothed[order]
        return Line(x, y, smoothed)


def curves_of(runs: Mapping[str, MetricsHistory], keys: Sequence[str], smoothing: float = 0.0) -> list[Curve]:
    """The curves of some quantities of some runs, by the runs' names, for one chart; those that hold a number.

    One run's quantities differ in colour. Of several runs, each has its colour, by its place among them, and what is
    measured now and then is marked. `smoothing` is for what is noisy; see `Curve`.
    """
    curves = []
    for number, (name, history) in enumerate(runs.items()):
        for place, key in enumerate(keys):
            points, described = history.points(key), metric_of(key)
            if not len(points.values):
                continue
            called = f"{name} {described.label}" if len(keys) > 1 else name
            called = described.label if len(runs) == 1 else called
            colour = number if len(runs) > 1 else place
            weight = smoothing if described.noisy else 0.0
            curves.append(Curve(called, points, colour, weight, described.marked))
    return curves


def extent(curves: Sequence[Curve], axis: Axis) -> tuple[float, float]:
    """The least and the greatest x of all points; infinities turned round if there is none."""
    ends = [(line.x[0], line.x[-1]) for curve in curves if len((line := curve.line(axis)).x)]
    return min((float(low) for low, _ in ends), default=np.inf), max((float(high) for _, high in ends), default=-np.inf)


def translated(curves: Sequence[Curve], x: float, before: Axis, after: Axis) -> float | None:
    """Where the point at `x` of one axis lies on another, by the curve with the most points; None if there is none."""
    found = [(len(known), curve, known) for curve in curves if len(known := _placed(curve, before, after))]
    if not found:
        return None
    _, curve, known = max(found, key=lambda one: one[0])
    here, there = curve.points.axes[before][known], curve.points.axes[after][known]
    order = np.argsort(here, kind="stable")
    return float(np.interp(x, here[order], there[order]))


def _placed(curve: Curve, before: Axis, after: Axis) -> NDArray[np.int64]:
    return np.flatnonzero(np.isfinite(curve.points.axes[before]) & np.isfinite(curve.points.axes[after]))
