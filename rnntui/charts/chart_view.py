"""The viewport of a chart: the visible part of the x axis, zooming, panning and the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rnntui.charts.axes import AxisScale, axis_scale
from rnntui.charts.curve import Curve, convert_x, x_range
from rnntui.charts.metric_charts import AXES, Axis

_MIN_WIDTH = 2e-6  # of the view, as a fraction of the largest x


@dataclass(frozen=True)
class ChartView:
    """An immutable viewport on the x axis, from `left` to `right` in data; None shows everything.

    `log` and `log_x` make the y and the x axis logarithmic. `follow` keeps the newest data in view. `cursor` is an x,
    or None. `x_title` is the title of an x axis that is none of training.
    """

    axis: Axis = "step"
    left: float | None = None
    right: float | None = None
    log: bool = False
    log_x: bool = False
    follow: bool = False
    cursor: float | None = None
    x_title: str = ""

    def x_scale(self, curves: Sequence[Curve]) -> AxisScale:
        """Return the scale of the x axis for these curves."""
        low, high = _data_range(self, curves)
        if self.left is not None and self.right is not None:
            left, right = self.left, self.right
            if self.follow and high > right:
                left, right = left + (high - right), high
            low, high = left, right
        elif low == high and not self.log_x:
            low = min(low, 0.0)  # a single point is at the end of what has been trained so far
        return axis_scale(low, high, self.log_x)

    def zoomed(self, curves: Sequence[Curve], factor: float, about: float | None = None) -> ChartView:
        """Return the view zoomed in by a `factor` above 1, or out by one below 1.

        Args:
            curves: The curves of the chart.
            factor: The zoom factor.
            about: The x that keeps its position; None for the middle. A view that follows keeps the newest data.
        """
        scale = self.x_scale(curves)
        anchor = 0.5 if about is None else scale.position(about)
        if self.follow:
            anchor = 1.0
        left, right = scale.value(anchor - anchor / factor), scale.value(anchor + (1 - anchor) / factor)
        low, high = _data_range(self, curves)
        if left <= low and right >= high:
            return replace(self, left=None, right=None)
        if right - left < _MIN_WIDTH * max(abs(low), abs(high)) or (self.axis != "seconds" and right - left < 1):
            return self
        return replace(self, left=max(left, low), right=min(right, high))

    def panned(self, curves: Sequence[Curve], fraction: float) -> ChartView:
        """Return the view moved right by a `fraction` of its width (left if negative), but not beyond the data.

        Following ends when the newest data leave the view.
        """
        if self.left is None:
            return self
        scale, (low, high) = self.x_scale(curves), _data_range(self, curves)
        fraction = min(max(fraction, scale.position(low)), scale.position(high) - 1)
        left, right = scale.value(fraction), scale.value(1 + fraction)
        return replace(self, left=left, right=right, follow=self.follow and right >= high)

    def moved_cursor(self, curves: Sequence[Curve], cells: int, width: int) -> ChartView:
        """Return the view with the cursor moved by `cells` of the plot's `width`; the view pans along at its ends.

        The first move puts the cursor in the middle.
        """
        scale = self.x_scale(curves)
        if self.cursor is None:
            return replace(self, cursor=scale.value((width // 2 + 0.5) / width))
        column = int(scale.position(self.cursor) * width) + cells
        view = self
        if column < 0 or column >= width:
            view = self.panned(curves, (column if column < 0 else column - width + 1) / width)
            scale, column = view.x_scale(curves), min(max(column, 0), width - 1)
        return replace(view, cursor=scale.value((column + 0.5) / width))

    def toggled_follow(self, curves: Sequence[Curve]) -> ChartView:
        """Return the view that follows, with the newest data at the right end, or no longer follows."""
        if self.left is None:
            return replace(self, follow=not self.follow)
        scale = self.x_scale(curves)
        if self.follow:
            return replace(self, follow=False, left=scale.low, right=scale.high)
        return replace(self.panned(curves, scale.position(_data_range(self, curves)[1]) - 1), follow=True)

    def reset(self) -> ChartView:
        """Return the view of everything, without a cursor."""
        return replace(self, left=None, right=None, cursor=None)

    def next_axis(self, curves: Sequence[Curve]) -> ChartView:
        """Return the view over the next of the axes step, time and tokens, on the same part of the training."""
        axis = AXES[(AXES.index(self.axis) + 1) % len(AXES)]
        left, right, cursor = (
            None if x is None else convert_x(curves, x, self.axis, axis) for x in (self.left, self.right, self.cursor)
        )
        if left is None or right is None or not left < right:
            left = right = None
        return replace(self, axis=axis, left=left, right=right, cursor=cursor)


def _data_range(view: ChartView, curves: Sequence[Curve]) -> tuple[float, float]:
    low, high = x_range(curves, view.axis)
    if view.log_x and low <= 0:
        lines = [curve.polyline(view.axis) for curve in curves]
        low = min((float(x) for line in lines for x in line.x[line.x > 0][:1]), default=high)
    return low, high
