"""Which part of the data a chart shows, and moving about in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rnntui.charts.axes import AxisScale, spanning
from rnntui.charts.curve import Curve, extent, translated
from rnntui.charts.metric_charts import AXES, Axis

_CLOSEST = 2e-6  # of the greatest x: what the view's width is at least


@dataclass(frozen=True)
class ChartView:
    """The part of the x axis that is shown, from `left` to `right` in its data, or None: everything there is.

    `log` and `log_x` make an axis logarithmic. `follow` keeps the newest data in view. `cursor` is an x, or None.
    """

    axis: Axis = "step"
    left: float | None = None
    right: float | None = None
    log: bool = False
    log_x: bool = False
    follow: bool = False
    cursor: float | None = None

    def scale(self, curves: Sequence[Curve]) -> AxisScale:
        """The x axis for these curves."""
        low, high = _extent(self, curves)
        if self.left is not None and self.right is not None:
            left, right = self.left, self.right
            if self.follow and high > right:
                left, right = left + (high - right), high
            low, high = left, right
        return spanning(low, high, self.log_x)

    def zoomed(self, curves: Sequence[Curve], factor: float, about: float | None = None) -> ChartView:
        """Closer by a `factor` above 1, wider by one below, with the x `about` kept in its place.

        That is the middle if None; who follows keeps the newest data instead.
        """
        now = self.scale(curves)
        at = 0.5 if about is None else now.place(about)
        if self.follow:
            at = 1.0
        left, right = now.value(at - at / factor), now.value(at + (1 - at) / factor)
        low, high = _extent(self, curves)
        if left <= low and right >= high:
            return replace(self, left=None, right=None)
        if right - left < _CLOSEST * max(abs(low), abs(high)) or (self.axis != "seconds" and right - left < 1):
            return self
        return replace(self, left=max(left, low), right=min(right, high))

    def panned(self, curves: Sequence[Curve], share: float) -> ChartView:
        """Moved to the right by a `share` of its width, to the left if negative; not beyond the data.

        Following ends when the newest data are out of view.
        """
        if self.left is None:
            return self
        now, (low, high) = self.scale(curves), _extent(self, curves)
        share = min(max(share, now.place(low)), now.place(high) - 1)
        left, right = now.value(share), now.value(1 + share)
        return replace(self, left=left, right=right, follow=self.follow and right >= high)

    def moved_cursor(self, curves: Sequence[Curve], cells: int, width: int) -> ChartView:
        """The cursor moved by so many of the plot's `width` cells; the view goes with it. It starts in the middle."""
        now = self.scale(curves)
        if self.cursor is None:
            return replace(self, cursor=now.value((width // 2 + 0.5) / width))
        at = int(now.place(self.cursor) * width) + cells
        moved = self
        if at < 0 or at >= width:
            moved = self.panned(curves, (at if at < 0 else at - width + 1) / width)
            now, at = moved.scale(curves), min(max(at, 0), width - 1)
        return replace(moved, cursor=now.value((at + 0.5) / width))

    def followed(self, curves: Sequence[Curve]) -> ChartView:
        """Following begun, with the newest data at the right end, or ended."""
        if self.follow:
            now = self.scale(curves)
            kept = None if self.left is None else now.low, None if self.left is None else now.high
            return replace(self, follow=False, left=kept[0], right=kept[1])
        if self.left is None:
            return replace(self, follow=True)
        now = self.scale(curves)
        return replace(self.panned(curves, now.place(_extent(self, curves)[1]) - 1), follow=True)

    def reset(self) -> ChartView:
        """Everything in view, and no cursor."""
        return replace(self, left=None, right=None, cursor=None)

    def turned(self, curves: Sequence[Curve]) -> ChartView:
        """Over the next of the axes step, time and tokens, with the same part of the training in view."""
        axis = AXES[(AXES.index(self.axis) + 1) % len(AXES)]
        left, right, cursor = (
            None if x is None else translated(curves, x, self.axis, axis) for x in (self.left, self.right, self.cursor)
        )
        if left is None or right is None or not left < right:
            left = right = None
        return replace(self, axis=axis, left=left, right=right, cursor=cursor)


def _extent(view: ChartView, curves: Sequence[Curve]) -> tuple[float, float]:
    low, high = extent(curves, view.axis)
    if view.log_x and low <= 0:
        above = [float(x) for curve in curves for x in curve.line(view.axis).x[curve.line(view.axis).x > 0][:1]]
        low = min(above, default=high)
    return low, high
