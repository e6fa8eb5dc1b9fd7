"""Charts as SVG documents, with the same curves, scales, ticks and legend as in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rnntui.charts.axes import AxisScale, Floats, ticks
from rnntui.charts.chart_view import ChartView
from rnntui.charts.curve import Curve, Polyline
from rnntui.charts.labels import tick_labels
from rnntui.charts.legend import LegendEntry
from rnntui.charts.metric_charts import AXIS_TITLES, ChartHeading
from rnntui.charts.palette import curve_colour
from rnntui.charts.plot import LINE, POINT, UNITS, legend_entries, y_scale
from rnntui.charts.raster import decimate
from rnntui.charts.styled_text import cell_width
from rnntui.charts.svg_elements import (
    CHARACTER,
    GRID,
    MUTED,
    svg_document,
    text_element,
    title_element,
    xml_text,
)
from rnntui.text.control_chars import one_line, truncate

_WIDTH, _HEIGHT = 800, 450  # pixels of a chart
_MARGIN = 16
_LEGEND_ROW = 20
_MAX_NAME = 48  # characters
_MIN_POINT_DISTANCE = 8  # pixels on average; closer points have no markers


@dataclass(frozen=True, eq=False)
class ChartDrawing:
    """A chart to draw: its heading, its curves, and the visible part. The cursor is not drawn."""

    heading: ChartHeading
    curves: Sequence[Curve]
    view: ChartView


@dataclass(frozen=True)
class _Frame:
    """The plot of a chart: its position and size in pixels, and its scales."""

    left: float
    top: float
    width: float
    height: float
    x: AxisScale
    y: AxisScale

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def bottom(self) -> float:
        return self.top + self.height

    def x_pixels(self, x: Floats) -> Floats:
        """Return the horizontal pixels `(N,)` of data `(N,)`; NaN for data without a position."""
        return self.left + self.x.fraction(x) * self.width

    def y_pixels(self, y: Floats) -> Floats:
        """Return the vertical pixels `(N,)` of data `(N,)`; NaN for data without a position."""
        return self.bottom - self.y.fraction(y) * self.height


def render_svg(drawings: Sequence[ChartDrawing]) -> str:
    """Return a document with the charts below one another, on a white background."""
    elements = [element for index, drawing in enumerate(drawings) for element in _chart(drawing, index)]
    return svg_document(_WIDTH, _HEIGHT * len(drawings), elements)


@dataclass(frozen=True)
class _Layout:
    """The parts of a chart at their places: plot, legend with row and left edge of each entry, ticks and title of y."""

    view: ChartView
    lines: list[Polyline]
    frame: _Frame
    legend: list[tuple[LegendEntry, int, float]]
    y_ticks: list[tuple[float, str]]
    y_title: str

    @classmethod
    def of(cls, drawing: ChartDrawing) -> _Layout:
        """Return the layout of a chart."""
        curves, view = drawing.curves, replace(drawing.view, cursor=None)
        lines = [curve.polyline(view.axis) for curve in curves]
        x = view.x_scale(curves)
        y = y_scale(lines, view, x)
        entries = legend_entries(curves, view, [POINT if curve.marked else LINE for curve in curves])
        legend = list(_place_legend(entries))
        y_ticks = ticks(y, 8)
        y_labels = tick_labels(y_ticks, log=y.log)
        y_title = ", ".join(filter(None, (drawing.heading.unit, "log scale" if y.log else "")))
        left = _MARGIN + (20 if y_title else 0) + max(map(len, y_labels), default=0) * CHARACTER + 6
        top = 44.0 + _LEGEND_ROW * (legend[-1][1] + 1 if legend else 0)
        frame = _Frame(left, top, _WIDTH - _MARGIN - left, _HEIGHT - 52 - top, x, y)
        return cls(view, lines, frame, legend, list(zip(y_ticks, y_labels, strict=True)), y_title)


def plotted_points(drawing: ChartDrawing, limit: int) -> dict[str, Any]:
    """Return where the curves of a chart run, for a program that shows values at the pointer.

    Pixels and values are of the main values, smoothed where there is smoothing; of each curve at most `limit` points,
    evenly spread.
    """
    layout = _Layout.of(drawing)
    frame, curves = layout.frame, []
    for curve, line in zip(drawing.curves, layout.lines, strict=True):
        is_drawn = np.isfinite(line.main) & np.isfinite(frame.y_pixels(line.main))
        x, y = line.x[is_drawn], line.main[is_drawn]
        if len(x) > limit:
            chosen = np.linspace(0, len(x) - 1, limit).round().astype(np.intp)
            x, y = x[chosen], y[chosen]
        curves.append(
            {
                "name": one_line(curve.name),
                "colour": curve.colour,
                "x": x.tolist(),
                "y": y.tolist(),
                "left": frame.x_pixels(x).round(1).tolist(),
                "top": frame.y_pixels(y).round(1).tolist(),
            }
        )
    bounds = {name: round(getattr(frame, name), 1) for name in ("left", "top", "right", "bottom")}
    return {**bounds, "axis": AXIS_TITLES[layout.view.axis], "unit": UNITS[layout.view.axis], "curves": curves}


def _chart(drawing: ChartDrawing, index: int) -> Iterator[str]:
    """Yield the elements of one chart, the `index`-th in the document."""
    layout, curves, title = _Layout.of(drawing), drawing.curves, drawing.heading.title_of_run
    frame, lines, view = layout.frame, layout.lines, layout.view
    yield f'<g transform="translate(0 {index * _HEIGHT})">'
    yield title_element(title, _MARGIN)
    for entry, row, entry_left in layout.legend:
        yield from _legend_entry(entry, entry_left, 50 + row * _LEGEND_ROW)
    yield from _axes(frame, layout.y_ticks, view, layout.y_title)
    yield f'<clipPath id="plot{index}"><rect {_box(frame)}/></clipPath>'
    yield f'<g clip-path="url(#plot{index})" fill="none" stroke-linejoin="round">'
    for curve, line in zip(curves, lines, strict=True):
        if curve.band is not None:
            yield _band(frame, line.x, curve.band, f'fill="{_colour(curve)}" stroke="none" opacity="0.15"')
        if line.smoothed is not None:
            yield _path(frame, line.x, line.y, f'stroke="{_colour(curve)}" stroke-width="1" opacity="0.3"')
    for curve, line in zip(curves, lines, strict=True):
        yield _path(frame, line.x, line.main, f'stroke="{_colour(curve)}" stroke-width="1.75"')
    yield "</g>"
    for curve, line in zip(curves, lines, strict=True):
        yield from _markers(frame, curve, line)
    if not any(len(line.x) for line in lines):
        yield text_element("no data yet", frame.left + frame.width / 2, frame.top + frame.height / 2, anchor="middle")
    yield "</g>"


def _place_legend(entries: Sequence[LegendEntry]) -> Iterator[tuple[LegendEntry, int, float]]:
    """Yield each entry of the legend with its row and its left edge in pixels."""
    row, left = 0, float(_MARGIN)
    for entry in (replace(entry, name=truncate(entry.name, _MAX_NAME, cell_width)) for entry in entries):
        width = 30 + cell_width(f"{entry.name} {entry.value} {entry.best_text(True)}") * CHARACTER
        width += 22 if entry.best else 0
        if left > _MARGIN and left + width > _WIDTH - _MARGIN:
            row, left = row + 1, float(_MARGIN)
        yield entry, row, left
        left += width + 12


def _legend_entry(entry: LegendEntry, left: float, baseline: float) -> Iterator[str]:
    colour, middle = curve_colour(entry.style.colour, dark=False), baseline - 4
    yield f'<path d="M{left:.1f} {middle}h20" stroke="{colour}" stroke-width="2"/>'
    if entry.marker == POINT:
        yield f'<circle cx="{left + 10:.1f}" cy="{middle}" r="3" fill="{colour}"/>'
    text = f'{xml_text(entry.name)} <tspan font-weight="bold">{xml_text(entry.value)}</tspan>'
    if entry.best:
        text += f'<tspan fill="{colour}" font-size="15" dx="8">★</tspan> {xml_text(entry.best_text(True))}'
    yield f'<text x="{left + 26:.1f}" y="{baseline}">{text}</text>'


def _axes(frame: _Frame, y_ticks: list[tuple[float, str]], view: ChartView, y_title: str) -> Iterator[str]:
    """Yield grid lines, axes, ticks with labels, and the titles of the axes."""
    for row, (_, label) in zip(frame.y_pixels(np.array([tick for tick, _ in y_ticks])), y_ticks, strict=True):
        yield f'<path d="M{frame.left:.1f} {row:.1f}H{frame.right:.1f}" stroke="{GRID}"/>'
        yield text_element(label, frame.left - 6, row + 4, anchor="end", colour=MUTED)
    unit = UNITS[view.axis]
    x_ticks = ticks(frame.x, 8, seconds=unit == "seconds", whole=unit == "count")
    labels = tick_labels(x_ticks, unit, log=frame.x.log)
    for column, label in zip(frame.x_pixels(np.array(x_ticks)), labels, strict=True):
        yield f'<path d="M{column:.1f} {frame.bottom:.1f}v5" stroke="{MUTED}"/>'
        yield text_element(label, column, frame.bottom + 18, anchor="middle", colour=MUTED)
    corner = f"M{frame.left:.1f} {frame.top:.1f}V{frame.bottom:.1f}H{frame.right:.1f}"
    yield f'<path d="{corner}" fill="none" stroke="{MUTED}"/>'
    yield text_element(
        view.x_title or AXIS_TITLES[view.axis], frame.left + frame.width / 2, frame.bottom + 38, anchor="middle"
    )
    if y_title:
        middle = frame.top + frame.height / 2
        yield (
            f'<text transform="translate({_MARGIN + 8} {middle:.1f}) rotate(-90)" text-anchor="middle">'
            f"{xml_text(y_title)}</text>"
        )


def _band(frame: _Frame, x: Floats, band: tuple[Floats, Floats], attributes: str) -> str:
    """Return the area between the two curves of a band, where both have a position."""
    columns, (low, high) = frame.x_pixels(x), map(frame.y_pixels, band)
    drawn = np.isfinite(columns) & np.isfinite(low) & np.isfinite(high)
    edge = [*zip(columns[drawn], high[drawn], strict=True), *zip(columns[drawn][::-1], low[drawn][::-1], strict=True)]
    return f'<path d="M{"L".join(f"{column:.1f} {row:.1f}" for column, row in edge)}Z" {attributes}/>' if edge else ""


def _path(frame: _Frame, x: Floats, y: Floats, attributes: str) -> str:
    """Return a polyline through the points, with gaps at values without a position; empty without points."""
    first, end = np.searchsorted(x, frame.x.low, "left") - 1, np.searchsorted(x, frame.x.high, "right") + 1
    x, y = x[max(0, first) : end], y[max(0, first) : end]
    if len(x) > 2 * frame.width:
        x, y = _thinned(frame, x, y)
    data, is_connected = [], False
    for column, row in zip(frame.x_pixels(x).tolist(), frame.y_pixels(y).tolist(), strict=True):
        if not (abs(column) < 1e6 and abs(row) < 1e6):  # false for NaN
            is_connected = False
            continue
        data.append(f"{'L' if is_connected else 'M'}{column:.1f} {row:.1f}")
        is_connected = True
    return f'<path d="{"".join(data)}" {attributes}/>' if data else ""


def _thinned(frame: _Frame, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return two points for each pixel column, the minimum and the maximum of the curve there: they look the same."""
    columns = round(frame.width)
    ranges = decimate(x, y, frame.x, columns, log=frame.y.log)
    edges = frame.x.bin_edges(columns)
    middles = np.repeat((edges[:-1] + edges[1:]) / 2, 2)
    values = np.stack([ranges.low, ranges.high], axis=1)
    values[1::2] = values[1::2, ::-1]  # up, then down: the line does not jump back between columns
    flat = values.reshape(-1)
    return middles, 10**flat if frame.y.log else flat


def _markers(frame: _Frame, curve: Curve, line: Polyline) -> Iterator[str]:
    """Yield circles at the points where there is room, and a star at the best evaluation."""
    inside = slice(np.searchsorted(line.x, frame.x.low, "left"), np.searchsorted(line.x, frame.x.high, "right"))
    count = inside.stop - inside.start
    if count == 1 or (curve.marked and count * _MIN_POINT_DISTANCE <= frame.width):
        for column, row in zip(frame.x_pixels(line.x[inside]), frame.y_pixels(line.main[inside]), strict=True):
            if _is_inside(frame, column, row):
                yield f'<circle cx="{column:.1f}" cy="{row:.1f}" r="3" fill="{_colour(curve)}"/>'
    if line.best is not None:
        best_x, best_y = line.best
        column, row = float(frame.x_pixels(np.array([best_x]))[0]), float(frame.y_pixels(np.array([best_y]))[0])
        if _is_inside(frame, column, row):
            yield f'<path d="{_star(column, row, 9)}" fill="{_colour(curve)}" stroke="#ffffff"/>'


def _is_inside(frame: _Frame, column: float, row: float) -> bool:
    return frame.left - 1 <= column <= frame.right + 1 and frame.top - 1 <= row <= frame.bottom + 1


def _star(column: float, row: float, radius: float) -> str:
    """Return the path of a star with five points."""
    angles = np.arange(10) * np.pi / 5
    radii = np.where(np.arange(10) % 2, 0.4 * radius, radius)
    points = zip(column + radii * np.sin(angles), row - radii * np.cos(angles), strict=True)
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + "Z"


def _colour(curve: Curve) -> str:
    return curve_colour(curve.colour, dark=False)


def _box(frame: _Frame) -> str:
    return f'x="{frame.left:.1f}" y="{frame.top:.1f}" width="{frame.width:.1f}" height="{frame.height:.1f}"'
