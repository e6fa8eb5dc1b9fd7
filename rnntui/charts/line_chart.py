"""A chart of numbers over an axis of its own, as against the metrics of a training: rows of text, and SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rnntui.charts.axes import Floats
from rnntui.charts.chart_view import ChartView
from rnntui.charts.curve import Curve
from rnntui.charts.metric_charts import ChartHeading
from rnntui.charts.metrics_history import MetricSeries
from rnntui.charts.plot import Display, render_chart
from rnntui.charts.styled_text import Row
from rnntui.charts.svg import ChartDrawing

_MIN_HEIGHT, _MAX_HEIGHT = 13, 28  # rows
_NARROW = 78  # columns of the lowest chart, which leaves room for some lines of text in 24 rows
_LEGEND_ROWS = 4  # title included
_ROWS_PER_COLUMN = 0.7  # by which a wider chart is higher


@dataclass(frozen=True, eq=False)
class LineChart:
    """Curves made by `line`, over an axis called `x_title`; y has the `unit`. `log` and `log_x` make the axes so."""

    title: str
    x_title: str
    unit: str
    curves: Sequence[Curve]
    log: bool = False
    log_x: bool = False

    def rows(self, width: int, height: int | None = None) -> list[Row]:
        """Return the chart as rows of `width` cells; the height follows from the width, unless it is said.

        Each of several curves has a marker, as nobody says here whether the rows will have colours.
        """
        if height is None:
            height = min(_MIN_HEIGHT + round(max(0, width - _NARROW) * _ROWS_PER_COLUMN), _MAX_HEIGHT)
        heading = self.drawing.heading.full
        return render_chart(
            heading,
            self.curves,
            self._view,
            Display(width, height, marked=len(self.curves) > 1, legend_rows=_LEGEND_ROWS),
        ).rows

    @property
    def drawing(self) -> ChartDrawing:
        """The chart for `render_svg`."""
        return ChartDrawing(ChartHeading(self.title, self.unit), self.curves, self._view)

    @property
    def _view(self) -> ChartView:
        return ChartView(log=self.log, log_x=self.log_x, x_title=self.x_title)


def line(
    name: str,
    x: ArrayLike,
    y: ArrayLike,
    colour: int,
    legend_value: str | None = None,
    band: tuple[Floats, Floats] | None = None,
) -> Curve:
    """Return a curve through the points `x (N,)`, `y (N,)`.

    Args:
        name: its name in the legend.
        x: ascending positions.
        y: values; a gap where one is NaN.
        colour: index into the colours of curves.
        legend_value: text beside the name; None for the last value.
        band: low and high values `(N,)` of a shaded range.
    """
    positions = np.asarray(x, dtype=np.float64)
    axes = {"step": positions, "seconds": positions, "tokens": positions}
    series = MetricSeries(np.asarray(y, dtype=np.float64), axes)  # type: ignore[arg-type]
    return Curve(name, series, colour, band=band, legend_value=legend_value)
